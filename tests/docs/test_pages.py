"""README and docs: links lead somewhere, what is named exists, and what is to be typed would be understood."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import typer.main
import yaml
from markdown.extensions.toc import slugify

from emofactors.config.corpora import CorpusConfig
from emofactors.config.figures import FigureConfig
from emofactors.config.load import load_study
from emofactors.config.study import StudyRequest
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.features.archive import ArchiveWriter
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
#: Tables of kept results are written by the workflow; the others by people.
PAGES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *(p for p in (REPOSITORY / "docs").rglob("*.md") if not p.match("docs/results/*/*.md")),
    ]
)
PAGE_IDS = [page.relative_to(REPOSITORY).as_posix() for page in PAGES]
pages = pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
# CONTRIBUTING names files that are yet to be written: tests/workflow/test_contributing.py writes and runs them.
STANDING = [page for page in PAGES if page.name != "CONTRIBUTING.md"]
pages_of_what_stands = pytest.mark.parametrize(
    "page", STANDING, ids=[page.relative_to(REPOSITORY).as_posix() for page in STANDING]
)

#: What a reader is told to call his or her own corpus, task and study; and a study of docs/configuration.md.
READERS_OWN = {"mine", "look"}
#: Programs of a shell, of git, conda and SLURM that a page may tell a reader to type.
ORDINARY = {
    *(
        "cd",
        "cp",
        "cat",
        "cut",
        "head",
        "ls",
        "ln",
        "mkdir",
        "tail",
        "for",
        "do",
        "done",
        "[",
        "speaker",
        "export",
        "rm",
    ),
    *("git", "tmux", "conda", "pip", "python3", "kill"),
    *("sbatch", "scancel", "squeue", "sinfo", "sacctmgr", "scontrol", "nvidia-smi", "module"),
}
#: Variables of a shell that programs of others read.
OF_A_SHELL = {"https_proxy", "http_proxy", "no_proxy"}
#: Where packages are looked for; a page tells how to install and links to none.
REGISTRIES = ("pypi", "pythonhosted", "anaconda", "npmjs", "docker")


@dataclass(frozen=True)
class Block:
    """A block of code: its language ("" for an indented one), its text and the line it begins at."""

    language: str
    text: str
    line: int


def blocks(page):
    """The blocks of code of a page, fenced or indented below a blank line."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = re.match(r" *(`{3,})([\w-]*)", lines[number])
        first = number
        if fence:
            number += 1
            while not lines[number].strip().startswith(fence[1]):
                number += 1
            found.append(Block(fence[2], "\n".join(lines[first + 1 : number]), first + 1))
        elif lines[number].startswith("    ") and not lines[number - 1].strip():
            while number < len(lines) and (lines[number].startswith("    ") or not lines[number].strip()):
                number += 1
            found.append(Block("", "\n".join(line[4:] for line in lines[first:number]), first + 1))
            number -= 1
        number += 1
    return found


def prose(page):
    """A page without its blocks of code."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ *(`{3,}).*?^ *\1 *$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<=\n\n)(?:(?:    .*)?\n)+", "\n", text)


def inline_code(page):
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def links(page):
    """Targets of links and pictures of a page."""
    without_code = re.sub(r"`[^`]*`", "", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", without_code) + re.findall(r'(?:src|href)="([^"]+)"', without_code)


def anchors(page):
    """Anchors of a page's headings, as GitHub makes them and as the site does."""
    headings = [re.sub(r"[`*]", "", h) for h in re.findall(r"^#{1,6} (.+)$", prose(page), flags=re.MULTILINE)]
    of_github = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return of_github, {slugify(heading, "-") for heading in headings}


def test_there_is_something_to_check():
    assert len(PAGES) >= 15
    assert sum(len(links(page)) for page in PAGES) >= 30
    assert sum(len(blocks(page)) for page in PAGES) >= 20
    assert sum(len(list(commands(page))) for page in PAGES) >= 30


# --- links ----------------------------------------------------------------------------------------------------


@pages
def test_every_link_within_the_project_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        if urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), f"{link}: no such file"
        assert target.is_relative_to(REPOSITORY)
        if page.parent != REPOSITORY:
            assert target.is_relative_to(REPOSITORY / "docs"), f"{link}: not on the site"
        if anchor:
            of_github, of_site = anchors(target)
            assert anchor in of_github, f"{link}: no such heading on GitHub"
            assert anchor in of_site, f"{link}: no such heading on the site"


def test_every_kept_table_is_led_to():
    results = REPOSITORY / "docs" / "results"
    kept = {table.relative_to(results).as_posix() for table in results.glob("*/*.md")}
    assert len(kept) >= 15
    assert kept <= set(links(results / "README.md"))


@pages
def test_every_address_is_whole_and_none_is_a_registry(page):
    for address in re.findall(r"\b\w+://[^\s)>`\"]+", page.read_text(encoding="utf-8")):
        parts = urlsplit(address.rstrip(".,;"))
        assert parts.scheme == "https", address
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), address
        assert not any(name in parts.netloc for name in REGISTRIES), address


# --- names ----------------------------------------------------------------------------------------------------


@pages_of_what_stands
def test_every_path_that_is_named_exists(page):
    folders = "src|config|docs|tests|bench|workflow|profiles"
    for code in inline_code(page):
        found = re.fullmatch(rf"((?:{folders})/[\w./<>{{}}*…|-]*?)/?", code)
        if found and not _is_the_readers(code) and "|" not in code:
            pattern = re.sub(r"<\w+>|\{\w+\}|…", "*", found[1])
            assert any(REPOSITORY.glob(pattern)), f"`{code}`: no such file"
        if re.fullmatch(r"(\w+/)*\w+\.py", code):
            found = [*REPOSITORY.glob(code), *REPOSITORY.glob(f"src/**/{code}")]
            assert found or Path(code).stem in words_of_the_code(), f"`{code}`: no such file"
        if re.fullmatch(r"\w+\.smk", code):
            assert (REPOSITORY / "workflow" / "rules" / code).is_file(), f"`{code}`: no such file"


@cache
def words_of_the_code():
    """Every name that stands in code or config."""
    folders = ("src", "config", "workflow", "profiles", "tests", "bench", "docs/scripts", "docs/results")
    files = [f for folder in folders for f in (REPOSITORY / folder).rglob("*") if f.is_file()]
    files += [REPOSITORY / name for name in ("Makefile", "Snakefile", "pyproject.toml", "mkdocs.yml")]
    files = [f for f in files if f.suffix != ".pyc" and f != Path(__file__)]
    text = "\n".join(f"{f.stem} {f.read_text(encoding='utf-8', errors='ignore')}" for f in files)
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))


@pages
def test_every_name_of_several_words_is_one_of_the_code(page):
    """Rules, studies, tables, keys, functions: ``make_folds`` stands somewhere, or the page has outlived it."""
    if page.name == "comparison.md":
        return  # about other tools, and their names
    for code in inline_code(page):
        if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+(\(\))?", code):
            known = words_of_the_code() | OF_A_SHELL
            assert code.removesuffix("()") in known, f"`{code}`: nothing has this name"


@pages
def test_every_module_that_is_named_can_be_imported(page):
    for code in inline_code(page):
        if re.fullmatch(r"emofactors(\.\w+)+", code):
            module, _, name = code.rpartition(".")
            file = REPOSITORY / "src" / Path(*code.split("."))
            if not (file.with_suffix(".py").is_file() or (file / "__init__.py").is_file()):
                assert hasattr(import_module(module), name), f"`{code}`: no such module"


def test_every_study_is_on_the_page_of_studies():
    named = set(inline_code(REPOSITORY / "docs" / "studies.md"))
    studies = {file.stem for file in (CONFIG / "studies").glob("*.yaml")}
    assert len(studies) >= 20
    assert studies <= named


# --- what is to be typed --------------------------------------------------------------------------------------


def commands(page):
    """(line, words) of each command a page tells a reader to type, in blocks and in the text."""
    for block in blocks(page):
        if block.language in ("", "bash"):
            text = re.sub(r"\\\n\s*", " ", block.text)
            for line in text.splitlines():
                yield from _commands_of_line(line, shell=block.language == "bash")
    for code in inline_code(page):
        yield from _commands_of_line(code, shell=False)


def _commands_of_line(line, *, shell):
    """The commands of a line; of text that may be anything only those that begin like one of ours."""
    line = re.sub(r"(?:^|\s)#.*", "", line).strip()
    if not shell and not re.match(r"(make |snakemake |git |\.venv/bin/|emofactors )", line):
        return
    if shell and re.fullmatch(r"(for .*; do|done|\S+=\S*)", line):
        return
    for part in re.split(r"\s(?:&&|\|\||\|)\s|;\s", line):
        if part.strip():
            yield line, shlex.split(part)


@cache
def help_of(program):
    """What a program of the environment says of itself; this takes seconds, and is asked once."""
    command = [sys.executable, "-m", program, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@cache
def make_targets():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    declared = re.findall(r"^([\w.$()/-]+(?: [\w.$()/-]+)*):(?!=)", makefile, flags=re.MULTILINE)
    variables = dict(re.findall(r"^(\w+) *[?:]?= *(.*)$", makefile, flags=re.MULTILINE))
    targets = {re.sub(r"\$\((\w+)\)", lambda v: variables[v[1]], t) for line in declared for t in line.split()}
    return targets, variables


def check_make(words):
    targets, variables = make_targets()
    for word in words:
        name, is_variable, _ = word.partition("=")
        assert name in (variables if is_variable else targets), f"make {word}: the Makefile has none"


def check_snakemake(words):
    """Options are snakemake's, and files they name exist."""
    options = set(re.findall(r"--[a-z][a-z-]+", help_of("snakemake")))
    for word, following in pairwise([*words, ""]):
        if word.startswith("--") and word != "--":
            assert word.partition("=")[0] in options, f"{word}: snakemake has no such option"
        if word in ("--configfile", "--workflow-profile") and not _is_the_readers(following):
            assert (REPOSITORY / following).exists(), f"{following}: no such file"
        if word == "--config":
            check_study_keys(following)


def check_study_keys(setting):
    key, _, value = setting.partition("=")
    assert key in StudyRequest.model_fields, f"--config {key}: a study has no such key"
    if value.startswith(("{", "[")):
        content = read_yaml(CONFIG / "studies" / "emodb_quick.yaml") | {key: yaml.safe_load(value)}
        load_study(content, CONFIG)


def _is_the_readers(path):
    """Whether a path is the reader's own to write: ``config/tasks/mine4_speakers.yaml``."""
    return any(re.search(rf"\b{own}", path) for own in READERS_OWN)


def check_emofactors(words):
    """The sub-command and its options exist."""
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, app = scripts["emofactors"].partition(":")
    command = getattr(import_module(module), app)
    command = typer.main.get_command(command) if isinstance(command, typer.Typer) else command
    if words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"emofactors {words[0]}: expected one of {sorted(command.commands)}"
        command = command.commands[words[0]]
    spoken = [o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)]
    known = {"--help", *(option for option in spoken if option.startswith("-"))}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"emofactors {word}: expected one of {sorted(known)}"


@pages_of_what_stands
def test_what_is_to_be_typed_would_be_understood(page):
    for line, words in commands(page):
        program = words[0].removeprefix(".venv/bin/")
        try:
            match program:
                case "make":
                    check_make(words[1:])
                case "snakemake":
                    check_snakemake(words[1:])
                case "emofactors":
                    check_emofactors(words[1:])
                case "python" if len(words) > 1 and words[1].endswith(".py"):
                    assert (REPOSITORY / words[1]).is_file(), f"{words[1]}: no such file"
                case _ if words[0].startswith(".venv/bin/"):
                    assert shutil.which(program, path=Path(sys.executable).parent), "no such program"
                case _:
                    assert program in ORDINARY, "a program nobody knows"
        except AssertionError as error:
            raise AssertionError(f"{line}: {error}") from error


@pages
def test_scripts_of_several_lines_are_of_a_shell(page):
    for block in blocks(page):
        if block.language == "bash":
            checked = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
            assert checked.returncode == 0, f"line {block.line}: {checked.stderr}"


# --- what is to be written ------------------------------------------------------------------------------------


def check_yaml(content):
    """Content of a file below config/, whole or in part: what it is follows from its keys."""
    keys = set(content)
    if keys <= {"default-resources", "set-resources"}:
        known = yaml.safe_load((REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
        assert set(content.get("set-resources", {})) <= set(known["set-resources"])
    elif "reader" in keys:
        CorpusConfig.model_validate(content)
    elif keys <= set(CorpusConfig.model_fields) - set(StudyRequest.model_fields):
        CorpusConfig.model_validate(read_yaml(CONFIG / "corpora" / "emodb.yaml") | content)
    elif "protocol" in keys:
        TaskConfig.model_validate(content)
    elif "rows" in keys:
        TableConfig.model_validate(content)
    elif {"kind", "caption"} <= keys:
        FigureConfig.model_validate(content)
    elif keys <= {"source", "published", "assumed", "variants"}:
        for kind in ("published", "assumed"):
            assert all(isinstance(pair, list) and len(pair) == 2 for pair in content.get(kind, {}).values())
    else:
        whole = read_yaml(CONFIG / "studies" / "emodb_quick.yaml") if "study" not in keys else {}
        tasks = content.get("tasks", [])
        if set(tasks) & READERS_OWN:
            content = content | {"tasks": ["emodb7_groups3"]}
        load_study(whole | content, CONFIG)


@pages_of_what_stands
def test_yaml_is_config_that_would_be_accepted(page):
    for block in blocks(page):
        if block.language == "yaml":
            text = re.sub(r"^( *)…$", "", block.text, flags=re.MULTILINE)
            for content in yaml.safe_load_all(text):
                check_yaml(content)
    for code in inline_code(page):
        if re.fullmatch(r"\{.*\b(reader|protocol): .*\}", code):
            check_yaml(yaml.safe_load(code))


# --- what is to be run in Python -------------------------------------------------------------------------------


@pytest.fixture
def finished_results(tmp_path, monkeypatch):
    """A folder in which the files lie that the pages open: features of an utterance of EmoDB."""
    folder = tmp_path / "results" / "features" / "emodb" / "original" / "log_mel_128"
    folder.parent.mkdir(parents=True)
    with ArchiveWriter(folder, 128) as archive:
        archive.add("03a01Fa", np.zeros((190, 128), dtype=np.float32))
    monkeypatch.chdir(tmp_path)


SCRIPTED = [page for page in PAGES if any(b.language == "python" and ">>> " not in b.text for b in blocks(page))]


def test_there_is_python_to_run():
    assert SCRIPTED


@pytest.mark.parametrize("page", SCRIPTED, ids=lambda page: page.stem)
@pytest.mark.usefixtures("finished_results")
def test_python_of_a_page_runs_in_one_namespace(page):
    """Sessions (``>>>``) are run by test_examples.py."""
    namespace = {}
    for block in blocks(page):
        if block.language == "python" and ">>> " not in block.text:
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, namespace)

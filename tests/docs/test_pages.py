"""README and docs: links and names resolve, and commands, YAML and Python on a page would be accepted."""

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
from pydantic import ValidationError

from emofactors.config.claims import ClaimSource
from emofactors.config.corpora import CORPUS_SECTIONS, corpus_config
from emofactors.config.figures.kinds import FIGURE_SECTIONS
from emofactors.config.load import load_study
from emofactors.config.study import StudyRequest
from emofactors.config.tables.kinds import table_config
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
#: Pages written by people; the workflow writes the tables of docs/results/<study>/.
PAGES = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *(p for p in (REPOSITORY / "docs").rglob("*.md") if not p.match("docs/results/*/*.md")),
    ]
)
#: CONTRIBUTING.md names files that do not exist yet: tests/end_to_end/test_contributing.py writes and runs them.
PAGES_OF_EXISTING_FILES = [page for page in PAGES if page.name != "CONTRIBUTING.md"]

#: What pages call the reader's own corpus, task and study; and the example study of docs/configuration.md.
READERS_OWN = {"mine", "look"}
#: Programs of a shell, git, conda and SLURM that a page may use.
ORDINARY = re.findall(
    r"\S+",
    "cd cp cat cut head ls ln mkdir tail for do done [ speaker export rm git tmux conda pip python3 kill sbatch "
    "scancel squeue sinfo sacctmgr scontrol nvidia-smi module",
)
#: Environment variables that other programs read.
OF_A_SHELL = {"https_proxy", "http_proxy", "no_proxy"}
#: Package registries: a page shows how to install and links to none.
REGISTRIES = ("pypi", "pythonhosted", "anaconda", "npmjs", "docker")


@dataclass(frozen=True)
class Block:
    """A block of code: its language ("" for an indented one), its text and its first line."""

    language: str
    text: str
    line: int


def blocks(page):
    """Return the blocks of code of a page, fenced or indented below a blank line."""
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
    """Return the text of a page without its blocks of code."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^ *(`{3,}).*?^ *\1 *$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<=\n\n)(?:(?:    .*)?\n)+", "\n", text)


def inline_code(page):
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))]


def links(page):
    """Return the targets of links and pictures of a page."""
    without_code = re.sub(r"`[^`]*`", "", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", without_code) + re.findall(r'(?:src|href)="([^"]+)"', without_code)


def anchors(page):
    """Return the anchors of a page's headings on GitHub and on the site."""
    headings = [re.sub(r"[`*]", "", h) for h in re.findall(r"^#{1,6} (.+)$", prose(page), flags=re.MULTILINE)]
    of_github = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return of_github, {slugify(heading, "-") for heading in headings}


def assert_none(check, pages=PAGES):
    """Assert that a check finds no fault on pages; the message lists all of them."""
    faults = [f"{page.relative_to(REPOSITORY).as_posix()}: {fault}" for page in pages for fault in check(page)]
    assert faults == [], "\n".join(faults)


def test_the_pages_have_something_to_check():
    assert len(PAGES) >= 15
    assert sum(len(links(page)) for page in PAGES) >= 30
    assert sum(len(blocks(page)) for page in PAGES) >= 20
    assert sum(len(list(commands(page))) for page in PAGES) >= 30


# --- links ----------------------------------------------------------------------------------------------------


def broken_links(page):
    for link in links(page):
        if urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_file() or not target.is_relative_to(REPOSITORY):
            yield f"{link}: no such file of the project"
        elif page.parent != REPOSITORY and not target.is_relative_to(REPOSITORY / "docs"):
            yield f"{link}: not on the site"
        elif anchor and not all(anchor in found for found in anchors(target)):
            yield f"{link}: no such heading on GitHub or on the site"


def test_every_link_within_the_project_leads_to_a_file_and_a_heading():
    assert_none(broken_links)


def test_every_reference_table_is_linked():
    results = REPOSITORY / "docs" / "results"
    tables = {table.relative_to(results).as_posix() for table in results.glob("*/*.md")}
    assert len(tables) >= 15
    assert tables - set(links(results / "README.md")) == set()


def bad_addresses(page):
    for address in re.findall(r"\b\w+://[^\s)>`\"]+", page.read_text(encoding="utf-8")):
        parts = urlsplit(address.rstrip(".,;"))
        if (
            parts.scheme != "https"
            or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc)
            or any(name in parts.netloc for name in REGISTRIES)
        ):
            yield address


def test_every_address_is_whole_and_none_is_a_registry():
    assert_none(bad_addresses)


# --- names ----------------------------------------------------------------------------------------------------


def missing_paths(page):
    folders = "src|config|docs|tests|bench|workflow|profiles"
    for code in inline_code(page):
        path = re.fullmatch(rf"((?:{folders})/[\w./<>{{}}*…|-]*?)/?", code)
        if path and not _is_the_readers(code) and "|" not in code:
            pattern = re.sub(r"<\w+>|\{\w+\}|…", "*", path[1])
            if not any(REPOSITORY.glob(pattern)):
                yield f"`{code}`: no such file"
        if re.fullmatch(r"(\w+/)*\w+\.py", code):
            files = [*REPOSITORY.glob(code), *REPOSITORY.glob(f"src/**/{code}")]
            if not files and Path(code).stem not in words_of_the_code():
                yield f"`{code}`: no such file"
        if re.fullmatch(r"\w+\.smk", code) and not (REPOSITORY / "workflow" / "rules" / code).is_file():
            yield f"`{code}`: no such file"


def test_every_named_path_exists():
    assert_none(missing_paths, PAGES_OF_EXISTING_FILES)


@cache
def words_of_the_code():
    """Return every name of code and config."""
    folders = ("src", "config", "workflow", "profiles", "tests", "bench", "docs/scripts", "docs/results")
    files = [f for folder in folders for f in (REPOSITORY / folder).rglob("*") if f.is_file()]
    files += [REPOSITORY / name for name in ("Makefile", "Snakefile", "pyproject.toml", "mkdocs.yml")]
    files = [f for f in files if f.suffix != ".pyc" and f != Path(__file__)]
    text = "\n".join(f"{f.stem} {f.read_text(encoding='utf-8', errors='ignore')}" for f in files)
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text))


def unknown_names(page):
    """Yield names of several words that neither code nor config has: rules, studies, tables, keys, functions."""
    if page.name in ("comparison.md", "CHANGELOG.md"):
        return  # names of other tools; names before a change
    known = words_of_the_code() | OF_A_SHELL
    for code in inline_code(page):
        name = re.fullmatch(r"([a-z][a-z0-9]*(_[a-z0-9]+)+)(\(\))?", code)
        if name and name[1] not in known:
            yield f"`{code}`"


def test_every_name_of_several_words_is_one_of_the_code():
    assert_none(unknown_names)


def missing_modules(page):
    for code in inline_code(page):
        if re.fullmatch(r"emofactors(\.\w+)+", code):
            module, _, name = code.rpartition(".")
            path = REPOSITORY / "src" / Path(*code.split("."))
            is_module = path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
            if not is_module and not hasattr(import_module(module), name):
                yield f"`{code}`"


def test_every_named_module_exists():
    assert_none(missing_modules)


def test_every_study_is_on_the_page_of_studies():
    named = set(inline_code(REPOSITORY / "docs" / "studies.md"))
    assert {file.stem for file in (CONFIG / "studies").glob("*.yaml")} - named == set()


# --- commands ----------------------------------------------------------------------------------------------


def commands(page):
    """Yield (line, words) of each command of a page, in blocks and in the text."""
    for block in blocks(page):
        if block.language in ("", "bash"):
            text = re.sub(r"\\\n\s*", " ", block.text)
            for line in text.splitlines():
                yield from _commands_of_line(line, shell=block.language == "bash")
    for code in inline_code(page):
        yield from _commands_of_line(code, shell=False)


def _commands_of_line(line, *, shell):
    """Yield the commands of a line; outside a shell block only those that begin like one of the project's."""
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
    """Return the help of a program of the environment."""
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
        if not name.startswith("PIP_"):  # pip reads them from the environment
            assert name in (variables if is_variable else targets), f"make {word}: the Makefile has none"


def check_snakemake(words):
    """Check that the options are Snakemake's, and that files exist."""
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
    """Return whether the reader writes this file: ``config/tasks/mine4_speakers.yaml``."""
    return any(re.search(rf"\b{own}", path) for own in READERS_OWN)


def check_emofactors(words):
    """Check that the sub-command and its options exist."""
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, app = scripts["emofactors"].partition(":")
    command = getattr(import_module(module), app)
    command = typer.main.get_command(command) if isinstance(command, typer.Typer) else command
    if words and hasattr(command, "commands") and not words[0].startswith("-"):
        assert words[0] in command.commands, f"emofactors {words[0]}: expected one of {sorted(command.commands)}"
        command = command.commands[words[0]]
    options = [o for parameter in command.params for o in (*parameter.opts, *parameter.secondary_opts)]
    known = {"--help", *(option for option in options if option.startswith("-"))}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"emofactors {word}: expected one of {sorted(known)}"


def bad_commands(page):
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
                    assert program in ORDINARY, "unknown program"
        except (AssertionError, InputError) as error:
            yield f"{line}: {error}"


def test_every_command_would_be_accepted():
    assert_none(bad_commands, PAGES_OF_EXISTING_FILES)


def broken_scripts(page):
    for block in blocks(page):
        if block.language == "bash":
            checked = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True, check=False)
            if checked.returncode != 0:
                yield f"line {block.line}: {checked.stderr}"


def test_every_block_of_bash_can_be_parsed():
    assert_none(broken_scripts)


# --- YAML --------------------------------------------------------------------------------------------------


CORPUS_KEYS = {key for section in CORPUS_SECTIONS.values() for key in section.model_fields} - set(
    StudyRequest.model_fields
)


def check_yaml(content):
    """Check the content of a file below config/, whole or in part; its keys tell which."""
    keys = set(content)
    if keys <= {"default-resources", "set-resources"}:
        known = yaml.safe_load((REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
        assert set(content.get("set-resources", {})) <= set(known["set-resources"])
    elif "reader" in keys:
        corpus_config(content)
    elif keys <= CORPUS_KEYS:
        corpus_config(read_yaml(CONFIG / "corpora" / "emodb.yaml") | content)
    elif "protocol" in keys:
        TaskConfig.model_validate(content)
    elif "claims" in keys:
        ClaimSource.model_validate(content)
    elif "rows" in keys or "decomposers" in keys:
        table_config(content)
    elif {"kind", "caption"} <= keys:
        FIGURE_SECTIONS[content["kind"]].model_validate(content)
    elif keys <= {"source", "published", "assumed", "variants"}:
        for kind in ("published", "assumed"):
            assert all(isinstance(pair, list) and len(pair) == 2 for pair in content.get(kind, {}).values())
    else:
        whole = read_yaml(CONFIG / "studies" / "emodb_quick.yaml") if "study" not in keys else {}
        tasks = content.get("tasks", [])
        if set(tasks) & READERS_OWN:
            content = content | {"tasks": ["emodb7_groups3"]}
        load_study(whole | content, CONFIG)


def bad_yaml(page):
    contents = []
    for block in blocks(page):
        if block.language == "yaml":
            text = re.sub(r"^( *)…$", "", block.text, flags=re.MULTILINE)
            contents += [(f"line {block.line}", content) for content in yaml.safe_load_all(text)]
    contents += [
        (code, yaml.safe_load(code))
        for code in inline_code(page)
        if re.fullmatch(r"\{.*\b(reader|protocol): .*\}", code)
    ]
    for where, content in contents:
        try:
            check_yaml(content)
        except (AssertionError, InputError, ValidationError) as error:
            yield f"{where}: {error}"


def test_every_block_of_yaml_would_be_accepted():
    assert_none(bad_yaml, PAGES_OF_EXISTING_FILES)


# --- Python ------------------------------------------------------------------------------------------------


@pytest.fixture
def finished_results(tmp_path, monkeypatch):
    """Change to a folder with the files that pages open: features of an utterance of EmoDB."""
    folder = tmp_path / "results" / "features" / "emodb" / "original" / "log_mel_128"
    folder.parent.mkdir(parents=True)
    with ArchiveWriter(folder, 128) as archive:
        archive.add("03a01Fa", np.zeros((190, 128), dtype=np.float32))
    monkeypatch.chdir(tmp_path)


SCRIPTED = [
    page
    for page in PAGES_OF_EXISTING_FILES
    if any(b.language == "python" and ">>> " not in b.text for b in blocks(page))
]


@pytest.mark.parametrize("page", SCRIPTED, ids=lambda page: page.stem)
@pytest.mark.usefixtures("finished_results")
def test_python_of_a_page_runs_in_one_namespace(page):
    """test_examples.py runs sessions (``>>>``)."""
    namespace = {}
    for block in blocks(page):
        if block.language == "python" and ">>> " not in block.text:
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, namespace)

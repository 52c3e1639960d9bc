"""``emofactors check-corpus``: list all faults of your own corpus, or draft its study."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emofactors.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = (
    "emofactors check-corpus data/mine/mine.csv",
    "emofactors check-corpus data/mine/mine.csv --write",
    "emofactors check-corpus /path/to/labels.csv --name mine --column speaker=actor --column emotion=label",
)

#: Config folder of the project, relative to the working directory.
CONFIG = Path("config")


def command(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.csv", help="One row per utterance: path, speaker, emotion.", dir_okay=False),
    ],
    write: Annotated[
        bool, typer.Option("--write", help="Write the corpus, a task and a study to config/.")
    ] = False,
    name: Annotated[
        str, typer.Option(help="Name of the corpus and the study.", show_default="the name of the file")
    ] = "",
    title: Annotated[str, typer.Option(help="Name displayed in tables.", show_default="the name")] = "",
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=YOURS", help="A column with another name; repeatable.")
    ] = None,
) -> None:
    """Check your own corpus and draft its study.

    Lists all faults at once; without faults, prints the files to add to config/ to run every system on the corpus.
    The CSV has the columns path (relative to its folder), speaker and emotion; optional are start_s, end_s,
    session, gender, text, language and others (docs/own_data.md). Every audio file is read. Exits with status 1 if
    there is a fault.
    """
    from emofactors.config.corpora import TableCorpus
    from emofactors.corpora.onboarding.check import Finding, check_corpus, ordered
    from emofactors.corpora.onboarding.draft import check_name, draft_study, min_duration_s
    from emofactors.io.yaml import read_yaml

    if not (CONFIG / "config.yaml").is_file():
        raise InputError(
            f"{CONFIG / 'config.yaml'}: is missing; expected the project folder as the working directory"
        )
    name = name or re.sub(r"[^A-Za-z0-9_.]+", "_", file.stem).strip("_.")
    check_name(name)
    if not title.isprintable():
        raise InputError(f"--title: is {title!r}, expected printable text")
    corpora_root, folder = _located(file, read_yaml(CONFIG / "config.yaml")["corpora_root"])
    content: dict[str, Any] = {"reader": "table", "folder": folder, "file": file.name, "title": title or name}
    content |= {"columns": _columns(column)} if column else {}
    checked = check_corpus(Path(corpora_root) / folder, TableCorpus(**content), min_s=min_duration_s(CONFIG))
    findings, draft = checked.findings, None
    if not any(finding.is_fault for finding in findings):
        try:
            draft = draft_study(name, content, checked.utterances, CONFIG, corpora_root)
            findings = ordered([*findings, *draft.findings])
        except InputError as error:
            findings = ordered([*findings, *(Finding(line) for line in str(error).splitlines())])
    n_faults = sum(finding.is_fault for finding in findings)
    for finding in findings:
        typer.echo(f"{file}: {'fault' if finding.is_fault else 'warning'}: {finding}")
    if n_faults or draft is None:
        typer.echo(f"{file}: {n_faults} fault(s), {len(findings) - n_faults} warning(s)")
        raise typer.Exit(1)
    typer.echo(_summary(file, checked.utterances))
    typer.echo(f"\nprotocol: {draft.protocol}\nsystems: {', '.join(draft.systems)}")
    for line in draft.left_out:
        typer.echo(f"left out: {line}")
    files = {CONFIG / path: text for path, text in draft.files.items()}
    if write:
        _write(files)
        typer.echo(f"\nNext: snakemake --cores 8 --configfile {CONFIG}/studies/{draft.study}.yaml")
    else:
        for path, text in files.items():
            typer.echo(f"\n{path}\n" + "".join(f"    {line}\n" for line in text.splitlines()), nl=False)
        typer.echo("\nNext: the same command with --write, to write these files")


def _columns(pairs: Iterable[str]) -> dict[str, str]:
    """Parse pairs like ``speaker=who``."""
    columns = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise InputError(f"--column: is {pair!r}, expected ours=yours, like speaker=actor")
        columns[ours] = theirs
    return columns


def _located(file: Path, corpora_root: str) -> tuple[str, str]:
    """Return ``corpora_root`` of the study and ``folder`` of the corpus below it, for a CSV in any folder."""
    root = Path(corpora_root)
    # First without resolving links: a link in corpora_root is a corpus there. Then with resolved links.
    for folder, above in ((file.parent.absolute(), root.absolute()), (file.resolve().parent, root.resolve())):
        if folder != above and folder.is_relative_to(above) and ".." not in folder.parts:
            return corpora_root, folder.relative_to(above).as_posix()
    return str(folder.parent), folder.name


def _summary(file: Path, utterances: "pd.DataFrame") -> str:
    """Return the numbers of utterances, speakers and hours, and a table of emotions by speaker."""
    import pandas as pd
    from tabulate import tabulate

    hours = utterances["duration_s"].sum() / 3600
    counts = pd.crosstab(utterances["speaker"], utterances["emotion"])
    counts["total"] = counts.sum(axis="columns")
    counts.loc["total"] = counts.sum()
    rates = ", ".join(f"{rate:,} Hz" for rate in sorted(set(utterances["sample_rate_hz"])))
    head = f"{file}: {len(utterances):,} utterances, {len(counts) - 1} speakers, {hours:.2f} h, {rates}"
    table = tabulate(counts, headers=["speaker", *counts.columns])  # type: ignore[arg-type]  # its types lack frames
    return f"{head}\n\n{table}"


def _write(files: dict[Path, str]) -> None:
    """Write new files; raise InputError if a file exists with other content."""
    from emofactors.io.atomic import write_text_atomically

    conflicts = [
        path for path, text in files.items() if path.exists() and path.read_text(encoding="utf-8") != text
    ]
    if conflicts:
        raise InputError(
            "\n".join(f"{path}: exists; expected another --name, or the file deleted" for path in conflicts)
        )
    for path, text in files.items():
        if path.exists():
            typer.echo(f"{path}: unchanged")
        else:
            write_text_atomically(path, text)
            typer.echo(f"{path}: written")

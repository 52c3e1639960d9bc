"""The page of a study in one file: what was run and found, with settings, audits, costs and provenance.

The page loads nothing: figures, styles and scripts are part of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emofactors.config.page import PageSettings
from emofactors.io.atomic import read_text
from emofactors.io.json import read_json
from emofactors.plan.paths import parse_run
from emofactors.report.page.audio_examples import DecomposerExamples
from emofactors.report.page.corpus_overview import CorpusOverview
from emofactors.report.page.costs import RuleCost, total_cost, variant_costs
from emofactors.report.page.data_uri import data_uri
from emofactors.report.page.findings import frame_order_finding, limitations, new_findings
from emofactors.report.page.settings import documented_settings, system_settings
from emofactors.report.page.summary import study_summary, training_provenance
from emofactors.report.tables.findings import TableFindings


def make_page(
    settings: PageSettings,
    *,
    claims: str,
    tables: Mapping[str, str],
    findings: Mapping[str, TableFindings],
    figures: Mapping[str, str],
    audits: Mapping[str, Mapping[str, Any]],
    corpora: Mapping[str, Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    overviews: Mapping[str, CorpusOverview] | None = None,
    shuffles: Sequence[Mapping[str, Any]] = (),
    audio_examples: Sequence[DecomposerExamples] = (),
    rule_costs: Sequence[RuleCost] = (),
) -> str:
    """Return the page of a study as HTML text.

    Args:
        settings: the part of the study that the page shows.
        claims: HTML of the ledger of claims as ``report.claims`` writes it, with all text escaped.
        tables: table -> its HTML as ``report.tables`` writes it, with all text escaped.
        findings: table -> its findings.
        figures: figure -> its SVG text.
        audits: task -> content of its audit.
        corpora: corpus -> metadata of its manifest.
        runs: metadata of every run, see :func:`read_run`.
        overviews: corpus -> its overview; without any the page has no section of corpora.
        shuffles: comparisons of runs with shuffled frames, ``inference.attention.ColumnShuffle``, read likewise.
        audio_examples: audio examples of decomposers; without any the page has no section of them.
        rule_costs: cost of the jobs of each rule; without any the page has no table of them.

    Returns:
        One HTML document that needs no other file.

    Raises:
        KeyError: if a table, figure, task or corpus of the settings is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    systems = [system_settings(name, system) for name, system in settings.systems.items()]
    table_findings = {name: findings[name] for name in settings.tables}
    return environment.get_template("page.html").render(
        study=settings,
        claims=Markup(claims),
        summary=study_summary(settings, corpora, len(runs)),
        findings=new_findings(table_findings.values()),
        limitations={name: limitations(task, corpora[task.corpus]) for name, task in settings.tasks.items()},
        frame_order_findings=[frame_order_finding(settings, shuffle) for shuffle in shuffles],
        shuffles=shuffles,
        audio_examples=audio_examples,
        tables=[(findings[name], Markup(tables[name])) for name in settings.tables],
        figures={name: data_uri("image/svg+xml", figures[name].encode("utf-8")) for name in settings.figures},
        audits={name: audits[name] for name in settings.tasks},
        corpora={name: corpora[name] for name in settings.corpora},
        overviews={name: overviews[name] for name in settings.corpora} if overviews else {},
        systems=systems,
        departing=[system for system in systems if system.departure],
        features=[documented_settings(*item) for item in settings.features.items()],
        augmentations=[documented_settings(*item) for item in settings.augmentations.items()],
        costs=variant_costs(runs),
        rule_costs=rule_costs,
        total_cost=total_cost(rule_costs),
        n_resumed=sum(run["resumed_at_step"] > 0 for run in runs if run["resumed_at_step"] is not None),
        provenance=training_provenance(runs),
    )


def read_run(path: str | Path) -> dict[str, Any]:
    """Read a JSON file of a run, such as its metadata.

    Args:
        path: the file, in the folder of the run.

    Returns:
        Content of the file, and ``task``, ``system`` and ``variant`` of the run.

    Raises:
        InputError: if the file is missing or damaged.
    """
    run = parse_run(path)
    origin = {"task": run.task, "system": run.system, "variant": run.variant}
    return read_json(path, "the metadata of a run") | origin


def read_texts(paths: Iterable[str | Path]) -> dict[str, str]:
    """Return the content of text files, by their name without its ending.

    Raises:
        InputError: if a file is missing or damaged.
    """
    return {Path(path).stem: read_text(path, "a part of the page") for path in paths}

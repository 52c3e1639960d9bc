"""The page of a study: what was run, what was found, and all it takes to classifier it, in one file.

The page loads nothing: figures and styles are part of it. Its sentences are
made from the numbers of the tables, so they cannot say anything else than those.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emofactors.config.study import Study
from emofactors.io.atomic import read_text
from emofactors.io.json import read_json
from emofactors.report.page.audio_examples import AudioExamples
from emofactors.report.page.corpus_overview import CorpusOverview
from emofactors.report.page.costs import RuleCost, costs, total_cost
from emofactors.report.page.settings import documented_settings, system_settings
from emofactors.report.tables.findings import findings, protocol_findings, shuffle_finding
from emofactors.report.tables.headlines import headlines, in_one_line
from emofactors.report.tables.layout import protocol_letters, published_sources
from emofactors.report.tables.tidy import read_tidy


def make_page(
    study: Study,
    *,
    fragments: Mapping[str, str],
    scores: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    audits: Mapping[str, Mapping[str, Any]],
    notes: Mapping[str, Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    corpus_overviews: Mapping[str, CorpusOverview] | None = None,
    inspections: Sequence[Mapping[str, Any]] = (),
    sounds: Sequence[AudioExamples] = (),
    rule_costs: Sequence[RuleCost] = (),
) -> str:
    """The page of a study as HTML text.

    Args:
        study: what was asked for.
        fragments: table -> its HTML, as ``report.tables`` writes it, with everything in it escaped.
        scores: table -> its tidy form, in percent.
        figures: figure -> its SVG text.
        audits: task -> content of its audit.
        notes: corpus -> notes of its manifest.
        runs: what every run says of itself, see :func:`read_run`.
        corpus_overviews: corpus -> what is seen of it at a glance; without any the page has no section of corpora.
        inspections: what became of runs whose test utterances were heard with their frames in random
            order, read likewise: n_utterances, largest_logit, largest_logit_change, changed_predictions,
            ua and ua_shuffled (percent, or None).
        sounds: what decomposers make of some utterances; without any the page has no section to listen to.
        rule_costs: what the jobs of each rule cost; without any the page has no table of them.

    Returns:
        One HTML document that needs no other file.

    Raises:
        KeyError: if a table, figure, task or corpus of the study is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    systems = [system_settings(name, system) for name, system in study.systems.items()]
    return environment.get_template("page.html").render(
        study=study,
        one_line=in_one_line(study, notes, len(runs)),
        headlines=headlines(study, scores),
        protocol_findings=protocol_findings(study, scores),
        protocol_letters=protocol_letters,
        findings=findings(study, scores, notes),
        shuffle_findings=[shuffle_finding(study, inspection) for inspection in inspections],
        inspections=inspections,
        sounds=sounds,
        sources={name: published_sources(table) for name, table in study.tables.items()},
        fragments={name: Markup(fragments[name]) for name in study.tables},
        figures={name: _data_uri(figures[name]) for name in study.figures},
        audits={name: audits[name] for name in study.tasks},
        notes={name: notes[name] for name in study.corpora},
        corpus_overviews={name: corpus_overviews[name] for name in study.corpora} if corpus_overviews else {},
        systems=systems,
        departing=[system for system in systems if system.departure],
        features=[documented_settings(*named) for named in study.feature_notes.items()],
        augmentations=[documented_settings(*named) for named in study.augmentation_notes.items()],
        n_runs=len(runs),
        costs=costs(runs),
        rule_costs=rule_costs,
        total_cost=total_cost(rule_costs),
        n_resumed=sum(run["resumed_at_step"] > 0 for run in runs if run["resumed_at_step"] is not None),
        provenance=provenance(runs),
    )


# --- what is read --------------------------------------------------------------------------------------------


def read_run(path: str | Path) -> dict[str, Any]:
    """What a run says of itself, or is said of it, and which run it is.

    Args:
        path: file ``…/{task}/{system}/{variant}/fold{fold}/seed{seed}/*.json``.

    Returns:
        Content of the file, and ``task``, ``system`` and ``variant``.

    Raises:
        InputError: if the file is missing or damaged.
    """
    task, system, variant = Path(path).parts[-6:-3]
    about = {"task": task, "system": system, "variant": variant}
    return read_json(path, "what a run says of itself, or is said of it") | about


def read_scores(paths: Iterable[str | Path]) -> dict[str, pd.DataFrame]:
    """Tidy tables, by the name of their file; labels stay text, also those that are numbers."""
    return {Path(path).stem: read_tidy(path) for path in paths}


def read_texts(paths: Iterable[str | Path]) -> dict[str, str]:
    """Content of text files, by their name without its ending."""
    return {Path(path).stem: read_text(path, "a part of the page") for path in paths}


# --- provenance ----------------------------------------------------------------------------------------------


def provenance(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """What the trainings were made with: item -> value -> number of trainings."""
    found: dict[str, dict[str, int]] = {}
    for run in runs:
        items = {key: run[key] for key in ("device", "precision", "threads")}
        items |= {f"code of {run['system']}": run["code"]} | run["versions"]
        for key, value in items.items():
            counts = found.setdefault(key, {})
            counts[str(value)] = counts.get(str(value), 0) + 1
    return found


def _data_uri(svg: str) -> str:
    """A picture as part of the page; as an image, nothing in it can run."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode('utf-8')).decode('ascii')}"

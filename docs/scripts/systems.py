"""Write the tables of docs/systems/: settings, variants and tables from config/, scores from docs/results/.

A comment on a page names a table; the text between it and the end is replaced.

    <!-- begin: settings cnn_bigru published -->
    <!-- end -->

    .venv/bin/python docs/scripts/systems.py
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from emofactors.config.tables.kinds import TableConfig, table_config
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
PAGES = REPOSITORY / "docs" / "systems"
CONFIG = REPOSITORY / "config"
RESULTS = REPOSITORY / "docs" / "results"

_PART = re.compile(r"(<!-- begin: ([^\n]+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: Header of a metric of a results table; other metrics keep their names.
_METRICS = {
    "ua": "UA",
    "wa": "WA",
    "ua_gap": "UA",
    "wa_gap": "WA",
    "held_out_ua": "UA, training speakers",
    "held_out_gap": "UA, training less test speakers",
    "speaker_linear": "speaker, linear probe",
    "speaker_mlp": "speaker, MLP probe",
    "speaker_ua": "UA by speaker",
    "cross_ua": "UA by speaker, other corpus",
    "scatter_train": "scatter within classes, training",
    "scatter_test": "scatter within classes, test",
    "mel_error": "squared error of the spectrogram",
}
#: Metrics that are UA of emotions.
_OF_CLASSES = ("ua", "held_out_ua", "speaker_ua", "cross_ua")
#: Endings of metrics that are not percentages -> decimals.
_DECIMALS = {"_above_null": 3, "_skill": 2, "_r2": 2, "_error": 4}


def main() -> None:
    """Write every page."""
    for page in sorted(PAGES.glob("*.md")):
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"{page.relative_to(REPOSITORY)}: written")


def filled(text: str) -> str:
    """Return a page with up-to-date tables."""
    return _PART.sub(lambda part: f"{part[1]}\n{_made(part[2])}\n\n{part[3]}", text)


def _made(words: str) -> str:
    """Return the table that a comment names."""
    kind, *arguments = words.split()
    makers: dict[str, Callable[..., str]] = {
        "settings": settings,
        "variants": variants,
        "tables": tables,
        "reported": reported,
        "measured": measured,
    }
    if kind not in makers:
        raise ValueError(f"begin: {words}: expected one of {', '.join(makers)}")
    return makers[kind](*arguments)


def settings(system: str, kind: str) -> str:
    """Return the published or assumed settings of a system with their sources."""
    header = "where it is stated" if kind == "published" else "why"
    documented = _system(system)[kind]
    return _markdown(
        ["setting", "value", header], ([f"`{k}`", _code(v), why] for k, (v, why) in documented.items())
    )


def variants(system: str) -> str:
    """Return the settings that each variant changes and its tables; one row for all conditions of a decomposer."""
    shown: dict[str, list[str]] = {}
    for name, table in _tables():
        for of, variant in dict.fromkeys(table.runs.values()):
            if of == system:
                shown.setdefault(variant, []).append(f"`{name}`")
    rows: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for variant, own in _system(system)["variants"].items():
        changed = {key: value for key, value in own.items() if key not in ("reconstructed", "needs")}
        needed = own.get("needs", {})
        differs = ", ".join(f"`{key}: {_plain(value)}`" for key, value in changed.items())
        needs = ", ".join(f"{purpose} `{run}`" for purpose, run in needed.items())
        if needs:
            differs += f"{'; ' if differs else ''}builds on {needs}"
        condition = own.get("reconstructed", "")
        key = (differs, variant.removesuffix(condition)) if condition else (differs, variant)
        rows.setdefault(key, []).append((variant, condition))
    lines = []
    for (differs, _), of_row in rows.items():
        name, condition = of_row[0]
        words = differs or "nothing: the settings above"
        if condition:
            conditions = ", ".join(f"`{condition}`" for _, condition in of_row)
            words = f"{differs}; `reconstructed` is one of {conditions}"
        label = f"{name.removesuffix(condition)}…" if condition else name
        lines.append([f"`{label}`", words, ", ".join(shown.get(name, ["–"]))])
    return _markdown(["variant", "differs in", "a row of"], lines)


def tables(system: str) -> str:
    """Return the tables with rows of a system, the question of each, and the studies that make it."""
    studies = {
        file.stem: read_yaml(file)
        for file in [CONFIG / "config.yaml", *sorted((CONFIG / "studies").glob("*.yaml"))]
    }
    lines = []
    for name, table in _tables():
        if any(of == system for of, _ in table.runs.values()):
            made = [
                f"`{study}`" if study != "config" else "default"
                for study, of in studies.items()
                if name in of["tables"]
            ]
            lines.append([f"`{name}`", f"{table.title}: {table.caption}", ", ".join(made) or "–"])
    return _markdown(["table", "what it asks", "studies"], lines)


def reported(table: str) -> str:
    """Return the published numbers of a table and their sources."""
    config = _table(table)
    lines = [
        [str(config.rows[row]), of.label, *(_number(scores.get(metric)) for metric in ("ua", "wa"))]
        for of in config.published
        for row, scores in of.model_dump(exclude_none=True)["values"].items()
    ]
    where = " ".join(dict.fromkeys(f"Source: {of.where}." for of in config.published))
    return f"{_markdown(['setting', 'of', 'UA', 'WA'], lines)}\n\n{where}"


def measured(study: str, table: str, *metrics: str) -> str:
    """Return metrics of a reference table with intervals and, for differences, corrected p."""
    path = RESULTS / study / f"{table}.csv"
    of_table = pd.read_csv(path)
    of_table = of_table[of_table["metric"].isin([*metrics, *(f"{metric}_difference" for metric in metrics)])]
    missing = set(metrics) - set(of_table["metric"])
    if missing:
        raise ValueError(f"{path}: has no metric {sorted(missing)}")
    of_table = of_table.assign(shown=of_table["metric"].str.removesuffix("_difference"))
    several = of_table["column"].nunique() > 1
    columns = list(dict.fromkeys((row.column, row.shown) for row in of_table.itertuples()))
    cells = {(row.row, row.column, row.shown): _cell(row) for row in of_table.itertuples()}
    header = [f"{_metric(shown)}, {column}" if several else _metric(shown) for column, shown in columns]
    lines = [
        [str(label), *(cells.get((label, *column), "") for column in columns)]
        for label in dict.fromkeys(of_table["row"])
    ]
    return f"{_markdown(['', *header], lines)}\n\n{_metadata(study, table, of_table)}"


def _metadata(study: str, table: str, of_table: pd.DataFrame) -> str:
    """Return corpus, protocols, chance and changed settings of a reference table."""
    first = of_table.iloc[0]
    tasks = [task for task in dict.fromkeys(of_table["column"]) if (CONFIG / "tasks" / f"{task}.yaml").is_file()]
    words = [f"{first['corpus']}, {first['n_speakers']:.0f} test speakers."]
    for task in tasks:
        rows = of_table[of_table["column"] == task]
        words.append(f"`{task}`: {rows['protocol'].iloc[0]}.")
        if rows["shown"].isin(_OF_CLASSES).any():
            n_classes = len(read_yaml(CONFIG / "tasks" / f"{task}.yaml")["classes"])
            words[-1] = f"{words[-1][:-1]}; chance of UA {100 / n_classes:.1f} %."
    changed = read_yaml(CONFIG / "studies" / f"{study}.yaml").get("systems", {})
    names = list(dict.fromkeys(key for system in _systems_of(table) for key in changed.get(system, {})))
    if names:
        words.append(
            f"**Not as published:** the study sets {', '.join(f'`{n}`' for n in names if n != 'variants')}."
        )
    words.append(f"In brackets 95 %; p by Holm. From `docs/results/{study}/{table}.csv`.")
    return " ".join(words)


def _systems_of(table: str) -> list[str]:
    """Return the systems whose variants are rows of a table."""
    return list(dict.fromkeys(system for system, _ in _table(table).runs.values()))


def _cell(row: Any) -> str:
    """Return a number as a page shows it."""
    is_difference = "minus" in row.row or row.metric.endswith("_gap")
    decimals = next((n for ending, n in _DECIMALS.items() if row.shown.endswith(ending)), 1)
    form = f"{'+' if is_difference else ''}.{decimals}f"
    words = f"{row.value:{form}}"
    if pd.notna(row.ci_low):
        words += f" [{row.ci_low:{form}}, {row.ci_high:{form}}]"
    if pd.notna(row.p_holm):
        words += f", p {row.p_holm:.4f}"
    return words


def _metric(name: str) -> str:
    return _METRICS.get(name, name.replace("_above_null", ", nats above null").replace("_", " "))


def _tables() -> list[tuple[str, TableConfig]]:
    return [(file.stem, _table(file.stem)) for file in sorted((CONFIG / "tables").glob("*.yaml"))]


def _table(name: str) -> TableConfig:
    return table_config(read_yaml(CONFIG / "tables" / f"{name}.yaml"))


def _system(name: str) -> dict[str, Any]:
    return read_yaml(CONFIG / "systems" / f"{name}.yaml")


def _plain(value: Any) -> str:
    """Return a value as YAML."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"[{', '.join(map(_plain, value))}]" if isinstance(value, list) else str(value)


def _code(value: Any) -> str:
    return f"`{_plain(value)}`"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _markdown(header: list[str], lines: Iterable[list[str]]) -> str:
    """Return a table in Markdown, with escaped bars."""
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


if __name__ == "__main__":
    main()

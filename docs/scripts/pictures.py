"""Draw docs/pictures/: the graph of the rules, and one result of docs/results.

The graph is Snakemake's ``--rulegraph`` of the default study and of a study with shards and cross-corpus
evaluation, without the edges that follow from others.

    .venv/bin/python docs/scripts/pictures.py [FOLDER]
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

REPOSITORY = Path(__file__).parents[2]
PICTURES = REPOSITORY / "docs" / "pictures"

#: Chapter -> colour, in the order of the workflow.
CHAPTERS = {
    "corpora": "#4c9f70",
    "features": "#3d85c6",
    "training": "#b8577e",
    "evaluation": "#8e6bbf",
    "report": "#c07b2b",
}
INK = "#333333"

#: Task -> label of the three protocols, and the published accuracy on EmoDB.
PROTOCOLS = {
    "emodb7_random3_leaky": "A  copies of test utterances\nin training (leaks)",
    "emodb7_random3_augmented": "B  no copies,\nsame speakers",
    "emodb7_groups3_augmented": "C  unseen\nspeakers",
}
PUBLISHED = 98.83


def main() -> None:
    """Draw both pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    # Reproducible files: no date, no random names; text stays text.
    mpl.rcParams |= {"svg.hashsalt": "emofactors", "svg.fonttype": "none", "font.family": "sans-serif"}
    for name, figure in (("rules", draw_rules()), ("protocols", draw_protocols())):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, facecolor="white")
        print(folder / f"{name}.svg")


def chapters_of_rules() -> dict[str, str]:
    """Return rule -> chapter, the name of its file."""
    return {
        rule: chapter
        for chapter in CHAPTERS
        for rule in re.findall(
            r"^(?:rule|checkpoint) (\w+):$",
            (REPOSITORY / "workflow" / "rules" / f"{chapter}.smk").read_text(encoding="utf-8"),
            flags=re.MULTILINE,
        )
    }


def needs() -> set[tuple[str, str]]:
    """Return (rule, rule that needs it) of both studies, without ``all`` and edges that follow from others."""
    edges: set[tuple[str, str]] = set()
    with tempfile.TemporaryDirectory() as root:
        for corpus in ("emodb", "nemo"):
            (Path(root) / corpus).mkdir()
        sharded = ["--configfile", "config/studies/nemo_factors_quick.yaml", "--config", f"corpora_root={root}"]
        for arguments in ([], sharded):
            edges |= _rulegraph(arguments)
    edges = {(a, b) for a, b in edges if b not in (a, "all")}
    return {edge for edge in edges if not _leads(edges - {edge}, *edge)}


def _rulegraph(arguments: list[str]) -> set[tuple[str, str]]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--rulegraph", "dot"]
    graph = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    return {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}


def _leads(edges: set[tuple[str, str]], start: str, end: str) -> bool:
    """Return whether a path leads from one rule to another."""
    reached, open_ = {start}, [start]
    while open_:
        here = open_.pop()
        further = {b for a, b in edges if a == here} - reached
        reached |= further
        open_ += further
    return end in reached


def _depths(edges: set[tuple[str, str]], rules: list[str]) -> dict[str, int]:
    """Return rule -> length of the longest path to it."""
    depths = dict.fromkeys(rules, 0)
    for _ in rules:
        for a, b in edges:
            depths[b] = max(depths[b], depths[a] + 1)
    return depths


def draw_rules() -> Figure:
    """Draw one column per chapter with its rules in order, and an arrow to each rule that needs another."""
    chapters, edges = chapters_of_rules(), needs()
    depths = _depths(edges, list(chapters))
    figure = Figure(figsize=(11, 5.2))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.55, len(CHAPTERS) - 0.45), ylim=(-0.1, 1.09))
    axes.axis("off")
    places = {}
    for x, (chapter, colour) in enumerate(CHAPTERS.items()):
        rules = sorted((r for r in chapters if chapters[r] == chapter), reverse=True)
        rules.sort(key=depths.get)
        axes.text(x, 1.04, chapter, ha="center", weight="bold", color=colour, size=13)
        for i, rule in enumerate(rules):
            places[rule] = (x, 1 - (i + 0.5) / len(rules))
            box = FancyBboxPatch(
                (x - 0.36, places[rule][1] - 0.032),
                0.72,
                0.064,
                boxstyle="round,pad=0.01,rounding_size=0.02",
                facecolor="white",
                edgecolor=colour,
                linewidth=1.6,
                zorder=3,
            )
            axes.add_patch(box)
            axes.text(*places[rule], rule, ha="center", va="center", color=INK, size=10, zorder=4)
    alone = sorted(set(chapters) - {rule for edge in edges for rule in edge})
    for a, b in sorted(edges):
        axes.add_patch(_arrow(places[a], places[b], CHAPTERS[chapters[a]]))
    axes.text(
        -0.5,
        -0.075,
        "An arrow leads from a rule to one that needs its output; arrows that follow from others are left out. "
        f"Run separately: {', '.join(alone)}.",
        color=INK,
        size=9,
    )
    return figure


def _arrow(start: tuple[float, float], end: tuple[float, float], colour: str) -> FancyArrowPatch:
    """Return an arrow between the sides of two boxes, or within a column from one to the next."""
    (x, y), (to_x, to_y) = start, end
    if x == to_x:
        down = -1 if to_y < y else 1
        is_next = abs(to_y - y) < 0.24
        return FancyArrowPatch(
            (x + 0.2, y + down * 0.042),
            (to_x + 0.2, to_y - down * 0.042),
            arrowstyle="-|>",
            mutation_scale=10,
            color=colour,
            alpha=0.75,
            connectionstyle="arc3,rad=0" if is_next else f"arc3,rad={0.35 * down}",
        )
    side = 1 if to_x > x else -1
    return FancyArrowPatch(
        (x + side * 0.37, y),
        (to_x - side * 0.37, to_y),
        arrowstyle="-|>",
        mutation_scale=10,
        color=colour,
        alpha=0.75,
        connectionstyle="arc3,rad=0.05",
    )


def draw_protocols() -> Figure:
    """Draw WA of one network under three protocols with intervals, and the published value."""
    tidy = pd.read_csv(REPOSITORY / "docs" / "results" / "emodb_transfer_quick" / "vit_protocols.csv")
    rows = tidy.query("variant == 'student' and metric == 'wa' and minus.isna()").set_index("column")
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.axhline(PUBLISHED, color=INK, linestyle="--", linewidth=1)
    axes.text(2.45, PUBLISHED + 1.5, f"published: {PUBLISHED}, split not stated", ha="right", color=INK, size=10)
    for x, (task, colour) in enumerate(zip(PROTOCOLS, ("#b23b3b", "#c07b2b", "#4c9f70"), strict=True)):
        row = rows.loc[task]
        axes.plot([x, x], [row["ci_low"], row["ci_high"]], color=colour, linewidth=3)
        axes.plot(x, row["value"], "o", color=colour, markersize=11)
        words = f"{row['value']:.1f}\n[{row['ci_low']:.1f}, {row['ci_high']:.1f}]"
        axes.text(x + 0.09, row["value"], words, va="center", color=INK, size=11)
    axes.set(xlim=(-0.4, 2.6), ylim=(40, 106), ylabel="correct of 100 test utterances (WA)")
    axes.set_xticks(range(3), PROTOCOLS.values(), size=10)
    axes.set_title("One network, one corpus (EmoDB), three protocols", loc="left", size=12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()

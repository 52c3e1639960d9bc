from io import BytesIO

import pytest
from matplotlib.image import imread

from emofactors.config.figures.base import FigureOfVariants
from emofactors.config.figures.kinds import FIGURE_SECTIONS
from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.make import make_figure

OF_VARIANTS = [kind for kind, section in FIGURE_SECTIONS.items() if issubclass(section, FigureOfVariants)]


@pytest.mark.parametrize("kind", OF_VARIANTS)
def test_equal_inputs_are_equal_bytes_in_any_order(tmp_path, tasks, variants, settings, write_run, kind):
    for task in tasks:
        for variant in variants:
            write_run(task, variant)
    section = FIGURE_SECTIONS[kind]
    names = {*section.evaluation_files, *section.run_files}
    files = [str(path) for path in sorted(tmp_path.rglob("*.*")) if path.name in names]
    files += [str(path) for name in section.first_run_files for path in sorted(tmp_path.rglob(f"fold0/*/{name}"))]
    assert len(files) >= 4
    figure = settings(kind, **({"loss": "matching"} if kind == "losses" else {}))
    drawn = []
    for name, paths in (("first", files), ("second", files[::-1])):
        png, svg = tmp_path / f"{name}.png", tmp_path / f"{name}.svg"
        inputs = FigureInputs(files=tuple(paths), tasks=tasks)
        make_figure(figure, inputs, png=str(png), svg=str(svg))
        drawn.append((png.read_bytes(), svg.read_bytes()))
    assert drawn[0] == drawn[1]
    assert imread(BytesIO(drawn[0][0])).shape[1] > 1000
    assert drawn[0][1].startswith(b"<?xml")


def test_every_kind_has_a_module_of_its_name():
    assert len(OF_VARIANTS) == 6
    for kind in FIGURE_SECTIONS:
        with pytest.raises(ValueError, match=r"(?s)validation error"):
            make_figure(
                {"kind": kind, "no": 1}, FigureInputs(files=(), tasks={}, table={"no": 1}), png="a", svg="b"
            )

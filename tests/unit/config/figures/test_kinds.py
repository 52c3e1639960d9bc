from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from emofactors.config.figures.kinds import FIGURE_SECTIONS, FigureConfig

FIGURES = TypeAdapter(FigureConfig)
FILES = sorted((Path(__file__).parents[4] / "config" / "figures").glob("*.yaml"))


def test_each_kind_has_one_section_with_a_module_of_its_name():
    assert len(FIGURE_SECTIONS) == 10
    for kind, section in FIGURE_SECTIONS.items():
        assert section.__module__ == f"emofactors.config.figures.{kind}"


def test_every_file_of_a_figure_is_valid_and_of_its_kind():
    assert len(FILES) > 10
    figures = [FIGURES.validate_python(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in FILES]
    assert all(type(figure) is FIGURE_SECTIONS[figure.kind] for figure in figures)
    assert {figure.kind for figure in figures} == set(FIGURE_SECTIONS)


def test_an_unknown_kind_is_refused_with_the_kinds_that_exist(of_variants):
    with pytest.raises(ValidationError, match="'confusion', 'cost'"):
        FIGURES.validate_python(of_variants("histogram"))

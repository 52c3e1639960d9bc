"""A small study end to end, from audio files to the page: one system on two folds of tones."""

import pandas as pd
import pytest
import yaml

STUDY = ("--configfile", "config/studies/small.yaml")


@pytest.fixture(scope="module")
def small(fresh_smoke):
    """The project after a run of the study, a part of the smoke study."""
    project = fresh_smoke()
    studies = project.folder / "config" / "studies"
    smoke = yaml.safe_load((studies / "smoke.yaml").read_text(encoding="utf-8"))
    study = {key: smoke[key] for key in ("seeds", "compute")} | {
        "study": "small",
        "title": "Center loss on tones",
        "tasks": ["tones2_groups2"],
        "tables": ["smoke_lambda"],
        "figures": ["smoke_confusion"],
        "systems": {"cnn_bigru": smoke["systems"]["cnn_bigru"]},
    }
    (studies / "small.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run = project.snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    return project


def test_the_study_makes_its_table_figure_and_page(small):
    report = small.folder / "results" / "report" / "small"
    made = {file.relative_to(report).as_posix() for file in report.glob("[tf]*/*")}
    assert made == {
        *(f"tables/smoke_lambda.{form}" for form in ("csv", "md", "tex", "html", "json")),
        *(f"figures/smoke_confusion.{form}" for form in ("png", "svg")),
    }
    assert {file.name for file in report.glob("claims.*")} == {
        f"claims.{form}" for form in ("csv", "md", "tex", "html")
    }
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "Center loss on tones" in page
    assert page.rstrip().endswith("</html>")


def test_emotions_of_tones_are_learned(small):
    rows = pd.read_csv(small.folder / "results" / "report" / "small" / "tables" / "smoke_lambda.csv")
    ua = rows[rows["metric"] == "ua"]
    assert set(ua["row"]) == {"0", "0.3"}
    assert (ua["n_utterances"] == 48).all()
    assert (ua["value"] > 75).all(), "chance is 50"


def test_afterwards_everything_is_up_to_date(small):
    assert small.jobs(*STUDY) == {}

import shutil
from pathlib import Path

from emofactors.plan.code import CodePlan

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"


def test_a_changed_script_changes_its_fingerprint_alone(default_study, tmp_path):
    scripts = Path(shutil.copytree(SCRIPTS, tmp_path / "scripts"))
    before = CodePlan(default_study, SCRIPTS)
    (scripts / "make_folds.py").write_text((scripts / "make_folds.py").read_text() + "x = 1\n")
    after = CodePlan(default_study, scripts)
    assert after.of("make_folds") != before.of("make_folds")
    assert after.of("audit_task") == before.of("audit_task")


def test_rules_cover_the_modules_they_import_by_name(default_study, wildcards):
    code = CodePlan(default_study, SCRIPTS)
    of_systems = {code.train(wildcards(system=system)) for system in ("cnn_bigru", "vit_transfer")}
    assert len({*of_systems, code.of("train")}) == 3
    tables = {code.make_table(wildcards(table=name)) for name in default_study.tables}
    assert len(tables) == len({table.kind for table in default_study.tables.values()})
    figures = {code.make_figure(wildcards(figure=name)) for name in default_study.figures}
    assert len(figures) == len({figure.kind for figure in default_study.figures.values()})
    assert code.build_manifest(wildcards(corpus="synthetic")) != code.of("build_manifest")
    assert code.plot_corpus(wildcards(corpus="synthetic")) != code.of("plot_corpus")
    features = {code.extract_features(wildcards(features=name)) for name in ("log_mel_80", "f0", "functionals")}
    assert len(features) == 3
    decomposer = wildcards(system="speechflow")
    for rule in ("train_decomposer", "reconstruct_speech", "render_audio_examples"):
        assert getattr(code, rule)(decomposer) != code.of(rule)
    for rule in ("evaluate_cross_corpus", "extract_attention"):
        assert getattr(code, rule)(wildcards(system="vit_transfer")) != code.of(rule)

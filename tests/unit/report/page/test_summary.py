from emofactors.report.page.summary import study_summary, training_provenance


def test_the_summary_has_corpora_tasks_systems_and_trainings(settings_of, metadata, leaky_task):
    assert study_summary(settings_of(), {"a": metadata}, 10) == (
        "Corpus A (400 utterances, 10 speakers); 1 speaker-independent task; 1 system, 10 trainings, seeds 0, 1."
    )
    settings = settings_of(seeds=(7,))
    settings = settings.model_copy(update={"tasks": settings.tasks | {"leaky": leaky_task}})
    summary = study_summary(settings, {"a": metadata | {"whole": False}}, 1)
    assert "10 speakers, not as published)" in summary
    assert "1 speaker-independent and 1 speaker-dependent tasks" in summary
    assert summary.endswith("1 training, seed 7.")


def test_provenance_counts_the_trainings_of_each_value(run):
    found = training_provenance([run, run, run | {"device": "cuda", "versions": {"torch": "2.11.1"}}])
    assert found["device"] == {"cpu": 2, "cuda": 1}
    assert found["torch"] == {"2.11.0": 2, "2.11.1": 1}
    assert found["code of net"] == {"0123456789abcdef": 3}

import json
from pathlib import Path

import pytest
import yaml

from emofactors.config.load import load_study
from emofactors.config.page import PageSettings
from emofactors.plan.report import ReportPlan
from emofactors.report.page.costs import (
    Job,
    RuleCost,
    read_jobs,
    rule_costs,
    rule_costs_csv,
    total_cost,
    variant_costs,
    variant_costs_csv,
)

CONFIG = Path(__file__).parents[4] / "config"
SHORT = {"s": 34.2532, "h:m:s": "0:00:34", "max_rss": 860.15625, "mean_load": 27.57, "cpu_time": 9.67}
EXTENDED = SHORT | {"rule_name": "train", "threads": 2, "resources": {"_cores": 2, "gpu": 1, "tmpdir": "/tmp"}}


# --- trainings -----------------------------------------------------------------------------------------------


def test_costs_are_medians_and_resumed_trainings_have_no_times(run):
    runs = [run | {"wall_s": s, "utterances_per_s": 10 * s} for s in (10.0, 30.0)]
    runs += [run | {"wall_s": 1.0, "utterances_per_s": 999.0, "resumed_at_step": 100}]
    resumed = run | {"variant": "center", "resumed_at_step": 100}
    plain, center = variant_costs([*runs, resumed])
    assert (plain.variant, plain.n_runs, plain.parameters, plain.flops_frames) == ("plain", 3, 1234, 300)
    assert (plain.wall_s, plain.utterances_per_s, plain.inference_utterances_per_s) == (20.0, 200.0, 400.0)
    assert (center.wall_s, center.utterances_per_s, center.inference_utterances_per_s) == (None, None, None)


def test_inference_that_was_not_timed_has_no_speed(run):
    untimed = run | {"inference_utterances_per_s": None}
    assert variant_costs([untimed, run])[0].inference_utterances_per_s == 400.0
    assert variant_costs([untimed])[0].inference_utterances_per_s is None


def test_costs_as_csv_have_empty_cells_for_what_a_support_vector_machine_has_not(run):
    of_networks = ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")
    svm = run | {"variant": "svm"} | dict.fromkeys(of_networks)
    resumed = run | {"variant": "center", "resumed_at_step": 100}
    assert variant_costs_csv(variant_costs([run, resumed, svm])).splitlines() == [
        "task,system,variant,n_runs,parameters,flops,flops_frames,utterances_per_s,inference_utterances_per_s,wall_s,steps",
        "a4,net,plain,1,1234,5000000,300,50.0,400.0,10.0,300",
        "a4,net,center,1,1234,5000000,300,,,,300",
        "a4,net,svm,1,,,,,400.0,10.0,",
    ]
    assert variant_costs_csv([]).startswith("task,system,variant,")


# --- jobs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings():
    """A study of one seed with tests on another corpus, reconstructed speech, audio examples and an SVM."""
    file = CONFIG / "studies" / "nemo_factors_quick.yaml"
    study = load_study(yaml.safe_load(file.read_text(encoding="utf-8")), CONFIG)
    return PageSettings(**ReportPlan(study).page_settings(None))


@pytest.fixture
def end_job(tmp_path):
    """Function of a path and the lines of a benchmark, or none: write the log and the benchmark of a job."""

    def end(name, *lines):
        for kind, suffix, text in (("logs", "log", "done"), ("benchmarks", "jsonl", "\n".join(lines))):
            if suffix == "log" or lines:
                path = tmp_path / kind / f"{name}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

    return end


@pytest.fixture
def jobs_of(tmp_path, settings):
    """Function: the jobs of the study in the folders that ``end_job`` writes to."""

    def read():
        return read_jobs(settings, tmp_path / "logs", tmp_path / "benchmarks")

    return read


CLASSIFIER = "training/nemo4_groups3/factor_classifier/cycle_small_content/fold0/seed0"
DECOMPOSER = "nemo4_groups3/speechflow/cycle_small"
OF_STUDY = (
    "corpora/nemo/build_manifest",
    "corpora/nemo4_groups3/make_folds",
    "corpora/emodb4_groups3/audit_task",
    "corpora/nemo/split_manifest",
    "features/shards/nemo/original/log_mel_80/1/extract_features",
    "features/nemo/original/log_mel_80/gather_features",
    f"{CLASSIFIER}/train",
    f"{CLASSIFIER}/on_emodb4_groups3/evaluate_cross_corpus",
    "training/nemo4_groups3/factor_classifier/raw/fold2/seed0/on_nemo4_groups3/reconstructed_cycle_small_all/evaluate_cross_corpus",
    f"training/{DECOMPOSER}/fold0/seed0/train_decomposer",
    f"training/{DECOMPOSER}/fold0/seed0/reconstructed/on_emodb4_groups3/reconstruct_speech",
    f"evaluation/{DECOMPOSER}/on_nemo4_groups3/estimate_code_information",
    "evaluation/nemo4_groups3/factor_classifier/cycle_small_content/on_emodb4_groups3/score_variant",
    "report/nemo_factors_quick/factor_ablation_small/make_table",
    "report/nemo_factors_quick/code_information_small/make_figure",
    f"report/nemo_factors_quick/audio_examples/{DECOMPOSER}/render_audio_examples",
    "report/nemo_factors_quick/corpora/emodb/plot_corpus",
    "report/nemo_factors_quick/make_claims",
)
OF_OTHERS = (
    "corpora/savee/build_manifest",
    "corpora/nemo4_speakers/make_folds",
    "features/shards/nemo/noise_shift_speed/log_mel_80/0/extract_features",
    "features/shards/emodb/original/log_mel_80/1/extract_features",
    "features/nemo/original/log_mel_128/gather_features",
    CLASSIFIER.replace("seed0", "seed1") + "/train",
    CLASSIFIER.replace("fold0", "fold3") + "/train",
    CLASSIFIER.replace("cycle_small_content", "cycle_content") + "/train",
    f"{CLASSIFIER}/on_savee4_speakers/evaluate_cross_corpus",
    f"{CLASSIFIER}/on_emodb4_groups3/reconstructed_cycle_all/evaluate_cross_corpus",
    "training/emodb7_groups3/cnn_bigru/mel_center/fold0/seed0/train",
    "evaluation/emodb4_groups3/factor_classifier/cycle_small_content/on_emodb4_groups3/score_variant",
    "report/nemo_factors_quick/factor_ablation/make_table",
    "report/nemo_factors_quick/factor_ablation_small/make_figure",
    "report/nemo_factors_quick/audio_examples/nemo4_groups3/speechflow/original/render_audio_examples",
    "report/nemo_factors_quick/corpora/savee/plot_corpus",
    "report/default/factor_ablation_small/make_table",
    "report/default/make_claims",
    "report/default/corpora/emodb/plot_corpus",
    f"report/default/audio_examples/{DECOMPOSER}/render_audio_examples",
    # The cost of the page is not known before it has ended.
    "report/nemo_factors_quick/make_page",
)


def test_jobs_of_other_studies_do_not_count(jobs_of, end_job):
    for name in OF_STUDY + OF_OTHERS:
        end_job(name, json.dumps(SHORT))
    assert sorted(job.rule for job in jobs_of()) == sorted(Path(name).name for name in OF_STUDY)


def test_only_the_extended_form_has_threads_and_gpus(jobs_of, end_job):
    end_job(OF_STUDY[0], json.dumps(EXTENDED | {"resources": {"_cores": 2}}))
    end_job(f"{CLASSIFIER}/extract_attention", json.dumps(SHORT))
    end_job(f"{CLASSIFIER}/train", json.dumps(EXTENDED))
    assert jobs_of() == [
        Job("build_manifest", 34.2532, 9.67, 860.15625, 2, 0),
        Job("extract_attention", 34.2532, 9.67, 860.15625),
        Job("train", 34.2532, 9.67, 860.15625, 2, 1),
    ]


@pytest.mark.parametrize("nothing", ['"NA"', '"-"', "NaN", "null", "Infinity"])
def test_a_job_that_ended_before_the_first_sample_has_only_a_time(jobs_of, end_job, nothing):
    end_job(f"{CLASSIFIER}/train", f'{{"s": 0.2, "max_rss": {nothing}, "cpu_time": {nothing}}}')
    assert jobs_of() == [Job("train", 0.2)]


@pytest.mark.parametrize("lines", [(), ("",), ('{"s": 1',), ("[1, 2]",)])
def test_a_job_without_a_record_is_counted_but_not_measured(settings, jobs_of, end_job, lines):
    end_job(f"{CLASSIFIER}/train", *lines)
    assert jobs_of() == [Job("train")]
    (cost,) = rule_costs(settings, jobs_of(), [], ["train"])
    assert cost == RuleCost("train", 1, 0, None, None, None, None, None, None)


def test_the_last_record_of_a_job_counts(jobs_of, end_job):
    end_job(f"{CLASSIFIER}/train", '{"s": 1.0}', '{"s": 2.0}')
    assert jobs_of() == [Job("train", 2.0)]


def test_without_folders_there_are_no_jobs(jobs_of):
    assert jobs_of() == []


def run_on(device, system="factor_classifier"):
    return {"system": system, "device": device}


def test_jobs_are_summed_by_rule_in_the_order_of_the_rules(settings):
    jobs = [
        Job("train", 10.0, 8.0, 500.0, 1, 1),
        Job("train", 30.004, 20.0, 400.0, 2, 1),
        Job("train"),
        Job("evaluate_cross_corpus", 5.0, None, None, 1, 1),
        Job("make_folds", 1.0, 0.5, 90.0, 1, 0),
        Job("fit_svm", 2.0),
    ]
    runs = [run_on("cuda (A card)"), run_on("cpu (x86_64, AVX512)"), run_on("cuda (A card)")]
    rules = ["all", "make_folds", "train", "fit_svm", "train_decomposer", "evaluate_cross_corpus"]
    costs = rule_costs(settings, jobs, runs, rules)
    assert costs == [
        RuleCost("make_folds", 1, 1, 1.0, 1.0, 0.5, 90.0, "1", "processor"),
        RuleCost("train", 3, 2, 40.0, 30.0, 28.0, 500.0, "1, 2", "cpu (x86_64, AVX512); cuda (A card)"),
        RuleCost("fit_svm", 1, 1, 2.0, 2.0, None, None, None, None),
        RuleCost("evaluate_cross_corpus", 1, 1, 5.0, 5.0, None, None, "1", "GPU"),
    ]
    assert total_cost(costs) == RuleCost("total", 6, 5, 48.0, 30.0, 28.5, 500.0, None, None)
    assert rule_costs_csv(costs).splitlines()[:3] == [
        "rule,n_jobs,n_measured,wall_s,longest_wall_s,cpu_s,peak_memory_mib,threads,device",
        "make_folds,1,1,1.0,1.0,0.5,90.0,1,processor",
        'train,3,2,40.0,30.0,28.0,500.0,"1, 2","cpu (x86_64, AVX512); cuda (A card)"',
    ]


def test_a_total_without_measurements_has_none():
    total = total_cost([RuleCost("train", 2, 0, None, None, None, None, None, None)])
    assert total == RuleCost("total", 2, 0, None, None, None, None, None, None)

import json
from pathlib import Path

import pytest
import yaml

from emofactors.config.load import load_study
from emofactors.report.page.costs import (
    Job,
    RuleCost,
    costs,
    costs_csv,
    read_jobs,
    rule_costs,
    rule_costs_csv,
    total_cost,
)

CONFIG = Path(__file__).parents[4] / "config"
RUN = {
    "task": "a4",
    "system": "net",
    "variant": "plain",
    "parameters": 1234,
    "flops": 5_000_000,
    "flops_frames": 300,
    "steps": 300,
    "resumed_at_step": 0,
    "wall_s": 10.0,
    "utterances_per_s": 50.0,
    "inference_utterances_per_s": 400.0,
}
SHORT = {"s": 34.2532, "h:m:s": "0:00:34", "max_rss": 860.15625, "mean_load": 27.57, "cpu_time": 9.67}
EXTENDED = SHORT | {"rule_name": "train", "threads": 2, "resources": {"_cores": 2, "gpu": 1, "tmpdir": "/tmp"}}


# --- trainings -----------------------------------------------------------------------------------------------


def test_costs_are_medians_and_leave_out_resumed_times():
    runs = [RUN | {"wall_s": s, "utterances_per_s": 10 * s} for s in (10.0, 30.0)]
    runs += [RUN | {"wall_s": 1.0, "utterances_per_s": 999.0, "resumed_at_step": 100}]
    resumed = RUN | {"variant": "center", "resumed_at_step": 100}
    plain, center = costs([*runs, resumed])
    assert (plain.variant, plain.n_runs, plain.parameters, plain.flops_frames) == ("plain", 3, 1234, 300)
    assert (plain.wall_s, plain.utterances_per_s, plain.inference_utterances_per_s) == (20.0, 200.0, 400.0)
    assert (center.wall_s, center.utterances_per_s, center.inference_utterances_per_s) == (None, None, None)


def test_inference_that_was_not_timed_has_no_speed():
    untimed = RUN | {"inference_utterances_per_s": None}
    assert costs([untimed, RUN])[0].inference_utterances_per_s == 400.0
    assert costs([untimed])[0].inference_utterances_per_s is None


def test_a_support_vector_machine_has_no_parameters_flops_or_updates():
    of_networks = ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")
    machine = RUN | {"variant": "center"} | dict.fromkeys(of_networks)
    _, cost = costs([RUN, machine])
    assert [getattr(cost, key) for key in of_networks] == [None] * 5
    network, row = costs_csv(costs([RUN, machine])).splitlines()[1:]
    assert network == "a4,net,plain,1,1234,5000000,300,50.0,400.0,10.0,300"
    assert row == "a4,net,center,1,,,,,400.0,10.0,"


def test_costs_are_a_csv_too():
    resumed = RUN | {"variant": "center", "resumed_at_step": 100}
    assert costs_csv(costs([RUN, resumed])).splitlines() == [
        "task,system,variant,n_runs,parameters,flops,flops_frames,utterances_per_s,inference_utterances_per_s,wall_s,steps",
        "a4,net,plain,1,1234,5000000,300,50.0,400.0,10.0,300",
        "a4,net,center,1,1234,5000000,300,,,,300",
    ]
    assert costs_csv([]).startswith("task,system,variant,")


# --- jobs ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    """A study with tests on another corpus, reconstructed speech, sounds and a support vector machine, of one seed."""
    file = CONFIG / "studies" / "nemo_factors_quick.yaml"
    return load_study(yaml.safe_load(file.read_text(encoding="utf-8")), CONFIG)


@pytest.fixture
def ended(tmp_path):
    """A job that has ended: its log, and the lines of its benchmark, or none."""

    def end(name, *lines):
        for kind, suffix, text in (("logs", "log", "said"), ("benchmarks", "jsonl", "\n".join(lines))):
            if suffix == "log" or lines:
                path = tmp_path / kind / f"{name}.{suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

    return end


JUDGE = "training/nemo4_groups3/factor_classifier/cycle_small_content/fold0/seed0"
DECOMPOSER = "nemo4_groups3/speechflow/cycle_small"
OURS = (
    "corpora/nemo/build_manifest",
    "corpora/nemo4_groups3/make_folds",
    "corpora/emodb4_groups3/audit_task",
    "corpora/nemo/split_manifest",
    "features/shards/nemo/original/log_mel_80/1/extract_features",
    "features/nemo/original/log_mel_80/gather_features",
    f"{JUDGE}/train",
    f"{JUDGE}/on_emodb4_groups3/test_run",
    "training/nemo4_groups3/factor_classifier/raw/fold2/seed0/on_nemo4_groups3/reconstructed_cycle_small_all/test_run",
    f"training/{DECOMPOSER}/fold0/seed0/train_decomposer",
    f"training/{DECOMPOSER}/fold0/seed0/reconstructed/on_emodb4_groups3/reconstruct_speech",
    f"evaluation/{DECOMPOSER}/on_nemo4_groups3/estimate_code_information",
    "evaluation/nemo4_groups3/factor_classifier/cycle_small_content/on_emodb4_groups3/score_variant",
    "report/factor_ablation_small/make_table",
    "report/code_information_small/make_figure",
    f"report/sounds/{DECOMPOSER}/render_audio_examples",
    "report/corpora/emodb/plot_corpus",
)
OTHERS = (
    "corpora/savee/build_manifest",
    "corpora/nemo4_speakers/make_folds",
    "features/shards/nemo/noise_shift_speed/log_mel_80/0/extract_features",
    "features/shards/emodb/original/log_mel_80/1/extract_features",
    "features/nemo/original/log_mel_128/gather_features",
    JUDGE.replace("seed0", "seed1") + "/train",
    JUDGE.replace("fold0", "fold3") + "/train",
    JUDGE.replace("cycle_small_content", "cycle_content") + "/train",
    f"{JUDGE}/on_savee4_speakers/test_run",
    f"{JUDGE}/on_emodb4_groups3/reconstructed_cycle_all/test_run",
    "training/emodb7_groups3/cnn_bigru/mel_center/fold0/seed0/train",
    "evaluation/emodb4_groups3/factor_classifier/cycle_small_content/on_emodb4_groups3/score_variant",
    "report/factor_ablation/make_table",
    "report/factor_ablation_small/make_figure",
    "report/sounds/nemo4_groups3/speechflow/original/render_audio_examples",
    "report/corpora/savee/plot_corpus",
    # The page cannot know what it costs itself.
    "report/make_page",
)


def test_jobs_of_other_studies_do_not_count(study, tmp_path, ended):
    for name in OURS + OTHERS:
        ended(name, json.dumps(SHORT))
    jobs = read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks")
    assert sorted(job.rule for job in jobs) == sorted(Path(name).name for name in OURS)


def test_threads_and_gpus_are_known_from_the_extended_form_alone(study, tmp_path, ended):
    ended(OURS[0], json.dumps(EXTENDED | {"resources": {"_cores": 2}}))
    ended(f"{JUDGE}/extract_attention", json.dumps(SHORT))
    ended(f"{JUDGE}/train", json.dumps(EXTENDED))
    assert read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks") == [
        Job("build_manifest", 34.2532, 9.67, 860.15625, 2, 0),
        Job("extract_attention", 34.2532, 9.67, 860.15625),
        Job("train", 34.2532, 9.67, 860.15625, 2, 1),
    ]


@pytest.mark.parametrize("nothing", ['"NA"', '"-"', "NaN", "null", "Infinity"])
def test_a_job_too_short_to_be_sampled_has_a_time_alone(study, tmp_path, ended, nothing):
    ended(f"{JUDGE}/train", f'{{"s": 0.2, "max_rss": {nothing}, "cpu_time": {nothing}}}')
    assert read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks") == [Job("train", 0.2)]


@pytest.mark.parametrize("lines", [(), ("",), ('{"s": 1',), ("[1, 2]",)])
def test_without_a_record_a_job_is_there_but_not_measured(study, tmp_path, ended, lines):
    ended(f"{JUDGE}/train", *lines)
    jobs = read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks")
    assert jobs == [Job("train")]
    (cost,) = rule_costs(study, jobs, [], ["train"])
    assert cost == RuleCost("train", 1, 0, None, None, None, None, None, None)


def test_of_a_job_with_several_lines_the_last_counts(study, tmp_path, ended):
    ended(f"{JUDGE}/train", '{"s": 1.0}', '{"s": 2.0}')
    assert read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks") == [Job("train", 2.0)]


def test_without_folders_there_are_no_jobs(study, tmp_path):
    assert read_jobs(study, tmp_path / "logs", tmp_path / "benchmarks") == []


def run_on(device, system="factor_classifier"):
    return {"system": system, "device": device}


def test_rules_are_summed_in_the_order_given(study):
    jobs = [
        Job("train", 10.0, 8.0, 500.0, 1, 1),
        Job("train", 30.004, 20.0, 400.0, 2, 1),
        Job("train"),
        Job("test_run", 5.0, None, None, 1, 1),
        Job("make_folds", 1.0, 0.5, 90.0, 1, 0),
        Job("fit_svm", 2.0),
    ]
    runs = [run_on("cuda (A card)"), run_on("cpu (x86_64, AVX512)"), run_on("cuda (A card)")]
    spent = rule_costs(
        study, jobs, runs, ["all", "make_folds", "train", "fit_svm", "train_decomposer", "test_run"]
    )
    assert spent == [
        RuleCost("make_folds", 1, 1, 1.0, 1.0, 0.5, 90.0, "1", "processor"),
        RuleCost("train", 3, 2, 40.0, 30.0, 28.0, 500.0, "1, 2", "cpu (x86_64, AVX512); cuda (A card)"),
        RuleCost("fit_svm", 1, 1, 2.0, 2.0, None, None, None, None),
        RuleCost("test_run", 1, 1, 5.0, 5.0, None, None, "1", "GPU"),
    ]
    assert total_cost(spent) == RuleCost("total", 6, 5, 48.0, 30.0, 28.5, 500.0, None, None)
    assert rule_costs_csv(spent).splitlines()[:3] == [
        "rule,n_jobs,n_measured,wall_s,longest_wall_s,cpu_s,peak_memory_mib,threads,device",
        "make_folds,1,1,1.0,1.0,0.5,90.0,1,processor",
        'train,3,2,40.0,30.0,28.0,500.0,"1, 2","cpu (x86_64, AVX512); cuda (A card)"',
    ]


def test_where_nothing_was_measured_nothing_is_summed():
    total = total_cost([RuleCost("train", 2, 0, None, None, None, None, None, None)])
    assert total == RuleCost("total", 2, 0, None, None, None, None, None, None)

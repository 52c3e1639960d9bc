"""Profiles match the rules: exactly the rules with a GPU request one on a cluster."""

import re
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
DEFAULT, SLURM = (
    yaml.safe_load((REPOSITORY / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))
    for name in ("default", "slurm")
)
RULES = {
    name: body
    for file in (REPOSITORY / "workflow" / "rules").glob("*.smk")
    for name, body in re.findall(
        r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n|\n)+)", file.read_text("utf-8"), flags=re.MULTILINE
    )
}
ON_GPU = {name for name, body in RULES.items() if re.search(r"^        gpu=", body, flags=re.MULTILINE)}


def resources(rule):
    return SLURM["default-resources"] | SLURM["set-resources"].get(rule, {})


def test_exactly_the_rules_with_a_gpu_get_one_on_the_cluster():
    assert len(RULES) > len(ON_GPU) >= 6
    assert SLURM["set-resources"].keys() <= RULES.keys()
    for rule in RULES:
        expected = (1, "gpu") if rule in ON_GPU else (None, "cpu")
        assert (resources(rule).get("gpu"), resources(rule)["slurm_partition"]) == expected, rule


def test_every_job_requests_time_and_growing_memory():
    for rule in RULES:
        assert str(resources(rule)["mem_mb"]).endswith(" * attempt"), rule
        assert resources(rule)["runtime"], rule
    # A training resumes from its checkpoint, so its time does not grow.
    assert {rule for rule in RULES if isinstance(resources(rule)["runtime"], int)} == {"train", "train_decomposer"}


def test_profiles_differ_only_in_the_executor():
    assert SLURM.items() >= (DEFAULT | {"executor": "slurm"}).items()
    assert DEFAULT["executor"] == "emofactors"


def test_values_of_a_site_are_in_one_block():
    text = (REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8")
    site, rest = text.split("# --- End of your site")
    assert re.findall(r"slurm_partition: (\w+)", site) == ["cpu", "gpu"]
    for key in ("slurm_partition", "slurm_account", "slurm_extra", "gpu:"):
        assert key not in rest

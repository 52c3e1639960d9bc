from dataclasses import replace

import pytest
import torch

from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import Batch, TrainingData

DATA = TrainingData(n_bins=128, class_counts=(7,) * 7, n_frames=128)
SMALL = {
    **{"stage": "student", "patch": [12, 1], "stem": False, "stem_channels": [4, 8, 1], "coordinates": False},
    **{"teacher_depth": 3, "student_depth": 2, "dim": 16, "heads": 2, "dim_head": 8, "mlp_dim": 16, "alpha": 1.0},
}
TEACHER = SMALL | {"stage": "teacher", "stem": True, "coordinates": True}


def build(arguments, *, n_bins=12, n_frames=None, seed=0):
    torch.manual_seed(seed)
    return build_system("vit_transfer", arguments, TrainingData(n_bins, (3, 4, 5), n_frames))


def make_batch(n_frames, n_bins=12, teacher=True):
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(len(n_frames), max(n_frames), n_bins, generator=generator)
    for row, length in enumerate(n_frames):
        features[row, length:] = 0
    emotion = torch.arange(len(n_frames)) % 3
    targets = torch.randn(len(n_frames), 16, generator=generator) if teacher else None
    return Batch(features, torch.tensor(n_frames), emotion, targets)


def shuffled(batch):
    order = torch.randperm(batch.features.shape[1], generator=torch.Generator().manual_seed(1))
    return replace(batch, features=batch.features[:, order])


def test_every_variant_of_the_file_is_built(study_of_all_variants):
    study = study_of_all_variants("vit_transfer")
    system = study.systems["vit_transfer"]
    assert len(system.variants) == 18
    for variant in system.variants:
        features = study.features[system.run(variant).features]
        data = TrainingData(features.n_bins, (3, 4, 5), features.image_frames)
        build_system("vit_transfer", system.arguments(variant), data)


def test_variants_with_feature_matching_have_a_teacher(study_of_all_variants):
    system = study_of_all_variants("vit_transfer").systems["vit_transfer"]
    for variant in system.variants:
        arguments, needs = system.arguments(variant), system.needs.get(variant)
        matches = arguments["stage"] == "matched" or (arguments["stage"] == "student" and arguments["alpha"] > 0)
        assert matches == (needs is not None and needs.teacher is not None)


def test_controls_have_the_epochs_of_both_student_stages(study_of_all_variants):
    system = study_of_all_variants("vit_transfer").systems["vit_transfer"]
    epochs = {variant: system.run(variant).max_epochs for variant in system.variants}
    both = epochs["matched"] + epochs["student"]
    assert epochs["student_scratch"] == epochs["student_unmatched"] == epochs["teacher_long"] == both == 100


def test_the_student_without_the_matching_stage_differs_in_nothing_else(study_of_all_variants):
    system = study_of_all_variants("vit_transfer").systems["vit_transfer"]
    assert system.variant("student_unmatched") == system.variant("student") | {"max_epochs": 100}
    needs = {variant: system.needs[variant] for variant in ("student", "student_unmatched")}
    assert (needs["student"].initial, needs["student_unmatched"].initial) == ("matched", None)
    assert needs["student"].teacher == needs["student_unmatched"].teacher == "teacher"
    assert system.variant("teacher_long") == system.variant("teacher") | {"max_epochs": 100}


@pytest.mark.parametrize(("variant", "parameters"), [("teacher", 2_912_200), ("student", 1_417_991)])
def test_number_of_parameters_equals_the_published_one(study_of_all_variants, variant, parameters):
    arguments = study_of_all_variants("vit_transfer").systems["vit_transfer"].arguments(variant)
    system = build_system("vit_transfer", arguments, DATA)
    assert sum(p.numel() for p in system.parameters()) == parameters


def test_number_of_parameters_does_not_depend_on_the_number_of_frames(study_of_all_variants):
    arguments = study_of_all_variants("vit_transfer").systems["vit_transfer"].arguments("teacher_128xt")
    system = build_system("vit_transfer", arguments, TrainingData(128, (7,) * 7))
    assert sum(p.numel() for p in system.parameters()) == 2_912_200
    assert "coordinates" not in " ".join(system.state_dict())


@pytest.mark.parametrize("arguments", [SMALL, TEACHER], ids=["student", "teacher"])
def test_utterance_does_not_depend_on_its_batch(arguments):
    system = build(arguments).eval()
    batch = make_batch([5, 9, 7])
    together, attention = system(batch), system.class_attention(batch)
    for row, length in enumerate(batch.n_frames.tolist()):
        rows = slice(row, row + 1)
        alone = Batch(batch.features[rows, :length], batch.n_frames[rows], batch.emotion[rows])
        torch.testing.assert_close(together.logits[rows], system(alone).logits)
        torch.testing.assert_close(together.embedding[rows], system(alone).embedding)
        torch.testing.assert_close(attention[rows, :length], system.class_attention(alone))
        assert (attention[row, length:] == 0).all()


def test_equal_lengths_need_no_mask(monkeypatch):
    system, masks = build(TEACHER), []
    monkeypatch.setattr(system.stem, "forward", lambda x, valid: masks.append(valid) or x)
    system(make_batch([6, 6]))
    system(make_batch([6, 5]))
    assert masks[0] is None
    assert masks[1].tolist() == [[True] * 6, [True] * 5 + [False]]


@pytest.mark.parametrize(
    ("stem", "coordinates", "depends_on_order"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_only_stem_and_coordinates_depend_on_the_order_of_the_frames(stage, stem, coordinates, depends_on_order):
    system = build(SMALL | {"stage": stage, "stem": stem, "coordinates": coordinates}).eval()
    batch = make_batch([16, 16])
    change = (system(batch).logits - system(shuffled(batch)).logits).abs().max().item()
    assert change > 1e-3 if depends_on_order else change < 1e-5


def test_teacher_is_trained_on_the_classes_only():
    system, batch = build(TEACHER), make_batch([8, 8])
    assert list(system.losses(system(batch), batch)) == ["cross_entropy"]


def test_matched_student_is_trained_on_the_embeddings_only():
    system, batch = build(SMALL | {"stage": "matched"}), make_batch([8, 8])
    output = system(batch)
    losses = system.losses(output, batch)
    assert list(losses) == ["feature_matching"]
    expected = (output.embedding - batch.teacher_embedding).abs().mean()
    torch.testing.assert_close(losses["feature_matching"], expected)
    losses["feature_matching"].backward()
    without = [name for name, p in system.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == ["classify.weight", "classify.bias"]


def test_student_is_trained_on_both_with_alpha_on_the_embeddings():
    system, batch = build(SMALL | {"alpha": 0.25}), make_batch([8, 8])
    output = system(batch)
    losses = system.losses(output, batch)
    assert list(losses) == ["cross_entropy", "feature_matching"]
    expected = -output.logits.log_softmax(dim=1)[torch.arange(2), batch.emotion].mean()
    torch.testing.assert_close(losses["cross_entropy"], expected)
    expected = 0.25 * (output.embedding - batch.teacher_embedding).abs().mean()
    torch.testing.assert_close(losses["feature_matching"], expected)


def test_student_without_alpha_needs_no_teacher():
    system, batch = build(SMALL | {"alpha": 0.0}), make_batch([8, 8], teacher=False)
    assert list(system.losses(system(batch), batch)) == ["cross_entropy"]


@pytest.mark.parametrize("stage", ["matched", "student"])
def test_missing_teacher_is_refused(stage):
    system, batch = build(SMALL | {"stage": stage}), make_batch([8, 8], teacher=False)
    with pytest.raises(InputError, match=f"stage '{stage}' .* has no teacher embeddings, expected .*needs"):
        system.losses(system(batch), batch)


def test_both_student_stages_have_one_network():
    matched, student = build(SMALL | {"stage": "matched"}), build(SMALL, seed=1)
    student.load_state_dict(matched.state_dict())
    assert torch.equal(student(make_batch([8])).embedding, matched(make_batch([8])).embedding)


@pytest.mark.parametrize("patch", [[12, 1], [1, 12], [4, 3], [3, 1]])
def test_class_attention_is_a_distribution_over_frames(patch):
    system = build(SMALL | {"patch": patch}, n_frames=12).eval()
    attention = system.class_attention(make_batch([12, 12]))
    assert attention.shape == (2, 12)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2))
    assert (attention >= 0).all()
    columns = attention.unflatten(1, (-1, patch[1]))
    torch.testing.assert_close(columns, columns[:, :, :1].expand_as(columns))


def test_class_attention_permutes_with_the_frames():
    system, batch = build(SMALL).eval(), make_batch([12])
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    moved = system.class_attention(replace(batch, features=batch.features[:, order]))
    torch.testing.assert_close(moved, system.class_attention(batch)[:, order])
    assert moved.std() > 1e-4


def test_output_is_float32_under_bfloat16():
    system, batch = build(TEACHER), make_batch([8, 8])
    with torch.autocast("cpu", torch.bfloat16):
        output = system(batch)
    assert output.logits.dtype == output.embedding.dtype == torch.float32
    torch.testing.assert_close(output.logits, system(batch).logits, rtol=0, atol=0.1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "pupil"}, "stage is 'pupil', expected one of teacher, matched, student"),
        ({"alpha": -0.5}, "alpha is -0.5, expected at least 0"),
        ({"student_depth": 0}, "student_depth is 0, expected at least 1"),
        ({"stem_channels": [4, 2]}, r"stem_channels is \[4, 2\], expected to end in 1"),
        ({"stem_channels": []}, r"stem_channels is \[\], expected"),
        ({"patch": [5, 1]}, r"patch is \[5, 1\], expected a divisor of the 12 bins of a frame"),
        ({"patch": [12]}, r"patch is \[12\], expected \[bins, frames\]"),
        ({"patch": [12, 5]}, r"patch is \[12, 5\], expected a divisor of the frames .* \(12 each\)"),
    ],
)
def test_impossible_setting_is_refused(changes, message):
    with pytest.raises(InputError, match=f"^vit_transfer: {message}"):
        build(SMALL | changes, n_frames=12)


def test_wide_patches_need_utterances_of_one_length():
    with pytest.raises(InputError, match="lengths differ"):
        build(SMALL | {"patch": [6, 2]})


def test_min_frames_are_those_of_a_patch():
    assert build(SMALL).min_frames == 1
    assert build(SMALL | {"patch": [4, 3]}, n_frames=12).min_frames == 3

"""Inputs and params of the rules of the chapter training."""

from typing import Any

from emofactors.config.study import Study
from emofactors.config.systems import Needs
from emofactors.plan import paths
from emofactors.plan.paths import Run, Wildcards


class TrainingPlan:
    """Files and settings of runs.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def run_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings that every network has."""
        return self._study.systems[wildcards.system].run(wildcards.variant).model_dump(mode="json")

    def svm_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a support vector machine."""
        return self._study.systems[wildcards.system].svm(wildcards.variant).model_dump(mode="json")

    def arguments(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the keyword arguments of the system's constructor."""
        return self._study.systems[wildcards.system].arguments(wildcards.variant)

    def classes(self, wildcards: Wildcards) -> list[str]:
        """Return the classes of the task, in order."""
        return list(self._study.tasks[wildcards.task].classes)

    def features(self, wildcards: Wildcards) -> list[str]:
        """Return the archives a variant trains on: of the corpus and its augmentation, or reconstructed speech."""
        return self._archives(wildcards, wildcards.task, wildcards.variant)

    def condition(self, wildcards: Wildcards) -> str:
        """Return the condition of the reconstructed speech a variant trains on; empty for original speech."""
        return self._study.systems[wildcards.system].run(wildcards.variant).reconstructed or ""

    def test_features(self, wildcards: Wildcards) -> list[str]:
        """Return the archives of the utterances that a test predicts."""
        return self._archives(wildcards, *self._test(wildcards))

    def test_condition(self, wildcards: Wildcards) -> str:
        """Return the condition of the reconstructed speech of a test; empty for original speech."""
        _, variant = self._test(wildcards)
        return self._study.systems[wildcards.system].run(variant).reconstructed or ""

    def test_folds(self, wildcards: Wildcards) -> str:
        """Return the folds of the task whose utterances a test predicts."""
        return paths.folds(self._test(wildcards)[0])

    def is_own_task(self, wildcards: Wildcards) -> bool:
        """Return whether a test predicts utterances of the task of the training."""
        return self._test(wildcards)[0] == wildcards.task

    def needed_runs(self, wildcards: Wildcards) -> dict[str, str]:
        """Return what a variant needs of earlier runs: embeddings of its teacher, initial weights."""
        needs = self._study.systems[wildcards.system].needs.get(wildcards.variant, Needs())
        files = {"teacher": (needs.teacher, "embeddings.npz"), "initial": (needs.initial, "model.safetensors")}
        return {
            key: paths.run_file(
                Run(wildcards.task, wildcards.system, variant, int(wildcards.fold), int(wildcards.seed)), file
            )
            for key, (variant, file) in files.items()
            if variant is not None
        }

    def input_spec(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the identity of a run and the features of its input, by which a saved model reads new audio.

        The features are None for a run on reconstructed speech, which no audio file can be turned into.
        """
        system = self._study.systems[wildcards.system]
        is_reconstructed = system.needs.get(wildcards.variant, Needs()).decomposer is not None
        features = self._study.features[system.features(wildcards.variant)]
        return {
            "task": wildcards.task,
            "corpus": self._study.tasks[wildcards.task].corpus,
            "system": wildcards.system,
            "variant": wildcards.variant,
            "fold": int(wildcards.fold),
            "seed": int(wildcards.seed),
            "method": system.method,
            "classes": self.classes(wildcards),
            "features": None if is_reconstructed else features.model_dump(mode="json"),
        }

    def manifest_of_images(self, wildcards: Wildcards) -> dict[str, str]:
        """Return the manifest, which states the longest utterance, if images are padded to it."""
        features = self.input_spec(wildcards)["features"] or {}
        manifest = paths.manifest(self._study.tasks[wildcards.task].corpus)
        return {"manifest": manifest} if features.get("pad_to_longest") else {}

    # --- decomposers ------------------------------------------------------------------------------------------

    def spectrograms(self, wildcards: Wildcards) -> str:
        """Return the archive of a decomposer's spectrograms, of its own task or of the one it reconstructs."""
        return self._archive_of_decomposer(wildcards, "features")

    def pitch(self, wildcards: Wildcards) -> str:
        """Return the archive of a decomposer's F0, likewise."""
        return self._archive_of_decomposer(wildcards, "pitch")

    def spectrogram_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a decomposer's spectrograms."""
        name = self._study.systems[wildcards.system].features(wildcards.variant)
        return self._study.features[name].model_dump(mode="json")

    def is_same_corpus(self, wildcards: Wildcards) -> bool:
        """Return whether a decomposer reconstructs the corpus it was trained on, and so may know its speakers."""
        return self._study.tasks[wildcards.task].corpus == self._study.tasks[wildcards.on_task].corpus

    def example_model(self, wildcards: Wildcards) -> str:
        """Return the weights of the decomposer of audio examples: fold 0 and the first seed."""
        return paths.run_file(self._example_run(wildcards), "model.safetensors")

    def example_folds(self, wildcards: Wildcards) -> str:
        """Return the folds of the task that trains the decomposer of audio examples."""
        return paths.folds(self._example_run(wildcards).task)

    def _example_run(self, wildcards: Wildcards) -> Run:
        seed = self._study.seeds_of(wildcards.system)[0]
        return decomposer_run(self._study, f"{wildcards.system}/{wildcards.variant}", wildcards.task, 0, seed)

    def _archive_of_decomposer(self, wildcards: Wildcards, key: str) -> str:
        task = self._study.tasks[wildcards.get("on_task", wildcards.task)]
        name = self._study.systems[wildcards.system].variant(wildcards.variant)[key]
        return paths.archive(task.corpus, paths.ORIGINAL, name)

    def _test(self, wildcards: Wildcards) -> tuple[str, str]:
        """Return the task of a test, and the variant whose input it reads."""
        on_task, reconstructed = paths.parse_evaluation_folder(wildcards.test)
        return on_task, reconstructed or wildcards.variant

    def _archives(self, wildcards: Wildcards, on_task: str, variant: str) -> list[str]:
        """Return the archives of a variant's input of a task, in the fold and seed of the wildcards."""
        system = self._study.systems[wildcards.system]
        decomposer = system.needs.get(variant, Needs()).decomposer
        if decomposer is not None:
            run = decomposer_run(self._study, decomposer, wildcards.task, int(wildcards.fold), int(wildcards.seed))
            return [paths.reconstructed_speech(run, on_task)]
        task = self._study.tasks[on_task]
        augmentations = [paths.ORIGINAL]
        if task.augmentation is not None and on_task == wildcards.task:
            augmentations.append(task.augmentation)
        return [paths.archive(task.corpus, name, system.features(variant)) for name in augmentations]


def decomposer_run(study: Study, run_key: str, task: str, fold: int, seed: int) -> Run:
    """Return the run of the decomposer that serves one fold of a task.

    Args:
        study: the study.
        run_key: ``system/variant`` of the decomposer.
        task: the task; its ``decomposed_by`` may name another one, whose only fold trains the decomposer.
        fold: number of the fold.
        seed: seed of the training.
    """
    system, variant = run_key.split("/")
    other = study.tasks[task].decomposed_by
    return Run(task, system, variant, fold, seed) if other is None else Run(other, system, variant, 0, seed)

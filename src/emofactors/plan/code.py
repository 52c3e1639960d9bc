"""Fingerprints of the code behind each rule."""

from functools import cache
from pathlib import Path

from emofactors.config.study import Study
from emofactors.jobs.fingerprint import fingerprint
from emofactors.plan.paths import Wildcards


class CodePlan:
    """The param ``code`` of each rule: a change of the code re-runs its jobs, and no others.

    Methods have the names of their rules. They name the modules that the script imports by name at run time.

    Args:
        study: the study.
        scripts: folder of the scripts.
    """

    def __init__(self, study: Study, scripts: Path) -> None:
        self._study = study
        self._scripts = scripts

    def of(self, rule: str, *lazy_imports: str) -> str:
        """Return the fingerprint of a rule's script and of the modules it imports by name."""
        return _fingerprint(self._scripts / f"{rule}.py", *lazy_imports)

    def build_manifest(self, wildcards: Wildcards) -> str:
        """Return that of a manifest, with the reader of the corpus."""
        reader = self._study.corpora[wildcards.corpus].reader
        return self.of("build_manifest", f"emofactors.corpora.readers.{reader}")

    def extract_features(self, wildcards: Wildcards) -> str:
        """Return that of an archive, with the modules of its kind of features."""
        modules = self._study.features[wildcards.features].modules
        return self.of("extract_features", *(f"emofactors.features.{module}" for module in modules))

    def train(self, wildcards: Wildcards) -> str:
        """Return that of a training, with its system."""
        return self.of("train", f"emofactors.systems.{wildcards.system}")

    def train_decomposer(self, wildcards: Wildcards) -> str:
        """Return that of the training of a decomposer, with its system."""
        return self.of("train_decomposer", f"emofactors.systems.{wildcards.system}")

    def reconstruct_speech(self, wildcards: Wildcards) -> str:
        """Return that of reconstructed speech, with the system of the decomposer."""
        return self.of("reconstruct_speech", f"emofactors.systems.{wildcards.system}")

    def evaluate_cross_corpus(self, wildcards: Wildcards) -> str:
        """Return that of the predictions on other utterances, with the system."""
        return self.of("evaluate_cross_corpus", f"emofactors.systems.{wildcards.system}")

    def extract_attention(self, wildcards: Wildcards) -> str:
        """Return that of attention maps, with the system."""
        return self.of("extract_attention", f"emofactors.systems.{wildcards.system}")

    def render_audio_examples(self, wildcards: Wildcards) -> str:
        """Return that of audio examples, with the system of the decomposer."""
        return self.of("render_audio_examples", f"emofactors.systems.{wildcards.system}")

    def plot_corpus(self, wildcards: Wildcards) -> str:
        """Return that of the overview of a corpus, with the tracker of F0."""
        return self.of("plot_corpus", f"emofactors.features.pitch_{self._study.f0_method}")

    def make_table(self, wildcards: Wildcards) -> str:
        """Return that of a table, with its kind."""
        return self.of("make_table", f"emofactors.report.tables.{self._study.tables[wildcards.table].kind}")

    def make_figure(self, wildcards: Wildcards) -> str:
        """Return that of a figure, with its kind."""
        return self.of("make_figure", f"emofactors.report.figures.{self._study.figures[wildcards.figure].kind}")


_fingerprint = cache(fingerprint)

"""Sections of config/systems/."""

from typing import Annotated, Any, Literal

from pydantic import Field

from emofactors.config.base import Name, RunKey, Section
from emofactors.config.training import RunSettings, SvmSettings


class Documented(Section):
    """One setting and its source.

    Attributes:
        key: name of the setting.
        value: its value.
        kind: ``published`` if a paper, talk or public code states it, else ``assumed``.
        why: where it is stated, or why it was chosen.
    """

    key: str
    value: Any
    kind: Literal["published", "assumed"]
    why: str


class ChangedSetting(Section):
    """A setting that a study sets.

    Attributes:
        key: its name.
        value: its value in the study.
        replaced: the value it replaces.
        variant: the variant in which the study changes it; empty for all variants.
        is_published: whether a publication states the setting.
    """

    key: str
    value: Any
    replaced: Any
    variant: str
    is_published: bool

    @property
    def departs_from_published(self) -> bool:
        """Whether the study sets a published setting to another value."""
        return self.is_published and self.value != self.replaced


class Needs(Section):
    """Runs of the same fold and seed that a variant depends on.

    Attributes:
        teacher: variant of the same system whose embeddings of the same utterances are targets.
        initial: variant of the same system whose weights initialise the training.
        decomposer: ``system/variant`` that reconstructs the speech the variant is trained on. It may be trained on
            another task, see ``TaskConfig.decomposed_by``.
    """

    teacher: Name | None = None
    initial: Name | None = None
    decomposer: RunKey | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        """The needed variants of the same system, without duplicates."""
        return tuple(dict.fromkeys(v for v in (self.teacher, self.initial) if v is not None))


class SystemConfig(Section):
    """A published method: its documented settings, and the variants that differ from them.

    Attributes:
        source: the publication.
        min_training_speakers: minimum number of training speakers of a fold.
        method: ``network`` is trained by gradient descent, once per fold and seed; ``svm`` is a support vector
            machine, fitted once per fold, as no seed changes it; ``decomposer`` is a network that separates speech
            into factors and does not classify emotions.
        settings: documented settings.
        variants: variant -> settings that differ.
        needs: variant -> runs it depends on; variants without any are left out.
        overrides: settings that the study changes in every variant.
        variant_overrides: variant -> settings that the study changes in this variant alone.
    """

    source: str
    method: Literal["network", "svm", "decomposer"] = "network"
    min_training_speakers: Annotated[int, Field(ge=1)] = 1
    settings: tuple[Documented, ...]
    variants: dict[Name, dict[str, Any]]
    needs: dict[Name, Needs] = {}
    overrides: dict[str, Any] = {}
    variant_overrides: dict[Name, dict[str, Any]] = {}

    @property
    def changed_settings(self) -> tuple[str, ...]:
        """Names of the settings that the study changes, in all variants or in some."""
        changes = (self.overrides, *self.variant_overrides.values())
        return tuple(sorted({key for change in changes for key in change}))

    def variant(self, name: str) -> dict[str, Any]:
        """Return all settings of a variant: documented values, its own changes, then the study's overrides."""
        documented = {s.key: s.value for s in self.settings}
        return documented | self.variants[name] | self.overrides | self.variant_overrides.get(name, {})

    def run(self, name: str) -> RunSettings:
        """Return the typed settings of a variant that is a network."""
        return RunSettings(**{k: v for k, v in self.variant(name).items() if k in RunSettings.model_fields})

    def features(self, name: str) -> str:
        """Return the name of a variant's features."""
        return self.variant(name)["features"]

    def svm(self, name: str) -> SvmSettings:
        """Return the settings of a variant that is a support vector machine."""
        return SvmSettings(**self.variant(name))

    def arguments(self, name: str) -> dict[str, Any]:
        """Return the keyword arguments of the system's constructor."""
        return {k: v for k, v in self.variant(name).items() if k not in RunSettings.model_fields}

    @property
    def changes(self) -> tuple[ChangedSetting, ...]:
        """The settings that the study sets, first those of all variants."""
        documented = {s.key: s.value for s in self.settings}
        replaced = {"": documented} | {v: documented | of | self.overrides for v, of in self.variants.items()}
        published = {s.key for s in self.settings if s.kind == "published"}
        return tuple(
            ChangedSetting(
                key=key,
                value=value,
                replaced=replaced[variant][key],
                variant=variant,
                is_published=key in published,
            )
            for variant, overrides in {"": self.overrides, **self.variant_overrides}.items()
            for key, value in overrides.items()
        )

    @property
    def departs_from_published(self) -> bool:
        """Whether the study sets a published setting of the system to another value."""
        return any(change.departs_from_published for change in self.changes)

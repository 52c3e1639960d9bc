"""Labels: emotions, factors of speech, conditions."""

from collections.abc import Mapping
from typing import Literal, get_args

#: Canonical emotion nouns; each reader maps the codes of its corpus to them.
EmotionNoun = Literal[
    "anger",
    "happiness",
    "sadness",
    "neutral",
    "fear",
    "disgust",
    "surprise",
    "boredom",
    "calm",
    "excitement",
    "frustration",
]

EMOTIONS: tuple[str, ...] = get_args(EmotionNoun)

OtherLabel = Literal["other", "no_agreement"]

#: Labels of a corpus that are not emotions: another emotion, and no majority among the annotators.
OTHER_LABELS: tuple[str, ...] = get_args(OtherLabel)

#: Second class of a task that detects whether one emotion is present.
ABSENT = "absent"

#: Factors into which speech is decomposed, apart from the speaker.
FACTORS = ("content", "rhythm", "pitch")

#: Conditions of reconstructed speech: the factors that are preserved. ``speaker`` preserves the speaker embedding;
#: all others use the mean speaker embedding.
Condition = Literal[
    "all", "none", "content", "rhythm", "pitch", "content_rhythm", "content_pitch", "rhythm_pitch", "speaker"
]

CONDITIONS: Mapping[Condition, tuple[str, ...]] = {
    "all": FACTORS,
    "none": (),
    "content": ("content",),
    "rhythm": ("rhythm",),
    "pitch": ("pitch",),
    "content_rhythm": ("content", "rhythm"),
    "content_pitch": ("content", "pitch"),
    "rhythm_pitch": ("rhythm", "pitch"),
    "speaker": ("speaker",),
}

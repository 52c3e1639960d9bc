"""Labels: emotions, factors of speech, conditions."""

from collections.abc import Mapping
from typing import Literal, get_args

#: The canonical emotion nouns; a reader translates its corpus' codes to these.
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

#: What a corpus may say of an utterance beside the emotions: none of the labels, and no majority.
OTHER_LABELS: tuple[str, ...] = get_args(OtherLabel)

#: The other class of a task that asks whether one emotion is present.
ABSENT = "absent"

#: What speech is taken apart into, beside the speaker.
FACTORS = ("content", "rhythm", "pitch")

#: Conditions of speech reconstructed from its factors: what is kept of it. ``speaker`` is the speaker's embedding; all
#: others have the mean speaker's.
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

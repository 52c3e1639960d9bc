"""eSpeak NG through ctypes: reproducible speech synthesis."""

import ctypes
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import espeakng_loader
import numpy as np

from emofactors.errors import InputError

SAMPLE_RATE_HZ = 22_050

#: Range of each eSpeak parameter.
RATE_WPM = (80, 450)
PITCH = (0, 99)
PITCH_RANGE = (0, 99)

# Values of speak_lib.h.
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: no thread, no sound card
_DONT_EXIT = 0x8000  # of espeak_Initialize: return an error instead of exiting if data are missing
_UTF8 = 1  # flag of espeak_Synth
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Synthesizer:
    """An instance of eSpeak NG; its output depends only on the texts it has synthesized.

    Args:
        library: shared library of eSpeak NG, not loaded elsewhere.
        data: data folder; a path of up to 150 characters.
    """

    def __init__(self, library: Path, data: Path):
        self._data = data
        self._library = ctypes.CDLL(str(library))
        self._chunks: list[np.ndarray] = []
        self._callback = _Callback(self._append)  # eSpeak holds no reference of its own
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)
        if rate != SAMPLE_RATE_HZ:
            raise InputError(f"{data}: eSpeak NG has a sample rate of {rate}, expected {SAMPLE_RATE_HZ} Hz")
        self._library.espeak_SetSynthCallback(self._callback)
        # By default the noise of breathy voices is seeded with the clock.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(0))

    def _append(self, samples: "ctypes._Pointer[ctypes.c_short]", n_samples: int, _events: int) -> int:
        """Append samples from eSpeak; return 0 to continue."""
        if samples and n_samples > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, shape=(n_samples,)).copy())
        return 0

    def synthesize(self, text: str, *, voice: str, rate_wpm: int, pitch: int, pitch_range: int) -> np.ndarray:
        """Synthesize a text.

        Args:
            text: the text.
            voice: language and variant, like ``en-us+f2``.
            rate_wpm: words per minute, 80 to 450.
            pitch: 0 to 99; 50 is the variant's own.
            pitch_range: 0 to 99; 50 is the variant's own.

        Returns:
            int16 samples at ``SAMPLE_RATE_HZ``, shape (n_samples,).

        Raises:
            InputError: if eSpeak does not know the voice, or the text has no words.
        """
        _, plus, variant = voice.partition("+")
        known = not plus or (self._data / "voices" / "!v" / variant).is_file()
        # eSpeak silently ignores unknown variants.
        if not known or self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(f"voice {voice!r} is unknown to eSpeak NG, expected one like en-us+f2")
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks.clear()
        encoded = text.encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        self._library.espeak_Synth(encoded, size, 0, 0, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate([np.zeros(0, np.int16), *self._chunks])
        if not samples.any():
            raise InputError(f"text {text!r} gives no speech, expected words")
        return samples

    def close(self) -> None:
        """Free eSpeak's memory; the instance cannot be used afterwards."""
        self._library.espeak_Terminate()


@contextmanager
def fresh_synthesizer() -> Iterator[Synthesizer]:
    """Yield a new instance of eSpeak NG.

    The phases of oscillators, flutter and echo carry over from one utterance to the next, and neither termination
    nor seeding resets them. Only a newly loaded library has a fresh state, and the loader loads a file only once,
    so each instance loads its own copy. The data folder gets a short path because eSpeak truncates long ones.

    Raises:
        InputError: if eSpeak NG does not start.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source = Path(espeakng_loader.get_library_path())
        library = Path(shutil.copy(source, Path(folder) / source.name))
        data = Path(folder) / "espeak-ng-data"
        data.symlink_to(espeakng_loader.get_data_path(), target_is_directory=True)
        synthesizer = Synthesizer(library, data)
        try:
            yield synthesizer
        finally:
            synthesizer.close()

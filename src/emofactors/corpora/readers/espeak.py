"""eSpeak NG through ctypes: text to samples, the same in every process."""

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

#: Lowest and highest value of the parameters eSpeak takes.
RATE_WPM = (80, 450)
PITCH = (0, 99)
PITCH_RANGE = (0, 99)

# Values of speak_lib.h.
_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: no thread, no sound card
_DONT_EXIT = 0x8000  # of espeak_Initialize: missing data is a return value, not the end of the process
_UTF8 = 1  # flag of espeak_Synth
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Synthesizer:
    """One loaded eSpeak NG; what it says depends on what it said before, and on nothing else.

    Args:
        library: shared library of eSpeak NG, loaded by nobody else.
        data: its data folder; a path of up to 150 characters.
    """

    def __init__(self, library: Path, data: Path):
        self._data = data
        self._library = ctypes.CDLL(str(library))
        self._chunks: list[np.ndarray] = []
        self._callback = _Callback(self._keep)  # eSpeak holds no reference of its own
        rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DONT_EXIT)
        if rate != SAMPLE_RATE_HZ:
            raise InputError(f"{data}: eSpeak NG starts with {rate}, expected {SAMPLE_RATE_HZ} Hz")
        self._library.espeak_SetSynthCallback(self._callback)
        # It seeds the noise of breathy voices by the clock.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(0))

    def _keep(self, samples: "ctypes._Pointer[ctypes.c_short]", n_samples: int, _events: int) -> int:
        """Copy what eSpeak hands over; 0 asks for more."""
        if samples and n_samples > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, shape=(n_samples,)).copy())
        return 0

    def say(self, text: str, *, voice: str, rate_wpm: int, pitch: int, pitch_range: int) -> np.ndarray:
        """Speak a text.

        Args:
            text: what to say.
            voice: language and variant, like ``en-us+f2``.
            rate_wpm: words a minute, 80 to 450.
            pitch: 0 to 99; 50 is the variant's own.
            pitch_range: 0 to 99; 50 is the variant's own.

        Returns:
            int16 samples at ``SAMPLE_RATE_HZ``, shape (n_samples,).

        Raises:
            InputError: if eSpeak does not know the voice, or the text has nothing to say.
        """
        _, plus, variant = voice.partition("+")
        known = not plus or (self._data / "voices" / "!v" / variant).is_file()
        # A variant eSpeak does not know it leaves out without a word.
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
            raise InputError(f"text {text!r} has nothing to say, expected words")
        return samples

    def close(self) -> None:
        """Free eSpeak's memory; it says nothing more."""
        self._library.espeak_Terminate()


@contextmanager
def fresh_synthesizer() -> Iterator[Synthesizer]:
    """An eSpeak NG that has said nothing yet.

    The phase of its oscillators, flutter and echo go on from one utterance to
    the next, and neither terminating nor seeding it resets them. Only a
    library that is loaded anew starts anew, and a loader loads a file once:
    so each gets a copy. The data folder gets a short path, because eSpeak
    cuts off a long one.

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

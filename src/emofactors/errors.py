"""Error for invalid user input."""


class InputError(ValueError):
    """A file, a key or a corpus of the user is invalid.

    The message names the file or key, the value, and what was expected, one line
    per fault. Jobs and commands print it without a traceback. It may contain names
    of an untrusted corpus, so control and unprintable characters are escaped.
    """

    def __str__(self) -> str:
        """Return the message with unprintable characters escaped."""
        return printable(super().__str__())


def printable(text: str) -> str:
    """Escape control and unprintable characters except line ends."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)

"""The one error a user can act on: bad input, said in one line."""


class InputError(ValueError):
    """Something the user gave is wrong: a file, a key or a corpus.

    Its message names the file or key, the value, and what was expected, one
    line for each thing that is wrong. A job that meets it prints the message
    without a traceback. A name in it may come from a stranger's corpus: what a
    terminal would obey, or could not show, is written as its code.
    """

    def __str__(self) -> str:
        """The message, printable."""
        return printable(super().__str__())


def printable(text: str) -> str:
    """A text with whatever a terminal would obey, or could not show, written as its code; ends of lines stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)

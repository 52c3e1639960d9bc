"""The one error a user can act on: bad input, said in one line."""


class InputError(ValueError):
    """Something the user gave is wrong: a file, a key or a corpus.

    Its message names the file or key, the value, and what was expected, one
    line for each thing that is wrong. A job that meets it prints the message
    without a traceback.
    """

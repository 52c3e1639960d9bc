"""Augmented copies of utterances: how one is named, so that it never loses its original."""

#: Stands between the name of an original and the kind of its copy; no utterance of a corpus has it in its name.
COPY_MARK = "~"


def copy_name(original: str, kind: str) -> str:
    """Name of the copy of an utterance.

    Example:
        >>> copy_name("03a01Fa", "noise")
        '03a01Fa~noise'
    """
    return f"{original}{COPY_MARK}{kind}"


def original_of(utterance: str) -> str:
    """Name of what a copy was made of; of any other utterance its own.

    Example:
        >>> original_of("03a01Fa~noise"), original_of("03a01Fa")
        ('03a01Fa', '03a01Fa')
    """
    return utterance.partition(COPY_MARK)[0]

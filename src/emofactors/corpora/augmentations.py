"""Names of augmented copies of utterances: the name of a copy contains that of its original."""

#: Separates the name of the original from the kind of copy; not allowed in the name of an utterance.
COPY_MARK = "~"


def copy_name(original: str, kind: str) -> str:
    """Return the name of an augmented copy.

    Example:
        >>> copy_name("03a01Fa", "noise")
        '03a01Fa~noise'
    """
    return f"{original}{COPY_MARK}{kind}"


def original_of(utterance: str) -> str:
    """Return the name of the original of a copy; the name itself if it is not a copy.

    Example:
        >>> original_of("03a01Fa~noise"), original_of("03a01Fa")
        ('03a01Fa', '03a01Fa')
    """
    return utterance.partition(COPY_MARK)[0]

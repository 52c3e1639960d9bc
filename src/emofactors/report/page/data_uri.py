"""Data URIs: files as part of the page."""

from base64 import b64encode


def data_uri(media_type: str, content: bytes) -> str:
    """Return content as a data URI; as the source of an image, no script in it can run."""
    return f"data:{media_type};base64,{b64encode(content).decode('ascii')}"

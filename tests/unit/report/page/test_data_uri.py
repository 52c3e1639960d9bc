from base64 import b64decode

from emofactors.report.page.data_uri import data_uri


def test_a_data_uri_has_the_media_type_and_the_content():
    head, _, content = data_uri("image/svg+xml", b"<svg>\xff</svg>").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b64decode(content) == b"<svg>\xff</svg>"

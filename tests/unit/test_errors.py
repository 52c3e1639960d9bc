from emofactors.errors import InputError


def test_control_characters_are_escaped():
    assert str(InputError("a\x1b[31m\rb\u202ec\udcff.wav: is missing\nä: is missing")) == (
        "a\\x1b[31m\\rb\\u202ec\\udcff.wav: is missing\nä: is missing"
    )

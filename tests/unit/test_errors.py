from emofactors.errors import InputError


def test_what_a_terminal_would_obey_is_written_as_its_code():
    assert str(InputError("a\x1b[31m\rb\u202ec\udcff.wav: is none\nä: likewise")) == (
        "a\\x1b[31m\\rb\\u202ec\\udcff.wav: is none\nä: likewise"
    )

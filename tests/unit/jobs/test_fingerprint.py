import pytest

from emofactors.jobs import fingerprint as provenance


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules and a script that reaches two of them."""
    files = {
        "__init__.py": "",
        "a.py": '"""A."""\nfrom emofactors.b import f\n\ndef g():\n    """Say."""\n    return f()  # one\n',
        "b.py": "def f():\n    return 1\n",
        "door/__init__.py": "def choose(name):\n    from emofactors.door.c import thing\n    return thing\n",
        "door/c.py": "thing = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    script = tmp_path / "script.py"
    script.write_text("from emofactors.a import g\nfrom emofactors.door import choose\n\ng()\n")
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)

    def fingerprint(*doors):
        provenance._code_hash.cache_clear()
        provenance._package_imports.cache_clear()
        return provenance.fingerprint(script, *doors)

    return tmp_path, fingerprint


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("a.py", "Say.", "Tell."), ("a.py", "# one", "# two"), ("a.py", "f()  #", "f()    #"), ("a.py", "A.", "B.")],
)
def test_docstrings_comments_and_layout_are_no_code(package, file, old, new):
    root, fingerprint = package
    before = fingerprint()
    edit(root / file, old, new)
    assert fingerprint() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("a.py", "return f()", "return f() + 1"), ("b.py", "1", "2"), ("script.py", "g()\n", "")],
)
def test_code_of_any_module_behind_the_script_counts(package, file, old, new):
    root, fingerprint = package
    before = fingerprint()
    edit(root / file, old, new)
    assert fingerprint() != before


def test_what_lies_behind_a_door_counts_where_it_is_named(package):
    root, fingerprint = package
    unnamed, named = fingerprint(), fingerprint("emofactors.door.c")
    edit(root / "door" / "c.py", "1", "2")
    assert fingerprint() == unnamed
    assert fingerprint("emofactors.door.c") != named


def test_a_missing_module_is_an_error(package):
    _, fingerprint = package
    with pytest.raises(ModuleNotFoundError, match=r"emofactors\.door\.missing"):
        fingerprint("emofactors.door.missing")

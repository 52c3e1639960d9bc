import pytest

from emofactors.jobs import fingerprint as module


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package and a script that imports some of its modules, and one lazily."""
    files = {
        "__init__.py": "",
        "a.py": '"""A."""\nfrom emofactors.b import f\n\ndef g():\n    """Say."""\n    return f()  # one\n',
        "b.py": "def f():\n    return 1\n",
        "lazy/__init__.py": "def choose(name):\n    from emofactors.lazy.c import thing\n    return thing\n",
        "lazy/c.py": "thing = 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    script = tmp_path / "script.py"
    script.write_text("from emofactors.a import g\nfrom emofactors.lazy import choose\n\ng()\n")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)

    def fingerprint(*lazy_imports):
        module._read.cache_clear()
        module._find_file.cache_clear()
        return module.fingerprint(script, *lazy_imports)

    return tmp_path, fingerprint


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("a.py", "Say.", "Tell."), ("a.py", "# one", "# two"), ("a.py", "f()  #", "f()    #"), ("a.py", "A.", "B.")],
)
def test_docstrings_comments_and_layout_do_not_count(package, file, old, new):
    root, fingerprint = package
    before = fingerprint()
    edit(root / file, old, new)
    assert fingerprint() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("a.py", "return f()", "return f() + 1"), ("b.py", "1", "2"), ("script.py", "g()\n", "")],
)
def test_code_of_every_imported_module_counts(package, file, old, new):
    root, fingerprint = package
    before = fingerprint()
    edit(root / file, old, new)
    assert fingerprint() != before


def test_a_lazily_imported_module_counts_if_it_is_passed(package):
    root, fingerprint = package
    without, with_lazy = fingerprint(), fingerprint("emofactors.lazy.c")
    edit(root / "lazy" / "c.py", "1", "2")
    assert fingerprint() == without
    assert fingerprint("emofactors.lazy.c") != with_lazy


def test_a_missing_module_is_refused(package):
    _, fingerprint = package
    with pytest.raises(ModuleNotFoundError, match=r"emofactors\.lazy\.missing"):
        fingerprint("emofactors.lazy.missing")

import io
import zipfile

import numpy as np
import pytest

from emofactors.errors import InputError
from emofactors.io.npz import read_npz


def archive(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def claiming(shape: tuple[int, ...]) -> bytes:
    """An archive with an array whose header claims a shape larger than its data."""
    member, content = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.npy", member.getvalue())
    return content.getvalue()


def without_arrays() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.npy", b"text")
    return content.getvalue()


def test_arrays_are_read_unchanged(tmp_path):
    (tmp_path / "a.npz").write_bytes(archive(names=np.array(["03", "ä"]), values=np.eye(2)))
    read = read_npz(tmp_path / "a.npz", "arrays", ["names"])
    assert read["names"].tolist() == ["03", "ä"]
    np.testing.assert_array_equal(read["values"], np.eye(2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not an archive of arrays"),
        (b"PK\x03\x04", "is not an archive of arrays"),
        (archive(a=np.eye(9))[:-30], "is not an archive of arrays"),
        (archive(a=np.eye(9)).replace(b"\xf0\x3f", b"\xf1\x3f", 1), "is not an archive of arrays"),
        (archive(a=np.array([{}, {}], dtype=object)), "is not an archive of arrays"),
        (claiming((2**60,)), "is not an archive of arrays"),
        (claiming((10,)), "is not an archive of arrays"),
        (without_arrays(), "is not an archive of arrays"),
        (archive(b=np.eye(2)), "lacks a; expected arrays with arrays a"),
    ],
)
def test_a_damaged_archive_is_reported_in_one_line(tmp_path, content, reason):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_npz(tmp_path / "a.npz", "arrays", ["a"])
    assert str(error.value).startswith(f"{tmp_path / 'a.npz'}: {reason}")
    assert str(error.value).endswith("; delete it and run again")
    assert "\n" not in str(error.value)


def test_a_missing_archive_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"a\.npz: is missing; expected arrays; run again to make it$"):
        read_npz(tmp_path / "a.npz", "arrays")

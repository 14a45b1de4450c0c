"""`covertreex.cli.reading`: the same points from every format, to the last bit."""

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from covertreex.cli.reading import read_points, text

ARRAY = np.random.default_rng(1).normal(size=(40, 3)) * 10.0 ** np.arange(-8, 12, 7)
ROWS = [",".join(map(repr, row)) for row in ARRAY.tolist()]


def written(folder, suffix):
    path = folder / f"points{suffix}"
    if suffix == ".npy":
        np.save(path, ARRAY)
    elif suffix == ".npz":
        np.savez_compressed(path, only=ARRAY)
    elif suffix == ".parquet":
        pq.write_table(pa.table(dict(zip("xyz", ARRAY.T, strict=True))), path, row_group_size=7)
    else:
        lines = "\n".join(["x,y,z", *ROWS, ""])
        path.write_text(lines.replace(",", "\t") if suffix == ".tsv" else lines)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".tsv", ".parquet"])
def test_every_format_keeps_every_bit(folder, suffix):
    points = read_points(written(folder, suffix))
    assert points.array.tobytes() == ARRAY.tobytes()
    assert points.names == (("x", "y", "z") if suffix not in (".npy", ".npz") else None)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".tsv", ".parquet"])
def test_columns_are_chosen_in_the_order_given(folder, suffix):
    columns = ["2", "0"] if suffix in (".npy", ".npz") else ["z", "x"]
    points = read_points(written(folder, suffix), columns=columns)
    assert np.array_equal(points.array, ARRAY[:, [2, 0]])


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"\xef\xbb\xbfx,y\n1,2\n3,4\n", ("x", "y")),
        (b"\xef\xbb\xbf1,2\n3,4\n", None),
        (b"x,y\r\n1,2\r\n3,4\r\n", ("x", "y")),
        (b"1,2\n3,4", None),
        (b'"x","y"\n"1","2"\n"3","4"\n', ("x", "y")),
        (b"\n x , y \n\n 1, 2\n3,4\n\n", ("x", "y")),
        (b"x,y\r1,2\r3,4\r", ("x", "y")),
    ],
    ids=["mark", "mark alone", "CRLF", "no header", "quoted", "blanks", "CR"],
)
def test_text_as_other_programs_write_it(folder, content, names):
    path = folder / "in.csv"
    path.write_bytes(content)
    points = read_points(path)
    assert np.array_equal(points.array, [[1, 2], [3, 4]])
    assert points.names == names


def test_text_columns_that_are_not_chosen_may_hold_anything(folder):
    path = folder / "in.csv"
    path.write_text('name,x,y\n"oak, old",1,2\n"ash\ntree",3,4\n')
    points = read_points(path, columns=["x", "y"])
    assert np.array_equal(points.array, [[1, 2], [3, 4]])
    path.write_text('name,x,y\n"ash\ntree",3,4\noak,1,b\n')
    with pytest.raises(ValueError, match="line 4, column 'y' is 'b'"):
        read_points(path, columns=["x", "y"])


def test_a_name_of_two_words_is_no_row_apart_by_spaces(folder):
    (folder / "in.csv").write_text("tree height\n1.5\n2\n")
    assert np.array_equal(read_points(folder / "in.csv").array, [[1.5], [2]])
    (folder / "in.csv").write_text("x_1,h\u00f6he\n1,2\n")
    assert read_points(folder / "in.csv").names == ("x_1", "h\u00f6he")


@pytest.mark.parametrize("array", [np.asfortranarray(ARRAY), ARRAY.astype(">f8"), ARRAY[::2]])
def test_arrays_in_any_layout(folder, array):
    np.save(folder / "in.npy", array)
    assert np.array_equal(read_points(folder / "in.npy").array, array)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_other_numbers_become_float64(folder, dtype):
    array = np.arange(6).reshape(3, 2).astype(dtype)
    np.save(folder / "in.npy", array)
    assert read_points(folder / "in.npy").array.dtype == np.float64
    pq.write_table(pa.table({"a": array[:, 0], "b": array[:, 1]}), folder / "in.parquet")
    assert np.array_equal(read_points(folder / "in.parquet").array, array)


def test_an_array_of_an_npz_is_named_by_key(folder):
    np.savez(folder / "in.npz", a=ARRAY, b=-ARRAY)
    assert np.array_equal(read_points(folder / "in.npz", key="b").array, -ARRAY)
    with pytest.raises(ValueError, match="array 'c' is not there; it has a, b"):
        read_points(folder / "in.npz", key="c")


def test_text_is_read_in_memory_of_its_numbers(folder, monkeypatch):
    """A block of text at a time, whatever the file's size: 4 MB of text, 0.6 MB of numbers."""
    monkeypatch.setattr(text, "BLOCK", 512)
    path = folder / "in.csv"
    path.write_text("x,note\n" + f"1.25,{'n' * 50}\n" * 70_000)
    read_points(path, columns=["x"])  # what is imported first
    tracemalloc.start()
    points = read_points(path, columns=["x"])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert points.array.nbytes == 560_000
    assert most < 3 * points.array.nbytes < path.stat().st_size


def test_names_are_read_without_what_other_formats_need(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read_points(written(folder, ".csv")).array.shape == (40, 3)
    assert Path("points.csv").exists()

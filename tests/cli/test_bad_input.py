"""Each bad input is one line on the standard error, an exit code, and no file."""

import errno
import os
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from covertreex.cli.exits import Exit
from covertreex.cli.reading import text

GOOD = np.arange(30.0).reshape(10, 3)
NAN = np.where(GOOD == 13.0, np.nan, GOOD)
OBJECTS = np.array([[1, "a"]], object)
LYING = (
    b"\x93NUMPY\x01\x00"
    + (118).to_bytes(2, "little")
    + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }".ljust(117)
    + b"\n"
)


def data(name, content):
    """Make a file of text or bytes."""
    content = content.encode() if isinstance(content, str) else content
    return lambda: Path(name).write_bytes(content)


def npy(array):
    return lambda: np.save("in.npy", array, allow_pickle=True)


def header(text):
    """Make an npy of this header, and 240 bytes of numbers."""
    text = text.encode().ljust(117) + b"\n"
    start = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little")
    return data("in.npy", start + text + GOOD.tobytes())


def shape(text):
    return header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {text}, }}")


def zipped(make):
    """Make an npz of such an npy."""

    def made():
        make()
        with zipfile.ZipFile("in.npz", "w") as archive:
            archive.write("in.npy", "a.npy")

    return made


def npz(**arrays):
    return lambda: np.savez("in.npz", **arrays)


def csv(content):
    return data("in.csv", content)


def parquet(**columns):
    return lambda: pq.write_table(pa.table(columns), "in.parquet")


def cut(make, name):
    """Make a file, and cut it off."""

    def made():
        make()
        os.truncate(name, int(Path(name).stat().st_size * 0.6))

    return made


def flipped():
    np.savez("in.npz", a=np.ones((50, 3)))
    content = bytearray(Path("in.npz").read_bytes())
    content[600] ^= 7
    Path("in.npz").write_bytes(content)


def encrypted():
    np.savez("in.npz", a=np.ones((5, 3)))
    content = bytearray(Path("in.npz").read_bytes())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(magic) + at] |= 1
    Path("in.npz").write_bytes(content)


def footer(old, new):
    """Make a parquet file of 40 rows, and change some bytes of its footer, once."""

    def made():
        pq.write_table(pa.table({"x": np.arange(40.0)}), "in.parquet")
        content = Path("in.parquet").read_bytes()
        first = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        assert old in content[first:]
        Path("in.parquet").write_bytes(content[:first] + content[first:].replace(old, new, 1))

    return made


ROWS = b"\x00\x16\x50\x19"
"""A footer's number of rows, 40, as thrift writes it, between its neighbours."""


def no_arrays():
    with zipfile.ZipFile("in.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")


FILES = {
    "missing": (lambda: None, "in.npy", r"in\.npy cannot be read: there is none"),
    "folder": (lambda: Path("in.npy").mkdir(), "in.npy", r"in\.npy is a directory"),
    "empty": (csv(""), "in.csv", r"in\.csv is an empty file"),
    "suffix": (data("in.xls", "1"), "in.xls", r"suffix '\.xls'.*\.csv"),
    "no suffix": (data("in", "1"), "in", r"suffix ''"),
    "not npy": (data("in.npy", "1,2\n" * 9), "in.npy", r"not a whole npy"),
    "pickle": (data("in.npy", b"\x80\x04K\x01."), "in.npy", r"not a whole npy"),
    "npy cut": (cut(npy(GOOD), "in.npy"), "in.npy", r"cut off.*\(10, 3\).*240 bytes"),
    "npy header cut": (data("in.npy", LYING[:40]), "in.npy", r"not a whole npy"),
    "npy lies": (data("in.npy", LYING), "in.npy", r"cut off.*and 0 follow"),
    "npy token": (header("{'descr': '<f8"), "in.npy", r"not a whole npy"),
    "npy bracket": (header("{'descr': ("), "in.npy", r"not a whole npy"),
    "npy syntax": (header("{'descr' '<f8'}}"), "in.npy", r"not a whole npy"),
    "npy null": (header("{'descr': '<f8',\0"), "in.npy", r"not a whole npy"),
    "npy unhashable": (header("{[]: 1}"), "in.npy", r"not a whole npy"),
    "npy below zero": (shape("(-1, 3)"), "in.npy", r"the shape \(-1, 3\), which no array has"),
    "npy true": (shape("(True, 3)"), "in.npy", r"the shape \(True, 3\), which no array has"),
    "npy huge": (shape(f"(0, {10**23})"), "in.npy", r"no array has"),
    "npy deep": (shape("(" + "1," * 33 + ")"), "in.npy", r"which no array has"),
    "npz token": (zipped(header("{'descr': '<f8")), "in.npz", r"in\.npz:a is not a whole npy"),
    "npz below zero": (zipped(shape("(-1, 3)")), "in.npz", r"in\.npz:a .*which no array has"),
    "objects": (npy(OBJECTS), "in.npy", r"Python objects"),
    "strings": (npy(np.array([["a", "b"]])), "in.npy", r"dtype <U1; give real numbers"),
    "complex": (npy(GOOD * 1j), "in.npy", r"dtype complex128"),
    "1-d": (npy(GOOD[:, 0]), "in.npy", r"shape \(10,\).*reshape\(-1, 1\)"),
    "3-d": (npy(GOOD.reshape(2, 5, 3)), "in.npy", r"shape \(2, 5, 3\)"),
    "0-d": (npy(np.float64(3.0)), "in.npy", r"shape \(\)"),
    "no rows": (npy(GOOD[:0]), "in.npy", r"shape \(0, 3\) and is empty"),
    "nan": (npy(NAN), "in.npy", r"in\.npy\[4, 1\] is nan"),
    "npz keys": (npz(a=GOOD, b=GOOD), "in.npz", r"2 arrays: a, b; choose one by --key"),
    "npz cut": (cut(npz(a=GOOD), "in.npz"), "in.npz", r"not a whole npz"),
    "npz flipped": (flipped, "in.npz", r"not a whole npz.*CRC"),
    "npz encrypted": (encrypted, "in.npz", r"not a whole npz.*encrypted"),
    "npz empty": (no_arrays, "in.npz", r"holds no array"),
    "npz objects": (npz(a=OBJECTS), "in.npz", r"in\.npz:a holds Python"),
    "csv text": (csv("x,y\n1,2\n3,oak\n"), "in.csv", r"line 3, column 'y' is 'oak'"),
    "csv empty cell": (csv("x,y\n1,2\n\n3,\n"), "in.csv", r"line 4, column 'y' is empty"),
    "csv nan": (csv("x,y\n1,2\nnan,4\n"), "in.csv", r"line 3, column 'x' is 'nan'"),
    "csv inf": (csv("1,2\n3,-inf\n"), "in.csv", r"line 2, column 1 \(from 0\) is '-inf'"),
    "csv ragged": (csv("x,y\n1,2\n3,4,5\n"), "in.csv", r"line 3 has 3 cells.* 2"),
    "csv short": (csv("1,2\n3\n"), "in.csv", r"line 2 has 1 cells"),
    "csv header alone": (csv("x,y\n"), "in.csv", r"header, and no row"),
    "csv blank": (csv("\n\n"), "in.csv", r"nothing but empty lines"),
    "csv mixed": (csv("1,oak\n2,3\n"), "in.csv", r"line 1, column 1 .* 'oak' among numbers"),
    "csv semicolons": (csv("x;y\n1;2\n"), "in.csv", r"semicolons and no commas"),
    "csv decimal commas": (csv("x;y\n1,5;2,5\n"), "in.csv", r"semicolons and no commas"),
    "csv tabs": (csv("x\ty\n1\t2\n"), "in.csv", r"tabs and no commas"),
    "csv spaces": (csv("1 2\n3 4\n"), "in.csv", r"line 1 has spaces between numbers; .*commas"),
    "csv spaces below": (csv("x y\n1 2\n"), "in.csv", r"line 2 has spaces between numbers"),
    "csv underscore": (csv("x,y\n1,2\n3,1_000\n"), "in.csv", r"line 3, column 'y' is '1_000', not"),
    "csv wide digits": (
        csv("x,y\n1,2\n3,\N{FULLWIDTH DIGIT ONE}\n"),
        "in.csv",
        r"line 3, column 'y' is .*, not a number",
    ),
    "csv long cell": (csv("1,2\n3," + "9" * 5000), "in.csv", r"is '9{40}'\.\.\.; every number"),
    "csv latin": (csv(b"\xe9,y\n1,2\n"), "in.csv", r"not UTF-8"),
    "csv utf-16": (csv("x,y\n1,2\n".encode("utf-16")), "in.csv", r"not UTF-8"),
    "csv quote": (csv('x,y\n1,"2\n3,4\n'), "in.csv", r"line 3: unexpected end"),
    "csv line": (csv("1," * (text.LINE_LIMIT + 9)), "in.csv", r"line 1 is longer than"),
    "not parquet": (data("in.parquet", "PAR1 no"), "in.parquet", r"not a whole parquet"),
    "parquet cut": (cut(parquet(x=[1.0] * 9), "in.parquet"), "in.parquet", r"not a whole parquet"),
    "parquet a row more": (
        footer(ROWS, b"\x00\x16\x52\x19"),
        "in.parquet",
        r"tells of 41 rows, and 40 are there",
    ),
    "parquet rows more": (
        footer(ROWS, b"\x00\x16\x78\x19"),
        "in.parquet",
        r"tells of 60 rows, and 40 are there",
    ),
    "parquet a row less": (
        footer(ROWS, b"\x00\x16\x4e\x19"),
        "in.parquet",
        r"tells of 39 rows, and 40 are there",
    ),
    "parquet rows below zero": (
        footer(ROWS, b"\x00\x16\x4f\x19"),
        "in.parquet",
        r"not a whole parquet",
    ),
    "parquet name": (
        footer(b"\x18\x01x", b"\x18\x01\xf8"),
        "in.parquet",
        r"not a whole parquet",
    ),
    "parquet text": (parquet(x=[1.0], y=["a"]), "in.parquet", r"column 'y' is of type string"),
    "parquet null": (parquet(x=[1.0, None]), "in.parquet", r"row 1 .*column 'x' is null"),
    "parquet nan": (parquet(x=[1.0, float("nan")]), "in.parquet", r"row 1 .*is nan"),
    "parquet twice": (
        lambda: pq.write_table(pa.table([[1.0], [2.0]], names=["x", "x"]), "in.parquet"),
        "in.parquet",
        r"2 columns are named 'x'",
    ),
    "pipe": (lambda: os.mkfifo("in.csv"), "in.csv", r"no regular file; pipes .* not read"),
    "pipe without a suffix": (lambda: os.mkfifo("in"), "in", r"pipes and the standard input are"),
    "dash": (lambda: None, "-", r"pipes and the standard input are not read"),
    "parquet empty": (
        parquet(x=pa.array([], pa.float64())),
        "in.parquet",
        r"shape \(0, 1\) and is empty",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_one_line(name, refused):
    make, file, says = FILES[name]
    make()
    line = refused(Exit.BAD_INPUT, "neighbors", file, "-k", 2, "-o", "out.npz")
    assert re.search(says, line), line
    assert file in line


OPTIONS = {
    "no k": ((), 2, r"Missing option .*-k"),
    "k zero": (("-k", 0), 2, r"-k.*k is 0; it must be within 1"),
    "k endless": (("-k", "9" * 5000), 2, r"-k.*'9{40}'\.\.\. is no whole number of at most 30"),
    "k huge": (("-k", 2**70, "--predecessors"), 2, r"-k.*k is \d+; it must be within 1 and"),
    "k underscore": (("-k", "1_0"), 2, r"-k.*'1_0' is no whole number"),
    "threads endless": (("-k", 2, "--threads", "9" * 5000), 2, r"--threads.*no whole number"),
    "set endless": (("-k", 2, "--set", "threads=" + "9" * 5000), 2, r"--set.*is a whole number"),
    "scale endless": (("-k", 2, "--lengthscale", "9" * 5000 + "x"), 2, r"'9{40}'\.\.\. is not a"),
    "ids of 5000 digits": (("-k", 2, "--ids", "9" * 5000), 2, r"--ids.*'9{40}'\.\.\. is no id"),
    "ids below zero": (("-k", 2, "--ids", "-3:5"), 2, r"--ids.*'-3:5' is no id"),
    "column of 5000 digits": (("-k", 2, "--columns", "9" * 5000), 3, r"'9{40}'\.\.\. is not there"),
    "k half": (("-k", "2.5"), 2, r"-k.*2\.5"),
    "k many": (("-k", 61), 3, r"k is 61, but points\.npy has 60 points"),
    "kernel": (("-k", 2, "--kernel", "matern53"), 2, r"--kernel.*did you mean 'matern52'"),
    "engine": (("-k", 2, "--engine", "rust-hilbrt"), 2, r"--engine.*mean 'rust-hilbert'"),
    "profile": (("-k", 2, "--profile", "residual-gld"), 2, r"--profile.*mean 'residual-gold'"),
    "set": (("-k", 2, "--set", "thread=2"), 2, r"--set.*did you mean 'threads'"),
    "set form": (("-k", 2, "--set", "threads"), 2, r"--set.*name=value"),
    "set metric": (
        ("-k", 2, "--set", "metric=euclidean"),
        2,
        r"--set.*metric=euclidean cannot choose.*use --metric euclidean",
    ),
    "set metric back": (
        ("-k", 2, "--metric", "euclidean", "--set", "metric=residual_correlation"),
        2,
        r"--set.*use --metric residual$",
    ),
    "threads": (("-k", 2, "--threads", 0), 2, r"--threads.*within 1"),
    "metric": (("-k", 2, "--metric", "euclid"), 2, r"--metric.*mean 'euclidean'"),
    "euclidean": (("-k", 2, "--metric", "euclidean", "--kernel", "rbf"), 2, r"--kernel.*leave it"),
    "negative": (("-k", 2, "--lengthscale", "-1"), 2, r"--lengthscale.*positive"),
    "no number": (("-k", 2, "--lengthscale", "a,1"), 2, r"--lengthscale.*'a,1'"),
    "scales": (("-k", 2, "--lengthscale", "1,2"), 3, r"2 lengthscales .*3 coordinates"),
    "variance": (("-k", 2, "--variance", "-2"), 2, r"--variance.*must lie within"),
    "inducing": (("-k", 2, "--inducing", 0), 2, r"--inducing.*at least 1"),
    "seed": (("-k", 2, "--seed", -1), 2, r"--seed.*within 0"),
    "dtype": (("-k", 2, "--block-dtype", "float16"), 2, r"--block-dtype.*float32"),
    "ids text": (("-k", 2, "--ids", "1,b"), 2, r"--ids.*'b' is no id"),
    "ids range": (("-k", 2, "--ids", "9:9"), 2, r"--ids.*empty"),
    "ids outside": (("-k", 2, "--ids", "0,60"), 3, r"--ids names 60; ids lie within 0 and 59"),
    "ids endless": (("-k", 2, "--ids", "0:9000000000000000000000"), 3, r"--ids names 8999"),
    "both": (("-k", 2, "--ids", "1", "--queries", "points.npy"), 2, r"not both"),
    "order": (("-k", 2, "--predecessors", "--queries", "points.npy"), 2, r"--predecessors"),
    "columns": (("-k", 2, "--columns", "0,3"), 3, r"column '3' is not there.*0 to 2"),
    "key": (("-k", 2, "--key", "a"), 3, r"points\.npy is no npz"),
    "queries key": (
        ("-k", 2, "--queries", "one.csv", "--queries-key", "a"),
        3,
        r"one\.csv is no npz, so there is no array 'a'",
    ),
    "queries key alone": (("-k", 2, "--queries-key", "a"), 2, r"--queries-key.*there is none"),
    "option": (("-k", 2, "--kernl", "rbf"), 2, r"No such option.*--kernl"),
    "json": (("-k", 2, "--json"), 2, r"--json.*give --output"),
    "out suffix": (("-k", 2, "-o", "out.xlsx"), 2, r"--output.*'\.xlsx'.*\.npz"),
    "out folder": (("-k", 2, "-o", "no/out.npz"), 4, r"the folder no is not there"),
    "out is folder": (("-k", 2, "-o", "sub.npz"), 4, r"sub\.npz is a directory"),
    "out exists": (("-k", 2, "-o", "old.npz"), 4, r"old\.npz is there already.*--force"),
    "out is input": (
        ("-k", 2, "--queries", "one.csv", "-o", "./one.csv", "--force"),
        4,
        r"one\.csv is read by this command",
    ),
    "query width": (("-k", 2, "--queries", "one.csv"), 3, r"one\.csv has 1 columns.*3"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_cannot_be_meant_is_one_line(name, refused, points, folder):
    (folder / "sub.npz").mkdir()
    (folder / "old.npz").write_bytes(b"old")
    (folder / "one.csv").write_text("x\n1\n2\n3\n")
    given, code, says = OPTIONS[name]
    if "-o" not in given and name != "json":
        given = (*given, "-o", "out.npz")
    line = refused(code, "neighbors", "points.npy", *given)
    assert re.search(says, line), line
    assert len(line) < 400


def test_an_output_that_is_there_is_refused_before_any_work(refused, folder):
    (folder / "old.npz").write_bytes(b"old")
    line = refused(Exit.CANNOT_WRITE, "neighbors", "none.npy", "-k", 2, "-o", "old.npz")
    assert "old.npz is there already" in line


def test_a_command_that_is_not_there_is_one_line(refused):
    assert "Did you mean 'neighbors'" in refused(Exit.USAGE, "neighbours")


def test_a_column_that_is_not_there_is_named(refused, folder):
    (folder / "in.csv").write_text("x,y\n1,2\n")
    line = refused(Exit.BAD_INPUT, "neighbors", "in.csv", "-k", 1, "--columns", "x,z")
    assert line == "covertreex: in.csv: column 'z' is not there; it has x, y\n"


def test_columns_of_queries_in_another_order_are_refused(refused, folder):
    (folder / "in.csv").write_text("x,y\n1,2\n")
    (folder / "queries.csv").write_text("y,x\n1,2\n")
    line = refused(Exit.BAD_INPUT, "neighbors", "in.csv", "-k", 1, "--queries", "queries.csv")
    assert "queries.csv has the columns y, x, but in.csv x, y" in line


def test_a_file_without_permission_is_one_line(refused, points, monkeypatch):
    def forbidden(self, *_, **__):  # root, whom CI may run as, is forbidden nothing
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbidden)
    line = refused(Exit.BAD_INPUT, "neighbors", "points.npy", "-k", 2)
    assert "points.npy cannot be read: its permissions forbid it" in line


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("suffix", ["npz", "csv", "parquet"])
def test_a_full_disk_leaves_what_was_there(suffix, old, refused, points, folder, monkeypatch):
    output = folder / f"out.{suffix}"
    if old is not None:
        output.write_bytes(old)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    line = refused(Exit.CANNOT_WRITE, "neighbors", "points.npy", "-k", 2, "-o", output, "--force")
    assert f"out.{suffix} cannot be written: No space left on device" in line
    assert old is None or output.read_bytes() == old


def test_build_and_query_refuse_alike(refused, command, points):
    refused(Exit.USAGE, "build", "points.npy", "-o", "tree.npz")
    refused(Exit.USAGE, "build", "points.npy")
    refused(Exit.BAD_INPUT, "query", "points.npy", "-k", 2)
    refused(Exit.BAD_INPUT, "query", "none.covertree", "-k", 2)
    assert command("build", "points.npy", "-o", "t.covertree", "--inducing", 8).code == 0
    refused(Exit.CANNOT_WRITE, "build", "points.npy", "-o", "t.covertree")
    assert "k is 99, but t.covertree has 60" in refused(3, "query", "t.covertree", "-k", 99)
    refused(Exit.USAGE, "query", "t.covertree", "-k", 2, "--columns", "x")
    refused(Exit.BAD_INPUT, "query", "t.covertree", "-k", 2, "--queries", "none.npy")
    line = refused(Exit.USAGE, "query", "t.covertree", "-k", 2, "--set", "metric=euclidean")
    assert "the tree was built for residual_correlation; leave it out" in line
    same = ("query", "t.covertree", "-k", 2, "-o", "t.npz", "--set", "metric=residual_correlation")
    assert command(*same).code == 0
    os.truncate("t.covertree", 5000)
    assert "t.covertree" in refused(Exit.BAD_INPUT, "query", "t.covertree", "-k", 2)


def test_a_package_that_is_missing_is_named_with_its_extra(refused, points, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    says = "needs pyarrow, which is not installed: pip install 'covertreex[parquet]'"
    unavailable = Exit.UNAVAILABLE
    assert says in refused(unavailable, "neighbors", "points.npy", "-k", 2, "-o", "out.parquet")
    (folder / "in.parquet").write_text("x")
    assert says in refused(unavailable, "neighbors", "in.parquet", "-k", 2)


def test_a_command_line_without_typer_is_one_line(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    assert "needs typer" in refused(Exit.UNAVAILABLE, "--help")


def test_a_fault_of_the_program_keeps_its_traceback(command, points, monkeypatch):
    def faulty(*arguments, **options):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("covertreex.cli.neighbors.search", faulty)
    with pytest.raises(ZeroDivisionError, match="ours"):
        command("neighbors", "points.npy", "-k", 2)

"""`covertreex.storage`: the same bits again, or an error that says what is wrong with the file."""

import hashlib
import json
import pickle
import re
import signal
import subprocess
import sys
import warnings
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from parity.inputs import normals

import covertreex
from covertreex import (
    RBF,
    CoverTree,
    Matern32,
    Matern52,
    ResidualPrecisionWarning,
    Runtime,
    cover_tree,
)
from covertreex.errors import (
    ConfigurationError,
    DtypeError,
    FileAccessError,
    FileFormatError,
    OutputExistsError,
)
from covertreex.search.indexes import Indexes
from covertreex.storage import checks, container

POINTS = normals(5, 3 * 300).reshape(300, 3)
ASKED = np.arange(0, 300, 17)


def own_v() -> CoverTree:
    v = normals(2, 300 * 7).reshape(300, 7) / 8.0
    return cover_tree(POINTS, Matern52(), inducing_count=9, v_matrix=v, p_diag=np.full(300, 0.5))


TREES = {
    "residual": lambda: cover_tree(POINTS, Matern52(0.7, variance=1.1), inducing_count=16, seed=4),
    "ard": lambda: cover_tree(POINTS, Matern32((0.1, 0.7, 2.0)), inducing_count=9, mis_seed=3),
    "float32": lambda: cover_tree(POINTS, Matern52(0.3), inducing_count=5, block_dtype="float32"),
    "own V": own_v,
    "Euclidean": lambda: cover_tree(POINTS, mis_seed=2**64 - 1),
    "one point": lambda: cover_tree([[2.5]], Matern52(), inducing_count=1),
    "options": lambda: cover_tree(POINTS, engine="rust-natural", threads=2),
}


@pytest.fixture(scope="module")
def trees() -> dict[str, CoverTree]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResidualPrecisionWarning)
        return {name: make() for name, make in TREES.items()}


def answers(tree: CoverTree) -> list[bytes]:
    """Of every job, by id and by coordinates where the metric has them."""
    own = (
        tree.residual is not None and len(tree.residual.cholesky) != tree.residual.v_matrix.shape[1]
    )
    asked = tree.ids[::17]
    found = [
        *tree.knn(k=min(6, len(tree))),
        *tree.knn(asked, k=1, predecessor_mode=True),
        *tree.radius(asked, 0.6),
        *(() if own else tree.knn(tree.points[:7] + 0.25, k=1)),
    ]
    return [array.tobytes() for array in found]


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("name", TREES)
def test_a_loaded_tree_is_the_tree(name: str, mapped: bool, trees, tmp_path: Path) -> None:
    tree = trees[name]
    path = tree.save(tmp_path / "a.covertree")
    again = covertreex.load(path, mmap=mapped)
    assert (again.runtime, again.next_id, again.mis_seed) == (
        tree.runtime, tree.next_id, tree.mis_seed)  # fmt: skip
    assert answers(again) == answers(tree)
    for owner, other in ((tree, again), (tree.residual, again.residual)):
        for field, array in vars(owner).items() if owner else ():
            if isinstance(array, np.ndarray):
                twin = getattr(other, field)
                assert twin.dtype == array.dtype
                assert twin.shape == array.shape
                assert twin.tobytes() == array.tobytes()
                assert not twin.flags.writeable
            elif field not in ("indexes", "residual", "evidence"):
                assert getattr(other, field) == array


@pytest.mark.parametrize("engine", ["python-numba", "rust-hilbert", "rust-natural"])
@pytest.mark.parametrize("name", ["residual", "Euclidean"])
def test_every_engine_answers_from_a_file_with_the_same_bits(name, engine, trees, tmp_path) -> None:
    path = trees[name].save(tmp_path / "a")
    runtime = trees[name].runtime.with_updates(engine=engine)
    again = CoverTree.load(path, runtime=runtime)
    assert again.runtime == runtime
    assert answers(again) == answers(trees[name])


@pytest.mark.parametrize("name", ["residual", "Euclidean"])
def test_a_loaded_tree_lives_on(name, trees, tmp_path) -> None:
    def later(tree: CoverTree) -> CoverTree:
        return tree.delete(tree.ids[[0, 7, -1]]).insert(POINTS[:5] * 0.5).delete(tree.ids[[3]])

    (tmp_path / "deep").mkdir()
    path = later(trees[name]).save(tmp_path / "deep" / "b.covertree")
    loaded = covertreex.load(path)
    path.unlink()  # what is mapped stays
    assert answers(loaded) == answers(later(trees[name]))
    assert loaded.next_id == 305
    assert answers(later(loaded.insert(POINTS[:1]))) == answers(
        later(later(trees[name]).insert(POINTS[:1])))  # fmt: skip
    assert loaded.save(path) == path  # a mapped tree is a tree


def memory_of(array: np.ndarray) -> object:
    owner: object = array
    while isinstance(owner, np.ndarray | memoryview):
        owner = owner.base if isinstance(owner, np.ndarray) else owner.obj
    return owner


def test_what_is_mapped_is_not_copied(trees, tmp_path) -> None:
    tree = covertreex.load(trees["residual"].save(tmp_path / "a"), verify=False)
    for name in ("points", "scaled", "v_matrix", "p_diag", "cholesky"):
        assert isinstance(memory_of(getattr(tree.residual, name)), mmap)
    assert tree.residual.certified
    assert not covertreex.load(trees["own V"].save(tmp_path / "b")).residual.certified


def test_saving_twice_gives_the_same_bytes(trees, tmp_path) -> None:
    one, two = (trees["residual"].save(tmp_path / name) for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_the_file_is_what_its_page_says(tmp_path) -> None:
    """A reader of another program, by ``docs/file-format.md`` alone."""
    tree = many()
    whole = tree.save(tmp_path / "a").read_bytes()
    magic, version, length = whole[:8], *np.frombuffer(whole, "<u4", 2, 8).tolist()
    assert (magic, version) == (b"\x89CTX\r\n\x1a\n", 1)
    text = whole[48 : 48 + length]
    assert hashlib.sha256(whole[:16] + text).digest() == whole[16:48]
    header = json.loads(text)
    assert list(header) == sorted(header)
    start, end = -(-(48 + length) // 4096) * 4096, 0
    arrays = {}
    for name, entry in sorted(header["arrays"].items(), key=lambda item: item[1]["offset"]):
        assert entry["offset"] == -(-end // 4096) * 4096
        count = int(np.prod(entry["shape"]))
        array = np.frombuffer(whole, entry["dtype"], count, start + entry["offset"])
        assert hashlib.sha256(array.tobytes()).hexdigest() == entry["sha256"]
        arrays[name] = array.reshape(entry["shape"])
        end = entry["offset"] + array.nbytes
    assert start + end == len(whole)
    page = (Path(__file__).parent.parent / "docs" / "file-format.md").read_text()
    _, of_header, of_arrays = re.split("^## (?:Header|Arrays)$", page, flags=re.MULTILINE)
    for named, found in ((of_header, header), (of_arrays, arrays)):
        rows = re.findall(r"^\| `([\w.]+)` \|", named, re.MULTILINE)
        assert sorted(rows) == sorted(found)
    assert (arrays["points"] == MANY).all()
    sizes, ranks = arrays["index.regions"].T
    assert arrays["index.bases"].size == (ranks**2).sum()
    assert arrays["index.coordinates"].size == (sizes * ranks).sum()
    first = arrays["index.coordinates"][: sizes[0] * ranks[0]].reshape(sizes[0], ranks[0])
    left = 1.0 - (first.astype(float) ** 2).sum(axis=1)  # of points of norm 1, beside the basis
    np.testing.assert_allclose(arrays["index.sigma"][: sizes[0]] ** 2, left, atol=1e-3)


# The index, which loading must not build again

MANY = normals(7, 2 * 2_600).reshape(2_600, 2)
LAYOUTS = {
    "hilbert": {},
    "natural": {"engine": "rust-natural"},
    "tree of coordinates": {"residual_use_static_euclidean_tree": True},
    "tree of the metric": {"residual_use_static_euclidean_tree": False, "batch_order": "natural"},
    "scan": {"kernel": RBF(1e-3)},
}


def many(**options) -> CoverTree:
    kernel = options.pop("kernel", RBF())
    return cover_tree(MANY, kernel, inducing_count=48, seed=3, runtime=Runtime(**options))


def index_of(tree: CoverTree):
    return tree.indexes.residual_correlation(tree.runtime)


def no_building(monkeypatch) -> None:
    def built(*_: object) -> None:
        raise AssertionError("an index is built")

    monkeypatch.setattr(Indexes, "_built", built)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_loaded_index_is_the_one_that_was_built(name, tmp_path, monkeypatch) -> None:
    tree = many(**LAYOUTS[name])
    loaded = covertreex.load(tree.save(tmp_path / "a"))
    no_building(monkeypatch)
    assert answers(loaded) == answers(tree)
    if name == "scan":
        assert index_of(loaded) is index_of(tree) is None
        return
    assert index_of(loaded).regions == index_of(tree).regions
    for part, twin in zip(index_of(loaded).parts, index_of(tree).parts, strict=True):
        assert part.tobytes() == twin.tobytes()
    assert answers(covertreex.load(loaded.save(tmp_path / "b"))) == answers(tree)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_pickled_index_is_the_one_that_was_built(name, tmp_path, monkeypatch) -> None:
    tree = many(**LAYOUTS[name])
    loaded = covertreex.load(tree.save(tmp_path / "a"))
    no_building(monkeypatch)
    for one in (tree, loaded, pickle.loads(pickle.dumps(loaded))):  # noqa: S301 - our own bytes
        assert answers(pickle.loads(pickle.dumps(one))) == answers(tree)  # noqa: S301


def test_another_layout_and_other_points_get_an_index_of_their_own(tmp_path) -> None:
    tree = many()
    loaded = covertreex.load(tree.save(tmp_path / "a"))
    for runtime in (Runtime(engine="rust-natural"), Runtime(engine="python-numba")):
        assert answers(loaded.searched_by(runtime)) == answers(tree)
    fewer = loaded.delete([5])
    assert answers(fewer) == answers(tree.delete([5]))
    assert index_of(fewer).parts[0].size == 2_599
    numba = loaded.searched_by(Runtime(engine="python-numba")).save(tmp_path / "b")
    assert json.loads(header_of(numba.read_bytes()))["index"] is None


def test_an_index_of_another_revision_is_built_anew(tmp_path, monkeypatch) -> None:
    tree = many()
    path = tree.save(tmp_path / "a")
    stored = json.loads(header_of(path.read_bytes()))["index"]
    path.write_bytes(rewritten(path.read_bytes(), index=stored | {"revision": 99}))
    assert answers(covertreex.load(path)) == answers(tree)
    no_building(monkeypatch)
    with pytest.raises(AssertionError, match="is built"):
        covertreex.load(path).knn(k=1)


@pytest.mark.parametrize("name", ["index.order", "index.regions", "index.pivots"])
def test_a_damaged_index_that_was_taken_on_trust_is_refused(name, tmp_path) -> None:
    path = many().save(tmp_path / "a")
    whole = bytearray(path.read_bytes())
    at = 4096 + table(bytes(whole))[name]["offset"]
    whole[at : at + 8] = (2**40).to_bytes(8, "little")
    path.write_bytes(whole)
    loaded = covertreex.load(path, verify=False)
    with pytest.raises(FileFormatError, match="an index that is not of its points"):
        loaded.knn(k=1)
    assert name in refusal(path)


# What is damaged


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> tuple[Path, bytes]:
    path = tmp_path_factory.mktemp("small") / "small.covertree"
    cover_tree(POINTS[:40], Matern52(), inducing_count=4).save(path)
    return path, path.read_bytes()


def refusal(path: Path, **options) -> str:
    for mapped in (True, False):
        with pytest.raises(FileFormatError) as said:
            covertreex.load(path, mmap=mapped, **options)
    text = str(said.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert "; " in text  # what to do
    return text


def places(size: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, size - 1), st.integers(0, 1_700))


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(data, small, tmp_path) -> None:
    whole = bytearray(small[1])
    at = data.draw(places(len(whole)))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped"
    path.write_bytes(whole)
    refusal(path)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), verify=st.booleans())
@example(data=None, verify=True)
def test_a_truncated_file_is_noticed(data, verify, small, tmp_path) -> None:
    whole = small[1]
    sizes = [0, 7, 8, 47, 48, len(whole) - 1] if data is None else [data.draw(places(len(whole)))]
    for size in sizes:
        path = tmp_path / "short"
        path.write_bytes(whole[:size])
        assert any(word in refusal(path, verify=verify) for word in ("ends after", "empty", "cut"))


def test_bytes_behind_the_end_are_noticed(small, tmp_path) -> None:
    path = tmp_path / "long"
    path.write_bytes(small[1] + b"\0")
    assert "not" in refusal(path, verify=False)


def test_without_verification_arrays_are_taken_on_trust(small, tmp_path) -> None:
    whole = bytearray(small[1])
    whole[-1] ^= 1
    path = tmp_path / "changed"
    path.write_bytes(whole)
    assert len(covertreex.load(path, verify=False)) == 40
    assert "checksum" in refusal(path)


def rewritten(whole: bytes, version: int = container.VERSION, **changes) -> bytes:
    """The file with another version or header, sealed as a program that means it would."""
    header = json.loads(header_of(whole)) | changes
    text = json.dumps({name: value for name, value in header.items() if value != "gone"}).encode()
    seal = container._seal(version, text)
    first = container.PREAMBLE.pack(container.MAGIC, version, len(text), seal) + text
    assert len(first) <= 4096
    return first.ljust(4096, b"\0") + whole[4096:]


FOREIGN = {
    "newer": ({"version": 2}, "format version 2.*upgrade"),
    "another kind": ({"kind": "hedge"}, "'hedge', not 'cover tree'"),
    "no arrays": ({"arrays": "gone"}, "describes"),
    "arrays of nothing": ({"arrays": {}}, "bytes, not"),
    "an array that is none": ({"arrays": {"points": 7}}, "describes"),
    "arrays that are none": ({"arrays": [1]}, "describes"),
    "an option of later": ({"runtime": {"warp": 9}}, "warp"),
    "another engine": ({"runtime": {"engine": "rust-moore"}}, "engine is 'rust-moore'"),
    "no id": ({"next_id": "gone"}, "next_id=None where int"),
    "an id that is taken": ({"next_id": 39}, "ids do not ascend below next_id=39"),
    "an index without words": ({"index": {}}, "pays=None"),
    "an index of no arrays": (
        {"index": {"pays": True, "revision": 1, "batch_order": "natural"}},
        "no array 'index.order'"),
    "a switch for a number": ({"mis_seed": True}, "mis_seed=True"),
    "another metric": ({"metric": 3}, "metric=3 where dict"),
    "no metric": ({"metric": "gone"}, "metric=None"),
    "another kernel": (
        {"metric": {"kernel": {"name": "wave", "lengthscale": 1.0, "variance": 1.0},
                    "block_dtype": "float64", "chunk_size": 9, "certified": True}},
        "unknown kernel 'wave'"),
    "other fields of a kernel": (
        {"metric": {"kernel": {"nome": "rbf"}, "block_dtype": "float64", "chunk_size": 9,
                    "certified": True}}, "nome"),
    "another dtype": (
        {"metric": {"kernel": {}, "block_dtype": "float32", "chunk_size": 9, "certified": True}},
        "v_matrix.*does not fit"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_a_sound_file_of_something_else_is_refused(name, small, tmp_path) -> None:
    changes, words = FOREIGN[name]
    path = tmp_path / "foreign"
    path.write_bytes(rewritten(small[1], **changes))
    with pytest.raises(FileFormatError, match=words):
        covertreex.load(path)
    if name != "an id that is taken":
        refusal(path, verify=False)


HEADERS = {
    "an id beyond int64": ({"next_id": 2**70}, "next_id is 1180591620717411303424"),
    "a seed below zero": ({"mis_seed": -1}, "mis_seed is -1"),
    "no points a tile": ({"metric.chunk_size": 0}, "chunk_size is 0"),
    "another metric of the runtime": ({"runtime.metric": "euclidean"}, "the runtime says"),
    "lengthscales of other points": (
        {"metric.kernel": {"name": "rbf", "lengthscale": [1.0, 2.0], "variance": 1.0}},
        "2 lengthscales.* 3 coordinates"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_a_sealed_header_that_no_tree_has_is_refused(name, small, tmp_path) -> None:
    changes, words = HEADERS[name]
    header = json.loads(header_of(small[1]))
    for key, value in changes.items():
        *outer, last = key.split(".")
        within = header
        for part in outer:
            within = within[part]
        within[last] = value
    path = tmp_path / "crafted"
    path.write_bytes(rewritten(small[1], **header))
    for verify in (True, False):
        assert re.search(words, refusal(path, verify=verify))


def test_a_header_deeper_than_json_can_be_read_is_refused(tmp_path) -> None:
    text = b"[" * 100_000
    seal = container._seal(container.VERSION, text)
    first = container.PREAMBLE.pack(container.MAGIC, container.VERSION, len(text), seal)
    path = tmp_path / "deep"
    path.write_bytes(first + text)
    assert "no JSON" in refusal(path)


VALUES = {
    "NaN in V": ("v_matrix", np.nan, "v_matrix.* is nan"),
    "infinity in p_diag": ("p_diag", np.inf, "p_diag.* is inf"),
    "a variance below zero": ("p_diag", -1.0, "p_diag.* is -1"),
    "a variance below its floor": ("p_diag", 0.0, "below its floor"),
    "a V that overflows": ("v_matrix", 1e200, "inner products overflow"),
    "NaN in the points": ("points", np.nan, "points.* is nan"),
    "NaN in the scaled points": ("scaled", np.nan, "scaled holds other coordinates"),
    "other scaled points": ("scaled", 0.25, "scaled holds other coordinates"),
    "NaN in the inducing points": ("scaled_inducing", np.nan, "scaled_inducing.* is nan"),
    "NaN in the factor": ("cholesky", np.nan, "cholesky.* is nan"),
    "a pivot below zero": ("cholesky", -1.0, "not above zero"),
    "an inducing point of no id": ("inducing_indices", -1, "inducing_indices do not ascend"),
    "ids in another order": ("ids", 7, "ids do not ascend below next_id=40"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_sealed_array_that_no_tree_has_is_refused(name, small, tmp_path) -> None:
    array, value, words = VALUES[name]
    path = tmp_path / "crafted"
    path.write_bytes(with_number(small[1], array, 0, value))
    assert re.search(words, refusal(path))
    assert len(covertreex.load(path, verify=False)) == 40


def test_a_row_that_no_tree_has_is_named_by_its_number(small, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(checks, "_NUMBERS", 12)
    for array, width in (("v_matrix", 4), ("points", 3)):
        path = tmp_path / array
        path.write_bytes(with_number(small[1], array, 9 * width + 1, np.nan))
        assert f"{array}[9, 1] is nan" in refusal(path)


def with_number(whole: bytes, array: str, at: int, value: float) -> bytes:
    """The file with another number in an array, every checksum anew."""
    arrays, changed = table(whole), bytearray(whole)
    entry = arrays[array]
    first = 4096 + entry["offset"]
    changed[first + 8 * at : first + 8 * at + 8] = np.array(value, entry["dtype"]).tobytes()
    stop = first + 8 * int(np.prod(entry["shape"]))
    arrays[array] = entry | {"sha256": hashlib.sha256(changed[first:stop]).hexdigest()}
    return rewritten(bytes(changed), arrays=arrays)


def header_of(whole: bytes) -> bytes:
    _, _, length, _ = container.PREAMBLE.unpack_from(whole)
    return whole[48 : 48 + length]


def table(whole: bytes) -> dict:
    return json.loads(header_of(whole))["arrays"]


ENTRIES = {
    "a dtype of objects": ("v_matrix", {"dtype": "|O"}, "describes"),
    "a negative length": ("points", {"shape": [-40, 3]}, "describes"),
    "a length that is none": ("points", {"shape": [40.0, 3]}, "describes"),
    "an offset elsewhere": ("points", {"offset": 4096}, "puts its array"),
    "an offset before": ("ids", {"offset": 0}, "puts its array"),
    "huge": ("cholesky", {"shape": [2**62, 2**62]}, "describes"),
    "other lengths": ("points", {"shape": [3, 40]}, "does not fit"),
    "another rank": ("points", {"shape": [120]}, "does not fit"),
    "more dimensions than there are": ("points", {"shape": [1] * 70}, "describes"),
    "more numbers than there are": ("points", {"shape": [0, 2**40, 2**40]}, "describes"),
    "no checksum": ("points", {"sha256": None}, "checksum"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_a_table_that_does_not_fit_is_refused(name, small, tmp_path) -> None:
    array, changes, words = ENTRIES[name]
    arrays = table(small[1])
    arrays[array] = arrays[array] | changes
    path = tmp_path / "table"
    path.write_bytes(rewritten(small[1], arrays=arrays))
    with pytest.raises(FileFormatError, match=words):
        covertreex.load(path)


def test_an_array_that_is_not_there_is_named(small, tmp_path) -> None:
    arrays = table(small[1])
    arrays["w_matrix"] = arrays.pop("v_matrix")
    path = tmp_path / "table"
    path.write_bytes(rewritten(small[1], arrays=arrays))
    assert "no array 'v_matrix'" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" * 99, b"\x93NUMPY\x01\x00", b"x"])
def test_files_of_other_programs_are_refused(content: bytes, tmp_path) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert "CoverTree.save" in refusal(path)


def test_a_file_changed_by_a_text_transfer_is_refused(small, tmp_path) -> None:
    path = tmp_path / "text"
    path.write_bytes(small[1].replace(b"\r\n", b"\n"))
    refusal(path)


def test_directories_and_other_things_are_refused(small, tmp_path) -> None:
    assert "directory" in refusal(tmp_path)
    with pytest.raises(FileAccessError, match="there is none"):
        covertreex.load(tmp_path / "nowhere")
    assert "no regular file" in refusal(Path("/dev/null"))
    for option in ("mmap", "verify"):
        with pytest.raises(DtypeError, match=option):
            covertreex.load(small[0], **{option: "yes"})
    with pytest.raises(ConfigurationError, match="metric"):
        covertreex.load(small[0], runtime=Runtime(metric="euclidean"))


def test_a_file_that_may_not_be_read_is_refused(small, monkeypatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)  # root may read everything
    with pytest.raises(FileAccessError, match="permissions forbid"):
        covertreex.load(small[0])


# Saving


def test_what_is_there_is_kept_without_force(trees, tmp_path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="force=True"):
        trees["Euclidean"].save(path)
    assert path.read_bytes() == b"old"
    trees["Euclidean"].save(path, force=True)
    assert len(covertreex.load(path)) == 300
    with pytest.raises(OutputExistsError, match="directory"):
        trees["Euclidean"].save(tmp_path, force=True)
    with pytest.raises(FileAccessError, match="folder is not there"):
        trees["Euclidean"].save(tmp_path / "none" / "a")


def test_a_mapped_tree_outlives_the_replacement_of_its_file(trees, tmp_path) -> None:
    path = trees["residual"].save(tmp_path / "a")
    loaded = covertreex.load(path)
    trees["Euclidean"].save(path, force=True)
    assert answers(loaded) == answers(trees["residual"])


KILLED = """
import os, sys
import numpy as np
from pathlib import Path
from covertreex import cover_tree
from covertreex.search.indexes import Indexes
from covertreex.storage import container

path, after = Path(sys.argv[1]), int(sys.argv[2])
blocks, written = container._blocks, 0
def slow(data):
    global written
    for block in blocks(data):
        yield block
        written += 1
        if written == after:
            os.kill(os.getpid(), 9)
tree = cover_tree(np.arange(99.0)[:, None])
container._digest = lambda data: "0" * 64
container._blocks = slow
tree.save(path, force=True)
"""


@pytest.mark.parametrize("after", [1, 2])
def test_a_killed_save_leaves_the_old_file(after: int, trees, tmp_path) -> None:
    path = trees["Euclidean"].save(tmp_path / "a")
    command = [sys.executable, "-c", KILLED, str(path), str(after)]
    ended = subprocess.run(command, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert answers(covertreex.load(path)) == answers(trees["Euclidean"])
    beside = [found.name for found in tmp_path.iterdir() if found != path]
    assert len(beside) == 1  # what was killed cannot tidy up, but its name says what it is
    assert beside[0].endswith(".partial")


FULL = """
import resource, signal, sys
import numpy as np
from covertreex import cover_tree
from covertreex.errors import FileAccessError

tree = cover_tree(np.arange(9999.0)[:, None])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # what a full disk does, without one
try:
    tree.save(sys.argv[1], force=True)
except FileAccessError as error:
    print(error)
"""


def test_a_save_that_finds_no_room_leaves_what_was_there(trees, tmp_path) -> None:
    path = trees["Euclidean"].save(tmp_path / "a")
    command = [sys.executable, "-c", FULL, str(path)]
    said = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    assert said == f"{path} cannot be written: File too large; give another path, or mend that\n"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]
    assert answers(covertreex.load(path)) == answers(trees["Euclidean"])

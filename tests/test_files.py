"""`covertreex._files`: whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from covertreex._files import opened, replacing
from covertreex.errors import FileAccessError, FileFormatError, OutputExistsError


def test_writes_the_whole_file(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as file:
        file.write(b"one")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
@pytest.mark.parametrize("there", [False, True])
def test_leaves_what_was_there_and_nothing_beside_it(
    tmp_path: Path, error: BaseException, there: bool
) -> None:
    path = tmp_path / "a"
    if there:
        path.write_bytes(b"old")

    def broken_off() -> None:
        with replacing(path, force=True) as file:
            file.write(b"half")
            raise error

    expected = FileAccessError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as raised:
        broken_off()
    if isinstance(error, OSError):
        assert "full" in str(raised.value)
        assert raised.value.__cause__ is error
    assert [found.read_bytes() for found in tmp_path.iterdir()] == ([b"old"] if there else [])


def test_refuses_a_path_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with (
        pytest.raises(OutputExistsError, match="is there already"),
        replacing(path),
    ):
        raise AssertionError("the block must not begin")
    with replacing(path, force=True) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_refuses_a_path_that_is_taken_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def overtaken() -> None:
        with replacing(path) as file:
            file.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(OutputExistsError):
        overtaken()
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [b"theirs"]


def test_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError, match="is a directory"), replacing(tmp_path, force=True):
        raise AssertionError("the block must not begin")


@pytest.mark.parametrize("force", [False, True])
def test_refuses_what_is_no_regular_file(tmp_path: Path, force: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "device").symlink_to("/dev/null")
    before = sorted(tmp_path.iterdir())
    for path in before:
        with (
            pytest.raises(OutputExistsError, match="no regular file"),
            replacing(path, force=force),
        ):
            raise AssertionError("the block must not begin")
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "pipe").is_fifo()


def test_keeps_the_permissions_of_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path, force=True) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600
    with replacing(tmp_path / "b") as file:
        file.write(b"new")
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("there", [False, True])
def test_keeps_a_link_and_replaces_what_it_points_to(tmp_path: Path, there: bool) -> None:
    (tmp_path / "deep").mkdir()
    link, target = tmp_path / "link", tmp_path / "deep" / "target"
    link.symlink_to("deep/target")
    if there:
        target.write_bytes(b"old")
    with pytest.raises(OutputExistsError, match="link is there already"), replacing(link):
        raise AssertionError("the block must not begin")
    with replacing(link, force=True) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["target"]


def test_says_in_one_line_what_the_system_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(FileAccessError, match="the folder is not there"),
        replacing(tmp_path / "none" / "a"),
    ):
        raise AssertionError("the block must not begin")
    with pytest.raises(FileAccessError, match="there is none"), opened(tmp_path / "none"):
        raise AssertionError("the block must not begin")
    with pytest.raises(FileFormatError, match="is a directory"), opened(tmp_path):
        raise AssertionError("the block must not begin")

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    for opening, done in ((opened, "read"), (replacing, "written")):
        with (
            pytest.raises(FileAccessError, match=f"cannot be {done}: its permissions"),
            opening(tmp_path / "a"),
        ):
            raise AssertionError("the block must not begin")


def test_leaves_the_errors_of_covertreex_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(OutputExistsError, match="another"), replacing(tmp_path / "a"):
        raise OutputExistsError("another")

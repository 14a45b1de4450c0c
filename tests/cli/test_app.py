"""The front: help, version, completion, and how much is imported for them."""

import os
import subprocess
import sys

import pytest

import covertreex
from covertreex.cli.exits import Exit


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_help_names_commands_and_exit_codes(command):
    told = command("--help").out
    for name in ("neighbors", "build", "query", "doctor", "parity", "bench"):
        assert f" {name} " in told
    words = " ".join(told.split())
    for code in Exit:
        assert f"{code.value} {code.says}" in words


def test_help_says_what_a_header_is(command):
    words = " ".join(command("neighbors", "--help").out.replace("\u2502", " ").split())
    assert "a header if none of its cells is a number" in words


def test_no_arguments_are_a_question_for_help(command):
    done = command()
    assert done.code == Exit.USAGE
    assert "Usage: covertreex" in done.out


def test_version(command):
    assert command("--version") == (0, f"covertreex {covertreex.__version__}\n", "")


@pytest.mark.parametrize("arguments", ["['--help']", "['neighbors', '--help']", "['--version']"])
def test_help_loads_no_engine(arguments):
    code = (
        f"import sys; from covertreex.cli import main; code = main({arguments})\n"
        "heavy = {'numba', 'numpy', 'pyarrow', 'covertreex._rust'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_search_by_the_default_engine_loads_no_numba(points):
    code = (
        "import sys; from covertreex.cli import main\n"
        "code = main(['neighbors', 'points.npy', '-k', '2', '-o', 'out.npz', '-q'])\n"
        "sys.exit('loaded numba' if 'numba' in sys.modules else code)"
    )
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


COMPLETIONS = {
    "covertreex ne": ["neighbors"],
    "covertreex neighbors p.npy --kernel ": ["rbf", "matern12", "matern32", "matern52"],
    "covertreex neighbors p.npy --kernel matern5": ["matern52"],
    "covertreex build p.npy --engine rust": ["rust-hilbert", "rust-natural"],
    "covertreex query t --profile cpu": ["cpu-debug"],
    "covertreex neighbors p.npy --metric ": ["residual", "euclidean"],
}


@pytest.mark.parametrize("line", COMPLETIONS)
def test_a_shell_completes(line):
    words = line.split(" ")
    done = run(
        "-m",
        "covertreex.cli",
        _COVERTREEX_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
    )
    assert done.stdout.split() == COMPLETIONS[line]
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(shell, tmp_path):
    more = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    shown = run("-m", "covertreex.cli", "--show-completion", shell, **more)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "_COVERTREEX_COMPLETE=complete_" in shown.stdout
    installed = run("-m", "covertreex.cli", "--install-completion", shell, **more)
    assert installed.returncode == 0
    assert any("covertreex" in path.name for path in tmp_path.rglob("*"))

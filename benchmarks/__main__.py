"""``python -m benchmarks``: the command, and an exit code of its own for what breaks off."""

from __future__ import annotations

import sys
import traceback

CRASHED = 70  # as in `gate.Outcome`, which cannot be asked where importing it is what fails


def main() -> int:
    """Run the command; Python's own code for a crash, 1, would say "regression"."""
    try:
        from .command import main as command

        return command()
    except Exception:  # noqa: BLE001 the last resort of a process: shown whole, and named by a code
        traceback.print_exc()
        return CRASHED


if __name__ == "__main__":
    sys.exit(main())

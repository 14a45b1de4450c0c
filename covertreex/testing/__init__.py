"""A golden-snapshot harness for any two engines that must give the same arrays.

cases -> inputs -> stages -> goldens -> compare -> report -> stamp -> gate. A `Suite` names a
reference engine, candidates, cases and stages; only the reference is ever frozen, every check ends
in one of the verdicts of `Verdict`, and `covertreex.testing.plugin` brings it into pytest. Nothing
here imports the rest of covertreex. A public name is imported when it is first asked for: pytest
loads the plugin wherever covertreex is installed, with or without what the harness needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from covertreex.testing.bits import hex_bits, ulp_distance
    from covertreex.testing.comparison import Comparison, Rule, compare
    from covertreex.testing.extension import GoldenExtension, extension_for
    from covertreex.testing.npy import inputs_sha256
    from covertreex.testing.planning import Change
    from covertreex.testing.policy import Policy, Row
    from covertreex.testing.records import FROZEN, GOLDEN_SET, REFERENCE, Check, Record
    from covertreex.testing.report import Summary, as_json, render
    from covertreex.testing.stamp import check_stamp, write_stamp
    from covertreex.testing.store import GoldenStore
    from covertreex.testing.suite import Stage, Suite
    from covertreex.testing.verdicts import (
        FreezeRefusedError,
        GoldenDamagedError,
        GoldenMissingError,
        HarnessError,
        MissingExtraError,
        ParityFailure,
        PolicyError,
        StageError,
        TargetError,
        UnsupportedArrayError,
        UpdateInterruptedError,
        Verdict,
    )

__all__ = [
    "FROZEN",
    "GOLDEN_SET",
    "REFERENCE",
    "Change",
    "Check",
    "Comparison",
    "FreezeRefusedError",
    "GoldenDamagedError",
    "GoldenExtension",
    "GoldenMissingError",
    "GoldenStore",
    "HarnessError",
    "MissingExtraError",
    "ParityFailure",
    "Policy",
    "PolicyError",
    "Record",
    "Row",
    "Rule",
    "Stage",
    "StageError",
    "Suite",
    "Summary",
    "TargetError",
    "UnsupportedArrayError",
    "UpdateInterruptedError",
    "Verdict",
    "as_json",
    "check_stamp",
    "compare",
    "extension_for",
    "hex_bits",
    "inputs_sha256",
    "render",
    "ulp_distance",
    "write_stamp",
]

_HOMES = (
    "verdicts",
    "records",
    "bits",
    "comparison",
    "extension",
    "npy",
    "planning",
    "policy",
    "report",
    "stamp",
    "store",
    "suite",
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # a type checker that sees it takes any name for a public one

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            homes = (import_module(f".{home}", __name__) for home in _HOMES)
            return next(vars(home)[name] for home in homes if name in vars(home))
        except ModuleNotFoundError as error:
            raise import_module(".verdicts", __name__).MissingExtraError(error.name) from error

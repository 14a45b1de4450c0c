"""A golden-snapshot harness for any two engines that must give the same arrays.

cases -> inputs -> stages -> goldens -> compare -> report -> stamp -> gate. A `Suite` names a
reference engine, candidates, cases and stages; only the reference is ever frozen, every check ends
in one of the verdicts of `Verdict`, and `covertreex.testing.plugin` brings it into pytest. Nothing
here imports the rest of covertreex.
"""

from covertreex.testing.bits import hex_bits, ulp_distance
from covertreex.testing.compare import Comparison, Rule, compare
from covertreex.testing.extension import GoldenExtension, extension_for
from covertreex.testing.npy import inputs_sha256
from covertreex.testing.planning import Change
from covertreex.testing.policy import Policy, Row
from covertreex.testing.records import Check, Record
from covertreex.testing.report import Summary, as_json, render
from covertreex.testing.stamp import check_stamp, write_stamp
from covertreex.testing.store import GoldenStore
from covertreex.testing.suite import Stage, Suite
from covertreex.testing.verdicts import (
    FreezeRefusedError,
    GoldenDamagedError,
    GoldenMissingError,
    HarnessError,
    ParityFailure,
    PolicyError,
    StageError,
    UnsupportedArrayError,
    UpdateInterruptedError,
    Verdict,
)

__all__ = [
    "Change",
    "Check",
    "Comparison",
    "FreezeRefusedError",
    "GoldenDamagedError",
    "GoldenExtension",
    "GoldenMissingError",
    "GoldenStore",
    "HarnessError",
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

"""The Rust engine's trees, under the names of the reference engine and through its checks.

Each stage takes ``level`` too, the CPU level to run. The work is done in ``src/tree.rs``.
"""

from .. import _rust
from ..metrics._stage_arguments import checked
from ._tree_arguments import check_euclidean_tree, check_hilbert_order, check_residual_tree

__all__ = ["euclidean_tree", "hilbert_order", "residual_tree"]

euclidean_tree = checked(check_euclidean_tree)(_rust.euclidean_tree)
hilbert_order = checked(check_hilbert_order)(_rust.hilbert_order)
residual_tree = checked(check_residual_tree)(_rust.residual_tree)

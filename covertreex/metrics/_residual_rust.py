"""The Rust engine: the stages of `covertreex._rust`, under the names of the reference engine.

All arithmetic is in ``src/``. Arguments go through the checks of the reference's stages, so both
engines take and refuse the same in the same words. Beside the reference's arguments each stage
takes ``level``, the CPU level to run, by default the best one (`covertreex._rust.levels`).
"""

from .. import _rust
from .._rust import inducing_rows, normals, splitmix64, uniforms
from ._stage_arguments import (
    check_cholesky,
    check_distance_block,
    check_dot_block,
    check_euclidean_knn,
    check_euclidean_radius,
    check_exp,
    check_kernel_block,
    check_knn,
    check_project,
    check_radius,
    checked,
)

__all__ = [
    "cholesky",
    "distance_block_no_gate",
    "dot_block",
    "euclidean_knn",
    "euclidean_radius",
    "exp",
    "inducing_rows",
    "kernel_block",
    "knn",
    "normals",
    "project",
    "radius",
    "splitmix64",
    "uniforms",
]

cholesky = checked(check_cholesky)(_rust.cholesky)
distance_block_no_gate = checked(check_distance_block)(_rust.distance_block_no_gate)
dot_block = checked(check_dot_block)(_rust.dot_block)
euclidean_knn = checked(check_euclidean_knn)(_rust.euclidean_knn)
euclidean_radius = checked(check_euclidean_radius)(_rust.euclidean_radius)
exp = checked(check_exp)(_rust.exp)
kernel_block = checked(check_kernel_block)(_rust.kernel_block)
knn = checked(check_knn)(_rust.knn)
project = checked(check_project)(_rust.project)
radius = checked(check_radius)(_rust.radius)

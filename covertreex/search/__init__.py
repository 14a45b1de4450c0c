"""Search: the order of points, the compressed cover tree, and its leaves."""

from .tree import CompressedTree, build_residual_tree, build_tree

__all__ = ["CompressedTree", "build_residual_tree", "build_tree"]

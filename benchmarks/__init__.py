"""Figures of this project, printed by a build that has just been proven right: ``nox -s bench``."""

import os

# The rival must run the kernels that OpenBLAS picks by itself; read when NumPy is imported.
os.environ.pop("OPENBLAS_CORETYPE", None)

"""Searches in partitions: `tasks` runs on workers, `handles` is where trees are, `graphs` joins.

Here the optional packages are looked for, once: every module of this package needs them.
"""

from ..errors import MissingDependencyError

try:
    import dask.array  # noqa: F401
    import distributed  # noqa: F401
except ImportError as error:
    raise MissingDependencyError(
        f"covertreex.dask needs dask and distributed ({error}); pip install covertreex[dask]"
    ) from error

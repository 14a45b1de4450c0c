"""Vecchia's approximation whole: an ordering, conditioning sets, and the log-likelihood with them.

`Vecchia` does all three; `maxmin_order`, `hilbert_order`, `random_order` and `conditioning_sets`
are its first two steps, for a likelihood of your own. Positions are places in an ordering, ids are
rows of the coordinates as given: ``order[position]`` is an id.
"""

from .approximation import Vecchia
from .orderings import hilbert_order, maxmin_order, random_order
from .sets import conditioning_sets

__all__ = ["Vecchia", "conditioning_sets", "hilbert_order", "maxmin_order", "random_order"]

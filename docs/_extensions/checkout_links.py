"""Links from a page to the checkout around it: right on a forge, and checked here.

Pages are read in a checkout too, where ``[policy](../tests/parity/policy.toml)`` opens the file.
Among the pages it has nothing to open: it becomes the file's name, and a file that is not there is
a warning.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


class CheckoutLinks(SphinxTransform):
    """Replace links that lead out of docs/ by what they are called."""

    default_priority = 5  # before anything else looks at links

    def apply(self, **_: object) -> None:
        """Replace them in one page."""
        pages = Path(self.app.srcdir).resolve()
        here = (pages / self.env.docname).parent
        for link in [
            *self.document.findall(pending_xref),
            *self.document.findall(download_reference),
        ]:
            target = str(link.get("reftarget", ""))
            if not target.startswith("../"):
                continue
            place = (here / target.partition("#")[0]).resolve()
            if place.is_relative_to(pages):
                continue
            if not place.exists():
                LOGGER.warning("%s is not in the checkout", target, location=link)
            name = place.relative_to(pages.parent).as_posix()
            link.replace_self(nodes.literal(name, name))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(CheckoutLinks)
    return {"parallel_read_safe": True}

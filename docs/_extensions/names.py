"""Names in backticks, as docstrings write them: links where they lead to something documented.

A bare name may also be an argument, an attribute or a word of another module's: then it is code,
and so are modules and other packages. Any other dotted name is a promise, and a warning where
nothing of that name is documented.
"""

from __future__ import annotations

from importlib.util import find_spec

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Return a link to the one object of that name, or the name as code."""
    name = node["reftarget"]
    if node["refdomain"] != "py" or node["reftype"] != "obj":
        return None
    domain = env.domains.python_domain
    found = domain.find_obj(env, None, None, name, "obj", searchmode=1)
    if len(found) == 1:
        _, (docname, anchor, _, _) = found[0]
        return make_refnode(app.builder, node["refdoc"], docname, anchor, content, name)
    package, dot, _ = name.partition(".")
    ours = package[:1].isupper() or package == "covertreex"
    return None if dot and ours and not _is_module(name) else content


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what stands before the last dot is none
        return False


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen for links that lead nowhere."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}

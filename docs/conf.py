"""Sphinx's settings: ``nox -s docs`` builds the pages, and any warning is an error.

Nothing is fetched, when the pages are built or when they are read.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "covertreex"
author = "the covertreex contributors"
version = release = metadata.version("covertreex")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "checkout_links",
    "command_line",
    "names",
]
exclude_patterns = ["_extensions"]
nitpicky = True
default_role = "py:obj"  # a name in backticks in a docstring is a link, and must lead somewhere

myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block", "colon_fence"]

autodoc_typehints = "none"  # the docstrings say shapes and dtypes, which the types cannot
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_attributes_as_param_list = True
add_module_names = False
python_maximum_signature_line_length = 88

html_theme = "furo"
pygments_dark_style = "github-dark"  # the default one underlines modules like links
html_title = "covertreex"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    # 4.5 : 1 and more on the pages' grounds, in either mode
    "light_css_variables": {"color-brand-primary": "#00598c", "color-brand-content": "#00598c"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f0", "color-brand-content": "#7cc4f0"},
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

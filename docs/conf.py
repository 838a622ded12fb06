"""Sphinx configuration."""

import re
import sys
from pathlib import Path

from sklearn_logitprod import __version__

sys.path.insert(0, str(Path(__file__).parent))
from gallery_order import ORDER

project = "sklearn_logitprod"
author = "the sklearn_logitprod developers"
copyright = "2026, the sklearn_logitprod developers"
version = release = __version__

extensions = [
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
autosummary_generate = True
# docstrings say more than annotations do
autodoc_typehints = "none"
# members follow in full (docs/_templates)
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

# the parameters of estimators stand in groups, each of which begins with one of these
GROUPS = {
    "experts": "Experts and data",
    "gate_width": "Gate and pool",
    "solver": "Solver",
    "memory": "Computing",
}


def group_parameters(app, what, name, obj, options, lines):
    """Put the names of groups into what numpydoc has made of a docstring."""
    first = [re.match(r"    \*\*(\w+)", line) for line in lines]
    found = {match[1]: number for number, match in enumerate(first) if match}
    if what == "class" and found.keys() >= GROUPS.keys():
        for parameter, group in reversed(GROUPS.items()):
            lines[found[parameter] : found[parameter]] = [f"    .. rubric:: {group}", ""]


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": "benchmarks",
    "within_subsection_order": "gallery_order.place",
    "thumbnail_size": (560, 392),
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "min_reported_time": 3600,
    "show_memory": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_logitprod"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_favicon = "images/favicon.svg"
html_context = {"default_mode": "auto"}
# pages that stand alone
alone = ("index", "benchmark", "alternatives", "architecture", "how_to_add", "changelog")
html_sidebars = {page: [] for page in alone}
html_theme_options = {
    "header_links_before_dropdown": 4,
    "show_prev_next": False,
    # printed tables of examples take the width
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        **{f"auto_examples/plot_{name}": [] for name in ORDER},
    },
}


def _without_odd_roles(app, name, template, context, doctree):
    """Drop roles of citations that docutils writes and that screen readers have no use for.

    A list whose items are no items is announced as broken, and doc-biblioentry is deprecated.
    """
    roles = r' role="(?:list|doc-biblioentry|doc-backlink)"'
    if "body" in context:
        context["body"] = re.sub(roles, "", context["body"])


def setup(app):
    """Group parameters once numpydoc has read them, and tidy pages before they are written."""
    app.connect("autodoc-process-docstring", group_parameters, priority=600)
    app.connect("html-page-context", _without_odd_roles)

"""Sphinx configuration."""

import re

from sklearn_logitprod import __version__

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

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": "benchmarks",
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
    "secondary_sidebar_items": ["page-toc"],
}


def _without_odd_roles(app, name, template, context, doctree):
    """Drop roles of citations that docutils writes and that screen readers have no use for.

    A list whose items are no items is announced as broken, and doc-biblioentry is deprecated.
    """
    roles = r' role="(?:list|doc-biblioentry|doc-backlink)"'
    if "body" in context:
        context["body"] = re.sub(roles, "", context["body"])


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", _without_odd_roles)

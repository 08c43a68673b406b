"""Configuration of Sphinx, which builds the site from the pages of this folder.

A new page needs two lines in the `index.md` of its section: one in the list, and one in the list of
contents (`toctree`). `scripts/check` has the command that builds the site into `site/`.
"""

import gc
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
gc.set_threshold(1_000_000)  # trees of pages are many live objects, which a collection visits

project = "revin_forecast"
html_title = "revin_forecast"
exclude_patterns = ["figures", "hooks"]

smartquotes = False
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.hooks.command_line",
    "docs.hooks.finished_pages",
    "docs.hooks.long_tables",
    "docs.hooks.notebooks",
    "docs.hooks.pictures",
    "docs.hooks.reference",
]

# Markdown: links to headings are checked, and tables may state their alignment.
myst_heading_anchors = 4

# Docstrings: one backtick is code, and inherited methods are left out.
default_role = "literal"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# The theme. Nothing is fetched from elsewhere, and the search works from files.
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 8,
    "navigation_depth": 2,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "search": [], "gallery/index": []}
html_static_path = ["stylesheets"]
html_css_files = ["site.css"]
html_search_scorer = str(DOCS / "hooks" / "search_scorer.js")
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # a summary is fetched, which a browser refuses for files
html_use_index = False
html_domain_indices = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

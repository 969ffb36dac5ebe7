"""How Sphinx makes the manual from the pages of this folder. Nothing is loaded from other sites."""

from __future__ import annotations

import re

from pygments.lexers.shell import BashSessionLexer
from sphinx.application import Sphinx

from reana_batch.version import __version__

project = "reana-batch"
author = "the authors of reana-batch"
project_copyright = author
release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["static"]
# Every link must lead somewhere; `make docs` makes errors of warnings.
nitpicky = True
myst_heading_anchors = 3
# An indented block is shown as it is; fenced blocks name their language.
highlight_language = "text"

html_theme = "pydata_sphinx_theme"
html_title = f"reana-batch {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "reana-batch"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


class Console(BashSessionLexer):
    """Highlights commands after ``$``. Pygments also takes a ``#`` in the output as a prompt."""

    name = "A session of the manual"
    aliases = ("console",)
    _ps1rgx = re.compile(r"^(\$ )(.*\n?)")


def setup(app: Sphinx) -> None:
    """Have ``console`` blocks highlighted by our lexer."""
    app.add_lexer("console", Console)

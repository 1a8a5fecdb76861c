"""The site (`make site`): README, documents and executed notebooks as pages; Sphinx with myst-nb, nothing fetched.

Source is the whole repository, so that links between its files are the same here and there.
"""

import shutil
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = {
    "Notebooks": "notebooks/*.ipynb",
    "Guides": ["docs/own_alloy.md", "docs/exploring.md", "docs/install.md", "docs/glossary.md", "REPRODUCING.md"],
    "More": ["docs/*.md", "bench/*.md", "data_examples/*.md", "atomistic_models/*.md", "atomistic_models/*/*.md", "C*.md"],
}

project, release, html_title = "GETL", PROJECT["version"], "GETL"
extensions, root_doc, html_theme = ["myst_nb"], "README", "furo"
html_favicon = "icon.svg"
include_patterns = ["README.md", *PAGES["Guides"], *PAGES["More"], PAGES["Notebooks"]]
exclude_patterns = [".*", "runs", "build", "tests", "shared", "workflow", "getl_utils", "parameters"]
nb_execution_mode = "off"  # as committed
nb_merge_streams = True
myst_heading_anchors = 4
html_copy_source, html_use_index = False, False
pygments_style = "a11y-high-contrast-light"  # readable by the colour blind


def named(patterns: str | list[str]) -> list[str]:
    """The pages of a part of the list, each once."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return list(dict.fromkeys(str(f.relative_to(ROOT).with_suffix("")) for p in patterns for f in sorted(ROOT.glob(p))))


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """The list of pages for the side bar, at the README's end, where the code host does not see it."""
    if page != root_doc:
        return
    listed: set[str] = set()
    for caption, patterns in PAGES.items():
        pages = [name for name in named(patterns) if name not in listed]
        listed |= set(pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(f"/{name}" for name in pages) + "\n```\n"


def write_index(app: Sphinx, failed: Exception | None) -> None:
    """The README is also index.html."""
    if not failed:
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("build-finished", write_index)

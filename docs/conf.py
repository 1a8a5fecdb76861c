"""The site of `make site`: README, documents and executed notebooks as pages.

Sphinx with myst-nb builds it; nothing is fetched. The source is the whole repository, so links between its
files are the same on the site as on the code host.
"""

import shutil
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGES = {
    "Notebooks": "notebooks/*.ipynb",
    "Studies": "notebooks/studies/*.ipynb",
    "Guides": [
        f"{name}.md"
        for name in ("docs/own_alloy", "docs/exploring", "docs/install", "docs/glossary", "REPRODUCING")
    ],
    "More": [
        f"{place}.md"
        for place in (
            "docs/*",
            "bench/*",
            "data_examples/*",
            "atomistic_models/*",
            "atomistic_models/*/*",
            "C*",
        )
    ],
}

project, release, html_title = "GETL", PROJECT["version"], "GETL"
extensions, root_doc, html_theme = ["myst_nb"], "README", "furo"
html_favicon = "icon.svg"
include_patterns = ["README.md", *PAGES["Guides"], *PAGES["More"], PAGES["Notebooks"], PAGES["Studies"]]
exclude_patterns = [".*", "runs", "build", "tests", "shared", "workflow", "getl_utils", "parameters"]
nb_execution_mode = "off"  # as committed
nb_merge_streams = True
myst_heading_anchors = 4
html_copy_source, html_use_index = False, False
pygments_style = "a11y-high-contrast-light"  # readable by the colour blind


def named(patterns: str | list[str]) -> list[str]:
    """Return the pages of one part of the list, each once."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    found = (file for pattern in patterns for file in sorted(ROOT.glob(pattern)))
    return list(dict.fromkeys(str(file.relative_to(ROOT).with_suffix("")) for file in found))


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the list of pages for the side bar at the end of the README; the code host does not show it."""
    if page != root_doc:
        return
    listed: set[str] = set()
    for caption, patterns in PAGES.items():
        pages = [name for name in named(patterns) if name not in listed]
        listed |= set(pages)
        lines = "\n".join(f"/{name}" for name in pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def write_index(app: Sphinx, failed: Exception | None) -> None:
    """Write the README also as index.html."""
    if not failed:
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Connect the two."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", write_index)

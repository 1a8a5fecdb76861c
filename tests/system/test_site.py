"""The site of `make site` in Chromium: every page opens, its pictures are shown, its links lead somewhere,
nothing is fetched."""

import functools
import subprocess
import sys
import threading
import urllib.parse
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import REPOSITORY
from lab import shoot

pytestmark = pytest.mark.browser
LINKS = "all => all.map(a => a.href)"
NOTEBOOKS = sorted((REPOSITORY / "notebooks").rglob("*.ipynb"))
PICTURES = "all => all.filter(img => !(img.complete && img.naturalWidth)).map(img => img.src)"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built with warnings as errors, and served; its folder and address."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(folder)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_page_shows_its_pictures_and_its_links_lead_somewhere(site, page):
    folder, address = site
    elsewhere, missing = [], []
    page.on(
        "request",
        lambda request: (
            elsewhere.append(request.url) if not request.url.startswith((address, "data:")) else None
        ),
    )
    page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
    waiting, seen = [f"{address}/index.html"], set()
    while waiting:
        url = waiting.pop()
        seen.add(url)
        page.goto(url)
        assert page.eval_on_selector_all("main img, article img", PICTURES) == [], url
        assert page.locator("h1").count() >= 1, url
        links = [
            urllib.parse.urldefrag(link)
            for link in page.eval_on_selector_all("a[href]", LINKS)
            if link.startswith(address)
        ]
        for target, name in links:
            file = folder / urllib.parse.unquote(urllib.parse.urlparse(target).path).lstrip("/")
            file = file / "index.html" if file.is_dir() else file
            assert file.is_file(), f"{url} links to {target}"
            if name and file.suffix == ".html":
                assert f'id="{name}"' in file.read_text(), f"{url} links to {target}#{name}"
        waiting += {t for t, _ in links if t.endswith(".html")} - seen - set(waiting)
    assert (elsewhere, missing) == ([], [])
    found_otherwise = {"README.html", "search.html"}  # it is the index; the search box leads there
    pages = {str(path.relative_to(folder)) for path in folder.rglob("*.html")} - found_otherwise
    assert pages <= {url.removeprefix(f"{address}/") for url in seen}, "a page that no other links to"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_figures(notebook, site, page):
    _, address = site
    page.goto(f"{address}/{notebook.relative_to(REPOSITORY).with_suffix('.html').as_posix()}")
    widths = page.eval_on_selector_all(".cell_output img", "all => all.map(img => img.naturalWidth)")
    page.screenshot(path=shoot.folder / f"site_{notebook.stem}.png", full_page=True)
    assert min(widths) > 100


def test_the_index_is_the_readme_with_its_picture_and_the_list_of_pages(site, page):
    _, address = site
    page.goto(f"{address}/")
    page.screenshot(path=shoot.folder / "site.png")
    assert page.locator("h1").first.inner_text().startswith("GETL")
    assert page.locator("article img").first.is_visible()
    listed = page.locator(".sidebar-tree a").all_inner_texts()
    assert len(listed) > 12
    page.locator(".sidebar-tree a", has_text="Your own alloy").first.click()
    assert "own_alloy.html" in page.url

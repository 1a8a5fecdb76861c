"""JupyterLab on a copy of the repository, and what a browser sees in it."""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
from conftest import REPOSITORY

SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},  # asks the network
    "notebook-extension/tracker": {
        "windowingMode": "none"
    },  # all cells are in the page, not only those in view
}
CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell =>
cell.model.sharedModel).map(m => ({
    type: m.cell_type, source: m.source, count: m.execution_count ?? null, state: m.executionState ?? null,
    outputs: (m.outputs ?? []).map(o => ({type: o.output_type, kinds: Object.keys(o.data ?? {}), error:
    o.evalue,
                                          stream: o.name, text: (o.text ?? '').toString()}))}))"""


def copy_repository(target: Path) -> None:
    """The files that git tracks or would track, as they are now."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in filter(None, names.stdout.decode().split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def set_parameters(notebook: Path, values: dict) -> set[str]:
    """Write `values` into the parameters cell of a notebook and remove its outputs.

    Returns the names of `values` that the cell has.
    """
    content = nbformat.read(notebook, as_version=4)
    cell = next(c for c in content.cells if "parameters" in c.metadata.get("tags", []))
    known = {name for name in values if re.search(rf"^{name}: \w+ = ", cell.source, re.MULTILINE)}
    for name in known:
        value = repr(values[name])
        cell.source = re.sub(
            rf"^({name}: \w+ = ).*$", lambda m, v=value: m[1] + v, cell.source, flags=re.MULTILINE
        )
    for c in (c for c in content.cells if c.cell_type == "code"):
        c.outputs, c.execution_count = [], None
    nbformat.write(content, notebook)
    return known


class Server:
    """JupyterLab on a free port, with a token; its kernels import the package of `folder`."""

    def __init__(self, folder: Path, private: Path) -> None:
        self.folder, self.token = folder, secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name, values in SETTINGS.items():
            file = private / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        places = {
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        places |= {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
        environment = os.environ | {name: str(private / place) for name, place in places.items()}
        environment |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
        environment.pop("TQDM_DISABLE", None)
        options = [
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
        ]
        options += [
            "--no-browser",
            "--allow-root",
            "--LabApp.expose_app_in_browser=True",
            f"--ServerApp.root_dir={folder}",
        ]
        self.log = private / "jupyterlab.log"
        with open(self.log, "w") as log:
            command = [sys.executable, "-m", "jupyterlab", *options]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)

    def wait(self, seconds: float = 60) -> None:
        """Wait until the server answers; RuntimeError with its log if it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/api/status?token={self.token}", timeout=5
                ):
                    return
            except OSError:
                time.sleep(0.3)
        raise RuntimeError(f"JupyterLab does not answer:\n{self.log.read_text()[-3000:]}")

    def url(self, notebook: str, folder: str = "notebooks") -> str:
        """Return the address that opens a notebook, each in its own workspace."""
        space = f"{folder}-{Path(notebook).stem}"
        return (
            f"http://127.0.0.1:{self.port}/lab/workspaces/{space}/tree/{folder}/{notebook}?token={self.token}"
        )

    def stop(self) -> None:
        """Stop the server and its kernels; one that does not end within a minute is killed."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def menu(page, *path: str) -> None:
    """Click through the menu bar."""
    page.locator(".lm-MenuBar-item", has_text=re.compile(rf"^{path[0]}$")).click()
    page.locator(
        ".lm-Menu-item", has=page.locator(".lm-Menu-itemLabel", has_text=re.compile(rf"^{path[1]}$"))
    ).click()


def open_notebook(page, server: Server, name: str) -> None:
    """Open a notebook and wait until its kernel is idle."""
    page.goto(server.url(name))
    page.wait_for_function(
        "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=90_000,
    )


def run_all(page, seconds: float) -> list[dict]:
    """Run all cells by the menu. Return the cells when all are done, one failed, or the time is over."""
    menu(page, "Run", "Run All Cells")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5)
        cells = [c for c in page.evaluate(CELLS) if c["type"] == "code"]
        if failures(cells) or all(c["count"] and c["state"] == "idle" for c in cells):
            break
    return cells


def failures(cells: list[dict]) -> list[str]:
    """Return the errors of the cells and what they wrote to standard error."""
    wrong = [(c, o) for c in cells for o in c["outputs"] if o["type"] == "error" or o["stream"] == "stderr"]
    return [f"{o['error'] or o['text']}\n  in: {c['source'][:200]}" for c, o in wrong]


def errors(page) -> list[str]:
    """Return the browser's errors so far."""
    # Playwright delivers events only during a call
    page.evaluate("() => 0")
    return page.wrong


def until(true, seconds: float = 30) -> bool:
    """Return whether `true()` becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.2)
    return False


def picture(view) -> str:
    """Return the picture of a view, as base64."""
    script = """async img => {
        const blob = await (await fetch(img.src)).blob();
        return await new Promise(done => { const r = new FileReader(); r.onload = () => done(r.result);
        r.readAsDataURL(blob); });
    }"""
    return view.locator("img.widget-image, .widget-image img").last.evaluate(script)


def shoot(page, name: str) -> None:
    """Save a picture of the whole notebook, up to 12 000 pixels high."""
    height = page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer')?.scrollHeight ?? 900")
    page.set_viewport_size({"width": 1400, "height": min(int(height) + 120, 12_000)})
    page.screenshot(path=shoot.folder / name)
    page.set_viewport_size({"width": 1400, "height": 1000})


shoot.folder = REPOSITORY / "runs/browser"

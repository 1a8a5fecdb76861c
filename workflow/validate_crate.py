"""Validate exported folders with rocrate-validator: python workflow/validate_crate.py FOLDER …

The validator (PyPI: roc-validator, Apache-2.0) needs thirty packages that nothing else needs. So it
gets an environment of its own, which is deleted afterwards. It would fetch the JSON-LD context of RO-
Crate from the network. It gets the copy that the library rocrate ships, so that no network is needed
but the package index. Ends with 1 if a requirement is not met.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

VALIDATE = """
import json, sys
from types import SimpleNamespace
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

text = open(sys.argv[1]).read()
given = SimpleNamespace(status_code=200, text=text, content=text.encode(), ok=True)
given.json, given.url = lambda: json.loads(text), json.loads(text)["@id"]
given.headers = {"Content-Type": "application/ld+json"}

def get(self, url, *more, **options):
    if url != given.url:
        raise RuntimeError(f"{url} is not fetched")
    return given

HttpRequester.get = get
HttpRequester.__getattr__ = lambda self, name: get if name == "get" else object.__getattribute__(self, name)
bad = 0
for folder in sys.argv[2:]:
    settings = services.ValidationSettings(rocrate_uri=folder, skip_availability_check=True,
                                           requirement_severity=models.Severity.REQUIRED)
    result = services.validate(settings)
    issues = [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
    bad += len(issues)
    passed = len(result.executed_checks)
    print("\\n".join([f"{folder}: {passed} checks, {len(issues)} of their requirements not met", *issues]))
sys.exit(bool(bad))
"""


def main(folders: list[str]) -> int:
    """Install the validator and run it; its exit code."""
    context = resources.files("rocrate") / "data/ro-crate.jsonld"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    with tempfile.TemporaryDirectory(prefix="getl-crate-") as name:
        ready = os.environ.get("ROC_VALIDATOR_PYTHON")  # an environment that has it
        python = ready or str(Path(name, "bin/python"))
        if not ready:
            subprocess.run([sys.executable, "-m", "venv", name], check=True)
            pip = [
                python,
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                "roc-validator==0.13.0",
            ]
            subprocess.run(pip, check=True, env=clean)
        places = [str(Path(folder).resolve()) for folder in folders]
        return subprocess.run([python, "-c", VALIDATE, str(context), *places], env=clean).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

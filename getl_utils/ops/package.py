"""What a folder is, from its own records: a model or a data set, held to its checksums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from getl_utils.core.record import content_hash, read_json, sha256
from getl_utils.models import model

METADATA = "ro-crate-metadata.json"
KINDS = {"linear": "linear", "published": "Gaussian process", "graph": "graph network"}  # of models


class Package(NamedTuple):
    """What is exported.

    Attributes
    ----------
    name : str
        Title.
    description : str
        What it is, in a few sentences.
    identity : str
        Follows from the content; the version of the package.
    keywords : list of str
        For catalogues.
    files : list of str
        Below its folder.
    facts : dict
        Name → number or text, of the whole.
    main : str
        The file to begin with.
    programs : dict
        Programs that made the content → version.
    """

    name: str
    description: str
    identity: str
    keywords: list[str]
    files: list[str]
    facts: dict[str, Any]
    main: str
    programs: dict[str, str]


def describe(source: Path) -> Package:
    """Read what a folder is from its records, and hold its files to them.

    Parameters
    ----------
    source : Path
        Folder of a model or a data set.

    Returns
    -------
    Package
        What it is.

    Raises
    ------
    ValueError
        It is neither, or a file is not as recorded.
    """
    if (source / "model.json").exists():
        return _model(source)
    if (source / "manifest.json").exists():
        return _data(source)
    inside = source / "model"
    more = f"did you mean {inside}? Or pack" if (inside / "model.json").exists() else "pack"
    what = f"{source} is neither a model nor a packed data set"
    raise ValueError(f"{what}: {more} a work directory by workflow/pack.py first")


def _model(source: Path) -> Package:
    facts = model.load(source).facts
    bonds = sum(one.n_bonds for one in facts.types.values())
    kind = KINDS[facts.kind]
    numbers: dict[str, Any] = {"model_id": facts.model_id, "database_id": facts.database_id, "kind": kind}
    numbers |= {"label engine": facts.engine, "elements": " ".join(facts.elements), "training bonds": bonds}
    for name, one in facts.types.items():
        low, high = one.window
        numbers[f"{name}: range of bond length"] = f"{low:.2f}–{high:.2f} Å"
        numbers[f"{name}: training bonds"] = one.n_bonds
    text = f"A {kind} model that predicts the ICOHP (eV) and its uncertainty of every bond of a structure of "
    text += (
        f"{', '.join(facts.elements)}. It learned from {bonds} bonds labelled by the engine {facts.engine}"
    )
    text += f", projection {facts.projection}. " if facts.projection else ". "
    text += "`getl predict FILE --model FOLDER --out bonds` applies it."
    title = f"GETL model of bond strengths (−ICOHP) in {'–'.join(facts.elements)}"
    words = ["ICOHP", "chemical bonding", "machine learning", *facts.elements]
    return Package(title, text, facts.model_id, words, files_of(source), numbers, "model.json", {})


def _data(source: Path) -> Package:
    manifest = read_json(source / "manifest.json")
    wrong = [
        name
        for name, digest in manifest["files"].items()
        if not (source / name).is_file() or sha256(source / name) != digest
    ]
    if wrong:
        raise ValueError(f"{source / wrong[0]} is not as manifest.json says; pack the data set again")
    files = [*sorted(manifest["files"]), *files_of(source, set(manifest["files"]))]
    p, labels = manifest["parameters"], manifest["labels"]
    done = [read_json(source / name) for name in files if name.endswith("/label.json")]
    versions = Counter(f"{one['engine']}: {one.get('engine_version', 'unknown')}" for one in done)
    bonds = sum(one.get("n_bonds", 0) for one in done if one["status"] == "DONE")
    low, high = p["label_window"]
    numbers: dict[str, Any] = {"cells": sum(labels.values()), "labelled bonds": bonds}
    numbers |= {f"cells with status {name}": n for name, n in labels.items()}
    numbers |= {"compositions": ", ".join(p["compositions"]), "bond lengths": f"{low}–{high} Å"}
    numbers |= {"command": manifest["command"]}
    text = f"{sum(labels.values())} cells of {', '.join(p['compositions'])} with the ICOHP (eV) of {bonds} "
    text += "bonds, "
    text += (
        f"computed by the engine {p['engine']}. Cells are extended xyz (Å), labels are in LOBSTER's columns. "
    )
    text += "As `reference_roots` of a GETL parameter file this folder is a training set."
    title = f"ICOHP labels of bonds in glasses of {'–'.join(p['elements'])}"
    words = ["ICOHP", "chemical bonding", "metallic glass", "density functional theory", *p["elements"]]
    identity = content_hash(manifest["files"])
    made_by = dict(name.split(": ", 1) for name in sorted(versions))
    return Package(title, text, identity, words, files, numbers, "manifest.json", made_by)


def files_of(source: Path, known: Iterable[str] = ()) -> list[str]:
    """Names of the files below a folder, but hidden ones, the metadata and those that are known.

    Parameters
    ----------
    source : Path
        The folder.
    known : iterable of str
        Names that are left out.

    Returns
    -------
    list of str
        Relative to the folder, sorted.
    """
    found = (path.relative_to(source).as_posix() for path in sorted(source.rglob("*")) if path.is_file())
    return [name for name in found if name not in known and name != METADATA and not name.startswith(".")]

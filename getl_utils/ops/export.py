"""Export a model or a data set as a folder that describes itself, ready for a repository such as Zenodo.

The folder keeps its layout, so that the code reads it as before. ``ro-crate-metadata.json`` is added:
RO-Crate metadata (https://w3id.org/ro/crate) of what our own records say.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity, Person
from rocrate.rocrate import ROCrate

from getl_utils.core.record import code_version, now, sha256
from getl_utils.labels.status import ICOHPLIST
from getl_utils.ops.package import METADATA, Package, describe, files_of

SPECIFICATION = "1.3"
ARTICLE = "https://doi.org/10.1103/PhysRevMaterials.4.113603"
QUANTITY = {
    "@type": "PropertyValue",
    "name": "ICOHP",
    "description": "integrated crystal orbital Hamilton population of a bond; negative means bonding",
    "unitText": "eV",
}
HOMES = {  # of the programs that make labels
    "gpaw": "https://gpaw.readthedocs.io",
    "qe": "https://www.quantum-espresso.org",
    "lobster": "http://www.cohp.de",
    "xtb": "https://tblite.readthedocs.io",
}
FORMATS = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".xyz": "chemical/x-xyz",
    ".lobster": "text/plain",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
}
MEANINGS = {
    "model.json": "what the model is: elements, bond types, windows in Å, identity, training database",
    "model.npz": "arrays of the model: weights and covariances",
    "checks.json": "result of the checks that the model must pass before it may predict",
    "README.md": "what this is and how to use it",
    "manifest.json": "parameters, command, statuses, and the SHA-256 of every file of the data set",
    "label.json": "how this label was made: engine, versions, settings, status, warnings",
    ICOHPLIST: "bonds of the cell in LOBSTER's columns: atoms, distance in Å, translation, ICOHP in eV",
    "bonds.parquet": "bonds of the cell as a table, ICOHP in eV",
    "quench.json": "how the glass was made: parameters of the quench, seed, potential",
}


def export(
    source: Path, out: Path, authors: Sequence[str], licence: str, based_on: Sequence[str] = ()
) -> Package:
    """Copy a model or a data set and describe it.

    Parameters
    ----------
    source : Path
        Folder with ``model.json``, or with the ``manifest.json`` of a data set.
    out : Path
        New folder.
    authors : sequence of str
        Names; an ORCID may follow a name after a comma.
    licence : str
        SPDX name of the licence of what is exported, such as ``MIT``.
    based_on : sequence of str
        Addresses (URL or DOI) of what it was made from.

    Returns
    -------
    Package
        What was exported.

    Raises
    ------
    FileExistsError
        `out` is there.
    ValueError
        `source` is neither, or damaged, or there is no author.
    """
    if out.exists():
        raise FileExistsError(f"{out} is there already; name a new folder by --out")
    if not [name for name in authors if name.strip()] or not licence.strip():
        raise ValueError("name the authors by --author and the licence by --licence")
    package = describe(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as name:
        folder = Path(name, "crate")
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns(METADATA, ".*"))
        if "README.md" not in package.files:
            package.files.append("README.md")
            (folder / "README.md").write_text(_readme(package, authors, licence))
        _crate(package, folder, authors, licence, based_on).metadata.write(folder)
        if wrong := damaged(folder):
            raise ValueError(f"{wrong[0]}; nothing was exported")
        os.chmod(name, 0o755)
        folder.rename(out)
    return package


def _readme(package: Package, authors: Sequence[str], licence: str) -> str:
    facts = "".join(f"| {name} | {value} |\n" for name, value in package.facts.items())
    head = f"# {package.name}\n\n{package.description}\n\n"
    about = f"- **Identity:** `{package.identity}`\n- **Authors:** {'; '.join(authors)}\n"
    about += (
        f"- **Licence:** {licence}\n- **Sign:** ICOHP in eV, negative means bonding; atoms count from 1 in "
    )
    about += f"LOBSTER's columns\n- **Metadata:** `{METADATA}` (RO-Crate {SPECIFICATION})\n\n"
    return f"{head}{about}| fact | value |\n|---|---|\n{facts}"


def _crate(
    package: Package, folder: Path, authors: Sequence[str], licence: str, based_on: Sequence[str]
) -> ROCrate:
    crate, root = ROCrate(version=SPECIFICATION), {}
    code = code_version()
    address = f"https://spdx.org/licenses/{licence}"
    root["license"] = _entity(crate, address, {"@type": "CreativeWork", "name": licence, "url": address})
    root["author"] = [_author(crate, n, words) for n, words in enumerate(authors)]
    root["variableMeasured"] = [_entity(crate, "#icohp", QUANTITY)]
    root["additionalProperty"] = _facts(crate, package.facts)
    text = {"@type": "ScholarlyArticle", "name": "Phys. Rev. Materials 4, 113603: the published workflow"}
    root["citation"] = _entity(crate, ARTICLE, text)
    root["isBasedOn"] = [
        _entity(crate, place, {"@type": "CreativeWork", "name": place}) for place in based_on
    ]
    crate.name, crate.description, crate.keywords = package.name, package.description, package.keywords
    crate.datePublished = now()[:10]
    for name in package.files:
        crate.add_file(dest_path=name, source=folder / name, properties=_file(folder / name))
    programs = {"GETL": f"{code['getl']} ({code['commit']})", **package.programs}
    made_with = [_entity(crate, f"#{name}", _program(name, version)) for name, version in programs.items()]
    action = {"@type": "CreateAction", "name": f"making of {package.name}", "instrument": made_with}
    _entity(crate, "#made", action | {"result": crate.root_dataset})
    root |= {"version": package.identity, "mentions": [crate.get("#made")]}
    root["mainEntity"] = crate.get(package.main)
    for name, value in root.items():
        if value:
            crate.root_dataset[name] = value
    return crate


def _entity(crate: ROCrate, place: str, properties: Mapping[str, Any]) -> ContextEntity:
    plain = {k: v for k, v in properties.items() if not isinstance(v, list | ContextEntity) and k != "result"}
    entity = crate.add(ContextEntity(crate, place, properties=plain))
    for name, value in properties.items():
        if name not in plain:
            entity[name] = value
    return entity


def _program(name: str, version: str) -> dict[str, Any]:
    """A program; only one with an address may be called a SoftwareApplication."""
    kind = {"@type": "SoftwareApplication", "url": HOMES[name]} if name in HOMES else {}
    return {"@type": "CreativeWork", **kind, "name": name, "version": version}


def _author(crate: ROCrate, number: int, words: str) -> ContextEntity:
    """A person with an ORCID, or a name alone."""
    name, _, orcid = (part.strip() for part in words.partition(","))
    place = f"https://orcid.org/{orcid}" if orcid else f"#author-{number + 1}"
    return crate.add(Person(crate, place, properties={"name": name}))


def _facts(crate: ROCrate, facts: Mapping[str, Any]) -> list[ContextEntity]:
    return [
        _entity(crate, f"#fact-{n}", {"@type": "PropertyValue", "name": name, "value": value})
        for n, (name, value) in enumerate(facts.items(), 1)
    ]


def _file(path: Path) -> dict[str, Any]:
    known = {"name": path.name, "contentSize": str(path.stat().st_size), "sha256": sha256(path)}
    if meaning := MEANINGS.get(path.name, "a cell, extended xyz, Å" if path.suffix == ".xyz" else ""):
        known["description"] = meaning
    return known | {"encodingFormat": FORMATS.get(path.suffix, "application/octet-stream")}


def damaged(folder: Path) -> list[str]:
    """Read an exported folder back and hold its files to its metadata.

    Parameters
    ----------
    folder : Path
        Written by `export`.

    Returns
    -------
    list of str
        What is wrong, a line each; empty if every file is there, is described and has its checksum.
    """
    described = {e.id: e for e in ROCrate(folder).data_entities if e.type == "File"}
    there = set(files_of(folder))
    found = [f"{folder / name} is not described in {METADATA}" for name in sorted(there - set(described))]
    found += [f"{folder / name} is gone" for name in sorted(set(described) - there)]
    for name in sorted(there & set(described)):
        if sha256(folder / name) != described[name]["sha256"]:
            found.append(f"{folder / name} is not as it was exported (its checksum differs)")
    return found

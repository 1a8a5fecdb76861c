"""The map in CONTRIBUTING.md names every room and every module, and no others."""

import re
import tomllib

from conftest import REPOSITORY

PACKAGE = REPOSITORY / "getl_utils"


def drawn():
    """The modules on the map, such as labels/projection/lcao, and the rooms in their order."""
    text = re.search(r"^```text\n(cli/.*?)^```", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.M | re.S)[1]
    names, rooms, folder = set(), [], []
    for indent, name, inner in re.findall(r"^( *)(\w+)(/?)  ", text, re.MULTILINE):
        folder = folder[: len(indent) // 2]
        if inner:
            folder.append(name)
            rooms += [] if indent else [name]
        else:
            names.add("/".join([*folder, name]))
    return names, rooms


def test_the_map_names_every_module():
    modules = {
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    names, _ = drawn()
    assert sorted(modules - names) == [], "these are not on the map"
    assert sorted(names - modules) == [], "these are not in the package"


def test_the_rooms_are_drawn_in_the_order_of_their_layers():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn()[1] == [room for layer in layers for room in layer.split(" | ")]

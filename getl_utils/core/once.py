"""Do a piece of work once: its record is written last, and work that has a record is not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from getl_utils.core.record import checksums, code_version, damaged, now, read_json, write_json


def once(
    record: Path,
    identity: Mapping[str, Any],
    make: Callable[[], Mapping[str, Any]],
    outputs: Sequence[str],
    *,
    replace: bool = False,
    repair: bool = False,
) -> dict[str, Any]:
    """Do a piece of work unless its record says that it was done; write the record last.

    A run that was killed has no record. Its leftover outputs are deleted before the work starts again.

    Parameters
    ----------
    record : Path
        JSON file that says what was done. Its folder holds the outputs.
    identity : mapping
        What the work depends on, as JSON. It is stored under ``identity``.
    make : callable
        Does the work and returns the facts to record.
    outputs : sequence of str
        Patterns of the files, below the record's folder, that the work leaves. Their checksums are recorded.
    replace : bool
        Do the work again if the record has another identity, instead of refusing.
    repair : bool
        Do the work again if an output has changed since, instead of refusing.

    Returns
    -------
    dict
        The record: identity, facts, ``seconds``, ``code``, ``time`` and ``sha256``.

    Raises
    ------
    ValueError
        The record is of other work, or its files have changed, and this is not to be replaced or repaired.

    Examples
    --------
    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> def work():
    ...     print("working")
    ...     return {"bonds": (folder / "bonds.txt").write_text("1-2")}
    >>> once(folder / "bonds.json", {"cutoff": 3.5}, work, ["bonds.txt"])["bonds"]
    working
    3
    >>> once(folder / "bonds.json", {"cutoff": 3.5}, work, ["bonds.txt"])["bonds"]
    3
    """
    identity = json.loads(json.dumps(identity, default=str))
    known = standing(record, identity, replace=replace, repair=repair)
    if known is not None:
        return known
    record.unlink(missing_ok=True)
    for old in _matching(record.parent, outputs):
        old.unlink()
    start = time.perf_counter()
    facts = {"identity": identity, **make()}
    facts |= {"seconds": round(time.perf_counter() - start, 2), "code": code_version(), "time": now()}
    facts |= {"sha256": checksums(record.parent, _matching(record.parent, outputs))}
    write_json(record, facts)
    return facts


def standing(
    record: Path, identity: Mapping[str, Any], *, replace: bool = False, repair: bool = False
) -> dict[str, Any] | None:
    """Return the record of work that was done and still is as it was written.

    Parameters
    ----------
    record : Path
        As for `once`.
    identity : mapping
        As for `once`; compared with ``identity`` in the record, or with the record where it has none.
    replace : bool
        As for `once`.
    repair : bool
        As for `once`.

    Returns
    -------
    dict or None
        The record; None if the work is to be done.

    Raises
    ------
    ValueError
        As for `once`.
    """
    if not record.exists():
        return None
    known = read_json(record)
    made = known.get("identity", {name: known.get(name) for name in identity})
    names = sorted({*made, *identity})
    differing = [name for name in names if made.get(name) != identity.get(name)]
    if differing and not replace:
        said = "; ".join(f"{name} ({made.get(name)} there, {identity.get(name)} asked)" for name in differing)
        raise ValueError(f"{record.parent} holds another run: {said}; choose another directory or delete it")
    wrong = damaged(record)
    if wrong and not (repair or differing):
        raise ValueError(f"{'; '.join(wrong)}; delete {record}, run again")
    return None if differing or wrong else known


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})

"""Files written whole or not at all, and never over one that is open in another program."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable
from itertools import count
from pathlib import Path

_UNSAFE = re.compile(r"[^\w .()-]+")


def folder_names(names: Iterable[str]) -> dict[str, str]:
    """Return a folder for every name, safe on every system, no two alike."""
    found, taken = {}, set[str]()
    for name in names:
        plain = _UNSAFE.sub("_", name).strip(" .") or "_"
        number, folder = 1, plain
        while folder.casefold() in taken:
            number += 1
            folder = f"{plain} ({number})"
        taken.add(folder.casefold())
        found[name] = folder
    return found


def move_into_place(path: Path, data: bytes) -> Path:
    """Put the bytes at the path in one step, and return it."""
    temporary = _temporary(path, data)
    try:
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def put_beside(path: Path, data: bytes) -> Path:
    """Put the bytes at the path in one step, or beside it where that is held; return where."""
    temporary = _temporary(path, data)
    try:
        return move_beside(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def put_json(path: Path, content: object) -> Path:
    """Put the content at the path as JSON, likewise; raise ValueError for NaN and infinity."""
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    return put_beside(path, (text + "\n").encode("utf-8"))


def move_beside(source: Path, path: Path) -> Path:
    """Move a file to the path, or to a free name beside it where that is held; return where."""
    if not is_held(path):
        try:
            os.replace(source, path)
            return path
        except PermissionError:
            if not path.exists():
                raise
    target = _free(path)
    os.replace(source, target)
    return target


def is_held(path: Path) -> bool:
    """Return whether Excel or LibreOffice says with a file of its own that this one is open."""
    locks = (f"~${path.name}", f".~lock.{path.name}#")
    return path.exists() and any(path.with_name(lock).exists() for lock in locks)


def _free(path: Path) -> Path:
    names = (path.with_name(f"{path.stem} ({number}){path.suffix}") for number in count(2))
    return next(name for name in names if not name.exists())


def _temporary(path: Path, data: bytes) -> Path:
    """Write the bytes into a file of the folder that nobody looks at, and return it."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)

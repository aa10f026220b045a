"""Files written whole or not at all: no reader ever sees half of one."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
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
    return _put(path, (path,), data)


def put_beside(path: Path, data: bytes) -> Path:
    """Put the bytes at the path in one step, or beside it where the file is open in Excel."""
    return _put(path, _beside(path), data)


def move_beside(source: Path, path: Path) -> Path:
    """Move a file to the path, or beside it where that is open in Excel; return where it is."""
    for target in _beside(path):
        try:
            os.replace(source, target)
        except PermissionError:
            continue
        return target
    raise PermissionError(f"cannot write {path} nor any copy beside it")


def _put(path: Path, targets: Iterable[Path], data: bytes) -> Path:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        for target in targets:
            try:
                os.replace(temporary, target)
            except PermissionError:
                continue
            return target
        raise PermissionError(f"cannot write {path} nor any copy beside it")
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Iterator[Path]:
    yield path
    for number in range(2, 10):
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")

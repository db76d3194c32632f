"""Where files are written before they are objects: beside the root.

The Python library takes every file below the root for an object, so nothing
else may be there. As the native host does, each process has a folder in
`.NAME.storage` and holds a lock on it; what a killed one left is removed.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
import threading
import weakref
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional

from ..errors import PermissionDenied


class Side:
    """The folder for files being written; made on first use."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._counter = itertools.count()
        self._own: Optional[Path] = None
        self._end: Optional[weakref.finalize[..., Side]] = None

    def fresh(self) -> Path:
        """A name that was not used before."""
        with self._lock:
            if self._own is None:
                self._own = self._make()
            return self._own / f"{next(self._counter):x}"

    def _make(self) -> Path:
        root = Path(os.path.abspath(self._root))
        place = root.parent / f".{root.name}.storage"
        try:
            place.mkdir(exist_ok=True)
            with _locked(place):
                for name in os.listdir(place):
                    if name.startswith("writing-"):
                        _sweep(place / name)
                own = Path(tempfile.mkdtemp(prefix=f"writing-{os.getpid()}-", dir=place))
                held = os.open(own, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PermissionDenied(
                f"{place}, for files being written, can't be used ({error.strerror}); "
                "root_path must be a directory inside of one that is writable"
            ) from error
        self._end = weakref.finalize(self, _remove, own, held)
        return own

    def close(self) -> None:
        """Removes the folder; the next use makes another."""
        with self._lock:
            if self._end is not None:
                self._end()
            self._own = None


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """So that no folder is taken for a dead one between its making and its lock."""
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


def _remove(own: Path, held: int) -> None:
    shutil.rmtree(own, ignore_errors=True)
    os.close(held)
    with suppress(OSError):
        own.parent.rmdir()

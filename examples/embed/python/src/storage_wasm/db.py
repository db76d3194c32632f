"""Objects in an SQLite database."""

from __future__ import annotations

from typing import Any

from .backends.sqlite import SqliteBackend
from .contract import Backend
from .object import BackedStore


class SqliteStore(BackedStore):
    """Objects as rows of a database. Opened on first use; `with` closes it."""

    def __init__(self, db_path: str) -> None:
        self.db_path = db_path
        self._backend = SqliteBackend(str(db_path))

    @property
    def backend(self) -> Backend:
        return self._backend

    def open(self) -> None:
        """Opens the database now, to find out whether that works."""
        self._backend.open()

    def close(self) -> None:
        self._backend.close()

    def __enter__(self) -> Any:
        self.open()
        return self

"""Objects in an SQLite database, for `async` code."""

from __future__ import annotations

import sqlite3
from typing import Any, Optional

from .bridge import AsyncStore, in_thread
from .db import SqliteStore


class AsyncSqliteStore(AsyncStore):
    """As SqliteStore."""

    def __init__(self, db_path: str) -> None:
        self.db_path = db_path
        self._plain = SqliteStore(db_path)

    @property
    def plain(self) -> Any:
        return self._plain

    @property
    def conn(self) -> Optional[sqlite3.Connection]:
        """The open database."""
        return self._plain._backend.connection

    async def open(self) -> None:
        """Opens the database now, to find out whether that works."""
        await in_thread(self._plain.open)

    async def close(self) -> None:
        """Closes it; the next use opens it again."""
        await in_thread(self._plain.close)

    async def __aenter__(self) -> Any:
        await self.open()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self.close()

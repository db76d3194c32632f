"""Objects as rows of an SQLite database: the table of the Python library.

What that table has no place for is in `storage_metadata`, as the native host
keeps it; triggers in the database keep it right when other programs write.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import Any, Iterator, Optional

from ..contract import (
    MAX_KEY_BYTES, Capabilities, DeleteOptions, Entry, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions,
)  # fmt: skip
from ..errors import (
    InvalidData, LimitExceeded, NotFound, Other, PermissionDenied, PreconditionFailed, StoreError,
    Unavailable,
)  # fmt: skip
from .memory import ALL
from .rules import (
    BytesReader, CollectingWriter, check_inline, check_key, check_read, check_write, conditional,
    limit, resolve,
)  # fmt: skip

BUSY_TIMEOUT = 5.0

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS storage_metadata (
    key TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    modified INTEGER NOT NULL,
    etag TEXT,
    content_type TEXT,
    metadata TEXT
);
CREATE TRIGGER IF NOT EXISTS storage_metadata_insert AFTER INSERT ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = NEW.key;
    INSERT INTO storage_metadata (key, version, modified) VALUES (NEW.key,
        lower(hex(randomblob(12))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
CREATE TRIGGER IF NOT EXISTS storage_metadata_update AFTER UPDATE ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = OLD.key OR key = NEW.key;
    INSERT INTO storage_metadata (key, version, modified) VALUES (NEW.key,
        lower(hex(randomblob(12))),
        CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
CREATE TRIGGER IF NOT EXISTS storage_metadata_delete AFTER DELETE ON objects BEGIN
    DELETE FROM storage_metadata WHERE key = OLD.key;
END;
"""

_COLUMNS = """
    o.rowid,
    CASE typeof(o.data) WHEN 'blob' THEN length(o.data) ELSE length(CAST(o.data AS BLOB)) END,
    m.version, m.modified, m.etag, m.content_type, m.metadata"""
_FROM = "FROM objects o LEFT JOIN storage_metadata m ON m.key = o.key"
_FIND = f"SELECT {_COLUMNS} {_FROM} WHERE o.key = ?"
_GET = f"SELECT {_COLUMNS}, CAST(o.data AS BLOB) {_FROM} WHERE o.key = ?"


_FAILURES: list[tuple[str, type[StoreError], str]] = [
    ("locked", Unavailable, "another process is writing; try again"),
    ("is full", LimitExceeded, "nothing was written"),
    ("too big", LimitExceeded, "a row of SQLite can't be larger"),
    ("not a database", InvalidData, "name another db_path, or move that file away"),
    ("malformed", InvalidData, "restore it, or try sqlite3's .recover"),
    ("readonly", PermissionDenied, "the file and its directory must be writable"),
    ("unable to open", PermissionDenied, "its directory must exist and be writable"),
]


def _info(row: Any) -> ObjectInfo:
    row_id, size, version, modified, etag, content_type, metadata = row[:7]
    size = size or 0
    if etag is None:
        etag = f"row-{row_id:x}-{size:x}-1" if version is None else f"{version}-1"
    kept = [(name, value) for name, value in json.loads(metadata)] if metadata else []
    return ObjectInfo(size, etag, modified, content_type, kept)


class SqliteBackend:
    """One connection, used by one thread at a time."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.RLock()
        self.connection: Optional[sqlite3.Connection] = None

    def open(self) -> sqlite3.Connection:
        """The connection; opened, and the tables made, on first use."""
        with self._lock:
            if self.connection is None:
                connection = sqlite3.connect(
                    self._path, timeout=BUSY_TIMEOUT, check_same_thread=False, isolation_level=None
                )
                try:
                    connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
                except sqlite3.Error:
                    connection.close()
                    raise
                self.connection = connection
            return self.connection

    def close(self) -> None:
        """Closes the database; the next use opens it again."""
        with self._lock:
            connection, self.connection = self.connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _use(self, key: Optional[str] = None, write: bool = False) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                connection = self.open()
                if not write:
                    yield connection
                    return
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure(key, error) from error

    def _failure(self, key: Optional[str], error: sqlite3.Error) -> StoreError:
        at = self._path if key is None else f"{self._path}, key {key!r}"
        # By their texts: older Pythons don't tell the codes.
        for text, kind, advice in _FAILURES:
            if text in str(error):
                return kind(f"{at}: {error}; {advice}")
        return Other(f"{at}: {error}")

    def capabilities(self) -> Capabilities:
        return ALL

    def _open(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        check_key(key)
        with self._use(key) as connection:
            row = connection.execute(_GET, (key,)).fetchone()
        if row is None:
            raise NotFound(key)
        info, data = _info(row), row[7] or b""
        check_read(options, info)
        if options.range is not None:
            start, end = resolve(options.range, len(data))
            data = data[start:end]
        return info, data

    def get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        if options.range is None:
            check_inline(self.stat(key).size or 0)
        info, data = self._open(key, options)
        check_inline(len(data))
        return info, data

    def _find(self, connection: sqlite3.Connection, key: str) -> Optional[ObjectInfo]:
        row = connection.execute(_FIND, (key,)).fetchone()
        return None if row is None else _info(row)

    def put(self, key: str, data: bytes, options: PutOptions) -> ObjectInfo:
        check_key(key)
        with self._use(key, write=True) as connection:
            if conditional(options):
                check_write(key, options, self._find(connection, key))
            connection.execute(
                "INSERT INTO objects (key, data) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET data = excluded.data",
                (key, data),
            )
            if options.etag or options.content_type or options.metadata:
                metadata = json.dumps(options.metadata) if options.metadata else None
                connection.execute(
                    "UPDATE storage_metadata SET etag = ?, content_type = ?, metadata = ? "
                    "WHERE key = ?",
                    (options.etag, options.content_type, metadata, key),
                )
            info = self._find(connection, key)
            assert info is not None
            return info

    def exists(self, key: str) -> bool:
        check_key(key)
        with self._use(key) as connection:
            found = connection.execute("SELECT 1 FROM objects WHERE key = ?", (key,)).fetchone()
            return found is not None

    def delete(self, key: str, options: DeleteOptions) -> None:
        check_key(key)
        with self._use(key, write=True) as connection:
            if options.if_match is not None:
                info = self._find(connection, key)
                if info is not None and info.etag != options.if_match:
                    raise PreconditionFailed()
            if connection.execute("DELETE FROM objects WHERE key = ?", (key,)).rowcount == 0:
                raise NotFound(key)

    def stat(self, key: str) -> ObjectInfo:
        check_key(key)
        with self._use(key) as connection:
            info = self._find(connection, key)
        if info is None:
            raise NotFound(key)
        return info

    def list(self, options: ListOptions) -> Page:
        if options.skipped:
            return Page([])
        most = limit(options)
        prefix, start = options.prefix, options.start_after
        compare = ">=" if start is None or start < prefix else ">"
        first = prefix if compare == ">=" else start
        entries: list[Entry] = []
        with self._use() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS}, o.key {_FROM} WHERE typeof(o.key) = 'text' "
                f"AND o.key {compare} ? ORDER BY o.key",
                (first,),
            )
            for row in rows:
                key: str = row[7]
                if not key.startswith(prefix):
                    break
                if not 0 < len(key.encode()) <= MAX_KEY_BYTES or "\0" in key:
                    continue
                if len(entries) == most:
                    return Page(entries, entries[-1].key)
                entries.append(Entry(key, _info(row)))
        return Page(entries)

    def read(self, key: str, options: ReadOptions) -> BytesReader:
        return BytesReader(*self._open(key, options))

    def write(self, key: str, options: PutOptions) -> CollectingWriter:
        check_key(key)
        if conditional(options):
            with self._use(key) as connection:
                check_write(key, options, self._find(connection, key))
        return CollectingWriter(lambda data, final: self.put(key, data, final), options)

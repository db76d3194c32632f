"""Stores to test with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from storage_wasm.db import SqliteStore
from storage_wasm.fs import FilesystemStore, HashdirStore, SafeFilesystemStore
from storage_wasm.object import DictStore, ObjectStore


class Plain(ObjectStore):
    """A store of a caller's own, with the least that there is."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values[key]

    def put(self, key: str, data: Any) -> None:
        self.values[key] = data

    def exists(self, key: str) -> bool:
        return key in self.values

    def delete(self, key: str) -> None:
        del self.values[key]

    def keys(self, **kwargs: Any) -> Any:
        return iter(self.values)


BACKENDS = ("dict", "files", "safe files", "sqlite", "plain")


def quick(path: Path) -> SqliteStore:
    """A database that does not wait for the disk: tests survive no power cut."""
    store = SqliteStore(str(path))
    store._backend.open().execute("PRAGMA synchronous = OFF")
    return store


def make(kind: str, folder: Path) -> Any:
    return {
        "dict": DictStore,
        "files": lambda: FilesystemStore(folder / "root", durable=False),
        "safe files": lambda: SafeFilesystemStore(folder / "root", durable=False),
        "hash folders": lambda: HashdirStore(folder / "root", durable=False),
        "sqlite": lambda: quick(folder / "objects.db"),
        "plain": Plain,
    }[kind]()


@pytest.fixture(params=BACKENDS)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    store = make(request.param, tmp_path)
    yield store
    if hasattr(store, "close"):
        store.close()

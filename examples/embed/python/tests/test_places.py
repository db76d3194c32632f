"""Directories and databases: the names and bytes of the library, and no damage."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from storage_wasm import AlreadyExists, InvalidData, InvalidKey, PermissionDenied, PreconditionFailed
from storage_wasm.db import SqliteStore
from storage_wasm.fs import FilesystemStore, SafeFilesystemStore
from storage_wasm.object import DictStore
from storage_wasm.utils import GzipStore, IdentityStore


@pytest.fixture
def files(tmp_path: Path) -> FilesystemStore:
    return FilesystemStore(tmp_path / "root")


def test_a_file_is_an_object_and_an_object_a_file(files: FilesystemStore, tmp_path: Path) -> None:
    files.put("a/b.txt", b"data")
    assert (tmp_path / "root/a/b.txt").read_bytes() == b"data"
    (tmp_path / "root/c").write_bytes(b"by hand")
    assert files.get("c") == b"by hand"
    assert list(files.keys()) == ["a/b.txt", "c"]
    assert files.delete("a/b.txt") is True
    assert sorted(os.listdir(tmp_path / "root")) == ["c"]
    files.close()
    assert os.listdir(tmp_path) == ["root"]


def test_names_in_base32(tmp_path: Path) -> None:
    store = SafeFilesystemStore(tmp_path / "root")
    store.put("../x", b"data")
    assert os.listdir(tmp_path / "root") == ["FYXC66A_"]
    (tmp_path / "root/not base32").write_bytes(b"")
    assert list(store.keys()) == ["../x"]


def test_nothing_outside_of_the_root_is_reached(files: FilesystemStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    files.put("k", b"")
    (tmp_path / "root/link").symlink_to(tmp_path / "secret")
    (tmp_path / "root/folder").symlink_to(tmp_path)
    for key in ("../secret", "/etc/passwd", "a/../../secret", "a//b", "a/", ".", "", "a\0b"):
        for operation in (files.get, files.delete, lambda key: files.put(key, b"")):
            with pytest.raises(InvalidKey):
                operation(key)
    for key in ("link", "folder/secret"):
        with pytest.raises(KeyError):
            files.get(key)
    with pytest.raises(KeyError):
        files.put("folder/new", b"")
    assert list(files.keys()) == ["k"]
    assert sorted(each for each in os.listdir(tmp_path) if each[0] != ".") == ["root", "secret"]


def test_an_object_and_objects_below_it_exclude_each_other(files: FilesystemStore) -> None:
    files.put("a", b"1")
    with pytest.raises(InvalidKey):
        files.put("a/b", b"2")
    files.delete("a")
    files.put("a/b", b"2")
    with pytest.raises(InvalidKey):
        files.put("a", b"1")
    assert not files.exists("a")


def test_what_a_killed_process_left_is_removed(files: FilesystemStore, tmp_path: Path) -> None:
    left = tmp_path / ".root.storage/writing-1-dead"
    left.mkdir(parents=True)
    (left / "0").write_bytes(b"half")
    files.put("k", b"data")
    assert not left.exists()
    open_write = files.write("other")
    # A second process would not take the folder of the first one for a dead one's.
    other = FilesystemStore(tmp_path / "root")
    other.put("k2", b"data")
    open_write.write(b"late")
    open_write.finish()
    assert files.get("other") == b"late"


def test_what_is_kept_is_forgotten_when_another_program_writes(
    files: FilesystemStore, tmp_path: Path
) -> None:
    with files.write("k", content_type="text/plain") as file:
        file.write(b"data")
    before = files.stat("k")
    assert before.content_type == "text/plain", "a filesystem with extended attributes is needed"
    (tmp_path / "root/k").write_bytes(b"other data")
    after = files.stat("k")
    assert (after.size, after.content_type) == (10, None)
    assert after.etag != before.etag


def test_a_root_whose_parent_is_not_writable_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        blocked = tmp_path / ".root.storage"
        blocked.write_bytes(b"a file where the folder should be")
    else:
        (tmp_path / "root").mkdir()
        tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionDenied, match="files being written"):
            FilesystemStore(tmp_path / "root").put("k", b"")
    finally:
        tmp_path.chmod(0o700)


def test_a_row_is_an_object_and_an_object_a_row(tmp_path: Path) -> None:
    path = str(tmp_path / "objects.db")
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE objects (key TEXT PRIMARY KEY, data BLOB)")
        other.execute("INSERT INTO objects VALUES ('text', 'grün')")
    with SqliteStore(path) as store:
        over = IdentityStore(store)
        assert over.get("text") == "grün".encode()
        over.put("k", b"data")
        with over.write("kept", content_type="text/plain", metadata={"a": "b"}) as file:
            file.write(b"data")
        info = over.stat("kept")
        assert (info.content_type, info.metadata) == ("text/plain", [("a", "b")])
        with sqlite3.connect(path) as other:
            rows = other.execute("SELECT key, data FROM objects ORDER BY key").fetchall()
            assert rows == [("k", b"data"), ("kept", b"data"), ("text", "grün")]
            other.execute("UPDATE objects SET data = x'00' WHERE key = 'kept'")
        other.close()
        assert over.stat("kept").content_type is None
        assert over.stat("kept").etag != info.etag
    assert SqliteStore(path).get("k") == b"data"


def test_a_locked_database_is_told_as_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storage_wasm import Unavailable
    from storage_wasm.backends import sqlite

    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.01)
    path = str(tmp_path / "objects.db")
    store = GzipStore(SqliteStore(path))
    store.put("k", b"data")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        store.put("k", b"new")
    other.execute("ROLLBACK")
    other.close()
    store.put("k", b"new")
    assert store.get("k") == b"new"


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "objects.db"
    path.write_bytes(b"not a database, but longer than a header would be" * 20)
    with pytest.raises(InvalidData, match="another db_path"):
        SqliteStore(str(path)).get("k")
    with pytest.raises(PermissionDenied, match="must exist"):
        SqliteStore(str(tmp_path / "no/objects.db")).get("k")


@pytest.mark.parametrize("kind", ["dict", "files", "sqlite"])
def test_conditions_are_checked_with_the_write(kind: str, tmp_path: Path) -> None:
    from conftest import make

    store = IdentityStore(make(kind, tmp_path))

    def put(data: bytes, **conditions: Any) -> None:
        with store.write("k", **conditions) as file:
            file.write(data)

    put(b"1", if_absent=True)
    with pytest.raises(AlreadyExists):
        put(b"2", if_absent=True)
    first = store.stat("k").etag
    put(b"2", if_match=first)
    assert store.stat("k").etag != first
    with pytest.raises(PreconditionFailed):
        put(b"3", if_match=first)
    assert store.get("k") == b"2"


def test_a_dictionary_of_the_callers_may_change_at_any_time() -> None:
    objects: dict[str, Any] = {"text": "grün", "list": [1]}
    store = IdentityStore(DictStore(objects))
    assert store.get("text") == "grün".encode()
    etag = store.stat("text").etag
    assert store.stat("text").etag == etag
    objects["text"] = b"new"
    assert store.stat("text").etag != etag
    with pytest.raises(ValueError, match="list"):
        store.get("list")

"""Objects as files below a directory, with the names of the Python library.

Nothing outside of the root is reached: a path is opened one folder at a time,
and symbolic links are not followed. A write is a new file that is renamed over
the old one. What is kept with an object is in an extended attribute, in the
form of the native host.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional, Protocol

from ..contract import (
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions, Trailer,
)  # fmt: skip
from ..errors import (
    InvalidKey, LimitExceeded, NotFound, Other, PermissionDenied, PreconditionFailed, StoreError,
    Unavailable, Unsupported,
)  # fmt: skip
from .memory import ALL
from .rules import (
    absorb, after, check_inline, check_key, check_read, check_write, conditional, page, resolve,
)  # fmt: skip
from .side import Side

ATTRIBUTE = "user.storage.object"
MAX_NAME_BYTES = 255
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A pipe among the files must not block whoever opens it.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Naming(Protocol):
    """From keys to paths below the root, and back."""

    def path(self, key: str) -> str: ...
    def key(self, path: str) -> Optional[str]:
        """Absent for a file that is nobody's object."""

    lists: bool
    ordered: bool


class Paths:
    """The key is the path."""

    lists = ordered = True

    def path(self, key: str) -> str:
        check_key(key)
        parts = key.split("/")
        bad = next((part for part in parts if part in ("", ".", "..")), None)
        if bad is not None:
            raise InvalidKey(f"{key!r} can't be a file: {bad!r} between its slashes is no name")
        if any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
            raise InvalidKey(f"{key!r} can't be a file: a part has over {MAX_NAME_BYTES} bytes")
        return key

    def key(self, path: str) -> Optional[str]:
        return path


class FilesystemBackend:
    """Files below `root`."""

    def __init__(self, root: Path, naming: Naming, durable: bool) -> None:
        self._root, self._naming, self._durable = root, naming, durable
        self._side = Side(root)
        self._lock = threading.RLock()
        self._attributes: Optional[bool] = None

    def close(self) -> None:
        """Removes the folder for files being written."""
        self._side.close()

    def capabilities(self) -> Capabilities:
        can = ALL
        if not self._keeps():
            can &= ~Capabilities.METADATA
        if not self._naming.lists:
            can &= ~Capabilities.LIST
        if not self._naming.ordered:
            can &= ~Capabilities.ORDERED
        return can

    def _keeps(self) -> bool:
        """Whether the filesystem has attributes: tried once, on a file beside the root."""
        with self._lock:
            if self._attributes is None:
                self._attributes = False
                if hasattr(os, "setxattr"):
                    with suppress(OSError, StoreError):
                        self._root.mkdir(parents=True, exist_ok=True)
                        probe = self._side.fresh()
                        probe.touch()
                        try:
                            os.setxattr(probe, ATTRIBUTE, b"{}")
                            self._attributes = True
                        finally:
                            probe.unlink()
            return self._attributes

    @contextmanager
    def _told(self, key: Optional[str]) -> Iterator[None]:
        """What the system says, in the words of the contract."""
        try:
            yield
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise _failure(str(self._root), key, error) from error

    def _folder(self, folder: str, make: bool = False) -> int:
        """Opens a folder below the root."""
        if make and not self._root.exists():
            self._root.mkdir(parents=True, exist_ok=True)
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in filter(None, folder.split("/")):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=at)
                        if self._durable:
                            os.fsync(at)
                below = os.open(part, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            return at
        except BaseException:
            os.close(at)
            raise

    def _open(self, key: str) -> tuple[int, ObjectInfo]:
        """An open file and what is known of it."""
        folder, _, name = self._naming.path(key).rpartition("/")
        with self._told(key):
            at = self._folder(folder)
            try:
                handle = os.open(name, _FILE, dir_fd=at)
            finally:
                os.close(at)
            try:
                return handle, self._info(key, handle)
            except BaseException:
                os.close(handle)
                raise

    def _info(self, key: str, handle: int) -> ObjectInfo:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotFound(key)
        size, mtime, inode = found.st_size, found.st_mtime_ns, found.st_ino
        info = ObjectInfo(size, f"{size:x}-{mtime:x}-{inode:x}-1", mtime // 1_000_000)
        if not hasattr(os, "getxattr"):
            return info
        try:
            kept = json.loads(os.getxattr(handle, ATTRIBUTE))
            if (kept["size"], kept["mtime"], kept["inode"]) != (size, mtime, inode):
                # Another program changed the file: what was kept is not of these bytes.
                return info
            return info._replace(
                etag=kept.get("etag", info.etag),
                content_type=kept.get("content_type"),
                metadata=[(name, value) for name, value in kept.get("metadata", [])],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return info

    def _current(self, key: str) -> Optional[ObjectInfo]:
        try:
            return self.stat(key)
        except NotFound:
            return None

    def get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        reader = self.read(key, options)
        try:
            check_inline(reader.left)
            return reader.info(), reader.next(reader.left) if reader.left else b""
        finally:
            reader.close()

    def put(self, key: str, data: bytes, options: PutOptions) -> ObjectInfo:
        writer = self.write(key, options)
        try:
            writer.push(data)
            return writer.finish(Trailer())
        finally:
            writer.close()

    def exists(self, key: str) -> bool:
        return self._current(key) is not None

    def stat(self, key: str) -> ObjectInfo:
        handle, info = self._open(key)
        os.close(handle)
        return info

    def delete(self, key: str, options: DeleteOptions) -> None:
        path = self._naming.path(key)
        with self._lock, self._told(key):
            # Also refuses what is no object: a folder, a link.
            info = self.stat(key)
            if options.if_match not in (None, info.etag):
                raise PreconditionFailed()
            folder, _, name = path.rpartition("/")
            at = self._folder(folder)
            try:
                os.unlink(name, dir_fd=at)
                if self._durable:
                    os.fsync(at)
            finally:
                os.close(at)
            while folder:
                above, _, name = folder.rpartition("/")
                at = self._folder(above)
                try:
                    os.rmdir(name, dir_fd=at)
                except OSError:
                    # Not empty: others are still in it.
                    return
                finally:
                    os.close(at)
                folder = above

    def list(self, options: ListOptions) -> Page:
        naming = self._naming
        if not naming.lists:
            raise Unsupported("the names of the files are hashes: their keys are not known")

        def info(key: str) -> Optional[ObjectInfo]:
            try:
                return self.stat(key)
            except (NotFound, InvalidKey):
                return None

        with self._told(None):
            if isinstance(naming, Paths):
                keys = self._walk("", options)
            else:
                names = (naming.key(path) for path in self._walk("", ListOptions()))
                keys = (key for key in names if key is not None)
            return page(options, keys, info)

    def _walk(self, folder: str, options: ListOptions) -> Iterator[str]:
        """Every file below a folder that can hold what is asked for."""
        try:
            at = self._folder(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            with os.scandir(at) as entries:
                found = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if not entry.is_symlink()
                    and (entry.is_dir(follow_symlinks=False) or entry.is_file())
                ]
        finally:
            os.close(at)
        wanted = after(options)
        start = options.start_after or ""
        for name, is_folder in found:
            path = f"{folder}/{name}" if folder else name
            try:
                path.encode()
            except UnicodeEncodeError:
                # Not UTF-8, so nobody's key.
                continue
            if not is_folder:
                if wanted(path):
                    yield path
                continue
            below = f"{path}/"
            prefix = options.prefix
            if (prefix.startswith(below) or below.startswith(prefix)) and (
                below > start or start.startswith(below)
            ):
                yield from self._walk(path, options)

    def read(self, key: str, options: ReadOptions) -> FileReader:
        handle, info = self._open(key)
        try:
            check_read(options, info)
            start, end = resolve(options.range, info.size or 0)
            return FileReader(self, key, handle, info, start, end)
        except BaseException:
            os.close(handle)
            raise

    def write(self, key: str, options: PutOptions) -> FileWriter:
        self._naming.path(key)
        if conditional(options):
            check_write(key, options, self._current(key))
        if (options.content_type or options.metadata) and not self._keeps():
            raise Unsupported(f"{self._root}: the filesystem keeps no extended attributes")
        with self._told(key):
            self._root.mkdir(parents=True, exist_ok=True)
            return FileWriter(self, key, options)

    def publish(self, key: str, path: Path, handle: int, options: PutOptions) -> ObjectInfo:
        """Makes a written file the object."""
        if (options.etag or options.content_type or options.metadata) and self._keeps():
            found = os.fstat(handle)
            kept: dict[str, object] = {
                "size": found.st_size,
                "mtime": found.st_mtime_ns,
                "inode": found.st_ino,
            }
            more = {
                "etag": options.etag,
                "content_type": options.content_type,
                "metadata": options.metadata,
            }
            kept |= {name: value for name, value in more.items() if value}
            os.setxattr(handle, ATTRIBUTE, json.dumps(kept).encode())
        if self._durable:
            os.fsync(handle)
        folder, _, name = self._naming.path(key).rpartition("/")
        with self._lock:
            if conditional(options):
                check_write(key, options, self._current(key))
            at = self._made(folder)
            try:
                os.rename(path, name, dst_dir_fd=at)
                if self._durable:
                    os.fsync(at)
            except IsADirectoryError:
                raise InvalidKey(f"{key!r}: there are objects below it") from None
            finally:
                os.close(at)
        return self._info(key, handle)

    def _made(self, folder: str) -> int:
        """The folder, made where it is missing: others may remove it meanwhile."""
        for _ in range(16):
            try:
                return self._folder(folder, make=True)
            except FileNotFoundError:
                continue
            except NotADirectoryError:
                raise InvalidKey(f"{folder!r} is, or lies below, an object") from None
        raise Unavailable(f"{folder!r} is being removed by others; try again")


class FileReader:
    """Reads a part of an open file."""

    def __init__(
        self, files: FilesystemBackend, key: str, handle: int, info: ObjectInfo, at: int, end: int
    ) -> None:
        self._files, self._key, self._info = files, key, info
        self._handle: Optional[int] = handle
        self._at, self._end = at, end

    @property
    def left(self) -> int:
        """How many bytes are still to come."""
        return self._end - self._at

    def info(self) -> ObjectInfo:
        return self._info

    def next(self, max: int) -> bytes:
        if self._handle is None:
            raise Other(f"the reader of {self._key!r} is closed")
        wanted = min(max, self.left)
        with self._files._told(self._key):
            chunk = os.pread(self._handle, wanted, self._at)
        if wanted and not chunk:
            raise Unavailable(f"{self._key!r} became shorter while it was read")
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


class FileWriter:
    """Writes a file beside the root, which becomes the object at the end."""

    def __init__(self, files: FilesystemBackend, key: str, options: PutOptions) -> None:
        self._files, self._key, self._options = files, key, options
        self._path: Optional[Path] = files._side.fresh()
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)

    def push(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        with self._files._told(self._key):
            while rest:
                rest = rest[os.write(self._handle, rest) :]

    def finish(self, trailer: Trailer) -> ObjectInfo:
        if self._path is None:
            raise Other(f"the write of {self._key!r} is finished already")
        options = absorb(self._options, trailer)
        with self._files._told(self._key):
            info = self._files.publish(self._key, self._path, self._handle, options)
        self._path = None
        os.close(self._handle)
        return info

    def close(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            os.close(self._handle)
            with suppress(OSError):
                path.unlink()


def _failure(root: str, key: Optional[str], error: OSError) -> StoreError:
    at = root if key is None else f"{root}, key {key!r}"
    code = error.errno
    if code in (errno.ENOENT, errno.ENOTDIR):
        return NotFound(key)
    if code == errno.ELOOP:
        return InvalidKey(f"{at}: a symbolic link; the store follows none")
    if code == errno.ENAMETOOLONG:
        return InvalidKey(f"{at}: the filesystem takes no name that long")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"{at}: {error.strerror}")
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return LimitExceeded(f"{at}: {error.strerror}; nothing was written")
    if code in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN):
        return Unavailable(f"{at}: {error.strerror}")
    return Other(f"{at}: {error.strerror}")

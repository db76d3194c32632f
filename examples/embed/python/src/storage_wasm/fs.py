"""Objects as files."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Any, Optional, Union

from .backends.filesystem import MAX_NAME_BYTES, FilesystemBackend, Naming, Paths
from .backends.rules import check_key
from .contract import Backend
from .errors import InvalidConfig, InvalidKey
from .object import BackedStore
from .transformers import KeyTransformer


class _Files(BackedStore):
    def __init__(
        self, root_path: Union[str, os.PathLike[str]], naming: Naming, durable: bool
    ) -> None:
        self.root_path = root_path
        self._backend = FilesystemBackend(Path(root_path), naming, durable)

    @property
    def backend(self) -> Backend:
        return self._backend

    def delete(self, key: str) -> bool:
        super().delete(key)
        return True

    def close(self) -> None:
        self._backend.close()


class FilesystemStore(_Files):
    """Objects as files below a directory: the key is the relative path."""

    def __init__(self, root_path: Union[str, os.PathLike[str]], durable: bool = True) -> None:
        super().__init__(root_path, Paths(), durable)


def hashpath(key: str, width: int = 2, depth: int = 3) -> str:
    """Where HashdirStore keeps a key: its SHA-256, cut into folders."""
    digits = hashlib.sha256(key.encode()).hexdigest()
    cuts = range(0, width * depth, width)
    return "/".join([*(digits[at : at + width] for at in cuts), digits[width * depth :]])


class _Hashes:
    lists = ordered = False

    def __init__(self, width: int, depth: int) -> None:
        self.width, self.depth = width, depth

    def path(self, key: str) -> str:
        check_key(key)
        return hashpath(key, self.width, self.depth)

    def key(self, path: str) -> Optional[str]:
        return None


class HashdirStore(_Files):
    """Objects as files in folders named after the hash of the key. Does not list."""

    def __init__(
        self,
        root_path: Union[str, os.PathLike[str]],
        width: int = 2,
        depth: int = 3,
        durable: bool = True,
    ) -> None:
        if width < 1 or depth < 0 or width * depth > 63:
            raise InvalidConfig("HashdirStore: width times depth is at most 63, width at least 1")
        self.width, self.depth = width, depth
        super().__init__(root_path, _Hashes(width, depth), durable)


class FilesystemKeyTransformer(KeyTransformer):
    """Any key as one file name: Base32, padded with `_`."""

    def transform_key(self, key: str) -> str:
        if not key:
            raise ValueError("a key must not be empty")
        return base64.b32encode(key.encode()).decode().replace("=", "_")

    def reverse_transform_key(self, key: str) -> str:
        try:
            found = base64.b32decode(key.replace("_", "=")).decode()
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"{key!r} is no name that this store gives") from error
        if self.transform_key(found) != key:
            raise ValueError(f"{key!r} is no name that this store gives")
        return found


class _Base32:
    lists, ordered = True, False

    def __init__(self) -> None:
        self._names = FilesystemKeyTransformer()

    def path(self, key: str) -> str:
        check_key(key)
        name = self._names.transform_key(key)
        if len(name) > MAX_NAME_BYTES:
            raise InvalidKey(f"{key!r} is too long for a file name: 155 bytes of UTF-8 at most")
        return name

    def key(self, path: str) -> Optional[str]:
        try:
            return self._names.reverse_transform_key(path)
        except ValueError:
            return None


class SafeFilesystemStore(_Files):
    """Objects as files of one directory: the name is the key in Base32."""

    def __init__(self, root_path: Union[str, os.PathLike[str]], durable: bool = True) -> None:
        super().__init__(root_path, _Base32(), durable)


__all__: Any = [
    "FilesystemKeyTransformer", "FilesystemStore", "HashdirStore", "SafeFilesystemStore",
    "hashpath",
]  # fmt: skip

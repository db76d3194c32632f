"""Objects in a dictionary of the caller's."""

from __future__ import annotations

import threading
import time
from typing import Any, Optional

from ..contract import (
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions,
)  # fmt: skip
from ..errors import InvalidData, NotFound, PreconditionFailed
from .rules import (
    BytesReader, CollectingWriter, check_inline, check_key, check_read, check_write, page, resolve,
)  # fmt: skip

ALL = Capabilities(511)


def as_bytes(key: str, value: Any) -> bytes:
    """What a store of the caller's holds, as the decorators see it."""
    if type(value) is bytes:
        return value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise InvalidData(f"under {key!r} is a {type(value).__name__}, not bytes")


class MemoryBackend:
    """A dictionary from keys to bytes.

    The caller may change the dictionary at any time: what is kept with an
    object holds for as long as the very same value is under the key.
    """

    def __init__(self, objects: dict[str, Any]) -> None:
        self._objects = objects
        self._kept: dict[str, tuple[Any, ObjectInfo]] = {}
        self._version = 0
        self._lock = threading.RLock()

    def capabilities(self) -> Capabilities:
        return ALL

    def _fresh(self, size: int, options: PutOptions) -> ObjectInfo:
        self._version += 1
        return ObjectInfo(
            size,
            options.etag or f"{self._version:x}-1",
            time.time_ns() // 1_000_000,
            options.content_type,
            options.metadata,
        )

    def _find(self, key: str) -> Optional[tuple[ObjectInfo, bytes]]:
        with self._lock:
            try:
                value = self._objects[key]
            except KeyError:
                return None
            data = as_bytes(key, value)
            kept = self._kept.get(key)
            if kept is None or kept[0] is not value:
                kept = self._kept[key] = (value, self._fresh(len(data), PutOptions()))
            return kept[1], data

    def _open(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        check_key(key)
        found = self._find(key)
        if found is None:
            raise NotFound(key)
        info, data = found
        check_read(options, info)
        if options.range is not None:
            start, end = resolve(options.range, len(data))
            data = data[start:end]
        return info, data

    def get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        info, data = self._open(key, options)
        check_inline(len(data))
        return info, data

    def put(self, key: str, data: bytes, options: PutOptions) -> ObjectInfo:
        check_key(key)
        with self._lock:
            current = self._find(key) if options.if_absent or options.if_match else None
            check_write(key, options, current[0] if current else None)
            info = self._fresh(len(data), options)
            self._objects[key] = data
            self._kept[key] = (data, info)
            return info

    def exists(self, key: str) -> bool:
        check_key(key)
        return key in self._objects

    def delete(self, key: str, options: DeleteOptions) -> None:
        check_key(key)
        with self._lock:
            if key not in self._objects:
                raise NotFound(key)
            if options.if_match is not None:
                found = self._find(key)
                if found is None or found[0].etag != options.if_match:
                    raise PreconditionFailed()
            del self._objects[key]
            self._kept.pop(key, None)

    def stat(self, key: str) -> ObjectInfo:
        return self._open(key, ReadOptions())[0]

    def list(self, options: ListOptions) -> Page:
        def info(key: str) -> Optional[ObjectInfo]:
            found = self._find(key)
            return found and found[0]

        # A copy: the dictionary may change while its keys are looked through.
        return page(options, [key for key in list(self._objects) if isinstance(key, str)], info)

    def read(self, key: str, options: ReadOptions) -> BytesReader:
        return BytesReader(*self._open(key, options))

    def write(self, key: str, options: PutOptions) -> CollectingWriter:
        check_key(key)
        if options.if_absent or options.if_match:
            current = self._find(key)
            check_write(key, options, current[0] if current else None)
        return CollectingWriter(lambda data, final: self.put(key, data, final), options)

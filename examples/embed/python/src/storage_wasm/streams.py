"""Objects as file objects."""

from __future__ import annotations

import io
from types import TracebackType
from typing import Any, Optional

from .contract import Backend, ObjectInfo, PutOptions, ReadOptions, Trailer

CHUNK = 256 * 1024


class _Raw(io.RawIOBase):
    def __init__(self, backend: Backend, key: str, options: ReadOptions) -> None:
        self._reader = backend.read(key, options)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._reader.next(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def info(self) -> ObjectInfo:
        return self._reader.info()

    def close(self) -> None:
        if not self.closed:
            reader = getattr(self, "_reader", None)
            if reader is not None:
                reader.close()
            super().close()


class ObjectReader(io.BufferedReader):
    """One version of an object, from start to end."""

    def __init__(self, backend: Backend, key: str, options: ReadOptions = ReadOptions()) -> None:
        super().__init__(_Raw(backend, key, options), CHUNK)

    def info(self) -> ObjectInfo:
        """What is known of the whole object."""
        raw: Any = self.raw
        info: ObjectInfo = raw.info()
        return info


class ObjectWriter(io.RawIOBase):
    """An object being written. It is published by `finish`, or at the end of a
    `with` block that went well; closed before, it leaves nothing behind."""

    def __init__(self, backend: Backend, key: str, options: PutOptions = PutOptions()) -> None:
        self._key = key
        self._pending = bytearray()
        self._writer = backend.write(key, options)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError(f"the write of {self._key!r} has ended")
        size = len(memoryview(data).cast("B"))
        if size >= CHUNK:
            self._send()
            for start in range(0, size, CHUNK):
                self._writer.push(bytes(memoryview(data).cast("B")[start : start + CHUNK]))
        else:
            self._pending += data
            if len(self._pending) >= CHUNK:
                self._send()
        return size

    def _send(self) -> None:
        if self._pending:
            chunk, self._pending = bytes(self._pending), bytearray()
            self._writer.push(chunk)

    def finish(self, trailer: Trailer = Trailer()) -> ObjectInfo:
        """Publishes the object; gives what is known of it."""
        if self.closed:
            raise ValueError(f"the write of {self._key!r} has ended")
        try:
            self._send()
            return self._writer.finish(trailer)
        finally:
            self.close()

    def close(self) -> None:
        if not self.closed:
            writer = getattr(self, "_writer", None)
            try:
                if writer is not None:
                    writer.close()
            finally:
                super().close()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if kind is None and not self.closed:
            self.finish()
        else:
            self.close()

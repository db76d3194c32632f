"""What the contract asks of every backend, written once."""

from __future__ import annotations

from heapq import nsmallest
from typing import Callable, Iterable, Optional

from ..contract import (
    MAX_INLINE_BYTES, MAX_KEY_BYTES, PAGE_LIMIT, ByteRange, Entry, ListOptions, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
)  # fmt: skip
from ..errors import (
    AlreadyExists, InvalidKey, InvalidRange, LimitExceeded, NotFound, PreconditionFailed,
)  # fmt: skip


def check_key(key: str) -> bytes:
    """Refuses what is no key; gives it as UTF-8."""
    try:
        name = key.encode()
    except UnicodeEncodeError:
        raise InvalidKey(f"a key is Unicode text without lone surrogates: {key!r}") from None
    if not name:
        raise InvalidKey("a key must not be empty")
    if len(name) > MAX_KEY_BYTES:
        raise InvalidKey(
            f"a key has at most {MAX_KEY_BYTES} bytes of UTF-8, this one has {len(name)}"
        )
    if b"\0" in name:
        raise InvalidKey("a key must not contain NUL")
    return name


def check_read(options: ReadOptions, info: ObjectInfo) -> None:
    """Whether what a reader asks for holds."""
    wanted, unwanted = options.if_match, options.if_none_match
    if (wanted is not None and info.etag != wanted) or (
        unwanted is not None and info.etag == unwanted
    ):
        raise PreconditionFailed()


def check_write(key: str, options: PutOptions, current: Optional[ObjectInfo]) -> None:
    """Whether what a writer asks for holds; `current` is what is there now."""
    if options.if_absent and current is not None:
        raise AlreadyExists(key)
    if options.if_match is not None:
        if current is None:
            raise NotFound(key)
        if current.etag != options.if_match:
            raise PreconditionFailed()


def conditional(options: PutOptions) -> bool:
    """Whether it matters what is there now."""
    return options.if_absent or options.if_match is not None


def resolve(range: Optional[ByteRange], size: int) -> tuple[int, int]:
    """Start and end of a range in an object of this size."""
    offset, length = range or ByteRange()
    if length == 0 or (offset is not None and offset >= size):
        raise InvalidRange()
    if offset is None:
        if length is None:
            return 0, size
        if size == 0:
            raise InvalidRange()
        return max(size - length, 0), size
    return offset, size if length is None else min(offset + length, size)


def check_inline(size: int) -> None:
    """Whether so many bytes may be given at once."""
    if size > MAX_INLINE_BYTES:
        raise LimitExceeded("stream large objects with read")


def absorb(options: PutOptions, trailer: Trailer) -> PutOptions:
    """The options with what the end of a write brought."""
    metadata = dict(options.metadata) | dict(trailer.metadata)
    etag = options.etag if trailer.etag is None else trailer.etag
    return options._replace(etag=etag, metadata=list(metadata.items()))


def after(options: ListOptions) -> Callable[[str], bool]:
    """Whether a key belongs to what is still to be listed."""
    prefix, start = options.prefix, options.start_after
    if start is None:
        return lambda key: key.startswith(prefix)
    return lambda key: key > start and key.startswith(prefix)


def limit(options: ListOptions) -> int:
    """How many entries a page may have."""
    return PAGE_LIMIT if options.limit is None else min(max(options.limit, 1), PAGE_LIMIT)


def page(
    options: ListOptions, keys: Iterable[str], info: Callable[[str], Optional[ObjectInfo]]
) -> Page:
    """A page from all keys, in any order. Strings order as their UTF-8 does."""
    if options.skipped:
        return Page([])
    wanted, most = after(options), limit(options)
    found = nsmallest(most + 1, (key for key in keys if wanted(key)))
    shown = found[:most]
    entries = [Entry(key, known) for key in shown if (known := info(key)) is not None]
    return Page(entries, shown[-1] if len(found) > most else None)


class BytesReader:
    """Reads from bytes at hand."""

    def __init__(self, info: ObjectInfo, data: bytes) -> None:
        self._info, self._data, self._at = info, memoryview(data), 0

    def info(self) -> ObjectInfo:
        return self._info

    def next(self, max: int) -> bytes:
        chunk = bytes(self._data[self._at : self._at + max])
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        self._data = memoryview(b"")


class CollectingWriter:
    """Keeps what is pushed, and publishes it at the end."""

    def __init__(
        self, publish: Callable[[bytes, PutOptions], ObjectInfo], options: PutOptions
    ) -> None:
        self._publish, self._options = publish, options
        self._chunks: list[bytes] = []

    def push(self, chunk: bytes) -> None:
        self._chunks.append(bytes(chunk))

    def finish(self, trailer: Trailer) -> ObjectInfo:
        data, self._chunks = b"".join(self._chunks), []
        return self._publish(data, absorb(self._options, trailer))

    def close(self) -> None:
        self._chunks = []

"""The plain values of the contract `storage:object-store`, and what a store is.

`wit/` documents their meaning. Everything that decorators stand on implements
`Backend`; a chain of decorators is one, too.
"""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple, Optional, Protocol, Sequence

MAX_INLINE_BYTES = 8 * 1024 * 1024
"""What `get` and `put` carry at once; larger objects are streamed."""

PAGE_LIMIT = 1_000
"""Entries in a page when the caller sets no limit, and the most in any page."""

MAX_KEY_BYTES = 4_096


class Capabilities(IntFlag):
    """What a store says of itself."""

    READ = 1
    WRITE = 2
    REPLACE = 4
    DELETE = 8
    LIST = 16
    RANGE = 32
    METADATA = 64
    CONDITIONAL = 128
    ORDERED = 256


Metadata = list[tuple[str, str]]


class ObjectInfo(NamedTuple):
    """What is known of an object without reading it."""

    size: Optional[int] = None
    etag: Optional[str] = None
    modified: Optional[int] = None
    content_type: Optional[str] = None
    metadata: Metadata = []


class PutOptions(NamedTuple):
    """What is kept with an object and what must hold for it to be written."""

    content_type: Optional[str] = None
    metadata: Metadata = []
    etag: Optional[str] = None
    if_absent: bool = False
    if_match: Optional[str] = None


class Trailer(NamedTuple):
    """What a writer knows only at the end of the bytes."""

    etag: Optional[str] = None
    metadata: Metadata = []


class ByteRange(NamedTuple):
    """Part of an object."""

    offset: Optional[int] = None
    length: Optional[int] = None


class ReadOptions(NamedTuple):
    """What to read, and when."""

    range: Optional[ByteRange] = None
    if_match: Optional[str] = None
    if_none_match: Optional[str] = None


class DeleteOptions(NamedTuple):
    """What must hold for an object to be deleted."""

    if_match: Optional[str] = None


class ListOptions(NamedTuple):
    """Which keys to list."""

    prefix: str = ""
    start_after: Optional[str] = None
    limit: Optional[int] = None
    skipped: bool = False
    """What a listing leaves out, instead of the objects."""


class Entry(NamedTuple):
    """One listed object."""

    key: str
    info: ObjectInfo


class Skipped(NamedTuple):
    """Something that is kept where the objects are and is no object."""

    entry: str
    reason: str


class Page(NamedTuple):
    """A part of a listing."""

    entries: list[Entry]
    next: Optional[str] = None
    skipped: Sequence[Skipped] = ()


class Location(NamedTuple):
    """Where an object is: the name of a backend, and the key in it."""

    base: str
    key: str


class Versioned(NamedTuple):
    """A small shared value with its version."""

    value: bytes
    version: int


class RequestContext(NamedTuple):
    """What is known of the request that a store works for."""

    request_id: Optional[str] = None
    principal: Optional[str] = None
    remote_address: Optional[str] = None
    protocol: Optional[str] = None
    bucket: Optional[str] = None
    trace_parent: Optional[str] = None


class Event(NamedTuple):
    """A change, or the attempt at one."""

    store: str
    action: str
    key: str
    size: Optional[int]
    etag: Optional[str]
    failure: Optional["Failure"]


class Failure(NamedTuple):
    """Why an operation failed: a case of the contract's `error`."""

    case: str
    message: Optional[str] = None


class Reader(Protocol):
    """The bytes of one object or range, in order."""

    def info(self) -> ObjectInfo: ...
    def next(self, max: int) -> bytes: ...
    def close(self) -> None: ...


class Writer(Protocol):
    """An object being written; closed without `finish`, nothing is published."""

    def push(self, chunk: bytes) -> None: ...
    def finish(self, trailer: Trailer) -> ObjectInfo: ...
    def close(self) -> None: ...


class Backend(Protocol):
    """An object store, as the contract has it. Failures are `StoreError`s."""

    def capabilities(self) -> Capabilities: ...
    def get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]: ...
    def put(self, key: str, data: bytes, options: PutOptions) -> ObjectInfo: ...
    def exists(self, key: str) -> bool: ...
    def delete(self, key: str, options: DeleteOptions) -> None: ...
    def stat(self, key: str) -> ObjectInfo: ...
    def list(self, options: ListOptions) -> Page: ...
    def read(self, key: str, options: ReadOptions) -> Reader: ...
    def write(self, key: str, options: PutOptions) -> Writer: ...

"""Any object with get, put, exists, delete and keys: stores of the caller's own."""

from __future__ import annotations

import inspect
from typing import Any, Iterable

from ..contract import (
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions,
)  # fmt: skip
from ..errors import InvalidKey, NotFound, Unsupported
from ..forms import BYTES, Form
from .memory import as_bytes
from .rules import (
    BytesReader, CollectingWriter, check_inline, check_key, check_read, page, resolve,
)  # fmt: skip

_CAN = (
    Capabilities.READ | Capabilities.WRITE | Capabilities.REPLACE | Capabilities.DELETE
    | Capabilities.RANGE
)  # fmt: skip


class PlainBackend:
    """A store that knows whole values and nothing about them.

    Sizes and etags are unknown without reading, so they are left out. Metadata
    has no place and conditions can't be checked: both are refused. `form` is
    what the store takes and gives in the place of bytes.
    """

    def __init__(self, store: Any, form: Form = BYTES) -> None:
        self._store, self._form = store, form
        keys = getattr(store, "keys", None)
        self._can = _CAN | (Capabilities.LIST | Capabilities.ORDERED if keys else Capabilities(0))
        self._takes_prefix = keys is not None and _takes_prefix(keys)

    def capabilities(self) -> Capabilities:
        return self._can

    def _get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        check_key(key)
        check_read(options, ObjectInfo())
        value = self._store.get(key)
        if value is None:
            raise NotFound(key)
        data = as_bytes(key, value if self._form is BYTES else self._form.encode(value))
        if options.range is not None:
            start, end = resolve(options.range, len(data))
            return ObjectInfo(len(data)), data[start:end]
        return ObjectInfo(len(data)), data

    def get(self, key: str, options: ReadOptions) -> tuple[ObjectInfo, bytes]:
        info, data = self._get(key, options)
        check_inline(len(data))
        return info, data

    def _refuse(self, options: PutOptions) -> None:
        if options.if_absent or options.if_match is not None:
            raise Unsupported(f"{type(self._store).__name__} can't check and write in one step")

    def put(self, key: str, data: bytes, options: PutOptions) -> ObjectInfo:
        check_key(key)
        self._refuse(options)
        self._store.put(key, self._form.decode(data))
        return ObjectInfo(len(data))

    def exists(self, key: str) -> bool:
        check_key(key)
        return bool(self._store.exists(key))

    def delete(self, key: str, options: DeleteOptions) -> None:
        check_key(key)
        if options.if_match is not None:
            raise Unsupported(f"{type(self._store).__name__} can't check and delete in one step")
        self._store.delete(key)

    def stat(self, key: str) -> ObjectInfo:
        if not self.exists(key):
            raise NotFound(key)
        return ObjectInfo()

    def list(self, options: ListOptions) -> Page:
        asked = {"prefix": options.prefix} if self._takes_prefix and options.prefix else {}
        keys: Iterable[Any] = self._store.keys(**asked)
        return page(options, filter(_is_key, keys), lambda key: ObjectInfo())

    def read(self, key: str, options: ReadOptions) -> BytesReader:
        return BytesReader(*self._get(key, options))

    def write(self, key: str, options: PutOptions) -> CollectingWriter:
        check_key(key)
        self._refuse(options)
        return CollectingWriter(lambda data, final: self.put(key, data, final), options)


def _is_key(key: Any) -> bool:
    """Whether the contract has a place for what was listed."""
    try:
        return isinstance(key, str) and bool(check_key(key))
    except InvalidKey:
        return False


def _takes_prefix(keys: Any) -> bool:
    try:
        parameters = inspect.signature(keys).parameters.values()
    except (TypeError, ValueError):
        return False
    # Not with `**kwargs`: those may go on to a store whose keys are others.
    return any(each.name == "prefix" for each in parameters)

"""What an object store is, and one in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, Iterable, Iterator, Mapping, Optional

from . import forms
from .backends.memory import MemoryBackend
from .contract import (
    MAX_INLINE_BYTES, Backend, ByteRange, Capabilities, DeleteOptions, ListOptions, ObjectInfo,
    PutOptions, ReadOptions,
)  # fmt: skip
from .errors import LimitExceeded, StoreError, Unsupported
from .streams import ObjectReader, ObjectWriter

__all__ = ["BackedStore", "DictStore", "ObjectStore", "StoreError"]


class ObjectStore(ABC):
    """Objects by key. Derive from it for a store of your own: any store may
    stand on it."""

    @abstractmethod
    def get(self, key: str) -> Any:
        """The object under the key; `KeyError` when there is none."""

    @abstractmethod
    def put(self, key: str, data: Any) -> Any:
        """Stores an object under the key."""

    @abstractmethod
    def exists(self, key: str) -> bool:
        """Whether there is an object under the key."""

    @abstractmethod
    def delete(self, key: str) -> Any:
        """Removes the object; `KeyError` when there is none."""

    def keys(self, **kwargs: Any) -> Iterable[str]:
        """The keys of all objects; `NotImplementedError` where that is unknown."""
        raise NotImplementedError(f"{type(self).__name__} does not list its keys")


class BackedStore(ObjectStore):
    """A store of this package: more than get and put, see `backend`."""

    form = forms.BYTES

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """The same store with the operations of the contract."""

    def get(self, key: str) -> Any:
        try:
            data = self.backend.get(key, ReadOptions())[1]
        except LimitExceeded:
            # Too large to be handed over at once, unless the limit is another one.
            with self.read(key) as file:
                data = file.read()
        return self.form.decode(data)

    def put(self, key: str, data: Any) -> Any:
        encoded = self.form.encode(data)
        if len(encoded) <= MAX_INLINE_BYTES:
            self.backend.put(key, encoded, PutOptions())
            return
        with self.write(key) as file:
            file.write(encoded)

    def exists(self, key: str) -> bool:
        return self.backend.exists(key)

    def delete(self, key: str) -> Any:
        self.backend.delete(key, DeleteOptions())

    def keys(self, prefix: str = "", **kwargs: Any) -> Iterable[str]:
        """The keys that begin with `prefix`."""
        backend = self.backend
        if not backend.capabilities() & Capabilities.LIST:
            raise Unsupported(f"{type(self).__name__} does not list its keys")
        return self._keys(backend, prefix)

    def _keys(self, backend: Backend, prefix: str) -> Iterator[str]:
        start: Optional[str] = None
        while True:
            page = backend.list(ListOptions(prefix, start))
            for entry in page.entries:
                yield entry.key
            start = page.next
            if start is None:
                return

    def stat(self, key: str) -> ObjectInfo:
        """What is known of the object without reading it."""
        return self.backend.stat(key)

    def read(
        self, key: str, offset: Optional[int] = None, length: Optional[int] = None
    ) -> ObjectReader:
        """The bytes of the object, or of a part of it, as a file object."""
        part = None if offset is None and length is None else ByteRange(offset, length)
        return ObjectReader(self.backend, key, ReadOptions(part))

    def write(
        self,
        key: str,
        content_type: Optional[str] = None,
        metadata: Mapping[str, str] = {},
        if_absent: bool = False,
        if_match: Optional[str] = None,
    ) -> ObjectWriter:
        """A file object to write the object into. Use it in a `with` block: the
        object is there when the block ends, and only if it ends well."""
        kept = list(metadata.items())
        options = PutOptions(content_type, kept, None, if_absent, if_match)
        return ObjectWriter(self.backend, key, options)

    def close(self) -> None:
        """Lets go of what the store holds; it can still be used."""

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()


class DictStore(BackedStore):
    """Objects in a dictionary. Used directly it holds any values."""

    def __init__(self, objects: Optional[dict[str, Any]] = None) -> None:
        self.objects = {} if objects is None else objects
        self._backend = MemoryBackend(self.objects)

    @property
    def backend(self) -> Backend:
        return self._backend

    def get(self, key: str) -> Any:
        value = self.objects.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def put(self, key: str, data: Any) -> None:
        self.objects[key] = data

    def exists(self, key: str) -> bool:
        return key in self.objects

    def delete(self, key: str) -> None:
        del self.objects[key]

    def keys(self, prefix: str = "", **kwargs: Any) -> list[str]:
        return [key for key in list(self.objects) if key.startswith(prefix)]

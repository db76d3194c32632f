"""The decorators, with the names and parameters of the Python library.

Parameters that the library does not have are the component's own; they come
last and have defaults. `storage-host kinds` explains each.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Callable, Iterable, Optional, Sequence, Union

from . import forms
from .contract import Event
from .decorator import Decorator
from .errors import InvalidKey, StoreError, from_failure
from .object import ObjectStore
from .transformers import (
    Base64Transformer, BufferTransformer, DataTransformer, GzipTransformer,
    HashPrefixKeyTransformer, JsonTransformer, KeyTransformer, PrefixKeyTransformer,
    RegexValidator, TextEncodingTransformer, UrlEncodingKeyTransformer, ValidatingKeyTransformer,
    validate_http_url_key,
)  # fmt: skip


class _Over(Decorator):
    """A decorator of one store."""

    def __init__(self, store: Any, **config: Any) -> None:
        super().__init__(store, **config)
        self.store = store


class IdentityStore(_Over):
    """Passes everything through unchanged."""

    kind = "IdentityStore"

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class ReadonlyStore(_Over):
    """Refuses puts and deletes."""

    kind = "ReadonlyStore"

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class WriteonlyStore(_Over):
    """Takes puts and deletes, and refuses to show anything."""

    kind = "WriteonlyStore"

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class MirroringStore(Decorator):
    """Writes to several stores, reads from any."""

    kind = "MirroringStore"

    def __init__(self, children: Sequence[Any], write: Optional[str] = None) -> None:
        super().__init__(*children, write=write)
        self.children = list(children)


class CachingStore(Decorator):
    """Keeps copies of a main store's objects in a cache store."""

    kind = "CachingStore"

    def __init__(
        self,
        main_store: Any,
        cache_store: Any,
        ttl: Union[float, str, None] = None,
        revalidate: Optional[str] = None,
        max_bytes: Optional[int] = None,
        max_object: Optional[int] = None,
    ) -> None:
        super().__init__(
            main_store,
            cache_store,
            ttl=ttl,
            revalidate=revalidate,
            max_bytes=max_bytes,
            max_object=max_object,
        )
        self.main_store, self.cache_store = main_store, cache_store

    def clear(self, key: Optional[str] = None) -> None:
        """Removes the copy of one key, or everything in the cache store."""
        for each in list(self.cache_store.keys()) if key is None else [key]:
            if self.cache_store.exists(each):
                self.cache_store.delete(each)


Handler = Callable[..., Any]


class NotifyingStore(_Over):
    """Calls functions after every put and delete, whether it went well or not."""

    kind = "NotifyingStore"
    PUT, DELETE = "put", "delete"

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.handlers: list[tuple[Optional[str], Handler]] = []

    def on_change(self, handler: Handler) -> None:
        """`handler(store, action, key, exception)`; the exception is `None` on success."""
        self.handlers.append((None, handler))

    def on_put(self, handler: Handler) -> None:
        """`handler(store, key, exception)`, for puts."""
        self.handlers.append((self.PUT, handler))

    def on_delete(self, handler: Handler) -> None:
        """`handler(store, key, exception)`, for deletes."""
        self.handlers.append((self.DELETE, handler))

    def changed(self, event: Event, failure: Optional[Exception]) -> None:
        if event.failure is None:
            failure = None
        elif failure is None:
            failure = from_failure(event.failure, event.key)
        for action, handler in self.handlers:
            if action is None:
                handler(self.store, event.action, event.key, failure)
            elif action == event.action:
                handler(self.store, event.key, failure)


class LoggingStore(_Over):
    """Logs every operation."""

    kind = "LoggingStore"

    def __init__(
        self,
        store: Any,
        store_name: str = "store",
        logger: logging.Logger = logging.getLogger(),
        level: Optional[str] = None,
    ) -> None:
        super().__init__(store, store_name=store_name, level=level)
        self.store_name, self.logger = store_name, logger


class ExceptionLoggingStore(_Over):
    """Logs every operation, and every failure as an error; then raises it.

    The library swallows failures: a failed put looks well. `swallow=True` does.
    """

    kind = "ExceptionLoggingStore"

    def __init__(
        self,
        store: Any,
        store_name: str = "store",
        logger: logging.Logger = logging.getLogger(),
        swallow: bool = False,
    ) -> None:
        super().__init__(store, store_name=store_name, swallow=swallow)
        self.store_name, self.logger, self.swallow = store_name, logger, swallow

    def get(self, key: str) -> Any:
        try:
            return super().get(key)
        except Exception:
            # The component has no object to give in the place of one.
            if self.swallow:
                return None
            raise


class TextEncodingStore(_Over):
    """Stores text in an encoding; takes and gives `str`."""

    kind, own_form = "TextEncodingStore", forms.TEXT

    def __init__(self, store: Any, encoding: str = "utf-8") -> None:
        super().__init__(store, encoding=encoding)
        self.encoding = encoding


class GzipStore(_Over):
    """Compresses objects with gzip."""

    kind, own_form = "GzipStore", forms.BYTES

    def __init__(
        self, store: Any, level: Optional[int] = None, max_size: Optional[int] = None
    ) -> None:
        super().__init__(store, level=level, max_size=max_size)


class Base64Store(_Over):
    """Keeps objects as base64 text."""

    kind, own_form = "Base64Store", forms.BYTES

    def __init__(self, store: Any, lenient: Optional[bool] = None) -> None:
        super().__init__(store, lenient=lenient)


class JsonStore(_Over):
    """Stores JSON in one form; takes and gives JSON values."""

    kind, own_form = "JsonStore", forms.JSON

    def __init__(self, store: Any, max_size: Optional[int] = None) -> None:
        super().__init__(store, max_size=max_size)


class BufferStore(_Over):
    """Takes and gives file objects, and reads parts where its base can't."""

    kind, own_form = "BufferStore", forms.BUFFER

    def __init__(self, store: Any, max_size: Optional[int] = None) -> None:
        super().__init__(store, max_size=max_size)


class KeyValidatingStore(_Over):
    """Refuses keys: by a function that raises `KeyError`, or by a list of rules.

    Rules run in the component, see its documentation; a function in Python.
    """

    kind = "KeyValidatingStore"

    def __init__(
        self,
        store: Any,
        validator: Optional[Callable[[str], Any]] = None,
        validators: Optional[list[dict[str, Any]]] = None,
    ) -> None:
        if (validator is None) == (validators is None):
            raise TypeError("KeyValidatingStore takes a validator, or a list of validators")
        super().__init__(store, validators=validators)
        self.validator = validator

    def _in_python(self) -> Optional[ObjectStore]:
        if self.validator is None:
            return None
        return KeyTransformingStore(self.store, ValidatingKeyTransformer(self.validator))


class RegexValidatingStore(_Over):
    """Refuses keys that a regular expression does not match."""

    kind = "RegexValidatingStore"

    def __init__(self, store: Any, pattern: str, full: Optional[bool] = None) -> None:
        super().__init__(store, pattern=pattern, full=full)
        self.pattern = pattern


class UrlValidatingStore(_Over):
    """Refuses keys that are not http or https URLs."""

    kind = "UrlValidatingStore"

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class PrefixStore(_Over):
    """Puts a prefix before every key."""

    kind = "PrefixStore"

    def __init__(self, store: Any, prefix: str) -> None:
        super().__init__(store, prefix=prefix)
        self.prefix = prefix


class HashPrefixStore(_Over):
    """Puts the start of a key's hash before the key."""

    kind = "HashPrefixStore"

    def __init__(self, store: Any, hash_length: int = 8, separator: str = "/") -> None:
        super().__init__(store, hash_length=hash_length, separator=separator)
        self.hash_length, self.separator = hash_length, separator


class UrlEncodingStore(_Over):
    """Percent-encodes keys, segment by segment."""

    kind = "UrlEncodingStore"

    def __init__(self, store: Any) -> None:
        super().__init__(store)


Route = Union[tuple[str, KeyTransformer], dict[str, str]]


class RegexRoutingStore(_Over):
    """Chooses a key's place by regular expressions: the first that is found wins.

    Routes to prefixes run in the component; routes to any other transformer, and
    a store without routes, in Python.
    """

    kind = "RegexRoutingStore"

    def __init__(self, store: Any, routes: Optional[Iterable[Route]] = None) -> None:
        super().__init__(store)
        self.routes: list[tuple[str, KeyTransformer]] = []
        for route in routes or []:
            if isinstance(route, dict):
                route = (route["pattern"], PrefixKeyTransformer(route["prefix"]))
            self.add_route(*route)

    def add_route(self, pattern: str, transformer: KeyTransformer) -> None:
        """Adds a route after the others."""
        self.routes.append((pattern, transformer))
        self._config = {
            "routes": [
                {"pattern": pattern, "prefix": transformer.prefix}
                for pattern, transformer in self.routes
                if type(transformer) is PrefixKeyTransformer
            ]
        }
        self._rebuild()

    def _in_python(self) -> Optional[ObjectStore]:
        if self.routes and all(type(to) is PrefixKeyTransformer for _, to in self.routes):
            return None
        return _Routed(self.store, self.routes)

    def exists(self, key: str) -> bool:
        try:
            return super().exists(key)
        except InvalidKey:
            # No route leads to it, so there is no such object.
            return False


class TransformingStore(ObjectStore):
    """Changes values by a transformer of the caller's."""

    def __init__(self, store: Any, transformer: Optional[DataTransformer] = None) -> None:
        self.store = store
        self.transformer = transformer or DataTransformer()

    def get(self, key: str) -> Any:
        return self.transformer.reverse_transform(self.store.get(key))

    def put(self, key: str, data: Any) -> Any:
        return self.store.put(key, self.transformer.transform(data))

    def exists(self, key: str) -> bool:
        there: bool = self.store.exists(key)
        return there

    def delete(self, key: str) -> Any:
        return self.store.delete(key)

    def keys(self, **kwargs: Any) -> Iterable[str]:
        listed: Iterable[str] = self.store.keys(**kwargs)
        return listed


class KeyTransformingStore(ObjectStore):
    """Changes keys by a transformer of the caller's."""

    def __init__(self, store: Any, transformer: Optional[KeyTransformer] = None) -> None:
        self.store = store
        self.transformer = transformer or KeyTransformer()
        self.form = forms.of(store)

    def transform_key(self, key: str) -> str:
        """The base's key."""
        return self.transformer.transform_key(key)

    def reverse_transform_key(self, key: str) -> str:
        """The reverse; `ValueError` for a key that is nobody's."""
        return self.transformer.reverse_transform_key(key)

    def get(self, key: str) -> Any:
        return self.store.get(self.transform_key(key))

    def put(self, key: str, data: Any) -> Any:
        return self.store.put(self.transform_key(key), data)

    def exists(self, key: str) -> bool:
        there: bool = self.store.exists(self.transform_key(key))
        return there

    def delete(self, key: str) -> Any:
        return self.store.delete(self.transform_key(key))

    def keys(self, **kwargs: Any) -> Iterable[str]:
        for key in self.store.keys(**kwargs):
            try:
                yield self.reverse_transform_key(key)
            except ValueError:
                # A key of the base that is not ours.
                continue


class _Routed(KeyTransformingStore):
    """RegexRoutingStore with transformers of the caller's; they may have no reverse."""

    keys: Any = None

    def __init__(self, store: Any, routes: list[tuple[str, KeyTransformer]]) -> None:
        super().__init__(store)
        self.routes = [(re.compile(pattern), transformer) for pattern, transformer in routes]

    def transform_key(self, key: str) -> str:
        for pattern, transformer in self.routes:
            if pattern.search(key):
                return transformer.transform_key(key)
        raise InvalidKey(f"no route matches the key {key!r}")


def copy_store(from_store: Any, to_store: Any, overwrite: bool = True) -> None:
    """Copies every object; without `overwrite`, those that are not there yet."""
    for key in list(from_store.keys()):
        if overwrite or not to_store.exists(key):
            to_store.put(key, from_store.get(key))


def clear_store(store: Any) -> None:
    """Deletes every object."""
    for key in list(store.keys()):
        store.delete(key)


def sync_stores(from_store: Any, to_store: Any, delete: bool = False) -> None:
    """Copies the objects whose keys are missing; with `delete`, removes the others.

    Compares keys only, as the library does. An empty source deletes nothing.
    """
    there, wanted = set(to_store.keys()), set(from_store.keys())
    if delete and there and not wanted:
        raise StoreError("the source is empty: nothing was deleted; use clear_store to empty a store")
    for key in sorted(wanted - there):
        to_store.put(key, from_store.get(key))
    if delete:
        for key in sorted(there - wanted):
            to_store.delete(key)


__all__ = [
    "Base64Store", "Base64Transformer", "BufferStore", "BufferTransformer", "CachingStore",
    "DataTransformer", "ExceptionLoggingStore", "GzipStore", "GzipTransformer",
    "HashPrefixKeyTransformer", "HashPrefixStore", "IdentityStore", "JsonStore",
    "JsonTransformer", "KeyTransformer", "KeyTransformingStore", "KeyValidatingStore",
    "LoggingStore", "MirroringStore", "NotifyingStore", "PrefixKeyTransformer", "PrefixStore",
    "ReadonlyStore", "RegexRoutingStore", "RegexValidatingStore", "RegexValidator",
    "TextEncodingStore", "TextEncodingTransformer", "TransformingStore",
    "UrlEncodingKeyTransformer", "UrlEncodingStore", "UrlValidatingStore",
    "ValidatingKeyTransformer", "WriteonlyStore", "clear_store", "copy_store", "sync_stores",
    "validate_http_url_key",
]  # fmt: skip

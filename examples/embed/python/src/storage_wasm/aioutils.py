"""The decorators for `async` code, with the names of the Python library.

Operations run in threads; see `bridge`.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, ClassVar, Optional

from . import utils
from .bridge import AsyncStore, in_thread, plain
from .transformers import KeyTransformer


class _Over(AsyncStore):
    """An asynchronous decorator; entering it enters its bases."""

    wraps: ClassVar[Any]
    bases: ClassVar[tuple[str, ...]] = ("store",)

    def __init__(self, *bases: Any, **config: Any) -> None:
        for name, base in zip(self.bases, bases):
            setattr(self, name, base)
        self._config = config
        self._plain: Any = None
        self._entered: Optional[AsyncExitStack] = None

    @property
    def plain(self) -> Any:
        if self._plain is None:
            bases = (getattr(self, name) for name in self.bases)
            each = [[plain(b) for b in x] if isinstance(x, list) else plain(x) for x in bases]
            self._plain = type(self).wraps(*each, **self._config)
        return self._plain

    async def __aenter__(self) -> Any:
        async with AsyncExitStack() as stack:

            async def entered(base: Any) -> Any:
                if not hasattr(base, "__aenter__"):
                    return base
                return await stack.enter_async_context(base)

            for name in self.bases:
                base = getattr(self, name)
                if isinstance(base, list):
                    for place, each in enumerate(base):
                        base[place] = await entered(each)
                else:
                    setattr(self, name, await entered(base))
            self._plain = None
            self._entered = stack.pop_all()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        entered, self._entered = self._entered, None
        if entered is not None:
            await entered.__aexit__(*failure)


class AsyncFanoutStore(_Over):
    """As MirroringStore."""

    wraps, bases = utils.MirroringStore, ("children",)

    def __init__(self, children: list[Any], write: Optional[str] = None) -> None:
        self.children: list[Any]
        super().__init__(list(children), write=write)


class AsyncCachingStore(_Over):
    """As CachingStore."""

    wraps, bases = utils.CachingStore, ("main_store", "cache_store")

    def __init__(self, main_store: Any, cache_store: Any, **config: Any) -> None:
        super().__init__(main_store, cache_store, **config)

    async def clear(self, key: Optional[str] = None) -> None:
        """Removes the copy of one key, or everything in the cache store."""
        await in_thread(self.plain.clear, key)


class AsyncTransformingStore(_Over):
    """As TransformingStore; always in a thread."""

    wraps = utils.TransformingStore

    def __init__(self, store: Any, transformer: Any = None, sync_transform: bool = True) -> None:
        super().__init__(store, transformer=transformer)


class AsyncTextEncodingStore(_Over):
    """As TextEncodingStore."""

    wraps = utils.TextEncodingStore

    def __init__(self, store: Any, encoding: str = "utf-8") -> None:
        super().__init__(store, encoding=encoding)


class AsyncGzipStore(_Over):
    """As GzipStore."""

    wraps = utils.GzipStore

    def __init__(self, store: Any, **config: Any) -> None:
        super().__init__(store, **config)


class AsyncBufferStore(_Over):
    """As BufferStore."""

    wraps = utils.BufferStore

    def __init__(self, store: Any, **config: Any) -> None:
        super().__init__(store, **config)


class AsyncBase64Store(_Over):
    """As Base64Store."""

    wraps = utils.Base64Store

    def __init__(self, store: Any, **config: Any) -> None:
        super().__init__(store, **config)


class AsyncJsonStore(_Over):
    """As JsonStore."""

    wraps = utils.JsonStore

    def __init__(self, store: Any, **config: Any) -> None:
        super().__init__(store, **config)


class AsyncKeyTransformingStore(_Over):
    """As KeyTransformingStore."""

    wraps = utils.KeyTransformingStore

    def __init__(self, store: Any, transformer: Optional[KeyTransformer] = None) -> None:
        super().__init__(store, transformer=transformer)


class AsyncKeyValidatingStore(_Over):
    """As KeyValidatingStore."""

    wraps = utils.KeyValidatingStore

    def __init__(self, store: Any, validator: Any = None, validators: Any = None) -> None:
        super().__init__(store, validator=validator, validators=validators)


class AsyncUrlValidatingStore(_Over):
    """As UrlValidatingStore."""

    wraps = utils.UrlValidatingStore

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class AsyncRegexValidatingStore(_Over):
    """As RegexValidatingStore."""

    wraps = utils.RegexValidatingStore

    def __init__(self, store: Any, pattern: str, full: Optional[bool] = None) -> None:
        super().__init__(store, pattern=pattern, full=full)


class AsyncPrefixStore(_Over):
    """As PrefixStore."""

    wraps = utils.PrefixStore

    def __init__(self, store: Any, prefix: str) -> None:
        super().__init__(store, prefix=prefix)


class AsyncHashPrefixStore(_Over):
    """As HashPrefixStore."""

    wraps = utils.HashPrefixStore

    def __init__(self, store: Any, hash_length: int = 8, separator: str = "/") -> None:
        super().__init__(store, hash_length=hash_length, separator=separator)


class AsyncUrlEncodingStore(_Over):
    """As UrlEncodingStore."""

    wraps = utils.UrlEncodingStore

    def __init__(self, store: Any) -> None:
        super().__init__(store)


class AsyncRegexRoutingStore(_Over):
    """As RegexRoutingStore."""

    wraps = utils.RegexRoutingStore

    def __init__(self, store: Any, routes: Any = None) -> None:
        super().__init__(store, routes=list(routes or []))

    def add_route(self, pattern: str, transformer: KeyTransformer) -> None:
        """Adds a route after the others."""
        self._config["routes"].append((pattern, transformer))
        self._plain = None


async def async_copy_store(from_store: Any, to_store: Any, overwrite: bool = True) -> None:
    """As copy_store."""
    await in_thread(utils.copy_store, plain(from_store), plain(to_store), overwrite)


async def async_clear_store(store: Any) -> None:
    """As clear_store."""
    await in_thread(utils.clear_store, plain(store))


async def async_sync_stores(from_store: Any, to_store: Any, delete: bool = False) -> None:
    """As sync_stores."""
    await in_thread(utils.sync_stores, plain(from_store), plain(to_store), delete)


DECORATORS: dict[str, type[Any]] = {each.__name__: each for each in _Over.__subclasses__()}
"""The decorators of this module, by their type in a configuration."""

"""Between `async` code and the stores, which are plain.

An operation runs in a thread, so the loop goes on; where an asynchronous store
of the caller's is the base, its coroutines run in the loop.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any, AsyncIterator, Callable, Optional, TypeVar

from .object import ObjectStore

T = TypeVar("T")

THREADS = 32
"""Operations that run at a time; others wait."""

_LOOP: ContextVar[Optional[asyncio.AbstractEventLoop]] = ContextVar("loop", default=None)
_DEPTH: ContextVar[int] = ContextVar("depth", default=0)
_POOLS: list[ThreadPoolExecutor] = []
_LOCK = threading.Lock()


def _pool(depth: int) -> ThreadPoolExecutor:
    """An operation waits only for deeper ones, so they must have other threads."""
    with _LOCK:
        while len(_POOLS) <= depth:
            _POOLS.append(ThreadPoolExecutor(THREADS, f"storage-{len(_POOLS)}"))
        return _POOLS[depth]


async def in_thread(call: Callable[..., T], *given: Any) -> T:
    """Runs a call in a thread."""
    loop, depth = asyncio.get_running_loop(), _DEPTH.get()
    context = copy_context()
    context.run(_LOOP.set, loop)
    context.run(_DEPTH.set, depth + 1)
    return await loop.run_in_executor(
        _pool(depth), functools.partial(context.run, call, *given)
    )


class _Bridge(ObjectStore):
    """An asynchronous store as a plain one, for threads of `in_thread`."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def _wait(self, operation: Any) -> Any:
        loop = _LOOP.get()
        if loop is None:
            operation.close()
            raise RuntimeError(
                f"{type(self.store).__name__} is asynchronous: use a store that is, too, over it"
            )
        return asyncio.run_coroutine_threadsafe(operation, loop).result()

    def get(self, key: str) -> Any:
        return self._wait(self.store.get(key))

    def put(self, key: str, data: Any) -> Any:
        return self._wait(self.store.put(key, data))

    def exists(self, key: str) -> bool:
        there: bool = self._wait(self.store.exists(key))
        return there

    def delete(self, key: str) -> Any:
        return self._wait(self.store.delete(key))

    def keys(self, **kwargs: Any) -> list[str]:
        async def collect() -> list[str]:
            return [key async for key in self.store.keys(**kwargs)]

        keys: list[str] = self._wait(collect())
        return keys


def plain(store: Any) -> Any:
    """A store that threads can use, for any store."""
    if isinstance(store, AsyncStore) and _unchanged(type(store)):
        return store.plain
    return _Bridge(store) if inspect.iscoroutinefunction(getattr(store, "get", None)) else store


def _unchanged(cls: type) -> bool:
    """Whether no operation is of a class of the caller's."""
    ours = f"{__package__}."
    return all(
        getattr(cls, each).__module__.startswith(ours)
        for each in ("get", "put", "exists", "delete", "keys")
    )


class AsyncStore(ObjectStore):
    """A store whose operations are to be awaited, over a plain one."""

    @property
    def plain(self) -> Any:
        """The same store for code that is not asynchronous."""
        raise NotImplementedError

    async def get(self, key: str) -> Any:
        return await in_thread(self.plain.get, key)

    async def put(self, key: str, data: Any) -> Any:
        return await in_thread(self.plain.put, key, data)

    async def exists(self, key: str) -> bool:  # type: ignore[override]
        return bool(await in_thread(self.plain.exists, key))

    async def delete(self, key: str) -> Any:
        return await in_thread(self.plain.delete, key)

    async def keys(self, **kwargs: Any) -> AsyncIterator[str]:  # type: ignore[override]
        for key in await in_thread(lambda: list(self.plain.keys(**kwargs))):
            yield key

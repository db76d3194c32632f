"""The stores for `async` code."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any, AsyncIterator

import pytest

from storage_wasm.aiodb import AsyncSqliteStore
from storage_wasm.aiofs import AsyncFilesystemStore, AsyncHashdirStore
from storage_wasm.aioutils import (
    AsyncCachingStore, AsyncFanoutStore, AsyncGzipStore, AsyncPrefixStore, AsyncRegexRoutingStore,
    AsyncTextEncodingStore, async_clear_store, async_copy_store, async_sync_stores,
)  # fmt: skip
from storage_wasm.config_builder import StoreFactory
from storage_wasm.object import DictStore
from storage_wasm.utils import GzipStore, PrefixKeyTransformer


class Mine:
    """An asynchronous store of a caller's own."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.open = False

    async def __aenter__(self) -> Any:
        self.open = True
        return self

    async def __aexit__(self, *failure: Any) -> None:
        self.open = False

    async def get(self, key: str) -> Any:
        await asyncio.sleep(0.001)
        return self.values[key]

    async def put(self, key: str, data: Any) -> None:
        await asyncio.sleep(0.001)
        self.values[key] = data

    async def exists(self, key: str) -> bool:
        return key in self.values

    async def delete(self, key: str) -> None:
        del self.values[key]

    async def keys(self) -> AsyncIterator[str]:
        for key in list(self.values):
            yield key


def test_coroutines_of_the_callers_are_a_base() -> None:
    async def run() -> None:
        mine = Mine()
        async with AsyncGzipStore(AsyncPrefixStore(mine, "p/")) as store:
            assert mine.open
            await asyncio.gather(*(store.put(f"k{n}", b"%d" % n) for n in range(100)))
            assert await asyncio.gather(*(store.get(f"k{n}") for n in range(100))) == [
                b"%d" % n for n in range(100)
            ]
            assert gzip.decompress(mine.values["p/k7"]) == b"7"
            assert len([key async for key in store.keys(prefix="k9")]) == 11
            await store.delete("k7")
            assert not await store.exists("k7")
            with pytest.raises(KeyError):
                await store.get("k7")
        assert not mine.open

    asyncio.run(run())


def test_nested_operations_do_not_wait_for_each_other_for_ever() -> None:
    class Loud(AsyncPrefixStore):
        async def get(self, key: str) -> Any:
            return (await super().get(key)).upper()

    async def run() -> None:
        store = AsyncGzipStore(AsyncPrefixStore(Loud(Mine(), "a/"), "b/"))
        await store.put("k", b"data")
        plain = AsyncPrefixStore(Loud(Mine(), "a/"), "b/")
        await plain.put("k", b"data")
        assert set(await asyncio.gather(*(plain.get("k") for _ in range(200)))) == {b"DATA"}

    asyncio.run(asyncio.wait_for(run(), 60))


def test_entering_fails_as_a_whole() -> None:
    class Failing(Mine):
        async def __aenter__(self) -> Any:
            raise RuntimeError("no")

    async def run() -> None:
        first = Mine()
        with pytest.raises(RuntimeError, match="no"):
            async with AsyncFanoutStore([first, Failing()]):
                pass
        assert not first.open

    asyncio.run(run())


def test_backends_and_utilities(tmp_path: Path) -> None:
    async def run() -> None:
        files = AsyncFilesystemStore(tmp_path / "files", durable=False)
        async with AsyncSqliteStore(str(tmp_path / "db")) as database:
            cached = AsyncCachingStore(database, files)
            await cached.put("k", b"data")
            assert await cached.get("k") == b"data"
            assert (tmp_path / "files/k").read_bytes() == b"data"
            await cached.clear()
            assert [key async for key in files.keys()] == []
            await async_copy_store(database, files)
            await database.put("l", b"more")
            await async_sync_stores(database, files)
            assert {key async for key in files.keys()} == {"k", "l"}
            await async_clear_store(files)
            assert not await files.exists("k")
        assert database.conn is None
        text = AsyncTextEncodingStore(AsyncHashdirStore(tmp_path / "hashes", durable=False))
        await text.put("k", "grün")
        assert await text.get("k") == "grün"
        with pytest.raises(NotImplementedError):
            [key async for key in text.keys()]
        routes = AsyncRegexRoutingStore(Mine())
        routes.add_route("^a", PrefixKeyTransformer("x/"))
        await routes.put("a", b"1")
        assert await routes.get("a") == b"1"
        assert not await routes.exists("b")

    asyncio.run(run())


def test_plain_and_asynchronous_stores_mix(tmp_path: Path) -> None:
    path = tmp_path / "stores.yaml"
    path.write_text(
        "stores:\n  base: {type: DictStore}\n  packed: {type: AsyncGzipStore, base: base}\n"
        "  top: {type: PrefixStore, base: packed, config: {prefix: p/}}\nmain: packed\n"
    )
    factory = StoreFactory(path)
    packed, top = factory.build(), factory.build("top")

    async def run() -> None:
        await packed.put("p/k", b"data")

    asyncio.run(run())
    assert top.get("k") == b"data"
    with pytest.raises(RuntimeError, match="asynchronous"):
        GzipStore(Mine()).get("k")
    assert isinstance(factory.build("base"), DictStore)

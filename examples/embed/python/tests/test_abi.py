"""The way into the component and back: traps, threads, streams, memory."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from wasmtime import wat2wasm

from storage_wasm import Broken, InvalidConfig, StoreError, engine
from storage_wasm.abi import native
from storage_wasm.abi.types import Trap
from storage_wasm.backends.memory import MemoryBackend
from storage_wasm.chain import MAX_IDLE
from storage_wasm.contract import ListOptions, Page, ReadOptions
from storage_wasm.engine import module
from storage_wasm.object import DictStore
from storage_wasm.utils import (
    Base64Store, CachingStore, GzipStore, IdentityStore, JsonStore, NotifyingStore, PrefixStore,
)  # fmt: skip
from conftest import Plain


def test_a_trap_throws_the_instance_away_and_the_next_call_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = JsonStore(DictStore())
    monkeypatch.setattr(native, "MEMORY_LIMIT", 8 << 20)
    with pytest.raises(Broken, match="key 'large'"):
        # Held in the guest as a whole, in several copies: more than it may have.
        store.put("large", ["x" * 100] * 60_000)
    assert not store.exists("large")
    store.put("small", [1])
    assert store.get("small") == [1]


def test_a_trap_leaves_open_streams_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = JsonStore(DictStore())
    store.put("k", "value")
    monkeypatch.setattr(native, "MEMORY_LIMIT", 8 << 20)
    with store.read("k") as file:
        with pytest.raises(Broken):
            store.put("large", ["x" * 100] * 60_000)
        assert file.read() == b'"value"'


def test_an_interrupt_in_a_backend_reaches_the_caller() -> None:
    class Interrupted(Plain):
        calls = 0

        def get(self, key: str) -> Any:
            self.calls += 1
            if self.calls == 1:
                raise KeyboardInterrupt
            return super().get(key)

    store = PrefixStore(Interrupted(), "p/")
    store.put("k", b"data")
    with pytest.raises(KeyboardInterrupt):
        store.get("k")
    assert store.get("k") == b"data"


def test_a_backend_that_gives_nonsense_is_no_danger() -> None:
    class Nonsense(MemoryBackend):
        def list(self, options: ListOptions) -> Page:
            return 17  # type: ignore[return-value]

    class Store(DictStore):
        @property
        def backend(self) -> Any:
            return Nonsense({})

    Store.__module__ = DictStore.__module__
    store = IdentityStore(Store())
    with pytest.raises(TypeError):
        list(store.keys())
    assert store.exists("k") is False


def test_pointers_outside_of_the_memory_are_refused() -> None:
    instance = native.Instance(module(), None)
    memory = instance.memory
    end = len(memory.view)
    assert len(memory.bytes(0, 16)) == 16
    for at, size in ((end - 4, 8), (0xFFFF_FFFF, 1), (0, 0xFFFF_FFFF)):
        with pytest.raises(Trap, match="outside"):
            memory.bytes(at, size)
    with pytest.raises(Trap, match="no store"):
        memory.ours.find("store", 99)
    instance.close()
    with pytest.raises(Trap, match="thrown away"):
        instance.call("decorators", "kinds")


def test_a_module_that_is_not_as_the_contract_has_it_is_refused(tmp_path: Path) -> None:
    def refused(wasm: bytes) -> str:
        (tmp_path / "other.wasm").write_bytes(wasm)
        with pytest.raises(InvalidConfig, match="other.wasm") as caught:
            engine.load(str(tmp_path / "other.wasm"))
        return str(caught.value)

    assert "not the decorators" in refused(b"no wasm at all")
    whole = Path(os.environ[engine.VARIABLE]).read_bytes()
    refused(whole[: len(whole) // 2])
    assert "exports no memory" in refused(wat2wasm("(module)"))
    wrong = """(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i64) (result i32) i32.const 0))"""
    assert "cabi_realloc goes from ['i64']" in refused(wat2wasm(wrong))
    later = refused(whole.replace(b"@0.1.0", b"@0.1.1"))
    assert "has no function storage:object-store/object-store@0.1.0#open" in later


def test_threads_have_instances_of_their_own() -> None:
    base = DictStore()
    store = Base64Store(GzipStore(PrefixStore(base, "p/")))
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(60):
                key, data = f"{number}/{turn}", bytes([number, turn]) * 5000
                store.put(key, data)
                assert store.get(key) == data
                with store.read(key) as file:
                    assert file.read() == data
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(base.objects) == 8 * 60
    chain: Any = store.backend
    assert 0 < len(chain._idle) <= MAX_IDLE


def test_a_cache_asks_its_main_store_once_for_many_readers() -> None:
    class Slow(Plain):
        gets = 0

        def get(self, key: str) -> Any:
            self.gets += 1
            threading.Event().wait(0.05)
            return super().get(key)

    main = Slow()
    main.put("k", b"data")
    store = CachingStore(main, DictStore(), revalidate="never")
    got: list[bytes] = []
    threads = [threading.Thread(target=lambda: got.append(store.get("k"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [b"data"] * 6
    assert main.gets == 1


def test_a_backend_may_call_the_store_that_stands_on_it() -> None:
    store = NotifyingStore(DictStore())

    class Curious(Plain):
        def get(self, key: str) -> Any:
            return super().get(key) + over.get("other")

    curious = Curious()
    over = PrefixStore(store, "p/")
    over.put("other", b"-other")
    curious.put("k", b"data")
    assert GzipStoreFree(curious).get("k") == b"data-other"


class GzipStoreFree(IdentityStore):
    """Unchanged, under a name of the caller's."""


def test_a_write_that_is_not_finished_publishes_nothing() -> None:
    base = DictStore()
    store = GzipStore(base)
    with pytest.raises(RuntimeError):
        with store.write("k") as file:
            file.write(b"half")
            raise RuntimeError("the source failed")
    closed = store.write("k")
    closed.write(b"half")
    closed.close()
    forgotten = store.write("k")
    forgotten.write(b"half")
    del forgotten
    gc.collect()
    assert base.objects == {}
    with store.write("k") as file:
        file.write(b"wh")
        file.write(b"ole")
    assert store.get("k") == b"whole"
    with pytest.raises(ValueError):
        closed.write(b"more")


def test_a_reader_gives_one_version_and_parts() -> None:
    store = PrefixStore(DictStore(), "p/")
    store.put("k", b"0123456789" * 100_000)
    with store.read("k") as file:
        first = file.read(10)
        store.put("k", b"new")
        assert first + file.read() == b"0123456789" * 100_000
    store.put("k", b"0123456789")
    assert store.read("k", offset=2, length=3).read() == b"234"
    assert store.read("k", length=2).read() == b"89"
    with pytest.raises(StoreError):
        store.read("k", offset=10)


def test_what_is_kept_with_an_object_is_given_back() -> None:
    store = PrefixStore(DictStore(), "p/")
    with store.write("k", content_type="text/plain", metadata={"by": "me"}) as file:
        file.write(b"data")
    info = store.stat("k")
    assert (info.size, info.content_type, info.metadata) == (4, "text/plain", [("by", "me")])
    with pytest.raises(KeyError):
        with store.write("k", if_absent=True) as file:
            file.write(b"other")
    with pytest.raises(StoreError):
        with store.write("k", if_match="another") as file:
            file.write(b"other")
    with store.write("k", if_match=info.etag) as file:
        file.write(b"other")
    assert store.get("k") == b"other"


def test_the_same_instances_serve_call_after_call() -> None:
    store = IdentityStore(DictStore({"k": b"x" * 100_000}))
    chain: Any = store.backend
    instance = chain._idle[0].instance
    for _ in range(3000):
        assert len(chain.get("k", ReadOptions())[1]) == 100_000
    assert chain._idle[0].instance is instance
    # What went in came out again: nothing is left behind in the guest.
    assert len(instance.memory.view) < 4 << 20
    assert len(instance.memory.ours.objects) <= 1

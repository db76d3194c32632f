"""What code written for the Python library relies on."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import logging
from io import BytesIO
from typing import Any

import pytest

from conftest import Plain
from storage_wasm import InvalidConfig, InvalidData, InvalidKey, Unsupported, engine
from storage_wasm.decorator import KINDS
from storage_wasm.object import DictStore
from storage_wasm.utils import (
    Base64Store, BufferStore, CachingStore, ExceptionLoggingStore, GzipStore, HashPrefixStore,
    IdentityStore, JsonStore, KeyTransformer, KeyTransformingStore, KeyValidatingStore,
    LoggingStore, MirroringStore, NotifyingStore, PrefixKeyTransformer, PrefixStore,
    ReadonlyStore, RegexRoutingStore, RegexValidatingStore, TextEncodingStore, UrlEncodingStore,
    UrlValidatingStore, WriteonlyStore, clear_store, copy_store, sync_stores,
)  # fmt: skip


def test_every_decorator_of_the_component_has_a_class() -> None:
    assert {kind.name for kind in engine.kinds()} == set(KINDS)


def test_objects_are_put_got_listed_and_deleted(base: Any) -> None:
    store = IdentityStore(base)
    for key, data in {"a/b": b"1", "c": b"", "é/日": bytes(range(256))}.items():
        store.put(key, data)
        assert store.get(key) == data
        assert base.get(key) == data
        assert store.exists(key) is True
    assert list(store.keys()) == ["a/b", "c", "é/日"]
    assert list(store.keys(prefix="a/")) == ["a/b"]
    store.put("c", b"new")
    assert store.get("c") == b"new"
    store.delete("c")
    assert store.exists("c") is False
    for operation in (store.get, store.delete, store.stat):
        with pytest.raises(KeyError) as caught:
            operation("c")
        assert caught.value.args == ("c",)


def test_large_objects_pass_whole_and_as_streams(base: Any) -> None:
    data = bytes(range(251)) * 50_000
    store = PrefixStore(GzipStore(base), "p/")
    store.put("large", data)
    assert store.get("large") == data
    assert len(base.get("p/large")) < len(data)
    with store.read("large") as file:
        assert file.read(1000) == data[:1000]
        assert file.read() == data[1000:]
    with store.write("copy") as written, store.read("large") as file:
        while chunk := file.read(100_000):
            written.write(chunk)
    assert store.get("copy") == data


def test_more_keys_than_a_page_are_listed_in_order(base: Any) -> None:
    keys = [f"k{n:04}" for n in range(1205)]
    for key in reversed(keys):
        base.put(key, b"x")
    base.put("other", b"x")
    assert list(IdentityStore(base).keys(prefix="k")) == keys


def test_hash_folders_do_not_list(tmp_path: Any) -> None:
    from conftest import make

    store = make("hash folders", tmp_path)
    over = IdentityStore(store)
    over.put("key", b"data")
    digits = hashlib.sha256(b"key").hexdigest()
    path = tmp_path / "root" / digits[:2] / digits[2:4] / digits[4:6] / digits[6:]
    assert path.read_bytes() == b"data"
    for each in (store, over):
        with pytest.raises(NotImplementedError):
            each.keys()


def test_readonly_and_writeonly_refuse_the_other_half(base: Any) -> None:
    base.put("k", b"data")
    readonly, writeonly = ReadonlyStore(base), WriteonlyStore(base)
    assert readonly.get("k") == b"data"
    for refused in (
        lambda: readonly.put("k", b""), lambda: readonly.delete("k"),
        lambda: writeonly.get("k"), lambda: writeonly.exists("k"), writeonly.keys,
    ):  # fmt: skip
        with pytest.raises(NotImplementedError):
            refused()
    writeonly.put("k", b"new")
    assert base.get("k") == b"new"


def test_a_mirror_writes_to_all_and_reads_from_any() -> None:
    first, second = DictStore(), Plain()
    store = MirroringStore([first, second])
    store.put("k", b"data")
    assert first.get("k") == second.get("k") == b"data"
    first.delete("k")
    assert store.get("k") == b"data"
    first.put("a", b"1")
    assert set(store.keys()) == {"a", "k"}
    store.delete("k")
    assert not second.exists("k")


def test_a_mirror_reads_on_when_a_child_is_down() -> None:
    class Down(Plain):
        def get(self, key: str) -> Any:
            raise ConnectionError("the first child is down")

        exists = get  # type: ignore[assignment]

    second = DictStore({"k": b"data"})
    assert MirroringStore([Down(), second]).get("k") == b"data"


def test_a_cache_is_filled_used_and_cleared() -> None:
    main, cache = DictStore(), DictStore()
    store = CachingStore(main, cache)
    store.put("k", b"data")
    assert main.get("k") == b"data" and not cache.exists("k")
    assert store.get("k") == cache.get("k") == b"data"
    main.put("k", b"behind its back")
    assert store.get("k") == b"data"
    main.put("new", b"data")
    assert store.get("new") == b"data"
    assert cache.exists("new")
    store.clear("k")
    assert store.get("k") == b"behind its back"
    store.clear()
    assert list(cache.keys()) == []
    store.delete("k")
    assert not main.exists("k")
    with pytest.raises(KeyError):
        store.get("k")


def test_a_failing_cache_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Full(DictStore):
        def put(self, key: str, data: Any) -> None:
            raise OSError(28, "no space left")

    store = CachingStore(DictStore(), Full())
    store.put("k", b"data")
    assert store.get("k") == b"data"
    assert "no space left" in caplog.text


def test_handlers_hear_of_changes_after_them() -> None:
    heard: list[Any] = []
    base = DictStore()
    store = NotifyingStore(base)
    store.on_change(lambda at, action, key, error: heard.append((at is base, action, key, error)))
    store.on_put(lambda at, key, error: heard.append(("put", store.get(key))))
    store.on_delete(lambda at, key, error: heard.append(("delete", key)))
    store.put("k", b"data")
    store.delete("k")
    assert heard == [
        (True, NotifyingStore.PUT, "k", None), ("put", b"data"),
        (True, NotifyingStore.DELETE, "k", None), ("delete", "k"),
    ]  # fmt: skip
    heard.clear()
    with pytest.raises(KeyError) as caught:
        store.delete("none")
    assert heard == [(True, "delete", "none", caught.value), ("delete", "none")]


def test_operations_and_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = LoggingStore(DictStore(), "mine", logging.getLogger("of mine"))
    store.put("k", b"")
    store.get("k")
    list(store.keys())
    assert caplog.messages == ["mine put k", "mine get k", "mine keys"]
    assert {record.name for record in caplog.records} == {"of mine"}
    caplog.clear()
    failing = ExceptionLoggingStore(DictStore(), "mine")
    with pytest.raises(KeyError):
        failing.get("none")
    assert caplog.records[-1].levelno == logging.ERROR
    assert "failed to get none" in caplog.messages[-1]
    swallowing = ExceptionLoggingStore(DictStore(), "mine", swallow=True)
    assert swallowing.get("none") is None


def test_bytes_are_those_of_the_library(base: Any) -> None:
    data = b"some text, some text, some text"
    GzipStore(base).put("gz", data)
    assert gzip.decompress(base.get("gz")) == data
    base.put("gz", gzip.compress(data) + gzip.compress(data))
    assert GzipStore(base).get("gz") == data * 2
    Base64Store(base).put("b64", data)
    assert base.get("b64") == base64.b64encode(data)
    TextEncodingStore(base, encoding="latin-1").put("text", "é")
    assert base.get("text") == "é".encode("latin-1")
    assert TextEncodingStore(base, encoding="latin-1").get("text") == "é"
    value = {"b": [1, None, "ü"], "a": 1.5}
    JsonStore(TextEncodingStore(base)).put("json", value)
    assert base.get("json") == json.dumps(value).encode()
    assert JsonStore(base).get("json") == value
    BufferStore(base).put("buffer", BytesIO(data))
    assert BufferStore(base).get("buffer").read() == base.get("buffer") == data


def test_keys_are_those_of_the_library(base: Any) -> None:
    HashPrefixStore(base, hash_length=4, separator="-").put("k", b"")
    assert list(base.keys()) == [f"{hashlib.sha256(b'k').hexdigest()[:4]}-k"]
    clear_store(base)
    store = PrefixStore(UrlEncodingStore(base), "a b/")
    store.put("c d", b"")
    assert list(base.keys()) == ["a%20b/c%20d"]
    assert list(store.keys()) == ["c d"]
    base.put("foreign", b"")
    assert list(store.keys()) == ["c d"]


def test_keys_are_refused_as_key_errors(base: Any) -> None:
    store = RegexValidatingStore(base, r"[a-z]+\.txt$")
    store.put("a.txt", b"")
    urls = UrlValidatingStore(DictStore())
    urls.put("https://example.com/a", b"")

    def no_dots(key: str) -> None:
        if "." in key:
            raise KeyError(f"{key} has a dot")

    ours = KeyValidatingStore(DictStore(), no_dots)
    ours.put("a", b"")
    assert GzipStore(ours).exists("a")
    rules = KeyValidatingStore(DictStore(), validators=[{"max_bytes": 3}])
    rules.put("abc", b"")
    for refused in (
        lambda: store.put("A.txt", b""), lambda: urls.get("ftp://example.com/a"),
        lambda: ours.put("a.b", b""), lambda: GzipStore(ours).put("a.b", b""),
        lambda: rules.put("abcd", b""), lambda: rules.put("", b""),
    ):  # fmt: skip
        with pytest.raises(KeyError):
            refused()


def test_routes_go_to_prefixes_and_to_transformers_of_the_callers() -> None:
    base = DictStore()
    store = RegexRoutingStore(base, [(r"\.jpg$", PrefixKeyTransformer("images/"))])
    assert store.exists("a.txt") is False
    with pytest.raises(InvalidKey):
        store.put("a.txt", b"")
    store.put("a.jpg", b"1")
    store.add_route(r"", PrefixKeyTransformer("other/"))
    store.put("a.txt", b"2")
    assert set(base.objects) == {"images/a.jpg", "other/a.txt"}
    assert set(store.keys()) == {"a.jpg", "a.txt"}

    class Reversed(KeyTransformer):
        def transform_key(self, key: str) -> str:
            return key[::-1]

    mine = RegexRoutingStore(base, [("^x", Reversed())])
    GzipStore(mine).put("xyz", b"3")
    assert gzip.decompress(base.get("zyx")) == b"3"
    with pytest.raises(NotImplementedError):
        mine.keys()


def test_text_and_values_pass_through_stores_that_leave_them_alone() -> None:
    text = PrefixStore(TextEncodingStore(DictStore()), "p/")
    text.put("k", "grün")
    assert text.get("k") == "grün"
    values = MirroringStore([JsonStore(DictStore())])
    values.put("k", [1, 2])
    assert values.get("k") == [1, 2]
    with pytest.raises(TypeError, match="TextEncodingStore"):
        GzipStore(DictStore()).put("k", "text")


def test_a_class_of_the_callers_keeps_what_it_changed() -> None:
    class Loud(IdentityStore):
        def get(self, key: str) -> Any:
            return super().get(key).upper()

    store = PrefixStore(Loud(DictStore()), "p/")
    store.put("k", b"data")
    assert store.get("k") == b"DATA"


def test_transformers_of_the_callers_may_stand_anywhere() -> None:
    base = DictStore()
    store = GzipStore(KeyTransformingStore(PrefixStore(base, "a/"), PrefixKeyTransformer("b/")))
    store.put("k", b"data")
    assert gzip.decompress(base.get("a/b/k")) == b"data"
    assert list(store.keys()) == list(store.keys(prefix="k")) == ["k"]


def test_what_a_backend_raises_is_what_the_caller_sees() -> None:
    class Odd(Plain):
        def get(self, key: str) -> Any:
            raise ZeroDivisionError("odd")

    with pytest.raises(ZeroDivisionError, match="odd"):
        GzipStore(PrefixStore(Odd(), "p/")).get("k")


def test_damage_and_wrong_config_are_told() -> None:
    with pytest.raises(InvalidData):
        GzipStore(DictStore({"k": b"not gzip"})).get("k")
    with pytest.raises(ValueError):
        TextEncodingStore(DictStore(), "ascii").put("k", "é")
    with pytest.raises(InvalidConfig, match="hash_length"):
        HashPrefixStore(DictStore(), hash_length=0).exists("k")
    with pytest.raises(Unsupported):
        with IdentityStore(Plain()).write("k", if_absent=True):
            pass


def test_stores_are_copied_cleared_and_synchronised(base: Any) -> None:
    source = DictStore({"a": b"1", "b": b"2"})
    store = GzipStore(base)
    copy_store(source, store)
    source.put("a", b"changed")
    copy_store(source, store, overwrite=False)
    assert store.get("a") == b"1"
    store.put("c", b"3")
    sync_stores(source, store, delete=True)
    assert set(store.keys()) == {"a", "b"}
    clear_store(store)
    assert list(store.keys()) == []

"""Stores from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from storage_wasm.config_builder import ConfigError, StoreFactory, register_store
from storage_wasm.object import DictStore
from storage_wasm.utils import ReadonlyStore

Build = Callable[..., Any]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def build(text: str, name: Any = None) -> Any:
        path = tmp_path / "stores.yaml"
        path.write_text(text)
        return StoreFactory(path).build(name)

    return build


LAYERS = """
stores:
  files: {type: FilesystemStore, config: {root_path: "${ROOT}"}}
  fast: {type: FilesystemStore, config: {root_path: "${ROOT}-cache", durable: false}}
  packed: {type: GzipStore, base: files}
  laid: {type: HashPrefixStore, base: packed, config: {hash_length: 4}}
  cached: {type: CachingStore, base: {main_store: laid, cache_store: fast}}
  other: {type: DictStore, config: {objects: {seed: "${A:-x:y}$${A}"}}}
  all: {type: MirroringStore, base: [cached, other]}
main: all
"""


def test_a_graph_of_stores(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT", str(tmp_path / "root"))
    store = build(LAYERS)
    store.put("k", b"data")
    assert store.get("k") == b"data"
    assert (tmp_path / "root-cache/k").read_bytes() == b"data"
    assert len(list((tmp_path / "root").rglob("k"))) == 1
    assert build(LAYERS, "other").get("seed") == "x:y${A}"


def test_a_store_may_be_the_base_of_several(build: Build) -> None:
    store = build(
        "stores: {a: {type: DictStore}, b: {type: GzipStore, base: a},"
        " c: {type: MirroringStore, base: [a, b]}}\nmain: c"
    )
    with pytest.raises(ConfigError):
        build("stores: {a: {type: GzipStore, base: b}, b: {type: GzipStore, base: a}}\nmain: a")
    assert list(store.keys()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "no section `stores`"),
        ("stores: {a: {type: DictStore}}", "no `main` store"),
        ("stores: {a: {type: DictStore}}\nmain: b", "no store 'b'"),
        ("stores: {a: {type: NoStore}}\nmain: a", "no store type 'NoStore'"),
        ("stores: {a: {type: BucketStore}}\nmain: a", "use storage-host"),
        ("stores: {a: {kind: DictStore}}\nmain: a", "no `type`"),
        ("stores: {a: {type: DictStore, bases: b}}\nmain: a", "unknown bases"),
        ("stores: {a: {type: DictStore, config: {x: 1}}}\nmain: a", "unexpected keyword"),
        ("stores: {a: {type: GzipStore}}\nmain: a", "missing 1 required"),
        ("stores: {d: {type: DictStore}, a: {type: GzipStore, base: [d]}}\nmain: a", "a list"),
        ("stores: {d: {type: DictStore}, a: {type: CachingStore, base: d}}\nmain: a", "a name"),
        (
            "stores: {d: {type: DictStore}, a: {type: GzipStore, base: d, config: {level: 99}}}"
            "\nmain: a",
            "store .a.",
        ),
        ("stores: {a: {type: GzipStore, base: a}}\nmain: a", "a -> a"),
        ("stores: {a: {type: DictStore, config: {objects: {k: '${NOT_SET}'}}}}\nmain: a", "NOT_SET"),
        ("stores: {a: [", "stores.yaml"),
    ],
)
def test_mistakes_are_told(build: Build, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(text)


def test_a_class_of_the_callers_becomes_a_type(build: Build) -> None:
    @register_store
    class Shouting(ReadonlyStore):
        def __init__(self, suffix: str, store: Any) -> None:
            super().__init__(store)
            self.suffix = suffix

        def get(self, key: str) -> Any:
            return self.store.get(key) + self.suffix.encode()

    store = build(
        "stores: {a: {type: DictStore, config: {objects: {k: hey}}},"
        " b: {type: TextEncodingStore, base: a}, c: {type: GzipStore, base: a},"
        " d: {type: Shouting, base: e, config: {suffix: '!'}}, e: {type: IdentityStore, base: a}}\n"
        "main: d"
    )
    assert store.get("k") == b"hey!"
    with pytest.raises(NotImplementedError):
        store.put("k", b"")
    with pytest.raises(ValueError):
        register_store(Shouting)
    with pytest.raises(TypeError):
        register_store(dict)  # type: ignore[arg-type]
    assert isinstance(build("stores: {a: {type: DictStore}}\nmain: a"), DictStore)

"""What the stores cost: this package, the Python library, and the component API.

    python bench.py [--library SRC] [--component decorators-bare.wasm] [--quick]

`SRC` is the folder that holds the library's package `storage`; the component is
driven through `wasmtime.component`, one element of a list at a time. Everything
is measured in one run, in turns, over a dictionary; printed is the median of the
thread's CPU time. Compression is level 9 on both sides, the library's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional

import wasmtime
from wasmtime import component

from storage_wasm.object import DictStore
from storage_wasm import utils as ours

SIZES = {"100 B": 100, "64 KiB": 1 << 16, "1 MiB": 1 << 20}
CHAINS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "IdentityStore": [("IdentityStore", {})],
    "PrefixStore": [("PrefixStore", {"prefix": "a/"})],
    "HashPrefixStore": [("HashPrefixStore", {})],
    "Base64Store": [("Base64Store", {})],
    "GzipStore": [("GzipStore", {"level": 9})],
    "five decorators": [
        ("PrefixStore", {"prefix": "a/"}),
        ("UrlEncodingStore", {}),
        ("HashPrefixStore", {}),
        ("IdentityStore", {}),
        ("RegexValidatingStore", {"pattern": "k"}),
    ],
}
ROUNDS, SECONDS = 5, 0.05
PACKAGE = "storage:object-store/{}@0.1.0"


class ThroughComponent:
    """`get` and `put` of a chain through wasmtime's own conversions."""

    def __init__(self, wasm: Path, chain: list[tuple[str, dict[str, Any]]]) -> None:
        engine = _engine()
        self.store = wasmtime.Store(engine)
        self.objects: dict[str, Any] = {}
        kinds = {name: number for number, name in enumerate(("store", "reader", "writer", "guard"))}
        linker = component.Linker(engine)
        with linker.root() as root:
            with root.add_instance(PACKAGE.format("coordinator")) as coordinator:
                self._resource(coordinator, "guard", kinds)
            with root.add_instance(PACKAGE.format("object-store")) as stores:
                for name in ("store", "reader", "writer"):
                    self._resource(stores, name, kinds)
                kind = kinds["store"]
                stores.add_func(
                    "open",
                    lambda at, name: component.ResourceHost.own(0, kind).to_any(at),
                )
                stores.add_func("[method]store.capabilities", self._capabilities)
                stores.add_func("[method]store.get", self._get)
                stores.add_func("[method]store.put", self._put)
        parsed = _component(wasm)
        linker.define_unknown_imports_as_traps(parsed)
        instance = linker.instantiate(self.store, parsed)

        def export(interface: str, name: str) -> Any:
            index = instance.get_export_index(self.store, PACKAGE.format(interface))
            found = instance.get_export_index(self.store, name, index)
            return instance.get_func(self.store, found) if found else None

        nodes = []
        for number, (kind_name, config) in enumerate(chain):
            # A number is an earlier node, a text a name: variants go untagged.
            bases = [number - 1 if number else "base"]
            config_text = json.dumps(config)
            nodes.append(
                _record(name=f"n{number}", type=kind_name, config=config_text, bases=bases)
            )
        self._call_get = export("object-store", "[method]store.get")
        self._call_put = export("object-store", "[method]store.put")
        build = export("decorators", "build")
        self.root = build(self.store, nodes)
        build.post_return(self.store)
        self.read_options = _record(**{"range": None, "if-match": None, "if-none-match": None})
        self.put_options = _record(
            **{
                "content-type": None,
                "metadata": [],
                "etag": None,
                "if-absent": False,
                "if-match": None,
            }
        )

    @staticmethod
    def _resource(where: Any, name: str, kinds: dict[str, int]) -> None:
        where.add_resource(name, component.ResourceType.host(kinds[name]), lambda *_: None)

    def _capabilities(self, at: Any, handle: Any) -> Any:
        handle.drop(at)
        return {"read", "write", "replace", "delete", "list", "range", "conditional", "ordered"}

    def _info(self, size: int) -> Any:
        return _record(
            **{"size": size, "etag": "1-1", "modified": 0, "content-type": None, "metadata": []}
        )

    def _get(self, at: Any, handle: Any, key: str, options: Any) -> Any:
        handle.drop(at)
        data = self.objects[key]
        return (self._info(len(data)), data)

    def _put(self, at: Any, handle: Any, key: str, data: Any, options: Any) -> Any:
        handle.drop(at)
        self.objects[key] = data
        return self._info(len(data))

    def get(self, key: str) -> bytes:
        found = self._call_get(self.store, self.root, key, self.read_options)
        self._call_get.post_return(self.store)
        return bytes(found[1])

    def put(self, key: str, data: bytes) -> None:
        self._call_put(self.store, self.root, key, data, self.put_options)
        self._call_put.post_return(self.store)


_CACHE: dict[str, Any] = {}


def _engine() -> wasmtime.Engine:
    if "engine" not in _CACHE:
        config = wasmtime.Config()
        config.wasm_component_model = True
        _CACHE["engine"] = wasmtime.Engine(config)
    engine: wasmtime.Engine = _CACHE["engine"]
    return engine


def _component(wasm: Path) -> component.Component:
    if "component" not in _CACHE:
        _CACHE["component"] = component.Component.from_file(_engine(), str(wasm))
    parsed: component.Component = _CACHE["component"]
    return parsed


def _record(**fields: Any) -> Any:
    record = component.Record()
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def stores(stacked: Any, bottom: Any, chain: list[tuple[str, dict[str, Any]]]) -> Any:
    """The chain of classes of a module."""
    store = bottom
    for kind, config in chain:
        own = config if stacked is ours else {k: v for k, v in config.items() if k != "level"}
        store = getattr(stacked, kind)(store, **own)
    return store


def once(call: Callable[[], Any], patience: float) -> float:
    """Seconds for a call: as many as fit into the time, at least one."""
    start = time.thread_time()
    call()
    first = time.thread_time() - start
    count = int(patience / max(first, 1e-7))
    if count < 2:
        return first
    start = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - start) / count


def shown(seconds: Optional[float]) -> str:
    if seconds is None:
        return "–"
    micro = seconds * 1e6
    return f"{micro:.1f} µs" if micro < 1000 else f"{micro / 1000:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--component", type=Path)
    parser.add_argument("--quick", action="store_true", help="see that it works")
    given = parser.parse_args()
    rounds, patience = (1, 0.0) if given.quick else (ROUNDS, SECONDS)
    sizes = {"100 B": 100} if given.quick else SIZES
    library: Any = None
    bottom: Any = None
    if given.library:
        sys.path.insert(0, str(given.library))
        library = importlib.import_module("storage.utils")
        bottom = importlib.import_module("storage.object").DictStore
    words = [b"object ", b"store ", b"decorator ", b"wasm ", b"python ", b"bytes "]
    pick = random.Random(1)
    text = b"".join(pick.choice(words) for _ in range(1 << 18))
    print("| | size | here | library | here / library | component API | component API / here |")
    print("|---|---|---|---|---|---|---|")
    for operation in ("get", "put"):
        for title, chain in CHAINS.items():
            for size_name, size in sizes.items():
                data = text[:size]
                rivals: dict[str, Any] = {"here": stores(ours, DictStore(), chain)}
                if library:
                    rivals["library"] = stores(library, bottom(), chain)
                if given.component:
                    rivals["component"] = ThroughComponent(given.component, chain)
                calls: dict[str, Callable[[], Any]] = {}
                for name, store in rivals.items():
                    store.put("k", data)
                    assert store.get("k") == data, (title, name)
                    given_to = ("k",) if operation == "get" else ("k", data)
                    calls[name] = partial(getattr(store, operation), *given_to)
                times: dict[str, list[float]] = {name: [] for name in calls}
                for round in range(rounds):
                    for name, call in calls.items():
                        if name == "component" and size > 1 << 16 and round:
                            # Seconds each: once is enough.
                            continue
                        times[name].append(once(call, patience))
                took = {name: statistics.median(each) for name, each in times.items()}
                here, lib, slow = took["here"], took.get("library"), took.get("component")
                print(
                    f"| {operation} {title} | {size_name} | {shown(here)} | {shown(lib)} | "
                    f"{f'{here / lib:.2f}' if lib else '–'} | {shown(slow)} | "
                    f"{f'{slow / here:.0f}' if slow else '–'} |"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Runs the shared conformance cases through the package.

    python cases.py cases.json [--bases memory sqlite]

The format is described in docs/embedding.md. Every chain must answer as the
native one did when the cases were recorded.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from base64 import b64decode
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Optional

from storage_wasm import StoreError
from storage_wasm.backends.memory import MemoryBackend
from storage_wasm.backends.sqlite import SqliteBackend
from storage_wasm.chain import Chain, Node
from storage_wasm.contract import (
    Backend, ByteRange, Capabilities, DeleteOptions, ListOptions, ObjectInfo, PutOptions,
    ReadOptions, Trailer,
)  # fmt: skip
from storage_wasm.coordinator import Coordinator

FORMAT = 1


class Wrong(Exception):
    """A store did not answer as it should."""


def ensure(holds: bool, said: str) -> None:
    if not holds:
        raise Wrong(said)


def made(length: int, seed: int, form: str) -> bytes:
    """The bytes of a recipe: xorshift, and what form becomes of them."""
    mask = (1 << 64) - 1
    state = (seed * 0x9E37_79B9_7F4A_7C15) & mask | 1
    words = []
    for _ in range(-(-length // 8)):
        state ^= (state << 13) & mask
        state ^= state >> 7
        state ^= (state << 17) & mask
        words.append(state & 0x7FFF_FF7F_FF00_FFFF)
    data = struct.pack(f"<{len(words)}Q", *words)[:length]
    if form == "bytes":
        return data
    text = data.translate(bytes(ord("a") + each % 26 for each in range(256)))
    start = {"text": b"", "json": b'{"is":"', "spaced-json": b'{"is": "'}[form]
    return start + text + (b'"}' if start else b"")


def read_data(given: list[Any]) -> list[bytes]:
    """The byte strings of the file."""
    data: list[bytes] = []
    for each in given:
        ((how, what),) = each.items()
        if how == "base64":
            data.append(b64decode(what, validate=True))
        elif how == "made":
            data.append(made(what["length"], what["seed"], what["as"]))
        else:
            whole = data[what["of"]]
            data.append(whole[what["from"] : what["from"] + what["length"]])
    return data


class Etags:
    """Etags by the symbols that stand for them."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def agree(self, wanted: Optional[str], got: Optional[str]) -> None:
        if wanted is None or got is None or not wanted.startswith("$"):
            ensure(wanted == got, f"the etag {got!r} instead of {wanted!r}")
        elif wanted in self.known:
            ensure(self.known[wanted] == got, f"{wanted} was {self.known[wanted]!r}, is {got!r}")
        else:
            ensure(got not in self.known.values(), f"{got!r} is {wanted} and another one")
            self.known[wanted] = got

    def asked(self, etag: Optional[str]) -> Optional[str]:
        return self.known[etag] if etag is not None and etag.startswith("$") else etag


class Replay:
    """The steps of one case over one chain."""

    def __init__(
        self, store: Backend, beside: Backend, lasting: list[Backend], data: list[bytes]
    ) -> None:
        self.store, self.beside, self.lasting, self.data = store, beside, lasting, data
        self.etags = Etags()
        self.readers: dict[int, Any] = {}
        self.writers: dict[int, Any] = {}
        self.states: dict[int, Any] = {}

    def agree(self, got: Any, wanted: Any) -> None:
        self.etags.agree(wanted.get("etag"), got.etag)
        expected = (
            wanted.get("size"), wanted.get("content-type"),
            [(name, value) for name, value in wanted.get("metadata", [])],
        )  # fmt: skip
        ensure((got.size, got.content_type, list(got.metadata)) == expected, f"it gave {got!r}")

    def read_options(self, step: Any) -> ReadOptions:
        given = step.get("options", {})
        part = given.get("range")
        range = None
        if part is not None:
            range = ByteRange(
                *(int(part[end]) if end in part else None for end in ("offset", "length"))
            )
        asked = self.etags.asked
        return ReadOptions(range, asked(given.get("if-match")), asked(given.get("if-none-match")))

    def put_options(self, step: Any) -> PutOptions:
        given = step.get("options", {})
        return PutOptions(
            given.get("content-type"),
            [(name, value) for name, value in given.get("metadata", [])],
            given.get("etag"),
            given.get("if-absent", False),
            self.etags.asked(given.get("if-match")),
        )

    def step(self, step: Any) -> None:
        store = self.beside if step.get("beside") else self.store
        action: Callable[[Backend, Any], None] = getattr(self, step["op"].replace("-", "_"))
        wanted = step.get("error")
        try:
            action(store, step)
        except StoreError as error:
            case = error.failure().case
            ensure(case == wanted, f"it failed: {case}: {error}")
            return
        # The contract lets a store choose whether to give much at once.
        free = step["op"] == "get" and wanted == "limit-exceeded"
        ensure(wanted is None or free, f"it succeeded instead of {wanted}")

    def capabilities(self, store: Backend, step: Any) -> None:
        can = store.capabilities()
        names = [flag.name.lower() for flag in Capabilities if flag in can]  # type: ignore[union-attr]
        ensure(names == step["gives"], f"it gave {names}")

    def get(self, store: Backend, step: Any) -> None:
        info, data = store.get(step["key"], self.read_options(step))
        if "gives" in step:
            self.agree(info, step["gives"]["info"])
            ensure(data == self.data[step["gives"]["data"]], f"{len(data)} other bytes")

    def put(self, store: Backend, step: Any) -> None:
        info = store.put(step["key"], self.data[step["data"]], self.put_options(step))
        if "gives" in step:
            self.agree(info, step["gives"])

    def exists(self, store: Backend, step: Any) -> None:
        got = store.exists(step["key"])
        ensure("gives" not in step or got == step["gives"], f"it gave {got}")

    def delete(self, store: Backend, step: Any) -> None:
        given = step.get("options", {}).get("if-match")
        store.delete(step["key"], DeleteOptions(self.etags.asked(given)))

    def stat(self, store: Backend, step: Any) -> None:
        info = store.stat(step["key"])
        if "gives" in step:
            self.agree(info, step["gives"])

    def list(self, store: Backend, step: Any) -> None:
        given = step.get("options", {})
        page = store.list(
            ListOptions(
                given.get("prefix", ""), given.get("start-after"), given.get("limit"),
                given.get("skipped", False),
            )
        )
        if "gives" not in step:
            return
        wanted = step["gives"]
        keys = [entry.key for entry in page.entries]
        ensure(keys == [entry["key"] for entry in wanted["entries"]], f"it gave {keys}")
        ensure(page.next == wanted.get("next"), f"next is {page.next!r}")
        skipped = [{"entry": one.entry, "reason": one.reason} for one in page.skipped]
        ensure(skipped == wanted.get("skipped", []), f"it left out {skipped}")
        for got, entry in zip(page.entries, wanted["entries"]):
            self.agree(got.info, entry["info"])

    def read(self, store: Backend, step: Any) -> None:
        self.readers[step["reader"]] = store.read(step["key"], self.read_options(step))

    def write(self, store: Backend, step: Any) -> None:
        self.writers[step["writer"]] = store.write(step["key"], self.put_options(step))

    def info(self, store: Backend, step: Any) -> None:
        self.agree(self.readers[step["reader"]].info(), step["gives"])

    def next(self, store: Backend, step: Any) -> None:
        reader, most = self.readers[step["reader"]], step["max"]
        wanted = self.data[step["gives"]] if "gives" in step else b""
        got = b""
        while len(got) < len(wanted):
            asked = min(most, len(wanted) - len(got))
            try:
                chunk = reader.next(asked)
            except StoreError as error:
                raise Wrong(f"after {len(got)} bytes: {error}") from error
            ensure(0 < len(chunk) <= asked, f"{len(chunk)} bytes of {asked}, after {len(got)}")
            got += chunk
        ensure(got == wanted, f"{len(got)} other bytes")
        if step.get("end") or step.get("error"):
            more = reader.next(most)
            ensure(not more, f"{len(more)} more bytes")

    def push(self, store: Backend, step: Any) -> None:
        writer, data = self.writers[step["writer"]], self.data[step["data"]]
        size = max(step.get("chunk", len(data)), 1)
        for start in range(0, max(len(data), 1), size):
            writer.push(data[start : start + size])

    def finish(self, store: Backend, step: Any) -> None:
        writer = self.writers.pop(step["writer"])
        given = step.get("trailer", {})
        metadata = [(name, value) for name, value in given.get("metadata", [])]
        try:
            info = writer.finish(Trailer(given.get("etag"), metadata))
        finally:
            writer.close()
        if "gives" in step:
            self.agree(info, step["gives"])

    def drop_reader(self, store: Backend, step: Any) -> None:
        reader = self.readers.pop(step["reader"], None)
        if reader is not None:
            reader.close()

    def drop_writer(self, store: Backend, step: Any) -> None:
        writer = self.writers.pop(step["writer"], None)
        if writer is not None:
            writer.close()

    def snapshot(self, store: Backend, step: Any) -> None:
        now = [_everything(each) for each in self.lasting]
        before = self.states.setdefault(step["state"], now)
        ensure(before == now, "the bases have changed")

    def close(self) -> None:
        for each in [*self.readers.values(), *self.writers.values()]:
            each.close()


def _everything(backend: Backend) -> list[tuple[str, ObjectInfo, bytes]]:
    found: list[tuple[str, ObjectInfo, bytes]] = []
    start: Optional[str] = None
    while True:
        page = backend.list(ListOptions("", start))
        for entry in page.entries:
            reader = backend.read(entry.key, ReadOptions())
            data = bytearray()
            while chunk := reader.next(1 << 20):
                data += chunk
            found.append((entry.key, reader.info(), bytes(data)))
            reader.close()
        start = page.next
        if start is None:
            return found


def fresh(kind: str, stack: ExitStack) -> Backend:
    """An empty base."""
    if kind == "memory":
        return MemoryBackend({})
    database = SqliteBackend(":memory:")
    stack.callback(database.close)
    return database


def build(chain: Any, bases: dict[str, Backend]) -> Chain:
    """The chain of a case."""
    nodes = [
        Node(
            each["name"], each["type"], each["config"],
            [base["node"] if "node" in base else base["name"] for base in each["bases"]],
        )
        for each in chain["nodes"]
    ]  # fmt: skip
    shared = {node.name: Coordinator() for node in nodes} or {"": Coordinator()}
    return Chain(nodes, bases, shared, lambda *_: None, lambda *_: None)


def run(cases: Any, data: list[bytes], kind: str) -> bool:
    """Whether all cases passed over bases of a kind; prints how many did."""
    passed, failures = 0, []
    for chain in cases["chains"]:
        for index in chain["cases"]:
            case = cases["cases"][index]
            with ExitStack() as stack:
                bases = {name: fresh(kind, stack) for name in chain["bases"]}
                store = build(chain, bases)
                stack.callback(store.close)
                beside = bases[chain["beside"]] if "beside" in chain else store
                lasting = [bases[name] for name in chain["lasting"]]
                replay = Replay(store, beside, lasting, data)
                stack.callback(replay.close)
                try:
                    for number, step in enumerate(case["steps"]):
                        try:
                            replay.step(step)
                        except Exception as error:
                            raise Wrong(
                                f"step {number}, {json.dumps(step)[:200]}: "
                                f"{type(error).__name__}: {error}"
                            ) from error
                    passed += 1
                except Wrong as wrong:
                    failures.append(f"{chain['name']}: {case['name']}: {wrong}")
    for refused in cases["refused"]:
        try:
            build(refused, {"memory-0": MemoryBackend({})}).close()
            failures.append(f"refused: {refused['name']}: it was built")
        except StoreError as error:
            case = error.failure().case
            if case == refused["error"]:
                passed += 1
            else:
                failures.append(f"refused: {refused['name']}: {case}: {error}")
    for failure in failures[:40]:
        print(failure)
    print(f"cases: {passed} passed, {len(failures)} failed, over {kind}")
    return passed > 0 and not failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--bases", nargs="+", choices=("memory", "sqlite"), default=["memory"])
    arguments = parser.parse_args()
    given = json.loads(arguments.cases.read_bytes())
    if given["format"] != FORMAT:
        sys.exit(f"{arguments.cases} has format {given['format']}; this runs format {FORMAT}")
    strings = read_data(given["data"])
    passed = [run(given, strings, kind) for kind in arguments.bases]
    sys.exit(0 if all(passed) else 1)

"""The functions of the contract, as data.

Written by hand from `wit/`; `describe` prints it in a plain form that a test
compares with what wit-parser reads.
"""

from __future__ import annotations

from struct import Struct
from typing import Optional

from .. import contract
from .types import (
    I32, I64, Bool, Bytes, Enum, Flags, GuestHandle, Handle, Integer, List, Option, Record,
    Result, String, Tuple, Type, Variant,
)  # fmt: skip

PACKAGE, VERSION = "storage:object-store", "0.1.0"
MAX_FLAT = 16

STRING, BYTES, BOOL = String(), Bytes(), Bool()
U32, U64 = Integer("u32", "I", I32), Integer("u64", "Q", I64)


ERROR = Variant(
    "error",
    {
        "not-found": None,
        "already-exists": None,
        "precondition-failed": None,
        "invalid-key": STRING,
        "invalid-config": STRING,
        "invalid-data": STRING,
        "invalid-range": None,
        "unsupported": STRING,
        "permission-denied": STRING,
        "limit-exceeded": STRING,
        "unavailable": STRING,
        "other": STRING,
    },
    contract.Failure._make,
)
CAPABILITIES = Flags(
    "capabilities",
    ["read", "write", "replace", "delete", "list", "range", "metadata", "conditional", "ordered"],
    contract.Capabilities,
)
METADATA = List(Tuple(STRING, STRING))
OBJECT_INFO = Record(
    "object-info",
    {
        "size": Option(U64),
        "etag": Option(STRING),
        "modified": Option(U64),
        "content-type": Option(STRING),
        "metadata": METADATA,
    },
    contract.ObjectInfo,
)
PUT_OPTIONS = Record(
    "put-options",
    {
        "content-type": Option(STRING),
        "metadata": METADATA,
        "etag": Option(STRING),
        "if-absent": BOOL,
        "if-match": Option(STRING),
    },
    contract.PutOptions,
)
TRAILER = Record("trailer", {"etag": Option(STRING), "metadata": METADATA}, contract.Trailer)
BYTE_RANGE = Record(
    "byte-range", {"offset": Option(U64), "length": Option(U64)}, contract.ByteRange
)
READ_OPTIONS = Record(
    "read-options",
    {
        "range": Option(BYTE_RANGE),
        "if-match": Option(STRING),
        "if-none-match": Option(STRING),
    },
    contract.ReadOptions,
)
ACCESS = Enum("access", ["read", "write", "delete"])
LOCATION = Record("location", {"base": STRING, "key": STRING}, contract.Location)
DELETE_OPTIONS = Record("delete-options", {"if-match": Option(STRING)}, contract.DeleteOptions)
LIST_OPTIONS = Record(
    "list-options",
    {"prefix": STRING, "start-after": Option(STRING), "limit": Option(U32), "skipped": BOOL},
    contract.ListOptions,
)
ENTRY = Record("entry", {"key": STRING, "info": OBJECT_INFO}, contract.Entry)
SKIPPED = Record("skipped", {"entry": STRING, "reason": STRING}, contract.Skipped)
PAGE = Record(
    "page",
    {"entries": List(ENTRY), "next": Option(STRING), "skipped": List(SKIPPED)},
    contract.Page,
)
VERSIONED = Record("versioned", {"value": BYTES, "version": U64}, contract.Versioned)
LEVEL = Enum("level", ["debug", "info", "warn", "error"])
ACTION = Enum("action", ["put", "delete"])
EVENT = Record(
    "event",
    {
        "store": STRING,
        "action": ACTION,
        "key": STRING,
        "size": Option(U64),
        "etag": Option(STRING),
        "failure": Option(ERROR),
    },
    contract.Event,
)
CONTEXT = Record(
    "context",
    {
        "request-id": Option(STRING),
        "principal": Option(STRING),
        "remote-address": Option(STRING),
        "protocol": Option(STRING),
        "bucket": Option(STRING),
        "trace-parent": Option(STRING),
    },
    contract.RequestContext,
)
BASE_SHAPE = Enum("base-shape", ["one", "many", "main-and-cache"])
KIND = Record(
    "kind",
    {
        "name": STRING,
        "aliases": List(STRING),
        "base": BASE_SHAPE,
        "config-schema": STRING,
        "doc": STRING,
    },
)
BASE = Variant("base", {"node": U32, "name": STRING})
NODE = Record(
    "node", {"name": STRING, "type": STRING, "config": STRING, "bases": List(BASE)}
)


class Function:
    """A function, and how its arguments and result travel in core wasm."""

    def __init__(self, name: str, params: dict[str, Type], result: Optional[Type]) -> None:
        self.name = name
        self.params = params
        self.result = result
        self.types = list(params.values())
        flat = [each for type in self.types for each in type.flat]
        self.spilled = Record(name, params) if len(flat) > MAX_FLAT else None
        if self.spilled:
            flat = [I32]
        self.through_memory = result is not None and len(result.flat) > 1
        self.flat = flat
        self.result_flat = [] if result is None or self.through_memory else list(result.flat)

    def pack(self, extra: int = 0) -> Struct:
        """The layout of the arguments in an array of raw values, 16 bytes each."""
        pads = {I32: "I12x", I64: "Q8x"}
        return Struct("<" + "".join(pads[each] for each in [*self.flat, *[I32] * extra]))

    def __str__(self) -> str:
        params = ", ".join(f"{name}: {type}" for name, type in self.params.items())
        return f"{self.name}({params})" + ("" if self.result is None else f" -> {self.result}")


def _object_store(handle: type[Handle]) -> list[Function]:
    def own(resource: str) -> Handle:
        return handle(resource, own=True)

    def borrow(resource: str) -> Handle:
        return handle(resource, own=False)

    def method(name: str, result: Optional[Type], **params: Type) -> Function:
        resource = name.partition(".")[0]
        given = {each.replace("_", "-"): type for each, type in params.items()}
        return Function(f"[method]{name}", {"self": borrow(resource), **given}, result)

    def fails(ok: Optional[Type]) -> Result:
        return Result(ok, ERROR)

    key = STRING
    return [
        Function("open", {"name": STRING}, fails(own("store"))),
        method("store.capabilities", CAPABILITIES),
        method("store.get", fails(Tuple(OBJECT_INFO, BYTES)), key=key, options=READ_OPTIONS),
        method("store.put", fails(OBJECT_INFO), key=key, data=BYTES, options=PUT_OPTIONS),
        method("store.exists", fails(BOOL), key=key),
        method("store.delete", fails(None), key=key, options=DELETE_OPTIONS),
        method("store.stat", fails(OBJECT_INFO), key=key),
        method("store.list", fails(PAGE), options=LIST_OPTIONS),
        method("store.read", fails(own("reader")), key=key, options=READ_OPTIONS),
        method("store.write", fails(own("writer")), key=key, options=PUT_OPTIONS),
        method("store.locate", fails(Option(LOCATION)), key=key, access=ACCESS),
        method("reader.info", OBJECT_INFO),
        method("reader.next", fails(BYTES), max=U32),
        method("writer.push", fails(None), chunk=BYTES),
        method("writer.finish", fails(OBJECT_INFO), trailer=TRAILER),
    ]


IMPORTS: dict[str, list[Function]] = {
    "object-store": _object_store(Handle),
    "observer": [
        Function("log", {"level": LEVEL, "store": STRING, "message": STRING}, None),
        Function("changed", {"event": EVENT}, None),
    ],
    "coordinator": [
        Function("lock", {"name": STRING}, Result(Handle("guard", own=True), ERROR)),
        Function("[method]guard.check", {"self": Handle("guard", own=False)}, Result(None, ERROR)),
        Function("load", {"name": STRING}, Result(Option(VERSIONED), ERROR)),
        Function(
            "compare-and-set",
            {"name": STRING, "expected": U64, "value": Option(BYTES)},
            Result(U64, ERROR),
        ),
        Function("now", {}, U64),
    ],
    "request-context": [Function("current", {}, CONTEXT)],
}
EXPORTS: dict[str, list[Function]] = {
    "object-store": _object_store(GuestHandle),
    "decorators": [
        Function("kinds", {}, List(KIND)),
        Function("build", {"nodes": List(NODE)}, Result(GuestHandle("store", own=True), ERROR)),
    ],
}
RESOURCES = {"object-store": ["store", "reader", "writer"], "coordinator": ["guard"]}


def module(interface: str) -> str:
    """The name of an interface in the core module."""
    return f"{PACKAGE}/{interface}@{VERSION}"


def describe() -> list[str]:
    """Every type and function, a line each."""
    lines = set()

    def see(type: Type) -> None:
        inner: list[Type] = []
        if isinstance(type, Flags):
            lines.add(f"flags {type.name} {{{', '.join(type.flags)}}}")
        elif isinstance(type, Enum):
            lines.add(f"enum {type.name} {{{', '.join(type.names)}}}")
        elif isinstance(type, Variant):
            cases = (name if of is None else f"{name}({of})" for name, of in type.cases.items())
            lines.add(f"variant {type.name} {{{', '.join(cases)}}}")
            inner = [of for of in type.types if of is not None]
        elif isinstance(type, Record):
            inner = list(type.fields.values())
            if not isinstance(type, Tuple):
                fields = (f"{name}: {of}" for name, of in type.fields.items())
                lines.add(f"record {type.name} {{{', '.join(fields)}}}")
        elif isinstance(type, List):
            inner = [type.element]
        elif isinstance(type, Option):
            inner = [type.some]
        elif isinstance(type, Result):
            inner = [type.error, *([type.ok] if type.ok else [])]
        for each in inner:
            see(each)

    for direction, interfaces in (("import", IMPORTS), ("export", EXPORTS)):
        for interface, functions in interfaces.items():
            for function in functions:
                lines.add(f"{direction} {module(interface)} {function}")
                for type in [*function.types, *([function.result] if function.result else [])]:
                    see(type)
    return sorted(lines)


if __name__ == "__main__":
    print("\n".join(describe()))

"""One instance of the core module, called without wasmtime's value conversions.

`wasmtime.Func` asks for a function's type and converts value by value, which
takes longer than most calls. The C functions below take an array of raw values
instead. They are in the same shared library, but wasmtime-py has no public
face for them: that is why its version is pinned.
"""

from __future__ import annotations

import ctypes
import threading
from contextlib import suppress
from struct import Struct
from typing import Any, Callable, Optional

import wasmtime
from wasmtime import _ffi as ffi

from .contract import EXPORTS, IMPORTS, RESOURCES, Function, module
from .types import I32, I64, Trap

MEMORY_LIMIT = 1 << 30
"""The most linear memory of an instance: some whole documents, not the machine."""

_MAX_VALUES = 20
_RAW = 16
_FOUR = Struct("<I12xI12xI12xI12x")
_ONE = Struct("<I")
_OUT = {"I": Struct("<I"), "Q": Struct("<Q")}

# Prototypes of our own: those of wasmtime-py convert pointers to objects.
_call = ffi.dll["wasmtime_func_call_unchecked"]
_call.restype = ctypes.c_void_p
_call.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p]
_data = ffi.dll["wasmtime_memory_data"]
_data.restype = ctypes.c_void_p
_data.argtypes = [ctypes.c_void_p] * 2
_data_size = ffi.dll["wasmtime_memory_data_size"]
_data_size.restype = ctypes.c_size_t
_data_size.argtypes = [ctypes.c_void_p] * 2
_trap_new = ffi.dll["wasmtime_trap_new"]
_trap_new.restype = ctypes.c_void_p
_trap_new.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
_define = ffi.dll["wasmtime_linker_define_func_unchecked"]
_define.restype = ctypes.c_void_p
_Callback = ctypes.CFUNCTYPE(
    ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t
)
_define.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t,
    ctypes.c_void_p, _Callback, ctypes.c_void_p, ctypes.c_void_p,
]  # fmt: skip

_TRAPPED = b"the embedder stopped the call"


class Table:
    """Objects by number, for one instance. Numbers are not used again."""

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.objects: dict[int, tuple[str, Any]] = {}
        self.last = 0

    def add(self, resource: str, value: Any) -> int:
        self.last += 1
        self.objects[self.last] = (resource, value)
        return self.last

    def _checked(self, resource: str, handle: int, entry: Optional[tuple[str, Any]]) -> Any:
        if entry is None or entry[0] != resource:
            raise Trap(f"{handle} is no {resource} of {self.whose}")
        return entry[1]

    def find(self, resource: str, handle: int) -> Any:
        return self._checked(resource, handle, self.objects.get(handle))

    def take(self, resource: str, handle: int) -> Any:
        value = self._checked(resource, handle, self.objects.get(handle))
        del self.objects[handle]
        return value


class Memory:
    """The linear memory of an instance, and what its handles stand for."""

    def __init__(self, instance: Instance) -> None:
        self.ours = Table("the embedder's")
        self.theirs = Table("the guest's")
        self._instance = instance
        self._memory = ctypes.addressof(instance.extern("memory")._memory)
        self.view = memoryview(b"")
        self._refresh()

    def _refresh(self) -> None:
        context = self._instance.context
        size = _data_size(context, self._memory)
        if size != len(self.view):
            base = _data(context, self._memory)
            self.view = memoryview((ctypes.c_ubyte * size).from_address(base)).cast("B")

    def check(self, at: int, size: int) -> None:
        """Makes sure that these bytes are in the memory, which may have grown."""
        if at + size > len(self.view):
            self._refresh()
            if at + size > len(self.view):
                raise Trap(f"{size} bytes at {at} lie outside of the memory")

    def bytes(self, at: int, size: int) -> bytes:
        """A copy of a part."""
        if at + size > len(self.view):
            self.check(at, size)
        return bytes(self.view[at : at + size])

    def text(self, at: int, size: int) -> str:
        """A string."""
        try:
            return self.bytes(at, size).decode()
        except UnicodeDecodeError as error:
            raise Trap(f"a string that is not UTF-8: {error}") from None

    def allocate(self, size: int, alignment: int) -> int:
        """Room in the guest, which frees it."""
        at = self._instance.allocate(size, alignment)
        self.check(at, size)
        return at

    def put(self, data: Any) -> tuple[int, int]:
        """Copies bytes into the guest; gives their place and size."""
        size = len(data)
        if not size:
            return (1, 0)
        at = self.allocate(size, 1)
        self.view[at : at + size] = data
        return (at, size)


Handler = Callable[..., Any]
Signature = tuple[list[str], list[str]]
"""What a core function takes and gives."""

_TAKES: Signature = ([I32], [])
_MAPS: Signature = ([I32], [I32])
_NAMES = {I32: "i32", I64: "i64"}


class Module:
    """The compiled core module, and its imports bound to handlers.

    `handlers` has a function for each import, by interface and name; it gets
    the instance's `owner` and the arguments.
    """

    def __init__(self, wasm: bytes, handlers: dict[tuple[str, str], Handler]) -> None:
        config = wasmtime.Config()
        config.memory_may_move = False
        with suppress(wasmtime.WasmtimeError):
            # Without a home to keep it in, it is compiled by each process.
            config.cache = True
        self.engine = wasmtime.Engine(config)
        self.module = wasmtime.Module(self.engine, wasm)
        self.linker = wasmtime.Linker(self.engine)
        self.current: dict[int, Instance] = {}
        self.exports = {
            (interface, function.name): function
            for interface, functions in EXPORTS.items()
            for function in functions
        }
        # Called from C for as long as the linker lives.
        self._callbacks: list[Any] = []
        self._check_exports()
        types = {(each.module, each.name): each.type for each in self.module.imports}
        for interface, functions in IMPORTS.items():
            for function in functions:
                handler = handlers[interface, function.name]
                call = _import(function, handler)
                params = [*function.flat, *([I32] if function.through_memory else [])]
                signature = (params, function.result_flat)
                self._define(types, module(interface), function.name, call, signature)
        for interface, resources in RESOURCES.items():
            for resource in resources:
                drop = f"[resource-drop]{resource}"
                self._define(types, module(interface), drop, _drop_ours(resource), _TAKES)
                theirs = f"[export]{module(interface)}"
                new, rep = f"[resource-new]{resource}", f"[resource-rep]{resource}"
                self._define(types, theirs, drop, _drop_theirs(resource), _TAKES)
                self._define(types, theirs, new, _new_theirs(resource), _MAPS)
                self._define(types, theirs, rep, _rep_theirs(resource), _MAPS)
        if types:
            missing = ", ".join(f"{where} {name}" for where, name in types)
            raise ValueError(f"the module wants more than the contract has: {missing}")

    def _check_exports(self) -> None:
        """Calls are not checked by wasmtime, so the functions are, once."""
        types = {each.name: each.type for each in self.module.exports}
        if not isinstance(types.get("memory"), wasmtime.MemoryType):
            raise ValueError("the module exports no memory")
        _check_type("cabi_realloc", types.get("cabi_realloc"), ([I32] * 4, [I32]))
        for (interface, _), function in self.exports.items():
            name = f"{module(interface)}#{function.name}"
            results = [I32] if function.through_memory else function.result_flat
            _check_type(name, types.get(name), (function.flat, results))
            if f"cabi_post_{name}" in types:
                _check_type(f"cabi_post_{name}", types[f"cabi_post_{name}"], _TAKES)
        for resource in RESOURCES["object-store"]:
            name = f"{module('object-store')}#[dtor]{resource}"
            if name in types:
                _check_type(name, types[name], _TAKES)
        if "_initialize" in types:
            _check_type("_initialize", types["_initialize"], ([], []))

    def _define(
        self, types: dict[Any, Any], where: str, name: str, call: Any, signature: Signature
    ) -> None:
        type = types.pop((where, name), None)
        if type is None:
            # Not every module uses every function.
            return
        _check_type(f"{where} {name}", type, signature)

        def enter(env: int, caller: int, values: int, count: int) -> Optional[int]:
            instance = _running()
            try:
                call(instance, values)
                return None
            except BaseException as error:
                instance.stopped = error
                trap: int = _trap_new(_TRAPPED, len(_TRAPPED))
                return trap

        callback = _Callback(enter)
        self._callbacks.append(callback)
        error = _define(
            self.linker.ptr(), where.encode(), len(where.encode()), name.encode(),
            len(name.encode()), type.ptr(), callback, None, None,
        )  # fmt: skip
        if error:
            raise _error(error)


def _check_type(name: str, type: Any, signature: Signature) -> None:
    wanted = [[_NAMES[each] for each in side] for side in signature]
    if not isinstance(type, wasmtime.FuncType):
        raise ValueError(f"the module has no function {name}")
    found = [[str(each) for each in side] for side in (type.params, type.results)]
    if found != wanted:
        raise ValueError(f"{name} goes from {found[0]} to {found[1]}, not as in the contract")


class _Running(threading.local):
    instance: Optional[Instance] = None


_RUNNING = _Running()


def _running() -> Instance:
    instance: Optional[Instance] = _RUNNING.instance
    if instance is None:
        raise RuntimeError("an import was called outside of every instance")
    return instance


def _import(function: Function, handler: Handler) -> Callable[[Instance, int], None]:
    """Between raw values and a handler."""
    # Where the result goes is one more argument, the last.
    struct = function.pack(extra=1 if function.through_memory else 0)
    size, types, result = struct.size, function.types, function.result
    string_at, memmove = ctypes.string_at, ctypes.memmove

    def call(instance: Instance, values: int) -> None:
        memory = instance.memory
        flat = struct.unpack(string_at(values, size)) if size else ()
        if function.spilled:
            memory.check(flat[0], function.spilled.size)
            given = function.spilled.load(memory, flat[0])
        else:
            each = iter(flat)
            given = [type.lift(memory, each) for type in types]
        value = handler(instance.owner, *given)
        if result is None:
            return
        if function.through_memory:
            at = flat[-1]
            memory.check(at, result.size)
            result.store(memory, at, value)
        else:
            out: list[int] = []
            result.lower(memory, value, out)
            packed = _OUT[function.result_flat[0]].pack(out[0])
            memmove(values, packed, len(packed))

    return call


def _drop_ours(resource: str) -> Callable[[Instance, int], None]:
    def drop(instance: Instance, values: int) -> None:
        value = instance.memory.ours.take(resource, _argument(values))
        close = getattr(value, "close", None)
        if resource != "store" and close is not None:
            close()

    return drop


def _drop_theirs(resource: str) -> Callable[[Instance, int], None]:
    def drop(instance: Instance, values: int) -> None:
        rep = instance.memory.theirs.take(resource, _argument(values))
        instance.drop(resource, rep)

    return drop


def _new_theirs(resource: str) -> Callable[[Instance, int], None]:
    def new(instance: Instance, values: int) -> None:
        handle = instance.memory.theirs.add(resource, _argument(values))
        ctypes.memmove(values, _ONE.pack(handle), 4)

    return new


def _rep_theirs(resource: str) -> Callable[[Instance, int], None]:
    def rep(instance: Instance, values: int) -> None:
        found = instance.memory.theirs.find(resource, _argument(values))
        ctypes.memmove(values, _ONE.pack(found), 4)

    return rep


def _argument(values: int) -> int:
    argument: int = _ONE.unpack(ctypes.string_at(values, 4))[0]
    return argument


def _error(pointer: int) -> Exception:
    kind = ctypes.POINTER(ffi.wasmtime_error_t)
    return wasmtime.WasmtimeError._from_ptr(ctypes.cast(pointer, kind))


class _Export:
    """An exported function with what a call of it needs."""

    def __init__(self, instance: Instance, interface: str, function: Function) -> None:
        name = f"{module(interface)}#{function.name}"
        self.function = function
        self.struct = function.pack()
        self.count = max(len(function.flat), 1)
        self.address = instance.address(name)
        self.post = instance.address(f"cabi_post_{name}", optional=True)


class Instance:
    """The module in a store of its own. For one thread at a time."""

    def __init__(self, module: Module, owner: Any) -> None:
        self.module = module
        self.owner = owner
        self.stopped: Optional[BaseException] = None
        self.dead = False
        self._store = wasmtime.Store(module.engine)
        self._store.set_limits(memory_size=MEMORY_LIMIT)
        self.context = ctypes.cast(self._store._context(), ctypes.c_void_p).value
        self._values = (ctypes.c_ubyte * (_RAW * _MAX_VALUES))()
        self._raw = ctypes.addressof(self._values)
        self._trap = ctypes.c_void_p()
        self._trap_address = ctypes.addressof(self._trap)
        self._instance = module.linker.instantiate(self._store, module.module)
        self._externs = self._instance.exports(self._store)
        self._functions: list[Any] = []
        self._realloc = self.address("cabi_realloc")
        self.memory = Memory(self)
        self._exports: dict[tuple[str, str], _Export] = {}
        initialize = self.address("_initialize", optional=True)
        if initialize:
            self._enter(initialize, 1)

    def extern(self, name: str) -> Any:
        return self._externs[name]

    def address(self, name: str, optional: bool = False) -> int:
        """Where C finds an exported function; 0 when it is not there."""
        function = self._externs.get(name)
        if not isinstance(function, wasmtime.Func):
            if optional:
                return 0
            raise ValueError(f"the module does not export the function {name}")
        self._functions.append(function)
        return ctypes.addressof(function._func)

    def _enter(self, function: int, count: int) -> None:
        """Calls with the raw values that were put there before."""
        if self.dead:
            raise Trap("the instance was thrown away")
        before, _RUNNING.instance = _RUNNING.instance, self
        try:
            error = _call(self.context, function, self._raw, count, self._trap_address)
        finally:
            _RUNNING.instance = before
        if error or self._trap.value:
            self.dead = True
            self._raise(error)

    def _raise(self, error: Optional[int]) -> None:
        if error:
            why: Exception = _error(error)
        else:
            pointer = ctypes.cast(self._trap.value or 0, ctypes.POINTER(ffi.wasm_trap_t))
            self._trap.value = None
            why = wasmtime.Trap._from_ptr(pointer)
        stopped, self.stopped = self.stopped, None
        if stopped is not None:
            raise stopped
        raise Trap(str(why).strip().splitlines()[0]) from why

    def allocate(self, size: int, alignment: int) -> int:
        _FOUR.pack_into(self._values, 0, 0, 0, alignment, size)
        self._enter(self._realloc, 4)
        at: int = _ONE.unpack_from(self._values)[0]
        return at

    def drop(self, resource: str, rep: int) -> None:
        """Ends a resource of the guest's."""
        destructor = self.address(f"{module('object-store')}#[dtor]{resource}", optional=True)
        if destructor:
            _ONE.pack_into(self._values, 0, rep)
            self._enter(destructor, 1)

    def call(self, interface: str, name: str, *given: Any) -> Any:
        """Calls an export. A `Failure` is returned, not raised."""
        export = self._exports.get((interface, name))
        if export is None:
            function = self.module.exports[interface, name]
            export = self._exports[interface, name] = _Export(self, interface, function)
        function = export.function
        memory = self.memory
        flat: list[int] = []
        if function.spilled:
            at = memory.allocate(function.spilled.size, function.spilled.alignment)
            function.spilled.store(memory, at, given)
            flat.append(at)
        else:
            for type, value in zip(function.types, given):
                type.lower(memory, value, flat)
        export.struct.pack_into(self._values, 0, *flat)
        self._enter(export.address, export.count)
        result = function.result
        if result is None:
            return None
        if not function.through_memory:
            out = _OUT[function.result_flat[0]].unpack_from(self._values)
            return result.lift(memory, iter(out))
        at = _ONE.unpack_from(self._values)[0]
        memory.check(at, result.size)
        value = result.load(memory, at)
        if export.post:
            _ONE.pack_into(self._values, 0, at)
            self._enter(export.post, 1)
        return value

    def close(self) -> None:
        """Throws the instance away; what it held of ours is closed."""
        self.dead = True
        objects, self.memory.ours.objects = self.memory.ours.objects, {}
        for resource, value in objects.values():
            if resource != "store" and hasattr(value, "close"):
                value.close()
        self.memory.view = memoryview(b"")
        self._store.close()

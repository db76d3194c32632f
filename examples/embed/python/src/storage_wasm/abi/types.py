"""Types of the component model: their layout, and values on their way in and out.

`load` and `store` move a value between Python and linear memory, `lift` and
`lower` between Python and core wasm arguments. A guest's pointers and lengths
are checked against its memory before they are used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct
from typing import TYPE_CHECKING, Any, Iterator, Optional, Sequence

from ..contract import Failure

if TYPE_CHECKING:
    from .native import Memory

I32, I64 = "I", "Q"


class Trap(Exception):
    """The guest broke the rules of the ABI: its instance is to be thrown away."""


def align(position: int, to: int) -> int:
    """The first multiple of `to` at or after `position`."""
    return -(-position // to) * to


class Type(ABC):
    """A type of the component model."""

    size: int
    alignment: int
    flat: tuple[str, ...]

    @abstractmethod
    def load(self, memory: Memory, at: int) -> Any: ...

    @abstractmethod
    def store(self, memory: Memory, at: int, value: Any) -> None: ...

    @abstractmethod
    def lift(self, memory: Memory, flat: Iterator[int]) -> Any: ...

    @abstractmethod
    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None: ...

    @abstractmethod
    def __str__(self) -> str: ...


class Integer(Type):
    """An unsigned integer."""

    def __init__(self, name: str, format: str, flat: str) -> None:
        self.name = name
        self.struct = Struct("<" + format)
        self.size = self.alignment = self.struct.size
        self.flat = (flat,)
        self.max = (1 << (8 * self.size)) - 1

    def load(self, memory: Memory, at: int) -> int:
        value: int = self.struct.unpack_from(memory.view, at)[0]
        return value

    def store(self, memory: Memory, at: int, value: int) -> None:
        self.struct.pack_into(memory.view, at, value)

    def lift(self, memory: Memory, flat: Iterator[int]) -> int:
        return next(flat) & self.max

    def lower(self, memory: Memory, value: int, flat: list[int]) -> None:
        flat.append(value)

    def __str__(self) -> str:
        return self.name


class Bool(Integer):
    """A truth value."""

    def __init__(self) -> None:
        super().__init__("bool", "B", I32)

    def load(self, memory: Memory, at: int) -> bool:
        return memory.view[at] != 0

    def lift(self, memory: Memory, flat: Iterator[int]) -> bool:
        return next(flat) != 0


_PAIR = Struct("<II")


class String(Type):
    """A Unicode string, UTF-8 in memory."""

    size, alignment, flat = 8, 4, (I32, I32)

    def load(self, memory: Memory, at: int) -> str:
        return memory.text(*_PAIR.unpack_from(memory.view, at))

    def store(self, memory: Memory, at: int, value: str) -> None:
        pair = memory.put(value.encode())
        _PAIR.pack_into(memory.view, at, *pair)

    def lift(self, memory: Memory, flat: Iterator[int]) -> str:
        return memory.text(next(flat), next(flat))

    def lower(self, memory: Memory, value: str, flat: list[int]) -> None:
        flat += memory.put(value.encode())

    def __str__(self) -> str:
        return "string"


class Bytes(Type):
    """`list<u8>`, moved by one copy."""

    size, alignment, flat = 8, 4, (I32, I32)

    def load(self, memory: Memory, at: int) -> bytes:
        return memory.bytes(*_PAIR.unpack_from(memory.view, at))

    def store(self, memory: Memory, at: int, value: bytes) -> None:
        pair = memory.put(value)
        _PAIR.pack_into(memory.view, at, *pair)

    def lift(self, memory: Memory, flat: Iterator[int]) -> bytes:
        return memory.bytes(next(flat), next(flat))

    def lower(self, memory: Memory, value: bytes, flat: list[int]) -> None:
        flat += memory.put(value)

    def __str__(self) -> str:
        return "list<u8>"


class List(Type):
    """A list of anything but bytes."""

    size, alignment, flat = 8, 4, (I32, I32)

    def __init__(self, element: Type) -> None:
        self.element = element

    def _load(self, memory: Memory, at: int, count: int) -> list[Any]:
        if not count:
            return []
        size = self.element.size
        memory.check(at, count * size)
        load = self.element.load
        return [load(memory, at + i * size) for i in range(count)]

    def _store(self, memory: Memory, values: Sequence[Any]) -> tuple[int, int]:
        if not values:
            return (self.element.alignment, 0)
        size = self.element.size
        at = memory.allocate(len(values) * size, self.element.alignment)
        for i, value in enumerate(values):
            self.element.store(memory, at + i * size, value)
        return (at, len(values))

    def load(self, memory: Memory, at: int) -> list[Any]:
        return self._load(memory, *_PAIR.unpack_from(memory.view, at))

    def store(self, memory: Memory, at: int, value: Sequence[Any]) -> None:
        pair = self._store(memory, value)
        _PAIR.pack_into(memory.view, at, *pair)

    def lift(self, memory: Memory, flat: Iterator[int]) -> list[Any]:
        return self._load(memory, next(flat), next(flat))

    def lower(self, memory: Memory, value: Sequence[Any], flat: list[int]) -> None:
        flat += self._store(memory, value)

    def __str__(self) -> str:
        return f"list<{self.element}>"


class Option(Type):
    """A value or `None`."""

    def __init__(self, some: Type) -> None:
        self.some = some
        self.alignment = some.alignment
        self.payload = align(1, some.alignment)
        self.size = align(self.payload + some.size, self.alignment)
        self.flat = (I32, *some.flat)
        self.none = (0,) * len(self.flat)

    def load(self, memory: Memory, at: int) -> Any:
        case = memory.view[at]
        if case == 0:
            return None
        if case != 1:
            raise Trap(f"an option with the discriminant {case}")
        return self.some.load(memory, at + self.payload)

    def store(self, memory: Memory, at: int, value: Any) -> None:
        if value is None:
            memory.view[at] = 0
        else:
            memory.view[at] = 1
            self.some.store(memory, at + self.payload, value)

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        if next(flat):
            return self.some.lift(memory, flat)
        for _ in self.some.flat:
            next(flat)
        return None

    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None:
        if value is None:
            flat += self.none
        else:
            flat.append(1)
            self.some.lower(memory, value, flat)

    def __str__(self) -> str:
        return f"option<{self.some}>"


class Record(Type):
    """Named fields; a `NamedTuple` in Python, or a tuple where there is no class."""

    def __init__(self, name: str, fields: dict[str, Type], into: Optional[type] = None) -> None:
        self.name = name
        self.fields = fields
        self.make = into._make if into is not None else tuple  # type: ignore[attr-defined]
        self.alignment = max(each.alignment for each in fields.values())
        self.parts: list[tuple[int, Type]] = []
        position = 0
        for each in fields.values():
            position = align(position, each.alignment)
            self.parts.append((position, each))
            position += each.size
        self.size = align(position, self.alignment)
        self.flat = tuple(flat for each in fields.values() for flat in each.flat)

    def load(self, memory: Memory, at: int) -> Any:
        return self.make([part.load(memory, at + offset) for offset, part in self.parts])

    def store(self, memory: Memory, at: int, value: Any) -> None:
        for (offset, part), each in zip(self.parts, value):
            part.store(memory, at + offset, each)

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        return self.make([part.lift(memory, flat) for _, part in self.parts])

    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None:
        for (_, part), each in zip(self.parts, value):
            part.lower(memory, each, flat)

    def __str__(self) -> str:
        return self.name


class Tuple(Record):
    """An unnamed record."""

    def __init__(self, *types: Type) -> None:
        super().__init__("", {str(i): each for i, each in enumerate(types)})

    def __str__(self) -> str:
        return f"tuple<{', '.join(map(str, self.fields.values()))}>"


class Variant(Type):
    """One of several cases with or without a payload: `(case, payload)`.

    At most 256 cases, and payloads that are flat in the same way.
    """

    def __init__(self, name: str, cases: dict[str, Optional[Type]], into: Any = tuple) -> None:
        self.name = name
        self.cases = cases
        self.make = into
        self.names = list(cases)
        self.types = list(cases.values())
        self.indices = {case: i for i, case in enumerate(cases)}
        payloads = [each for each in self.types if each is not None]
        self.alignment = max([1, *(each.alignment for each in payloads)])
        self.payload = align(1, self.alignment)
        self.size = align(
            self.payload + max([0, *(each.size for each in payloads)]), self.alignment
        )
        longest = max((each.flat for each in payloads), key=len, default=())
        self.flat = (I32, *longest)

    def _case(self, index: int) -> tuple[str, Optional[Type]]:
        if index >= len(self.names):
            raise Trap(f"a {self.name} with the discriminant {index}")
        return self.names[index], self.types[index]

    def load(self, memory: Memory, at: int) -> Any:
        name, type = self._case(memory.view[at])
        value = None if type is None else type.load(memory, at + self.payload)
        return self.make((name, value))

    def store(self, memory: Memory, at: int, value: Any) -> None:
        name, payload = value
        index = self.indices[name]
        memory.view[at] = index
        type = self.types[index]
        if type is not None:
            type.store(memory, at + self.payload, payload)

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        name, type = self._case(next(flat))
        value = None if type is None else type.lift(memory, flat)
        for _ in range(len(self.flat) - 1 - (0 if type is None else len(type.flat))):
            next(flat)
        return self.make((name, value))

    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None:
        name, payload = value
        end = len(flat) + len(self.flat)
        index = self.indices[name]
        flat.append(index)
        type = self.types[index]
        if type is not None:
            type.lower(memory, payload, flat)
        flat += (0,) * (end - len(flat))

    def __str__(self) -> str:
        return self.name


class Enum(Variant):
    """One of several names."""

    def __init__(self, name: str, cases: Sequence[str]) -> None:
        super().__init__(name, dict.fromkeys(cases))
        self.make = lambda pair: pair[0]

    def store(self, memory: Memory, at: int, value: str) -> None:
        super().store(memory, at, (value, None))

    def lower(self, memory: Memory, value: str, flat: list[int]) -> None:
        super().lower(memory, (value, None), flat)


class Flags(Integer):
    """A set of at most 16 flags, the first the lowest bit."""

    def __init__(self, name: str, flags: Sequence[str], into: Any) -> None:
        super().__init__(name, "B" if len(flags) <= 8 else "H", I32)
        self.flags = flags
        self.make = into
        self.max = (1 << len(flags)) - 1

    def load(self, memory: Memory, at: int) -> Any:
        return self.make(super().load(memory, at) & self.max)

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        return self.make(next(flat) & self.max)

    def lower(self, memory: Memory, value: int, flat: list[int]) -> None:
        flat.append(int(value))


class Result(Type):
    """A value, or a `Failure` in its place. Only ever in memory: never an argument."""

    def __init__(self, ok: Optional[Type], error: Variant) -> None:
        self.ok = ok
        self.error = error
        self.alignment = max(error.alignment, ok.alignment if ok else 1)
        self.payload = align(1, self.alignment)
        self.size = align(
            self.payload + max(error.size, ok.size if ok else 0), self.alignment
        )
        self.flat = (I32,) * (1 + max(len(error.flat), len(ok.flat) if ok else 0))

    def load(self, memory: Memory, at: int) -> Any:
        case = memory.view[at]
        if case == 0:
            return self.ok.load(memory, at + self.payload) if self.ok else None
        if case != 1:
            raise Trap(f"a result with the discriminant {case}")
        return self.error.load(memory, at + self.payload)

    def store(self, memory: Memory, at: int, value: Any) -> None:
        if type(value) is Failure:
            memory.view[at] = 1
            self.error.store(memory, at + self.payload, value)
        else:
            memory.view[at] = 0
            if self.ok:
                self.ok.store(memory, at + self.payload, value)

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        raise NotImplementedError("a result is never an argument")

    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None:
        raise NotImplementedError("a result is never an argument")

    def __str__(self) -> str:
        return f"result<{self.ok or '_'}, {self.error}>"


class Handle(Type):
    """A resource of ours that the guest holds: any object, by its number.

    `own` gives it away, or takes it back; `borrow` lends it for a call.
    """

    size, alignment, flat = 4, 4, (I32,)

    def __init__(self, resource: str, own: bool) -> None:
        self.resource = resource
        self.own = own

    def _in(self, memory: Memory, handle: int) -> Any:
        return (memory.ours.take if self.own else memory.ours.find)(self.resource, handle)

    def _out(self, memory: Memory, value: Any) -> int:
        return memory.ours.add(self.resource, value)

    def load(self, memory: Memory, at: int) -> Any:
        return self._in(memory, _ONE.unpack_from(memory.view, at)[0])

    def store(self, memory: Memory, at: int, value: Any) -> None:
        _ONE.pack_into(memory.view, at, self._out(memory, value))

    def lift(self, memory: Memory, flat: Iterator[int]) -> Any:
        return self._in(memory, next(flat))

    def lower(self, memory: Memory, value: Any, flat: list[int]) -> None:
        flat.append(self._out(memory, value))

    def __str__(self) -> str:
        return self.resource if self.own else f"borrow<{self.resource}>"


class GuestHandle(Handle):
    """A resource of the guest's that we hold: its representation, a number."""

    def _in(self, memory: Memory, handle: int) -> int:
        rep: int = memory.theirs.take(self.resource, handle)
        return rep

    def _out(self, memory: Memory, value: int) -> int:
        # Only ever borrowed by its own guest, which wants the representation.
        return value


_ONE = Struct("<I")

"""The decorators: the module, compiled once in a process, and its imports."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

from wasmtime import WasmtimeError

from . import coordinator
from .abi.native import Instance, Module
from .contract import Backend, Event, Failure, RequestContext
from .coordinator import Coordinator
from .errors import InvalidConfig, to_failure

WASM = "decorators-core.wasm"
VARIABLE = "STORAGE_DECORATORS_CORE"


class Surroundings:
    """What one instance reaches, and what it said during a call."""

    def __init__(
        self,
        bases: dict[str, Backend],
        coordinators: dict[str, Coordinator],
        log: Callable[[str, str, str], None],
    ) -> None:
        self.bases = bases
        self.coordinators = coordinators
        self.log = log
        self.events: list[Event] = []
        self.raised: list[tuple[Failure, Exception]] = []

    def coordinator(self, name: str) -> Coordinator:
        """Names begin with the store's and a slash; the store's may have slashes."""
        found = self.coordinators.get(name.split("/", 1)[0])
        if found is not None:
            return found
        owners = [each for each in self.coordinators if name.startswith(f"{each}/")]
        return self.coordinators[max(owners, key=len, default=next(iter(self.coordinators)))]

    def guard(self, writing: bool, call: Callable[..., Any], *given: Any) -> Any:
        """Runs a backend; what it raises becomes a failure of the contract."""
        try:
            return call(*given)
        except Exception as error:
            failure = to_failure(error, writing)
            self.raised.append((failure, error))
            return failure


def _open(around: Surroundings, name: str) -> Any:
    return around.bases.get(name) or Failure("not-found")


def _reading(method: str) -> Callable[..., Any]:
    return lambda around, store, *given: around.guard(False, getattr(store, method), *given)


def _writing(method: str) -> Callable[..., Any]:
    return lambda around, store, *given: around.guard(True, getattr(store, method), *given)


def _cas(around: Surroundings, name: str, expected: int, value: Optional[bytes]) -> Any:
    return around.guard(False, around.coordinator(name).compare_and_set, name, expected, value)


HANDLERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("object-store", "open"): _open,
    ("object-store", "[method]store.capabilities"): lambda _, store: store.capabilities(),
    ("object-store", "[method]store.get"): _reading("get"),
    ("object-store", "[method]store.put"): _writing("put"),
    ("object-store", "[method]store.exists"): _reading("exists"),
    ("object-store", "[method]store.delete"): _reading("delete"),
    ("object-store", "[method]store.stat"): _reading("stat"),
    ("object-store", "[method]store.list"): _reading("list"),
    ("object-store", "[method]store.read"): _reading("read"),
    ("object-store", "[method]store.write"): _writing("write"),
    # Every operation goes through the decorators.
    ("object-store", "[method]store.locate"): lambda _, store, key, access: None,
    ("object-store", "[method]reader.info"): lambda _, reader: reader.info(),
    ("object-store", "[method]reader.next"): _reading("next"),
    ("object-store", "[method]writer.push"): _writing("push"),
    ("object-store", "[method]writer.finish"): _writing("finish"),
    ("observer", "log"): lambda around, *line: around.log(*line),
    ("observer", "changed"): lambda around, event: around.events.append(event),
    ("coordinator", "lock"): lambda around, name: around.guard(
        False, around.coordinator(name).lock, name
    ),
    ("coordinator", "[method]guard.check"): lambda around, guard: around.guard(False, guard.check),
    ("coordinator", "load"): lambda around, name: around.guard(
        False, around.coordinator(name).load, name
    ),
    ("coordinator", "compare-and-set"): _cas,
    ("coordinator", "now"): lambda _: coordinator.now(),
    # Nothing is known of who asks.
    ("request-context", "current"): lambda _: RequestContext(),
}


def load(given: Optional[str]) -> Module:
    """The core module from a file, or the one in the package."""
    if given is None and not resources.files(__package__).joinpath(WASM).is_file():
        raise InvalidConfig(
            f"the decorators are missing: put {WASM} into the package, or its path into {VARIABLE}"
        )
    place = resources.files(__package__).joinpath(WASM) if given is None else Path(given)
    try:
        return Module(place.read_bytes(), HANDLERS)
    except (OSError, ValueError, WasmtimeError) as error:
        raise InvalidConfig(f"{place} is not the decorators that this needs: {error}") from error


_LOCK = threading.Lock()


@lru_cache(maxsize=1)
def _module() -> Module:
    return load(os.environ.get(VARIABLE) or None)


def module() -> Module:
    """The compiled module."""
    with _LOCK:
        return _module()


class Kind(NamedTuple):
    """A store type of the pack."""

    name: str
    aliases: list[str]
    base: str
    config_schema: str
    doc: str


def kinds() -> list[Kind]:
    """The store types that the component offers."""
    instance = Instance(module(), None)
    try:
        return [Kind(*each) for each in instance.call("decorators", "kinds")]
    finally:
        instance.close()

"""What every decorator has in common: it is a node of a chain in the component.

A decorator over decorators runs with them in one instance, so a call crosses
into the component once, and out once for each operation of a backend.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
from contextlib import ExitStack
from typing import Any, ClassVar, Optional, Union

from . import forms
from .backends.plain import PlainBackend
from .bridge import plain
from .chain import Chain, Node
from .contract import Backend, Event
from .coordinator import Coordinator
from .errors import InvalidConfig, StoreError
from .object import BackedStore, ObjectStore

LOGGER = logging.getLogger("storage_wasm")
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
KINDS: dict[str, type[Decorator]] = {}
"""The decorators of this package, by their type in a configuration."""

_NUMBERS = itertools.count(1)


class Decorator(BackedStore):
    """A store type of the component, over its bases."""

    kind: ClassVar[str]
    own_form: ClassVar[Optional[forms.Form]] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in vars(cls):
            KINDS[cls.kind] = cls

    def __init__(self, *bases: Any, **config: Any) -> None:
        self.name = f"{self.kind}-{next(_NUMBERS)}"
        self.form = self.own_form or forms.of(*bases)
        self.logger = LOGGER
        self._bases = [plain(base) for base in bases]
        self._config = {name: value for name, value in config.items() if value is not None}
        self._coordinator = Coordinator()
        self._lock = threading.Lock()
        self._chain: Optional[Chain] = None
        self._entered: Optional[ExitStack] = None

    def _in_python(self) -> Optional[ObjectStore]:
        """What stands in for it where its rules are Python functions."""
        return None

    @property
    def backend(self) -> Backend:
        chain = self._chain
        if chain is None:
            with self._lock:
                chain = self._chain = self._chain or _build(self)
        return chain

    def _rebuild(self) -> None:
        """For a changed config."""
        with self._lock:
            chain, self._chain = self._chain, None
        if chain is not None:
            chain.close()

    def changed(self, event: Event, failure: Optional[Exception]) -> None:
        """Hears of a change, after it."""

    def close(self) -> None:
        if self._chain is not None:
            self._chain.close()

    def __enter__(self) -> Any:
        """Enters its bases, too."""
        with ExitStack() as stack:
            for base in self._bases:
                if hasattr(base, "__enter__"):
                    stack.enter_context(base)
            self._entered = stack.pop_all()
        return self

    def __exit__(self, *failure: Any) -> None:
        self.close()
        entered, self._entered = self._entered, None
        if entered is not None:
            entered.__exit__(*failure)


_OPERATIONS = ("get", "put", "exists", "delete", "keys", "read", "write", "stat")


def _is_ours(store: Any) -> bool:
    """Whether all its operations are of this package: a class of the caller's
    may have changed any, and is then asked for each of them."""
    ours = f"{__package__}."
    cls = type(store)
    return isinstance(store, BackedStore) and all(
        getattr(cls, each).__module__.startswith(ours) for each in _OPERATIONS
    )


def _backend(store: Any) -> Backend:
    """Any store, as the component sees it."""
    if _is_ours(store):
        backend: Backend = store.backend
        return backend
    return PlainBackend(store, getattr(store, "form", forms.BYTES))


def _build(root: Decorator) -> Chain:
    """The chain from a decorator down to the first stores that are none."""
    standing_in = root._in_python()
    if standing_in is not None:
        return PlainBackend(standing_in, root.form)  # type: ignore[return-value]
    nodes: list[Node] = []
    backends: dict[str, Backend] = {}
    decorators: dict[str, Decorator] = {}
    places: dict[int, Union[int, str]] = {}

    def place(store: Any) -> Union[int, str]:
        known = places.get(id(store))
        if known is not None:
            return known
        where: Union[int, str]
        if isinstance(store, Decorator) and (
            store is root or (_is_ours(store) and store._in_python() is None)
        ):
            bases = [place(base) for base in store._bases]
            name = store.name if store.name not in decorators else f"{store.name}#{len(nodes)}"
            decorators[name] = store
            nodes.append(Node(name, store.kind, json.dumps(store._config), bases))
            where = len(nodes) - 1
        else:
            where = f"base-{len(backends)}"
            backends[where] = _backend(store)
        places[id(store)] = where
        return where

    place(root)

    def log(level: str, name: str, message: str) -> None:
        owner = decorators.get(name)
        (owner.logger if owner else LOGGER).log(LEVELS[level], message)

    def changed(event: Event, failure: Optional[Exception]) -> None:
        owner = decorators.get(event.store)
        if owner is not None:
            owner.changed(event, failure)

    coordinators = {name: store._coordinator for name, store in decorators.items()}
    return Chain(nodes, backends, coordinators, log, changed)


__all__ = ["KINDS", "Decorator", "InvalidConfig", "StoreError"]

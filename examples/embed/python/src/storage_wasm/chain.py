"""A chain of decorators over backends: what `build` of the contract gives.

An instance serves one call, or one stream, at a time; other threads get
instances of their own. They have no state but what `Coordinator` and the
backends keep, so one that failed is thrown away.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, NamedTuple, Optional, Union

from .abi.native import Instance
from .abi.types import Trap
from .contract import (
    Backend, Capabilities, DeleteOptions, Event, Failure, ListOptions, ObjectInfo, Page,
    PutOptions, ReadOptions, Trailer,
)  # fmt: skip
from .coordinator import Coordinator
from .engine import Surroundings, module
from .errors import Broken, StoreError, from_failure

MAX_IDLE = 4
"""Instances kept for the next call."""


class Node(NamedTuple):
    """One decorator: its bases are earlier nodes, or names of backends."""

    name: str
    type: str
    config: str
    bases: list[Union[int, str]]


class _Session:
    """An instance with the chain built in it."""

    def __init__(self, chain: Chain) -> None:
        self.around = Surroundings(chain.bases, chain.coordinators, chain.log)
        self.instance = Instance(module(), self.around)
        nodes = [
            (
                node.name,
                node.type,
                node.config,
                [("node", base) if isinstance(base, int) else ("name", base) for base in node.bases],
            )
            for node in chain.nodes
        ]
        try:
            self.root = self.call("build", nodes, interface="decorators")
        except BaseException:
            self.instance.close()
            raise

    def call(self, name: str, *given: Any, interface: str = "object-store", key: Any = None) -> Any:
        """Calls the guest; its failure, or the backend's own, is raised."""
        around = self.around
        try:
            result = self.instance.call(interface, name, *given)
        except Trap as trap:
            raise Broken(f"{trap} (in {name}{'' if key is None else f', key {key!r}'})") from trap
        if type(result) is Failure:
            raised, around.raised = around.raised, []
            raise _exception(result, raised, key)
        if around.raised:
            around.raised = []
        return result


def _exception(failure: Failure, raised: list[tuple[Failure, Exception]], key: Any) -> Exception:
    """What a backend raised, if that is what the caller is to see."""
    for said, error in reversed(raised):
        if said == failure:
            if failure.case == "not-found":
                found = from_failure(failure, key)
                found.__cause__ = error
                return found
            return error
    return from_failure(failure, key)


class Chain:
    """A chain, as a `Backend`."""

    def __init__(
        self,
        nodes: list[Node],
        bases: dict[str, Backend],
        coordinators: dict[str, Coordinator],
        log: Callable[[str, str, str], None],
        changed: Callable[[Event, Optional[Exception]], None],
    ) -> None:
        self.nodes = nodes
        self.bases = bases
        self.coordinators = coordinators
        self.log = log
        self.changed = changed
        self._lock = threading.Lock()
        self._idle: list[_Session] = []
        session = _Session(self)
        self._capabilities: Capabilities = session.call(
            "[method]store.capabilities", session.root
        )
        self.give(session)

    def take(self) -> _Session:
        """An instance for the caller alone."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Session(self)

    def give(self, session: _Session) -> None:
        """Takes an instance back, unless it is broken or there are enough."""
        if session.instance.dead or len(self._idle) >= MAX_IDLE:
            session.instance.close()
        else:
            self._idle.append(session)

    def close(self) -> None:
        """Lets go of the idle instances; the next call makes new ones."""
        while self._idle:
            self._idle.pop().instance.close()

    def tell(self, session: _Session, failure: Optional[Exception]) -> None:
        """Passes on what changed. The failure of the operation goes before a handler's."""
        events, session.around.events = session.around.events, []
        for event in events:
            try:
                self.changed(event, failure)
            except Exception:
                if failure is None:
                    raise

    def _call(self, name: str, key: Optional[str], *given: Any) -> Any:
        session = self.take()
        failure: Optional[Exception] = None
        try:
            return session.call(name, session.root, *given, key=key)
        except Exception as error:
            failure = error
            raise
        finally:
            self.give(session)
            if session.around.events:
                self.tell(session, failure)

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def get(self, key: str, options: ReadOptions = ReadOptions()) -> tuple[ObjectInfo, bytes]:
        found: tuple[ObjectInfo, bytes] = self._call("[method]store.get", key, key, options)
        return found

    def put(self, key: str, data: bytes, options: PutOptions = PutOptions()) -> ObjectInfo:
        info: ObjectInfo = self._call("[method]store.put", key, key, data, options)
        return info

    def exists(self, key: str) -> bool:
        there: bool = self._call("[method]store.exists", key, key)
        return there

    def delete(self, key: str, options: DeleteOptions = DeleteOptions()) -> None:
        self._call("[method]store.delete", key, key, options)

    def stat(self, key: str) -> ObjectInfo:
        info: ObjectInfo = self._call("[method]store.stat", key, key)
        return info

    def list(self, options: ListOptions = ListOptions()) -> Page:
        page: Page = self._call("[method]store.list", None, options)
        return page

    def read(self, key: str, options: ReadOptions = ReadOptions()) -> ChainReader:
        return ChainReader(self, key, options)

    def write(self, key: str, options: PutOptions = PutOptions()) -> ChainWriter:
        return ChainWriter(self, key, options)


class _Stream:
    """A resource of the guest's, in an instance of its own until it is closed."""

    resource: str

    def __init__(self, chain: Chain, key: str, name: str, options: Any) -> None:
        self._chain, self._key = chain, key
        self._session: Optional[_Session] = chain.take()
        session = self._session
        failure: Optional[Exception] = None
        try:
            self._rep = session.call(name, session.root, key, options, key=key)
        except BaseException as error:
            failure = error if isinstance(error, Exception) else None
            self._session = None
            chain.give(session)
            raise
        finally:
            chain.tell(session, failure)

    def _call(self, name: str, *given: Any) -> Any:
        session = self._session
        if session is None:
            raise ValueError(f"the {self.resource} of {self._key!r} is closed")
        failure: Optional[Exception] = None
        try:
            return session.call(f"[method]{self.resource}.{name}", self._rep, *given, key=self._key)
        except Exception as error:
            failure = error
            raise
        finally:
            if session.around.events:
                self._chain.tell(session, failure)

    def close(self) -> None:
        """Ends the stream."""
        session, self._session = self._session, None
        if session is not None:
            try:
                if not session.instance.dead:
                    session.instance.drop(self.resource, self._rep)
            except Trap as trap:
                raise Broken(f"{trap} (at the end of {self._key!r})") from trap
            finally:
                self._chain.give(session)

    def __del__(self) -> None:
        if getattr(self, "_session", None) is not None:
            self.close()


class ChainReader(_Stream):
    """The bytes of one object, in order."""

    resource = "reader"

    def __init__(self, chain: Chain, key: str, options: ReadOptions) -> None:
        super().__init__(chain, key, "[method]store.read", options)

    def info(self) -> ObjectInfo:
        info: ObjectInfo = self._call("info")
        return info

    def next(self, max: int) -> bytes:
        chunk: bytes = self._call("next", max)
        return chunk


class ChainWriter(_Stream):
    """An object being written."""

    resource = "writer"

    def __init__(self, chain: Chain, key: str, options: PutOptions) -> None:
        super().__init__(chain, key, "[method]store.write", options)

    def push(self, chunk: bytes) -> None:
        self._call("push", chunk)

    def finish(self, trailer: Trailer = Trailer()) -> ObjectInfo:
        info: ObjectInfo = self._call("finish", trailer)
        return info


__all__ = ["Chain", "ChainReader", "ChainWriter", "Node", "StoreError"]

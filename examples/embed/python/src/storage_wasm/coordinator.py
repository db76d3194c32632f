"""What the instances of one decorator share: locks and small values."""

from __future__ import annotations

import threading
import time
from typing import Optional

from .contract import Versioned
from .errors import LimitExceeded, PreconditionFailed, Unavailable

PATIENCE = 30.0
"""Seconds that a lock is waited for."""

MAX_VALUE_BYTES = 64 * 1024
MAX_VALUES = 65_536


class Coordinator:
    """The contract's `coordinator`, for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._values: dict[str, Versioned] = {}
        self._version = 0

    def lock(self, name: str) -> Guard:
        """Waits for the named lock and takes it."""
        with self._lock:
            lock, users = self._locks.get(name) or (threading.Lock(), 0)
            self._locks[name] = (lock, users + 1)
        if lock.acquire(timeout=PATIENCE):
            return Guard(self, name)
        self._leave(name)
        raise Unavailable(f"the lock {name!r} was not free within {PATIENCE:.0f} seconds")

    def _leave(self, name: str) -> None:
        with self._lock:
            lock, users = self._locks[name]
            if users == 1:
                del self._locks[name]
            else:
                self._locks[name] = (lock, users - 1)

    def release(self, name: str) -> None:
        """Lets go of a held lock."""
        with self._lock:
            held = self._locks[name][0]
        held.release()
        self._leave(name)

    def load(self, name: str) -> Optional[Versioned]:
        """The named value."""
        return self._values.get(name)

    def compare_and_set(self, name: str, expected: int, value: Optional[bytes]) -> int:
        """Sets or removes the value if its version is still the expected one."""
        with self._lock:
            current = self._values.get(name)
            if (current.version if current else 0) != expected:
                raise PreconditionFailed()
            self._version += 1
            if value is None:
                self._values.pop(name, None)
            elif len(value) > MAX_VALUE_BYTES:
                raise LimitExceeded(f"a shared value has at most {MAX_VALUE_BYTES} bytes")
            elif current is None and len(self._values) >= MAX_VALUES:
                raise LimitExceeded(f"there are at most {MAX_VALUES} shared values")
            else:
                self._values[name] = Versioned(value, self._version)
            return self._version


class Guard:
    """A held lock; closing it lets go."""

    def __init__(self, coordinator: Coordinator, name: str) -> None:
        self._coordinator, self._name = coordinator, name

    def check(self) -> None:
        """Raises if the lock is lost. One in this process never is."""

    def close(self) -> None:
        """Lets go."""
        self._coordinator.release(self._name)


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000

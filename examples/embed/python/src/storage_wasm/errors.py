"""Failures of stores: one class for each case of the contract's `error`.

Each is also the built-in exception that code for the Python library catches:
a missing object is a `KeyError`, a refused operation a `NotImplementedError`.
"""

from __future__ import annotations

import errno
from typing import Optional

from .contract import Failure


class StoreError(Exception):
    """Something failed in a store."""

    case = "other"
    text = "failed"

    def __init__(self, message: object = None) -> None:
        super().__init__(*(() if message is None else (message,)))
        self.message = message

    def __str__(self) -> str:
        return self.text if self.message is None else f"{self.text}: {self.message}"

    def failure(self) -> Failure:
        """As the contract has it."""
        if self.case in _WITHOUT_MESSAGE:
            return Failure(self.case)
        return Failure(self.case, self.text if self.message is None else str(self.message))


class NotFound(StoreError, KeyError):
    """There is no object under this key."""

    case, text = "not-found", "no such object"


class AlreadyExists(StoreError, KeyError):
    """The key is taken and must not be replaced."""

    case, text = "already-exists", "the object already exists"


class PreconditionFailed(StoreError):
    """`if_match` or `if_none_match` did not hold."""

    case, text = "precondition-failed", "a precondition did not hold"


class InvalidKey(StoreError, KeyError):
    """The key can't be used with this store."""

    case, text = "invalid-key", "invalid key"


class InvalidConfig(StoreError, ValueError):
    """A store was described wrongly."""

    case, text = "invalid-config", "invalid config"


class InvalidData(StoreError, ValueError):
    """Bytes are corrupt, or not acceptable."""

    case, text = "invalid-data", "invalid data"


class InvalidRange(StoreError, ValueError):
    """The byte range lies outside the object."""

    case, text = "invalid-range", "the byte range lies outside the object"


class Unsupported(StoreError, NotImplementedError):
    """The store does not do this; nothing was touched."""

    case, text = "unsupported", "unsupported"


class PermissionDenied(StoreError, PermissionError):
    """Whoever keeps the objects refused."""

    case, text = "permission-denied", "permission denied"


class LimitExceeded(StoreError):
    """A limit of size, count or time was met."""

    case, text = "limit-exceeded", "limit exceeded"


class Unavailable(StoreError):
    """A passing fault: the same call may succeed later."""

    case, text = "unavailable", "unavailable"


class Other(StoreError):
    """Anything else."""


class Broken(StoreError):
    """The decorators themselves failed (a trap); the next call has new ones."""

    text = "the decorators failed"


CASES: dict[str, type[StoreError]] = {
    each.case: each
    for each in (
        NotFound, AlreadyExists, PreconditionFailed, InvalidKey, InvalidConfig, InvalidData,
        InvalidRange, Unsupported, PermissionDenied, LimitExceeded, Unavailable, Other,
    )
}  # fmt: skip

_WITHOUT_MESSAGE = {"not-found", "already-exists", "precondition-failed", "invalid-range"}


def from_failure(failure: Failure, key: Optional[str] = None) -> StoreError:
    """The exception for a case of the contract's `error`."""
    kind = CASES[failure.case]
    return kind(key if failure.case in _WITHOUT_MESSAGE else failure.message)


def to_failure(error: Exception, writing: bool = False) -> Failure:
    """The case of the contract that an exception of a backend comes nearest to."""
    if isinstance(error, StoreError):
        return error.failure()
    said = str(error) or type(error).__name__
    if isinstance(error, KeyError):
        return Failure("invalid-key", said) if writing else Failure("not-found")
    if isinstance(error, NotImplementedError):
        return Failure("unsupported", said)
    if isinstance(error, PermissionError):
        return Failure("permission-denied", said)
    if isinstance(error, (ConnectionError, TimeoutError, BlockingIOError)):
        return Failure("unavailable", said)
    if isinstance(error, MemoryError):
        return Failure("limit-exceeded", "out of memory")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Failure("limit-exceeded", said)
    if isinstance(error, ValueError):
        return Failure("invalid-data", said)
    return Failure("other", f"{type(error).__name__}: {said}")

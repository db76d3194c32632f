"""Objects as files, for `async` code."""

from __future__ import annotations

from typing import Any, ClassVar

from .bridge import AsyncStore
from .fs import FilesystemStore, HashdirStore, SafeFilesystemStore


class _Files(AsyncStore):
    of: ClassVar[Any]

    def __init__(self, root_path: Any, **config: Any) -> None:
        self.root_path = root_path
        self._plain = type(self).of(root_path, **config)

    @property
    def plain(self) -> Any:
        return self._plain


class AsyncFilesystemStore(_Files):
    """As FilesystemStore."""

    of = FilesystemStore


class AsyncSafeFilesystemStore(_Files):
    """As SafeFilesystemStore."""

    of = SafeFilesystemStore


class AsyncHashdirStore(_Files):
    """As HashdirStore."""

    of = HashdirStore

    def __init__(
        self, root_path: Any, width: int = 2, depth: int = 3, durable: bool = True
    ) -> None:
        super().__init__(root_path, width=width, depth=depth, durable=durable)

"""Object stores for Python on the decorators of `storage-host`.

The modules have the names of the Python library `storage`, so that its users
change an import:

    from storage_wasm.config_builder import StoreFactory
    from storage_wasm.fs import FilesystemStore
    from storage_wasm.utils import GzipStore, PrefixStore

    store = GzipStore(PrefixStore(FilesystemStore("data"), "photos/"))
    store.put("a.txt", b"hello")
"""

from .config_builder import ConfigError, StoreFactory, register_store
from .contract import Capabilities, ObjectInfo
from .errors import (
    AlreadyExists, Broken, InvalidConfig, InvalidData, InvalidKey, InvalidRange, LimitExceeded,
    NotFound, Other, PermissionDenied, PreconditionFailed, StoreError, Unavailable, Unsupported,
)  # fmt: skip
from .object import DictStore, ObjectStore

__all__ = [
    "AlreadyExists", "Broken", "Capabilities", "ConfigError", "DictStore", "InvalidConfig",
    "InvalidData", "InvalidKey", "InvalidRange", "LimitExceeded", "NotFound", "ObjectInfo",
    "ObjectStore", "Other", "PermissionDenied", "PreconditionFailed", "StoreError",
    "StoreFactory", "Unavailable", "Unsupported", "register_store",
]  # fmt: skip

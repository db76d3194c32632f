"""Stores from a YAML file: the library's, and that of the native host."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Optional, Union

import yaml

from . import aioutils
from .aiodb import AsyncSqliteStore
from .aiofs import AsyncFilesystemStore, AsyncHashdirStore, AsyncSafeFilesystemStore
from .aioutils import AsyncCachingStore, AsyncFanoutStore
from .bridge import AsyncStore
from .decorator import KINDS, Decorator
from .db import SqliteStore
from .errors import InvalidConfig
from .fs import FilesystemStore, HashdirStore, SafeFilesystemStore
from .object import DictStore, ObjectStore
from .utils import CachingStore, KeyTransformingStore, MirroringStore, TransformingStore

ConfigError = InvalidConfig

BACKENDS: dict[str, type[ObjectStore]] = {
    each.__name__: each
    for each in (
        DictStore, FilesystemStore, HashdirStore, SafeFilesystemStore, SqliteStore,
        AsyncFilesystemStore, AsyncHashdirStore, AsyncSafeFilesystemStore, AsyncSqliteStore,
    )
}  # fmt: skip
ELSEWHERE = ("BucketStore", "AsyncBucketStore", "ZipStore", "MediaStore")
"""Types of the library that this package does not have."""

_MIRRORS = (MirroringStore, AsyncFanoutStore)
_CACHES = (CachingStore, AsyncCachingStore)
_CUSTOM: dict[str, type[ObjectStore]] = {}
_VARIABLE = re.compile(r"\$(?:\$(?=\{)|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})")


def register_store(cls: type[ObjectStore]) -> type[ObjectStore]:
    """Makes a class of the caller's a type for YAML files, under its name."""
    if not (isinstance(cls, type) and issubclass(cls, ObjectStore)):
        raise TypeError(f"{cls!r} is no subclass of ObjectStore")
    if cls.__name__ in _CUSTOM:
        raise ValueError(f"there is a registered store type {cls.__name__!r} already")
    _CUSTOM[cls.__name__] = cls
    return cls


def _types() -> dict[str, type[Any]]:
    """Every type by its name."""
    return {
        **BACKENDS,
        **KINDS,
        **aioutils.DECORATORS,
        "TransformingStore": TransformingStore,
        "KeyTransformingStore": KeyTransformingStore,
        **_CUSTOM,
    }


class StoreFactory:
    """Builds the stores that a YAML file describes."""

    def __init__(self, config_path: Union[str, os.PathLike[str]]) -> None:
        text = Path(config_path).read_text(encoding="utf-8")
        try:
            self.config = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InvalidConfig(f"{config_path}: {error}") from error
        if not isinstance(self.config, dict) or not isinstance(self.config.get("stores"), dict):
            raise InvalidConfig(f"{config_path}: it has no section `stores`")
        self.stores: dict[str, Any] = self.config["stores"]
        self.main_store: Optional[str] = self.config.get("main")
        self._built: dict[str, Any] = {}

    def build(self, store_name: Optional[str] = None) -> Any:
        """The store of this name; without a name, the main one."""
        name = self.main_store if store_name is None else store_name
        if name is None:
            raise InvalidConfig("there is no `main` store: name one to build")
        store = self._store(name, [])
        at_work = store.plain if isinstance(store, AsyncStore) else store
        if isinstance(at_work, Decorator):
            # Now, so that a wrong config is told of here and not on first use.
            at_work.backend.capabilities()
        return store

    def _store(self, name: str, above: list[str]) -> Any:
        if name in above:
            cycle = " -> ".join([*above[above.index(name) :], name])
            raise InvalidConfig(f"store {name!r} stands on itself: {cycle}")
        if name in self._built:
            return self._built[name]
        if name not in self.stores:
            raise InvalidConfig(f"there is no store {name!r}; there are {', '.join(self.stores)}")
        given = self.stores[name]
        if not isinstance(given, dict) or "type" not in given:
            raise InvalidConfig(f"store {name!r}: it has no `type`")
        unknown = set(given) - {"type", "config", "base"}
        if unknown:
            raise InvalidConfig(f"store {name!r}: unknown {', '.join(sorted(map(str, unknown)))}")
        kind = given["type"]
        cls = self._class(name, kind)
        config = dict(_expanded(given.get("config") or {}, name))
        bases = self._bases(name, cls, _expanded(given.get("base"), name), [*above, name])
        try:
            store = cls(**config, **bases)
        except TypeError as error:
            raise InvalidConfig(f"store {name!r} ({kind}): {error}") from error
        if isinstance(store, Decorator):
            store.name = name
        self._built[name] = store
        return store

    def _class(self, name: str, kind: Any) -> type[Any]:
        types = _types()
        if kind in types:
            return types[kind]
        if kind in ELSEWHERE:
            raise InvalidConfig(f"store {name!r}: {kind} is not in this package; use storage-host")
        raise InvalidConfig(
            f"store {name!r}: there is no store type {kind!r}; "
            "a class of your own becomes one by @register_store"
        )

    def _bases(self, name: str, cls: type[Any], base: Any, above: list[str]) -> dict[str, Any]:
        if base is None or base == {}:
            return {}
        if isinstance(base, str) and not issubclass(cls, (*_CACHES, *_MIRRORS)):
            return {"store": self._store(base, above)}
        if isinstance(base, list) and issubclass(cls, _MIRRORS):
            return {"children": [self._store(each, above) for each in base]}
        if isinstance(base, dict) and issubclass(cls, _CACHES):
            wanted = {"main_store", "cache_store"}
            if set(base) != wanted:
                raise InvalidConfig(f"store {name!r}: its base has main_store and cache_store")
            return {role: self._store(each, above) for role, each in base.items()}
        shapes = ((str, "a name"), (list, "a list"), (dict, "a mapping"))
        shape = next((said for each, said in shapes if isinstance(base, each)), repr(base))
        raise InvalidConfig(f"store {name!r}: {cls.__name__} can't have {shape} as its base")


def _expanded(value: Any, store: str) -> Any:
    """The value with `${VAR}` and `${VAR:-default}` replaced in every string."""
    if isinstance(value, dict):
        return {key: _expanded(each, store) for key, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, store) for each in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        variable, default = match.groups()
        if variable is None:
            return "$"
        found = os.environ.get(variable, default)
        if found is None:
            raise InvalidConfig(
                f"store {store!r}: the environment variable {variable} is not set; "
                f"set it, or write ${{{variable}:-default}}"
            )
        return found

    return _VARIABLE.sub(replace, value)

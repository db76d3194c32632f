"""The Python library `storage`: where it is, and its stores as one value."""

import contextlib
import json
import os
import pathlib
import sys


def load(path):
    """Makes the library importable; `path` holds its package `storage`."""
    if path:
        sys.path.insert(0, str(pathlib.Path(path).resolve()))
    from storage.config_builder import StoreFactory

    return StoreFactory


def parts(store):
    """The stores that a store stands on, and the store."""
    bases = [getattr(store, name, None) for name in ("store", "main_store", "cache_store")]
    for base in [*bases, *getattr(store, "children", ())]:
        if base is not None:
            yield from parts(base)
    yield store


@contextlib.contextmanager
def opened(factory, folder):
    """The main store of `folder`/stores.yaml, with all that it stands on open."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        with contextlib.ExitStack() as stack:
            store = factory("stores.yaml").build()
            for part in parts(store):
                if hasattr(part, "__enter__"):
                    stack.enter_context(part)
            yield store
    finally:
        os.chdir(before)


def value(entry, data):
    """What the library is given for an object."""
    if entry.get("json"):
        return json.loads(data)
    return data.decode() if entry.get("str") else data


def given(entry, value):
    """What the library gave for an object, as the bytes of our readers."""
    if entry.get("json"):
        return json.dumps(value).encode()
    return value.encode() if isinstance(value, str) else bytes(value)

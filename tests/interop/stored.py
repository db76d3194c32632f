"""What stores hold, read with nothing but Python's standard library.

Written from the descriptions of the formats alone, so that it is a second
opinion on them.
"""

import base64
import gzip
import hashlib
import json
import sqlite3
import zipfile
from urllib.parse import quote

BACKENDS = ("FilesystemStore", "SafeFilesystemStore", "HashdirStore", "SqliteStore", "ZipStore")


def files(folder):
    """Every file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def database(path):
    """The rows of a database; a value that is text counts as its UTF-8."""
    connection = sqlite3.connect(path)
    try:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise ValueError(f"{path} is damaged")
        rows = connection.execute("SELECT key, data FROM objects").fetchall()
    finally:
        connection.close()
    return {key: data.encode() if isinstance(data, str) else data for key, data in rows}


def archive(path):
    """The members of an archive, none of them twice."""
    with zipfile.ZipFile(path) as archive:
        if (bad := archive.testzip()) is not None:
            raise ValueError(f"{path}: {bad!r} is damaged")
        names = archive.namelist()
        if len(names) != len(set(names)):
            raise ValueError(f"{path} has a name twice")
        return {name: archive.read(name) for name in names}


def raw(store, folder):
    """Everything that a backend holds, by the name under which it does."""
    config = store["config"]
    if store["type"] == "SqliteStore":
        return database(folder / config["db_path"])
    if store["type"] == "ZipStore":
        return archive(folder / config["path"])
    return files(folder / config["root_path"])


def everything(stores, folder):
    """What each backend holds; what was compressed is decompressed."""
    compressed = [name for name, layers in paths(stores) if any(s["type"] == "GzipStore" for s in layers)]
    found = {name: raw(store, folder) for name, store in stores.items() if store["type"] in BACKENDS}
    return {
        name: {key: gunzipped(stores, name, data) for key, data in held.items()} if name in compressed else held
        for name, held in found.items()
    }


def gunzipped(stores, backend, data):
    """Up to the first compression, seen from the backend."""
    layers = dict(paths(stores))[backend]
    for layer in reversed(layers):
        data = decoded(layer, data)
        if layer["type"] == "GzipStore":
            return data
    return data


def paths(stores, name=None, above=()):
    """The way from the main store to each backend: its name, and the stores passed."""
    name = name or list(stores)[-1]
    store = stores[name]
    base = store["base"]
    if base is None:
        yield name, [*above, store]
        return
    bases = [base] if isinstance(base, str) else list(base.values()) if isinstance(base, dict) else base
    for below in bases:
        yield from paths(stores, below, (*above, store))


def name_of(store, key):
    """The name under which a store keeps a key."""
    config = store["config"]
    match store["type"]:
        case "PrefixStore":
            return config["prefix"] + key
        case "HashPrefixStore":
            digest = hashlib.sha256(key.encode()).hexdigest()
            return digest[: config.get("hash_length", 8)] + config.get("separator", "/") + key
        case "UrlEncodingStore":
            return "/".join(quote(part, safe="") for part in key.split("/"))
        case "SafeFilesystemStore":
            return base64.b32encode(key.encode()).decode().replace("=", "_")
        case "HashdirStore":
            digest = hashlib.sha256(key.encode()).hexdigest()
            width, depth = config.get("width", 2), config.get("depth", 3)
            parts = [digest[at * width : (at + 1) * width] for at in range(depth)]
            return "/".join([*parts, digest[width * depth :]])
    return key


def encoded(store, data):
    """The bytes that a store hands on; of compression, none that could be compared."""
    match store["type"]:
        case "Base64Store":
            return base64.b64encode(data)
        case "TextEncodingStore":
            return data.decode().encode(store["config"].get("encoding", "utf-8"))
        case "JsonStore":
            return json.dumps(json.loads(data)).encode()
    return data


def decoded(store, data):
    """The bytes that a store gives for those of its base."""
    match store["type"]:
        case "GzipStore":
            return gzip.decompress(data)
        case "Base64Store":
            return base64.b64decode(data, validate=True)
        case "TextEncodingStore":
            return data.decode(store["config"].get("encoding", "utf-8")).encode()
        case "JsonStore":
            json.loads(data)
    return data

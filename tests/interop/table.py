"""The fixtures: which stores, and which objects are in them.

`stores` is the configuration, in the order of definition; `main` is the last.
Paths are relative to the fixture's folder.
"""

import objects as o

FILES = ("FilesystemStore", None, {"root_path": "data/files"})
DATABASE = ("SqliteStore", None, {"db_path": "data/objects.sqlite"})


def chain(*stores):
    """Named stores of (type, base, config), the last one the main store."""
    return {name: {"type": kind, "base": base, "config": config} for name, (kind, base, config) in stores}


def over(base, kind, config=None, name="main"):
    return chain(("base", base), (name, (kind, "base", config or {})))


def alone(kind, config):
    return chain(("main", (kind, None, config)))


def text(encoding, *texts):
    return over(FILES, "TextEncodingStore", {"encoding": encoding}), o.texts(*texts)


def json_chain(base):
    return chain(
        ("base", base),
        ("text", ("TextEncodingStore", "base", {})),
        ("main", ("JsonStore", "text", {})),
    )


PATHS = o.KEYS + [o.LONG_NAME, o.LONG_PATH]

# What a hash adds to a key: eight digits and a slash.
HASH = 9

LAYOUT_ZIP = chain(
    ("database", DATABASE),
    ("layout", ("HashPrefixStore", "database", {})),
    ("main", ("GzipStore", "layout", {})),
)
CACHING = chain(
    ("files", FILES),
    ("near", ("SqliteStore", None, {"db_path": "data/near.sqlite"})),
    ("main", ("CachingStore", {"main_store": "files", "cache_store": "near"}, {})),
)
MIRRORING = chain(
    ("files", FILES),
    ("other", ("FilesystemStore", None, {"root_path": "data/other"})),
    ("main", ("MirroringStore", ["files", "other"], {})),
)
DEEP = chain(
    ("files", FILES),
    ("database", DATABASE),
    ("mirror", ("MirroringStore", ["files", "database"], {})),
    ("prefix", ("PrefixStore", "mirror", {"prefix": "v1/"})),
    ("encoded", ("UrlEncodingStore", "prefix", {})),
    ("base64", ("Base64Store", "encoded", {})),
    ("main", ("GzipStore", "base64", {})),
)
SAFE_LAYOUT = over(("SafeFilesystemStore", None, {"root_path": "data/files"}), "HashPrefixStore")

LATIN = "caf\u00e9 na\u00efve \u00ff\n"
JAPANESE = "\u65e5\u672c\u8a9e\u30c6\u30ad\u30b9\u30c8 \u8868\u793a\uff71\uff72 \u00a5100 abc\n"

# name: (stores, objects)
FIXTURES = {
    "filesystem": (alone("FilesystemStore", FILES[2]), o.named(PATHS)),
    "safe-filesystem": (alone("SafeFilesystemStore", FILES[2]), o.named(o.KEYS + o.NO_PATHS + [o.LONG_BASE32])),
    "hashdir": (alone("HashdirStore", FILES[2]), o.named(o.KEYS + o.NO_PATHS + [o.LONG_KEY])),
    "hashdir-width-3-depth-2": (alone("HashdirStore", FILES[2] | {"width": 3, "depth": 2}), o.few()),
    "sqlite": (alone("SqliteStore", DATABASE[2]), o.named(o.KEYS + o.NO_PATHS + [o.LONG_KEY])),
    "sqlite-text-values": (alone("SqliteStore", DATABASE[2]), o.strs(o.few())),
    "zip": (alone("ZipStore", {"path": "data/objects.zip"}), o.named(PATHS)),
    "prefix": (over(FILES, "PrefixStore", {"prefix": "some folder/p-"}), o.few()),
    "hash-prefix": (over(FILES, "HashPrefixStore"), o.named(o.KEYS + [o.LONG_NAME, o.LONG_PATH[:-HASH]])),
    "hash-prefix-12-dash": (over(DATABASE, "HashPrefixStore", {"hash_length": 12, "separator": "--"}), o.named(o.KEYS)),
    "url-encoding": (over(FILES, "UrlEncodingStore"), o.named(o.KEYS)),
    "gzip": (over(FILES, "GzipStore"), o.few()),
    "base64": (over(FILES, "Base64Store"), o.few()),
    "text-utf-8": text("utf-8", LATIN, JAPANESE, "\U0001f600 cafe\u0301 \u0000"),
    "text-latin-1": text("latin-1", LATIN, "".join(map(chr, range(256)))),
    "text-utf-16": text("utf-16", LATIN, JAPANESE, "\U0001f600\ufeff"),
    "text-utf-8-sig": text("utf-8-sig", LATIN, "\ufeffmark"),
    "text-cp1252": text("cp1252", LATIN, "\u20ac\u201e\u2026\u2122"),
    "text-shift-jis": text("shift_jis", JAPANESE.replace("\u00a5", ""), "\\~\uff3c\u301c\u2212\u2016\u00a2\uff9f"),
    "json-filesystem": (json_chain(FILES), o.documents()),
    "json-sqlite-text-values": (over(DATABASE, "JsonStore"), o.documents()),
    "gzip-hash-prefix-sqlite": (LAYOUT_ZIP, o.few(["x" * 200])),
    "caching": (CACHING, o.few()),
    "mirroring": (MIRRORING, o.few()),
    "gzip-base64-url-prefix-mirror": (DEEP, o.few()),
    "hash-prefix-safe-filesystem": (SAFE_LAYOUT, o.few()),
}


def missing(objects):
    """Keys that are not there."""
    return [key for key in o.MISSING if key not in objects]


def listable(stores):
    return all(store["type"] != "HashdirStore" for store in stores.values())

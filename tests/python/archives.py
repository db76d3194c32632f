"""Archives as Python writes and reads them.

archives.py make KIND FILE     writes an archive
archives.py read FILE          prints {name: sha256} as JSON, after testzip
archives.py watch FILE STOP    reads it again and again until STOP exists
archives.py append FILE NAME   adds an entry, as the Python library would
"""

import hashlib
import json
import os
import sys
import zipfile


def many(archive):
    with zipfile.ZipFile(archive, "w") as z:
        for i in range(100_000):
            z.writestr(f"folder-{i % 100:02}/{i:06}", b"object %d" % i)


def mixed(archive):
    with zipfile.ZipFile(archive, "w") as z:
        z.comment = b"kept as it is"
        z.writestr("stored", b"plain bytes")
        z.writestr("deflated", b"again and again " * 40_000, zipfile.ZIP_DEFLATED)
        z.writestr("empty", b"")
        z.writestr("empty and deflated", b"", zipfile.ZIP_DEFLATED)
        z.writestr("ünicode/\N{CRAB}", b"utf-8")
        with z.open(zipfile.ZipInfo("zip64"), "w", force_zip64=True) as f:
            f.write(b"a large entry's header")
        info = zipfile.ZipInfo("with a comment and an extra field")
        info.comment, info.extra = b"words", b"\x99\x99\x04\x00\x01\x02\x03\x04"
        z.writestr(info, b"extra")
        z.writestr("folder/", b"")
        z.writestr("packed by another method", b"x" * 1000, zipfile.ZIP_BZIP2)
    # A name of the time before UTF-8.
    with zipfile.ZipFile(archive, "a") as z:
        z.writestr("caf_", b"old")
    data = open(archive, "rb").read()
    open(archive, "wb").write(data.replace(b"caf_", b"caf\x82"))


def escaping(archive):
    with zipfile.ZipFile(archive, "w") as z:
        for name in ("../outside", "/etc/passwd", "a/../../b", "good"):
            z.writestr(name, b"content")


def prefixed(archive):
    mixed(archive)
    data = open(archive, "rb").read()
    open(archive, "wb").write(b"#!/bin/sh\n# a program before the archive\n" * 10 + data)


def bomb(archive):
    """An entry that says 100 bytes and unpacks to 100 MB."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("bomb", bytes(100_000_000))
    data = open(archive, "rb").read()
    data = data.replace((100_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    open(archive, "wb").write(data)


def read(archive):
    with zipfile.ZipFile(archive) as z:
        bad = z.testzip()
        assert bad is None, f"{bad} is damaged"
        names = z.namelist()
        assert len(names) == len(set(names)), "a name is there twice"
        return {name: hashlib.sha256(z.read(name)).hexdigest() for name in names}


def watch(archive, stop):
    looks, most = 0, 0
    while not os.path.exists(stop):
        count = len(read(archive))
        assert count >= most, f"{count} entries after {most}"
        looks, most = looks + 1, count
    assert looks > 10, f"only {looks} looks"
    print(f"{looks} looks at a growing archive, {most} entries in the end")


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "make":
        {f.__name__: f for f in (many, mixed, escaping, prefixed, bomb)}[arguments[0]](arguments[1])
    elif what == "read":
        json.dump(read(*arguments), sys.stdout)
    elif what == "watch":
        watch(*arguments)
    elif what == "append":
        with zipfile.ZipFile(arguments[0], "a") as z:
            z.writestr(arguments[1], b"by Python")
    else:
        sys.exit(__doc__)


main()

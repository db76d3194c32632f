"""Reads with the Python library `storage` what was written by someone else.

    python3 read_back.py --library PATH/TO/src FOLDER

FOLDER holds fixtures as `write_fixtures.py` makes them, their `data` unpacked.
Every object must be there and nothing else, and the stored bytes must be those
that the library itself writes for the same objects (what was compressed is
compared after decompression). At the end the library writes two objects, one
new and, where it can, one in place of another: see `objects.back`.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import library
import objects
import stored
import write_fixtures


def problems(factory, folder):
    expected = json.loads((folder / "expected.json").read_text())
    entries, stores = expected["objects"], expected["stores"]
    # Before reading: the library may write to a cache when it reads.
    ours = stored.everything(stores, folder)
    with library.opened(factory, folder) as store:
        for key, entry in entries.items():
            try:
                if not store.exists(key):
                    yield f"{key!r} does not exist"
                elif library.given(entry, store.get(key)) != objects.content(entry):
                    yield f"{key!r} has other contents"
            except Exception as error:
                yield f"{key!r}: {error!r}"
        # To the library, a folder of files exists as well.
        missing = [key for key in expected["missing"] if not any(k.startswith(key + "/") for k in entries)]
        yield from (f"{key!r} exists" for key in missing if store.exists(key))
        if expected["listable"]:
            keys = list(store.keys())
            if len(keys) != len(set(keys)):
                yield "a key is listed twice"
            yield from (f"{key!r} is not listed" for key in sorted(set(entries) - set(keys)))
            yield from (f"{key!r} is listed" for key in sorted(set(keys) - set(entries)))
    with tempfile.TemporaryDirectory() as work:
        own = pathlib.Path(work, "own")
        write_fixtures.lay_out(own, stores)
        write_fixtures.fill(factory, own, entries)
        theirs = stored.everything(stores, own)
    for base in theirs:
        for name in sorted(theirs[base].keys() | ours[base].keys()):
            if name not in ours[base]:
                yield f"{base}: {name!r} is not stored"
            elif name not in theirs[base]:
                yield f"{base}: {name!r} is stored, and the library stores no such thing"
            elif theirs[base][name] != ours[base][name]:
                yield f"{base}: {name!r} has other bytes than the library writes"


def write_back(factory, folder):
    expected = json.loads((folder / "expected.json").read_text())
    first, entry = next(iter(expected["objects"].items()))
    entry = objects.back(entry)
    replaces = all(store["type"] != "ZipStore" for store in expected["stores"].values())
    with library.opened(factory, folder) as store:
        for key in ["new from Python", first] if replaces else ["new from Python"]:
            store.put(key, library.value(entry, objects.content(entry)))
    expected["objects"] |= {first: entry} if replaces else {}
    expected["objects"]["new from Python"] = entry
    (folder / "expected.json").write_text(json.dumps(expected))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--library", help="the folder that holds the package `storage`")
    arguments.add_argument("folder", type=pathlib.Path)
    options = arguments.parse_args()
    factory = library.load(options.library)
    wrong = 0
    for folder in sorted(path for path in options.folder.iterdir() if path.is_dir()):
        found = list(problems(factory, folder))
        write_back(factory, folder)
        wrong += len(found)
        print(f"{folder.name}:", "the library agrees" if not found else "")
        for problem in found:
            print(f"  {problem}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

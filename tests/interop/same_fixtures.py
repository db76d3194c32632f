"""Compares two folders of fixtures: descriptions, and what the stores hold.

    python3 same_fixtures.py OLD NEW

Not byte by byte where the version of zlib or SQLite shows.
"""

import json
import pathlib
import sys
import tarfile

import stored


def held(folder):
    with tarfile.open(folder / "data.tar.gz") as archive:
        archive.extractall(folder, filter="fully_trusted")
    expected = json.loads((folder / "expected.json").read_text())
    return {
        "stores.yaml": (folder / "stores.yaml").read_text(),
        "expected.json": expected,
        "data": stored.everything(expected["stores"], folder),
    }


def main():
    old, new = map(pathlib.Path, sys.argv[1:])
    names = [sorted(path.name for path in folder.iterdir()) for folder in (old, new)]
    different = [f"{names[0]} and {names[1]}"] if names[0] != names[1] else []
    for name in names[0]:
        before, after = held(old / name), held(new / name)
        different += [f"{name}: {part} differs" for part in before if before[part] != after[part]]
    print("\n".join(different) or f"{len(names[0])} fixtures are the same")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()

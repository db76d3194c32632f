"""Checks what stores wrote with nothing but Python's standard library.

    python3 check_formats.py FOLDER

FOLDER holds fixtures as `write_fixtures.py` makes them, their `data` unpacked.
"""

import json
import pathlib
import sys

import objects
import stored


def problems(folder):
    expected = json.loads((folder / "expected.json").read_text())
    for backend, layers in stored.paths(expected["stores"]):
        held = stored.raw(layers[-1], folder)
        for key, entry in expected["objects"].items():
            name = key
            for layer in layers:
                name = stored.name_of(layer, name)
            data = held.pop(name, None)
            if data is None:
                yield f"{backend}: {key!r} is not stored as {name!r}"
                continue
            wanted = objects.written(entry)
            compressed = False
            for layer in layers:
                compressed |= layer["type"] == "GzipStore"
                wanted = stored.encoded(layer, wanted)
            if not compressed and data != wanted:
                yield f"{backend}: {key!r} is stored as other bytes"
            try:
                for layer in reversed(layers):
                    data = stored.decoded(layer, data)
            except Exception as error:
                yield f"{backend}: {key!r} can't be read: {error!r}"
                continue
            if data != objects.content(entry):
                yield f"{backend}: {key!r} reads as something else"
        yield from (f"{backend}: {name!r} is stored, and is no object's" for name in sorted(held))


def main():
    wrong = 0
    for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
        found = list(problems(folder))
        wrong += len(found)
        print(f"{folder.name}:", "the standard library agrees" if not found else "")
        for problem in found:
            print(f"  {problem}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

"""Writes the fixtures with the Python library `storage`.

    python3 write_fixtures.py --library PATH/TO/src [OUT]

Each fixture is a folder: `stores.yaml` in the library's own format,
`expected.json` with what a reader must get, and `data.tar.gz` with the files
that the library wrote. They are packed because not every system can hold their
names. Runs are reproducible: the clock is set.
"""

import argparse
import gzip
import io
import json
import pathlib
import shutil
import tarfile
import tempfile
import time

import library
import objects
import table

CLOCK = 1_700_000_000


def yaml_of(stores):
    lines = ["stores:"]
    for name, store in stores.items():
        lines += [f"  {name}:", f"    type: {store['type']}"]
        for part in ("base", "config"):
            if store[part]:
                lines.append(f"    {part}: {json.dumps(store[part])}")
    return "\n".join([*lines, f"main: {list(stores)[-1]}", ""])


def lay_out(folder, stores):
    """An empty fixture: its configuration, and the folders that the library wants."""
    (folder / "data").mkdir(parents=True)
    for store in stores.values():
        if root := store["config"].get("root_path"):
            (folder / root).mkdir(exist_ok=True)
    (folder / "stores.yaml").write_text(yaml_of(stores))


def fill(factory, folder, entries):
    """Writes the objects with the library."""
    time.time = lambda: CLOCK
    with library.opened(factory, folder) as store:
        for key, entry in entries.items():
            store.put(key, library.value(entry, objects.written(entry)))


def pack(folder, file):
    """All files, in one order and with nothing of this machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*"), key=lambda path: path.as_posix().encode()):
            info = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            info.mtime, info.mode = CLOCK, 0o644
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                info.size = path.stat().st_size
                with path.open("rb") as data:
                    tar.addfile(info, data)
    file.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--library", help="the folder that holds the package `storage`")
    arguments.add_argument("out", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures")
    options = arguments.parse_args()
    factory = library.load(options.library)
    shutil.rmtree(options.out, ignore_errors=True)
    for name, (stores, entries) in table.FIXTURES.items():
        out = options.out / name
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work, name)
            lay_out(folder, stores)
            fill(factory, folder, entries)
            out.mkdir(parents=True)
            shutil.copy(folder / "stores.yaml", out)
            pack(folder / "data", out / "data.tar.gz")
        expected = {
            "stores": stores,
            "listable": table.listable(stores),
            "missing": table.missing(entries),
            "objects": entries,
        }
        (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
        print(f"{name}: {len(entries)} objects")


if __name__ == "__main__":
    main()

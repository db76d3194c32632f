"""Reads tasks, a line of JSON each, and does them with the Python library
`storage`, whose source is in the folder that the argument names; answers each
with a line of JSON. `benches/libraries` asks."""

import contextlib
import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])

from storage.db import SqliteStore  # noqa: E402
from storage.fs import FilesystemStore  # noqa: E402
from storage.object import DictStore  # noqa: E402
from storage.utils import GzipStore, LoggingStore, PrefixStore  # noqa: E402

# The objects that are read again and again.
READ = 16


def backend(task, stack):
    os.makedirs(task["folder"], exist_ok=True)
    match task["backend"]:
        case "memory":
            return DictStore()
        case "filesystem":
            return FilesystemStore(task["folder"])
        case "sqlite":
            return stack.enter_context(SqliteStore(os.path.join(task["folder"], "objects.db")))
        case "bucket":
            import boto3
            from botocore.config import Config
            from storage.s3 import BucketStore

            bucket = task["bucket"]
            client = boto3.client(
                "s3",
                endpoint_url=bucket["endpoint_url"],
                region_name=bucket["region"],
                aws_access_key_id=bucket["s3_access_key"],
                aws_secret_access_key=bucket["s3_secret_key"],
                config=Config(s3={"addressing_style": "path"}),
            )
            return BucketStore(bucket["bucket_name"], client)


def layered(task, store):
    match task["layer"]:
        case "none":
            return store
        case "logging":
            return LoggingStore(store)
        case "prefix":
            return PrefixStore(store, "under/this/")
        case "gzip":
            return GzipStore(store)


def key(i):
    return f"some/folder/{i:06}"


def measure(task):
    with contextlib.ExitStack() as stack:
        store = layered(task, backend(task, stack))
        data = bytes(i * 31 % 251 for i in range(task["size"]))
        count = task["count"]
        prepared = {"get": READ, "list": count}.get(task["operation"], 0)
        for i in range(prepared):
            store.put(key(i), data)
        start = time.perf_counter()
        match task["operation"]:
            case "put":
                for i in range(count):
                    store.put(key(i), data)
            case "get":
                for i in range(count):
                    assert len(store.get(key(i % READ))) == task["size"]
            case "list":
                assert len(list(store.keys())) == count
        return time.perf_counter() - start


for line in sys.stdin:
    try:
        answer = {"seconds": measure(json.loads(line))}
    except Exception as error:  # noqa: BLE001
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)

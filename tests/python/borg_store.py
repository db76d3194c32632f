"""Borg's key-value store keeps its items in the bucket."""

import hashlib
import os
import sys
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from borgstore.backends.errors import (
    BackendAlreadyExists,
    BackendDoesNotExist,
    BackendError,
    ObjectNotFound,
    ReadRangeError,
)
from borgstore.backends.s3 import get_s3_backend
from borgstore.store import Store
from corpus import environment
from expect import equal, refused
from s3 import client

bucket = sys.argv[1]
endpoint = environment("ENDPOINT")
key, secret = (
    urllib.parse.quote(environment(name), safe="") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
)
os.environ["AWS_DEFAULT_REGION"] = "us-east-1"


def url(path: str) -> str:
    return f"s3:{key}:{secret}@{endpoint}/{bucket}/{path}"


def names(listed) -> list[str]:
    return [info.name for info in listed]


# -- the backend: where it is, and items in it

backend = get_s3_backend(url("borg/backend"))
refused("destroying what is not there", BackendDoesNotExist, backend.destroy)
backend.create()
refused("creating it twice", BackendAlreadyExists, get_s3_backend(url("borg/backend")).create)
refused("a bucket that is not there", BackendDoesNotExist,
        get_s3_backend(url("x").replace(f"/{bucket}/", "/missing/")).create)
with backend:
    equal("the first level", list(backend.list("")), [])
    backend.mkdir("folder")
    info = backend.info("folder")
    equal("a folder", (info.exists, info.directory, info.size), (True, True, 0))
    backend.store("folder/item", b"an item")
    backend.store("folder/empty", b"")
    refused("removing a folder that is not empty", BackendError, backend.rmdir, "folder")
    backend.store("folder/item", b"another item")
    backend.store("folder/deep/er/view", memoryview(b"some bytes")[5:])
    equal("an item", backend.load("folder/item"), b"another item")
    equal("an empty item", backend.load("folder/empty"), b"")
    equal("a view", backend.load("folder/deep/er/view"), b"bytes")
    listed = {info.name: info for info in backend.list("folder")}
    equal("a folder's names", sorted(listed), ["deep", "empty", "item"])
    equal("its folders", [name for name, info in listed.items() if info.directory], ["deep"])
    equal("sizes", (listed["item"].size, listed["empty"].size), (12, 0))
    equal("times", listed["item"].mtime, backend.info("folder/item").mtime)
    equal("a hash", backend.hash("folder/item"), hashlib.sha256(b"another item").hexdigest())
    assert not backend.info("nothing").exists
    for call in (backend.load, backend.delete, lambda name: backend.move(name, "folder/new")):
        refused("what is not there", ObjectNotFound, call, "nothing")
    refused("listing what is not there", ObjectNotFound, lambda: list(backend.list("nowhere")))

    # -- pieces, from the start and from the end

    data = hashlib.shake_256(b"seed").digest(3_000_000)
    backend.store("large", data)
    pieces = [(0, None), (1000, None), (1000, 10), (2_999_990, 100), (-10, None), (-2000, 10), (-3_000_000, 5)]
    for offset, size in pieces:
        start = offset if offset >= 0 else len(data) + offset
        wanted = data[start : None if size is None else start + size]
        equal(f"{size} bytes at {offset}", backend.load("large", offset=offset, size=size), wanted)
    sources = [("large", 5, 10), ("folder/item", 8, 4), ("large", 2_000_000, 100_000)]
    equal("gathered pieces", backend.gather(sources), data[5:15] + b"item" + data[2_000_000:2_100_000])
    refused("gathering more than there is", ReadRangeError, backend.gather, [("folder/item", 8, 5)])
    print("did: load")

    # -- move and delete

    backend.move("large", "folder/moved")
    equal("what was moved", hashlib.sha256(backend.load("folder/moved")).digest(), hashlib.sha256(data).digest())
    refused("what was moved away", ObjectNotFound, backend.load, "large")
    backend.move("folder/empty", "folder/item")
    equal("an item that was moved over", backend.load("folder/item"), b"")
    backend.delete("folder/moved")
    refused("what was deleted", ObjectNotFound, backend.load, "folder/moved")
    backend.mkdir("short-lived")
    backend.rmdir("short-lived")
    assert not backend.info("short-lived").exists
    print("did: move")

    # -- a listing of several pages

    many = [f"{i:04x}" for i in range(2100)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: backend.store(f"many/{name}", name.encode()), many))
    equal("many names", names(backend.list("many")), many)
    print("did: list")
backend.destroy()
refused("destroying it twice", BackendDoesNotExist, backend.destroy)

# -- the store: items in folders by their names, soft deletion, another depth

store = Store(url("borg/store"), config={"data/": {"levels": [2]}, "meta/": {"levels": [0]}})
store.create()
items = {hashlib.sha256(str(i).encode()).hexdigest(): str(i).encode() * (i + 1) for i in range(60)}
with store:
    for name, value in items.items():
        store.store(f"data/{name}", value)
    store.store("meta/config", b"config")
    equal("the items", sorted(names(store.list("data"))), sorted(items))
    for name, value in items.items():
        equal(name, store.load(f"data/{name}"), value)
        equal(f"the hash of {name}", store.hash(f"data/{name}"), hashlib.sha256(value).hexdigest())
    first, second, *rest = items
    store.move(f"data/{first}", delete=True)
    refused("what was deleted softly", ObjectNotFound, store.load, f"data/{first}")
    equal("what was deleted softly", names(store.list("data", deleted=True)), [first])
    equal("the others", sorted(names(store.list("data"))), sorted([second, *rest]))
    store.move(f"data/{first}", undelete=True)
    equal("what was taken back", store.load(f"data/{first}"), items[first])
    new = store.defrag([(first, 0, 1), (rest[50], 1, 50)], algorithm="sha256", namespace="data")
    wanted = items[first][:1] + items[rest[50]][1:51]
    equal("a new item of pieces", (new, store.load(f"data/{new}")), (hashlib.sha256(wanted).hexdigest(), wanted))
    store.delete(f"data/{new}")
stored = [entry["Key"] for entry in client().list_objects_v2(Bucket=bucket, Prefix="borg/store/data/")["Contents"]]
assert f"borg/store/data/{first[:2]}/{first[2:4]}/{first}" in stored, stored[:3]

deeper = Store(url("borg/store"), config={"data/": {"levels": [2, 1]}, "meta/": {"levels": [0]}})
with deeper:
    for name, value in items.items():
        equal(name, deeper.load(f"data/{name}"), value)
        deeper.move(f"data/{name}", change_level=True)
with Store(url("borg/store"), config={"data/": {"levels": [1]}, "meta/": {"levels": [0]}}) as other:
    equal("the items at another depth", sorted(names(other.list("data"))), sorted(items))
    equal("one of them", other.load(f"data/{first}"), items[first])
print("did: store")

# -- several threads, each with a store of its own, and a cache in the bucket

cached = {"config": {"data/": {"levels": [1], "cache": "writethrough"}, "meta/": {"levels": [0]}}}
get_s3_backend(url("borg/cache")).create()


def work(part: list[str]) -> None:
    with Store(url("borg/store"), cache_url=url("borg/cache"), **cached) as own:
        for name in part:
            own.store(f"data/{name}", items[name][::-1])
            assert own.load(f"data/{name}") == items[name][::-1]


with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, [list(items)[at::4] for at in range(4)]))
with Store(url("borg/store"), cache_url=url("borg/cache"), **cached) as own:
    for name, value in items.items():
        equal(name, own.load(f"data/{name}"), value[::-1])
print("did: threads")

store.destroy()
get_s3_backend(url("borg/cache")).destroy()
equal("the empty bucket", client().list_objects_v2(Bucket=bucket)["KeyCount"], 0)
print("did: delete")

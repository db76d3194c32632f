"""delta-rs writes a table, also from several processes at a time, travels in its
time, compacts and vacuums it."""

import subprocess
import sys

import pyarrow as pa
import pyarrow.compute as pc
from corpus import environment
from expect import equal, refused
from deltalake import CommitProperties, DeltaTable, QueryBuilder, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from s3 import client

bucket = sys.argv[1]
options = {
    "aws_access_key_id": environment("AWS_ACCESS_KEY_ID"),
    "aws_secret_access_key": environment("AWS_SECRET_ACCESS_KEY"),
    "aws_endpoint": environment("ENDPOINT"),
    "aws_region": "us-east-1",
    "aws_allow_http": "true",
    "aws_virtual_hosted_style_request": "false",
    "aws_conditional_put": "etag",
}
SCHEMA = pa.schema({"id": pa.int64(), "kind": pa.string(), "writer": pa.int32(), "text": pa.string()})
WRITERS, APPENDS = 4, 6


def rows(first: int, count: int, writer: int = -1) -> pa.Table:
    ids = range(first, first + count)
    return pa.table({
        "id": ids,
        "kind": [["plain", "São Paulo", "a/b", "100% +"][i % 4] for i in ids],
        "writer": [writer] * count,
        "text": [f"{i * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF:016x}" for i in ids],
    }, SCHEMA)


def uri(name: str) -> str:
    return f"s3://{bucket}/{name}"


def table(name: str, version: int | None = None) -> DeltaTable:
    return DeltaTable(uri(name), version=version, storage_options=options)


def write(name: str, data: pa.Table, **kwargs) -> None:
    write_deltalake(uri(name), data, storage_options=options, **kwargs)


def read(delta: DeltaTable) -> pa.Table:
    found = pa.table(QueryBuilder().register("t", delta).execute("SELECT id, kind, writer, text FROM t ORDER BY id"))
    return found.cast(SCHEMA)


if len(sys.argv) > 3:
    # One of several writers: as many commits, each of a few rows of its own.
    writer = int(sys.argv[3])
    for turn in range(APPENDS):
        write("shared", rows((writer * APPENDS + turn) * 100, 100, writer), mode="append",
              commit_properties=CommitProperties(max_commit_retries=1000))
    sys.exit()

# -- write, append, overwrite, and read what was there before

assert not DeltaTable.is_deltatable(uri("one"), storage_options=options)
refused("reading a table that is not there", TableNotFoundError, table, "one")
write("one", rows(0, 20_000), partition_by=["kind"])
assert DeltaTable.is_deltatable(uri("one"), storage_options=options)
refused("writing it again", DeltaError, write, "one", rows(0, 1))
write("one", rows(0, 1), mode="ignore")
write("one", rows(20_000, 100), mode="append")
write("one", rows(20_100, 100), mode="append")
equal("an appended table", read(table("one")), rows(0, 20_200))
equal("its version", table("one").version(), 2)
write("one", rows(5, 10), mode="overwrite")
equal("an overwritten table", read(table("one")), rows(5, 10))
for version, wanted in enumerate([rows(0, 20_000), rows(0, 20_100), rows(0, 20_200), rows(5, 10)]):
    equal(f"version {version}", read(table("one", version)), wanted)
equal("its history", [commit["version"] for commit in table("one").history()], [3, 2, 1, 0])
old = table("one")
old.load_as_version(1)
equal("a version that was loaded", read(old), rows(0, 20_100))
refused("a version that is not there", DeltaError, table, "one", 9)
print("did: write")
print("did: time travel")

# -- change: delete, update, merge, restore

delta = table("one")
delta.restore(2)
delta.delete("kind = 'a/b' AND id < 10000")
delta.update({"text": "'changed'"}, predicate="id % 1000 = 7")
whole = rows(0, 20_200)
kept = whole.filter(pc.or_(pc.not_equal(whole["kind"], "a/b"), pc.greater_equal(whole["id"], 10_000)))
changed = [int(i) % 1000 == 7 for i in kept["id"].to_pylist()]
texts = ["changed" if change else text for change, text in zip(changed, kept["text"].to_pylist())]
kept = kept.set_column(3, "text", pa.array(texts))
equal("a table with changes", read(table("one")), kept)
new = rows(20_190, 20)
merged = delta.merge(new, "old.id = new.id", source_alias="new", target_alias="old").when_matched_update_all()
done = merged.when_not_matched_insert_all().execute()
equal("merged rows", (done["num_target_rows_updated"], done["num_target_rows_inserted"]), (10, 10))
equal("a merged table", len(read(table("one"))), len(kept) + 10)
wanted = read(table("one"))
dataset = table("one").to_pyarrow_dataset()
city = dataset.to_table(filter=pc.field("kind") == "São Paulo", columns=["id"])["id"].to_pylist()
equal("one folder of it", sorted(city), wanted.filter(pc.equal(wanted["kind"], "São Paulo"))["id"].to_pylist())
print("did: change")

# -- compact, checkpoint, vacuum

done = delta.optimize.compact()
assert done["numFilesRemoved"] > done["numFilesAdded"] > 0, done
delta.optimize.z_order(["id"])
delta.create_checkpoint()
equal("a compacted table", read(table("one")), wanted)
files = {entry["Key"] for entry in client().list_objects_v2(Bucket=bucket, Prefix="one/kind=")["Contents"]}
live = {entry for entry in table("one").file_uris()}
gone = table("one").vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
assert gone and len(live) + len(gone) == len(files), (len(live), len(gone), len(files))
done = table("one").vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
equal("vacuumed files", set(done), set(gone))
left = {entry["Key"] for entry in client().list_objects_v2(Bucket=bucket, Prefix="one/kind=")["Contents"]}
equal("the number of files that are left", len(left), len(live))
equal("a vacuumed table", read(table("one")), wanted)
refused("reading what was vacuumed", Exception, read, table("one", 0))
print("did: optimize")
print("did: vacuum")

# -- several processes append at a time: no commit is lost, none is there twice

write("shared", rows(0, 0, 0))
writers = [subprocess.Popen([sys.executable, *sys.argv, str(writer)]) for writer in range(WRITERS)]
equal("how the writers ended", [writer.wait() for writer in writers], [0] * WRITERS)
shared = table("shared")
equal("its version", shared.version(), WRITERS * APPENDS)
want = pa.concat_tables([rows(writer * APPENDS * 100, APPENDS * 100, writer) for writer in range(WRITERS)])
equal("a table of several writers", read(shared), want)
for version in range(1, WRITERS * APPENDS + 1):
    equal(f"the rows of version {version}", table("shared", version).count(), version * 100)
print("did: concurrent appends")

# A change is refused if what it read has changed.
first, second = table("shared"), table("shared")
first.update({"text": "'first'"}, predicate="id < 100")
refused("a change of what was changed", CommitFailedError, second.update, {"text": "'second'"},
        predicate="id < 100")
equal("who was first", set(read(table("shared"))["text"].slice(0, 100).to_pylist()), {"first"})
print("did: conflicts")

# -- delete

s3 = client()
while found := s3.list_objects_v2(Bucket=bucket).get("Contents"):
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": entry["Key"]} for entry in found]})
refused("reading a table that was deleted", TableNotFoundError, table, "one")
print("did: delete")

"""DuckDB queries what is in the bucket and writes into it, with its own client
and through fsspec's and Arrow's."""

import gzip
import sys
import urllib.parse
from importlib.resources import files as resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import s3fs
from corpus import environment
from expect import equal
from pyarrow.fs import S3FileSystem
from s3 import client

bucket, work = sys.argv[1], Path(sys.argv[2])
host = urllib.parse.urlparse(environment("ENDPOINT")).netloc
s3 = client()
there = f"s3://{bucket}"


def connect() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(config={"threads": 4})
    extension = resources("duckdb_extension_httpfs") / f"extensions/v{duckdb.__version__}/httpfs.duckdb_extension"
    db.execute(f"LOAD '{extension}'")
    key, secret = environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")
    db.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', ENDPOINT '{host}', URL_STYLE path, "
        "USE_SSL false, REGION 'us-east-1')"
    )
    return db


def rows(query: str, on: duckdb.DuckDBPyConnection | None = None) -> list[tuple]:
    return (on or db).execute(query).fetchall()


def refused(what: str, query: str, message: str) -> None:
    try:
        db.execute(query)
    except duckdb.Error as error:
        assert message in str(error), f"{what}: {error}"
        return
    raise AssertionError(f"{what} went through")


def same_rows(what: str, got: str, wanted: str) -> None:
    """Two queries have the same rows, which are many."""
    (count,), (other,) = rows(f"SELECT count(*) FROM ({got})")[0], rows(f"SELECT count(*) FROM ({wanted})")[0]
    equal(f"{what}, their number", count, other)
    equal(what, rows(f"SELECT * FROM (({got}) EXCEPT ({wanted})) LIMIT 3"), [])


def keys(prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


db = connect()
db.execute(
    """CREATE TABLE sales AS SELECT i AS id, ['Rome', 'São Paulo', 'a b', '100%'][1 + i % 4] AS city,
       (2020 + i % 3)::INT AS year, (hash(i) >> 2)::BIGINT AS code, md5(i::VARCHAR) AS note FROM range(400_000) t(i)"""
)

# -- one file: written in parts, read whole and in ranges

db.execute(f"COPY sales TO '{there}/one é/sales +%20#.parquet' (FORMAT parquet, ROW_GROUP_SIZE 50_000)")
one = f"'{there}/one é/sales +%20#.parquet'"
same_rows("a file", f"FROM {one}", "FROM sales")
equal("its bytes", rows(f"SELECT size > 10_000_000 FROM read_blob({one})"), [(True,)])
equal("one row of it", rows(f"SELECT note FROM {one} WHERE id = 345_678"),
      rows("SELECT note FROM sales WHERE id = 345_678"))
equal("its groups of rows", rows(f"SELECT count(DISTINCT row_group_id) FROM parquet_metadata({one})"), [(8,)])
equal("uploads under way", "Uploads" in s3.list_multipart_uploads(Bucket=bucket), False)
refused("reading what is not there", f"FROM '{there}/nothing.parquet'", "404")
db.execute(f"COPY (FROM sales LIMIT 10) TO {one} (FORMAT parquet)")
equal("a file in its place", rows(f"SELECT count(*) FROM {one}"), [(10,)])
print("did: files")

# -- other formats, compressed or not

for name, options in [("csv", "FORMAT csv, HEADER"), ("csv.gz", "FORMAT csv, HEADER, COMPRESSION gzip"),
                      ("json", "FORMAT json"), ("csv.zst", "FORMAT csv, HEADER, COMPRESSION zstd")]:
    db.execute(f"COPY (FROM sales LIMIT 20_000) TO '{there}/formats/sales.{name}' ({options})")
    same_rows(name, f"SELECT id, city, year, code, note FROM '{there}/formats/sales.{name}'",
              "FROM sales LIMIT 20_000")
body = s3.get_object(Bucket=bucket, Key="formats/sales.csv.gz")["Body"].read()
equal("the first line", gzip.decompress(body).split(b"\n")[0], b"id,city,year,code,note")
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "formats/sales.csv"})
equal("a presigned URL", rows(f"SELECT count(*) FROM read_csv('{url}')"), [(20_000,)])
equal("files that match", [path for path, in rows(f"SELECT file FROM glob('{there}/form*/*.csv*') ORDER BY file")],
      [f"{there}/formats/sales.{name}" for name in ("csv", "csv.gz", "csv.zst")])
print("did: formats")

# -- partitioned: by its own client, and what Arrow wrote

db.execute(f"COPY sales TO '{there}/hive' (FORMAT parquet, PARTITION_BY (year, city))")
hive = f"read_parquet('{there}/hive/**/*.parquet', hive_partitioning = true)"
same_rows("a dataset", f"SELECT id, city, year, code, note FROM {hive}", "FROM sales")
equal("the files of one year", {key.split("/")[1] for key in keys("hive/year=2021/")}, {"year=2021"})
query = "SELECT city, count(*), sum(id), min(note) FROM {} WHERE year = 2021 AND id > 1000 GROUP BY city ORDER BY city"
equal("a query of some folders", rows(query.format(hive)), rows(query.format("sales")))
refused("writing into what is there", f"COPY sales TO '{there}/hive' (FORMAT parquet, PARTITION_BY (year, city))",
        "not empty")
before = keys("hive/")
db.execute(f"COPY (FROM sales WHERE id < 100) TO '{there}/hive' (FORMAT parquet, PARTITION_BY (year, city), APPEND)")
assert set(before) < set(keys("hive/"))
equal("the rows of both", rows(f"SELECT count(*) FROM {hive}"), [(400_100,)])
db.execute(f"COPY (FROM sales WHERE id < 100) TO '{there}/hive' "
           "(FORMAT parquet, PARTITION_BY (year, city), OVERWRITE_OR_IGNORE)")
print("did: datasets")

arrow = S3FileSystem(access_key=environment("AWS_ACCESS_KEY_ID"), secret_key=environment("AWS_SECRET_ACCESS_KEY"),
                     endpoint_override=host, scheme="http", region="us-east-1")
kinds = pa.table({"id": range(1000), "kind": [f"kind {i % 5}" for i in range(1000)]})
ds.write_dataset(kinds, f"{bucket}/arrow", filesystem=arrow, format="parquet", partitioning=["kind"],
                 partitioning_flavor="hive")
query = "SELECT kind, sum(id) FROM {} WHERE kind <> 'kind 3' GROUP BY kind ORDER BY kind"
wanted = rows(query.format("kinds"))
equal("Arrow's files", rows(query.format(f"'{there}/arrow/*/*.parquet'")), wanted)
dataset = ds.dataset(f"{bucket}/arrow", filesystem=arrow, partitioning="hive")
equal("Arrow's dataset", rows(query.format("dataset")), wanted)
print("did: arrow")

# -- a whole database: exported, imported, and attached as it is

db.execute("CREATE TABLE notes (moment TIMESTAMP, text VARCHAR UNIQUE)")
db.execute("INSERT INTO notes VALUES ('2026-01-02 03:04:05', 'a note: é'), (NULL, '')")
db.execute(f"EXPORT DATABASE '{there}/exported' (FORMAT parquet)")
imported = connect()
imported.execute(f"IMPORT DATABASE '{there}/exported'")
equal("imported rows", rows("FROM notes ORDER BY text", imported), rows("FROM notes ORDER BY text"))
equal("many of them", rows("SELECT count(*), sum(code % 1000) FROM sales", imported),
      rows("SELECT count(*), sum(code % 1000) FROM sales"))
local = work / "local.duckdb"
db.execute(f"ATTACH '{local}' AS local")
db.execute("CREATE TABLE local.sales AS FROM sales")
db.execute("DETACH local")
s3.upload_file(str(local), bucket, "attached.duckdb")
db.execute(f"ATTACH '{there}/attached.duckdb' AS attached (READ_ONLY)")
equal("a row of an attached database", rows("SELECT note FROM attached.sales WHERE id = 222_222"),
      rows("SELECT note FROM sales WHERE id = 222_222"))
db.execute("DETACH attached")
print("did: databases")

# -- through fsspec

plain = duckdb.connect()
plain.register_filesystem(s3fs.S3FileSystem(
    key=environment("AWS_ACCESS_KEY_ID"), secret=environment("AWS_SECRET_ACCESS_KEY"),
    endpoint_url=environment("ENDPOINT"), client_kwargs={"region_name": "us-east-1"},
    config_kwargs={"s3": {"addressing_style": "path"}}, use_listings_cache=False,
))
query = f"SELECT city, count(*), sum(id) FROM {hive} WHERE year = 2022 GROUP BY city ORDER BY city"
equal("a dataset through fsspec", rows(query, plain), rows(query))
plain.execute(f"COPY (SELECT i AS id, md5(i::VARCHAR) AS note FROM range(400_000) t(i)) TO '{there}/by fsspec.parquet'")
same_rows("what fsspec wrote", f"FROM '{there}/by fsspec.parquet'", "SELECT id, note FROM sales")
plain.execute(f"COPY (SELECT i AS id, i % 3 AS kind FROM range(900) t(i)) TO '{there}/by fsspec' "
              "(FORMAT parquet, PARTITION_BY kind)")
equal("a dataset that fsspec wrote", rows(f"SELECT kind, count(*) FROM '{there}/by fsspec/*/*.parquet' GROUP BY ALL "
                                          "ORDER BY kind"), [(0, 300), (1, 300), (2, 300)])
print("did: fsspec")

# -- delete

left = keys("")
for at in range(0, len(left), 1000):
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in left[at : at + 1000]]})
refused("reading what was deleted", f"FROM '{there}/formats/sales.csv'", "404")
equal("the empty bucket", keys(""), [])
print("did: delete")

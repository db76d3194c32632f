"""Arrow writes partitioned datasets, reads them with filters, and treats the bucket
as a filesystem."""

import sys
from pathlib import Path
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import s3fs
from corpus import MIB, environment, sha256
from expect import equal, refused
from pyarrow.fs import FileSelector, FileType, FSSpecHandler, LocalFileSystem, PyFileSystem, S3FileSystem, copy_files
from s3 import client
from s3fs.utils import FileExpired

bucket, work = sys.argv[1], Path(sys.argv[2])
source = work / "source"
arrow = S3FileSystem(
    access_key=environment("AWS_ACCESS_KEY_ID"),
    secret_key=environment("AWS_SECRET_ACCESS_KEY"),
    endpoint_override=urlparse(environment("ENDPOINT")).netloc,
    scheme="http",
    region="us-east-1",
)


def names(path: str, recursive: bool = True) -> dict[str, FileType]:
    """What is below a folder, by its name there."""
    found = arrow.get_file_info(FileSelector(f"{bucket}/{path}", recursive=recursive))
    return {info.path.removeprefix(f"{bucket}/{path}/"): info.type for info in found}


def files(path: str) -> list[str]:
    return sorted(name for name, kind in names(path).items() if kind == FileType.File)


def type_of(path: str) -> FileType:
    return arrow.get_file_info(f"{bucket}/{path}").type


# -- files and folders

equal("the buckets", [info.path for info in arrow.get_file_info(FileSelector(""))], [bucket])
equal("what is not there", type_of("folder"), FileType.NotFound)
refused("listing it", FileNotFoundError, names, "folder")
quiet = FileSelector(f"{bucket}/folder", allow_not_found=True, recursive=True)
equal("nothing to list", arrow.get_file_info(quiet), [])
arrow.create_dir(f"{bucket}/folder/in/one go", recursive=True)
equal("a folder", type_of("folder"), FileType.Directory)
equal("its folders", names("folder"), {"in": FileType.Directory, "in/one go": FileType.Directory})
equal("one level", names("folder", recursive=False), {"in": FileType.Directory})
data = (source / "large.bin").read_bytes()
with arrow.open_output_stream(f"{bucket}/folder/in/large", metadata={"Content-Type": "text/x-test"}) as stream:
    # A part when enough has come, and what is left at the end.
    for at in range(0, len(data), MIB):
        stream.write(data[at : at + MIB])
with arrow.open_output_stream(f"{bucket}/folder/in/empty"):
    pass
info = arrow.get_file_info(f"{bucket}/folder/in/large")
equal("the size of a file", info.size, len(data))
head = client().head_object(Bucket=bucket, Key="folder/in/large")
equal("the type of a file", head["ContentType"], "text/x-test")
equal("the time of a file", info.mtime, head["LastModified"])
with arrow.open_input_file(f"{bucket}/folder/in/large") as file:
    file.seek(6_000_000)
    assert file.read(1_000_000) == data[6_000_000:7_000_000]
    assert file.read_at(10, len(data) - 4) == data[-4:]
    equal("the size of an open file", file.size(), len(data))
with arrow.open_input_stream(f"{bucket}/folder/in/large") as stream:
    assert stream.read() == data
with arrow.open_input_stream(f"{bucket}/folder/in/empty") as stream:
    equal("an empty file", stream.read(), b"")
refused("reading what is not there", FileNotFoundError, arrow.open_input_stream, f"{bucket}/nothing")
print("did: files")

arrow.copy_file(f"{bucket}/folder/in/large", f"{bucket}/folder/copy +%20# é")
arrow.move(f"{bucket}/folder/in/large", f"{bucket}/folder/moved")
refused("what was moved away", FileNotFoundError, arrow.open_input_stream, f"{bucket}/folder/in/large")
for name in ("copy +%20# é", "moved"):
    with arrow.open_input_stream(f"{bucket}/folder/{name}") as stream:
        assert stream.read() == data, name
equal("the files", files("folder"), ["copy +%20# é", "in/empty", "moved"])
arrow.delete_file(f"{bucket}/folder/moved")
refused("deleting it twice", FileNotFoundError, arrow.delete_file, f"{bucket}/folder/moved")
# The last file goes, its folder stays.
arrow.delete_file(f"{bucket}/folder/in/empty")
equal("an empty folder", type_of("folder/in"), FileType.Directory)
arrow.delete_dir_contents(f"{bucket}/folder/in")
equal("an emptied folder", names("folder/in"), {})
arrow.delete_dir(f"{bucket}/folder")
equal("a deleted folder", type_of("folder"), FileType.NotFound)
print("did: folders")

copy_files(str(source), f"{bucket}/tree", source_filesystem=LocalFileSystem(), destination_filesystem=arrow)
copy_files(f"{bucket}/tree", f"{bucket}/again", source_filesystem=arrow, destination_filesystem=arrow)
copy_files(f"{bucket}/again", str(work / "back"), source_filesystem=arrow, destination_filesystem=LocalFileSystem())
wanted = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
equal("the files of a tree", files("again"), wanted)
for name in wanted:
    assert sha256(work / "back" / name) == sha256(source / name), name
print("did: trees")

# -- datasets: a folder for each value of a column

COUNT = 200_000
CITIES = ["Rome", "São Paulo", "a/b", "100%", "x=y", "q?#&+", "日本", " "]
table = pa.table({
    "id": pa.array(range(COUNT), pa.int64()),
    "city": pa.array([CITIES[i * 7 % len(CITIES)] for i in range(COUNT)]),
    "year": pa.array([2020 + i % 3 for i in range(COUNT)], pa.int32()),
    "text": pa.array([f"{i * 0x9E3779B97F4A7C15 & 0xFFFFFFFF:08x}" for i in range(COUNT)]),
})
scheme = ds.partitioning(pa.schema([("year", pa.int32()), ("city", pa.string())]), flavor="hive")


def read(path: str, **kwargs) -> pa.Table:
    dataset = ds.dataset(f"{bucket}/{path}", filesystem=arrow, partitioning=scheme)
    return dataset.to_table(columns=table.column_names, **kwargs).sort_by("id")


ds.write_dataset(table, f"{bucket}/hive", filesystem=arrow, format="parquet", partitioning=scheme,
                 max_rows_per_file=5000, max_rows_per_group=5000)
equal("the whole dataset", read("hive"), table)
dataset = ds.dataset(f"{bucket}/hive", filesystem=arrow, partitioning=scheme)
equal("its files", len(dataset.files), 48)
equal("they in a listing", len(files("hive")), 48)
for where in [
    pc.field("year") == 2021,
    (pc.field("city") == "a/b") & (pc.field("id") > 100_000),
    pc.field("city").isin(["São Paulo", "100%", " "]),
    (pc.field("year") == 2022) & pc.field("text").cast("string").isin(["9e3779b9", "3c6ef372", "daa66d2b"]),
]:
    got, want = read("hive", filter=where), table.filter(where)
    assert got == want and len(got) < COUNT, (str(where), len(got), len(want))
equal("rows that were only counted", dataset.count_rows(filter=pc.field("city") == "日本"), COUNT // len(CITIES))
print("did: datasets")

# -- what a second write does to the first

half = table.filter(pc.field("year") == 2021).slice(0, 100)
refused("writing into what is there", pa.ArrowInvalid, ds.write_dataset, half, f"{bucket}/hive",
        filesystem=arrow, format="parquet", partitioning=scheme)
ds.write_dataset(half, f"{bucket}/hive", filesystem=arrow, format="parquet", partitioning=scheme,
                 basename_template="more-{i}.parquet", existing_data_behavior="overwrite_or_ignore")
equal("the rows of both", len(read("hive")), COUNT + 100)
equal("the files of both", len(files("hive")), 48 + len(set(half["city"].to_pylist())))
ds.write_dataset(half, f"{bucket}/hive", filesystem=arrow, format="parquet", partitioning=scheme,
                 existing_data_behavior="delete_matching")
equal("what was replaced", read("hive", filter=pc.field("year") == 2021), half)
equal("what was not", read("hive", filter=pc.field("year") != 2021), table.filter(pc.field("year") != 2021))
equal("the files that are left", len(files("hive")), 32 + len(set(half["city"].to_pylist())))
print("did: rewrites")

# -- parquet's own way, through Arrow's client and through fsspec's

pq.write_to_dataset(table, f"{bucket}/years", filesystem=arrow, partition_cols=["year"])
got = pq.read_table(f"{bucket}/years", filesystem=arrow, filters=[("year", "=", 2020), ("id", "<", 5000)])
equal("rows of one year", got.sort_by("id")["id"].to_pylist(), list(range(0, 5000, 3)))
pq.write_table(table, f"{bucket}/one file.parquet", filesystem=arrow, row_group_size=20_000)
known = pq.ParquetFile(f"{bucket}/one file.parquet", filesystem=arrow)
equal("the groups of a file", known.num_row_groups, 10)
equal("one of them", known.read_row_group(7), table.slice(140_000, 20_000))

fsspec = s3fs.S3FileSystem(
    key=environment("AWS_ACCESS_KEY_ID"), secret=environment("AWS_SECRET_ACCESS_KEY"),
    endpoint_url=environment("ENDPOINT"), client_kwargs={"region_name": "us-east-1"},
    config_kwargs={"s3": {"addressing_style": "path"}},
)
other = PyFileSystem(FSSpecHandler(fsspec))
# It takes Arrow's markers of folders for files.
ds.write_dataset(table, f"{bucket}/unmarked", filesystem=arrow, format="parquet", partitioning=["year"],
                 partitioning_flavor="hive", create_dir=False)
equal("a dataset without markers", names("unmarked", recursive=False),
      {f"year={year}": FileType.Directory for year in (2020, 2021, 2022)})
got = ds.dataset(f"{bucket}/unmarked", filesystem=other, partitioning="hive").to_table(columns=table.column_names)
equal("a dataset through fsspec", got.sort_by("id"), table)
ds.write_dataset(table, f"{bucket}/through fsspec", filesystem=other, format="parquet", partitioning=scheme)
equal("a dataset written by fsspec", read("through fsspec"), table)
fsspec.copy(f"{bucket}/through fsspec", f"{bucket}/copied", recursive=True)
fsspec.rm(f"{bucket}/through fsspec", recursive=True)
equal("a dataset copied by fsspec", read("copied"), table)
equal("nothing where it was", type_of("through fsspec"), FileType.NotFound)
print("did: parquet")

# A file that changes while it is read: s3fs knows that by the text of S3's message.
fsspec.pipe_file(f"{bucket}/changing", b"one")
with fsspec.open(f"{bucket}/changing", "rb") as file:
    fsspec.pipe_file(f"{bucket}/changing", b"another")
    refused("reading a file that changed", FileExpired, file.read)
print("did: conflicts")

# -- delete

equal("uploads under way", "Uploads" in client().list_multipart_uploads(Bucket=bucket), False)
arrow.delete_dir_contents(bucket)
equal("the empty bucket", client().list_objects_v2(Bucket=bucket)["KeyCount"], 0)
print("did: delete")

"""boto3 moves a directory of 1,000 files in, around and out again."""

import hashlib
import io
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from corpus import LONG_KEY, MIB, assert_peak_below, make, md5, sha256
from s3 import client, code

bucket, work, pid = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
s3 = client()
files = make(work / "source")

# -- put, and the etags of put, head, get and list are one

etags = {}


def upload(item):
    key, path = item
    if path.stat().st_size < 8 * MIB:
        with open(path, "rb") as body:
            answer = s3.put_object(
                Bucket=bucket, Key=key, Body=body, ContentType="text/x-test", Metadata={"origin": "test"}
            )
        assert answer.get("ETag") == f'"{md5(path)}"', (key, answer)
    else:
        s3.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": "text/x-test", "Metadata": {"origin": "test"}})
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ContentLength"] == path.stat().st_size, key
    assert head["ContentType"] == "text/x-test", key
    assert head["Metadata"] == {"origin": "test"}, key
    etags[key] = head["ETag"]


# Files without bytes and with some, one after another on one connection: what
# the client asks before it sends a body is answered for each.
for _ in range(3):
    for data in (b"", b"some"):
        answer = s3.put_object(Bucket=bucket, Key="in turn", Body=io.BytesIO(data))
        assert answer.get("ETag") == f'"{hashlib.md5(data).hexdigest()}"', answer
s3.delete_object(Bucket=bucket, Key="in turn")

with ThreadPoolExecutor(8) as pool:
    list(pool.map(upload, files.items()))

s3.put_object(Bucket=bucket, Key=LONG_KEY, Body=b"long")
assert s3.get_object(Bucket=bucket, Key=LONG_KEY)["Body"].read() == b"long"
s3.delete_object(Bucket=bucket, Key=LONG_KEY)
print(f"put {len(files)} objects")
assert any(etag.endswith('-25"') for etag in etags.values()), "200 MiB in parts of 8"
print("did: upload")
print("did: multipart")

# -- list

listed = {}
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 170}):
    for entry in page.get("Contents", []):
        assert entry["Key"] not in listed, entry["Key"]
        listed[entry["Key"]] = entry
assert set(listed) == set(files), set(listed) ^ set(files)
assert list(listed) == sorted(listed, key=str.encode), "the listing is in the order of UTF-8"
for key, entry in listed.items():
    assert entry["ETag"] == etags[key], key
    assert entry["Size"] == files[key].stat().st_size, key
v1 = [e["Key"] for p in s3.get_paginator("list_objects").paginate(Bucket=bucket) for e in p["Contents"]]
assert v1 == list(listed)
versions = [v for p in s3.get_paginator("list_object_versions").paginate(Bucket=bucket) for v in p["Versions"]]
assert [v["Key"] for v in versions] == list(listed)
assert all(v["VersionId"] == "null" and v["IsLatest"] and v["ETag"] == etags[v["Key"]] for v in versions)
folders = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
want = sorted({k.split("/")[0] + "/" for k in files if "/" in k}, key=str.encode)
assert [p["Prefix"] for p in folders["CommonPrefixes"]] == want
assert {e["Key"] for e in folders["Contents"]} == {k for k in files if "/" not in k}
below = s3.list_objects_v2(Bucket=bucket, Prefix="dir-3/")
assert {e["Key"] for e in below["Contents"]} == {k for k in files if k.startswith("dir-3/")}
print(f"listed {len(listed)} objects")
print("did: list")

# -- get, whole and in ranges

target = work / "target"


def download(key):
    answer = s3.get_object(Bucket=bucket, Key=key)
    assert answer["ETag"] == etags[key], key
    path = target / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as f:
        for chunk in answer["Body"].iter_chunks(MIB):
            f.write(chunk)
    assert sha256(path) == sha256(files[key]), key


with ThreadPoolExecutor(8) as pool:
    list(pool.map(download, files))
large = max(files, key=lambda k: files[k].stat().st_size)
s3.download_file(bucket, large, str(work / "large"))
assert sha256(work / "large") == sha256(files[large])
(work / "large").unlink()

five = next(k for k, p in files.items() if p.stat().st_size == 5 * MIB + 1)
data = files[five].read_bytes()
for header, piece in [
    ("bytes=0-0", data[:1]),
    ("bytes=1000-1999", data[1000:2000]),
    (f"bytes={len(data) - 1}-", data[-1:]),
    ("bytes=-100", data[-100:]),
    (f"bytes=4000000-{len(data) * 2}", data[4000000:]),
]:
    answer = s3.get_object(Bucket=bucket, Key=five, Range=header)
    assert answer["Body"].read() == piece, header
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206, header
assert code(s3.get_object, Bucket=bucket, Key=five, Range=f"bytes={len(data)}-") == "InvalidRange"
known = s3.get_object_attributes(Bucket=bucket, Key=five, ObjectAttributes=["ETag", "ObjectSize"])
assert (known["ETag"], known["ObjectSize"]) == (etags[five].strip('"'), len(data)), known
assert "StorageClass" not in known
print(f"read {len(files)} objects back, and ranges")
print("did: download")
print("did: range")

# -- conditions

assert code(s3.get_object, Bucket=bucket, Key=five, IfMatch='"0"') == "PreconditionFailed"
assert code(s3.get_object, Bucket=bucket, Key=five, IfNoneMatch=etags[five]) == "304"
assert code(s3.put_object, Bucket=bucket, Key=five, Body=b"", IfNoneMatch="*") == "PreconditionFailed"
assert s3.head_object(Bucket=bucket, Key=five)["ETag"] == etags[five]

# -- copy

s3.copy_object(Bucket=bucket, Key="copy of it", CopySource={"Bucket": bucket, "Key": five})
copied = s3.get_object(Bucket=bucket, Key="copy of it")
assert copied["Body"].read() == data
assert (copied["ContentType"], copied["Metadata"]) == ("text/x-test", {"origin": "test"})
s3.copy_object(
    Bucket=bucket, Key="copy of it", CopySource={"Bucket": bucket, "Key": five},
    MetadataDirective="REPLACE", Metadata={"now": "new"},
)
assert s3.head_object(Bucket=bucket, Key="copy of it")["Metadata"] == {"now": "new"}
s3.delete_object(Bucket=bucket, Key="copy of it")
s3.delete_object(Bucket=bucket, Key="copy of it")
assert code(s3.head_object, Bucket=bucket, Key="copy of it") == "404"
print("did: copy")

# -- presigned

url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": five})
assert urllib.request.urlopen(url).read() == data
url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "pre signed+é"})
urllib.request.urlopen(urllib.request.Request(url, data=b"by url", method="PUT")).read()
assert s3.get_object(Bucket=bucket, Key="pre signed+é")["Body"].read() == b"by url"
s3.delete_object(Bucket=bucket, Key="pre signed+é")
print("did: presigned")

# -- a stranger, and an aborted upload

assert code(client(secret="wrong").list_objects_v2, Bucket=bucket) == "SignatureDoesNotMatch"
upload_id = s3.create_multipart_upload(Bucket=bucket, Key="never")["UploadId"]
s3.upload_part(Bucket=bucket, Key="never", UploadId=upload_id, PartNumber=1, Body=b"x" * 5 * MIB)
s3.abort_multipart_upload(Bucket=bucket, Key="never", UploadId=upload_id)
assert code(s3.head_object, Bucket=bucket, Key="never") == "404"

# -- delete

keys = list(files)
for at in range(0, len(keys), 400):
    batch = {"Objects": [{"Key": k} for k in keys[at : at + 400]]}
    assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete=batch)
assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
print("deleted everything")
print("did: delete")

assert_peak_below(pid, 200)

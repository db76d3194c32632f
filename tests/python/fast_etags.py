"""A server with `etag: fast`: etags that nobody takes for an MD5, and all else as ever."""

import base64
import hashlib
import re
import sys

from expect import equal
from s3 import client, code

BUCKET = sys.argv[1]
MIB = 1024 * 1024
s3 = client(request_checksum_calculation="when_required")


def check(key: str, etag: str) -> None:
    """An etag that is no MD5, nor one of parts, and the same wherever it is shown."""
    assert not re.fullmatch(r'"[0-9a-f]{32}(-\d+)?"', etag), f"{key}: {etag} looks like an MD5"
    equal(f"HEAD {key}", s3.head_object(Bucket=BUCKET, Key=key)["ETag"], etag)
    equal(f"GET {key}", s3.get_object(Bucket=BUCKET, Key=key)["ETag"], etag)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]
    equal(f"LIST {key}", [entry["ETag"] for entry in listed if entry["Key"] == key], [etag])


first = s3.put_object(Bucket=BUCKET, Key="k", Body=b"one")["ETag"]
check("k", first)
second = s3.put_object(Bucket=BUCKET, Key="k", Body=b"two", IfMatch=first)["ETag"]
check("k", second)
assert first != second
equal("a stale etag", code(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x", IfMatch=first), "PreconditionFailed")
equal("an etag that holds", code(s3.get_object, Bucket=BUCKET, Key="k", IfNoneMatch=second), "304")
kept = s3.head_object(Bucket=BUCKET, Key="k", ChecksumMode="ENABLED")
assert kept["ChecksumCRC64NVME"], kept

# A client that sends an MD5 gets it verified, and as etag.
digest = hashlib.md5(b"three")
md5 = base64.b64encode(digest.digest()).decode()
sent = s3.put_object(Bucket=BUCKET, Key="sent", Body=b"three", ContentMD5=md5)
equal("the etag of what came with its MD5", sent["ETag"], f'"{digest.hexdigest()}"')
equal("a wrong MD5", code(s3.put_object, Bucket=BUCKET, Key="wrong", Body=b"other", ContentMD5=md5), "BadDigest")
wrong = dict(Bucket=BUCKET, Key="wrong", Body=b"other", ChecksumCRC64NVME="M3eFcAZSQlc=")
equal("a wrong checksum", code(s3.put_object, **wrong), "BadDigest")
equal("what was refused", code(s3.head_object, Bucket=BUCKET, Key="wrong"), "404")

copied = s3.copy_object(Bucket=BUCKET, Key="copied", CopySource=f"{BUCKET}/k")["CopyObjectResult"]
check("copied", copied["ETag"])

# Parts, of which one is a copy.
upload = dict(Bucket=BUCKET, Key="parts")
upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
body = b"p" * 5 * MIB
parts = [s3.upload_part(**upload, PartNumber=1, Body=body)["ETag"]]
parts.append(s3.upload_part_copy(**upload, PartNumber=2, CopySource=f"{BUCKET}/k")["CopyPartResult"]["ETag"])
equal("listed parts", [part["ETag"] for part in s3.list_parts(**upload)["Parts"]], parts)
assert all(not re.fullmatch(r'"[0-9a-f]{32}"', etag) for etag in parts), parts
listed = [dict(PartNumber=number, ETag=etag) for number, etag in enumerate(parts, 1)]
stale = [dict(listed[0], ETag=parts[1]), listed[1]]
equal("another part's etag", code(s3.complete_multipart_upload, **upload, MultipartUpload=dict(Parts=stale)), "InvalidPart")
done = s3.complete_multipart_upload(**upload, MultipartUpload=dict(Parts=listed))
check("parts", done["ETag"])
assert s3.get_object(Bucket=BUCKET, Key="parts")["Body"].read() == body + b"two"
print("all was well")

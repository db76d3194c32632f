"""Checksums, parts and tags of objects, and conditions of every kind."""

import base64
import hashlib
import sys

from s3 import client, code

BUCKET = sys.argv[1]
MIB = 1024 * 1024
s3 = client(request_checksum_calculation="when_required", response_checksum_validation="when_supported")


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def head(key, **more):
    return s3.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED", **more)


# What the client sends is kept; what it asks for, or nothing, is computed.
sent = s3.put_object(Bucket=BUCKET, Key="sent", Body=b"hello", ChecksumSHA256=sha256(b"hello"))
assert sent["ChecksumSHA256"] == sha256(b"hello")
assert head("sent")["ChecksumSHA256"] == sha256(b"hello")
assert head("sent")["ChecksumType"] == "FULL_OBJECT"
assert "ChecksumSHA256" not in s3.head_object(Bucket=BUCKET, Key="sent")
s3.put_object(Bucket=BUCKET, Key="asked", Body=b"hello", ChecksumAlgorithm="CRC32")
assert head("asked")["ChecksumCRC32"] == "NhCmhg=="
s3.put_object(Bucket=BUCKET, Key="plain", Body=b"hello")
assert head("plain")["ChecksumCRC64NVME"] == "M3eFcAZSQlc="
assert s3.get_object(Bucket=BUCKET, Key="sent", Range="bytes=1-2", ChecksumMode="ENABLED").get(
    "ChecksumSHA256"
) is None
wrong = dict(Bucket=BUCKET, Key="wrong", Body=b"hello", ChecksumSHA256=sha256(b"other"))
assert code(s3.put_object, **wrong) == "BadDigest"
assert code(s3.head_object, Bucket=BUCKET, Key="wrong") == "404"
s3.copy_object(Bucket=BUCKET, Key="copied", CopySource=f"{BUCKET}/sent")
assert head("copied")["ChecksumSHA256"] == sha256(b"hello")

# Parts, with a composite checksum.
pieces = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
made = s3.create_multipart_upload(Bucket=BUCKET, Key="parts", ChecksumAlgorithm="SHA256")
assert (made["ChecksumAlgorithm"], made["ChecksumType"]) == ("SHA256", "COMPOSITE")
upload = dict(Bucket=BUCKET, Key="parts", UploadId=made["UploadId"])
mixed = dict(upload, PartNumber=1, Body=b"x", ChecksumCRC32="jNxAAA==")
assert code(s3.upload_part, **mixed) == "InvalidRequest"
parts = []
for number, piece in enumerate(pieces, 1):
    part = s3.upload_part(**upload, PartNumber=number, Body=piece, ChecksumAlgorithm="SHA256")
    assert part["ChecksumSHA256"] == sha256(piece)
    parts.append(
        {"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
    )
listed = s3.list_parts(**upload)["Parts"]
assert [part["ChecksumSHA256"] for part in listed] == [sha256(piece) for piece in pieces]
whole = sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)) + "-3"
refused = dict(upload, MultipartUpload={"Parts": parts}, ChecksumSHA256=sha256(b"x"))
assert code(s3.complete_multipart_upload, **refused) == "BadDigest"
refused = dict(upload, MultipartUpload={"Parts": parts}, IfMatch='"0"')
assert code(s3.complete_multipart_upload, **refused) == "NoSuchKey"
done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
assert (done["ChecksumSHA256"], done["ChecksumType"]) == (whole, "COMPOSITE")
again = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
assert (again["ETag"], again["ChecksumSHA256"]) == (done["ETag"], whole)
for number, piece in enumerate(pieces, 1):
    part = s3.get_object(Bucket=BUCKET, Key="parts", PartNumber=number, ChecksumMode="ENABLED")
    assert part["Body"].read() == piece
    assert (part["PartsCount"], part["ChecksumSHA256"]) == (3, sha256(piece))
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
assert head("parts", PartNumber=3)["ContentLength"] == 1
assert code(s3.get_object, Bucket=BUCKET, Key="parts", PartNumber=4) == "InvalidPart"
assert code(s3.get_object, Bucket=BUCKET, Key="plain", PartNumber=2) == "InvalidPart"
assert s3.get_object(Bucket=BUCKET, Key="plain", PartNumber=1)["Body"].read() == b"hello"
asked = ["ETag", "Checksum", "ObjectParts", "ObjectSize", "StorageClass"]
told = s3.get_object_attributes(
    Bucket=BUCKET, Key="parts", ObjectAttributes=asked, MaxParts=1, PartNumberMarker=1
)
assert told["ETag"] == done["ETag"].strip('"')
assert told["Checksum"]["ChecksumSHA256"] == whole
assert told["ObjectParts"]["TotalPartsCount"] == 3 and told["ObjectParts"]["IsTruncated"]
assert [part["PartNumber"] for part in told["ObjectParts"]["Parts"]] == [2]

# A checksum of all bytes.
made = s3.create_multipart_upload(
    Bucket=BUCKET, Key="full", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
)
upload = dict(Bucket=BUCKET, Key="full", UploadId=made["UploadId"])
part = s3.upload_part(**upload, PartNumber=1, Body=b"hello", ChecksumAlgorithm="CRC32")
parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
assert (done["ChecksumCRC32"], done["ChecksumType"]) == ("NhCmhg==", "FULL_OBJECT")

# Tags.
s3.put_object(Bucket=BUCKET, Key="tagged", Body=b"t", Tagging="a=1&b=2", Metadata={"m": "x"})
read = s3.get_object(Bucket=BUCKET, Key="tagged")
assert read["TagCount"] == 2


def tags(key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]}


assert tags("tagged") == {"a": "1", "b": "2"}
s3.put_object_tagging(Bucket=BUCKET, Key="tagged", Tagging={"TagSet": [{"Key": "c", "Value": "ü"}]})
assert tags("tagged") == {"c": "ü"}
after = s3.get_object(Bucket=BUCKET, Key="tagged")
assert (after["ETag"], after["Metadata"], after["Body"].read()) == (read["ETag"], {"m": "x"}, b"t")
s3.copy_object(Bucket=BUCKET, Key="tagged2", CopySource=f"{BUCKET}/tagged")
assert tags("tagged2") == {"c": "ü"}
s3.copy_object(
    Bucket=BUCKET, Key="tagged3", CopySource=f"{BUCKET}/tagged", TaggingDirective="REPLACE", Tagging="d=4"
)
assert tags("tagged3") == {"d": "4"}
s3.delete_object_tagging(Bucket=BUCKET, Key="tagged")
assert tags("tagged") == {}
many = "&".join(f"{n}=x" for n in range(11))
assert code(s3.put_object, Bucket=BUCKET, Key="many", Body=b"", Tagging=many) == "InvalidTag"

# Conditions.
etag = s3.put_object(Bucket=BUCKET, Key="if", Body=b"1", IfNoneMatch="*")["ETag"]
write = dict(Bucket=BUCKET, Key="if", Body=b"2")
assert code(s3.put_object, **write, IfNoneMatch="*") == "PreconditionFailed"
assert code(s3.put_object, **write, IfNoneMatch=etag) == "PreconditionFailed"
assert code(s3.put_object, **write, IfMatch='"0"') == "PreconditionFailed"
s3.put_object(**write, IfMatch="*")
etag = s3.put_object(**write, IfNoneMatch='"0"')["ETag"]
assert code(s3.put_object, Bucket=BUCKET, Key="absent", Body=b"", IfMatch="*") == "NoSuchKey"
delete = dict(Bucket=BUCKET, Key="if")
assert code(s3.delete_object, **delete, IfMatch='"0"') == "PreconditionFailed"
assert code(s3.delete_object, **delete, IfMatchSize=7) == "PreconditionFailed"
several = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "if", "ETag": '"0"'}]})
assert several["Errors"][0]["Code"] == "PreconditionFailed"
s3.delete_object(**delete, IfMatch=etag, IfMatchSize=1)
assert code(s3.head_object, **delete) == "404"
s3.delete_object(**delete, IfMatch="*")

# What can't be done is refused.
for more in [
    {"ACL": "public-read"},
    {"ServerSideEncryption": "AES256"},
    {"WebsiteRedirectLocation": "/x"},
    {"GrantRead": "id=1"},
]:
    assert code(s3.put_object, Bucket=BUCKET, Key="no", Body=b"", **more) == "NotImplemented", more
assert code(s3.put_object, Bucket=BUCKET, Key="no", Body=b"", StorageClass="GLACIER") == (
    "InvalidStorageClass"
)
assert code(s3.get_object, Bucket=BUCKET, Key="plain", VersionId="1") == "NoSuchVersion"
s3.put_object(Bucket=BUCKET, Key="yes", Body=b"", ACL="bucket-owner-full-control")

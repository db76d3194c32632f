"""Requests as old clients sign and send them, which S3 takes."""

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from email.utils import formatdate

import boto3
from botocore.config import Config
from corpus import environment
from s3 import client, code

ENDPOINT, SECRET = environment("ENDPOINT"), environment("AWS_SECRET_ACCESS_KEY")
KEY = environment("AWS_ACCESS_KEY_ID")


def version_2(secret: str = SECRET):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        aws_access_key_id=KEY,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, signature_version="s3", retries={"max_attempts": 0}
        ),
    )


# Version 2 signs a bucket's path with a slash, and sends it without.
old = version_2()
old.create_bucket(Bucket="old")
old.head_bucket(Bucket="old")
old.put_object(Bucket="old", Key="k", Body=b"old")
assert [found["Key"] for found in old.list_objects(Bucket="old")["Contents"]] == ["k"]
rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
old.put_bucket_cors(Bucket="old", CORSConfiguration=rules)
assert old.get_bucket_cors(Bucket="old")["CORSRules"] == rules["CORSRules"]
assert code(version_2("another-secret").list_objects, Bucket="old") == "SignatureDoesNotMatch"

# SigV4 by the header Date alone: boto3 drops the other one where both are given.
new = client()


def dated(params, **_):
    params["headers"].update({"Date": formatdate(usegmt=True), "X-Amz-Date": "dropped"})


new.meta.events.register("before-call.s3.PutObject", dated)
new.put_object(Bucket="old", Key="dated", Body=b"by date")
new.meta.events.unregister("before-call.s3.PutObject", dated)


# An object that is sent in chunks of HTTP, without its length, and signed.
def chunked(request, **_):
    request.headers["Transfer-Encoding"] = "chunked"


new.meta.events.register_first("before-sign.s3.PutObject", chunked)
new.put_object(Bucket="old", Key="chunked", Body=b"in chunks")
assert new.get_object(Bucket="old", Key="chunked")["Body"].read() == b"in chunks"


# Forms.
def post(fields: dict, name: str, content: bytes, conditions: list) -> int:
    policy = {"expiration": "2099-01-31T12:00:00Z", "conditions": [{"bucket": "old"}, *conditions]}
    policy = base64.b64encode(json.dumps(policy).encode())
    signature = base64.b64encode(hmac.new(SECRET.encode(), policy, hashlib.sha1).digest())
    fields = {
        "policy": policy.decode(),
        "AWSAccessKeyId": KEY,
        "signature": signature.decode(),
        **fields,
    }
    parts = [
        f'--mark\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
        if value is not None
    ]
    file = f'--mark\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = b"".join(parts) + file.encode() + content + b"\r\n--mark--\r\n"
    request = urllib.request.Request(f"{ENDPOINT}/old", data=body, method="POST")
    request.add_header("Content-Type", "multipart/form-data; boundary=mark")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


below = ["starts-with", "$key", "up/"]
assert post({"key": "up/${filename}"}, "a file.txt", b"named", [below]) == 204
assert new.get_object(Bucket="old", Key="up/a file.txt")["Body"].read() == b"named"
# The policy speaks of the key with the name in it.
assert post({"key": "${filename}"}, "elsewhere", b"", [below]) == 403
sha256 = base64.b64encode(hashlib.sha256(b"summed").digest()).decode()
fields = {"key": "up/sum", "x-amz-checksum-sha256": sha256}
assert post(fields, "f", b"summed", [below]) == 204
assert post(fields, "f", b"others", [below]) == 400
tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
named = ["eq", "$tagging", tags]
assert post({"key": "up/tags", "tagging": tags}, "f", b"", [below, named]) == 204
tagged = new.get_object_tagging(Bucket="old", Key="up/tags")["TagSet"]
assert tagged == [{"Key": "a", "Value": "b"}], tagged
assert new.head_object(Bucket="old", Key="up/tags")["ContentType"] == "binary/octet-stream"
assert post({"key": "up/none", "signature": None}, "f", b"", [below]) == 400
# What is kept of objects under names that no header has, no form can set.
fields = {"key": "up/meta", "x-amz-meta-:tagging": "a=b"}
assert post(fields, "f", b"", [below, ["starts-with", "$x-amz-meta-:tagging", ""]]) == 400

# A part that was sent twice and is named twice: the last counts.
upload = new.create_multipart_upload(Bucket="old", Key="parts")["UploadId"]
where = {"Bucket": "old", "Key": "parts", "UploadId": upload}
first, second = (
    new.upload_part(**where, PartNumber=1, Body=body)["ETag"] for body in (b"first", b"second")
)
parts = [{"ETag": etag, "PartNumber": 1} for etag in (first, second)]
assert (
    code(new.complete_multipart_upload, **where, MultipartUpload={"Parts": parts[::-1]})
    == "InvalidPart"
)
new.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
assert new.get_object(Bucket="old", Key="parts")["Body"].read() == b"second"

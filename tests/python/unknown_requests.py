"""Operations that the endpoint does not have change nothing, whatever newer clients ask for.

Sends every operation of botocore's model of S3 that is not among the names given, and the
requests of operations that nobody has thought of yet.
"""

import datetime
import itertools
import sys

import botocore.auth
import botocore.awsrequest
import botocore.exceptions
from botocore import xform_name

from s3 import client, code

KNOWN = set(sys.argv[1:])
s3 = client()
model = s3.meta.service_model
BUCKET, KEPT, SOURCE = "kept", b"keep", b"source"


def filled(shape, name=""):
    """A value for every member that a request must have."""
    kind = shape.type_name
    if kind == "structure":
        names = shape.required_members
        if getattr(shape, "is_tagged_union", False):
            names = list(shape.members)[:1]
        return {name: filled(shape.members[name], name) for name in names}
    if kind == "list":
        return [filled(shape.member, name)]
    if kind == "map":
        return {"a": "b"}
    if kind == "string":
        given = {"Bucket": BUCKET, "Key": "k", "CopySource": f"{BUCKET}/source"}
        given["RenameSource"] = f"/{BUCKET}/source"
        return given.get(name) or (
            shape.enum[0] if shape.enum else "x" * shape.metadata.get("min", 1)
        )
    values = {"boolean": True, "blob": b"x", "timestamp": datetime.datetime(2030, 1, 1)}
    return values.get(kind, 1)


def check(what):
    for key, wanted in [("k", KEPT), ("source", SOURCE)]:
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == wanted, (what, key)
    found = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert found == ["k", "source"], (what, found)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [BUCKET], what


def send(method, path, headers=()):
    """The status of a request that is signed as it is."""
    url = s3.meta.endpoint_url + path
    body = b"" if method in ("GET", "HEAD", "DELETE") else b"x"
    request = botocore.awsrequest.AWSRequest(method, url, dict(headers), body)
    credentials = s3._request_signer._credentials
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    return s3._endpoint.http_session.send(request.prepare()).status_code


s3.create_bucket(Bucket=BUCKET)
s3.put_object(Bucket=BUCKET, Key="k", Body=KEPT)
s3.put_object(Bucket=BUCKET, Key="source", Body=SOURCE)
check("nothing")

unknown = [name for name in model.operation_names if name not in KNOWN]
# They go to other hosts.
unknown = [name for name in unknown if name not in ("WriteGetObjectResponse", "ListDirectoryBuckets")]
assert len(unknown) > 20, unknown
for name in unknown:
    shape = model.operation_model(name).input_shape
    try:
        getattr(s3, xform_name(name))(**filled(shape))
        refused = None
    except botocore.exceptions.ClientError as error:
        refused = error.response["Error"]["Code"]
    check(name)
    # Old names of operations that are there.
    assert refused or name.startswith("Get"), name



def marks_of(names):
    """What distinguishes these operations in their URLs."""
    uris = (model.operation_model(name).http["requestUri"] for name in names)
    marks = (mark for uri in uris for mark in uri.partition("?")[2].split("&"))
    return {mark.split("=")[0] for mark in marks if mark}


# Their paths and parameters by other methods, and what may come. By others, some are
# operations that are there and change nothing.
known = marks_of(KNOWN & set(model.operation_names))
marks = marks_of(unknown) | {"tomorrow", "newObject", "newConfiguration"}
paths = [f"/{BUCKET}", f"/{BUCKET}/k"]
for mark, path, value in itertools.product(sorted(marks), paths, ["", "=", "=1"]):
    is_new = mark in ("tomorrow", "newObject", "newConfiguration")
    # S3 ignores parameters with values that it does not know.
    if is_new and value == "=1" or mark in ("x-id", "id"):
        continue
    for method in ("PUT", "POST", "DELETE"):
        status = send(method, f"{path}?{mark}{value}")
        check((method, path, mark, value))
        assert status >= 400 or mark in known, (method, path, mark, value, status)
for name in KNOWN - {"PostObject"}:
    status = send("PUT", f"/{BUCKET}/k?x-id=New{name}")
    assert status == 501, (name, status)
for header in ("x-amz-rename-source", "x-amz-write-offset-bytes"):
    assert send("PUT", f"/{BUCKET}/k", {header: "0"}) == 501, header
check("headers")
assert code(s3.delete_bucket, Bucket=BUCKET) == "BucketNotEmpty"

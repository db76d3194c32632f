"""Gets the object of put_one.py."""

import sys

from s3 import client

answer = client().get_object(Bucket=sys.argv[1], Key="kept")
assert answer["Body"].read() == b"kept bytes"
assert answer["ContentType"] == "text/plain"
assert answer["CacheControl"] == "max-age=5"
assert answer["ContentDisposition"] == "inline"
assert answer["Metadata"] == {"a": "b"}
assert answer["ETag"] == '"e927d5c3c4d37ab649af1f3d75ce18a8"'

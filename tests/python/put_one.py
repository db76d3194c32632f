"""Puts one object with everything that is kept with it."""

import sys

from s3 import client

client().put_object(
    Bucket=sys.argv[1], Key="kept", Body=b"kept bytes", ContentType="text/plain",
    CacheControl="max-age=5", ContentDisposition="inline", Metadata={"a": "b"},
)

"""Lists a bucket with boto3 or minio-py, a name a line:
list_all.py CLIENT BUCKET all|top (every key, or the first level's folders)."""

import sys
from urllib.parse import urlparse

from corpus import environment

name, bucket, what = sys.argv[1:]
if name == "boto3":
    from s3 import client

    delimiter = {"Delimiter": "/"} if what == "top" else {}
    for page in client().get_paginator("list_objects_v2").paginate(Bucket=bucket, **delimiter):
        for entry in page.get("Contents", []):
            print(entry["Key"])
        for entry in page.get("CommonPrefixes", []):
            print(entry["Prefix"])
else:
    from minio import Minio

    s3 = Minio(
        urlparse(environment("ENDPOINT")).netloc,
        environment("AWS_ACCESS_KEY_ID"),
        environment("AWS_SECRET_ACCESS_KEY"),
        secure=False,
    )
    for entry in s3.list_objects(bucket, recursive=what == "all"):
        print(entry.object_name)

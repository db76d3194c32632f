"""A bucket that something else than the endpoint wrote, beside `second`."""

from s3 import client, code

s3 = client()
names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
assert names == ["found", "second"], names
assert s3.get_object(Bucket="found", Key="a/b")["Body"].read() == b"was there"

# It outlives its objects.
assert code(s3.delete_bucket, Bucket="found") == "BucketNotEmpty"
s3.delete_object(Bucket="found", Key="a/b")
assert s3.list_objects_v2(Bucket="found")["KeyCount"] == 0
s3.delete_bucket(Bucket="found")
assert code(s3.head_bucket, Bucket="found") == "404"

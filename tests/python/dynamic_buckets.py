"""Buckets that clients make, from the first to the last call in their life."""

from s3 import client, code

s3 = client()
assert s3.list_buckets()["Buckets"] == []
assert code(s3.list_objects_v2, Bucket="first") == "NoSuchBucket"
assert code(s3.put_object, Bucket="first", Key="k", Body=b"") == "NoSuchBucket"
s3.create_bucket(Bucket="first")
s3.create_bucket(Bucket="first")
s3.create_bucket(
    Bucket="second", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
)
names = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
assert names == ["first", "second"], names
assert s3.get_bucket_location(Bucket="first")["LocationConstraint"] is None
assert s3.get_bucket_location(Bucket="second")["LocationConstraint"] == "eu-west-1"

# Pages of one bucket each.
page = s3.list_buckets(MaxBuckets=1)
assert [bucket["Name"] for bucket in page["Buckets"]] == ["first"]
page = s3.list_buckets(MaxBuckets=1, ContinuationToken=page["ContinuationToken"])
assert [bucket["Name"] for bucket in page["Buckets"]] == ["second"]
assert "ContinuationToken" not in page

# The same key in both is two objects; nothing of a bucket is among its keys.
s3.put_object(Bucket="first", Key="k/1", Body=b"one")
s3.put_object(Bucket="second", Key="k/1", Body=b"two")
assert s3.get_object(Bucket="first", Key="k/1")["Body"].read() == b"one"
assert s3.get_object(Bucket="second", Key="k/1")["Body"].read() == b"two"
keys = [found["Key"] for found in s3.list_objects_v2(Bucket="first")["Contents"]]
assert keys == ["k/1"], keys
s3.copy_object(Bucket="first", Key="copy", CopySource="second/k/1")
assert s3.get_object(Bucket="first", Key="copy")["Body"].read() == b"two"

# A key may have all the bytes that S3 gives it, whatever the bucket's name adds.
longest = "/".join(["k" * 127] * 8) + "k"
assert len(longest) == 1024
s3.put_object(Bucket="first", Key=longest, Body=b"long")
assert s3.get_object(Bucket="first", Key=longest)["Body"].read() == b"long"
s3.delete_object(Bucket="first", Key=longest)
assert code(s3.put_object, Bucket="first", Key="k" * 1025, Body=b"") == "KeyTooLongError"

# What is kept of a bucket.
assert code(s3.get_bucket_tagging, Bucket="first") == "NoSuchTagSet"
s3.put_bucket_tagging(Bucket="first", Tagging={"TagSet": [{"Key": "a", "Value": "ä"}]})
assert s3.get_bucket_tagging(Bucket="first")["TagSet"] == [{"Key": "a", "Value": "ä"}]
assert code(s3.get_bucket_tagging, Bucket="second") == "NoSuchTagSet"
s3.delete_bucket_tagging(Bucket="first")
assert code(s3.get_bucket_tagging, Bucket="first") == "NoSuchTagSet"
assert code(s3.get_bucket_cors, Bucket="first") == "NoSuchCORSConfiguration"
assert code(s3.get_bucket_policy, Bucket="first") == "NoSuchBucketPolicy"
assert (
    code(s3.get_public_access_block, Bucket="first") == "NoSuchPublicAccessBlockConfiguration"
)
owner = s3.list_buckets()["Owner"]["ID"]
assert s3.get_bucket_acl(Bucket="first")["Owner"]["ID"] == owner
s3.head_bucket(Bucket="first", ExpectedBucketOwner=owner)
assert code(s3.list_objects_v2, Bucket="first", ExpectedBucketOwner="another") == "AccessDenied"

# A bucket goes when it is empty, with the uploads under way in it.
assert code(s3.delete_bucket, Bucket="first") == "BucketNotEmpty"
upload = s3.create_multipart_upload(Bucket="first", Key="half")["UploadId"]
s3.delete_objects(Bucket="first", Delete={"Objects": [{"Key": "k/1"}, {"Key": "copy"}]})
s3.delete_bucket(Bucket="first")
assert code(s3.delete_bucket, Bucket="first") == "NoSuchBucket"
s3.create_bucket(Bucket="first")
assert code(s3.list_parts, Bucket="first", Key="half", UploadId=upload) == "NoSuchUpload"
s3.delete_bucket(Bucket="first")

# Names that are none.
for name in ["a.-b", "192.168.1.1", "xn--bucket"]:
    assert code(s3.create_bucket, Bucket=name) == "InvalidBucketName", name

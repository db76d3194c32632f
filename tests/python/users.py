"""Several users of one endpoint, each with a scope of their own: boto3 does as
each what is allowed, and hears AccessDenied of the rest."""

import sys
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from corpus import environment

PART = 5 * 1024 * 1024


def user(name: str, version: str = "s3v4"):
    return boto3.client(
        "s3",
        endpoint_url=environment("ENDPOINT"),
        aws_access_key_id=name,
        aws_secret_access_key=f"secret-of-{name}-which-is-long",
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, signature_version=version, retries={"max_attempts": 0}
        ),
    )


def refused(call, wanted="AccessDenied", **kwargs):
    try:
        call(**kwargs)
    except ClientError as error:
        answer = error.response
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        # An answer to HEAD has no body, so no code either.
        assert answer["Error"]["Code"] in (wanted, "403"), answer
        assert status == (403 if wanted == "AccessDenied" else status), answer
        assert "secret-of" not in str(answer), answer
        return
    raise AssertionError(f"{call.__name__}({kwargs}) went through")


def unsigned(path: str, method: str = "GET") -> int:
    request = urllib.request.Request(environment("ENDPOINT") + path, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


owner, reader, team, dropper = (user(name) for name in ("OWNER", "READER", "TEAM", "DROPPER"))

# The owner may do everything.
for bucket, key in [
    ("main", "top"),
    ("main", "team/one"),
    ("main", "public/page"),
    ("main", "publication"),
    ("other", "far"),
]:
    owner.put_object(Bucket=bucket, Key=key, Body=b"owner's")
names = lambda client: [b["Name"] for b in client.list_buckets()["Buckets"]]
assert names(owner) == ["main", "other"], names(owner)

# The reader reads and lists, and changes nothing.
assert reader.get_object(Bucket="other", Key="far")["Body"].read() == b"owner's"
assert reader.list_objects_v2(Bucket="main")["KeyCount"] == 4
assert reader.head_object(Bucket="main", Key="top")["ContentLength"] == 7
refused(reader.put_object, Bucket="main", Key="new", Body=b"")
refused(reader.delete_object, Bucket="main", Key="top")
refused(reader.create_multipart_upload, Bucket="main", Key="new")
refused(reader.copy_object, Bucket="main", Key="new", CopySource="main/top")
refused(reader.delete_objects, Bucket="main", Delete={"Objects": [{"Key": "top"}]})

# The team works below its prefix in one bucket.
assert names(team) == ["main"], names(team)
team.put_object(Bucket="main", Key="team/two", Body=b"2")
assert [o["Key"] for o in team.list_objects_v2(Bucket="main", Prefix="team/")["Contents"]] == [
    "team/one",
    "team/two",
]
for prefix in ("", "team", "teamster/", "public/"):
    refused(team.list_objects_v2, Bucket="main", Prefix=prefix)
    refused(team.list_objects, Bucket="main", Prefix=prefix)
    refused(team.list_object_versions, Bucket="main", Prefix=prefix)
    refused(team.list_multipart_uploads, Bucket="main", Prefix=prefix)
refused(team.list_objects_v2, Bucket="other", Prefix="team/")
refused(team.get_object, Bucket="main", Key="top")
refused(team.head_object, Bucket="main", Key="top")
refused(team.put_object, Bucket="main", Key="team", Body=b"")
refused(team.put_object, Bucket="other", Key="team/x", Body=b"")
team.head_bucket(Bucket="main")
refused(team.head_bucket, Bucket="other")
refused(team.head_bucket, Bucket="nowhere")
# Copies are read and written.
team.copy_object(Bucket="main", Key="team/copy", CopySource="main/team/one")
refused(team.copy_object, Bucket="main", Key="team/stolen", CopySource="main/top")
refused(team.copy_object, Bucket="main", Key="team/stolen", CopySource="other/far")
refused(team.copy_object, Bucket="main", Key="given", CopySource="main/team/one")
upload = team.create_multipart_upload(Bucket="main", Key="team/big")["UploadId"]
here = dict(Bucket="main", Key="team/big", UploadId=upload)
refused(team.upload_part_copy, PartNumber=1, CopySource="main/top", **here)
part = team.upload_part(PartNumber=1, Body=bytes(PART), **here)["ETag"]
assert len(team.list_parts(**here)["Parts"]) == 1
refused(reader.list_parts, **here)
refused(dropper.abort_multipart_upload, **here)
team.complete_multipart_upload(
    MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}, **here
)
# Of many keys, those that are out of scope are refused one by one.
answer = team.delete_objects(
    Bucket="main", Delete={"Objects": [{"Key": k} for k in ("team/two", "top", "team/big")]}
)
assert sorted(d["Key"] for d in answer["Deleted"]) == ["team/big", "team/two"], answer
assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [("top", "AccessDenied")], answer
owner.head_object(Bucket="main", Key="top")

# Who only writes sees nothing.
dropper.put_object(Bucket="other", Key="dropped", Body=b"d")
refused(dropper.get_object, Bucket="other", Key="dropped")
refused(dropper.list_objects_v2, Bucket="other")
refused(dropper.list_buckets)
refused(dropper.delete_object, Bucket="other", Key="dropped")

# Forms: the key is a field, and the policy doesn't widen the rights.
def form(client, bucket, key):
    post = client.generate_presigned_post(Bucket=bucket, Key=key)
    boundary = "frontier"
    fields = [*post["fields"].items(), ("file", "in a form")]
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        + ('; filename="f"' if name == "file" else "")
        + f"\r\n\r\n{value}\r\n"
        for name, value in fields
    )
    request = urllib.request.Request(
        post["url"],
        data=f"{body}--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


assert form(team, "main", "team/form") == 204
assert owner.get_object(Bucket="main", Key="team/form")["Body"].read() == b"in a form"
assert form(team, "main", "top2") == 403
# The file is called "f": rights are checked with that in the key.
assert form(team, "main", "team/${filename}") == 204
assert owner.get_object(Bucket="main", Key="team/f")["Body"].read() == b"in a form"
assert form(team, "main", "${filename}") == 403
assert form(reader, "main", "team/form2") == 403
# The old signatures give no other rights.
assert form(user("OWNER", "s3"), "main", "old") == 204
assert form(user("TEAM", "s3"), "main", "old2") == 403
refused(user("TEAM", "s3").put_object, Bucket="main", Key="old3", Body=b"x")

# Unsigned requests read what is public, and a URL reaches as far as its signer.
assert unsigned("/main/public/page") == 200
assert unsigned("/main/publication") == 403
assert unsigned("/main?list-type=2&prefix=public/") == 403
assert unsigned("/other/far") == 403
assert unsigned("/") == 403
assert unsigned("/main/public/page", "DELETE") == 403
url = reader.generate_presigned_url("get_object", {"Bucket": "main", "Key": "top"})
with urllib.request.urlopen(url) as answer:
    assert answer.read() == b"owner's"
url = team.generate_presigned_url("get_object", {"Bucket": "main", "Key": "top"})
assert unsigned(url.removeprefix(environment("ENDPOINT"))) == 403

# Strangers and wrong secrets.
refused(user("NOBODY").list_buckets, "InvalidAccessKeyId")
wrong = boto3.client(
    "s3",
    endpoint_url=environment("ENDPOINT"),
    aws_access_key_id="OWNER",
    aws_secret_access_key="wrong",
    region_name="us-east-1",
)
refused(wrong.list_buckets, "SignatureDoesNotMatch")
refused(owner.list_bucket_metrics_configurations, "NotImplemented", Bucket="main")
print("every user did what was allowed, and nothing else")

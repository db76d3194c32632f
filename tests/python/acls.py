"""Owners of buckets and objects, and their lists of rights (serve.acls): what
is not granted is refused, and no list goes beyond the rights of the
configuration."""

import hashlib
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from corpus import environment

PART = 5 * 1024 * 1024
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"


def user(name: str):
    return boto3.client(
        "s3",
        endpoint_url=environment("ENDPOINT"),
        aws_access_key_id=name,
        aws_secret_access_key=f"secret-of-{name}-which-is-long",
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"}, signature_version="s3v4", retries={"max_attempts": 0}
        ),
    )


def code(call, **kwargs) -> str:
    try:
        call(**kwargs)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def refused(call, **kwargs):
    got = code(call, **kwargs)
    # An answer to HEAD has no body, so no code either.
    assert got in ("AccessDenied", "403"), f"{call.__name__}({kwargs}): {got}"


def unsigned(path: str, method: str = "GET", **headers: str) -> int:
    data = b"unsigned" if method == "PUT" else None
    request = urllib.request.Request(environment("ENDPOINT") + path, data=data, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def canonical(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def granted(answer) -> list:
    return [
        (g["Grantee"].get("DisplayName") or g["Grantee"]["URI"], g["Permission"])
        for g in answer["Grants"]
    ]


owner, other, reader = (user(name) for name in ("OWNER", "OTHER", "READER"))
B = {"Bucket": "owned"}
K = {"Bucket": "owned", "Key": "k"}

# What somebody makes is theirs alone.
owner.create_bucket(**B)
owner.put_object(**K, Body=b"owner's")
tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
block = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
rules = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
for call, arguments in [
    (other.get_object, K),
    (other.head_object, K),
    (other.get_object_attributes, {**K, "ObjectAttributes": ["ETag"]}),
    (other.get_object_tagging, K),
    (other.put_object_tagging, {**K, "Tagging": tags}),
    (other.delete_object_tagging, K),
    (other.get_object_acl, K),
    (other.put_object_acl, {**K, "ACL": "public-read"}),
    (other.put_object, {**K, "Body": b"other's"}),
    (other.delete_object, K),
    (other.delete_objects, {**B, "Delete": {"Objects": [{"Key": "k"}]}}),
    (other.create_multipart_upload, K),
    (other.copy_object, {**B, "Key": "copy", "CopySource": "owned/k"}),
    (other.head_bucket, B),
    (other.get_bucket_location, B),
    (other.list_objects, B),
    (other.list_objects_v2, B),
    (other.list_object_versions, B),
    (other.list_multipart_uploads, B),
    (other.get_bucket_acl, B),
    (other.put_bucket_acl, {**B, "ACL": "public-read"}),
    (other.get_bucket_versioning, B),
    (other.get_bucket_cors, B),
    (other.put_bucket_cors, {**B, "CORSConfiguration": rules}),
    (other.delete_bucket_cors, B),
    (other.put_bucket_tagging, {**B, "Tagging": tags}),
    (other.get_bucket_policy_status, B),
    (other.get_public_access_block, B),
    (other.put_public_access_block, {**B, "PublicAccessBlockConfiguration": block}),
    (other.put_bucket_ownership_controls, {**B, "OwnershipControls": enforced}),
    (other.delete_bucket_ownership_controls, B),
    (other.delete_bucket, B),
]:
    refused(call, **arguments)
for path in ("/owned", "/owned/k", "/owned/none", "/owned?acl"):
    assert unsigned(path) == 403, path
assert unsigned("/owned/k", "PUT") == 403
assert unsigned("/unmade", "PUT") == 403, "who doesn't sign makes no bucket"
other.create_bucket(Bucket="others")
refused(other.copy_object, Bucket="others", Key="copy", CopySource="owned/k")
assert code(other.create_bucket, **B) == "BucketAlreadyExists"
names = lambda client: [b["Name"] for b in client.list_buckets()["Buckets"]]
assert (names(owner), names(other)) == (["owned"], ["others"])

# A public bucket can be listed; its objects have lists of their own.
owner.put_bucket_acl(**B, ACL="public-read")
assert granted(owner.get_bucket_acl(**B)) == [(EVERYONE, "READ"), ("OWNER", "FULL_CONTROL")]
assert owner.get_bucket_policy_status(**B)["PolicyStatus"]["IsPublic"]
assert unsigned("/owned") == 200
assert unsigned("/owned/k") == 403
assert unsigned("/owned/none") == 404, "who may list may know what there is"
refused(other.get_object, **K)
refused(other.put_object, **K, Body=b"")
owner.put_object(**B, Key="public", Body=b"for all", ACL="public-read")
assert unsigned("/owned/public") == 200
assert granted(owner.get_object_acl(**B, Key="public"))[0] == (EVERYONE, "READ")
refused(other.get_object_acl, **B, Key="public")

# A list goes with its object through every change, and not along with a copy.
public = {"Bucket": "owned", "Key": "public"}
owner.put_object_tagging(**public, Tagging=tags)
assert unsigned("/owned/public") == 200
owner.copy_object(**B, Key="copy", CopySource="owned/public")
assert unsigned("/owned/copy") == 403
owner.put_object_acl(**public, ACL="authenticated-read")
assert unsigned("/owned/public") == 403
assert other.get_object(**public)["Body"].read() == b"for all"
assert owner.get_object_tagging(**public)["TagSet"] == tags["TagSet"]
owner.put_object(**public, Body=b"anew")
refused(other.get_object, **public)
upload = owner.create_multipart_upload(**B, Key="parts", ACL="public-read")["UploadId"]
where = {"Bucket": "owned", "Key": "parts", "UploadId": upload}
part = owner.upload_part(**where, PartNumber=1, Body=b"part")["ETag"]
parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
owner.complete_multipart_upload(**where, MultipartUpload=parts)
assert unsigned("/owned/parts") == 200

# Grants to users, by what they are called by; owners keep the lists.
reads = f'id="{canonical("OTHER")}"'
owner.put_object_acl(**K, GrantRead=reads)
assert other.get_object(**K)["Body"].read() == b"owner's"
refused(owner.get_object, **K)
assert granted(owner.get_object_acl(**K)) == [("OTHER", "READ")]
owner.put_object_acl(**K, ACL="private")
assert code(owner.put_object_acl, **K, GrantRead='id="nobody"') == "InvalidArgument"
mine = owner.get_object_acl(**K)
stolen = {**mine["Owner"], "ID": canonical("OTHER")}
refused(owner.put_object_acl, **K, AccessControlPolicy={"Owner": stolen, "Grants": []})

# Rights of the configuration are the bound: a grant gives no more.
owner.put_bucket_acl(**B, ACL="public-read-write")
refused(reader.put_object, **B, Key="reader", Body=b"")
assert unsigned("/owned/unsigned", "PUT") == 200
assert unsigned("/owned/unsigned", "DELETE") == 403
assert owner.get_object(**B, Key="unsigned")["Body"].read() == b"unsigned"
assert unsigned("/owned/unsigned") == 403
assert unsigned("/owned/shown", "PUT", x_amz_acl="public-read") == 200
assert unsigned("/owned/shown") == 200
# What another writes is theirs, and goes with the bucket all the same.
other.put_object(**B, Key="other", Body=b"other's")
refused(owner.get_object, **B, Key="other")
assert owner.get_object_tagging(**B, Key="other")["TagSet"] == []
other.put_object(**B, Key="other", Body=b"other's", ACL="bucket-owner-read")
assert owner.get_object(**B, Key="other")["Body"].read() == b"other's"
refused(owner.put_object_acl, **B, Key="other", ACL="public-read")
upload = owner.create_multipart_upload(**K)["UploadId"]
where = {**K, "UploadId": upload}
for call, arguments in [
    (other.upload_part, {"PartNumber": 1, "Body": b""}),
    (other.upload_part_copy, {"PartNumber": 1, "CopySource": "owned/other"}),
    (other.list_parts, {}),
    (other.complete_multipart_upload, {"MultipartUpload": parts}),
    (other.abort_multipart_upload, {}),
]:
    refused(call, **where, **arguments)
owner.abort_multipart_upload(**where)
assert code(owner.create_bucket, **B) == "BucketAlreadyExists", "it would lose its list"

# What bounds lists themselves.
owner.put_public_access_block(**B, PublicAccessBlockConfiguration=block)
assert owner.get_public_access_block(**B)["PublicAccessBlockConfiguration"] == block
assert not owner.get_bucket_policy_status(**B)["PolicyStatus"]["IsPublic"]
for path in ("/owned", "/owned/parts"):
    assert unsigned(path) == 403, path
refused(owner.put_object, **K, Body=b"", ACL="public-read")
refused(owner.put_bucket_acl, **B, ACL="authenticated-read")
owner.delete_public_access_block(**B)
assert unsigned("/owned/parts") == 200
conflict = "InvalidBucketAclWithObjectOwnership"
controls = {**B, "OwnershipControls": enforced}
assert code(owner.put_bucket_ownership_controls, **controls) == conflict
owner.put_bucket_acl(**B, ACL="private")
owner.put_bucket_ownership_controls(**controls)
assert unsigned("/owned/parts") == 403
assert owner.get_object(**B, Key="other")["Body"].read() == b"other's"
assert code(owner.put_object_acl, **K, ACL="private") == "AccessControlListNotSupported"
assert code(owner.put_object, **K, ACL="private") == "AccessControlListNotSupported"
owner.delete_bucket_ownership_controls(**B)
assert unsigned("/owned/parts") == 200

for call in (owner.put_object, owner.create_multipart_upload):
    assert code(call, **K, ACL="log-delivery-write") == "NotImplemented"

"""Two users of one endpoint, whom a plug-in tells apart: boto3 writes and deletes as
each what the plug-in's rules allow, one after the other and both at the same time."""

from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from corpus import environment

PART = 5 * 1024 * 1024


def user(name: str):
    return boto3.client(
        "s3",
        endpoint_url=environment("ENDPOINT"),
        aws_access_key_id=name,
        aws_secret_access_key=f"secret-of-{name}-which-is-long",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
    )


def refused(call, **kwargs):
    try:
        call(**kwargs)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error.response
        return
    raise AssertionError(f"{call.__name__}({kwargs}) went through")


ada, bob = user("ADA"), user("BOB")
for client, own, other in ((ada, "ada/", "bob/"), (bob, "bob/", "ada/")):
    for prefix in (own, "shared/"):
        client.put_object(Bucket="main", Key=f"{prefix}k", Body=b"x")
        client.delete_object(Bucket="main", Key=f"{prefix}k")
    client.put_object(Bucket="main", Key=f"{own}kept", Body=b"kept")
    refused(client.put_object, Bucket="main", Key=f"{other}k", Body=b"x")
    refused(client.put_object, Bucket="main", Key="elsewhere", Body=b"x")
    large = client.create_multipart_upload(Bucket="main", Key=f"{own}large")["UploadId"]
    part = {"Bucket": "main", "Key": f"{own}large", "UploadId": large, "PartNumber": 1}
    etag = client.upload_part(**part, Body=bytes(PART))["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(
        Bucket="main", Key=f"{own}large", UploadId=large, MultipartUpload=parts
    )
for client, other in ((ada, "bob/"), (bob, "ada/")):
    assert client.get_object(Bucket="main", Key=f"{other}kept")["Body"].read() == b"kept"
    refused(client.delete_object, Bucket="main", Key=f"{other}kept")
    refused(
        client.copy_object,
        Bucket="main",
        Key=f"{other}copy",
        CopySource={"Bucket": "main", "Key": f"{other}kept"},
    )


def mixed(number: int) -> None:
    client, own, other = ((ada, "ada/", "bob/"), (bob, "bob/", "ada/"))[number % 2]
    client.put_object(Bucket="main", Key=f"{own}{number}", Body=bytes(number * 1000))
    refused(client.put_object, Bucket="main", Key=f"{other}{number}", Body=bytes(number * 1000))
    client.delete_object(Bucket="main", Key=f"{own}{number}")


with ThreadPoolExecutor(16) as pool:
    list(pool.map(mixed, range(200)))

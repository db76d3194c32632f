"""A boto3 client for the server under test, as the environment describes it."""

import boto3
from botocore.config import Config
from corpus import environment


def client(secret: str | None = None, **config):
    return boto3.client(
        "s3",
        endpoint_url=environment("ENDPOINT"),
        aws_access_key_id=environment("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=secret or environment("AWS_SECRET_ACCESS_KEY"),
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 0},
            max_pool_connections=16,
            read_timeout=120,
            **config,
        ),
    )


def code(call, *args, **kwargs) -> str:
    """The error code that a call ends with."""
    from botocore.exceptions import ClientError

    try:
        call(*args, **kwargs)
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("the call went through")

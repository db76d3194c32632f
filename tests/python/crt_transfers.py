"""boto3 with the transfers of the AWS Common Runtime, which sends parts and ranges of its own."""

import json
import sys
import time
from pathlib import Path

import botocore.session
import s3
from corpus import MIB, environment
from s3transfer.crt import (
    BotocoreCRTCredentialsWrapper,
    BotocoreCRTRequestSerializer,
    CRTTransferManager,
    create_s3_crt_client,
)

bucket, work = sys.argv[1], Path(sys.argv[2])
source = work / "source"
client = s3.client()
session = botocore.session.get_session()
credentials = BotocoreCRTCredentialsWrapper(session.get_credentials()).to_crt_credentials_provider()
runtime = create_s3_crt_client("us-east-1", credentials, use_ssl=False, part_size=5 * MIB)
where = {"region_name": "us-east-1", "endpoint_url": environment("ENDPOINT")}
manager = CRTTransferManager(runtime, BotocoreCRTRequestSerializer(session, where))

# -- upload, all at once; what is above the part size goes in parts


def fetched(path: Path) -> bytes:
    """A file gets its name by a callback that may run after the result is there."""
    for _ in range(100):
        if path.exists():
            break
        time.sleep(0.1)
    return path.read_bytes()


files = {str(path.relative_to(source)): path for path in source.rglob("*") if path.is_file()}
with manager:
    sent = lambda: {"ContentType": "text/x-test", "Metadata": {"origin": "test"}}
    for done in [manager.upload(str(path), bucket, key, sent()) for key, path in files.items()]:
        done.result()
    listed = {entry["Key"]: entry for entry in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed.keys() == files.keys(), listed.keys() ^ files.keys()
    for key in files:
        head = client.head_object(Bucket=bucket, Key=key)
        assert (head["ContentType"], head["Metadata"]) == ("text/x-test", {"origin": "test"}), key
    print("did: upload")
    assert listed["large.bin"]["ETag"].endswith('-3"'), listed["large.bin"]
    print("did: multipart")

    # -- download; it learns the size of an empty object from the error for its first range

    back = work / "back"
    for key in files:
        (back / key).parent.mkdir(parents=True, exist_ok=True)
    for done in [manager.download(bucket, key, str(back / key)) for key in files]:
        done.result()
    for key, path in files.items():
        assert fetched(back / key) == path.read_bytes(), key
    print("did: download")
    print("did: range")

    # -- keys that are hard to write in a URL

    keys = [f"odd/{key}" for key in json.loads((work / "keys.json").read_text())]
    for key in keys:
        manager.upload(str(source / "plain.txt"), bucket, key).result()
        manager.download(bucket, key, str(work / "odd")).result()
        assert fetched(work / "odd") == (source / "plain.txt").read_bytes(), key
        (work / "odd").unlink()
    listed = client.list_objects_v2(Bucket=bucket, Prefix="odd/")["Contents"]
    assert sorted(entry["Key"] for entry in listed) == sorted(keys)

    # -- delete

    for done in [manager.delete(bucket, key) for key in [*files, *keys]]:
        done.result()
assert "Contents" not in client.list_objects_v2(Bucket=bucket)
print("did: delete")

"""boto3 over a chain of built-in stores and plug-ins, while other stores of the
same process do harm without a pause."""

import gzip
import io
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError, ResponseStreamingError
from s3 import client, code

bucket, lost, hostile = sys.argv[1], sys.argv[2], sys.argv[3:]
s3 = client()

# -- harm, and somebody who asks for it, for as long as the rest takes

over = threading.Event()
refused = {name: 0 for name in hostile}


def attack(name):
    own = client()
    while not over.is_set():
        try:
            own.get_object(Bucket=name, Key="bad")["Body"].read()
            raise AssertionError(f"{name}: harm was served")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] >= 400, error.response
            refused[name] += 1
        except ResponseStreamingError:
            # The harm came after the head of the answer: the rest is cut off.
            refused[name] += 1
        over.wait(0.01)


attackers = ThreadPoolExecutor(len(hostile))
attacks = [attackers.submit(attack, name) for name in hostile]

# -- documents go in and come out, whole, in part and listed

documents = {
    f"team-{i % 4}/{i:02}.json": json.dumps({"name": f"person {i}", "notes": "ü" * i * 500}).encode()
    for i in range(40)
}


def put(item):
    key, body = item
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", Metadata={"n": key[-7:-5]})


def get(item):
    key, body = item
    answer = s3.get_object(Bucket=bucket, Key=key)
    assert answer["Body"].read() == body, key
    assert (answer["ContentType"], answer["Metadata"]) == ("application/json", {"n": key[-7:-5]}), key
    assert answer["ContentLength"] == len(body), key
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=5-14")
    assert part["Body"].read() == body[5:15], key
    head = s3.head_object(Bucket=bucket, Key=key)
    assert (head["ContentLength"], head["ETag"]) == (len(body), answer["ETag"]), key


with ThreadPoolExecutor(4) as pool:
    list(pool.map(put, documents.items()))
    list(pool.map(get, documents.items()))

pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 7})
listed = {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}
assert sorted(listed) == sorted(documents), listed
below = s3.list_objects_v2(Bucket=bucket, Prefix="team-1/")
assert [entry["Key"] for entry in below["Contents"]] == sorted(k for k in documents if k.startswith("team-1/"))

# -- each link of the chain does its part

try:
    s3.put_object(Bucket=bucket, Key="wrong.json", Body=b'{"name": "x", "address": {"zip": "12"}}')
    raise AssertionError("a document that the schema does not allow went through")
except ClientError as error:
    answer = error.response["Error"]
    assert answer["Code"] == "InvalidArgument", answer
    assert "document.address.zip" in answer["Message"], answer
assert code(s3.put_object, Bucket=bucket, Key="wrong.json", Body=b"{") == "InvalidArgument"
assert code(s3.get_object, Bucket=bucket, Key="wrong.json") == "NoSuchKey"
assert code(s3.put_object, Bucket=bucket, Key="wrong.txt", Body=b"{}") == "InvalidArgument"

key, body = next(iter(documents.items()))
newer = json.dumps({"name": "another"}).encode()
s3.put_object(Bucket=bucket, Key=key, Body=newer)
assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == newer
s3.delete_object(Bucket=bucket, Key=key)
assert code(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"
kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket=lost)["Contents"]]
assert len(kept) == 2 and all(name.endswith("Z/" + key) for name in kept), kept
# The pack stands below the compression, so its trash holds compressed objects.
found = [gzip.GzipFile(fileobj=io.BytesIO(s3.get_object(Bucket=lost, Key=name)["Body"].read())).read() for name in kept]
assert found == [body, newer], kept

# -- the rest is as it was, and all harm was refused

with ThreadPoolExecutor(4) as pool:
    list(pool.map(get, [item for item in documents.items() if item[0] != key]))
over.set()
for attacked in attacks:
    attacked.result()
assert all(refused.values()), refused
print(f"did: {len(documents)} documents; refused: {refused}")

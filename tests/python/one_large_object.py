"""boto3 streams one large object in and out: it is the same, and the server
stays small."""

import hashlib
import io
import random
import sys

from boto3.s3.transfer import TransferConfig
from corpus import MIB, assert_peak_below
from s3 import client

bucket, size, kind, pid = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
s3 = client()


class Source(io.RawIOBase):
    """`size` bytes that are never in memory together."""

    def __init__(self):
        self.left, self.digest, self.rng = size, hashlib.sha256(), random.Random(1)
        self.block = self.rng.randbytes(16 * 1024) * 64  # within gzip's window

    def readable(self):
        return True

    def read(self, n=-1):
        n = min(self.left, MIB if n < 0 else n)
        data = self.rng.randbytes(n) if kind == "random" else (self.block * (n // MIB + 1))[:n]
        self.left -= n
        self.digest.update(data)
        return data


source = Source()
transfer = TransferConfig(multipart_chunksize=64 * MIB, max_concurrency=2)
s3.upload_fileobj(source, bucket, "large", Config=transfer)
head = s3.head_object(Bucket=bucket, Key="large")
assert head["ContentLength"] == size, head["ContentLength"]
body = s3.get_object(Bucket=bucket, Key="large")["Body"]
digest = hashlib.sha256()
for chunk in body.iter_chunks(MIB):
    digest.update(chunk)
assert digest.digest() == source.digest.digest(), "the bytes came back different"
s3.delete_object(Bucket=bucket, Key="large")
print(f"{size / MIB:.0f} MiB of {kind} bytes went in and out")
assert_peak_below(pid, 200)

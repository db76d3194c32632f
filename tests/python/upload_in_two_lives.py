"""Begins an upload in parts, and finishes it when the server has been started again."""

import sys

from s3 import client, code

PART = b"a" * 5 * 1024 * 1024
s3 = client()
named = dict(Bucket="main", Key="large")

if sys.argv[1] == "begin":
    upload = s3.create_multipart_upload(**named, Metadata={"kept": "yes"})["UploadId"]
    s3.upload_part(**named, UploadId=upload, PartNumber=1, Body=PART)
    aborted = s3.create_multipart_upload(**named)["UploadId"]
    s3.abort_multipart_upload(**named, UploadId=aborted)
    print(upload)
else:
    upload = sys.argv[2]
    begun = s3.list_multipart_uploads(Bucket="main")["Uploads"]
    assert [found["UploadId"] for found in begun] == [upload], begun
    [first] = s3.list_parts(**named, UploadId=upload)["Parts"]
    last = s3.upload_part(**named, UploadId=upload, PartNumber=2, Body=b"end")
    parts = [
        {"PartNumber": 1, "ETag": first["ETag"]},
        {"PartNumber": 2, "ETag": last["ETag"]},
    ]
    complete = dict(named, UploadId=upload, MultipartUpload={"Parts": parts})
    done = s3.complete_multipart_upload(**complete)
    assert s3.complete_multipart_upload(**complete)["ETag"] == done["ETag"]
    only_first = dict(complete, MultipartUpload={"Parts": parts[:1]})
    assert code(s3.complete_multipart_upload, **only_first) == "NoSuchUpload"
    assert code(s3.abort_multipart_upload, **named, UploadId=upload) == "NoSuchUpload"
    read = s3.get_object(**named)
    assert read["Body"].read() == PART + b"end"
    assert (read["Metadata"], read["ETag"]) == ({"kept": "yes"}, done["ETag"])
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="main")

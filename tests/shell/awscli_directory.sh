#!/usr/bin/env bash
# The aws CLI syncs a directory in and out again: the trees are equal.
set -euo pipefail
trap 'echo "line $LINENO failed: $BASH_COMMAND" >&2' ERR
bucket=$1 source=$2 work=$3 pid=$4
aws() { command aws --endpoint-url "$ENDPOINT" "$@"; }

# Objects have times of whole seconds, as in S3: a file of the same second would be newer.
find "$source" -exec touch -d '1 minute ago' {} +
aws s3 sync --only-show-errors "$source" "s3://$bucket/tree"
test "$(aws s3 ls --recursive "s3://$bucket/tree/" | wc -l)" = "$(find "$source" -type f | wc -l)"
echo "did: upload"
echo "did: list"
# Sizes and times are right in the listing, so there is nothing left to do.
test -z "$(aws s3 sync "$source" "s3://$bucket/tree")"
aws s3 sync --only-show-errors "s3://$bucket/tree" "$work/back"
diff -r "$source" "$work/back"
rm -r "$work/back"
echo "did: sync"
echo "did: download"

# What is above 8 MiB went in parts.
large=$(find "$source" -type f -size +9M -printf '%P\n')
etag=$(aws s3api head-object --bucket "$bucket" --key "tree/$large" --query ETag --output text)
case $etag in *-[0-9]*) echo "did: multipart" ;; *) echo "the etag of parts: $etag" >&2 && exit 1 ;; esac
aws s3api get-object --bucket "$bucket" --key "tree/$large" --range bytes=9000000-9000999 "$work/piece" > /dev/null
cmp "$work/piece" <(dd if="$source/$large" iflag=skip_bytes,count_bytes skip=9000000 count=1000 status=none)
echo "did: range"
aws s3 cp --only-show-errors "s3://$bucket/tree/$large" "s3://$bucket/copy +%20# é"
curl -sSf -o "$work/copy" "$(aws s3 presign "s3://$bucket/copy +%20# é")"
cmp "$work/copy" "$source/$large"
rm "$work/copy" "$work/piece"
echo "did: copy"
echo "did: presigned"
echo "hello" | aws s3 cp --only-show-errors - "s3://$bucket/from stdin"
test "$(aws s3 cp --only-show-errors "s3://$bucket/from stdin" -)" = hello
aws s3 mv --only-show-errors "s3://$bucket/from stdin" "s3://$bucket/moved"
aws s3api head-object --bucket "$bucket" --key moved > /dev/null
aws s3 rm --only-show-errors --recursive "s3://$bucket"
test -z "$(aws s3 ls --recursive "s3://$bucket/")"
echo "did: delete"
peak=$(awk '/VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")
echo "peak memory of the server: $peak MiB (limit 200)"
test "$peak" -lt 200

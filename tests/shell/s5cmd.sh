#!/usr/bin/env bash
# s5cmd copies, syncs, lists, signs and deletes.
. "$(dirname "$0")/lib.sh"
export S3_ENDPOINT_URL=$ENDPOINT
s5() { s5cmd --retry-count 0 "$@"; }
quietly() { s5 "$@" > /dev/null; }
# Keys of a listing, without `s3://BUCKET/`.
keys() { s5 ls --show-fullpath "$1" | cut -d/ -f4- | LC_ALL=C sort; }

# Objects have times of whole seconds, as in S3: a file of the same second would be newer.
find "$source" -exec touch -d '1 minute ago' {} +

# -- upload and multipart: what is above the part size goes in parts

quietly cp --part-size 5 "$source/" "s3://$bucket/tree/"
equal "the keys of the tree" "$(keys "s3://$bucket/tree/*")" "$(names "$source" | sed 's|^|tree/|')"
did upload
in_parts 3 "$(s5 presign "s3://$bucket/tree/large.bin")"
did multipart

# -- list: one level, sizes, totals

equal "one level" "$(s5 ls "s3://$bucket/" | tr -s ' ')" " DIR tree/"
equal "the sum of sizes" "$(s5 du "s3://$bucket/*" | cut -d' ' -f1,4)" \
    "$(find "$source" -type f -printf '%s\n' | awk '{n += $1} END {print n}') $(names "$source" | wc -l)"
did list

# -- download, whole and (above the part size) in ranges at a time

quietly cp --part-size 5 --concurrency 4 "s3://$bucket/tree/large.bin" "$work/large"
same "a file read in ranges" "$source/large.bin" "$work/large"
did range
quietly cp "s3://$bucket/tree/*" "$work/back/"
diff -r "$source" "$work/back"
equal "an object on standard output" "$(s5 cat "s3://$bucket/tree/plain.txt")" "$(cat "$source/plain.txt")"
did download

# -- sync, in and out: what is the same stays, what is gone goes

left=$(s5 sync "$source/" "s3://$bucket/tree/")
equal "a sync with nothing to do" "$left" ""
cp -r "$source" "$work/changed"
rm "$work/changed/plain.txt"
echo "longer than it was, and newer" > "$work/changed/one.bin"
quietly sync --delete "$work/changed/" "s3://$bucket/tree/"
equal "the keys after a sync" "$(keys "s3://$bucket/tree/*")" "$(names "$work/changed" | sed 's|^|tree/|')"
quietly sync --delete "s3://$bucket/tree/*" "$work/back/"
diff -r "$work/changed" "$work/back"
did sync

# -- copy and move within the bucket

quietly cp "s3://$bucket/tree/large.bin" "s3://$bucket/copy +%20# é"
quietly mv "s3://$bucket/copy +%20# é" "s3://$bucket/moved 🚀"
quietly cp "s3://$bucket/moved 🚀" "$work/moved"
same "a copy" "$source/large.bin" "$work/moved"
refused "reading what was moved away" s5 cat "s3://$bucket/copy +%20# é"
did copy

# -- presigned

equal "a presigned URL" "$(curl -sSf "$(s5 presign "s3://$bucket/tree/deep/er/est.txt")")" \
    "$(cat "$source/deep/er/est.txt")"
did presigned

# -- keys that are no paths, as far as s5cmd takes them: it refuses wildcards
#    and a slash at the end in the name of a target

for key in "two//slashes" "one/../two" "./dot" "/rooted" "quote'\"" "a+b %2B" "…/日本 🚀"; do
    echo "at $key" | quietly pipe "s3://$bucket/odd/$key"
    equal "the object $key" "$(s5 cat "s3://$bucket/odd/$key")" "at $key"
done
equal "the number of odd keys" "$(keys "s3://$bucket/odd/*" | wc -l)" 7

# -- delete, one and many

quietly rm "s3://$bucket/odd/two//slashes"
refused "reading what was deleted" s5 cat "s3://$bucket/odd/two//slashes"
quietly rm "s3://$bucket/*"
left=$(s5 ls "s3://$bucket")
equal "the empty bucket" "$left" ""
did delete

#!/usr/bin/env bash
# s3cmd puts, gets, syncs, lists, signs and deletes.
. "$(dirname "$0")/lib.sh"
host=${ENDPOINT#http://}
cat > "$work/s3cfg" <<END
[default]
access_key = $AWS_ACCESS_KEY_ID
secret_key = $AWS_SECRET_ACCESS_KEY
host_base = $host
host_bucket = $host
use_https = False
END
s3() { s3cmd --config "$work/s3cfg" --no-progress --max-retries=1 "$@"; }
# Keys of a listing, without `s3://BUCKET/`.
keys() { s3 ls --recursive "$1" | sed "s|.* s3://$bucket/||" | LC_ALL=C sort; }

# -- upload and multipart: what is above the chunk size goes in parts

equal "the buckets" "$(s3 ls | cut -d' ' -f4)" "s3://$bucket"
s3 put --quiet --recursive --multipart-chunk-size-mb=5 "$source/" "s3://$bucket/tree/"
equal "the keys of the tree" "$(keys "s3://$bucket/tree/")" "$(names "$source" | sed 's|^|tree/|')"
s3 put --quiet - "s3://$bucket/stdin" < "$source/one.bin"
did upload
in_parts 3 "$(s3 signurl "s3://$bucket/tree/large.bin" +600)"
equal "uploads under way" "$(s3 multipart "s3://$bucket" | wc -l)" 2 # its heading
did multipart

# -- list: one level, sizes, totals

equal "one level" "$(s3 ls "s3://$bucket" | awk '{print $NF}')" "s3://$bucket/tree/
s3://$bucket/stdin"
equal "the sum of sizes" "$(s3 du "s3://$bucket/tree/" | awk '{print $1, $2}')" \
    "$(find "$source" -type f -printf '%s\n' | awk '{n += $1} END {print n}') $(names "$source" | wc -l)"
equal "the MD5 that s3cmd shows" "$(s3 info "s3://$bucket/tree/plain.txt" | awk '/MD5 sum/ {print $3}')" \
    "$(md5sum < "$source/plain.txt" | cut -d' ' -f1)"
did list

# -- download, whole and (what is there in part already) from the middle

mkdir "$work/back"
s3 get --quiet --recursive "s3://$bucket/tree/" "$work/back/"
diff -r "$source" "$work/back"
equal "an object on standard output" "$(s3 get --quiet "s3://$bucket/tree/plain.txt" -)" "$(cat "$source/plain.txt")"
did download
head -c 7000000 "$source/large.bin" > "$work/large"
s3 get --quiet --continue "s3://$bucket/tree/large.bin" "$work/large"
same "a file whose rest was read" "$source/large.bin" "$work/large"
did range

# -- sync, in and out: what is the same stays, what is gone goes

left=$(s3 sync "$source/" "s3://$bucket/tree/")
equal "a sync with nothing to do" "$left" ""
cp -r "$source" "$work/changed"
rm "$work/changed/plain.txt"
echo "not what it was" > "$work/changed/one.bin"
s3 sync --quiet --delete-removed "$work/changed/" "s3://$bucket/tree/"
equal "the keys after a sync" "$(keys "s3://$bucket/tree/")" "$(names "$work/changed" | sed 's|^|tree/|')"
s3 sync --quiet --delete-removed "s3://$bucket/tree/" "$work/back/"
diff -r "$work/changed" "$work/back"
did sync

# -- copy, move, new metadata

s3 cp --quiet "s3://$bucket/tree/large.bin" "s3://$bucket/copy +%20# é"
s3 mv --quiet "s3://$bucket/copy +%20# é" "s3://$bucket/moved 🚀"
s3 modify --quiet --add-header='x-amz-meta-seen: yes' "s3://$bucket/moved 🚀"
equal "changed metadata" "$(s3 info "s3://$bucket/moved 🚀" | awk '/x-amz-meta-seen/ {print $2}')" yes
s3 get --quiet "s3://$bucket/moved 🚀" "$work/moved"
same "a copy" "$source/large.bin" "$work/moved"
refused "reading what was moved away" s3 get "s3://$bucket/copy +%20# é" -
did copy

# -- presigned, in version 2, which is all that s3cmd signs URLs with

equal "a presigned URL" "$(curl -sSf "$(s3 signurl "s3://$bucket/tree/deep/er/est.txt" +600)")" \
    "$(cat "$source/deep/er/est.txt")"
did presigned

# -- keys that are no paths, as far as s3cmd takes them: to it a slash at the
#    end is a folder to put the file in

for key in "two//slashes" "one/../two" "./dot" "/rooted" "quote'\"" "a+b %2B" "…/日本 🚀" "what?a=1&b#c*"; do
    echo "at $key" > "$work/odd"
    s3 put --quiet "$work/odd" "s3://$bucket/odd/$key"
    equal "the object $key" "$(s3 get --quiet "s3://$bucket/odd/$key" -)" "at $key"
done
equal "the number of odd keys" "$(keys "s3://$bucket/odd/" | wc -l)" 8

# -- delete, one and many

s3 del --quiet "s3://$bucket/odd/two//slashes"
refused "reading what was deleted" s3 get "s3://$bucket/odd/two//slashes" -
s3 del --quiet --recursive --force "s3://$bucket"
left=$(s3 ls --recursive "s3://$bucket")
equal "the empty bucket" "$left" ""
did delete

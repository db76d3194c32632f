#!/usr/bin/env bash
# rclone copies, syncs, checks, lists, links and deletes.
. "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG=/dev/null RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1
export RCLONE_CONFIG_HERE_TYPE=s3 RCLONE_CONFIG_HERE_PROVIDER=Other RCLONE_CONFIG_HERE_ENV_AUTH=true
export RCLONE_CONFIG_HERE_ENDPOINT=$ENDPOINT RCLONE_CONFIG_HERE_REGION=$AWS_DEFAULT_REGION
export RCLONE_S3_UPLOAD_CUTOFF=5Mi RCLONE_S3_CHUNK_SIZE=5Mi
there=here:$bucket
keys() { rclone lsf --recursive --files-only "$1" | LC_ALL=C sort; }

equal "the version" "$(rclone version | sed -n 1p)" "rclone v1.75.0"

# -- upload and multipart: what is above the cutoff goes in parts

rclone copy "$source" "$there/tree"
equal "the keys of the tree" "$(keys "$there/tree")" "$(names "$source")"
rclone check "$source" "$there/tree" 2> /dev/null
# One file to a key of its own makes sure of the bucket first.
rclone copyto "$source/plain.txt" "$there/single"
rclone rcat "$there/from stdin" < "$source/plain.txt"
equal "one object" "$(rclone cat "$there/single")" "$(cat "$source/plain.txt")"
equal "an object from standard input" "$(rclone cat "$there/from stdin")" "$(cat "$source/plain.txt")"
did upload
equal "the MD5 of an object in parts" "$(rclone md5sum "$there/tree/large.bin" | cut -d' ' -f1)" \
    "$(md5sum < "$source/large.bin" | cut -d' ' -f1)"
in_parts 3 "$(rclone link --expire 1h "$there/tree/large.bin")"
did multipart

# -- list: one level, sizes, times

equal "one level" "$(rclone lsf "$there" | LC_ALL=C sort)" "from stdin
single
tree/"
equal "the number of objects and the sum of sizes" "$(rclone size --json "$there/tree" | tr -cd '0-9,')" \
    "$(names "$source" | wc -l),$(find "$source" -type f -printf '%s\n' | awk '{n += $1} END {print n}'),0"
equal "the time of a file" "$(rclone lsf --format t "$there/tree/plain.txt")" \
    "$(date -r "$source/plain.txt" '+%F %T')"
did list

# -- download, whole and in ranges

rclone copy "$there/tree" "$work/back"
diff -r "$source" "$work/back"
rclone check --download "$work/back" "$there/tree" 2> /dev/null
did download
rclone cat --offset 6000000 --count 1000000 "$there/tree/large.bin" > "$work/piece"
same "a range" "$work/piece" <(piece "$source/large.bin" 6000000 1000000)
equal "the last bytes" "$(rclone cat --tail 4 "$there/tree/plain.txt")" "$(tail -c 4 "$source/plain.txt")"
did range

# -- sync, in and out: what is the same stays, what is gone goes

rclone sync -v "$source" "$there/tree" 2> "$work/log"
grep -q 'There was nothing to transfer' "$work/log"
cp -a "$source" "$work/changed"
rm "$work/changed/plain.txt"
echo "not what it was" > "$work/changed/one.bin"
rclone sync "$work/changed" "$there/tree"
equal "the keys after a sync" "$(keys "$there/tree")" "$(names "$work/changed")"
rclone sync "$there/tree" "$work/back"
diff -r "$work/changed" "$work/back"
did sync

# -- copy and move within the bucket, whole and (above the cutoff) in parts

rclone copyto "$there/tree/large.bin" "$there/copy +%20# é"
RCLONE_S3_COPY_CUTOFF=5Mi rclone copyto "$there/tree/large.bin" "$there/copy in parts"
rclone moveto "$there/copy +%20# é" "$there/moved 🚀"
rclone copyto "$there/moved 🚀" "$work/moved"
same "a copy" "$source/large.bin" "$work/moved"
rclone copyto "$there/copy in parts" "$work/parts"
same "a copy in parts" "$source/large.bin" "$work/parts"
left=$(rclone lsf --files-only "$there" --include 'copy +*')
equal "what was moved away" "$left" ""
did copy

# -- presigned

equal "a presigned URL" "$(curl -sSf "$(rclone link --expire 1h "$there/tree/deep/er/est.txt")")" \
    "$(cat "$source/deep/er/est.txt")"
did presigned

# -- keys that are no paths, as far as rclone takes them: it makes one slash of
#    two, and writes a segment `.` with a character that looks alike

for key in "quote'\"" "a+b %2B" "…/日本 🚀" "what?a=1&b#c*"; do
    echo "at $key" | rclone rcat "$there/odd/$key"
    equal "the object $key" "$(rclone cat "$there/odd/$key")" "at $key"
done
equal "the number of odd keys" "$(keys "$there/odd" | wc -l)" 4

# -- delete, one and many

rclone deletefile "$there/odd/a+b %2B"
equal "the number of odd keys, less one" "$(keys "$there/odd" | wc -l)" 3
rclone purge "$there/tree"
rclone delete "$there"
left=$(keys "$there")
equal "the empty bucket" "$left" ""
did delete

#!/usr/bin/env bash
# restic backs up a tree, checks every byte, restores it, and prunes.
. "$(dirname "$0")/lib.sh"
export RESTIC_PASSWORD="a password" RESTIC_CACHE_DIR=$work/cache
export RESTIC_REPOSITORY=s3:$ENDPOINT/$bucket/backups/one
restic() { command restic -o s3.bucket-lookup=path --quiet "$@"; }
# The names of the objects in a folder of the repository, a line each.
objects() {
    curl -sSf --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        "$ENDPOINT/$bucket?list-type=2&prefix=backups%2Fone%2F$1%2F" | { grep -o '<Key>[^<]*' || true; } | sed 's|.*/||'
}
# restored SNAPSHOT DIRECTORY: the tree of the snapshot is that in the directory.
restored() {
    rm -rf "$work/back"
    restic restore "$1" --target "$work/back"
    diff -r --no-dereference "$2" "$work/back/$tree"
}

# -- a tree: hundreds of files, large ones, names that are hard to keep

tree=$work/tree
mkdir "$tree"
cp -r "$source" "$tree/odd"
for i in $(seq 400); do
    mkdir -p "$tree/many/$((i % 17))"
    seq "$i" $((i * 7)) > "$tree/many/$((i % 17))/file $i"
done
python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(25_000_000))' > "$tree/random.bin"
head -c 10000000 /dev/zero > "$tree/zeros.bin"
mkdir "$tree/empty folder" "$tree/"$'a\nb\\' "$tree/"$'latin-1 \xe9'
echo "in a folder of two lines" > "$tree/"$'a\nb\\/c'
echo "not UTF-8" > "$tree/"$'latin-1 \xe9/\xff'
ln -s nowhere "$tree/link"

# -- backups: nothing is there, then all of it, then only what is new goes

refused "a repository before it is made" restic snapshots
restic init
refused "a second one in its place" restic init
restic backup "$tree"
equal "the snapshots" "$(objects snapshots | wc -l)" 1
first=$(objects snapshots | cut -c -8)
did backup

cp -a "$tree" "$work/before"
rm "$tree/many/3/file 3" "$tree/odd/large.bin"
mv "$tree/many/5" "$tree/renamed é"
echo "more" >> "$tree/random.bin"
seq 100000 > "$tree/new"
command restic -o s3.bucket-lookup=path --json backup "$tree" > "$work/report"
added=$(tail -n 1 "$work/report" | grep -o '"data_added":[0-9]*' | cut -d: -f2)
[ "$added" -lt 6000000 ] || equal "the bytes of the second backup" "$added" "less than 6000000"
equal "the snapshots" "$(objects snapshots | wc -l)" 2
restic check --read-data
restored "$first" "$work/before"
restored latest "$tree"
restic dump "$first" "$tree/odd/large.bin" > "$work/large"
same "a file out of the first snapshot" "$source/large.bin" "$work/large"
did restore

# -- the lock of a restic that was killed: in the way until it is taken off

mkfifo "$work/pipe"
exec 8<> "$work/pipe"
command restic -o s3.bucket-lookup=path --quiet backup --stdin < "$work/pipe" & writer=$!
until [ -n "$(objects locks)" ]; do sleep 0.1; done
refused "pruning while another one writes" restic forget --keep-last 1 --prune
{ kill -9 $writer && wait $writer; } 2> /dev/null || true
exec 8>&-
restic unlock
left=$(objects locks)
equal "the locks" "$left" ""
did unlock

# -- prune: the first snapshot goes, with all that only it had

packs=$(objects data)
restic forget --keep-last 1 --prune
equal "the snapshots" "$(objects snapshots | wc -l)" 1
refused "a snapshot that was forgotten" restic cat snapshot "$first"
[ "$(objects data)" != "$packs" ] || equal "the packs" "the same as before" "others"
export RESTIC_CACHE_DIR=$work/another
mkdir "$RESTIC_CACHE_DIR"
restic check --read-data
restored latest "$tree"
did prune

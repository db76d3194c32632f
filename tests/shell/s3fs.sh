#!/usr/bin/env bash
# s3fs mounts the bucket: what is true of files is true of its objects.
. "$(dirname "$0")/lib.sh"
mount=$work/mount
mkdir "$mount" "$work/tmp"
unmount() { fusermount -u "$mount"; }
trap 'cd /; ! mountpoint -q "$mount" || unmount || umount --lazy "$mount"' EXIT
# Files above 10 MB go in parts.
mounted() {
    s3fs "$bucket" "$mount" -o "url=$ENDPOINT,use_path_request_style,retries=1" \
        -o "multipart_size=5,use_xattr,tmpdir=$work/tmp"
    mountpoint -q "$mount"
}
# again: what is read now comes from the server.
again() {
    cd "$work"
    unmount
    mounted
    cd "$mount"
}
# The name, mode, size and time (of whole seconds) of each file below a folder.
facts() {
    find "$1" -type f -printf '%P %m %s %TY-%Tm-%Td %TT\n' | sed 's/\.[0-9]*$//' | LC_ALL=C sort
}

mounted
found=$(ls -A "$mount")
equal "an empty bucket" "$found" ""

# -- a tree, copied with its times

cp -r --preserve=mode,timestamps "$source" "$mount/tree"
diff -r "$source" "$mount/tree"
again
diff -r "$source" "$mount/tree"
equal "names, modes, sizes and times" "$(facts "$mount/tree")" "$(facts "$source")"
did copy

# -- folders, also below one another

cd "$mount"
mkdir -p "a/b/c/d é" empty
mkdir a/b/sibling
refused "making a folder twice" mkdir a/b
refused "removing a folder that is not empty" rmdir a/b
echo deep > "a/b/c/d é/file"
rmdir a/b/sibling
again
equal "the folders" "$(find a empty | LC_ALL=C sort)" "a
a/b
a/b/c
a/b/c/d é
a/b/c/d é/file
empty"
equal "a file in them" "$(cat "a/b/c/d é/file")" deep
did folders

# -- writing: again, at the end, in the middle, less, more

echo one > file
echo two >> file
echo three > other
equal "a file that grew" "$(cat file)" "one
two"
echo new > file
printf X | dd of=file bs=1 seek=1 conv=notrunc status=none
equal "a file written in the middle" "$(cat file)" nXw
truncate -s 2 file
cp "$source/large.bin" large
tail -c 1000000 "$source/large.bin" >> large
cat "$source/large.bin" <(tail -c 1000000 "$source/large.bin") > "$work/large"
printf 'in the middle' | dd of=large bs=1 seek=6000000 conv=notrunc status=none
printf 'in the middle' | dd of="$work/large" bs=1 seek=6000000 conv=notrunc status=none
cp large cut
cp large longer
cp "$work/large" "$work/longer"
truncate -s 11000000 cut
truncate -s 20000000 longer "$work/longer"
: > nothing
again
equal "a file that was cut" "$(cat file)" nX
equal "another one" "$(cat other)" three
same "a large file that was changed" "$work/large" large
same "a large file that was cut" <(head -c 11000000 "$work/large") cut
same "a large file with zeros at its end" "$work/longer" longer
same "a piece of it" <(piece longer 5242000 2000) <(piece "$work/large" 5242000 2000)
equal "an empty file" "$(stat -c %s nothing)" 0
did write

# -- renaming: files, large files, folders, over what is there

mv file "renamed +%20# é"
mv other nothing
mv large "a/large one"
mv a "moved a"
refused "reading what was renamed" cat file
mv tree "moved a/b/tree"
again
equal "a file" "$(cat "renamed +%20# é")" nX
equal "a file over another" "$(cat nothing)" three
same "a large file, twice" "$work/large" "moved a/large one"
diff -r "$source" "moved a/b/tree"
equal "the first level" "$(ls)" "cut
empty
longer
moved a
nothing
renamed +%20# é"
did rename

# -- what is known of a file: modes, owners, times, attributes, links

chmod 640 cut
chmod 700 empty
chown 1234:5678 cut
touch -d '2001-02-03 04:05:06Z' nothing
python3 -c 'import os; os.setxattr("nothing", "user.note", "a note: é".encode())'
ln -s "moved a/b" link
ln -s "nowhere é" dangling
again
equal "modes and owners" "$(stat -c '%n %F %a %u %g' cut empty)" "cut regular file 640 1234 5678
empty directory 700 0 0"
same "a large file with another mode" <(head -c 11000000 "$work/large") cut
equal "a time" "$(stat -c %Y nothing)" 981173106
equal "an attribute" "$(python3 -c 'import os; print(os.getxattr("nothing", "user.note").decode())')" "a note: é"
equal "links" "$(readlink link dangling)" "moved a/b
nowhere é"
equal "a file behind a link" "$(cat "link/c/d é/file")" deep
did metadata

# -- many files in one folder, and what others put into the bucket

mkdir many
for i in $(seq 120); do echo "$i" > "many/$i"; done
equal "many files" "$(cat many/* | sort -n | sha256sum)" "$(seq 120 | sha256sum)"
again
equal "the number of many files" "$(ls many | wc -l)" 120
equal "many files" "$(cat many/* | sort -n | sha256sum)" "$(seq 120 | sha256sum)"
signed() {
    curl -sSf --aws-sigv4 "aws:amz:$AWS_DEFAULT_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" "$@"
}
echo "from elsewhere" | signed -T - "$ENDPOINT/$bucket/no/marker/file"
equal "a file of another program" "$(cat no/marker/file)" "from elsewhere"
equal "it as an object" "$(signed "$ENDPOINT/$bucket/many/7")" 7
did list

# -- removing

rm -r many "moved a"
rm -r no
find . -mindepth 1 -delete
again
left=$(ls -A "$mount")
equal "the empty bucket" "$left" ""
keys=$(signed "$ENDPOINT/$bucket?list-type=2")
case $keys in *'<KeyCount>0<'*) ;; *) equal "what is left" "$keys" "nothing" ;; esac
did delete

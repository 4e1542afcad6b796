#!/bin/sh
# A shell script that says what it does:
#
#   tacho record -o pipeline.tacho examples/pipeline.sh
#   tacho report pipeline.tacho
#
# Without tacho record it runs all the same (-q: and says nothing of that).
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for part in a b c; do
    tacho label -q "part $part"
    tacho scope -q -c I/O make -- sh -c "seq 200000 | sed s/^/$part/ >$dir/$part"
    tacho scope -q -c I/O pack -- gzip "$dir/$part"
done

# Scopes nest: one of several commands is a shell's.
tacho scope -q -c Compute join -- sh -c "
    tacho scope -q -c I/O unpack -- gunzip $dir/a.gz $dir/b.gz $dir/c.gz
    cat $dir/a $dir/b $dir/c | sort | md5sum"
tacho label -q done

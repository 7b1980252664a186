#!/bin/bash
# What features learned without labels are worth where labels are few: of each share of the labels, a classifier on
# frozen features, of the trained and of the untrained encoder, then encoder and classifier trained together, from the
# run's weights and from scratch (the supervised reference).
#
# usage: labels-table.sh INFOMAX TRAIN TEST OUT [EPOCHS [REPEATS]]
#   10 epochs of training without labels; 3 drawings of the labels
#
# OUT is the run, OUT/labels.txt the table. What is there is not done again.
set -eu
[ $# -ge 4 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
infomax=$1 train=$2 test=$3 out=$4 epochs=${5-10} repeats=${6-3}
shares='1% 10% 100%'

if [ ! -e "$out/trained" ]; then
    if [ -e "$out/config.toml" ]; then
        "$infomax" resume "$out"
    else
        "$infomax" train "$train" -o "$out" --epochs "$epochs"
    fi
    touch "$out/trained"
fi
for share in $shares; do
    if [ ! -e "$out/frozen-$share.txt" ]; then
        "$infomax" probe "$out" "$train" --test "$test" --both --labels "$share" --repeats "$repeats" >"$out/part"
        mv "$out/part" "$out/frozen-$share.txt"
    fi
done
if [ ! -e "$out/tuned.txt" ]; then
    # shellcheck disable=SC2086
    "$infomax" finetune "$out" "$train" --test "$test" --both --labels $shares --repeats "$repeats" --save >"$out/part"
    mv "$out/part" "$out/tuned.txt"
fi
{
    for share in $shares; do
        echo "frozen features, $share of the labels"
        cat "$out/frozen-$share.txt"
    done
    echo 'encoder and classifier'
    cat "$out/tuned.txt"
} | tee "$out/labels.txt"

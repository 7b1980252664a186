#!/bin/bash
# Trains the same encoder by every objective, measures each run, and sets them side by side. The global objective has the
# published critic and prior; predictive coding has crops, and Deep InfoMax on the same crops beside it. The encoder as drawn
# from the first seed is measured, too: the rows "untrained", in the column of that seed's first setting.
#
# usage: settings-table.sh INFOMAX DATA OUT [EPOCHS [SEEDS [STEPS]]]
#   5 epochs; seeds "0 1 2" of the first two settings; 2000 steps of each network that measures (MINE, NDM, SSIM)
#
# OUT/NAME-SEED are the runs, OUT/table.html and OUT/table.txt the comparison. What is there is not done again, so an
# interrupted table goes on where it stopped. About half an hour a run on two cores with CIFAR-10.
set -eu
[ $# -ge 3 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
infomax=$1 data=$2 out=$3 epochs=${4-5} seeds=${5-"0 1 2"} steps=${6-2000}
mkdir -p "$out"

# one RUN-NAME "OPTIONS" SEED
one() {
    local run=$out/$1-$3
    if [ ! -e "$run/trained" ]; then
        if [ -e "$run/config.toml" ]; then
            "$infomax" resume "$run"
        else
            # shellcheck disable=SC2086
            "$infomax" train "$data" -o "$run" --epochs "$epochs" --seed "$3" $2
        fi
        touch "$run/trained"
    fi
    if [ ! -e "$run/probe-mlp.json" ]; then
        "$infomax" probe "$run" "$data" --classifier mlp --epochs 5 --both --save
    fi
    if [ ! -e "$run/probe-knn.json" ]; then
        "$infomax" probe "$run" "$data" --classifier knn --layer y --both --save
    fi
    if [ ! -e "$run/measure.json" ]; then
        "$infomax" measure "$run" "$data" --mine --ndm --ssim --steps "$steps" --save
    fi
}

for seed in $seeds; do
    one infonce '--estimator infonce' "$seed"
    one jsd '--estimator jsd' "$seed"
done
untrained=$out/infonce-${seeds%% *}
if [ ! -e "$untrained/measure-untrained.json" ]; then
    "$infomax" measure "$untrained" "$data" --mine --ndm --ssim --steps "$steps" --untrained --save
fi
one dv '--estimator dv' 0
one prior '--estimator infonce --gamma 0.1' 0
one coordinates-occlusion '--estimator infonce --coordinates both --occlude' 0
one global '--objective dim-global --critic concat --estimator jsd --gamma 1' 0
one local-global '--objective dim-local-global' 0
one vae '--objective vae' 0
one cpc '--objective cpc --encoder fold-basic32' 0
one folded '--encoder fold-basic32 --critic-units 1024' 0
"$infomax" compare "$out"/*-[0-9] -o "$out/table.html" | tee "$out/table.txt"

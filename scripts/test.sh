#!/usr/bin/env bash
# Every test: the serial ones, shared by a process on each of up to four cores, then those of tests/parallel at 1, 2, 3 and 4 MPI ranks.
#   scripts/test.sh [pytest options] [files]      for example: scripts/test.sh -k percolation tests/parallel
#   RANKS="2 4" scripts/test.sh                   other rank counts
#   SHARES=1 scripts/test.sh                      one process for the serial tests
# The last line is "N passed, N failed[, N skipped]"; the exit status is 0 only if nothing failed.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
cd "$here/.."
bash scripts/setup.sh
source scripts/env.sh

ranks=${RANKS:-1 2 3 4}
cores=$(nproc)
shares=${SHARES:-$((cores < 4 ? cores : 4))}
serial_limit=${SERIAL_LIMIT:-3000}       # seconds for the serial tests; each single test has its own limit as well
parallel_limit=${PARALLEL_LIMIT:-900}    # seconds for the parallel ones at one rank count

scratch=$(mktemp -d)
export PFSOLID_TEST_RUN=$scratch         # marks every process started from here
export PYTHONPATH=$PWD/tests${PYTHONPATH:+:$PYTHONPATH} MPLBACKEND=Agg

# Ranks are not in this shell's process group, and whoever is killed cannot take its children along: so look for the mark.
ours() { grep -lsz "^PFSOLID_TEST_RUN=$scratch\$" /proc/[0-9]*/environ | cut -d / -f 3 || true; }
sweep() {
    trap - EXIT
    export -n PFSOLID_TEST_RUN           # from here on this script's own helpers do not carry it
    for signal in TERM TERM TERM KILL; do
        [ -n "$(ours)" ] || break
        sleep 1                          # what has just ended its work is let go by itself
        kill -s "$signal" $(ours) 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap sweep EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# In the background and waited for, so that a signal to this script is acted on at once.
limited() { timeout -k 10 "$@" </dev/null & wait $!; }

# run NAME SECONDS COMMAND...: one part, with its time and its counts; leaves the command's exit status in `status`.
run() {
    local name=$1 limit=$2 start=$SECONDS; shift 2
    status=0
    export PFSOLID_TALLY=$scratch/tally-$name
    : >"$PFSOLID_TALLY"
    echo "== $name"
    limited "$limit" "$@" || status=$?
    case $status in
        0 | 5) ;;                        # 5: no test was selected
        124 | 137) echo "$name: stopped after $limit s" ;;
        *) echo "$name: exit status $status" ;;
    esac
    # A crash or a hang, which pytest did not live to write down, or a fault outside the tests.
    if ! grep -q finished "$PFSOLID_TALLY" || { [ $status != 0 ] && [ $status != 5 ] && ! grep -q failed "$PFSOLID_TALLY"; }; then
        echo failed >>"$PFSOLID_TALLY"
    fi
    echo "== $name: $(counts "$PFSOLID_TALLY") in $((SECONDS - start)) s"
}

counts() {
    cat "$@" | awk '{ n[$1]++ } END {
        printf "%d passed, %d failed", n["passed"], n["failed"]
        if (n["skipped"]) printf ", %d skipped", n["skipped"]
    }'
}

# One rank's pytest. Only rank 0 is heard; what the others print is kept for the case that they die.
cat >"$scratch/rank" <<'RANK'
rank=${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-${PMI_RANK:-0}}}
detail=-q
if [ "$rank" != 0 ]; then
    unset PFSOLID_TALLY
    exec >"$PFSOLID_RANK_LOGS/$rank" 2>&1
    detail=-v                            # the name of the test it died in
fi
exec python -m pytest $detail --color=no -p tally -p no:cacheprovider \
    --basetemp="$PFSOLID_TEST_RUN/tmp-$rank" "$@"
RANK

# --- which tests: all, or the files and directories named ---------------------------------------------------------
options=() serial=() parallel=()
for argument; do
    if [ ! -e "${argument%%::*}" ]; then options+=("$argument")
    elif [[ $argument == *tests/parallel* ]]; then parallel+=("$argument")
    else serial+=("$argument"); fi
done
if [ ${#serial[@]} = 0 ] && [ ${#parallel[@]} = 0 ]; then
    for part in campaign verification unit; do
        if [ -d tests/$part ]; then serial+=("tests/$part"); fi
    done
    if [ -d tests/parallel ]; then parallel=(tests/parallel); fi
fi

# --- run them -----------------------------------------------------------------------------------------------------
if [ ${#serial[@]} != 0 ]; then
    files=$(find "${serial[@]%%::*}" -name 'test_*.py' | wc -l)
    if [ "$shares" -gt "$files" ]; then shares=$files; fi
    export PFSOLID_SHARE=$scratch/share
    mkdir "$PFSOLID_SHARE"
    # Fourier plans of its own for each: a test whose two launches must have the same bits must not find another's in between.
    share() {
        PFSOLID_SHARE_NUMBER=$1 PFSOLID_CACHE=$scratch/plans-$1 run "serial-$1" "$serial_limit" \
            python -m pytest -q -p tally -p share --basetemp="$scratch/tmp-$1" -o "cache_dir=$scratch/cache-$1" "${options[@]}" "${serial[@]}"
    }
    for ((number = 2; number <= shares; number++)); do
        share "$number" >"$scratch/said-$number" 2>&1 &
    done
    share 1
    wait
    for ((number = 2; number <= shares; number++)); do cat "$scratch/said-$number"; done
    unset PFSOLID_SHARE
fi
if [ ${#parallel[@]} != 0 ]; then
    for n in $ranks; do
        export PFSOLID_RANK_LOGS=$scratch/ranks-$n
        mkdir "$PFSOLID_RANK_LOGS"
        # One thread a rank unless a test asks for more: the ranks already fill the cores.
        OMP_NUM_THREADS=1 run "parallel-$n" "$parallel_limit" mpirun -n "$n" bash "$scratch/rank" "${options[@]}" "${parallel[@]}"
        if [ $status = 0 ]; then continue; fi
        # A rank that died or hung did not get to pytest's closing line.
        for file in $(grep -ELs '(passed|failed|errors?|ran|deselected|skipped) in [0-9.]+s' "$PFSOLID_RANK_LOGS"/*); do
            echo "-- rank ${file##*/} of $n ended early; its last lines:"
            tail -n 40 "$file"
            echo
        done
    done
fi

total=$(counts "$scratch"/tally-*)
echo "total: $SECONDS s"
echo "$total"
[[ $total != "0 passed"* && $total == *", 0 failed"* ]]

# shellcheck shell=bash disable=SC2154
# Sourced by setup.sh and install_cluster.sh, which set `log` to the file that takes the commands' output.

die() { echo "$(basename "$0" .sh): $*" >&2; exit 1; }

# run WHAT COMMAND...: says what, output to the log; tried twice, because mirrors and locks fail now and then.
run() {
    local what=$1 start=$SECONDS attempt; shift
    echo "$(basename "$0" .sh): $what"
    for attempt in 1 2; do
        echo "--- $what, attempt $attempt: $*" >>"$log"
        if "$@" >>"$log" 2>&1 </dev/null; then
            echo "--- done after $((SECONDS - start)) s" >>"$log"
            return
        fi
        [ "$attempt" = 2 ] || sleep 3
    done
    tail -n 20 "$log" >&2
    die "failed: $what (above is the end of $log)"
}

# SPDX-License-Identifier: MIT
# For the interop tests in bash that need the elko tool: libdrv.sh's namespace and checks, and an elko.
#
# Variables: ELKO, $dir (removed at the end), KERNEL/OURS and KERNEL6/OURS6 (the two ends of elko0), LONG.

. "$(dirname "${BASH_SOURCE[0]}")/libdrv.sh"

ELKO=$(realpath "${ELKO:-$root/build/elko}")
KERNEL=10.77.0.1 OURS=10.77.0.2 KERNEL6=fd77::1 OURS6=fd77::2
case ${ELKO_LONG:-} in '' | 0) LONG= ;; *) LONG=1 ;; esac

[ -x "$ELKO" ] || skip "elko is not built"
[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
ip link set lo up || skip "the namespace has no loopback device"
{ ip tuntap add mode tun name probe0 && ip link del probe0; } 2>/dev/null || skip "no TUN device may be made here"

jobs=()
end_jobs() {
        local p
        for p in "${jobs[@]}"; do kill "$p" 2>/dev/null; done
        wait
        clean_up
}
trap end_jobs EXIT

need() {
        local tool
        for tool; do command -v "$tool" >/dev/null || skip "there is no $tool"; done
}

# start_elko NAME READY ARGUMENTS...: in the background; its pid becomes $elko; logs in $dir/NAME.out and .err;
# waits until READY is on its stderr. Standard input is that of the caller.
start_elko() {
        local name=$1 ready=$2
        shift 2
        "$ELKO" "$@" <&0 >"$dir/$name.out" 2>"$dir/$name.err" &
        elko=$!
        jobs+=($elko)
        wait_for "$ready" "$dir/$name.err" $elko
}

# wait_for TEXT FILE PID
wait_for() {
        for _ in $(seq 500); do
                grep -q -- "$1" "$2" 2>/dev/null && return
                kill -0 "$3" 2>/dev/null || break
                sleep 0.02
        done
        grep -q -- "$1" "$2" && return
        echo "FAILED: '$1' was not said: $(cat "$2")"
        exit 1
}

# same NAME GOT WANTED
same() {
        check "$1 (got $2, wanted $3)" [ "$2" = "$3" ]
}

sum_of() { sha256sum <"$1" | cut -d' ' -f1; }

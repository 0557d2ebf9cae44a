# SPDX-License-Identifier: MIT
# For the drv_*.sh tests: a private network namespace, the compiled drv_echo, counting of checks.
#
# A test sources this file first; the script is then started again inside of a namespace of its own,
# which vanishes with it. drv_echo is compiled from the sources, so that these tests need no tool.

root=${ELKO_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}

skip() {
        echo "skipped: $1"
        exit 77
}

if [ -z "${DRV_INSIDE:-}" ]; then
        command -v unshare >/dev/null || skip "there is no unshare(1): install util-linux"
        command -v ip >/dev/null || skip "there is no ip(8): install iproute2"
        command -v ping >/dev/null || skip "there is no ping(8): install iputils-ping"
        for how in -n -Urn; do
                if unshare $how true 2>/dev/null; then
                        DRV_INSIDE=1 exec unshare $how "$BASH" "$0" "$@"
                fi
        done
        skip "no private network namespace: unshare -n and unshare -Urn are not permitted"
fi

dir=$(mktemp -d)
pid=
passed=0
failed=0

clean_up() {
        [ -n "$pid" ] && kill "$pid" 2>/dev/null
        rm -rf "$dir"
}
trap clean_up EXIT

# check NAME COMMAND...: the command must succeed; its output is then in $dir/last
check() {
        local name=$1
        shift
        if "$@" >"$dir/out" 2>&1; then
                passed=$((passed + 1))
                mv "$dir/out" "$dir/last"
        else
                failed=$((failed + 1))
                echo "FAILED $name: $*"
                sed 's/^/    /' "$dir/out"
        fi
}

build_echo() {
        (cd "$root" && ${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -I. -Iinclude -o "$dir/drv_echo" \
                test/interop/drv_echo.c drivers/driver.c drivers/iface.c drivers/tun.c \
                drivers/afpacket.c drivers/pcapng.c) || skip "drv_echo could not be compiled"
}

# start_echo KIND NAME ADDRESS...: in the background, until `ready`
start_echo() {
        "$dir/drv_echo" "$1" "$2" "$dir/$1.pcapng" "${@:3}" >"$dir/log" 2>&1 &
        pid=$!
        for _ in $(seq 100); do
                grep -q ^ready "$dir/log" && return
                kill -0 "$pid" 2>/dev/null || break
                sleep 0.05
        done
        grep -q 'not permitted\|denied\|No such file' "$dir/log" && skip "$(cat "$dir/log")"
        echo "FAILED start: $(cat "$dir/log")"
        exit 1
}

# Stop it; its counters become the variables rx tx rx_drops tx_drops csum_ok longest.
stop_echo() {
        kill "$pid"
        wait "$pid"
        pid=
        eval "$(grep ^rx= "$dir/log")"
}

# The capture opens without complaint and has as many packets as were counted.
check_capture() {
        local count out
        command -v tshark >/dev/null || { echo "no tshark: the capture is not read"; return; }
        count=$(tshark -r "$1" 2>"$dir/err" | wc -l)
        grep -v 'Running as user' "$dir/err" >"$dir/complaints"
        check "tshark has no complaint" [ ! -s "$dir/complaints" ]
        check "tshark sees $count of $2 packets" [ "$count" = "$2" ]
        check "no malformed packet" [ -z "$(tshark -r "$1" -Y '_ws.malformed' 2>/dev/null)" ]
        out=$(tshark -r "$1" -Y 'frame.packet_flags_direction == 2' 2>/dev/null)
        check "directions are known" [ -n "$out" ]
        check "capinfos" capinfos "$1"
}

finish() {
        echo "$passed passed, $failed failed"
        [ "$failed" = 0 ]
        exit
}

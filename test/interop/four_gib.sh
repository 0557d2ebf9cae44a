#!/bin/bash
# SPDX-License-Identifier: MIT
# elko-build: timeout=120
# More bytes than there are sequence numbers, and a start just below the wrap.
#
# Theory: sequence numbers have 32 bits. A stream of 4 GiB + 1 byte uses each of them once and one of them twice, so
# that every comparison in the engine meets its wrap, wherever the stream began. The bytes are counted blocks of random
# data (no two places look alike) and compared by SHA-256:
#
#   over a TUN device against the kernel's TCP, by `elko listen` and `elko connect` with pipes, in both directions
#   over the wire in memory, where 2 % of packets are dropped, as many duplicated and as many reordered
#   with initial sequence numbers a few steps below the wrap, so that SYN, first data, or a recovery stand on it
#
# The quick form sends 64 MiB + 1 (and the third part as it is); ELKO_LONG=1 sends 4 GiB + 1.
. "$(dirname "$0")/libnet.sh"
need python3

bytes=$(((64 << 20) + 1))
[ -n "$LONG" ] && bytes=4294967297

cat >"$dir/end.py" <<'END'
"""gen BYTES SUM-FILE | send ADDRESS PORT BYTES | recv ADDRESS PORT: the latter two are the kernel's TCP."""
import hashlib, os, socket, sys

def blocks(left):
    noise = os.urandom(1048573)
    n = 0
    while left > 0:
        b = (n.to_bytes(8, "big") + noise)[:left]
        n, left = n + 1, left - len(b)
        yield b

def dial():
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
    s.settimeout(60)
    s.connect((sys.argv[2], int(sys.argv[3])))
    return s

sha = hashlib.sha256()
if sys.argv[1] == "gen":
    with open(sys.argv[3], "w") as f:
        for b in blocks(int(sys.argv[2])):
            sha.update(b)
            sys.stdout.buffer.write(b)
        f.write(sha.hexdigest())
elif sys.argv[1] == "send":
    s = dial()
    for b in blocks(int(sys.argv[4])):
        sha.update(b)
        s.sendall(b)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b""
    print(sha.hexdigest())
else:
    # listen: elko connects
    l = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
    l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(("", int(sys.argv[3])))
    l.listen(1)
    l.settimeout(60)
    print("listening", file=sys.stderr, flush=True)
    s, _ = l.accept()
    s.settimeout(60)
    s.shutdown(socket.SHUT_WR)
    n, buffer = 0, bytearray(1 << 20)
    while (k := s.recv_into(buffer)) > 0:
        sha.update(memoryview(buffer)[:k])
        n += k
    print(n, sha.hexdigest())
END

seconds() { awk -v a="$1" -v b="$(date +%s.%N)" -v n="$bytes" \
        'BEGIN { printf "%.1f s, %.2f Gbit/s", b - a, n * 8 / (b - a) / 1e9 }'; }

# ---- TUN, both directions ----

start=$(date +%s.%N)
"$ELKO" listen 7 --link tun:elko0 --msl 0.1 </dev/null 2>"$dir/in.err" | sha256sum >"$dir/in.sum" &
sums=$!
wait_for listening "$dir/in.err" $sums
sent=$(python3 "$dir/end.py" send $OURS 7 "$bytes" 2>"$dir/send.err") || cat "$dir/send.err"
wait $sums
same "kernel -> elko: SHA-256" "$(cut -d' ' -f1 "$dir/in.sum")" "$sent"
check "kernel -> elko: every byte" grep -q "elko: $bytes bytes received" "$dir/in.err"
echo "kernel -> elko: $bytes bytes, $(seconds "$start")"

python3 "$dir/end.py" recv 0.0.0.0 9 >"$dir/recv.out" 2>"$dir/recv.err" &
receiver=$!
jobs+=($receiver)
wait_for listening "$dir/recv.err" $receiver
start=$(date +%s.%N)
check "elko connect ends in order" "$ELKO" connect $KERNEL 9 --link tun:elko0 --msl 0.1 \
        < <(python3 "$dir/end.py" gen "$bytes" "$dir/gen.sum")
wait $receiver
same "elko -> kernel: bytes and SHA-256" "$(cat "$dir/recv.out")" "$bytes $(cat "$dir/gen.sum")"
echo "elko -> kernel: $bytes bytes, $(seconds "$start")"

# ---- the wire in memory, with faults ----

# demo_ok NAME ARGUMENTS...: the transfer is whole (demo compares every byte)
demo_ok() {
        local name=$1 start
        shift
        start=$(date +%s.%N)
        check "$name" "$ELKO" demo --json "$@"
        echo "$name: $(seconds "$start"), $(grep -o '"retransmitted":[0-9]*' "$dir/last")"
        check "$name: whole" grep -q '"ok":true' "$dir/last"
}

demo_ok "in memory, down, 2 % of faults" --down "$bytes" --up 0 --faults 2 --seed 11
demo_ok "in memory, up, 2 % of faults" --down 0 --up "$bytes" --faults 2 --seed 12

# ---- a start just below the wrap ----
#
# An initial sequence number is a clock of 4 us plus a constant of the endpoints (RFC 6528). One short run tells the
# constants; they give the instant at which the number is 2^32 - k.

cat >"$dir/isn.py" <<'END'
"""FILE: the initial sequence numbers of client and server in a pcapng."""
import struct, sys

data, at, isn = open(sys.argv[1], "rb").read(), 0, []
while at + 8 <= len(data) and len(isn) < 2:
    kind, size = struct.unpack_from("<II", data, at)
    if kind == 6:
        ip = data[at + 28:at + 28 + struct.unpack_from("<I", data, at + 20)[0]]
        tcp = ip[(ip[0] & 15) * 4:]
        if tcp[13] & 2:
            isn.append(struct.unpack_from(">I", tcp, 4)[0])
    at += size
print(*isn)
END

isn_at() { # START: the numbers of client and server of a short run that starts then
        "$ELKO" demo --down 1 --up 1 --seed 5 --start "$1" --pcap "$dir/isn.pcapng" >/dev/null &&
                python3 "$dir/isn.py" "$dir/isn.pcapng"
}

read -r client server <<<"$(isn_at 1)"
check "the initial sequence numbers can be read" [ -n "${server:-}" ]
for k in 1 2 3 80 1448 65536 300000; do
        for who in client server; do
                at=$(awk -v isn="${!who}" -v k=$k 'BEGIN {
                        ticks = 4294967296 - k - isn
                        printf "%.6f", 1 + (ticks < 0 ? ticks + 4294967296 : ticks) * 4e-6 }')
                read -r c s <<<"$(isn_at "$at")"
                got=$([ $who = client ] && echo "$c" || echo "$s")
                same "the ISN of the $who is 2^32 - $k" "$got" $((4294967296 - k))
                for faults in 0 2; do
                        check "ISN of the $who 2^32 - $k, $faults % of faults" "$ELKO" demo --seed 5 --start "$at" \
                                --down 2000000 --up 2000000 --faults $faults
                done
        done
done
finish

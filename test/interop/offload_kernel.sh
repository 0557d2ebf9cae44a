#!/bin/bash
# SPDX-License-Identifier: MIT
# elko-build: timeout=120
# Bursts of up to 64 KiB that the kernel cuts and joins (virtio-net header on TUN and TAP), in both directions.
#
# Theory: between elko and a socket of the same kernel nobody ever computes a checksum or cuts a segment, so a mistake in
# either would not show. So a third host stands behind a device that can do neither: there the kernel makes segments and
# checksums of what elko only described, and the third host's kernel verifies them. That bursts really passed is seen
# in the device's counters: far fewer packets than segments.
. "$(dirname "$0")/libnet.sh"
need curl python3

mkdir "$dir/www" "$dir/got"
cd "$dir" || exit 1
head -c 30000003 /dev/urandom >www/30M.bin
head -c 5000 /dev/urandom >www/5k.bin
want=$(sum_of www/30M.bin)

# rx_packets DEVICE, tx_packets DEVICE: of the kernel's counters
packets() { cat "/sys/class/net/$2/statistics/$1_packets" 2>/dev/null || ip -s -j link show "$2" |
        python3 -c "import json,sys; print(json.load(sys.stdin)[0]['stats64']['$1']['packets'])"; }

# ---- one kernel ----

for link in tun:elko0 tap:elko1; do
        device=${link#*:}
        start_elko "serve-$device" serving serve www --link $link --offload --msl 0.1
        for host in $OURS "[$OURS6]"; do
                before=$(packets rx $device)
                check "$link: GET from $host" curl -sSfg -m 30 -o got/x "http://$host/30M.bin"
                same "$link: all of it from $host" "$(sum_of got/x)" "$want"
                n=$(($(packets rx $device) - before))
                check "$link: $n frames for 20,000 segments" [ "$n" -lt 6000 ]
                check "$link: a small one from $host" curl -sSfg -m 30 -o got/x -o got/y "http://$host/5k.bin" "http://$host/5k.bin"
                same "$link: all of the small one" "$(sum_of got/y)" "$(sum_of www/5k.bin)"
        done
        kill $elko && wait $elko
done

(cd www && exec python3 -m http.server 8080 --bind ::) >http.log 2>&1 &
jobs+=($!)
for _ in $(seq 100); do curl -s -o got/x -m 1 http://127.0.0.1:8080/ && break || sleep 0.05; done
for link in tun:elko0 tap:elko1; do
        for host in $KERNEL "[$KERNEL6]"; do
                check "$link: elko get from $host" "$ELKO" get -q -o got/x "http://$host:8080/30M.bin" --link $link --offload \
                        --msl 0.1 --json
                same "$link: all of it" "$(sum_of got/x)" "$want"
        done
done
check "elko get without offload" "$ELKO" get -q -o got/x "http://$KERNEL:8080/30M.bin" --link tun:elko0 --msl 0.1
same "all of it without offload" "$(sum_of got/x)" "$want"

# ---- a third host, behind a device that neither cuts nor computes ----

unshare -n sleep 100 &
far=$!
jobs+=($far)
inside() { nsenter -t $far -n "$@"; }
for _ in $(seq 100); do [ "$(readlink /proc/$far/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break || sleep 0.02; done
check "a wire to the third host" ip link add far0 type veth peer name far1 netns $far
ip addr add 10.88.0.1/24 dev far0 && ip addr add fd88::1/64 dev far0 nodad && ip link set far0 up
inside ip addr add 10.88.0.2/24 dev far1 && inside ip addr add fd88::2/64 dev far1 nodad
inside ip link set far1 up && inside ip link set lo up
inside ip route add default via 10.88.0.1 && inside ip route add default via fd88::1
echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
cat >plain.py <<'EOF'
import array, fcntl, socket, struct, sys
s = socket.socket()
for command in (0x17, 0x15, 0x1f, 0x24, 0x2c):  # ETHTOOL_S: TXCSUM, RXCSUM, TSO, GSO, GRO off
    value = array.array("B", struct.pack("II", command, 0))
    ifr = struct.pack("16sP", sys.argv[1].encode(), value.buffer_info()[0])
    try:
        fcntl.ioctl(s, 0x8946, ifr)
    except OSError as e:
        if command in (0x17, 0x1f, 0x24):
            sys.exit(f"{sys.argv[1]}: ethtool command {command:#x}: {e}")
EOF
check "its device does no work" python3 plain.py far0
check "nor does the other end's" inside python3 plain.py far1
start_elko far-serve serving serve www --link tun:elko0 --offload --msl 0.1 --gateway 10.77.0.1 --gateway fd77::1
for host in $OURS "[$OURS6]"; do
        before=$(packets tx far0)
        check "the third host GETs from $host" inside curl -sSfg -m 60 -o got/x "http://$host/30M.bin"
        same "all of it at the third host from $host" "$(sum_of got/x)" "$want"
        n=$(($(packets tx far0) - before))
        check "$n packets for 20,000 segments there" [ "$n" -ge 20000 ]
done
same "segments with errors at the third host" "$(inside cat /proc/net/snmp | awk '$1 == "Tcp:" && $2 ~ /[0-9]/ { print $14, $16 }')" "0 0"
kill $elko && wait $elko
(cd www && exec nsenter -t $far -n python3 -m http.server 8080 --bind ::) >http2.log 2>&1 &
jobs+=($!)
for _ in $(seq 100); do inside curl -s -o got/x -m 1 http://127.0.0.1:8080/ && break || sleep 0.05; done
for host in 10.88.0.2 "[fd88::2]"; do
        check "elko gets from the third host, $host" "$ELKO" get -q -o got/x "http://$host:8080/30M.bin" --link tun:elko0 --offload \
                --msl 0.1 --gateway 10.77.0.1 --gateway fd77::1
        same "all of it from the third host, $host" "$(sum_of got/x)" "$want"
done
finish

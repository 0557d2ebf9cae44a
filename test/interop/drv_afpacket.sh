#!/bin/bash
# SPDX-License-Identifier: MIT
# AF_PACKET on one end of a veth pair: batches, unfinished checksums, super-packets.
# elko-build: timeout=60
. "$(dirname "$0")/libdrv.sh"

build_echo
ip link add elko9a type veth peer name elko9b 2>"$dir/err" || skip "no veth: $(cat "$dir/err")"
sysctl -qw net.ipv6.conf.elko9b.disable_ipv6=1 2>/dev/null
ip addr add 10.9.0.1/24 dev elko9a
ip link set elko9a up
start_echo afpacket elko9b

check "one ping" ping -q -c 1 -W 2 10.9.0.2
check "a full packet" ping -q -c 3 -i 0.05 -W 2 -s 1472 -M do 10.9.0.2
check "a flood" ping -q -f -c 3000 -W 2 10.9.0.2
check "no loss in the flood" grep -q ' 0% packet loss' "$dir/last"

# The kernel leaves checksumming and cutting to the "hardware": UDP_SEGMENT (103) at SOL_UDP (17).
check "a super-packet" python3 - <<'END'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(17, 103, 1400)
s.sendto(b"x" * 1400 * 40, ("10.9.0.2", 9))
END
sleep 0.3

stop_echo
check "everything was answered ($tx)" [ "$tx" -ge 3005 ]
check "unfinished checksums are marked ($csum_ok)" [ "$csum_ok" -ge 1 ]
check "the super-packet came whole ($longest)" [ "$longest" -gt 50000 ]
check "nothing was dropped" [ "$rx_drops$tx_drops" = 00 ]
check_capture "$dir/afpacket.pcapng" $((rx + tx))
finish

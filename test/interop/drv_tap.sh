#!/bin/bash
# SPDX-License-Identifier: MIT
# TAP: the same over Ethernet, with ARP and neighbour discovery.
# elko-build: timeout=60
. "$(dirname "$0")/libdrv.sh"

build_echo
start_echo tap elko8 10.8.0.1/24 fd08::1/64

check "one ping" ping -q -c 1 -W 2 10.8.0.2
check "the neighbour's MAC is a local one" grep -Eq 'lladdr .[26ae]:' <(ip neigh show 10.8.0.2)
check "IPv6" ping -q -c 1 -W 2 fd08::2
check "a full packet" ping -q -c 3 -i 0.05 -W 2 -s 1472 -M do 10.8.0.2
check "a flood" ping -q -f -c 3000 -W 2 10.8.0.2
check "no loss in the flood" grep -q ' 0% packet loss' "$dir/last"

stop_echo
check "everything was answered ($tx)" [ "$tx" -ge 3006 ]
check_capture "$dir/tap.pcapng" $((rx + tx))
finish

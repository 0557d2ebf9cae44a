#!/bin/bash
# SPDX-License-Identifier: MIT
# TUN: the kernel pings a few lines of C through the driver, in both families, alone and in floods.
# elko-build: timeout=60
. "$(dirname "$0")/libdrv.sh"

build_echo
start_echo tun elko7 10.7.0.1/24 fd07::1/64

check "one ping" ping -q -c 1 -W 2 10.7.0.2
check "IPv6, usable at once" ping -q -c 1 -W 2 fd07::2
check "a full packet" ping -q -c 3 -i 0.05 -W 2 -s 1472 -M do 10.7.0.2
check "a flood" ping -q -f -c 3000 -W 2 10.7.0.2
check "no loss in the flood" grep -q ' 0% packet loss' "$dir/last"
check "a deep queue" grep -q 'qlen 10000' <(ip link show elko7)
check "up" grep -q '[<,]UP[,>]' <(ip link show elko7)

stop_echo
check "everything was answered ($tx)" [ "$tx" -ge 3005 ]
check "nothing was dropped" [ "$rx_drops$tx_drops" = 00 ]
check "the device went with its driver" [ -z "$(ip link show elko7 2>/dev/null)" ]
check_capture "$dir/tun.pcapng" $((rx + tx))
finish

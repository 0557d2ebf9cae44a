#!/bin/bash
# SPDX-License-Identifier: MIT
# elko-build: timeout=170
# A stranger reads elko's captures: what the other tests do to elko is done again with --pcap, and tshark, with
# checksum validation on, judges every packet.
#
# Theory: elko's own parser accepts what elko's own writer makes; a mistake on both sides would never show. Wireshark's
# dissectors were written by others from the same RFCs. They must find no malformed packet and no wrong checksum (IP,
# TCP, ICMP; a bad one has status 0), and its experts' warnings and errors must be those that the situation calls for:
# the list below says which and why, for each scene (the first part of a capture's name). Notes and chats are no
# complaints: they say that a connection was opened and closed, or that something came twice.
. "$(dirname "$0")/libnet.sh"
need tshark curl python3

# SCENE (a pattern)|SEVERITY|MESSAGE (a pattern)|REASON
explained=(
        'refused|Warns|Connection reset *|the port has no listener, in either direction: RST is the answer'
        'abort_by_elko|Warns|Connection reset *|elko is killed with the connection open'
        'reset_by_kernel|Warns|Connection reset *|the program at the kernel closes with SO_LINGER 0'
        'unread_data_then_close|Warns|Connection reset *|the reader of elko'\''s stdout goes away'
        'abort_by_elko|Warns|TCP Zero Window segment|the program at the kernel reads nothing for 0.1 s'
        'reset_by_kernel|Warns|TCP Zero Window segment|the program at the kernel reads 1000 bytes, and then nothing'
        'kernel_stops_reading|Warns|TCP Zero Window segment|the program at the kernel reads nothing for 3 s'
        'half_close_by_kernel|Warns|TCP Zero Window segment|the program at the kernel reads nothing for 0.3 s'
        'elko_stops_reading|Warns|TCP Zero Window segment|the reader of elko'\''s stdout reads nothing for 2 s'
        '*|Warns|TCP window specified by the receiver is now completely full|a bulk sender fills the window: good'
        'faults|Warns|Previous segment*not captured*|the wire drops 2 %'
        'faults|Warns|TCP Zero Window segment|the reader waits for what was lost'
        'faults|Warns|This frame is a (suspected) out-of-order segment|the wire reorders 2 %'
        'faults|Warns|ACKed segment that wasn'\''t captured*|the capture is at the end behind the faults'
        'faults|Warns|D-SACK Sequence|the wire duplicates 2 %, and the receiver says so (RFC 2883)'
        'faults|Warns|Illegal characters found in header name|the test pattern on port 80 is no HTTP'
        'memory|Warns|Illegal characters found in header name|the test pattern on port 80 is no HTTP'
        'options|Warns|TCP Zero Window segment|64 KB are soon full, and echo does not read while it has to write'
        '*|Warns|TCP Checksum 0xffff instead of 0x0000 (see RFC 1624)|the kernel writes the other zero (see `bad`)'
        # A duplicate of one byte is told from a keepalive by nothing but its purpose.
        'one_byte_writes|Warns|D-SACK Sequence|the kernel'\''s tail loss probe came twice: the machine was busy'
        '*|Warns|D-SACK Sequence|a tail loss probe was not needed: the machine was busy for some milliseconds'
        '*|Warns|This frame is a (suspected) out-of-order segment|the same probe, sent again within 3 ms'
)

mkdir "$dir/cap" "$dir/www"
head -c 300000 /dev/urandom >"$dir/www/f.bin"

# ---- the scenes ----

# What stream_kernel.py and many others do; it has its own test, so its checks are not counted here.
check "the scenes of stream_kernel.py" env NET_INSIDE=1 ELKO_CAPTURES="$dir/cap" python3 "$(dirname "$0")/stream_kernel.py"

start_elko serve serving serve "$dir/www" --link tun:elko0 --msl 0.1 --pcap "$dir/cap/serve.pcapng"
for host in $OURS "[$OURS6]"; do
        check "curl" curl -sSfg -m 20 -o "$dir/x" -o "$dir/y" "http://$host/f.bin" "http://$host/f.bin"
        check "curl, a range" curl -sSfg -m 20 -r 5-50000 -o "$dir/x" "http://$host/f.bin"
        check "ping" ping -q -c 2 -i 0.1 "${host//[\[\]]/}"
done
kill $elko && wait $elko

# Ethernet: ARP, neighbour discovery, padding
start_elko tap serving serve "$dir/www" --link tap:elko1 --msl 0.1 --pcap "$dir/cap/tap.pcapng"
for host in $OURS "[$OURS6]"; do
        check "curl over Ethernet" curl -sSfg -m 20 -o "$dir/x" "http://$host/f.bin"
        check "ping over Ethernet" ping -q -c 2 -i 0.1 -s 1 "${host//[\[\]]/}"
done
kill $elko && wait $elko

(cd "$dir/www" && exec python3 -m http.server 8080 --bind ::) >"$dir/http.log" 2>&1 &
jobs+=($!)
for _ in $(seq 100); do curl -s -o "$dir/x" -m 1 http://127.0.0.1:8080/ && break || sleep 0.05; done
for host in $KERNEL "[$KERNEL6]"; do
        check "elko get" "$ELKO" get -q -o "$dir/x" "http://$host:8080/f.bin" --link tun:elko0 --msl 0.1 \
                --pcap "$dir/cap/get-${#host}.pcapng"
done
check "elko ping" "$ELKO" ping -c 3 -i 0.05 $KERNEL --link tun:elko0 --pcap "$dir/cap/ping.pcapng"
for ip in 4 6; do
        check "in memory, IPv$ip" "$ELKO" demo --ip $ip --down 500000 --up 500000 --pcap "$dir/cap/memory-$ip.pcapng"
        check "in memory with faults, IPv$ip" "$ELKO" demo --ip $ip --down 2000000 --up 2000000 --faults 2 \
                --pcap "$dir/cap/faults-$ip.pcapng"
done

# ---- the judge ----

# Random bytes look like this and that to protocols that guess; what TCP carries here is HTTP or nothing known.
guess=$(tshark -G heuristic-decodes 2>/dev/null | awk '$1 == "tcp" && $2 != "http" { printf "--disable-protocol %s ", $2 }')
validate="$guess -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE"
# The kernel sends 0xffff where the sum is zero (skb_checksum_help() does not ask whether it is UDP): right for
# everyone who adds up, wrong for tshark. elko must not.
zero="tcp.checksum == 0xffff && (ip.src == $KERNEL || ipv6.src == $KERNEL6)"
bad="_ws.malformed || _ws.short || ip.checksum.status == 0 || icmp.checksum.status == 0 ||
     icmpv6.checksum.status == 0 || (tcp.checksum.status == 0 && !($zero))"
export validate bad

# One run for each capture: bad packets to NAME.bad, the experts' table to NAME.expert.
judge() {
        tshark -r "$1" $validate -z expert -Y "$bad" >"$1.out" 2>"$1.err" || echo "tshark: exit $?" >>"$1.err"
        sed -n '/^=*$/,$!p' "$1.out" >"$1.bad"
        sed -n '/^=*$/,$p' "$1.out" >"$1.expert"
        grep -v 'Running as user' "$1.err" >"$1.complaints"
}
export -f judge
captures=("$dir"/cap/*.pcapng)
printf '%s\0' "${captures[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'judge "$1"' _

check "there are captures of ${#captures[@]} runs" [ ${#captures[@]} -ge 40 ]
packets=0
declare -A used
for c in "${captures[@]}"; do
        name=$(basename "$c" .pcapng)
        scene=${name%-*}
        check "$name: tshark reads all of it" [ ! -s "$c.complaints" ]
        check "$name: nothing malformed, every checksum right: $(head -n 3 "$c.bad")" [ ! -s "$c.bad" ]
        unexplained=
        severity=
        while IFS= read -r line; do
                case $line in
                'Errors ('* | 'Warns ('* | 'Notes ('* | 'Chats ('*) severity=${line%% *} && continue ;;
                esac
                # Frequency, group, protocol, message
                [[ $severity == @(Errors|Warns) && $line =~ ^\ +[0-9]+\ +[A-Za-z]+\ +[A-Za-z0-9]+\ +(.*)$ ]] || continue
                message=${BASH_REMATCH[1]}
                reason=
                for e in "${explained[@]}"; do
                        IFS='|' read -r on kind what why <<<"$e"
                        [[ $scene == $on && $severity == "$kind" && $message == $what ]] && reason=$why && break
                done
                if [ -n "$reason" ]; then
                        used["$message: $reason"]+="$name "
                else
                        unexplained+="$severity: $message; "
                fi
        done <"$c.expert"
        check "$name: warnings that nothing explains: $unexplained" [ -z "$unexplained" ]
done
echo "warnings, and why they are right:"
for w in "${!used[@]}"; do
        read -ra where <<<"${used[$w]}"
        echo "    $w (${#where[@]} captures)"
done | sort
finish

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# elko-build: timeout=120
"""Many connections, and nothing left of them.

Theory. A leak of one object in a connection is invisible in a test of ten and kills a server in a week. So a
kernel client (loadgen.c) opens many connections to `elko serve`, uses each for one request and closes it,
the server sending the first FIN and the client in turn: this passes elko through both sides of the close,
FIN-WAIT and TIME-WAIT, CLOSE-WAIT and LAST-ACK. Afterwards, when 2 MSL are over, the stack's memory must hold
what it held before: the same number of used bytes and of objects. Then so many connections live at once.

  quick (default)   5,000 connections, 1,000 of them at once
  ELKO_LONG=1       100,000 connections, 10,000 of them at once
"""
import json, os, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import libnet
from libnet import LONG, OURS, Elko, check, enter, equal, finish, ip

enter("ping")
TOTAL, ABREAST, AT_ONCE = (100000, 400, 10000) if LONG else (5000, 200, 1000)
MSL = 1
SOURCES = [f"10.77.0.{n}" for n in (1, 3, 4, 5)]
OBJECTS = ("connections", "half_open", "time_wait", "listeners")

loadgen = libnet.compile_helper("loadgen.c", "loadgen")
www = os.path.join(libnet.tmp, "www")
os.mkdir(www)
body = os.path.join(www, "body.bin")
with open(body, "wb") as f:
    f.write(os.urandom(20000))

server = Elko("serve", www, "--link", "tun:elko0", "--msl", MSL, "--close-first", "alternate", "--json", until="serving")
for address in SOURCES[1:]:
    ip("addr", "add", address + "/24", "dev", "elko0")
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
    f.write("1024 65535")
subprocess.run(["ping", "-c", "1", "-W", "5", OURS], capture_output=True)


def load(total, at_once, *more):
    r = subprocess.run([loadgen, OURS, "80", "/body.bin", body, str(total), str(at_once), *more, *SOURCES],
                       capture_output=True, text=True, timeout=600)
    if r.returncode == 77:
        libnet.skip(r.stderr.strip())
    sys.stdout.write(r.stderr)
    return json.loads(r.stdout) if r.stdout else {"ok": 0, "failed": total}


def memory():
    m = server.info().get("memory", {})
    return {k: m.get(k) for k in ("used", "promised", *OBJECTS)}


def settled(before, seconds):
    """Memory when it is again as it was, or after so many seconds; and how long that took."""
    start = time.monotonic()
    while (now := memory()) != before and time.monotonic() - start < seconds:
        time.sleep(0.2)
    return now, time.monotonic() - start


def cycle(what, total, at_once, *more):
    before = memory()
    got = load(total, at_once, *more)
    busy = server.info()["memory"]
    after, waited = settled(before, 2 * MSL + 20)
    print(f"{what}: {got}; memory before {before['used']}, high water {busy['high_water']}, after {after['used']} "
          f"({waited:.1f} s later)", flush=True)
    equal(got["ok"], total, f"{what}: every connection is used and closed in order")
    equal(got["failed"], 0, f"{what}: no failure")
    for name in before:
        equal(after[name], before[name], f"{what}: {name} is as before")
    return got


# The first connections fill what is made once and kept (the table, the free lists).
load(200, 100)
settled({}, 2 * MSL + 1)
got = cycle("in turn", TOTAL, ABREAST)
for who in ("server_first", "client_first"):
    check(got.get(who, 0) > TOTAL / 4, f"{who} in a good part of the closes", got)
got = cycle("at once", AT_ONCE, AT_ONCE, "hold")
equal(got.get("peak"), AT_ONCE, "so many were open at once")

info = server.info()["counters"]
print("counters:", {k: v for k, v in info.items() if v}, flush=True)
equal(server.stop(), 0, "elko stops in order")
report = json.loads(server.out().splitlines()[-1])
equal(report["connections"], 200 + TOTAL + AT_ONCE, "elko accepted every connection")
check(report["connections_max"] >= AT_ONCE, "elko held so many at once", report)
finish()

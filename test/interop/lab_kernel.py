#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# elko-build: timeout=150
"""elko lab over TUN devices, with the kernel's TCP as sender and receiver.

Theory. The figures of a shared machine prove nothing about a TCP; a run that the machine disturbed even more so: the few
floors here hold for undisturbed runs. What must hold on any machine: that nobody delivers more than the path can carry, that what the tables, the JSON object and the series say
agrees, that impairments show where they should, and that a run in real time tells the same as one in virtual time.
"""
import csv, glob, json, os, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from libnet import ELKO, ROOT, check, equal, finish, skip

CELL_KEYS = {"name", "path", "rate_bps", "rtt_ns", "loss_ppm", "buffer_bytes", "time_ns", "seeds", "tick_ns",
             "goodput_max_bps", "flows", "jain_ppm", "floor_ppm", "senders"}
SENDER_KEYS = {"name", "goodput_bps", "goodput_min_bps", "goodput_max_bps", "goodput_runs_bps", "rival", "ratio_ppm",
               "ref_ratio_ppm", "retrans_segs", "retrans_bytes", "timeouts", "srtt_ns", "rwnd_limited_ppm",
               "queue_mean_ns", "queue_p95_ns", "lost", "queue_drops", "marked", "late_p99_ns", "runs", "disturbed",
               "attempts", "broken", "failed"}


def lab(*args):
    """(exit code, JSON object or None, everything printed)"""
    p = subprocess.run([ELKO, "lab", "--json", "--retries", "2", *args], capture_output=True, text=True, timeout=100)
    last = p.stdout.strip().splitlines()[-1] if p.stdout.strip() else ""
    return p.returncode, json.loads(last) if last.startswith("{") else None, p.stdout + p.stderr


def run(what, *args):
    """The one cell of a run that must work; its senders by name."""
    code, out, text = lab(*args)
    if not check(code == 0 and out is not None, what, f"exit {code}:\n{text}"):
        finish()
    cell = out["cells"][0]
    equal(set(out), {"lab", "virtual", "cells"}, f"{what}: keys of the object")
    equal(set(cell), CELL_KEYS, f"{what}: keys of a cell")
    for s in cell["senders"]:
        equal(set(s), SENDER_KEYS, f"{what}: keys of a sender")
        equal((s["failed"], s["broken"]), (0, 0), f"{what}: {s['name']}: runs that failed or broke")
        check(0 < s["goodput_bps"] <= cell["goodput_max_bps"] * 1.001, f"{what}: {s['name']}: goodput", s["goodput_bps"])
    return cell, {s["name"]: s for s in cell["senders"]}


def calm(*senders):
    """Was the machine quick enough?"""
    return all(s["disturbed"] == 0 for s in senders)


code, _, text = lab("--time", "0.1", "--seeds", "1", "--peers", "elko")
if code == 2 and "this machine can't do it" in text:
    skip(text.strip())

# ---- one after the other, and what is written down ----

with tempfile.TemporaryDirectory() as tmp:
    cell, who = run("a cell", "--rate", "10M", "--rtt", "20ms", "--time", "2", "--seeds", "1",
                    "--peers", "elko,kernel-cubic", "--series", tmp)
    check(not calm(who["kernel-cubic"]) or who["kernel-cubic"]["goodput_bps"] > 5e6, "the kernel uses half of a clean path at the least", who)
    check(not calm(who["elko"]) or who["elko"]["goodput_bps"] > 2.5e6, "elko uses a quarter of a clean path at the least", who)
    equal(who["elko"]["rival"], "kernel-cubic", "elko's rival")
    equal(who["elko"]["ratio_ppm"],
          round(who["elko"]["goodput_bps"] / who["kernel-cubic"]["goodput_bps"] * 1e6), "the ratio")
    files = glob.glob(os.path.join(tmp, "*.csv"))
    equal(sorted(os.path.basename(f) for f in files), ["cell_elko_1.csv", "cell_kernel-cubic_1.csv"], "files of series")
    for f in files:
        with open(f, encoding="ascii") as lines:
            rows = list(csv.DictReader(lines))
        name = rows[0]["peer"]
        delivered = [int(r["delivered_bytes"]) for r in rows]
        check(195 <= len(rows) <= 201, f"{name}: a sample every 10 ms", len(rows))
        check(delivered == sorted(delivered), f"{name}: what was delivered stays delivered")
        check(abs(delivered[-1] * 8 / 2 - who[name]["goodput_bps"]) < 0.05 * cell["rate_bps"],
              f"{name}: series and JSON agree", delivered[-1] * 8 / 2, who[name]["goodput_bps"])
        check(max(int(r["cwnd_bytes"]) for r in rows) >= 10 * 1400, f"{name}: cwnd")
        check(max(int(r["queue_bytes"]) for r in rows) <= cell["buffer_bytes"], f"{name}: queue within its buffer")

# ---- impairments show ----

cell, who = run("loss", "--rate", "10M", "--rtt", "10ms", "--time", "2", "--seeds", "1", "--loss", "2%",
                "--peers", "elko,kernel-cubic")
for s in who.values():
    check(s["lost"] > 0 and s["retrans_segs"] > 0, f"loss: {s['name']}: lost and sent again", s)

cell, who = run("ECN", "--rate", "10M", "--rtt", "10ms", "--time", "2", "--seeds", "1", "--queue", "ecn", "--mark", "5ms",
                "--buffer", "10bdp", "--ecn", "on", "--peers", "kernel-cubic")
check(who["kernel-cubic"]["marked"] > 0, "ECN: packets are marked", who)
equal(who["kernel-cubic"]["retrans_segs"], 0, "ECN: and none is lost")

# ---- at once; the other way round ----

cell, _ = run("flows", "--rate", "10M", "--rtt", "10ms", "--time", "3", "--seeds", "1", "--flows", "elko,kernel-cubic")
total = sum(s["goodput_bps"] for s in cell["senders"])
check(total <= cell["goodput_max_bps"] * 1.001, "flows: together they have one line", total)
check(500000 < cell["jain_ppm"] <= 1000000, "flows: the index of fairness", cell["jain_ppm"])

cell, who = run("elko receives", "--rate", "10M", "--rtt", "10ms", "--time", "2", "--seeds", "1", "--receiver", "elko",
                "--peers", "kernel-cubic,kernel-reno")
check(not calm(who["kernel-reno"]) or who["kernel-reno"]["goodput_bps"] > 5e6, "elko receives: half of a clean path at the least", who)

# ---- real and virtual time ----

args = ("--rate", "4M", "--rtt", "40ms", "--buffer", "4bdp", "--time", "4", "--seeds", "1", "--peers", "elko",
        "--receiver", "elko")
_, real = run("real time", *args)
_, virtual = run("virtual time", *args, "--virtual")
check(not calm(real["elko"]) or abs(real["elko"]["goodput_bps"] / virtual["elko"]["goodput_bps"] - 1) < 0.1, "real and virtual time agree within 10 %",
      real["elko"]["goodput_bps"], virtual["elko"]["goodput_bps"])
equal(virtual["elko"]["late_p99_ns"], 0, "nothing is late in virtual time")
a = lab(*args, "--virtual", "--loss", "1%", "--seeds", "3")
b = lab(*args, "--virtual", "--loss", "1%", "--seeds", "3", "--jobs", "2")
equal(a[1], b[1], "two processes say what one says")

# ---- what can't be done ----

code, _, text = lab("--peers", "kernel-nothing", "--time", "0.1")
check(code == 2 and "kernel-nothing: this kernel has no congestion control 'nothing'" in text and "reno" in text,
      "an algorithm that the kernel has not", code, text)
code, _, text = lab("--peers", "elko-nothing")
check(code == 1 and "there is no peer 'elko-nothing'" in text, "an algorithm that elko has not", code, text)
code, _, text = lab("--virtual", "--peers", "kernel-cubic")
check(code == 1 and "no kernel in virtual time" in text, "the kernel in virtual time", code, text)
code, out, text = lab("--virtual", "--matrix", os.path.join(ROOT, "doc/lab-matrix.txt"), "--only", "loss-0*",
                      "--time", "1", "--seeds", "1")
check(code == 0 and [c["name"] for c in out["cells"]] == ["loss-0.1%"], "a cell of a matrix", code, text)
with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
    f.write("a: rate=4M\nb: rate=2M ref=a floor=90%\n")
    f.flush()
    code, out, text = lab("--virtual", "--matrix", f.name, "--time", "2", "--seeds", "1", "--peers", "elko")
    check(code == 3 and "BELOW 0.900" in text, "below the floor: exit code 3", code, text)

with open(os.path.join(ROOT, "doc/LAB.md"), encoding="utf-8") as f:
    documented = f.read()
for key in sorted(CELL_KEYS | SENDER_KEYS):
    check(f"`{key}`" in documented, f"doc/LAB.md has the key {key}")
finish()

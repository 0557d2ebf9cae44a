#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# elko-build: timeout=120
"""The wire monitor judges the kernel talking to itself: it must find nothing.

A judge that accuses the innocent is of no use. So before it may judge elko, it judges the TCP that most of the
Internet runs on, over a wire that delays, loses, duplicates and reorders (monitor_wire.c), between two network
namespaces, recorded at both ends. Each scene is one capture: what the two programs do, the wire, and what the
kernel may use (SACK, Timestamps, Window Scale, IPv4 or IPv6, MTU, buffers) are drawn from a seed.

The quick form makes 12 captures, one of each kind of scene, all at once: scenes mostly wait. ELKO_LONG=1 makes 120,
six at a time; MONITOR_CAPTURES and MONITOR_JOBS say otherwise. Captures in which something was found are kept in
the directory ELKO_CAPTURES, if it is set. --json ends with the totals as one object.
"""
import atexit, ctypes, json, os, random, select, shutil, signal, socket, struct, subprocess, sys, tempfile, threading
import time
import libnet
from libnet import ELKO, LONG, ROOT, check, finish, skip

A4, B4, A6, B6 = "10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2"
WIRE_SOURCES = ["test/interop/monitor_wire.c", "drivers/driver.c", "drivers/iface.c", "drivers/tun.c",
                "drivers/fault.c", "drivers/pcapng.c"]
QUICK = [n * 13 % 108 for n in range(12)]
COUNT = int(os.environ.get("MONITOR_CAPTURES") or (120 if LONG else len(QUICK)))
JOBS = min(COUNT, int(os.environ.get("MONITOR_JOBS") or (6 if LONG else 12)))
SEED = int(os.environ.get("MONITOR_SEED") or 1)


# ---- what the two programs do ----

def options(s, c):
    try:
        # BBR, a default in places, is not RFC 5681's congestion control.
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, c["control"].encode())
    except OSError:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    if c.get("rcvbuf"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, c["rcvbuf"])
    if c.get("sndbuf"):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, c["sndbuf"])
    if c.get("maxseg"):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, c["maxseg"])
    if c.get("nodelay"):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if c["scene"] == "keepalive":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in ("TCP_KEEPIDLE", 1), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 9):
            s.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def sysctl(values):
    for name, value in values.items():
        try:
            with open(f"/proc/sys/net/ipv4/{name}", "w") as f:
                f.write(value)
        except OSError:
            pass  # not in every kernel, nor in every namespace


def drain(s, pause=0.0, chunk=65536):
    n = 0
    while True:
        b = s.recv(chunk)
        if not b:
            return n
        n += len(b)
        if pause:
            time.sleep(pause)


def push(s, n):
    block = bytes(i * 7 & 255 for i in range(8191))
    while n > 0:
        n -= s.send(block[:n])


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def client(s, c):
    scene, n = c["scene"], c["size"]
    if scene in ("upload", "slow_reader", "stalled_reader"):
        push(s, n)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    elif scene == "download":
        drain(s)
    elif scene == "both":
        t = threading.Thread(target=lambda: (push(s, n), s.shutdown(socket.SHUT_WR)))
        t.start()
        drain(s)
        t.join()
    elif scene == "echo":
        for i in range(min(60, max(3, n // 5000))):
            push(s, 1 + i * 37 % 900)
            got = 0
            while got < 1 + i * 37 % 900:
                b = s.recv(4096)
                if not b:
                    return
                got += len(b)
    elif scene == "one_byte":
        for i in range(80):
            s.send(b"x")
            if i % 16 == 0:
                time.sleep(0.003)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    elif scene == "half_close":
        push(s, n // 3)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    elif scene == "reset_by_client":
        push(s, min(n, 20000))
        reset(s)
        return
    elif scene == "reset_by_server":
        try:
            drain(s)
        except ConnectionError:
            pass
    elif scene == "unread":
        try:
            push(s, min(n, 30000))
            time.sleep(0.2)
            push(s, 5000)
            time.sleep(0.1)
        except ConnectionError:
            pass
    elif scene in ("keepalive", "idle"):
        push(s, 1000)
        time.sleep(2.5)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    elif scene == "close_together":
        s.recv(1)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    s.close()


def server(s, c):
    scene, n = c["scene"], c["size"]
    if scene == "slow_reader":
        drain(s, pause=0.002, chunk=3000)
    elif scene == "stalled_reader":
        time.sleep(1.2)
        drain(s)
    elif scene in ("upload", "one_byte", "keepalive", "idle"):
        drain(s)
    elif scene == "download":
        push(s, n)
    elif scene == "both":
        client(s, dict(c, scene="both"))
        return
    elif scene == "echo":
        while b := s.recv(4096):
            s.sendall(b)
    elif scene == "half_close":
        drain(s)
        push(s, n // 2)
    elif scene == "reset_by_client":
        try:
            drain(s)
        except ConnectionError:
            pass
    elif scene == "reset_by_server":
        push(s, min(n, 20000))
        reset(s)
        return
    elif scene == "unread":
        time.sleep(0.15)
    elif scene == "close_together":
        s.send(b"x")
        time.sleep(c["half_rtt"] / 1e6)
        s.shutdown(socket.SHUT_WR)
        drain(s)
    s.close()


def dial(c, local, remote, port):
    s = socket.socket(socket.AF_INET6 if ":" in remote else socket.AF_INET)
    s.settimeout(30)
    options(s, c)
    if c["scene"] == "open_together":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(s, local, port)
    s.connect((remote, port))
    return s


def bind(s, address, port):
    """An IPv6 address may need a moment (duplicate address detection)."""
    for _ in range(300):
        try:
            return s.bind((address, port))
        except OSError:
            time.sleep(0.01)
    s.bind((address, port))


def open_together(c, local, remote):
    """Both connect from and to the same port at the same instant."""
    time.sleep(max(0, c["at"] - time.time()))
    try:
        s = dial(c, local, remote, c["port"])
        push(s, 5000)
        s.shutdown(socket.SHUT_WR)
        drain(s)
        s.close()
    except OSError:
        pass


def serve(commands, replies):
    """The program at the other end: a scene for each line."""
    for name in "accept_dad", "dad_transmits":
        with open(f"/proc/sys/net/ipv6/conf/default/{name}", "w") as f:
            f.write("0")
    for line in commands:
        c = json.loads(line)
        sysctl(c.pop("sysctl"))
        if c["scene"] == "open_together":
            print("ok", file=replies, flush=True)
            open_together(c, c["server"], c["client"])
            continue
        with socket.socket(socket.AF_INET6 if ":" in c["server"] else socket.AF_INET) as l:
            l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            options(l, c)
            bind(l, c["server"], c["port"])
            l.listen(64)
            l.settimeout(20)
            print("ok", file=replies, flush=True)
            try:
                for _ in range(0 if c["scene"] in ("refused", "blackhole") else c["connections"]):
                    s, _ = l.accept()
                    s.settimeout(30)
                    server(s, c)
            except OSError:
                pass
        print("done", file=replies, flush=True)


class Peer:
    """A process in a namespace of its own."""

    def __init__(self):
        down, up = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(down[1])
            os.close(up[0])
            if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
                os._exit(1)
            subprocess.run(["ip", "link", "set", "lo", "up"])
            with os.fdopen(down[0]) as commands, os.fdopen(up[1], "w") as replies:
                print("ok", file=replies, flush=True)
                serve(commands, replies)
            os._exit(0)
        os.close(down[0])
        os.close(up[1])
        self.commands, self.replies, self.heard = os.fdopen(down[1], "w"), up[0], b""
        if not self.hear():
            skip("a second network namespace is not permitted")

    def say(self, what):
        print(json.dumps(what), file=self.commands, flush=True)

    def hear(self, seconds=40):
        """The next line; several may have come at once."""
        while b"\n" not in self.heard:
            ready, _, _ = select.select([self.replies], [], [], seconds)
            more = os.read(self.replies, 4096) if ready else b""
            if not more:
                return ""
            self.heard += more
        line, self.heard = self.heard.split(b"\n", 1)
        return line.decode()


# ---- scenes ----

SCENES = ["upload", "download", "both", "echo", "one_byte", "half_close", "slow_reader", "stalled_reader",
          "reset_by_client", "reset_by_server", "unread", "keepalive", "close_together", "open_together", "refused",
          "many", "blackhole", "idle"]


def draw(n):
    r = random.Random(SEED * 100003 + n)
    scene = SCENES[n % len(SCENES)]
    bad = r.random() < 0.6
    mtu = r.choice([1500, 1500, 1500, 1280, 9000, 576, 300])
    c = {"scene": scene, "n": n, "mtu": mtu, "v6": mtu >= 1280 and r.random() < 0.4,
         "size": int(10 ** r.uniform(1, 5.6)), "connections": 12 if scene == "many" else 1,
         "half_rtt": r.choice([0, 0, 200, 1000, 5000, 20000]), "jitter": 0, "drop": 0, "duplicate": 0, "reorder": 0,
         "rcvbuf": r.choice([0, 0, 0, 2304, 8192, 40000]), "sndbuf": r.choice([0, 0, 0, 4608, 50000]),
         "maxseg": r.choice([0, 0, 0, 100, 536, 900]), "nodelay": r.random() < 0.5}
    if bad:
        c["drop"] = r.choice([0, 5000, 20000, 60000])
        c["duplicate"] = r.choice([0, 0, 10000, 50000])
        c["reorder"] = r.choice([0, 0, 10000, 80000])
        c["jitter"] = r.choice([0, 0, 0, 2000, 8000])
    if scene in ("close_together", "open_together"):
        c["half_rtt"] = 100000
    if scene == "blackhole":
        c["drop"] = 1000000
    if scene in ("slow_reader", "stalled_reader"):
        c["rcvbuf"] = c["rcvbuf"] or 6000
        c["size"] = max(60000, min(c["size"], 200000))
    if bad or c["half_rtt"] > 5000 or c["rcvbuf"] == 2304 or c["sndbuf"] == 4608:
        c["size"] = min(c["size"], 150000)
    if c["maxseg"] == 100:
        c["size"] = min(c["size"], 60000)
    on = lambda p: "1" if r.random() < p else "0"
    c["sysctl"] = {"tcp_sack": on(0.75), "tcp_timestamps": on(0.7), "tcp_window_scaling": on(0.75),
                   "tcp_dsack": on(0.8),
                   "tcp_no_metrics_save": "1", "tcp_slow_start_after_idle": on(0.5)}
    c["port"] = 7000 + n % 1000  # nothing is left over from the scene before
    c["control"] = r.choice(["reno", "cubic"])
    c["server"], c["client"] = (B6, A6) if c["v6"] else (B4, A4)
    return c


def run_client(c):
    """What happens at this end; errors are a part of some scenes, and of a bad wire."""
    try:
        if c["scene"] == "open_together":
            open_together(c, c["client"], c["server"])
        elif c["scene"] in ("refused", "blackhole"):
            with socket.socket(socket.AF_INET6 if c["v6"] else socket.AF_INET) as s:
                s.settimeout(3.5)
                s.connect((c["server"], c["port"] + 1000))
        else:
            for _ in range(c["connections"]):
                client(dial(c, None, c["server"], c["port"]), dict(c, scene="echo" if c["scene"] == "many" else c["scene"]))
    except OSError:
        pass


def one(c, peer, wire, path):
    p = subprocess.Popen([wire, str(peer.pid), path, str(c["mtu"]), str(c["half_rtt"]), str(c["jitter"]),
                          str(c["drop"]), str(c["duplicate"]), str(c["reorder"]), str(c["n"] + 1)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    libnet.started.append(p)
    if p.stdout.readline().strip() != "ready":
        skip("monitor_wire could not open its devices: see above")
    for _ in range(200 if c["v6"] else 0):  # duplicate address detection
        if "tentative" not in subprocess.run(["ip", "-6", "addr", "show", "dev", "wire0"], capture_output=True,
                                             text=True).stdout:
            break
        time.sleep(0.01)
    sysctl(c["sysctl"])
    c["at"] = time.time() + 0.3
    peer.say(dict(c, scene="echo" if c["scene"] == "many" else c["scene"]))
    peer.hear()
    run_client(c)
    if c["scene"] not in ("open_together",):
        peer.hear()
    time.sleep(0.3 + c["half_rtt"] / 1e6 * 4)
    out, _ = p.communicate()
    libnet.started.remove(p)
    return out.strip()


# ---- parts: scenes mostly wait, so some of them go on at once, each part in namespaces of its own ----

TOTALS = ("captures", "packets", "connections", "violations", "seconds")


def compile_wire(out):
    r = subprocess.run([*os.environ.get("CC", "cc").split(), "-std=c11", "-D_GNU_SOURCE", "-O2", f"-I{ROOT}",
                        f"-I{ROOT}/include", "-o", out, *(os.path.join(ROOT, s) for s in WIRE_SOURCES)],
                       capture_output=True, text=True)
    if r.returncode != 0:
        skip(f"monitor_wire could not be compiled: {r.stderr.strip()[-200:]}")


def judge(c, path, totals):
    """One capture."""
    r = subprocess.run([ELKO, "judge", "--json", "--mtu", str(c["mtu"]), path], capture_output=True, text=True)
    try:
        j = json.loads(r.stdout)
        found = j["files"][0]["violations"]
    except (ValueError, LookupError):
        check(False, f"elko judge reads {path}: {r.stderr.strip()}")
        return
    for t in ("captures", "packets", "connections", "violations"):
        totals[t] += j[t]
    check(not found and j["packets"] > 0, f"nothing is found in {os.path.basename(path)}",
          *[f"\n    frame {v['frame']}, {v['time']:.6f} s, {v['local']} to {v['remote']}: {v['rule']}: {v['figures']}"
            for v in found[:4]], f"\n    {json.dumps(c)}" if found else "")
    if found and os.environ.get("ELKO_CAPTURES"):
        shutil.copy(path, os.environ["ELKO_CAPTURES"])


def one_part(part, parts):
    """Every `parts`-th scene, then the totals as a line of JSON."""
    libnet.enter()
    for f in ("accept_dad", "dad_transmits"):
        with open(f"/proc/sys/net/ipv6/conf/default/{f}", "w") as x:
            x.write("0")
    peer = Peer()
    totals = dict.fromkeys(TOTALS, 0)
    for n in range(part, COUNT, parts):
        c = draw(n if LONG else QUICK[n])
        path = os.path.join(libnet.tmp, f"{c['n']:03}-{c['scene']}.pcapng")
        started = time.time()
        what = one(c, peer, os.environ["MONITOR_WIRE"], path)
        totals["seconds"] += time.time() - started
        if os.environ.get("MONITOR_TIMES"):
            print(f"{c['n']:3} {c['scene']:16} {time.time() - started:6.1f} s", flush=True)
        check(what.endswith(" 0 lost"), f"{c['scene']} is recorded completely: {what}")
        judge(c, path, totals)
        os.unlink(path)
    print(json.dumps(dict(totals, passed=libnet.passed, failed=libnet.failed)))


def main():
    if "MONITOR_PART" in os.environ:
        one_part(*map(int, os.environ["MONITOR_PART"].split("/")))
        return
    started = time.time()
    with tempfile.TemporaryDirectory() as tmp:
        wire = os.path.join(tmp, "monitor_wire")
        compile_wire(wire)
        parts = [subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True,
                                  env=dict(os.environ, MONITOR_PART=f"{i}/{JOBS}", MONITOR_WIRE=wire))
                 for i in range(JOBS)]
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        atexit.register(lambda: [p.terminate() for p in parts if p.poll() is None])
        totals = dict.fromkeys((*TOTALS, "passed", "failed"), 0)
        for p in parts:
            out = p.communicate()[0].strip().split("\n")
            if p.returncode == 77:
                skip(out[-1].removeprefix("skipped: "))
            print(*(line + "\n" for line in out[:-1]), sep="", end="", flush=True)
            try:
                for name, value in json.loads(out[-1]).items():
                    totals[name] += value
            except (ValueError, KeyError):
                check(False, f"a part ends with its totals: {out[-1]}")
    libnet.passed += totals.pop("passed")
    libnet.failed += totals.pop("failed")
    totals["seconds"] = round(time.time() - started, 1)
    print(f"the kernel with itself: {totals['captures']} captures, {totals['packets']} packets judged, "
          f"{totals['connections']} connections, {totals['violations']} violations, {totals['seconds']} s")
    check(totals["captures"] == COUNT, f"{COUNT} captures were judged")
    if "--json" in sys.argv:
        print(json.dumps(dict(totals, passed=libnet.passed, failed=libnet.failed)))
        sys.exit(1 if libnet.failed else 0)
    finish()


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# elko-build: timeout=150 sanitize
"""elko's TCP against the kernel's, one situation after another, by Python's sockets.

Theory. The kernel's TCP is the peer that matters most, and the one whose behaviour at the edges is best known:
every test brings a connection into one situation and looks at what the program at the kernel's end is told
(bytes, end of stream, ECONNRESET, ECONNREFUSED) and at how elko's command ends. elko is `listen` or `connect` with
a test pattern, echo, or pipes; so the bytes of both directions are known and compared.
"""
import errno, os, socket, struct, subprocess, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import libnet
from libnet import KERNEL, KERNEL6, OURS, OURS6, Elko, check, dial, enter, equal, finish, listener, read_all

enter()
LINK = ("--link", "tun:elko0", "--msl", "0.1")
MIB = 1 << 20


def pattern(n):
    """The first bytes of --source, as elko itself sends them."""
    if n > len(pattern.known):
        e = Elko("listen", "99", "--source", n, *LINK, until="listening")
        with dial(99) as s:
            pattern.known = read_all(s)
        e.wait()
    return pattern.known[:n]


pattern.known = b""


def exits(e, code, what, seconds=30):
    equal(e.wait(seconds), code, f"{what}: exit code of elko ({e.err().strip().splitlines()[-1:]})")


def listen(*args, **more):
    return Elko("listen", 7, *args, *LINK, until="listening", **more)


# ---- data and both ways to close ----

def plain_in_both_families():
    for ours in (OURS, OURS6):
        e = listen("--echo")
        sent = os.urandom(MIB)
        with dial(7, ours) as s:
            t = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
            t.start()
            got = read_all(s)
            t.join()
        check(got == sent, f"echo over {ours}", len(got))
        exits(e, 0, f"echo over {ours}")


def connect_in_both_families():
    for kernel in (KERNEL, KERNEL6):
        with listener("::" if ":" in kernel else "", 9) as l:
            e = Elko("connect", kernel, 9, "--source", MIB, *LINK)
            s, peer = l.accept()
            with s:
                s.settimeout(15)
                check(read_all(s) == pattern(MIB), f"connect to {kernel}: bytes")
            exits(e, 0, f"connect to {kernel}")


def half_close_by_kernel():
    """The kernel closes its direction; data goes on the other way."""
    e = listen("--source", 3 * MIB)
    with dial(7) as s:
        s.sendall(b"that was all")
        s.shutdown(socket.SHUT_WR)
        time.sleep(0.3)
        check(read_all(s) == pattern(3 * MIB), "half-close by the kernel: all that elko sent came")
    exits(e, 0, "half-close by the kernel")


def half_close_by_elko():
    """elko closes its direction; the kernel goes on sending, and elko's window goes on opening."""
    with listener("", 9) as l:
        e = Elko("connect", KERNEL, 9, *LINK, stdin=subprocess.DEVNULL)
        s, _ = l.accept()
        with s:
            s.settimeout(15)
            equal(s.recv(10), b"", "half-close by elko: end of stream at the kernel")
            sent = os.urandom(3 * MIB)
            for i in range(0, len(sent), 100000):
                s.sendall(sent[i:i + 100000])
                time.sleep(0.005)
        exits(e, 0, "half-close by elko")
        check(e.out() == sent, "half-close by elko: all that the kernel sent came", len(e.out()))


def closing_orders():
    for who, other in (("local", "elko"), ("peer", "the kernel")):
        e = listen("--source", 100000, "--close-first", who)
        with dial(7) as s:
            if who == "peer":
                got = read_all(s, 100000)
                s.setblocking(False)
                time.sleep(0.1)
                try:
                    check(s.recv(1) is None, "close-first peer: elko does not close first")
                except BlockingIOError:
                    check(True, "")
                s.settimeout(15)
                s.shutdown(socket.SHUT_WR)
                equal(s.recv(1), b"", f"{other} closes first: elko closes, too")
            else:
                got = read_all(s)
            equal(len(got), 100000, f"{other} closes first: bytes")
        exits(e, 0, f"{other} closes first")


def simultaneous_close():
    """Both send FIN before they see the other's: a batch of rounds meets the moment in some of them."""
    read_end, write_end = os.pipe()
    for i in range(20):
        os.close(read_end)
        os.close(write_end)
        read_end, write_end = os.pipe()
        e = listen(stdin=read_end)
        with dial(7) as s:
            s.sendall(b"x" * 1000)
            gate = threading.Barrier(2)
            t = threading.Thread(target=lambda: (gate.wait(), os.dup2(os.open("/dev/null", os.O_WRONLY), write_end)))
            t.start()
            gate.wait()
            s.shutdown(socket.SHUT_WR)
            t.join()
            ok = s.recv(1) == b""
        if not check(ok and e.wait(10) == 0 and e.out() == b"x" * 1000, f"close at the same time, round {i}", e.err()):
            break
    os.close(read_end)
    os.close(write_end)


# ---- bad ends ----

def unread_data_then_close():
    """elko's reader goes away with data unread: the kernel's program is told by a reset."""
    read_end, write_end = os.pipe()
    e = listen(stdin=subprocess.DEVNULL, stdout=write_end)
    os.close(write_end)
    with dial(7) as s:
        s.settimeout(10)
        s.sendall(b"x" * 1000)
        os.read(read_end, 1000)
        os.close(read_end)
        seen = None
        try:
            for _ in range(100):
                s.sendall(b"x" * 20000)
                time.sleep(0.01)
        except (ConnectionResetError, BrokenPipeError) as error:
            seen = error.errno
        check(seen in (errno.ECONNRESET, errno.EPIPE), "unread data, then closed: the kernel sees a reset", seen)
    exits(e, 4, "unread data, then closed")


def reset_by_kernel():
    """SO_LINGER 0: the kernel resets; elko says so and fails."""
    e = listen("--source", 100 * MIB)
    with dial(7) as s:
        s.recv(1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exits(e, 2, "reset by the kernel")
    check("reset" in e.err(), "reset by the kernel: elko says so", e.err())


def abort_by_elko():
    """Two signals: elko gives up its connection at once, with RST."""
    e = listen("--source", 100 * MIB)
    with dial(7) as s:
        s.recv(1000)
        e.process.terminate()
        time.sleep(0.1)
        e.process.terminate()
        seen = None
        try:
            while s.recv(MIB):
                pass
        except ConnectionResetError as error:
            seen = error.errno
        equal(seen, errno.ECONNRESET, "aborted by elko: the kernel sees a reset")
    check(e.wait(10) is not None, "aborted by elko: it ends")


def refused():
    e = listen("--echo")
    seen = None
    try:
        dial(8).close()
    except ConnectionRefusedError as error:
        seen = error.errno
    equal(seen, errno.ECONNREFUSED, "the kernel is refused by a port without listener")
    e.stop()
    begin = time.monotonic()
    e = Elko("connect", KERNEL, 10, *LINK)
    exits(e, 2, "elko is refused")
    check(time.monotonic() - begin < 5, "elko is refused at once")
    check("refused" in e.err(), "elko is refused: it says so", e.err())


def nobody_there():
    """An address where nobody answers: --timeout ends the waiting."""
    begin = time.monotonic()
    e = Elko("connect", "10.77.0.77", 10, "--timeout", "1.5", *LINK)
    exits(e, 2, "nobody answers")
    check(1 < time.monotonic() - begin < 6, "nobody answers: in the time asked for", time.monotonic() - begin)


# ---- flow control ----

def kernel_stops_reading():
    """The kernel's window goes to zero for 3 s; elko waits, probes, and goes on."""
    e = listen("--source", 8 * MIB, "--inspect", "on")
    s = dial(7, SO_RCVBUF=32768)
    with s:
        got = s.recv(1000)
        time.sleep(2)
        c = (e.info().get("connections") or [{}])
        c = [x for x in c if x.get("state") == "ESTABLISHED"] or [{}]
        check(c[0].get("snd_wnd", 1 << 30) < 1460, "zero window: elko sees it closed", c[0].get("snd_wnd"))
        time.sleep(1)
        got += read_all(s)
    check(got == pattern(8 * MIB), "zero window: every byte in the end", len(got))
    exits(e, 0, "zero window")


def elko_stops_reading():
    """A full pipe behind elko: its window closes, the kernel stops; then everything comes."""
    read_end, write_end = os.pipe()
    e = listen(stdin=subprocess.DEVNULL, stdout=write_end)
    os.close(write_end)
    sent = os.urandom(8 * MIB)
    with dial(7) as s:
        t = threading.Thread(target=lambda: (s.sendall(sent), s.shutdown(socket.SHUT_WR)))
        t.start()
        time.sleep(2)
        check(t.is_alive(), "elko's window closes: the kernel's program waits")
        got = bytearray()
        while b := os.read(read_end, MIB):
            got += b
        t.join()
    os.close(read_end)
    check(bytes(got) == sent, "elko's window closed: every byte in the end", len(got))
    exits(e, 0, "elko's window closed")


def one_byte_writes():
    e = listen("--echo")
    with dial(7, TCP_NODELAY=1) as s:
        got = b""
        for i in range(2000):
            s.send(bytes([i & 255]))
            if i % 100 == 99:
                got += read_all(s, 100)
        equal(got, bytes(i & 255 for i in range(2000)), "2,000 writes of one byte, echoed")
        s.shutdown(socket.SHUT_WR)
        equal(s.recv(1), b"", "one-byte writes: the end")
    exits(e, 0, "one-byte writes")


def urgent_byte():
    """RFC 6093, 3.1: urgent data is part of the stream, in its place."""
    e = listen()
    with dial(7) as s:
        s.sendall(b"before")
        s.send(b"!", socket.MSG_OOB)
        s.sendall(b"after")
    exits(e, 0, "urgent byte")
    equal(e.out(), b"before!after", "the urgent byte is in its place")


def keepalive():
    """An idle connection is probed, the kernel answers, and the connection lives on."""
    e = listen("--echo", "--keepalive=1", "--trace", "-")
    with dial(7) as s:
        time.sleep(2.6)
        s.sendall(b"still there?")
        equal(read_all(s, 12), b"still there?", "keepalive: the connection lives")
        counters = e.info().get("counters", {})
        probes = {k: v for k, v in counters.items() if "keepalive" in k or "probe" in k}
        check(any(v >= 2 for v in probes.values()), "keepalive: probes were sent", probes or sorted(counters))
    exits(e, 0, "keepalive")


def keepalive_by_kernel():
    """The kernel probes elko, which answers."""
    e = listen("--echo")
    with dial(7, SO_KEEPALIVE=1, TCP_KEEPIDLE=1, TCP_KEEPINTVL=1, TCP_KEEPCNT=2) as s:
        time.sleep(4.5)
        s.sendall(b"yes")
        equal(read_all(s, 3), b"yes", "probed by the kernel, alive")
    exits(e, 0, "probed by the kernel")


# ---- options ----

def options():
    mtus = ((), ("--mtu", 1280), ("--mtu", 9000))
    for mtu in mtus:
        for what in ((), ("--no-sack",), ("--no-timestamps",), ("--no-window-scale",), ("--mss", "536"), ("--cork",),
                     ("--no-sack", "--no-timestamps", "--no-window-scale", "--nodelay"), ("--delack", "0")):
            name = " ".join(map(str, (*what, *mtu))) or "defaults"
            up = os.urandom(500000)
            e = listen("--echo", *what, *mtu)
            with dial(7) as s:
                t = threading.Thread(target=lambda: (s.sendall(up), s.shutdown(socket.SHUT_WR)))
                t.start()
                got = read_all(s)
                t.join()
                mss = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
            check(got == up, f"options {name}: echo", len(got))
            if "--mss" in what:
                check(mss <= 536, f"options {name}: the kernel heeds the MSS", mss)
            exits(e, 0, f"options {name}")


def kernel_options():
    """The same from the other side: what the kernel does not offer, elko does without."""
    for knob in ("tcp_sack", "tcp_timestamps", "tcp_window_scaling"):
        path = f"/proc/sys/net/ipv4/{knob}"
        try:
            with open(path, "w") as f:
                f.write("0")
        except OSError:
            print(f"{knob} can not be set here")
            continue
        e = listen("--echo")
        up = os.urandom(500000)
        with dial(7) as s:
            t = threading.Thread(target=lambda: (s.sendall(up), s.shutdown(socket.SHUT_WR)))
            t.start()
            check(read_all(s) == up, f"{knob}=0: echo")
            t.join()
        exits(e, 0, f"{knob}=0")
        with open(path, "w") as f:
            f.write("1")


pattern(8 * MIB)
for situation in (plain_in_both_families, connect_in_both_families, half_close_by_kernel, half_close_by_elko,
                  closing_orders, simultaneous_close, unread_data_then_close, reset_by_kernel, abort_by_elko, refused,
                  nobody_there, kernel_stops_reading, elko_stops_reading, one_byte_writes, urgent_byte, keepalive,
                  keepalive_by_kernel, options, kernel_options):
    begin = time.monotonic()
    Elko.scene = situation.__name__
    try:
        situation()
    except Exception as error:
        check(False, situation.__name__, repr(error))
        libnet.end_started()
    if os.environ.get("VERBOSE"):
        print(f"{situation.__name__}: {time.monotonic() - begin:.1f} s", flush=True)
finish()

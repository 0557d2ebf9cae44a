# SPDX-License-Identifier: MIT
"""For the interop tests in Python: a private network namespace, an elko in it, counting of checks.

A test calls enter() first: the script starts again inside of a namespace of its own, which vanishes with
it, and so does everything in it. `tmp` is a directory that is removed at the end. Every process that a
test starts by start() is ended by finish(), which also prints the total.
"""
import atexit, contextlib, json, os, shutil, signal, socket, subprocess, sys, tempfile, time

ROOT = os.environ.get("ELKO_ROOT") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
ELKO = os.path.abspath(os.environ.get("ELKO") or os.path.join(ROOT, "build", "elko"))
LONG = os.environ.get("ELKO_LONG", "") not in ("", "0")
CAPTURES = os.environ.get("ELKO_CAPTURES")  # a directory: every elko leaves a capture there
KERNEL, OURS = "10.77.0.1", "10.77.0.2"
KERNEL6, OURS6 = "fd77::1", "fd77::2"

passed = failed = 0
started = []
tmp = None


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def enter(*tools):
    """Go on inside of a namespace; skip without one, or without the tools."""
    for tool in ("unshare", "ip", *tools):
        if shutil.which(tool) is None:
            skip(f"there is no {tool}")
    if not os.path.exists(ELKO):
        skip("elko is not built")
    if not os.path.exists("/dev/net/tun"):
        skip("there is no /dev/net/tun")
    if not os.environ.get("NET_INSIDE"):
        os.environ["NET_INSIDE"] = "1"
        probe = "ip link set lo up && ip tuntap add mode tun name probe0"
        for how in ("-n", "-Urn"):
            if subprocess.run(["unshare", how, "sh", "-c", probe], capture_output=True).returncode == 0:
                os.execvp("unshare", ["unshare", how, sys.executable, *sys.argv])
        skip("no private network namespace with a TUN device: neither root nor user namespaces may make one")
    global tmp
    tmp = tempfile.mkdtemp()
    atexit.register(clean_up)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    ip("link", "set", "lo", "up")


def end_started():
    for p in started:
        with contextlib.suppress(ProcessLookupError):
            p.kill()
            p.wait()
    started.clear()


def clean_up():
    end_started()
    shutil.rmtree(tmp, ignore_errors=True)


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def check(ok, what, *details):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {what}", *details, flush=True)
    return bool(ok)


def equal(got, wanted, what):
    return check(got == wanted, what, f": got {str(got)[:300]}, wanted {str(wanted)[:300]}")


def finish():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def compile_helper(source, name):
    """Build one of the C programs beside the tests."""
    cc = os.environ.get("CC", "cc")
    out = os.path.join(tmp, name)
    r = subprocess.run([*cc.split(), "-std=c11", "-D_GNU_SOURCE", "-O2", "-o", out,
                        os.path.join(ROOT, "test", "interop", source)], capture_output=True, text=True)
    if r.returncode != 0:
        skip(f"{source} could not be compiled: {r.stderr.strip()}")
    return out


class Elko:
    """An elko that runs in the background. `until`: text on stderr that says that it is ready."""

    count = 0
    scene = "elko"  # the first word of the names of captures

    def __init__(self, *args, until=None, stdin=subprocess.DEVNULL, stdout=None):
        Elko.count += 1
        self.err_path = os.path.join(tmp, f"elko{Elko.count}.err")
        self.out_path = os.path.join(tmp, f"elko{Elko.count}.out")
        if CAPTURES and args[0] != "info":
            args = (*args, "--pcap", os.path.join(CAPTURES, f"{Elko.scene}-{Elko.count}.pcapng"))
        with open(self.err_path, "wb") as err, open(self.out_path, "wb") as out:
            self.process = subprocess.Popen([ELKO, *map(str, args)], stdin=stdin, stdout=stdout or out, stderr=err)
        started.append(self.process)
        self.pid = self.process.pid
        if until is not None:
            self.wait_for(until)

    def err(self):
        with open(self.err_path, errors="replace") as f:
            return f.read()

    def out(self):
        with open(self.out_path, "rb") as f:
            return f.read()

    def wait_for(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.err():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"elko did not say '{text}' but: {self.err().strip()}")
            time.sleep(0.01)

    def info(self):
        r = subprocess.run([ELKO, "info", "--json", "--pid", str(self.pid)], capture_output=True, text=True, timeout=30)
        return json.loads(r.stdout) if r.returncode == 0 else {}

    def wait(self, seconds=30):
        """The exit code; None: it did not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=10):
        self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)


def listener(address="", port=0, backlog=16):
    """A listening kernel socket. On any address: the TUN device comes and goes with elko."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.listen(backlog)
    s.settimeout(15)
    return s


def dial(port, address=OURS, timeout=15, **options):
    """A kernel socket, connected to elko. Options: TCP_NODELAY=1 and the like."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(timeout)
    for name, value in options.items():
        level = socket.IPPROTO_TCP if name.startswith("TCP_") else socket.SOL_SOCKET
        s.setsockopt(level, getattr(socket, name), value)
    s.connect((address, port))
    return s


def read_all(s, limit=None):
    """Bytes until the end of the stream, or `limit` of them."""
    parts, n = [], 0
    while limit is None or n < limit:
        b = s.recv(min(1 << 20, limit - n) if limit is not None else 1 << 20)
        if not b:
            break
        parts.append(b)
        n += len(b)
    return b"".join(parts)

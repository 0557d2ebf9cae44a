"""What the checks share: the root of the source, running a tool, counting, the last line."""
import os, shutil, subprocess, sys

ROOT = os.path.abspath(os.environ.get("ELKO_ROOT") or os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("ELKO_BUILD") or os.path.join(ROOT, "build"))
CORE = os.path.join(BUILD, "libelko-core.a")
WARN = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
os.chdir(ROOT)

passed = failed = 0


def check(good, what, why=""):
    """Count one check; say what failed."""
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}" + (f"\n    {why.strip()}" if why else ""))
    return good


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def need(*tools):
    for t in tools:
        if not shutil.which(t):
            skip(f"there is no {t} (tools/setup test)")


def run(*cmd, **kw):
    """Run a tool; (exit code, everything it said)."""
    p = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                       stdin=subprocess.DEVNULL, **kw)
    return p.returncode, p.stdout


def files(top, *ext):
    """Every file below top with one of these endings, sorted."""
    found = []
    for d, _, names in os.walk(top):
        found += [os.path.join(d, n) for n in names if n.endswith(ext) and not n.startswith(".")]
    return sorted(found)


def done():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

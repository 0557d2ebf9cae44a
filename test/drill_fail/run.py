#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scripts that must not pass: each with its reason, told at its line and column, and with its exit code.

Their first lines say what is expected:

    // fails: LINE:COLUMN: message          exit code 5, outcome FAILED
    // unsupported: LINE:COLUMN: message    exit code 6, outcome unsupported
    // args: --family v6                    more arguments for `elko drill`

And scripts that pass must be able to fail: in each expected line of each script in test/drill one value after the
other is changed, and no changed script may pass, but for those that can't differ: the sequence number of a SYN is the
script's own name for it, and so is the first value of a timestamp. EK_TEST_PERCENT of them are tried.
"""
import concurrent.futures, glob, os, re, subprocess, sys, tempfile

ROOT = os.environ.get("ELKO_ROOT") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
ELKO = os.path.abspath(os.environ.get("ELKO") or os.path.join(ROOT, "build", "elko"))
OUTCOMES = {"fails": (5, "FAILED"), "unsupported": (6, "unsupported")}
passed, bad = 0, []


def drill(*args):
    return subprocess.run([ELKO, "drill", "--no-ladder", *args], capture_output=True, text=True)


def expectation(path):
    text = open(path, "rb").read().decode("utf-8", "replace")
    head = dict(re.findall(r"^// (fails|unsupported|args): (.*)$", "\n".join(text.split("\n")[:4]), re.M))
    kind = next((k for k in OUTCOMES if k in head), None)
    return kind, head.get(kind, ""), head.get("args", "").split()


def check(path):
    """None, or what is wrong."""
    kind, message, args = expectation(path)
    if kind is None:
        return "its first lines say neither `fails' nor `unsupported'"
    code, word = OUTCOMES[kind]
    r = drill(*args, path)
    first = next((line for line in r.stdout.split("\n") if line.startswith(path)), "")
    if r.returncode != code:
        return f"exit code {r.returncode}, expected {code}: {first or r.stderr}"
    if not r.stdout.startswith(f"{word}: {path}"):
        return f"the outcome is not `{word}'"
    if first != f"{path}:{message}":
        return f"it says   {first}\n    expected  {path}:{message}"
    return None


# ---- changed values ----

FIELDS = (r"ack (\d+)", r"win (\d+)", r"urg (\d+)", r"mss (\d+)", r"wscale (\d+)", r"sack (\d+)", r"tos (0x[0-9a-f]+)",
          r"ttl (\d+)")


def outbound(line):
    """Lines that differ from an outbound packet's in one value."""
    for pattern in FIELDS:
        m = re.search(pattern, line)
        if m:
            step = 4 if pattern.startswith("tos") else 1    # the two low bits are ECN's
            yield line[:m.start(1)] + str(int(m[1], 0) + step) + line[m.end(1):]
    flags = re.search(r"> (?:\d+ > \d+ )?(?:[(\[].*?[)\]] )?([FSRPU.]+) ", line)
    m = re.search(r" (\d+):(\d+)\((\d+)\)", line)
    if flags and m:
        a, b, n = (int(x) for x in m.groups())
        yield line[:m.start()] + f" {a}:{b + 1}({n + 1})" + line[m.end():]
        if "S" not in flags[1]:
            yield line[:m.start()] + f" {a + 1}:{b + 1}({n})" + line[m.end():]
        other = flags[1].replace("P", "") if "P" in flags[1] else flags[1] + "P"
        yield line[:flags.start(1)] + other + line[flags.end(1):]


def changed(line):
    if re.match(r"\s*\S+ > ", line):
        yield from outbound(line)
        return
    call = re.match(r"\s*\S+ ([a-z0-9_]+)\(", line)
    result = re.search(r"= (-?\d+)( E[A-Z]+)?[^=]*$", line)
    if call and result and call[1] not in ("socket", "accept", "accept4", "epoll_create"):
        if result[2]:
            yield line[:result.start(2)] + " EPERM" + line[result.end(2):]
        else:
            yield line[:result.start(1)] + str(int(result[1]) + 1) + line[result.end(1):]
    m = re.search(r"SO_ERROR, \[(\w+)\]", line)
    if m:
        yield line[:m.start(1)] + "EPERM" + line[m.end(1):]
    m = re.search(r"^[^#]*assert (tcpi_\w+) == (\d+|TCP_\w+)", line)
    if m:
        yield line[:m.start(2)] + "99999" + line[m.end(2):]


def mutants(directory):
    """Write them; what each of them is, by file name."""
    what, seen, percent = {}, 0, int(os.environ.get("EK_TEST_PERCENT", "100"))
    for path in sorted(glob.glob(os.path.join(ROOT, "test", "drill", "*.pkt"))):
        lines = open(path, encoding="utf-8").read().split("\n")
        if any("--non_fatal" in line or "--dry_run" in line or "#ifdef" in line for line in lines):
            continue
        family = "v6" if path.endswith("v6.pkt") else "v4" if path.endswith("v4.pkt") else ""
        for i, line in enumerate(lines):
            for new in changed(line):
                seen += 1
                if seen * percent // 100 == (seen - 1) * percent // 100:
                    continue
                name = f"{len(what):06}{family}.pkt"
                what[name] = (os.path.relpath(path, ROOT), i + 1, new.strip())
                with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
                    f.write("\n".join(lines[:i] + [new] + lines[i + 1:]))
    return what


def change_all():
    global passed
    with tempfile.TemporaryDirectory() as directory:
        what = mutants(directory)
        out = drill("--verbose", directory).stdout
        alive = [os.path.basename(p) for p in re.findall(r"^passed: (\S+)", out, re.M)]
    print(f"{len(what)} scripts with one changed value, {len(alive)} passed")
    passed += len(what) - len(alive)
    for name in alive:
        path, line, new = what[name]
        bad.append(f"{path}:{line}: it passes with this line, too: {new}")


def main():
    global passed
    if not os.path.exists(ELKO):
        print("skipped: elko is not built")
        return 77
    os.chdir(ROOT)
    paths = sorted(glob.glob("test/drill_fail/*.pkt"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, wrong in zip(paths, pool.map(check, paths)):
            passed += wrong is None
            if wrong is not None:
                bad.append(f"{path}: {wrong}")
    change_all()
    for text in bad:
        print(f"FAILED {text}")
    print(f"{passed} passed, {len(bad)} failed")
    return 1 if bad or not paths else 0


sys.exit(main())

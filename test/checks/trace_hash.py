#!/usr/bin/env python3
"""Compilers and optimisation do not change what the stacks send (M-7).

test/model/test_meta_relations.c prints a hash over every packet of sixty scenarios between two stacks:
time, numbers, options, payload. Here it is built in several ways, without the build directory's help, and
all must print the same: with gcc and clang, unoptimised and optimised, for words of 64 and 32 bits;
ELKO_LONG=1 optimises more, which takes half a minute. A way that this machine can't build (no clang, no
32-bit libc) is left out, and said so; two must be left.
"""
import os, re, shutil, tempfile
from concurrent.futures import ThreadPoolExecutor
from libcheck import check, done, files, run, skip

TEST = "test/model/test_meta_relations.c"
SOURCES = [*files("src", ".c"), "test/support/conv_seg.c", "sim/pkt.c", "sim/packet.c", TEST]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-w", "-Iinclude", "-Isrc", "-Itest/support", "-Itest/model", "-Isim", "-I."]
WAYS = {
    "gcc -O0": ["gcc", "-O0"],
    "gcc -O1, 32 bits": ["gcc", "-O1", "-m32"],
    "clang -O1": ["clang", "-O1"],
}
if os.environ.get("ELKO_LONG"):
    WAYS |= {
        "gcc -O3": ["gcc", "-O3"],
        "gcc -O2, 32 bits": ["gcc", "-O2", "-m32"],
        "clang -O3": ["clang", "-O3"],
    }


def can(cc, where):
    """Does this compiler make programs that run here?"""
    if not shutil.which(cc[0]):
        return False
    src, out = os.path.join(where, "try.c"), os.path.join(where, "try-" + "".join(cc).replace("/", ""))
    with open(src, "w") as f:
        f.write("#include <stdio.h>\nint main(void) { return printf(\"\") != 0; }\n")
    return run(*cc, src, "-o", out)[0] == 0 and run(out)[0] == 0


def trace_hash(way, where):
    """(hash, what went wrong)."""
    out = os.path.join(where, re.sub(r"\W", "_", way))
    code, said = run(*WAYS[way], *FLAGS, *SOURCES, "-o", out)
    if code != 0:
        return None, said[-2000:]
    code, said = run(out, "--filter", "m7_hash")
    found = re.search(r"trace hash ([0-9a-f]{16}) of (\d+) packets", said)
    if code != 0 or not found:
        return None, said[-2000:]
    return found.group(0), ""


with tempfile.TemporaryDirectory() as where:
    open(os.path.join(where, "try.c"), "w").close()
    ways = [w for w in WAYS if can(WAYS[w], where)]
    left_out = [w for w in WAYS if w not in ways]
    if left_out:
        print("left out, this machine can't: " + ", ".join(left_out))
    if len(ways) < 2:
        skip("there is no second way to compile (tools/setup test)")
    with ThreadPoolExecutor(2) as pool:
        results = dict(zip(ways, pool.map(lambda w: trace_hash(w, where), ways)))

first = results[ways[0]][0]
for way in ways:
    got, why = results[way]
    print(f"{way}: {got}")
    check(got is not None and got == first, f"{way} gives another trace than {ways[0]}", why or f"{got}, not {first}")
done()

#!/usr/bin/env python3
"""The allowed directions of #include. Layers that may be entered from anywhere soon are no layers.

    base <- wire <- pkt <- ip <- tcp, udp <- sock <- stack      inside the core: downwards only
    a TCP leaf          base, tcp/seq.h, its own header, public headers: it can be tested and replaced alone
                        (the algorithms cc_*.c also see tcp/cc.h, the interface that they implement)
    include/elko        stdint.h, stddef.h, stdbool.h and each other
    outside the core    include/elko, and of each other what OUTSIDE says; never src/
"""
import os, re
from libcheck import check, done, files

RANK = {"base": 0, "wire": 1, "pkt": 2, "ip": 3, "tcp": 4, "udp": 4, "sock": 5, "stack": 6}
LEAVES = re.compile(r"(reasm|rcv_window|delack|txq|rtt|rack|dupack|prr|rate|chrono|rcv_rtt|sack_in|ecn|pacer|cwv|mss|tfo|cc_\w+)$")
PUBLIC_SYSTEM = {"stdint.h", "stddef.h", "stdbool.h"}
# What a compiler brings with it where there is no libc (C11, 4p6).
FREESTANDING = PUBLIC_SYSTEM | {"limits.h", "stdarg.h", "stdalign.h", "stdnoreturn.h", "float.h", "iso646.h"}
OUTSIDE = {
    "drivers": {"drivers"},
    "host": {"host", "drivers"},
    "sim": {"sim", "drivers", "test/support"},
    # drill makes the system calls of its scripts through host/bsd.h, Linux's sockets on a stack.
    "drill": {"drill", "host", "sim", "drivers", "test/support"},
    "cli": {"cli", "host", "drivers", "sim", "drill"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path):
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            m = INCLUDE.match(line)
            if m:
                yield f"{path}:{n}", m.group(1) == "<", m.group(2)


def resolve(path, name, dirs):
    """The file in this tree that an include names, or None."""
    for d in [os.path.dirname(path), *dirs]:
        p = os.path.normpath(os.path.join(d, name))
        if os.path.exists(p):
            return p
    return None


def core():
    for path in files("src", ".c", ".h"):
        layer, stem = path.split("/")[1], os.path.splitext(os.path.basename(path))[0]
        if not check(layer in RANK, path, "not in one of the layers: " + " ".join(RANK)):
            continue
        leaf = layer == "tcp" and LEAVES.match(stem)
        for at, system, name in includes(path):
            target = resolve(path, name, ["src", "include"])
            if target is None:
                check(system and name in FREESTANDING, at,
                      f"{name} is not a header of a freestanding compiler" if system else f"there is no {name}")
            elif target.startswith("include/elko/"):
                check(True, at)
            elif leaf:
                own = {f"src/tcp/{stem}.h", "src/tcp/seq.h"} | ({"src/tcp/cc.h"} if stem.startswith("cc_") else set())
                check(target.startswith("src/base/") or target in own, at,
                      f"{stem} is a leaf: base, tcp/seq.h and its own header, not {name}")
            else:
                to = target.split("/")[1] if target.startswith("src/") else None
                check(to == layer or (to in RANK and RANK[to] < RANK[layer]), at,
                      f"{layer} may not include {name}: it lies not below")


def public():
    for path in files("include/elko", ".h"):
        for at, system, name in includes(path):
            target = resolve(path, name, ["include"])
            check(name in PUBLIC_SYSTEM if target is None else target.startswith("include/elko/"), at,
                  f"a public header includes {name}")


def outside():
    for top, allowed in OUTSIDE.items():
        for path in files(top, ".c", ".h"):
            for at, system, name in includes(path):
                # src is looked at as well, so that an include of an internal header is found out.
                target = resolve(path, name, [".", "include", *OUTSIDE, "test/support", "src"])
                if target is None:
                    check(system, at, f"there is no {name}")
                    continue
                where = os.path.dirname(target)
                check(where == "include/elko" or where in allowed, at,
                      f"{top} sees include/elko, {', '.join(sorted(allowed))}; not {target}")


core()
public()
outside()
done()

#!/usr/bin/env python3
"""The built core needs no more than four functions of its surroundings and has no state of its own.

All members of the archive are linked into one object, so that what they need of each other is resolved;
what is left over is what the core asks of the outside. Writable data would be a hidden global: two stacks
in a process would meet there.
"""
import os, tempfile
from libcheck import CORE, check, done, need, run, skip

WANTED = {"memcpy", "memmove", "memset", "memcmp"}
need("ld", "nm", "objdump")
if not os.path.exists(CORE):
    skip("libelko-core.a is not built")

with tempfile.TemporaryDirectory() as tmp:
    whole = os.path.join(tmp, "core.o")
    code, out = run("ld", "-r", "--whole-archive", CORE, "-o", whole)
    if not check(code == 0, "the members of the core link together", out):
        done()
    _, out = run("nm", "--undefined-only", "--format=posix", whole)
    undefined = {line.split()[0] for line in out.splitlines() if line} - {"_GLOBAL_OFFSET_TABLE_"}
    extra, unused = undefined - WANTED, WANTED - undefined
    if extra:
        # Which member is guilty is the first thing that one wants to know.
        _, out = run("nm", "--undefined-only", "-A", CORE)
        guilty = [l.split(":")[1] + " needs " + l.split()[-1] for l in out.splitlines() if l and l.split()[-1] in extra]
        check(False, "the core needs only " + " ".join(sorted(WANTED)), "\n    ".join(guilty))
    else:
        check(True, "undefined symbols")
    # Needing less is no fault: whether a small memcmp becomes a call is the compiler's choice.
    if unused:
        print("not called by this compiler's code: " + " ".join(sorted(unused)))

    _, out = run("objdump", "-h", "-w", whole)
    sections = [l.split() for l in out.splitlines() if l.strip()[:1].isdigit()]
    for s in sections:
        name, size = s[1], int(s[2], 16)
        # .data.rel.ro is constant: tables of pointers, which only the dynamic linker writes.
        writable = name.startswith((".data", ".bss", ".tdata", ".tbss")) and not name.startswith(".data.rel.ro")
        if writable:
            _, syms = run("nm", "--format=posix", CORE)
            vars_ = [l.split()[0] for l in syms.splitlines() if len(l.split()) > 1 and l.split()[1] in "bBdDsSC"]
            check(size == 0, f"no writable data: {name} has {size} bytes", " ".join(vars_))
    _, out = run("size", "-t", CORE)
    print("size of the core: " + " ".join(out.splitlines()[-1].split()[:3]) + " (text data bss)")
done()

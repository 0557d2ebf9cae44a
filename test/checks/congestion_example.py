#!/usr/bin/env python3
"""The program in doc/CONGESTION-CONTROL.md - an algorithm of the user's own - compiles against the built core, and runs.

It is the ```c block that follows the line `<!-- example:congestion -->`. The algorithm itself, up to its table of
functions, has some sixty lines.
"""
import os, re, tempfile
from libcheck import CORE, check, done, run, skip

DOC, MARK = "doc/CONGESTION-CONTROL.md", "<!-- example:congestion -->"
text = open(DOC, encoding="utf-8").read()
if not os.path.exists(CORE):
    skip("libelko-core.a is not built")
m = re.search(re.escape(MARK) + r"\s*```c\n(.*?)```", text, re.S)
if not check(m, f"a ```c block follows {MARK} in {DOC}"):
    done()
lines = m.group(1)[: m.group(1).index("static unsigned char region")].count("\n")
check(lines <= 65, f"the algorithm has {lines} lines")
with tempfile.TemporaryDirectory() as tmp:
    src, exe = os.path.join(tmp, "example.c"), os.path.join(tmp, "example")
    with open(src, "w", encoding="utf-8") as f:
        f.write(m.group(1))
    code, out = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", src, CORE, "-o", exe)
    if check(code == 0, "the example compiles", out):
        code, out = run("timeout", "30", exe)
        check(code == 0, f"the example runs (exit {code})", out)
        check("gentle: cwnd" in out, "it ran with the example's algorithm", out)
        print(out, end="")
done()

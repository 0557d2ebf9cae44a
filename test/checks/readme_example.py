#!/usr/bin/env python3
"""The program in README.md compiles against the built core, and runs.

It is the ```c block that follows the line `<!-- example:embed -->`. It must end by itself, with 0.
"""
import os, re, tempfile
from libcheck import CORE, check, done, run, skip

MARK = "<!-- example:embed -->"
if not os.path.exists("README.md"):
    skip("there is no README.md")
text = open("README.md", encoding="utf-8").read()
if MARK not in text:
    skip(f"README.md has no {MARK}")
if not os.path.exists(CORE):
    skip("libelko-core.a is not built")
m = re.search(re.escape(MARK) + r"\s*```c\n(.*?)```", text, re.S)
if not check(m, f"a ```c block follows {MARK}"):
    done()
with tempfile.TemporaryDirectory() as tmp:
    src, exe = os.path.join(tmp, "example.c"), os.path.join(tmp, "example")
    with open(src, "w", encoding="utf-8") as f:
        f.write(m.group(1))
    code, out = run("gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", src, CORE, "-o", exe)
    if check(code == 0, "the example compiles", out):
        code, out = run("timeout", "30", exe)
        check(code == 0, f"the example runs (exit {code})", out)
        print(out, end="")
done()

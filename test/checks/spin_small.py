#!/usr/bin/env python3
"""The model of a connection's life (test/spin): a small selection of its properties holds, a few mutants are
refuted, and doc/states.md is what the table of states says. `make model` verifies everything.
"""
# elko-build: timeout=300
import sys
from libcheck import check, done, need, run

code, out = run(sys.executable, "test/spin/generate.py", "states", "--check")
check(code == 0, "doc/states.md is current", out)
if code != 0:
    done()
need("spin", "gcc")
code, out = run(sys.executable, "tools/spin", "--small")
print(out, end="")
lines = [l for l in out.splitlines() if " holds" in l or " refuted " in l]
for line in lines:
    check("FAILED" not in line, "tools/spin --small: " + " ".join(line.split()))
check(code == 0 and lines, "tools/spin --small", out)
done()

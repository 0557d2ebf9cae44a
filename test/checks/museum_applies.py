#!/usr/bin/env python3
"""Every bug in museum/ can still be put into the source as it is: its old text is there exactly once, and
the mutant compiles. Whether the tests notice it is for `make museum` to say."""
import subprocess
from libcheck import ROOT, done, need, check

need("gcc")
p = subprocess.run(["tools/museum", "--check"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
lines = p.stdout.splitlines()
passed, failed = (int(n) for n in lines[-1].split()[::2]) if lines else (0, 1)
for _ in range(passed):
    check(True, "")
for line in lines[:-1]:
    check(False, line.removeprefix("FAILED: "))
check(failed == len(lines) - 1 and (p.returncode != 0) == (failed > 0), "tools/museum --check ended oddly")
check(passed >= 60, f"there are {passed} mutants that apply; 60 are promised")
done()

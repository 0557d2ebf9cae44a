#!/usr/bin/env python3
"""The scripts of test/drill that tools/drill-scripts makes are what it makes now."""
import subprocess
from libcheck import check, done

p = subprocess.run(["python3", "tools/drill-scripts", "--check"], capture_output=True, text=True)
check(p.returncode == 0, "tools/drill-scripts", p.stdout.strip())
done()

#!/usr/bin/env python3
"""doc/ATTACKS.md: every row has tests that exist, or says why it can't apply; no row is missing."""
import os, re, sys

ROOT = os.environ.get("ELKO_ROOT", ".")
# Rows of each part of the catalogue.
PARTS = {1: 24, 2: 10, 3: 17, 4: 18, 5: 8, 6: 14, 7: 14, 8: 8, 9: 16, 10: 7, 11: 11}
RFC2525 = [f"2.{n}" for n in range(1, 19)]


def functions(key, cache={}):
    """Names of the tests in test/KEY.c."""
    if key not in cache:
        path = os.path.join(ROOT, "test", key + ".c")
        text = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        cache[key] = set(re.findall(r"^(?:EK_TEST|CONV_TEST)\((\w+)", text, re.M))
    return cache[key]


def main():
    passed, bad = 0, []
    seen = set()
    rows = {}
    for line in open(os.path.join(ROOT, "doc", "ATTACKS.md"), encoding="utf-8"):
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) < 3 or not re.match(r"(A\d+(-\d+)?|2\.\d+)$", cells[0]):
            continue
        if cells[0] in rows:
            bad.append(f"{cells[0]} is there twice")
        rows[cells[0]] = cells
    wanted = [f"A{p}-{n}" for p, count in PARTS.items() for n in range(1, count + 1)] + ["A12", "A13", "A14"] + RFC2525
    for row in wanted:
        if row not in rows:
            bad.append(f"{row}: no such row")
            continue
        cells = rows[row]
        tests = re.findall(r"`(\w+/\w+):(\w+|\*)`", cells[2])
        if not tests and not (cells[2] == "-" and "does not apply" in cells[3]) and row != "A13":
            bad.append(f"{row}: neither a test nor a reason")
            continue
        wrong = [f"{key}:{name}" for key, name in tests
                 if (name != "*" and name not in functions(key)) or not functions(key)]
        if wrong:
            bad.append(f"{row}: there is no test {', '.join(wrong)}")
            continue
        seen.update(tests)
        passed += 1
    for text in bad:
        print(f"FAILED {text}")
    print(f"{len(rows)} rows, {len(seen)} tests named")
    print(f"{passed} passed, {len(bad)} failed")
    return 1 if bad else 0


sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test/spin/generate.py [--check] [pml | states]: what is made from EK_STATE_EDGES in src/tcp/state.h.

  pml       print the Promela side of the table: the states' numbers, and LEGAL(from, to)
  states    write doc/states.md, the table and its diagram; with --check only compare

The table is read as text: X(FROM, TO, "event", "action", "who", "source"). The states and their order come
from ELKO_TCP_STATE_LIST in include/elko/info.h.
"""
import os, re, sys

ROOT = os.path.abspath(os.environ.get("ELKO_ROOT") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DOC = os.path.join(ROOT, "doc", "states.md")


def macro(path, name):
    """The body of a macro that goes on over lines."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        text = f.read()
    m = re.search(r"#define\s+" + name + r"\(X\)((?:.*\\\n)*.*\n)", text)
    if not m:
        sys.exit(f"generate.py: there is no {name}(X) in {path}")
    return m.group(1)


def states():
    """Names as in C, and as the RFC writes them, in the order of the enum."""
    found = re.findall(r'X\((\w+),\s*"([^"]*)"\)', macro("include/elko/info.h", "ELKO_TCP_STATE_LIST"))
    if len(found) != 11:
        sys.exit(f"generate.py: {len(found)} states in ELKO_TCP_STATE_LIST, RFC 9293, 3.3.2 has 11")
    return found


def edges():
    """Rows of the table: dicts."""
    body = macro("src/tcp/state.h", "EK_STATE_EDGES")
    rows = re.findall(r'X\((\w+),\s*(\w+),\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)",\s*"([^"]*)"\)', body)
    if len(rows) != body.count("X(") or not rows:
        sys.exit(f"generate.py: {body.count('X(')} rows in EK_STATE_EDGES, understood {len(rows)}")
    names = {n for n, _ in states()}
    for r in rows:
        for s in r[:2]:
            if s not in names:
                sys.exit(f"generate.py: EK_STATE_EDGES has the state {s}, ELKO_TCP_STATE_LIST does not")
    if len({r[:2] for r in rows}) != len(rows):
        sys.exit("generate.py: EK_STATE_EDGES has a pair of states twice")
    return [dict(zip(("from", "to", "event", "action", "who", "source"), r)) for r in rows]


def pml():
    names = [n for n, _ in states()]
    out = ["/* Made by test/spin/generate.py from EK_STATE_EDGES in src/tcp/state.h. */"]
    out += [f"#define {n:12} {i}" for i, n in enumerate(names)]
    row = "0"
    for i, n in reversed(list(enumerate(names))):
        mask = sum(1 << names.index(e["to"]) for e in edges() if e["from"] == n)
        row = f"((from) == {i} -> {mask} : {row})"
    out.append(f"#define LEGAL(from, to) (({row} >> (to)) & 1)")
    return "\n".join(out) + "\n"


def cell(text):
    return text.replace("|", "\\|")


def doc():
    text = dict(states())
    rows = edges()
    out = ["# elko: the states of a connection", "",
           "Made by `python3 test/spin/generate.py states` from `EK_STATE_EDGES` in `src/tcp/state.h`: RFC 9293, 3.3.2,",
           "figure 5, with its notes, and the text of 3.10. `ek_state_set()` refuses every other change; the model in",
           "`test/spin` and the test `test/model/test_spin_trace.c` are held to the same table. Don't edit this file.", "",
           "\"Who\" is the file in `src/tcp` that performs the change. HO: the connection is a half-open entry, TW: an entry",
           "of TIME-WAIT.", "",
           f"{len(rows)} rows between {len(text)} states:", "",
           "| from | to | event | action | who | RFC 9293 |", "|---|---|---|---|---|---|"]
    out += ["| " + " | ".join(cell(c) for c in (text[r["from"]], text[r["to"]], r["event"], r["action"], f"`{r['who']}`",
                                                r["source"])) + " |" for r in rows]
    out += ["", "The same as a picture; edges to CLOSED other than those of the last steps are left out:", "",
            "```mermaid", "stateDiagram-v2"]
    keep = ("LISTEN", "LAST_ACK", "TIME_WAIT")
    out += [f"    {r['from']} --> {r['to']}: {r['event']}" for r in rows if r["to"] != "CLOSED" or r["from"] in keep]
    out += ["```", ""]
    return "\n".join(out)


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    if args == ["pml"]:
        sys.stdout.write(pml())
    elif args == ["states"] and "--check" in sys.argv:
        have = open(DOC, encoding="utf-8").read() if os.path.exists(DOC) else ""
        if have != doc():
            print("doc/states.md is not what EK_STATE_EDGES says; make it anew: python3 test/spin/generate.py states")
            return 1
    elif args == ["states"]:
        with open(DOC, "w", encoding="utf-8") as f:
            f.write(doc())
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""doc/RFC9293.md and doc/requirements are up to date, and every requirement of the RFCs has a test or a reason.

First the tool that says so is tested itself, on a small tree of our own in which one thing after another is wrong.
That the changes in test/mutants apply is checked, too; whether the tests notice them, `make requirements-mutants` says.
"""
import os, subprocess, tempfile
from libcheck import ROOT, check, done, need

TOOL = os.path.join(ROOT, "tools", "requirements")

# A tree that is right: a path, and what is in the file. Its tags begin with `[~`, so that they are none of ours.
TREE = {
    "doc/requirements/rfc9293.txt": """title: TCP
ids: MUST-1..2 SHLD-1 MAY-1
mutants: MUST
## Header
MUST-1 3.1   The window is unsigned,
             over two lines.
MUST-2 3.1   Checksums.
    partly: not on Sundays
SHLD-1 3.8.2 ECN.
    deviates: not there yet
MAY-1 3.9    A FLUSH call.
    declined: nobody asked
3.10-1 -     Another thing.
    not applicable: there is none
""",
    "doc/requirements/rfc7323.txt": """title: Timestamps
5.3-R1 MUST  Old segments are dropped.
""",
    "CONFORMANCE.md": """| document | asks | does | why | where, test |
|---|---|---|---|---|
| RFC 9293, 3.8.2 SHLD-1 | ECN | none | later | `tcp/a.c`; `conv/test_a:one` |
| RFC 9293, 3.1 MUST-2 | all days | six | rest | `tcp/a.c`; `conv/test_a:two` |
""",
    "src/tcp/a.c": """/* The theory of this file. It is about [~RFC9293 MUST-2]. */

#include "tcp/a.h"

static const char *text = "{ /* no comment";

/* Does it. [~RFC9293 MUST-1;
 * RFC7323 5.3-R1] */
static int window(void)
{
        return '}';
}

int ek_sum(int x)
{
        if (x) { /* [~RFC9293 MUST-2] */
                return 1;
        }
        return window() + text[0];
}
""",
    "test/conv/test_a.c": """#include "conv.h"

static void helper(void)
{
}

/* [~RFC9293 MUST-1 SHLD-1] */
CONV_TEST(one)
{
        helper();
}

CONV_TEST(two)
{
        helper(); /* [~RFC9293 MUST-2, MUST-1] */
}
""",
    "test/drill/old.pkt": "// [~RFC7323 5.3-R1]\n",
    "museum/A1-no-window.mut": "id: A1\nwrong: no window [~RFC9293 MUST-1]\n",
    "test/mutants/MUST-2-no-sum.mut": "wrong: no checksum\nrequirement: [~RFC9293 MUST-2]\n",
}


TREE = {path: text.replace("[~", "[") for path, text in TREE.items()}


def run(*args):
    """The tool in the tree that is the working directory: (exit code, lines)."""
    p = subprocess.run([TOOL, "--root", ".", *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def plant(what, path, old, new, *said):
    """With `old` replaced by `new` the tool fails, names each of `said`, and is content again without."""
    good, said = TREE[path], [s.replace("[~", "[") for s in said]
    old, new = old.replace("[~", "["), new.replace("[~", "[")
    assert good.count(old) == 1, f"{path}: {old}"
    write(path, good.replace(old, new))
    code, out = run("--check")
    check(code == 1 and all(s in out for s in said), what, f"exit {code}, said:\n{out}")
    write(path, good)
    code, out = run("--check")
    check(code == 0, f"after {what}: content again", out)


def test_the_tool():
    code, out = run("--check")
    check(code == 1 and "doc/RFC9293.md:1: not up to date" in out, "pages that are missing are noticed", out)
    code, out = run()
    check(code == 0 and "2 RFCs, 6 requirements, 0 problems" in out, "the small tree is right", out)
    code, out = run("--check")
    check(code == 0, "and its pages are up to date", out)
    page = open("doc/RFC9293.md", encoding="utf-8").read()
    for line in (
        "| MUST-1 | 3.1 | The window is unsigned, over two lines. | `tcp/a.c:window` | `conv/test_a:one`<br>"
        "`conv/test_a:two` | `A1-no-window` |",
        "| MUST-2 | 3.1 | Checksums.<br>**partly**: not on Sundays | `tcp/a.c`<br>`tcp/a.c:ek_sum` | `conv/test_a:two` | "
        "`MUST-2-no-sum` |",
        "4 numbered requirements and 1 others: 1 done, 1 partly, 1 deviates, 1 declined, 1 not applicable.",
    ):
        check(line in page, "a line of the page", f"wanted:\n{line}\nin:\n{page}")
    other = open("doc/requirements/rfc7323.md", encoding="utf-8").read()
    check("| 5.3-R1 | MUST | Old segments are dropped. | `tcp/a.c:window` | `drill/old` |" in other, "a script counts",
          other)

    conf, req, src, test = "CONFORMANCE.md", "doc/requirements/rfc9293.txt", "src/tcp/a.c", "test/conv/test_a.c"
    plant("an id of the RFC is missing", req, "MUST-2 3.1   Checksums.\n    partly: not on Sundays\n", "",
          f"{req}:1: there is no entry MUST-2", f"{test}:15: RFC9293 MUST-2: no such entry")
    plant("an id has neither test nor reason", test, " /* [~RFC9293 MUST-2, MUST-1] */", "",
          f"{req}:7: MUST-2: no test carries [~RFC9293 MUST-2]")
    plant("an id is done nowhere", src, "[~RFC9293 MUST-1;\n * RFC7323", "[~RFC7323",
          f"{req}:5: MUST-1: no function")
    plant("a tag names an unknown id", test, "[~RFC9293 MUST-2, MUST-1]", "[~RFC9293 MUST-2 MUST-1 MUST-70]",
          f"{test}:15: RFC9293 MUST-70: no such entry")
    plant("a tag names an unknown RFC", test, "[~RFC9293 MUST-2, MUST-1]", "[~RFC9293 MUST-2 MUST-1; RFC1 2]",
          f"{test}:15: RFC1: there is no doc/requirements/rfc1.txt")
    plant("a tag without ids", src, "[~RFC9293 MUST-2]. */", "[~RFC9293 ;]. */", f"{src}:1: [~RFC9293 ;]")
    plant("a tag in a test that belongs to no test", test, "static void helper(void)",
          "/* [~RFC9293 MUST-1] */\nstatic void helper(void)", f"{test}:3: [~RFC9293 MUST-1]: a tag belongs to one")
    plant("a MUST that nobody breaks", "test/mutants/MUST-2-no-sum.mut", "[~RFC9293 MUST-2]", "none",
          f"{req}:7: MUST-2: no mutant carries [~RFC9293 MUST-2]")
    plant("a status without its reason", req, "declined: nobody asked", "declined:", f"{req}:11: MAY-1: `declined:` needs")
    plant("a MUST is declined", req, "partly: not on Sundays", "declined: no",
          f"{req}:7: MUST-2: only a MAY can be declined")
    plant("a deviation is not listed", conf, "RFC 9293, 3.8.2 SHLD-1", "RFC 9293, 3.8.20", f"{req}:9: SHLD-1: deviates, and")
    plant("what is done partly is not listed", conf, "RFC 9293, 3.1 MUST-2", "RFC 7323, 3.1 MUST-2",
          f"{req}:7: MUST-2: partly, and")
    plant("a deviation has no test", test, "[~RFC9293 MUST-1 SHLD-1]", "[~RFC9293 MUST-1]",
          f"{req}:9: SHLD-1: deviates, and no test")
    plant("a test that CONFORMANCE.md names is gone", test, "CONV_TEST(two)", "CONV_TEST(three)",
          "CONFORMANCE.md:4: there is no test conv/test_a:two")
    plant("a file that CONFORMANCE.md names is gone", conf, "`tcp/a.c`; `conv/test_a:one`", "`tcp/b.c`; `conv/test_a:one`",
          "CONFORMANCE.md:3: there is no file tcp/b.c")
    plant("an id stands there twice", req, "MAY-1 3.9    A", "MUST-1 3.1 Again.\nMAY-1 3.9    A",
          f"{req}:11: MUST-1 is there already, in line 5")
    plant("a line is no entry", req, "## Header\n", "## Header\nwhat?\n", f"{req}:5: an entry is")
    plant("an unknown level", "doc/requirements/rfc7323.txt", "5.3-R1 MUST", "5.3-R1 OUGHT", "5.3-R1: the level is one of")
    plant("a page is not up to date", req, "The window is unsigned,", "The window has no sign,",
          "doc/RFC9293.md:1: not up to date")


def main():
    need("gcc")
    with tempfile.TemporaryDirectory() as tree:
        os.chdir(tree)
        for path, text in TREE.items():
            write(path, text)
        test_the_tool()
        os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as tmp:
        p = subprocess.run([TOOL + "-mutants", "--check", "--dir", tmp], stdout=subprocess.PIPE, text=True)
        check(p.returncode == 0, "tools/requirements-mutants --check", p.stdout)
    p = subprocess.run([TOOL, "--check"], stdout=subprocess.PIPE, text=True)
    lines = p.stdout.splitlines()
    for line in lines[:-1]:
        check(False, line)
    check(p.returncode == 0 and lines, "tools/requirements --check" + (f": {lines[-1]}" if lines else ""))
    if lines:
        print(lines[-1])
    done()


main()

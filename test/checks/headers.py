#!/usr/bin/env python3
"""Every header stands alone: public ones in C11 and in C++17, internal ones in C11.

A header that compiles only after another one has a hidden order; a public one that is no C++ shuts out
half of its users.
"""
import os
from concurrent.futures import ThreadPoolExecutor
from libcheck import WARN, check, done, files, need, run

need("gcc", "g++")
jobs = []
for h in files("include/elko", ".h"):
    name = "elko/" + os.path.basename(h)
    jobs.append((f"{h} as C11", ["gcc", "-x", "c", "-std=c11", "-Wpedantic", "-Iinclude", *WARN], name))
    jobs.append((f"{h} as C++17", ["g++", "-x", "c++", "-std=c++17", "-Iinclude", "-Wall", "-Wextra", "-Werror"], name))
for h in files("src", ".h"):
    jobs.append((f"{h} as C11", ["gcc", "-x", "c", "-std=c11", "-Iinclude", "-Isrc", "-Wno-unused-function", *WARN],
                 h.removeprefix("src/")))


def one(job):
    what, cc, name = job
    # Twice: the include guard works. The header comes by #include, since -fsyntax-only on it would
    # complain about its own static functions.
    return what, run(*cc, "-fsyntax-only", "-include", name, "-include", name, "/dev/null")


with ThreadPoolExecutor(os.cpu_count()) as pool:
    for what, (code, out) in pool.map(one, jobs):
        check(code == 0, what, "\n    ".join(out.splitlines()[:8]))
done()

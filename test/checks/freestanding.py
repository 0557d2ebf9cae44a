#!/usr/bin/env python3
"""The core compiles where there is no operating system: a Cortex-M4 and wasm32, with no libc headers.

Each target is then linked into one object, whose undefined symbols may be the four memory functions and
what that compiler calls for arithmetic which the processor lacks (libgcc, compiler-rt).
"""
import os, shutil, tempfile
from concurrent.futures import ThreadPoolExecutor
from libcheck import WARN, check, done, files, run, skip

MEMORY = {"memcpy", "memmove", "memset", "memcmp"}
FLAGS = ["-std=c11", "-ffreestanding", "-Os", "-ffunction-sections", "-Iinclude", "-Isrc", *WARN]
ARM = ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-fno-builtin-strlen"]
WASM = ["clang", "--target=wasm32", "-nostdlib", "-fno-builtin-bcmp"]


def leb128(b, i):
    value = shift = 0
    while True:
        value |= (b[i] & 0x7F) << shift
        shift += 7
        i += 1
        if b[i - 1] < 0x80:
            return value, i


def wasm_module(path):
    """(size of the code section, names of imported functions) of a module; binutils can not read one."""
    b = open(path, "rb").read()
    i, code, imports = 8, 0, set()
    while i < len(b):
        kind = b[i]
        size, i = leb128(b, i + 1)
        if kind == 10:
            code = size
        elif kind == 2:
            n, j = leb128(b, i)
            for _ in range(n):
                names = []
                for _ in range(2):
                    l, j = leb128(b, j)
                    names.append(b[j:j + l].decode())
                    j += l
                what = b[j]
                j += 1
                if what == 0:
                    imports.add(names[1])
                    _, j = leb128(b, j)
                elif what == 2:        # memory: flags, minimum, maybe maximum
                    flags, j = leb128(b, j)
                    _, j = leb128(b, j)
                    if flags & 1:
                        _, j = leb128(b, j)
                elif what == 3:        # global: type, mutability
                    j += 2
                else:                  # table: type, flags, minimum, maybe maximum
                    flags, j = leb128(b, j + 1)
                    _, j = leb128(b, j)
                    if flags & 1:
                        _, j = leb128(b, j)
        i += size
    return code, imports


def compile_all(name, cc, tmp):
    """Compile every file of the core; the objects, or none when there is no point in linking."""
    def one(src):
        obj = os.path.join(tmp, src.replace("/", "_") + ".o")
        return src, obj, run(*cc, *FLAGS, "-c", src, "-o", obj)
    objs = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for src, obj, (code, out) in pool.map(one, files("src", ".c")):
            if check(code == 0, f"{name}: {src}", "\n    ".join(out.splitlines()[:8])):
                objs.append(obj)
    return objs if len(objs) == len(files("src", ".c")) else []


def arm(tmp):
    objs = compile_all("cortex-m4", ARM, tmp)
    if not objs:
        return
    whole = os.path.join(tmp, "core.elf")
    code, out = run("arm-none-eabi-ld", "-r", *objs, "-o", whole)
    if check(code == 0, "cortex-m4: link", out):
        _, out = run("arm-none-eabi-nm", "--undefined-only", "--format=posix", whole)
        extra = {l.split()[0] for l in out.splitlines() if l} - MEMORY
        extra = {s for s in extra if not s.startswith("__aeabi_") and s not in ("__popcountsi2", "__ctzdi2", "__clzdi2", "__bswapdi2")}
        check(not extra, "cortex-m4: nothing else is needed", " ".join(sorted(extra)))
        _, out = run("arm-none-eabi-size", whole)
        text, data, bss = out.splitlines()[-1].split()[:3]
        check(data == "0" and bss == "0", f"cortex-m4: no writable data, but data {data} bss {bss}")
        print(f"cortex-m4 -Os: {text} bytes of code and constants")


def wasm(tmp):
    objs = compile_all("wasm32", WASM, tmp)
    if not objs:
        return
    ld = shutil.which("wasm-ld") or shutil.which("wasm-ld-14")
    if not ld:
        print("no wasm-ld: not linked")
        return
    whole = os.path.join(tmp, "core.wasm")
    code, out = run(ld, "--no-entry", "--export-all", "--no-gc-sections", "--allow-undefined", *objs, "-o", whole)
    if check(code == 0, "wasm32: link", out):
        code, imports = wasm_module(whole)
        extra = imports - MEMORY - {"__multi3", "__udivti3"}
        check(not extra, "wasm32: nothing else is needed", " ".join(sorted(extra)))
        print(f"wasm32 -Os: {code} bytes of code")


did = 0
for tool, target in (ARM[0], arm), (WASM[0], wasm):
    if shutil.which(tool):
        with tempfile.TemporaryDirectory() as tmp:
            target(tmp)
        did += 1
    else:
        print(f"no {tool}: that target is not checked")
if not did:
    skip("there is no compiler for either target (tools/setup test)")
done()

# elko: the front door. `make run` and `make test` do everything on a fresh Debian 12; Meson and Ninja
# work underneath. Nothing here asks a question.
#
#   make B=DIR ...          use another build directory
#   make one T=NAME         build and run one test (patterns work: T='tcp_*')
#   make install PREFIX=... DESTDIR=...

B        ?= build
T        ?=
PREFIX   ?= /usr/local
DESTDIR  ?=
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 2
LAB_JOBS ?= $(shell nproc)
SEEDS    ?= 1..1000000

SUITES   = unit,conv,sim,drill,model,load,fuzz,checks,interop
FAST     = unit,conv
# -O1: compiling with sanitizers takes longer than the tests then do.
SANITIZE = -Db_sanitize=address,undefined -Dwerror=false -Doptimization=1
# Where the core, the tool and the tests keep their C: everything that is formatted.
CODE     = include src drivers host sim drill cli test bench

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build run test test-fast drill one checks sanitize asan ubsan valgrind clang freestanding \
        format format-check lint requirements requirements-mutants bench fuzz fuzz-afl fuzz-planted soak lab lab-virtual simulate museum model coverage reliability-report install clean

help:                   ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup:                  ## install every Debian package that any target here needs
	@tools/setup all

build:                  ## the library, build/libelko-core.a, and the tool, build/elko
	@tools/setup build
	@tools/build $(B) -k 0 product

run:                    ## the demonstration: what elko is for, in one command, without root where the machine allows
	@tools/setup run
	@tools/build $(B) -k 0 product
	@if [ -x tools/demo ]; then ELKO=$(B)/elko tools/demo; else echo "run: tools/demo is missing"; exit 1; fi

test:                   ## all tests; unit, conversation and some interop tests under ASan+UBSan as well
	@tools/setup test
	@tools/build $(B) build.ninja
	@MESON_OPTS='$(SANITIZE)' tools/build build-asan build.ninja
	@tools/run-tests $(B):$(SUITES) build-asan:$(FAST),sim,drill,interop-sanitize

test-fast:              ## unit and conversation tests only
	@tools/setup build
	@tools/build $(B) build.ninja
	@tools/run-tests $(B):$(FAST)

drill:                  ## our packetdrill scripts, over IPv4, IPv6 and IPv4-mapped IPv6
	@tools/setup build
	@tools/build $(B) -k 0 product
	@$(B)/elko drill --family all test/drill

one:                    ## one test by name: make one T=ring
	@tools/setup build
	@tools/build $(B) build.ninja
	@tools/run-tests --only '$(T)' --verbose $(B):$(SUITES)

checks:                 ## properties of source and library: include directions, symbols, freestanding, C++
	@tools/setup test
	@tools/build $(B) -k 0 product
	@tools/run-tests $(B):checks

sanitize:               ## unit, conversation and some interop tests under ASan+UBSan
	@tools/setup test
	@MESON_OPTS='$(SANITIZE)' tools/build build-asan build.ninja
	@tools/run-tests build-asan:$(FAST),sim,drill,interop-sanitize

asan ubsan: sanitize

valgrind:               ## unit and conversation tests under valgrind
	@tools/setup test
	@tools/build $(B) build.ninja
	@EK_TEST_PERCENT=10 tools/run-tests --slower 20 --wrap 'valgrind -q --child-silent-after-fork=yes --error-exitcode=99 --leak-check=full' $(B):$(FAST)

clang:                  ## build with clang; unit and conversation tests (a quarter of the random cases), symbols of the core
	@tools/setup test
	@CC=clang MESON_OPTS="-Doptimization=1" tools/build build-clang build.ninja
	@EK_TEST_PERCENT=25 tools/run-tests build-clang:$(FAST),symbols

freestanding:           ## compile the core for a Cortex-M4 and for wasm32, without any libc
	@tools/setup test
	@python3 test/checks/freestanding.py

format:                 ## rewrite the C sources in the project's format
	@tools/setup test
	@find $(CODE) -name '*.[ch]' -print0 2>/dev/null | xargs -0r -n 20 -P 2 clang-format -i

format-check:           ## does clang-format agree with every file?
	@tools/setup test
	@tools/format-check $(CODE)

lint:                   ## clang-tidy and cppcheck over the core
	@tools/setup test
	@tools/lint

requirements:           ## doc/RFC9293.md and doc/requirements from the tags in source and tests
	@tools/requirements

requirements-mutants:   ## do the tests of each MUST fail when it is broken? (test/mutants)
	@tools/setup test
	@tools/requirements-mutants --dir $(B)/requirement-mutants

bench:                  ## measure, with an optimised build; against lwIP as well
	@tools/setup test
	@MESON_OPTS='--buildtype=release -Db_ndebug=true' tools/build build-release
	@meson test -C build-release --benchmark --verbose

fuzz:                   ## long: each test/fuzz program for FUZZ_SECONDS (default 60) of a processor, with libFuzzer
	@tools/setup test
	@CC=clang MESON_OPTS='$(SANITIZE) -Dfuzz=true' tools/build build-fuzz -k 0 fuzz
	@tools/fuzz $(FUZZ_OPTS) --jobs $(FUZZ_JOBS) build-fuzz $(FUZZ_SECONDS)

fuzz-afl:               ## long: the same under AFL++, another fuzzer's eyes (installs it)
	@tools/setup fuzz
	@CC=afl-clang-fast AFL_QUIET=1 MESON_OPTS='-Dfuzz=true -Dwerror=false' tools/build build-afl -k 0 fuzz
	@tools/fuzz --afl --jobs $(FUZZ_JOBS) build-afl $(FUZZ_SECONDS)

fuzz-planted:           ## long: how soon do the fuzz programs find bugs that were planted for them?
	@tools/setup test
	@tools/fuzz-planted --seconds $(FUZZ_SECONDS)

soak:                   ## long: the campaign in tools/soak
	@tools/setup run
	@tools/build $(B) -k 0 product
	@if [ -x tools/soak ]; then ELKO=$(B)/elko tools/soak; else echo "there is no campaign yet"; fi

lab:                    ## long: elko and this machine's kernel on twenty bad paths, side by side (doc/LAB.md)
	@tools/setup build
	@MESON_OPTS='--buildtype=release -Db_lto=true' tools/build build-lab elko
	@mkdir -p $(B)/lab
	@set -o pipefail; build-lab/elko lab --matrix doc/lab-matrix.txt --series $(B)/lab --json | tee $(B)/lab/result.txt

lab-virtual:            ## long: every cell of doc/lab-full.txt in virtual time, elko at both ends
	@tools/setup build
	@MESON_OPTS='--buildtype=release -Db_lto=true' tools/build build-lab elko
	@mkdir -p $(B)/lab
	@set -o pipefail; build-lab/elko lab --virtual --jobs $(LAB_JOBS) --matrix doc/lab-full.txt --json | tee $(B)/lab/virtual.txt

simulate:               ## long: the seeds SEEDS of the simulator, with a build for speed (assertions and checks are on)
	@tools/setup build
	@tools/sim-build build-sim
	@build-sim/elko sim --seeds $(SEEDS)

museum:                 ## long: bugs of other TCPs, put into elko one by one: which tests notice? (museum/)
	@tools/setup test
	@tools/museum --dir $(B)/museum

model:                  ## long: the model of a connection's life, its properties and mutants, with Spin
	@tools/setup test
	@tools/spin

coverage:               ## long: lines and branches of src/ that the tests reach; gaps: doc/coverage-gaps.txt
	@tools/setup test
	@tools/coverage

reliability-report:     ## long: run every proof and print its figures (QUICK=1: short forms)
	@tools/setup all
	@B=$(B) tools/reliability-report $(if $(QUICK),--quick) --json

install: build          ## library, headers, elko.pc and tool into PREFIX
	@meson configure $(B) -Dprefix=$(PREFIX)
	@DESTDIR='$(DESTDIR)' meson install -C $(B)

clean:                  ## remove every build directory
	rm -rf build build-asan build-clang build-release build-fuzz build-afl build-planted build-coverage build-lab

/* SPDX-License-Identifier: MIT */
/*
 * run.h - run a .pkt script on a stack of its own, in virtual time.
 *
 * Theory: packetdrill runs a script against a kernel in real time. Here the stack is a library without a clock, so
 * the runner is its clock, its network and its application at once: it goes through the events in order, moves the
 * clock from timer to timer until an event is due, gives the stack what the peer sends, makes the system calls, and
 * compares what the stack sends, byte by byte and instant by instant. Nothing waits, so a script of two hours takes
 * milliseconds, and the same script gives the same run, always.
 */
#ifndef DRILL_RUN_H
#define DRILL_RUN_H

#include <stdio.h>

#include <elko/elko.h>

#include "drill/script.h"

enum drill_family { DRILL_V4, DRILL_V6, DRILL_MAPPED };

enum drill_outcome {
        DRILL_PASSED,
        DRILL_FAILED,
        DRILL_UNSUPPORTED, /* it needs something that is not there: neither passed nor failed */
};

/* What a run needs besides the script; zero is a default everywhere but for the region. */
struct drill_settings {
        bool family_given; /* else the script's --ip_version, else IPv4 */
        enum drill_family family;
        const struct elko_persona
                *persona; /* NULL: FreeBSD's if the script sets its sysctls, or Linux's */
        const struct drill_option *options; /* override those of the script */
        elko_trace_fn *trace;               /* of the stack */
        void *trace_ctx;
        bool kernel;  /* this machine's kernel instead of elko, in real time */
        FILE *record; /* write what happens as a new script, instead of comparing */
        void *region; /* the stack's memory, of DRILL_REGION_BYTES; may be used again and again */
};

enum { DRILL_REGION_BYTES = 48 << 20 };

/* The stack's clock when the script begins: not 0, so that its timestamps and ages differ from "none". */
#define DRILL_START_NS ELKO_SEC(1000)

struct drill_result {
        enum drill_outcome outcome;
        const char *
                text; /* not PASSED: why, several lines; PASSED: remarks, or NULL. Lives with the script */
        uint64_t virtual_ns;
};

/* The script was parsed without error. */
void drill_run(struct drill_script *s, const struct drill_settings *set, struct drill_result *out);

/* Read, parse and run the script in a file's text. *s is to be freed after the result was used. */
void drill_run_text(struct drill_script *s, const char *name, const char *text, size_t len,
                    const struct drill_define *defines, const struct drill_settings *set,
                    struct drill_result *out);

/* Definitions that scripts of public suites expect of whoever runs them, for a family; `more` come first. */
const struct drill_define *drill_common_defines(enum drill_family family);

/* "ipv4", "v4", ...: false: none of them. */
bool drill_family_parse(const char *text, enum drill_family *out);

/* Ask the children that a run may have left behind (Python) to end. */
void drill_run_end(void);

#endif

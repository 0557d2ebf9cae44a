/* SPDX-License-Identifier: MIT */
/*
 * runner.h - what the runner's files share: the state of one run.
 */
#ifndef DRILL_RUNNER_H
#define DRILL_RUNNER_H

#include <elko/persona.h>

#include "drill/flow.h"
#include "drill/names.h"
#include "drill/run.h"
#include "drill/show.h"
#include "drill/world.h"
#include "host/bsd.h"

#define DRILL_KERNEL_PATIENCE ELKO_SEC(20)

enum {
        DRILL_FLOWS = 64,
        DRILL_FDS = 256,
        DRILL_AHEAD = 1024,
        DRILL_INFO_BYTES = 280, /* Linux's struct tcp_info */
        DRILL_MEMINFO_WORDS = 9,
        DRILL_FILES = 16,
};

/* A file that a script makes, of zeros. */
struct drill_file {
        const char *name;
        uint64_t bytes;
};

/* Options of the script and the command line, resolved. */
struct drill_config {
        enum drill_family family;
        uint16_t bind_port, connect_port, mtu;
        bool mtu_given;
        elko_ip local, remote;
        uint64_t tolerance_us;
        double tolerance_percent;
        uint32_t ts_tick_us;
        bool ts_ecr_scaled, strict_segments, dry_run;
        bool packets_not_fatal, calls_not_fatal;
        const char *code_command;
        struct elko_config stack;
        struct elko_bsd_defaults sockets;
        bool freebsd_sysctls; /* the script set some */
        bool linux_buffers;   /* of the persona */
        bool persona_given;
};

struct drill_fd {
        int script, live;
        uint16_t local_port;
        struct drill_file *file; /* of open(); then there is no live one but with the kernel */
        uint64_t at;             /* in it */
};

/* A system call under way. Blocking ones are tried again whenever something happened. */
struct drill_doing {
        const struct drill_event *event; /* NULL: none */
        uint64_t from_ns, until_ns;      /* when it began; when it should end */
        uint64_t give_up_ns;             /* poll() and epoll_wait() return then; ELKO_NEVER */
        bool started;                    /* connect() was called */
        bool opens;                      /* sending began a connection (MSG_FASTOPEN) */
        size_t done;                     /* bytes, of calls that go on */
        int64_t result;                  /* or -errno */
        elko_endpoint local, remote;     /* of a close() that lingers */
        struct drill_line *line;         /* record mode: where the result is to be written */
};

/* A code block's moment. */
struct drill_snapshot {
        const struct drill_event *event;
        bool has_info;
        uint8_t info[DRILL_INFO_BYTES];
        uint32_t meminfo[DRILL_MEMINFO_WORDS];
        struct drill_snapshot *next;
};

struct drill_run {
        struct drill_script *s;
        struct drill_arena *arena;
        const struct drill_settings *set;
        struct drill_config c;
        struct drill_world w;
        bool open; /* there is a stack */
        struct drill_flow *flow[DRILL_FLOWS], *cur;
        unsigned n_flows;
        uint16_t next_port;
        struct drill_fd fd[DRILL_FDS];
        unsigned n_fds;
        struct drill_file file[DRILL_FILES];
        unsigned n_files;
        struct drill_doing blocked; /* the blocking call under way */
        struct drill_snapshot *snapshots, **snapshots_tail;
        uint64_t before_ns; /* scheduled time of the event before */
        const struct drill_event *before;
        unsigned passed_over; /* packets of other connections, since the last that fitted */
        uint8_t *buffer;      /* zeros to send, room to receive */
        size_t buffer_bytes;
        enum drill_outcome outcome;
        const char *text;
        const char *notes; /* of failures that are not fatal */
        /* record mode: the lines of the new script */
        struct drill_line *lines, **lines_tail;
        struct drill_line *line; /* of the event under way */
        uint64_t recorded_ns;
        /* Packets that are written already, since they were sent before something that came in: how many bytes each
         * has. They are what the next outbound lines stand for. */
        uint32_t ahead[DRILL_AHEAD], ahead_from, ahead_n;
        bool writes_ports; /* the script has several connections, told apart by ports */
};

struct drill_line {
        const char *text; /* up to where the result of a call stands */
        const char *result;
        uint64_t from_ns,
                until_ns; /* of a call that blocks: since the line before; until_ns 0: it does not */
        struct drill_line *next;
};

/* ---- verdicts: always false ---- */

bool drill_fail(struct drill_run *r, struct drill_where where, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
bool drill_refuse(struct drill_run *r, struct drill_where where, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* ---- config.c ---- */

bool drill_configure(struct drill_run *r);
/* What the script has set so far, as the stack and its sockets take it. */
void drill_settings_now(const struct drill_run *r, struct elko_config *stack,
                        struct elko_bsd_defaults *sockets);
/* name=value of a sysctl. */
bool drill_sysctl(struct drill_run *r, struct drill_where where, const char *name,
                  const char *value);

/* ---- run.c ---- */

/* Make the stack, if there is none yet. */
bool drill_open(struct drill_run *r, struct drill_where where);
/* Something happened: let a blocked call have its chance. */
bool drill_happened(struct drill_run *r);
/* Go to the next instant at which something happens, `until` at the latest. *moved: there was one. */
bool drill_step(struct drill_run *r, uint64_t until, bool *moved);
bool drill_run_until(struct drill_run *r, uint64_t at);
/* Would it take too long to wait for this in real time? Then the run has its verdict. */
bool drill_too_long(struct drill_run *r, struct drill_where where, uint64_t at);
/* Tolerance of a time that lies `span_ns` after the event before, ns. */
uint64_t drill_tolerance(const struct drill_run *r, uint64_t span_ns);
const char *drill_time_text(struct drill_run *r, uint64_t ns);

/* ---- packets ---- */

bool drill_inject(struct drill_run *r, const struct drill_event *e);
bool drill_expect(struct drill_run *r, const struct drill_event *e, uint64_t from_ns,
                  uint64_t to_ns);

/* ---- record.c: record mode ---- */

/* A line of the script as it stands, and one of our own, at an instant. */
struct drill_line *drill_record_event(struct drill_run *r, const struct drill_event *e);
void drill_record_text(struct drill_run *r, uint64_t at_ns, const char *text);
/* What a call returned, and when. */
void drill_record_result(struct drill_run *r, struct drill_line *line, const char *result);
/* The line under way echoes a timestamp that is called so now. */
void drill_record_echo(struct drill_run *r, uint32_t value);
/* Write down the packets that nobody took. */
void drill_record_packets(struct drill_run *r);
/* All of it into the file. */
void drill_record_write(struct drill_run *r);

/* ---- flows ---- */

struct drill_flow *drill_flow_new(struct drill_run *r);
struct drill_flow *drill_flow_of_ports(struct drill_run *r, int local, int remote);
struct drill_flow *drill_flow_of_fd(struct drill_run *r, int script_fd);

/* ---- calls ---- */

bool drill_call(struct drill_run *r, const struct drill_event *e, uint64_t until_ns);
/* Try the blocked call again; ends it if it can. */
bool drill_call_again(struct drill_run *r);
/* The live descriptor of the script's; -1: none. */
int drill_live_fd(const struct drill_run *r, int script);
bool drill_snapshot(struct drill_run *r, const struct drill_event *e);

/* ---- files.c: files of scripts ---- */

/* NULL: nobody made it. */
struct drill_file *drill_file_find(struct drill_run *r, const char *name);
/* dd, truncate, rm; *done: the command was one of them. False: the run has its verdict. */
bool drill_file_command(struct drill_run *r, char *const *word, unsigned n,
                        struct drill_where where, bool *done);

/* ---- commands and code ---- */

bool drill_command(struct drill_run *r, const char *text, struct drill_where where);
bool drill_code_run(struct drill_run *r);

#endif

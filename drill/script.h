/* SPDX-License-Identifier: MIT */
/*
 * script.h - a .pkt script as a list of events.
 *
 * Theory: a script in packetdrill's language says, line by line and in the order of time, what the peer sends
 * ("<"), what the stack must send (">"), which system calls the application makes and what they return, which
 * shell commands run, and what the stack tells about itself (code in Python). This is the language itself; what
 * it means is the runner's matter (run.h).
 */
#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drill/arena.h"

enum { DRILL_MAX_OPTS = 40 }; /* options of one segment: as many as there can be bytes */

/* Where something stands. */
struct drill_where {
        int line, column; /* from 1 */
};

/* ---- time ---- */

enum drill_time_kind {
        DRILL_AT,         /* seconds since the start */
        DRILL_AFTER,      /* +: since the event before */
        DRILL_ANY,        /* *: an outbound packet at any time */
        DRILL_AT_RANGE,   /* a~b */
        DRILL_AFTER_RANGE /* +a~+b */
};

struct drill_time {
        enum drill_time_kind kind;
        int64_t from_us, to_us; /* to_us: ranges; the end of a blocking call */
        bool blocks;            /* T...E */
};

/* ---- packets ---- */

enum drill_ecn { DRILL_ECN_UNSAID, DRILL_NOECN, DRILL_ECT0, DRILL_ECT1, DRILL_CE, DRILL_ECT01 };

/* What is said of the IP header; -1: nothing. */
struct drill_ip_info {
        enum drill_ecn ecn;
        int tos, ttl;
        int32_t flow_label;
        bool bad_sum; /* ours: the checksum of what is inside is wrong */
};

enum drill_opt_kind {
        DRILL_OPT_NOP,
        DRILL_OPT_EOL,
        DRILL_OPT_MSS,
        DRILL_OPT_WSCALE,
        DRILL_OPT_SACK_OK,
        DRILL_OPT_SACK,
        DRILL_OPT_TS,
        DRILL_OPT_FO,    /* kind 34 */
        DRILL_OPT_FOEXP, /* kind 254, magic 0xf989 */
        DRILL_OPT_MD5,
        DRILL_OPT_ACCECN0, /* kind 172 */
        DRILL_OPT_ACCECN1, /* kind 174 */
        DRILL_OPT_RAW,     /* ours: any bytes, as they stand there */
        DRILL_OPT_OTHER,   /* of live packets only: any kind, in a */
};

struct drill_opt {
        enum drill_opt_kind kind;
        uint32_t a, b;              /* mss; wscale; TS val, ecr */
        bool ecr_is_live;           /* nplab: ecr N! */
        uint8_t n;                  /* SACK blocks, counters, or bytes of a cookie, digest, RAW */
        uint32_t left[4], right[4]; /* SACK blocks; counters of AccECN in their order in left[] */
        uint8_t bytes[40];
};

/* How many bytes it takes in a header. */
unsigned drill_option_bytes(const struct drill_opt *o);

enum { DRILL_SHORT_ACE = 1u << 9 }; /* flags: AE CWR ECE came as a digit */

enum drill_proto { DRILL_TCP, DRILL_UDP, DRILL_ICMP };

struct drill_packet {
        bool out; /* the stack sends it */
        enum drill_proto proto;
        struct drill_ip_info ip;
        int sport, dport; /* -1: not said */
        uint16_t flags;   /* as in the header: FIN 1 ... CWR 128, AE 256; DRILL_SHORT_ACE */
        uint32_t seq;     /* START */
        uint32_t len;     /* LEN, of UDP and raw data as well */
        bool seq_is_live; /* nplab: seq! */
        bool has_ack, has_win, has_urg;
        uint32_t ack;
        uint16_t win, urg;
        bool any_opts; /* <...> */
        uint8_t n_opts;
        struct drill_opt *opt;
        /* ICMP */
        const char *icmp_type,
                *icmp_code;        /* names or numbers as they stand there; code may be NULL */
        int64_t icmp_mtu, icmp_id; /* -1: not said */
        enum { DRILL_QUOTE_NONE, DRILL_QUOTE_TCP, DRILL_QUOTE_UDP, DRILL_QUOTE_RAW } quote;
};

/* ---- system calls ---- */

enum drill_expr_kind {
        DRILL_ELLIPSIS,
        DRILL_INT,
        DRILL_STRING,
        DRILL_SYMBOL, /* a name */
        DRILL_OR,     /* a | b */
        DRILL_CALL,   /* name(a, ...) */
        DRILL_LIST,   /* [a, ...] */
        DRILL_BRACE,  /* {a, name=b, name(c)=d, ...} */
        DRILL_FIELD,  /* of a BRACE: name, value in item[0], argument in item[1] or absent */
};

struct drill_expr {
        enum drill_expr_kind kind;
        struct drill_where where;
        int64_t value;    /* INT */
        const char *text; /* STRING, SYMBOL, CALL, FIELD */
        size_t len;       /* of a STRING: it may hold NULs */
        size_t n;
        struct drill_expr **item;
};

struct drill_call {
        const char *name;
        size_t n;
        struct drill_expr **arg;
        struct drill_expr *result;
        const char *error; /* "EAGAIN", or NULL */
};

/* ---- events ---- */

enum drill_event_kind { DRILL_PACKET, DRILL_SYSCALL, DRILL_COMMAND, DRILL_CODE };

struct drill_event {
        enum drill_event_kind kind;
        struct drill_where where, what; /* of the time, and of what follows */
        const char *text, *text_end;    /* in the source, from the time to the end */
        struct drill_time time;
        struct drill_packet *packet;
        struct drill_call *call;
        const char *shell; /* COMMAND, CODE */
        struct drill_event *next;
};

struct drill_option {
        const char *name, *value; /* value NULL: not given */
        struct drill_where where;
        struct drill_option *next;
};

struct drill_define {
        const char *name, *value;
        const struct drill_define *next;
};

struct drill_script {
        struct drill_arena arena;
        const char *name; /* of the file, for messages */
        const char *source, *source_end;
        struct drill_option *options;
        const char *init, *cleanup; /* shell commands, or NULL */
        struct drill_where init_at, cleanup_at;
        struct drill_event *events;
        size_t n_events;
        const char *error;       /* NULL: it is a script */
        const char *unsupported; /* it may be one, in a dialect that is not spoken here: why */
};

/*
 * Parse `len` bytes at `source`. `defines` are names that stand for something else (-D); those of the file's own
 * --define are added. False: s->error or s->unsupported says what and where, several lines of text with the
 * line and a caret. The source must live as long as the script; drill_script_free() frees the rest.
 */
bool drill_parse(struct drill_script *s, const char *name, const char *source, size_t len,
                 const struct drill_define *defines);
void drill_script_free(struct drill_script *s);

/* The text of a message about a place in the script: "file:line:col: what", the line, a caret. */
const char *drill_complain(struct drill_script *s, struct drill_where where, const char *what);

#endif

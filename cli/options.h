/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_OPTIONS_H
#define EK_CLI_OPTIONS_H

/*
 * The command line: one table entry for each option makes the parser, the range check, the error
 * and the help text, so that they can't disagree. Commands bring a table of their own; the options
 * of the network (link, addresses, TCP's defaults) are common to all of them and stand here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <elko/stack.h>

/* "The user did not say": for counts, sizes and spans without a default of the tool's own. */
#define EK_OPT_UNSET UINT64_MAX

enum ek_opt_kind {
        EK_OPT_SET,    /* bool := true */
        EK_OPT_CLEAR,  /* bool := false */
        EK_OPT_COUNT,  /* uint64_t in min..max */
        EK_OPT_SIZE,   /* uint64_t bytes in min..max; "64M" */
        EK_OPT_SPAN,   /* uint64_t ns in min..max; a bare number counts `unit_ns` */
        EK_OPT_TEXT,   /* const char *, not empty */
        EK_OPT_LIST,   /* struct ek_text_list: may be given again */
        EK_OPT_CHOICE, /* unsigned: index into `choices`, "on|off" */
        EK_OPT_CALL,   /* parse() decides */
};

struct ek_opt {
        const char *name; /* long form, without the dashes */
        char letter;      /* short form; 0: none */
        const char *arg; /* name of the value in the help; NULL: a switch; "[X]": may be left out */
        enum ek_opt_kind kind;
        size_t offset;       /* of the field in the target structure */
        uint64_t min, max;   /* COUNT, SIZE, SPAN */
        uint64_t unit_ns;    /* SPAN */
        const char *choices; /* CHOICE */
        /* CALL: false and a sentence in `why`. `value` is NULL for a left-out optional value. */
        bool (*parse)(void *target, const char *value, char *why, size_t why_len);
        const char *help; /* what, unit, range, default */
};

enum { EK_TEXT_LIST_MAX = 16 };

struct ek_text_list {
        const char *text[EK_TEXT_LIST_MAX];
        unsigned count;
};

enum ek_link_kind { EK_LINK_TUN, EK_LINK_TAP, EK_LINK_PACKET, EK_LINK_FD };

enum ek_lang { EK_LANG_EN, EK_LANG_ZH };

/* The common options, parsed. Texts point into argv. */
struct ek_options {
        enum ek_link_kind link_kind;
        const char *link_name; /* TUN, TAP, PACKET: device name */
        int link_fd;           /* FD */
        bool link_fd_is_tap;
        struct ek_text_list addr, host_addr;
        const char *gateway[2]; /* one for each version of IP: [1] is IPv6's */
        uint64_t mtu;           /* EK_OPT_UNSET: the link's own */
        bool has_mac;
        uint8_t mac[6];
        const char *pcap, *trace; /* NULL: none */
        uint64_t memory_bytes;
        uint64_t msl_ns;
        bool has_seed;
        uint8_t seed[ELKO_SEED_BYTES];
        bool sack, timestamps, window_scale;
        unsigned ecn; /* enum elko_ecn, as in "off|request|classic" */
        bool nodelay, cork, keepalive;
        bool offload; /* TUN, TAP */
        uint64_t keepalive_idle_ns;
        uint64_t user_timeout_ns;
        uint64_t rcvbuf, sndbuf, mss;
        uint64_t delack_ns;
        const struct elko_cc_ops *congestion;
        bool pacing;
        uint64_t initial_window;
        uint64_t ttl, tos;
        bool ladder, quiet, json;
        unsigned lang;    /* enum ek_lang */
        unsigned inspect; /* 0: on, 1: off, as in "on|off" */

        char **args; /* what is not an option */
        int arg_count;
};

/* What the parser and the help must know of a command. */
struct ek_command_spec {
        const char *name;  /* "serve" */
        const char *usage; /* "DIR": the arguments */
        const char *about; /* a paragraph */
        const struct ek_opt *own;
        size_t own_count;
        const struct ek_opt
                *shared; /* more of its own, from a table that commands share; may be NULL */
        size_t shared_count;
        bool network;           /* takes the common options */
        int min_args, max_args; /* max -1: any number */
        const char *notes;      /* printed last: exit codes, examples; may be NULL */
};

enum ek_options_result {
        EK_OPTIONS_GO,
        EK_OPTIONS_HELP, /* the help was printed: exit 0 */
        EK_OPTIONS_BAD,  /* an error was printed: exit 1 */
};

/*
 * Parse argv[1..] into `common` (defaults first) and `own`, the target of the command's own table,
 * which the caller filled with its defaults. argv is permuted.
 */
enum ek_options_result ek_options_parse(const struct ek_command_spec *spec, int argc, char **argv,
                                        struct ek_options *common, void *own);

void ek_options_default(struct ek_options *common);
void ek_options_print_help(const struct ek_command_spec *spec, FILE *out);

/* Algorithm number i of those that --congestion takes; NULL beyond the last. */
const struct elko_cc_ops *ek_options_congestion(size_t i);

/* Of `words` (n of them), the one closest to `word`, or NULL when none is near. */
const char *ek_options_closest(const char *word, const char *const *words, size_t n);

#endif

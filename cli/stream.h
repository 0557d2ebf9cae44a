/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_STREAM_H
#define EK_CLI_STREAM_H

/*
 * One connection joined to something on this side: stdin and stdout, an echo, a counter, or a test
 * pattern. What `elko connect` and `elko listen` have in common.
 */

#include <stdbool.h>
#include <stdint.h>

#include "netctx.h"

/* Where what we send comes from. */
enum ek_stream_source {
        EK_SOURCE_STDIN,
        EK_SOURCE_ECHO, /* what was received */
        EK_SOURCE_NONE,
        EK_SOURCE_PATTERN, /* source_bytes of ek_util_pattern_byte() */
        EK_SOURCE_CHARGEN, /* source_bytes of RFC 864's text */
};

/* Where what we receive goes. */
enum ek_stream_sink {
        EK_SINK_STDOUT,
        EK_SINK_COUNT,
        EK_SINK_VERIFY, /* it must be the pattern */
};

/* What the options of both commands say. */
struct ek_stream_settings {
        bool echo, discard, sink_verify;
        uint64_t source_bytes, chargen_bytes; /* EK_OPT_UNSET: not given */
        unsigned close_first;                 /* 0: local, 1: peer */
        bool only_v4, only_v6, keep;          /* of one of the commands */
        uint64_t timeout_ns;
};

void ek_stream_settings_default(struct ek_stream_settings *set);

#define EK_STREAM_OWN(field) offsetof(struct ek_stream_settings, field)

/* The options of both commands, for ek_command_spec.shared. */
enum { EK_STREAM_OPT_COUNT = 6 };
extern const struct ek_opt ek_stream_opts[EK_STREAM_OPT_COUNT];

/* False, and an error is printed, when options contradict each other. */
bool ek_stream_settings_check(const char *command, const struct ek_stream_settings *set);

struct ek_stream {
        struct ek_netctx *net;
        elko_sock sock;
        enum ek_stream_source source;
        enum ek_stream_sink sink;
        uint64_t source_bytes;
        bool peer_closes_first;

        void (*on_end)(void *ctx, struct ek_stream *s, int code); /* once; the socket is closed */
        void *ctx;

        uint64_t sent, received; /* bytes given to and taken from the stack */
        uint64_t start_at, end_at;
        bool verify_failed;
        uint64_t mismatch_at;
        bool source_done, shut, peer_eof, all_sent, ended;
        bool stdin_watched, stdin_paused, stdout_watched;
        uint8_t *pending; /* echo: received, not yet sent */
        size_t pending_at, pending_len;
};

/* Join an open connection. False: out of memory (an error was printed). */
bool ek_stream_start(struct ek_stream *s, struct ek_netctx *net, elko_sock sock,
                     const struct ek_stream_settings *set,
                     void (*on_end)(void *ctx, struct ek_stream *s, int code), void *ctx);

/* An event of its socket. */
void ek_stream_event(struct ek_stream *s, const struct elko_event *ev);

/* The process is to stop: send what was queued and FIN. */
void ek_stream_stop(struct ek_stream *s);

/* Close what is still open; no call of on_end. */
void ek_stream_free(struct ek_stream *s);

/* The figures, for people on stderr or as JSON. */
void ek_stream_report(const struct ek_stream *s);

/* Is stdout taken by the connection's data? Then reports go to stderr. */
bool ek_stream_uses_stdout(const struct ek_stream_settings *set);

#endif

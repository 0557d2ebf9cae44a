/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_UTIL_H
#define EK_CLI_UTIL_H

/*
 * Small things that every command needs: text to number and back, names to addresses, the clock,
 * the terminal, messages. Nothing here keeps state.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <elko/types.h>

/* Exit codes of the tool; `elko CMD --help` prints them. */
enum ek_exit {
        EK_EXIT_OK = 0,
        EK_EXIT_USAGE = 1,   /* the command line */
        EK_EXIT_NETWORK = 2, /* link, connection, time-out */
        EK_EXIT_HTTP = 3,    /* the server answered with an error status */
        EK_EXIT_FILE = 4,    /* a local file or directory */
};

/* ---- messages ---- */

/* Write "elko: ...\n" to stderr in one piece. Say what failed, where, and what to do. */
__attribute__((format(printf, 1, 2))) void ek_util_error(const char *format, ...);

/* The text for an errno value: strerror() without its static buffer. */
const char *ek_util_errno_text(int error_number);

/* ---- text to number: false when the text is not wholly such a value ---- */

bool ek_util_parse_u64(const char *text, uint64_t *out);

/* "1500", "64K", "64M", "1.5G", "64MiB": bytes, K = 1024. */
bool ek_util_parse_size(const char *text, uint64_t *out);

/* "1.5", "200ms", "30s", "2m", "1h", "500us", "10ns": a bare number counts `unit_ns`. */
bool ek_util_parse_span(const char *text, uint64_t unit_ns, uint64_t *out_ns);

/* "02:00:00:00:00:01" */
bool ek_util_parse_mac(const char *text, uint8_t out[6]);

/* ---- number to text; each returns `buf` ---- */

#define EK_UTIL_TEXT 32

char *ek_util_format_bytes(uint64_t bytes, char buf[EK_UTIL_TEXT]);   /* "1.5 MiB" */
char *ek_util_format_span(uint64_t ns, char buf[EK_UTIL_TEXT]);       /* "1.25 ms", "never" */
char *ek_util_format_clock(uint64_t seconds, char buf[EK_UTIL_TEXT]); /* "1:02:03", "02:03" */

#define EK_UTIL_ENDPOINT_TEXT (ELKO_IP_TEXT + 10)

/* "192.0.2.1:80", "[2001:db8::1]:80"; "*:80" for the any address. */
char *ek_util_format_endpoint(const elko_endpoint *endpoint, char buf[EK_UTIL_ENDPOINT_TEXT]);

/* A JSON string, quotes included. */
void ek_util_json_string(FILE *out, const char *text);

/* ---- names ---- */

/*
 * Address of `host`: an IPv4 or IPv6 literal, with or without brackets, else a name in the hosts
 * file `hosts_path` (NULL: /etc/hosts); `family` is 0, 4 or 6. There is no DNS over elko, and the
 * kernel's resolver is not asked, because its answers belong to another network. False: *why is a
 * sentence in `why`, `why_len` bytes.
 */
bool ek_util_resolve(const char *host, int family, const char *hosts_path, elko_ip *out, char *why,
                     size_t why_len);

/* ---- the outside world ---- */

uint64_t ek_util_now(void); /* CLOCK_MONOTONIC, ns */
bool ek_util_is_terminal(int fd);

/* Fill `len` bytes with the kernel's randomness; false when there is none. */
bool ek_util_random(void *buf, size_t len);

/* ---- the test pattern of `--source` and `--sink-verify` ---- */

/*
 * The byte at `offset` of a stream that both sides can compute: the low byte of the top half of an
 * LCG step keyed by the offset, so that a byte lost, repeated or swapped anywhere is seen.
 */
uint8_t ek_util_pattern_byte(uint64_t offset);
void ek_util_pattern_fill(uint64_t offset, uint8_t *buf, size_t len);
/* Index of the first byte that differs from the pattern; `len` when none does. */
size_t ek_util_pattern_check(uint64_t offset, const uint8_t *buf, size_t len);

#endif

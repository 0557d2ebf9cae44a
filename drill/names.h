/* SPDX-License-Identifier: MIT */
/*
 * names.h - the names that scripts use for numbers: of Linux's sockets API, of errors, of ICMP messages.
 *
 * A script means Linux's numbers whatever system it runs on, and TCP_INFO's and others are compared as numbers, so
 * they stand here and are not taken from the system's headers.
 */
#ifndef DRILL_NAMES_H
#define DRILL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

/* The value of AF_INET, O_NONBLOCK, TCP_NODELAY, ...; false: nobody knows that name. */
bool drill_symbol(const char *name, int64_t *value);

/* "EAGAIN" to 11 and back; 0 and "?": unknown. */
int drill_errno(const char *name);
const char *drill_errno_name(int number);

/* Type and code of an ICMP message by their names (or type_N, code_N, and numbers). `code` may be NULL: 0. False:
 * *why tells which of both is unknown. */
bool drill_icmp(bool v6, const char *type, const char *code, uint8_t *type_out, uint8_t *code_out,
                const char **why);

#endif

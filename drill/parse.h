/* SPDX-License-Identifier: MIT */
/*
 * parse.h - what the parser's files share.
 *
 * A function that parses something begins at its first token and ends behind its last; false: it is not there, and
 * the script's error (or why it is unsupported) is set.
 */
#ifndef DRILL_PARSE_H
#define DRILL_PARSE_H

#include "drill/lex.h"

/* Fail at the current token: "what is expected, not ...". Always false. */
bool drill_expected(struct drill_lexer *l, const char *what);

/* Fail at a place. Always false. */
bool drill_wrong(struct drill_lexer *l, struct drill_where where, const char *what);

/* The script needs something that is not there. Always false. */
bool drill_no_support(struct drill_lexer *l, struct drill_where where, const char *what);

/* Pass over one character. */
bool drill_skip(struct drill_lexer *l, char c);

/* A number from lo to hi; `what` names it in the error. */
bool drill_number(struct drill_lexer *l, int64_t lo, int64_t hi, const char *what, int64_t *out);

bool drill_parse_packet(struct drill_lexer *l, struct drill_packet *p);  /* from < or > */
bool drill_parse_options(struct drill_lexer *l, struct drill_packet *p); /* behind the < */
bool drill_parse_call(struct drill_lexer *l, struct drill_call *c);      /* from the name */

#endif

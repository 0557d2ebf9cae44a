/* SPDX-License-Identifier: MIT */
/*
 * lex.h - the tokens of a .pkt script.
 *
 * White space, newlines too, only separates. The longest token wins; of equally long ones a number before a
 * word. "1:1001" is no address: an IPv6 address has seven colons or two next to each other.
 */
#ifndef DRILL_LEX_H
#define DRILL_LEX_H

#include "drill/script.h"

enum drill_token_kind {
        DRILL_T_END,
        DRILL_T_INT,   /* 12, -1, 0x1f */
        DRILL_T_FLOAT, /* .1, 0.25 */
        DRILL_T_WORD,
        DRILL_T_STRING,
        DRILL_T_SHELL, /* `...` */
        DRILL_T_CODE,  /* %{ ... }% */
        DRILL_T_ELLIPSIS,
        DRILL_T_IP,
        DRILL_T_CHAR, /* any other: its code in value */
        DRILL_T_BAD,  /* lexing failed: the script's error says why */
};

struct drill_token {
        enum drill_token_kind kind;
        const char *start, *end; /* in the source (or in a definition's text) */
        struct drill_where where;
        int64_t value;    /* INT, CHAR */
        const char *text; /* WORD, STRING, SHELL, CODE, IP: NUL-terminated */
        size_t len;
};

struct drill_lexer {
        struct drill_script *s;
        const char *p;
        struct drill_where at;
        const struct drill_define *defines;
        unsigned open_ifs;      /* nplab: #ifdef and #ifndef without their #endif so far */
        struct drill_token tok; /* the current one */
};

void drill_lex_init(struct drill_lexer *l, struct drill_script *s,
                    const struct drill_define *defines);

/* Go on to the next token. */
void drill_lex_next(struct drill_lexer *l);

/* The same where hexadecimal digits stand: a run of decimal ones is a WORD, too, and no number that may be too large. */
void drill_lex_digits(struct drill_lexer *l);

/* The current token is taken back, and instead of it all up to the next white space or one of `stop` is read as a
 * WORD: flags, cookies, the values of options. May be empty. */
void drill_lex_raw(struct drill_lexer *l, const char *stop);

/* Is the current token this character? */
static inline bool drill_is(const struct drill_lexer *l, char c)
{
        return l->tok.kind == DRILL_T_CHAR && l->tok.value == c;
}

/* Is the current token this word? */
bool drill_is_word(const struct drill_lexer *l, const char *word);

/* What the current token is, for messages. */
const char *drill_token_text(struct drill_lexer *l);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory of one script: everything parsed from it lives as long as the script.
 */
#ifndef DRILL_ARENA_H
#define DRILL_ARENA_H

#include <stddef.h>

struct drill_arena {
        struct drill_block *blocks;
        size_t used; /* of the newest block */
};

/* Zeroed memory, aligned for any type; ends the program with a message when there is none. */
void *drill_alloc(struct drill_arena *a, size_t bytes);

/* A copy of the first `len` bytes of `text`, NUL-terminated. */
char *drill_copy(struct drill_arena *a, const char *text, size_t len);

/* printf() into the arena. */
char *drill_format(struct drill_arena *a, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* All of it is gone. */
void drill_arena_free(struct drill_arena *a);

#endif

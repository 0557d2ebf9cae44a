/* SPDX-License-Identifier: MIT */
#include "drill/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1 << 16 };

struct drill_block {
        struct drill_block *next;
        size_t size;
        alignas(max_align_t) unsigned char data[];
};

void *drill_alloc(struct drill_arena *a, size_t bytes)
{
        size_t want = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        void *p;

        if (a->blocks == NULL || want > a->blocks->size - a->used) {
                size_t size = want > BLOCK ? want : BLOCK;
                struct drill_block *b = calloc(1, sizeof(*b) + size);

                if (b == NULL) {
                        fputs("elko drill: out of memory\n", stderr);
                        exit(1);
                }
                b->next = a->blocks;
                b->size = size;
                a->blocks = b;
                a->used = 0;
        }
        p = a->blocks->data + a->used;
        a->used += want;
        return p;
}

char *drill_copy(struct drill_arena *a, const char *text, size_t len)
{
        char *p = drill_alloc(a, len + 1);

        if (len > 0)
                memcpy(p, text, len);
        return p;
}

char *drill_format(struct drill_arena *a, const char *format, ...)
{
        va_list ap, again;
        int n;
        char *p;

        va_start(ap, format);
        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, ap);
        p = drill_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
        if (n > 0)
                vsnprintf(p, (size_t)n + 1, format, again);
        va_end(again);
        va_end(ap);
        return p;
}

void drill_arena_free(struct drill_arena *a)
{
        while (a->blocks != NULL) {
                struct drill_block *b = a->blocks;

                a->blocks = b->next;
                free(b);
        }
        a->used = 0;
}

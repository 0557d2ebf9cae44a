/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_MATRIX_H
#define EK_CLI_LAB_MATRIX_H

/*
 * Many cells, from a text file. doc/LAB.md has its format:
 *
 *      # a comment, up to the end of the line
 *      defaults: time=8 peers=elko,kernel-cubic       for the lines below it
 *      clean:    rate=100M rtt=20ms
 *      loss:     rate={10M,100M} loss={0.1%,1%}       four cells: loss-10M-0.1%, ...
 */

#include "cli/lab_cell.h"

enum { EK_LAB_CELLS_MAX = 4096, EK_LAB_WORDS_MAX = 64 };

/* KEY and VALUE as they were given on the command line; the texts are argv's. */
struct ek_lab_words {
        struct {
                const char *key, *value;
        } word[EK_LAB_WORDS_MAX];
        unsigned count;
};

struct ek_lab_matrix {
        struct ek_lab_cell *cell; /* free() it */
        size_t count, size;
};

/* Read all lines. `over` is set on every cell last. False: a sentence with file and line in `why`. */
bool ek_lab_matrix_read(FILE *f, const char *name, const struct ek_lab_words *over,
                        struct ek_lab_matrix *out, char *why, size_t why_len);

/* The cell of this name, or NULL. */
const struct ek_lab_cell *ek_lab_matrix_find(const struct ek_lab_matrix *m, const char *name);

#endif

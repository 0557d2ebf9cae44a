/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_DOWNLOAD_H
#define EK_CLI_DOWNLOAD_H

/*
 * The file that a download goes to. It is written as NAME.part and gets its name when it is whole,
 * so that NAME is always either the old file or the complete new one. NAME.part.tag keeps the
 * server's validator (ETag or Last-Modified), so that a later run can ask for the rest of the same
 * file only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ek_download {
        char *name, *part, *tag_name; /* `part` NULL: standard output */
        int fd;                       /* -1: not open */
        uint64_t size;                /* bytes in the part file */
        bool found;                   /* a part file of an earlier run is there */
        char *tag;                    /* its validator; NULL: unknown */
        char error[400];              /* a sentence, after false */
};

/* Prepare for `name` ("-": standard output). With `resume` look for what an earlier run left.
 * Touches nothing yet. False: d->error. */
bool ek_download_init(struct ek_download *d, const char *name, bool resume);
void ek_download_free(struct ek_download *d);

/* From where the rest has to be asked for: 0 when there is nothing that can be relied on. */
uint64_t ek_download_offset(const struct ek_download *d);

/* Begin to write at `offset` (0: anew), and note the validator (NULL: none). */
bool ek_download_begin(struct ek_download *d, uint64_t offset, const char *tag);
bool ek_download_write(struct ek_download *d, const uint8_t *data, size_t len);

/* All is there: give the file its name. */
bool ek_download_finish(struct ek_download *d);

/* May ek_download_write() take up to 4096 bytes now without blocking? Always true for files. */
bool ek_download_ready(const struct ek_download *d);

#endif

/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_PROGRESS_H
#define EK_CLI_PROGRESS_H

/* Progress of a transfer on stderr: one line that renews itself on a terminal, a line every 5
 * seconds elsewhere. */

#include <stdbool.h>
#include <stdint.h>

struct ek_progress {
        bool quiet, terminal;
        bool has_total;
        uint64_t total; /* bytes at the end */
        uint64_t start_bytes, start_at;
        uint64_t bytes; /* so far */
        uint64_t shown_at;
        uint64_t window_at, window_bytes; /* for the present rate */
        double rate;                      /* bytes per second, smoothed */
        bool line_open;                   /* on a terminal: an unfinished line stands there */
};

void ek_progress_start(struct ek_progress *p, bool quiet, uint64_t bytes, uint64_t now);
void ek_progress_total(struct ek_progress *p, uint64_t total);
void ek_progress_add(struct ek_progress *p, uint64_t bytes, uint64_t now);

/* End the line; with `summary` say how much, how long and how fast. */
void ek_progress_end(struct ek_progress *p, uint64_t now, bool summary);

#endif

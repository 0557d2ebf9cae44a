/* SPDX-License-Identifier: MIT */
/*
 * pool.h - many scripts on all cores: forked workers take one after another, and a script that kills its worker
 * is one failed script.
 */
#ifndef DRILL_POOL_H
#define DRILL_POOL_H

#include <stddef.h>

#include "drill/run.h"

enum { DRILL_JOBS_MAX = 64, DRILL_TEXT_MAX = 1 << 20 };

struct drill_job_result {
        enum drill_outcome outcome;
        uint64_t virtual_ns, real_ns;
        char *text;   /* NULL: none; freed by the caller */
        size_t brief; /* how much of it is the complaint itself, without the picture behind */
};

/* Do job number `index`; the text of the result is malloc()ed. */
typedef void drill_job_fn(void *ctx, size_t index, struct drill_job_result *out);

/* Do jobs 0 to n - 1 in `workers` processes; `done` is told of each in the order in which they end. False: no
 * process can be made. */
bool drill_pool(size_t n, unsigned workers, drill_job_fn *job, void *ctx,
                void (*done)(void *ctx, size_t index, struct drill_job_result *r));

#endif

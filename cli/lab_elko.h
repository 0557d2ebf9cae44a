/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_ELKO_H
#define EK_CLI_LAB_ELKO_H

/*
 * An elko at one end of an experiment: a stack of its own, and an application that sends as much as
 * it is allowed to, or reads and counts. It runs inside of the caller's loop, as the kernel's TCP
 * runs inside of the system call that gives it a packet.
 */

#include <elko/elko.h>

#include "cli/lab_cell.h"
#include "cli/lab_flow.h"

struct ek_lab_elko;

struct ek_lab_elko_config {
        const struct ek_lab_cell *cell;
        bool receiver;
        unsigned host; /* last byte of the address */
        unsigned flow; /* sender: which one it is; its port is EK_LAB_PORT + flow */
        const struct elko_cc_ops *cc;
        uint64_t seed;
        uint64_t now;
};

/* NULL: errno and *why. `flows` are the run's; a receiver counts what arrived for each. */
struct ek_lab_elko *ek_lab_elko_create(const struct ek_lab_elko_config *config,
                                       struct ek_lab_flow *flows, struct elko_drv_why *why);
void ek_lab_elko_destroy(struct ek_lab_elko *e); /* NULL is allowed */

/* A sender opens its connection. */
void ek_lab_elko_start(struct ek_lab_elko *e, uint64_t now);

void ek_lab_elko_input(struct ek_lab_elko *e, const struct elko_packet *packets, size_t n,
                       uint64_t now);

/* Timers, the application, and up to one batch of frames, which go to `out`. Returns whether there was
 * anything to do; then call again. */
typedef void ek_lab_out_fn(void *ctx, const struct elko_frame *f);
bool ek_lab_elko_run(struct ek_lab_elko *e, uint64_t now, ek_lab_out_fn *out, void *ctx);

/* When to call it again at the latest, in the machine's time: what elko wants, rounded up to its
 * clock's tick. */
uint64_t ek_lab_elko_deadline(struct ek_lab_elko *e);

/* A sender tells how it is doing: cwnd, srtt, and so on, into its flow. */
void ek_lab_elko_sample(struct ek_lab_elko *e);

#endif

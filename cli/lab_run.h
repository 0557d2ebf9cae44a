/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_RUN_H
#define EK_CLI_LAB_RUN_H

/*
 * One run of an experiment: one cell, one seed, one sender (or several at once), from the first SYN
 * on for a fixed time.
 */

#include "cli/lab_cell.h"
#include "drivers/hist.h"

struct ek_lab_run_config {
        const struct ek_lab_cell *cell;
        const struct ek_lab_peers *senders; /* all at once */
        uint64_t seed;
        bool in_virtual_time; /* both ends elko */
        bool realtime;        /* a real-time priority for the agents, too */
        FILE *series;         /* CSV, a line per flow every 10 ms; NULL: none */
};

struct ek_lab_flow_result {
        uint64_t delivered; /* bytes */
        uint64_t span_ns;   /* from its start to the end */
        uint64_t srtt_ns, retrans_segs, retrans_bytes, timeouts, rwnd_limited_ns;
        uint64_t reord_seen, dsack_dups;
        bool connected;
        int error; /* the connection broke; an errno (kernel), or an elko_error without its sign */
};

struct ek_lab_result {
        bool done, failed; /* failed: `why` says why nothing was measured */
        struct elko_drv_why why;
        struct ek_lab_flow_result flow[EK_LAB_FLOWS_MAX];

        /* the bottleneck, data's direction */
        uint64_t packets, lost, overflow, codel, marked, reordered, duplicated, ack_lost;
        uint64_t queue_mean_ns, queue_p95_ns, queue_max_bytes;

        /* how well real time was kept */
        uint64_t late_p99_ns, late_max_ns; /* packets that left the wire late */
        uint64_t read_p99_ns; /* most that packets may have waited for the wire to take them */
        uint64_t late_limit_ns;
        bool disturbed;
        unsigned attempts;
};

/* Never fails to fill `out`. */
void ek_lab_run(const struct ek_lab_run_config *config, struct ek_lab_result *out);

/* Can this machine run kernel peers, and these (elko's among them are passed over)? 0, or -errno and *why. */
int ek_lab_run_probe(const struct ek_lab_peers *peers, struct elko_drv_why *why);

/* Jain's index of fairness of n rates, in millionths: 1000000 when all are equal, 1/n when one has all. */
uint64_t ek_lab_jain_ppm(const uint64_t *rate, unsigned n);

#endif

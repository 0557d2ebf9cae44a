/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_CELL_H
#define EK_CLI_LAB_CELL_H

/*
 * One cell of an experiment: the path, who sends over it, and for how long. It is written as words
 * KEY=VALUE, the same in a matrix file and, as --KEY VALUE, on the command line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/lab_peer.h"
#include "drivers/wire.h"

enum { EK_LAB_NAME = 96, EK_LAB_WORD = 48 };

enum ek_lab_ecn { EK_LAB_ECN_OFF, EK_LAB_ECN_ON, EK_LAB_ECN_ACCURATE };

/* "The default, which depends on other values." */
#define EK_LAB_AUTO UINT64_MAX

struct ek_lab_cell {
        char name[EK_LAB_NAME];

        /* the path; loss, reordering and copies are those of the data's direction */
        uint64_t rate_bps, back_bps; /* back 0: the same */
        uint64_t rtt_ns;
        uint64_t loss_ppm, burst, burst_ppm, ack_loss_ppm, reorder_ppm, duplicate_ppm;
        uint64_t reorder_by_ns; /* AUTO: 5 ms, at most a quarter of the round trip */
        uint64_t buffer_milli_bdp, buffer_bytes; /* bytes 0: by BDP */
        unsigned queue;                          /* enum elko_wire_queue */
        uint64_t mark_ns;                        /* the ECN threshold, as time at the rate */
        struct {
                uint64_t at;
                uint32_t permille;
        } step[ELKO_WIRE_STEPS];
        unsigned steps;
        uint64_t mtu;

        /* the ends */
        struct ek_lab_peers peers; /* each alone, in turn */
        struct ek_lab_peers flows; /* all at once; not empty: instead of the peers */
        unsigned receiver;         /* 0: the kernel, 1: elko */
        unsigned ecn;              /* enum ek_lab_ecn */
        uint64_t tick_ns;          /* of elko's clock; 0: as fine as it is */

        /* the experiment */
        uint64_t time_ns; /* AUTO: 8 s; with flows 60 s */
        uint64_t stagger_ns;
        uint64_t seeds, seed;
        char ref[EK_LAB_NAME]; /* another cell that the goodput is compared with */
        uint64_t floor_ppm;    /* the least that a comparison, with `ref` or the kernel, may give */
        uint64_t ceiling_ppm;  /* the most that the one with `ref` may give; 0: anything */
};

void ek_lab_cell_default(struct ek_lab_cell *c);

/* Set one value. False: a sentence in `why`. */
bool ek_lab_cell_set(struct ek_lab_cell *c, const char *key, const char *value, char *why,
                     size_t why_len);

/* Key number i with a line of help, for tables and tests; NULL beyond the last. `arg` is the name
 * of the value, NULL: a switch. */
const char *ek_lab_cell_key(size_t i, const char **arg, const char **help);

/* Do the values go together? False: a sentence in `why`. */
bool ek_lab_cell_check(const struct ek_lab_cell *c, char *why, size_t why_len);

/* ---- what follows from the values ---- */

uint64_t ek_lab_cell_bdp(const struct ek_lab_cell *c);    /* bytes */
uint64_t ek_lab_cell_buffer(const struct ek_lab_cell *c); /* bytes */
uint64_t ek_lab_cell_time(const struct ek_lab_cell *c);   /* ns */
uint64_t
ek_lab_cell_goodput_max(const struct ek_lab_cell *c); /* bits/s of payload, steps included */
void ek_lab_cell_wire(const struct ek_lab_cell *c, uint64_t seed, struct elko_wire_config *out);

/* "100 Mbit/s, RTT 20 ms, buffer 250 kB (1 BDP), loss 1 %": the path in words. */
void ek_lab_cell_describe(const struct ek_lab_cell *c, char *out, size_t len);

/* ---- text to number, for tests ---- */

bool ek_lab_parse_rate(const char *text, uint64_t *bps);  /* "37M", "1.5G", "64K": powers of 1000 */
bool ek_lab_parse_share(const char *text, uint64_t *ppm); /* "0.7%", "0" */

#endif

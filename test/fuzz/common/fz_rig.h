/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_RIG_H
#define EK_FZ_RIG_H

/*
 * One stack on one link without hardware addresses, in virtual time, put back for each input (fz.h), and
 * the checks that hold after every call whatever the peer and the application do:
 *
 *      elko_check()                    after every step, and whenever time passes
 *      I-23    a deadline in the future when everything due has been done
 *      I-39    every packet well-formed
 *      I-45    bounded work for each packet
 *      I-33    all memory back in the end
 *
 * The stack's limits are small, so that they are met.
 */

#include "fz_wire.h"

#include <elko/elko.h>

enum {
        FZ_RIG_BYTES = 256 << 10,
        FZ_RIG_MTU = 1280,
        FZ_RIG_CONNS = 6,
        FZ_RIG_RANGES = 12,
        FZ_RIG_SND = 8 << 10,
        FZ_RIG_RCV = 8 << 10,
        FZ_RIG_RECORDS = FZ_RIG_SND + 64, /* most records of one connection: one for each byte */
};

struct fz_rig {
        uint8_t *region; /* FZ_RIG_BYTES, aligned to 64 */
        struct fz_snap snap;
        elko_stack *st;
        elko_link link;
        struct fz_way out; /* from the stack to its peer */
        struct elko_config cfg;
        uint64_t start, now;
        uint64_t held; /* memory in use when nothing is open */
        bool nomem;    /* elko_fail_alloc() is at work */
};

/* Build the stack at `region` and remember it. Addresses: `host` and `peer` are the last bytes. */
void fz_rig_make(struct fz_rig *r, uint8_t *region, bool v6, uint8_t host, uint8_t peer,
                 void (*configure)(struct elko_config *));

/* As it was made. The clock is then moved on by `later`. */
void fz_rig_reset(struct fz_rig *r, uint64_t later);

/* Give a packet to the stack: exactly these bytes are readable. The step that does it ends with
 * fz_rig_check(). */
void fz_rig_input(struct fz_rig *r, const uint8_t *packet, uint32_t len);

/* Pull everything; each segment is judged and given to `sink`. Returns how many. */
typedef void fz_sink(void *ctx, const struct fz_seg *s);
unsigned fz_rig_pull(struct fz_rig *r, fz_sink *sink, void *ctx);

/* After a step: elko_check(). */
void fz_rig_check(struct fz_rig *r);

/* Nothing is held back: nothing may be due. */
void fz_rig_check_deadline(struct fz_rig *r);

/* To `at`, if that is later. */
void fz_rig_advance(struct fz_rig *r, uint64_t at);

/* Everything was closed or aborted: until nothing is pending, pulling into `sink`; then all memory must
 * be back (I-33). */
void fz_rig_finish(struct fz_rig *r, fz_sink *sink, void *ctx);

/* Memory that is in use, without the one spare chunk of each pool. */
uint64_t fz_rig_held(struct fz_rig *r);

#endif

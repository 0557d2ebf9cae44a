/* SPDX-License-Identifier: MIT */
/*
 * flow.h - one connection of a script, and its number spaces.
 *
 * Theory: a script names sequence numbers as it likes, and the stack and the runner choose others. Segments with SYN
 * are written with absolute numbers, all others with numbers relative to the initial sequence numbers (the first byte
 * of data is 1). The peer's initial number is what the script says, taken as it stands; the stack's is learnt from its
 * SYN, and the number in the script's line is the script's own name for it. Timestamps of the stack are learnt in
 * the same way, from the first; the echo of one is found by what the script called it.
 */
#ifndef DRILL_FLOW_H
#define DRILL_FLOW_H

#include "drill/live.h"

enum { DRILL_FLOW_TIMES = 256, DRILL_FLOW_LABELS = 8 };

enum drill_flow_state {
        DRILL_FLOW_NEW, /* socket() */
        DRILL_FLOW_LISTENS,
        DRILL_FLOW_CONNECTS, /* its SYN was not seen yet */
        DRILL_FLOW_OPEN,     /* its ports are known */
};

struct drill_flow {
        enum drill_flow_state state;
        int fd; /* the script's; -1: not accepted yet */
        uint16_t local_port, remote_port;
        bool has_local, has_remote; /* the initial sequence numbers are known */
        bool remote_is_sure;        /* the stack has acknowledged the peer's SYN */
        uint32_t local_live, local_script, remote;
        uint32_t syn_data; /* bytes that came with the peer's SYN */
        /* timestamps of the stack: the first, and all pairs that were seen */
        bool has_time;
        uint32_t first_script, first_live;
        uint32_t n_times;
        uint32_t time_script[DRILL_FLOW_TIMES], time_live[DRILL_FLOW_TIMES];
        /* flow labels of the stack: what the script calls them */
        uint32_t n_labels, label_script[DRILL_FLOW_LABELS], label_live[DRILL_FLOW_LABELS];
};

/* The peer's segment `p`, in live numbers, into *o: sequence and acknowledgment number, options into `opts` (room
 * for p->n_opts). NULL, or why it can't be. `scaled`: an unknown echo is reckoned from the first timestamp. */
const char *drill_flow_inbound(struct drill_flow *f, const struct drill_packet *p, bool scaled,
                               struct drill_live *o, struct drill_opt *opts);

/* The stack's segment in the script's numbers. `expected` names numbers that are new; NULL: nobody does. With
 * `recording` it does nothing else: the segment is written down as it is. `o->opt` has room for DRILL_MAX_OPTS. */
void drill_flow_outbound(struct drill_flow *f, const struct drill_live *live,
                         const struct drill_packet *expected, bool recording,
                         struct drill_packet *o);

/* Is this a label that the script may call `script`? New ones are learnt. */
bool drill_flow_label(struct drill_flow *f, uint32_t script, uint32_t live);

#endif

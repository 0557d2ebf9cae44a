/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_SIM_MONITOR_WIRE_H
#define EK_TEST_SIM_MONITOR_WIRE_H

/*
 * Conversations of a judged host, written packet by packet.
 *
 * out() is what the host sends, in() what arrives at it. Sequence numbers are relative: 0 is the SYN of
 * the sender, 1 the first octet; acknowledgment numbers count the other side's. The first violation is
 * kept. A conversation that is told to go wrong does so in one packet; its twin does not.
 */

#include <string.h>

#include "ek_test.h"
#include "monitor.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct p {
        uint8_t flags;
        uint32_t seq, ack, len;
        uint32_t window; /* 0: 60000; NO_WINDOW: 0 */
        uint16_t mss;    /* SYN: 0: 1460; NO_MSS: none */
        int ws;          /* SYN: 0: none; n + 1: shift count n */
        bool sack_ok;
        bool ts, no_ts;        /* ts: also without being negotiated; no_ts: although it was */
        uint32_t tsval, tsecr; /* 0: as it should be */
        unsigned sacks;
        uint32_t sack[8]; /* relative, like ack */
        uint32_t octets;  /* added to the pattern of the text */
        uint8_t options[40];
        unsigned options_len; /* in place of the above */
        void (*spoil)(uint8_t *packet);
        bool sums_last; /* checksums are made after spoil() */
};

enum { NO_WINDOW = 0x80000000u, NO_MSS = 0xffff };

struct wire {
        struct sim_monitor *m;
        struct sim_monitor_config c;
        uint64_t now;
        uint64_t number;
        bool v6, ts;
        uint32_t iss, irs;
        uint32_t ts_in, ts_out; /* the last TSvals */
        unsigned violations;
        enum sim_monitor_rule first;
        char text[300];
};

extern struct wire wire;

void wire_begin(const struct sim_monitor_config *c);
void wire_end(void);
void out(struct p p);
void in(struct p p);
void after(uint64_t ns); /* time passes */

/* The host opens: SYN, SYN+ACK, ACK. `ws`, `sack`, `ts`: both offer it. */
void open_active(bool ws, bool sack, bool ts);
void open_passive(bool ws, bool sack, bool ts);

/* `n` octets from sequence number `seq` on leave, and are acknowledged after 10 ms. */
void send_acked(uint32_t seq, uint32_t n, uint32_t ack);

#endif

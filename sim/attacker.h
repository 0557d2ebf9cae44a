/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_ATTACKER_H
#define ELKO_SIM_ATTACKER_H

/*
 * Attackers on the simulated network (RELIABILITY: A1-22, A3, A4, A5; RFC 5961; RFC 5927).
 *
 * One node with a number of kinds of attack, each on or off, all with one budget of packets per second,
 * all silent after heal(). It learns who talks to whom from an observer, so it needs no help; a blind kind
 * uses addresses and ports only.
 *
 * What an attack may achieve is worked out where its packet arrives: the observer follows the sequence
 * numbers of every connection, and a forged packet that an RFC allows to do harm (an exact RST, data that
 * is in the window with an acceptable ACK) marks the connection. attacker_harm() tells; everything not
 * marked must have survived unharmed. So a blind attacker may be lucky without making the run fail, and
 * "near misses" (in-window RSTs that are not exact, SYNs, ACKs just outside of the range) can be sent on
 * purpose.
 */

#include "sim.h"

/* X(name, text) */
#define ATTACKER_LIST(X)                                                                           \
        X(SYN_FLOOD, "SYNs from spoofed addresses to listeners")                                   \
        X(BLIND_RST, "RSTs into connections, random sequence numbers")                             \
        X(BLIND_SYN, "SYNs and SYN+ACKs into connections")                                         \
        X(BLIND_ACK, "ACKs into connections, and to listeners (cookie guesses)")                   \
        X(BLIND_DATA, "data and FINs into connections")                                            \
        X(NEAR_MISS, "RST, SYN, ACK, data just beside what would work")                            \
        X(LAND, "packets from the victim's own address and port")                                  \
        X(ICMP_ERROR, "ICMP errors of all types and codes about a connection")                     \
        X(ICMP_PTB, "packet-too-big messages that lie")                                            \
        X(FRAGMENTS, "IP fragments: overlapping, tiny, never complete")                            \
        X(MARTIANS, "source addresses that no packet may have")                                    \
        X(GARBAGE, "random bytes behind a plausible header")                                       \
        X(SIGHTED, "exact RST, FIN, data, ACK into chosen connections that it watches")            \
        X(REPLAY, "packets of this and earlier incarnations once more, within the MSL")            \
        X(SOCKSTRESS, "opens connections, asks, then offers a zero window for ever")               \
        X(SEGMENT_SMACK, "opens connections, sends every second byte in segments of one")          \
        X(OPTIMISTIC_ACK, "opens connections, acknowledges what it did not get")                   \
        X(ACK_DIVISION, "opens connections, acknowledges each byte by itself")                     \
        X(DUP_ACK_SPOOF, "opens connections, sends bursts of duplicate ACKs")

enum attacker_bit {
#define ELKO_X(name, text) ATTACKER_BIT_##name,
        ATTACKER_LIST(ELKO_X)
#undef ELKO_X
                ATTACKER_BITS
};

enum attacker_kind {
#define ELKO_X(name, text) ATTACKER_##name = 1 << ATTACKER_BIT_##name,
        ATTACKER_LIST(ELKO_X)
#undef ELKO_X
                ATTACKER_NONE = 0,
        ATTACKER_ALL = (1 << ATTACKER_BITS) - 1,
        /* No packet of these can rightly hurt a connection that is not the attacker's own, luck apart. */
        ATTACKER_BLIND = ATTACKER_ALL & ~ATTACKER_SIGHTED,
};

/* "SYN_FLOOD", for a bit number. */
const char *attacker_name(unsigned bit);

/* The worst that a forged packet may rightly have done to a connection. */
enum attacker_harm {
        ATTACKER_HARM_NONE,    /* it must be as if the attacker weren't there, delays apart */
        ATTACKER_HARM_RESET,   /* it may have been ended, by RST or by ICMP in the opening */
        ATTACKER_HARM_CORRUPT, /* its bytes may be wrong, it may hang: only bounds count */
};

struct attacker_config {
        uint32_t kinds;       /* enum attacker_kind */
        uint32_t rate;        /* packets per second of virtual time, all kinds together; >= 1 */
        uint32_t max_packets; /* in all; 0: no limit */
        uint64_t start_ns, stop_ns; /* between these instants; stop ELKO_NEVER: until heal() */
        uint64_t msl_ns;            /* REPLAY: age of the oldest packet; 0: 30 s */
        uint32_t sighted_ppm;       /* SIGHTED: the chance of a connection to be chosen */
        unsigned max_own;           /* SOCKSTRESS and the like: connections of its own; 0: 32 */
        uint32_t nodes;             /* victims, a bit for each node's number; 0: every other node */

        /* May the next packet be sent? Asked for each, with a number that counts up; NULL: always. */
        bool (*decide)(void *ctx, uint32_t n);
        void *ctx;
};

/* `kinds` on, 200 packets per second, no end, every second connection for SIGHTED. */
void attacker_config_default(struct attacker_config *c, uint32_t kinds);

struct attacker;

/* Make one, add it as a node and as an observer; returns the node's number, -1: no room. The world
 * destroys it. Add it before connections open, so that it sees their SYNs. */
int attacker_add(struct sim_world *w, const struct attacker_config *c, struct attacker **out);

/* A listener that it may attack; without a call it uses the ports that it sees SYNs go to. */
void attacker_listener(struct attacker *a, const elko_endpoint *listener);

/* What may have happened to the connection between x and y, in either order, at worst. */
enum attacker_harm attacker_harm(const struct attacker *a, const elko_endpoint *x,
                                 const elko_endpoint *y);

/* Is this the attacker's own address, so that a connection with it may do anything? */
bool attacker_owns(const struct attacker *a, const elko_ip *ip);

struct attacker_totals {
        uint64_t sent[ATTACKER_BITS];
        uint64_t lucky_resets,
                lucky_corruptions; /* connections marked although the kind was blind */
        uint64_t own_opened;
};

const struct attacker_totals *attacker_totals_get(const struct attacker *a);

#endif

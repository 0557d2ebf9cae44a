/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PATH_H
#define ELKO_SIM_PATH_H

/*
 * One direction between two nodes: rate, queue and delay, and the fault classes 1 to 8 of the plan. Each
 * class asks its own stream with the packet's number on this path, so that classes never disturb each
 * other.
 */

#include "sim.h"

struct sim_packet;

enum sim_loss_kind {
        SIM_LOSS_EACH,   /* each packet with the same chance */
        SIM_LOSS_BURSTS, /* Gilbert-Elliott: bursts */
        SIM_LOSS_NTH,    /* exactly the n-th */
        SIM_LOSS_SYN,    /* only these, each with a chance: */
        SIM_LOSS_SYN_ACK,
        SIM_LOSS_FIN,
        SIM_LOSS_PURE_ACK,
        SIM_LOSS_WINDOW_UPDATE,
        SIM_LOSS_RETRANSMISSION,
        SIM_LOSS_KINDS
};

enum sim_mtu_kind { SIM_MTU_PTB, SIM_MTU_BLACK_HOLE, SIM_MTU_LIES, SIM_MTU_KINDS };

/* RFC 3168, 5 and 18: what a network does to the ECN field. */
enum sim_ecn_kind {
        SIM_ECN_MARK,   /* ECT becomes CE, by chance and where the queue is long: what it is for */
        SIM_ECN_BLEACH, /* Not-ECT, whatever it was */
        SIM_ECN_CHANGE, /* anything: also CE on what was not ECT */
        SIM_ECN_KINDS
};

enum { SIM_HELD = 8, SIM_FLOWS = 16 };

struct sim_path {
        uint64_t delay_ns;
        uint64_t bytes_per_s;  /* 0: no limit */
        uint32_t buffer_bytes; /* of the queue before the rate limit */

        uint32_t faults; /* bit c: class c is on */
        enum sim_loss_kind loss_kind;
        uint32_t loss_ppm, loss_burst, loss_nth;
        uint32_t dup_ppm, dup_copies;
        uint64_t dup_delay_ns;
        uint32_t reorder_ppm, reorder_distance; /* distance 0: by time */
        uint64_t reorder_ns;
        uint32_t delay_ppm;
        uint64_t jitter_ns;
        uint32_t corrupt_ppm, corrupt_bits;
        bool corrupt_repaired; /* the checksums are made right again */
        uint32_t truncate_ppm;
        enum sim_mtu_kind mtu_kind;
        uint16_t mtu;                 /* the smaller one */
        uint64_t mtu_from, mtu_until; /* while it is in force */
        enum sim_ecn_kind ecn_kind;
        uint32_t ecn_ppm;
        uint64_t flap_from, flap_until, flap_gap; /* cut from..until; again after gap, 0: no */

        /* state */
        uint64_t busy_until;
        uint64_t packets; /* the packet's number on this path */
        uint64_t flaps;
        uint32_t burst_left;
        uint32_t last_ack, last_wnd;
        struct {
                uint32_t ports, top;
        } flow[SIM_FLOWS];
        struct {
                struct sim_packet *packet;
                uint32_t left;
                uint64_t until;
        } held[SIM_HELD];
};

void sim_path_init(struct sim_path *p);

/* A packet enters the path; the world takes what comes out. Owns `packet`. */
void sim_path_pass(struct sim_world *w, struct sim_path *p, struct sim_packet *packet);

/* Packets that were held back for too long go on. */
void sim_path_release(struct sim_world *w, struct sim_path *p, uint64_t now);

/* No more harm from now on. */
void sim_path_heal(struct sim_world *w, struct sim_path *p);

/* A repaired corruption happened: what the receiver got may be wrong, and no protocol could know. */
bool sim_path_may_lie(const struct sim_path *p);

#endif

/* SPDX-License-Identifier: MIT */
#include "scenario_draw.h"

#include <string.h>

/*
 * Swarm testing (Groce, Zhang, Eide, Chen, Regehr 2012): each seed has a subset of the fault classes of
 * its own, and intensities drawn log-uniformly; what is never left out hides what is never alone.
 *
 * All draws are from streams of their own, so that adding one does not change the others.
 */

enum {
        STREAM_FAULTS = 200,
        STREAM_SHAPE,
        STREAM_CONNS,
        STREAM_CONFIG,
        STREAM_PATH,
        STREAM_LINE,
        STREAM_BEND,
        STREAM_CC,
        STREAM_ECN,
        STREAM_MTU,
        STREAM_FASTOPEN,
        STREAM_NIC,
        LENGTH_LEAST = 320, /* packets */
        LENGTH_MOST = 500,
        LEAST_BYTES = 500, /* that an application sends at most */
        MOST_BYTES = 250000,
        BIG_BUFFER = 256 << 10,
        BIG_REGION = 4 << 20,
        USUAL_REGION = 1 << 20,
        SLEEP_DAYS = 60, /* two rests of 20 to 30 days */
};

static bool one_in(struct sim_rng *r, unsigned n)
{
        return sim_rng_below(r, n) == 0;
}

static bool has(const struct sim_shape *s, enum sim_fault class)
{
        return (s->faults >> class & 1u) != 0;
}

/* ---- which classes ---- */

static uint32_t draw_faults(uint64_t seed)
{
        struct sim_rng r = sim_rng_make(seed, STREAM_FAULTS, 0, 0);
        static const uint32_t density_ppm[] = {0, 100000, 250000, 250000, 400000, 400000, 600000};
        uint32_t ppm = density_ppm[sim_rng_below(&r, 7)], faults = 0;

        for (unsigned class = SIM_F_LOSS; class < SIM_FAULTS; class ++)
                if (sim_rng_chance(&r, ppm))
                        faults |= 1u << class;
        return faults;
}

/* ---- connections ---- */

static void draw_conn(struct sim_shape *s, struct sim_rng *r, uint64_t at)
{
        struct sim_shape_conn *c = &s->conn[s->conns];

        memset(c, 0, sizeof(*c));
        c->number = s->conns++;
        c->at = at;
        c->from = (unsigned)sim_rng_below(r, s->elkos);
        c->to = (c->from + 1 + (unsigned)sim_rng_below(r, s->elkos - 1)) % s->elkos;
        /* An application may confuse addresses: this one is its host's own. */
        if (one_in(r, 100) && s->kind == SIM_SHAPE_USUAL)
                c->to = c->from;
        if (s->odd && c->to != c->from && one_in(r, 2)) {
                if (one_in(r, 2))
                        c->to = s->elkos;
                else
                        c->from = s->elkos;
        }
        c->port = SIM_PORT;
        c->v6 = one_in(r, 3);
        for (unsigned i = 0; i < s->elkos; i++)
                if (s->elko[i].mtu < 1280)
                        c->v6 = false;
        if (one_in(r, 8) || c->from == s->elkos)
                c->local_port = (uint16_t)(5000 + s->conns);
}

/* RFC 9293, 3.5, figure 8. */
static void draw_both(struct sim_shape *s, struct sim_rng *r)
{
        uint64_t at = sim_rng_log(r, 1, ELKO_SEC(1));
        bool odd = s->odd;

        s->odd = false; /* between two stacks */
        do {
                s->conns = 0;
                draw_conn(s, r, at);
        } while (s->conn[0].to == s->conn[0].from);
        draw_conn(s, r, at);
        s->conn[s->conns - 1] = s->conn[s->conns - 2];
        s->conn[s->conns - 1].number++;
        for (unsigned i = 0; i < 2; i++) {
                struct sim_shape_conn *c = &s->conn[s->conns - 2 + i];

                c->local_port = (uint16_t)(6000 + i);
                c->port = (uint16_t)(6001 - i);
        }
        s->conn[s->conns - 1].from = s->conn[s->conns - 2].to;
        s->conn[s->conns - 1].to = s->conn[s->conns - 2].from;
        s->odd = odd;
}

/* How many packets a scenario should have. Most faults need few packets, and one long run costs as many
 * seeds as it has packets: so most have about as many as the next, and few are short or long. */
static uint64_t draw_length(const struct sim_shape *s, struct sim_rng *r)
{
        if (s->kind != SIM_SHAPE_USUAL)
                return sim_rng_range(r, LENGTH_MOST, 3 * LENGTH_MOST);
        if (one_in(r, 16))
                return sim_rng_range(r, 20, LENGTH_LEAST);
        if (one_in(r, 50))
                return sim_rng_range(r, LENGTH_MOST, 3 * LENGTH_MOST);
        return sim_rng_range(r, LENGTH_LEAST, LENGTH_MOST);
}

/* About as many packets as all connections make: for each its opening and end, for two segments an ACK. */
static uint64_t estimate(const struct sim_shape *s, uint64_t seed, uint64_t most)
{
        uint64_t packets = 0;

        for (unsigned i = 0; i < s->conns; i++) {
                const struct sim_shape_conn *c = &s->conn[i];
                unsigned a = c->from < s->elkos ? s->elko[c->from].mtu : 1500;
                unsigned b = c->to < s->elkos ? s->elko[c->to].mtu : 1500;
                uint32_t mss = (a < b ? a : b) - 52;

                packets += 10;
                for (unsigned end = 0; end < 2; end++)
                        packets += sim_app_segments(seed, c->number, end, most, mss) * 3 / 2;
        }
        return packets;
}

static void fit_bytes(struct sim_shape *s, uint64_t seed, uint64_t packets)
{
        uint64_t low = LEAST_BYTES, high = MOST_BYTES;

        while (high - low > low / 8) {
                uint64_t half = low + (high - low) / 2;

                if (estimate(s, seed, half) < packets)
                        low = half;
                else
                        high = half;
        }
        s->most_bytes = low;
}

static void draw_conns(struct sim_shape *s, uint64_t seed)
{
        struct sim_rng r = sim_rng_make(seed, STREAM_CONNS, 0, 0);
        uint64_t kind = sim_rng_below(&r, 20), at = 0, gap;
        unsigned n = 1;

        if (kind >= 1)
                n = (unsigned)sim_rng_range(&r, 2, 3);
        if (kind >= 3)
                n = (unsigned)sim_rng_range(&r, 4, 6);
        if (kind >= 12)
                n = (unsigned)sim_rng_range(&r, 7, kind == 19 ? 25 : 12);
        s->conns = 0;
        gap = sim_rng_log(&r, 1000, ELKO_SEC(5));
        if (s->kind != SIM_SHAPE_USUAL)
                n = (unsigned)sim_rng_range(&r, 1, 2);
        else if (one_in(&r, 12))
                draw_both(s, &r);
        for (unsigned i = 0; i < n; i++) {
                draw_conn(s, &r, at);
                at += one_in(&r, 3) ? 0 : sim_rng_range(&r, 1, gap);
        }
        s->length = draw_length(s, &r);
        fit_bytes(s, seed, s->length);
}

/* ---- the hosts ---- */

static void draw_tcp(struct elko_config *c, struct sim_rng *r)
{
        elko_config_default(c);
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                c->seed[i] = (uint8_t)sim_rng_u64(r);
        c->seed[0] |= 1;
        c->max_connections = 64;
        c->max_half_open = 64;
        c->max_time_wait = one_in(r, 4) ? (uint32_t)sim_rng_range(r, 1, 8) : 64;
        c->max_listeners = 4;
        c->max_neighbours = 4;
        c->max_routes = 8;
        c->max_addresses = 4;
        c->max_links = 1;
        c->max_replies = (uint32_t)sim_rng_log(r, 4, 16);
        c->output_batch = 16;
        c->block_bytes = one_in(r, 2) ? 256 : 1024;
        c->slab_chunk_bytes = one_in(r, 2) ? 2048 : 8192;
        c->msl_ns = sim_rng_log(r, ELKO_SEC(1), ELKO_SEC(30));
        c->rto_min_ns = sim_rng_log(r, ELKO_MS(10), ELKO_MS(400));
        c->r2_syn_ns = ELKO_SEC(180);
        c->r2_ns = one_in(r, 2) ? ELKO_SEC(100) : sim_rng_log(r, ELKO_SEC(100), ELKO_SEC(900));
        c->delack_ns = one_in(r, 4) ? sim_rng_log(r, ELKO_MS(1), ELKO_MS(400)) : ELKO_MS(40);
        c->initial_window_segs =
                one_in(r, 4) ? (uint32_t)sim_rng_range(r, 1, 10) : 10; /* RFC 6928 */
        c->snd_buf_max_bytes = (uint32_t)sim_rng_log(r, 2048, 65536);
        c->snd_buf_bytes = c->snd_buf_max_bytes < 16384 ? c->snd_buf_max_bytes : 16384;
        c->rcv_buf_max_bytes = (uint32_t)sim_rng_log(r, 2048, 65536);
        c->rcv_buf_bytes = c->rcv_buf_max_bytes < 16384 ? c->rcv_buf_max_bytes : 16384;
        c->max_ooo_ranges = (uint16_t)sim_rng_log(r, 1, 64);
        c->timestamps = !one_in(r, 4);
        c->sack = !one_in(r, 4);
        c->window_scale = !one_in(r, 4);
        c->syn_cookies = !one_in(r, 4);
        c->challenge_acks = true;
        if (one_in(r, 4))
                c->synack_retries = (uint32_t)sim_rng_range(r, 0, 6);
}

/* A stream of its own: the rest of a seed's scenario stays what it is when there is one more algorithm. */
static void draw_congestion(struct elko_config *c, struct sim_rng r)
{
        unsigned n = 0;

        while (elko_cc_list[n] != NULL)
                n++;
        /* The default as often as all others. */
        c->congestion = one_in(&r, 2) ? NULL : elko_cc_list[sim_rng_below(&r, n)];
        c->pacing = one_in(&r, 4);
        c->cwnd_validation = one_in(&r, 8);
        if (one_in(&r, 16))
                c->max_pacing_rate = sim_rng_log(&r, 100000, 1000000000);
}

/* Most of them ask for it. A stream of its own, as above. */
static void draw_ecn(struct elko_config *c, struct sim_rng r)
{
        if (one_in(&r, 4))
                c->ecn = (enum elko_ecn)sim_rng_below(&r, ELKO_ECN_COUNT);
        else
                c->ecn = one_in(&r, 2) ? ELKO_ECN_CLASSIC : ELKO_ECN_ACCURATE;
}

/* Packetization layer path MTU discovery: as it is by default as often as all else (RFC 4821, 7.2 and RFC 5927, 7.2). */
static void draw_mtu(struct elko_config *c, struct sim_rng r)
{
        if (one_in(&r, 2))
                return;
        c->mtu_probing = one_in(&r, 3) ? ELKO_MTU_PROBING_OFF : ELKO_MTU_PROBING_ALWAYS;
        c->icmp_mtu_waits = one_in(&r, 2);
        c->mtu_base_mss = (uint16_t)sim_rng_log(&r, 48, 1400);
}

/* RFC 7413: what a client keeps, and how many of a server's connections a cookie may open at a time. */
static void draw_fastopen(struct sim_elko_config *c, struct sim_rng r)
{
        if (one_in(&r, 2))
                return;
        c->tcp.fastopen_cookies = (uint16_t)sim_rng_log(&r, 1, 16);
        c->tcp.fastopen_bar_ns = one_in(&r, 2) ? 0 : sim_rng_log(&r, ELKO_SEC(1), ELKO_SEC(3600));
        c->fastopen = (uint32_t)sim_rng_log(&r, 1, 16);
}

/* 10: near the edges of 32 and 64 bits, in the units that the engine counts in. */
static uint64_t draw_clock(struct sim_rng *r)
{
        static const uint64_t edges[] = {
                0,
                UINT64_C(1) << 32,             /* ns */
                (UINT64_C(1) << 32) * 1000,    /* us */
                (UINT64_C(1) << 32) * 4000,    /* the ISN's clock, 4 us */
                (UINT64_C(1) << 30) * 1000000, /* TIME-WAIT's milliseconds */
                (UINT64_C(1) << 31) * 1000000,
                (UINT64_C(1) << 32) * 1000000, /* timestamps, ms */
                UINT64_C(1) << 63,
        };
        uint64_t edge = edges[sim_rng_below(r, sizeof(edges) / sizeof(edges[0]))];
        uint64_t back = sim_rng_log(r, 1, ELKO_SEC(100));

        return edge > back ? edge - back : edge;
}

static void draw_host_faults(struct sim_shape *s, struct sim_elko_config *c, struct sim_rng *r)
{
        c->clock_start = ELKO_SEC(1000);
        c->clock_grain = 1;
        c->reboot_at = ELKO_NEVER;
        c->deaf_at = ELKO_NEVER;
        if (has(s, SIM_F_REBOOT) && one_in(r, 2))
                c->reboot_at = sim_rng_log(r, ELKO_MS(1), s->chaos_ns);
        if (has(s, SIM_F_CLOCK)) {
                c->clock_start = draw_clock(r);
                if (one_in(r, 2))
                        c->clock_grain = sim_rng_log(r, 1000, ELKO_MS(100));
                c->tcp.clock_resolution_ns = c->clock_grain;
                if (one_in(r, 2)) {
                        c->jump_ppm = (uint32_t)sim_rng_log(r, 100, 20000);
                        c->jump_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(86400ull * 60));
                        c->back_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(10));
                }
                if (one_in(r, 2))
                        c->late_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(5));
                if (one_in(r, 4))
                        c->eager = (uint32_t)sim_rng_range(r, 1, 5);
        }
        if (has(s, SIM_F_NOMEM)) {
                switch (sim_rng_below(r, 3)) {
                case 0: c->nomem_ppm = (uint32_t)sim_rng_log(r, 1000, 500000); break;
                case 1:
                        c->nomem_nth = sim_rng_log(r, 1, 200);
                        c->nomem_forever = one_in(r, 2);
                        break;
                default: c->region_bytes = (size_t)sim_rng_log(r, 112 << 10, 200 << 10); break;
                }
        }
        if (has(s, SIM_F_DEVICE)) {
                c->busy_ppm = one_in(r, 2) ? (uint32_t)sim_rng_log(r, 1000, 300000) : 0;
                c->busy_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(3));
                c->batch = (uint32_t)sim_rng_log(r, 1, SIM_BATCH);
                c->batch_ns = sim_rng_log(r, ELKO_US(10), ELKO_MS(50));
                c->echo_ppm = one_in(r, 2) ? (uint32_t)sim_rng_log(r, 1000, 300000) : 0;
        }
        if (has(s, SIM_F_APP)) {
                if (one_in(r, 2)) {
                        c->deaf_at = sim_rng_log(r, ELKO_MS(1), s->chaos_ns);
                        c->deaf_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(60));
                }
                c->deaf_half_open = one_in(r, 2);
                if (one_in(r, 2)) {
                        c->accept_pause_ns = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(60));
                        if (one_in(r, 2))
                                c->backlog = (uint32_t)sim_rng_range(r, 1, 2);
                }
        }
}

/* What the kind of the seed changes of a host. */
static void bend_host(const struct sim_shape *s, struct sim_elko_config *c)
{
        if (s->kind == SIM_SHAPE_BIG) {
                c->region_bytes = BIG_REGION;
                c->tcp.snd_buf_max_bytes = c->tcp.rcv_buf_max_bytes = BIG_BUFFER;
                c->tcp.snd_buf_bytes = c->tcp.rcv_buf_bytes = BIG_BUFFER / 2;
                c->tcp.window_scale = c->tcp.window_scale || s->delay_ns % 2 == 0;
                c->mtu = c->mtu < 1500 ? 1500 : c->mtu;
        }
        if (s->kind == SIM_SHAPE_STUCK) {
                c->tcp.rcv_buf_bytes = c->tcp.rcv_buf_max_bytes = 8192;
                c->tcp.snd_buf_bytes = c->tcp.snd_buf_max_bytes = 32768;
                c->tcp.r2_ns = ELKO_SEC(100);
        }
}

/* A third of the hosts have a device that cuts segments. */
static void draw_nic(struct sim_elko_config *c, struct sim_rng r)
{
        c->tso = one_in(&r, 3);
}

static void draw_host(struct sim_shape *s, struct sim_world *w, unsigned i)
{
        struct sim_elko_config *c = &s->elko[i];
        struct sim_rng r = sim_rng_make(sim_seed(w), STREAM_CONFIG, i, 0);
        struct sim_rng harm = sim_rng_make(sim_seed(w), STREAM_CONFIG, i, 1);

        memset(c, 0, sizeof(*c));
        draw_tcp(&c->tcp, &r);
        draw_congestion(&c->tcp, sim_rng_make(sim_seed(w), STREAM_CC, i, 0));
        draw_ecn(&c->tcp, sim_rng_make(sim_seed(w), STREAM_ECN, i, 0));
        draw_mtu(&c->tcp, sim_rng_make(sim_seed(w), STREAM_MTU, i, 0));
        draw_fastopen(c, sim_rng_make(sim_seed(w), STREAM_FASTOPEN, i, 0));
        draw_nic(c, sim_rng_make(sim_seed(w), STREAM_NIC, i, 0));
        c->faults = s->faults;
        c->region_bytes = USUAL_REGION;
        c->mtu = one_in(&r, 4) ? (uint16_t)sim_rng_log(&r, 576, 9000) : 1500;
        c->backlog = one_in(&r, 4) ? (uint32_t)sim_rng_range(&r, 1, 3) : 64;
        c->syn_queue = 64;
        c->ask_verdict = one_in(&r, 8);
        bend_host(s, c);
        draw_host_faults(s, c, &harm);
        if (has(s, SIM_F_COOKIES) && sim_decide(w, SIM_F_COOKIES, i, 0)) {
                c->syn_queue = 1;
                c->tcp.syn_cookies = !one_in(&harm, 8);
        }
        if (has(s, SIM_F_RNG) && sim_decide(w, SIM_F_RNG, i, 0))
                memset(c->tcp.seed, 1, sizeof(c->tcp.seed));
}

/* ---- the network ---- */

static void draw_line(struct sim_shape *s, uint64_t seed)
{
        struct sim_rng r = sim_rng_make(seed, STREAM_LINE, 0, 0);

        s->delay_ns = sim_rng_log(&r, ELKO_US(10), ELKO_MS(200));
        s->bytes_per_s = one_in(&r, 3) ? 0 : sim_rng_log(&r, 10000, 100000000);
        s->buffer_bytes = (uint32_t)sim_rng_log(&r, 4000, 256000);
}

static void draw_path_faults(const struct sim_shape *s, struct sim_path *p, struct sim_rng *r)
{
        p->loss_kind = (enum sim_loss_kind)sim_rng_below(r, SIM_LOSS_KINDS);
        p->loss_ppm = (uint32_t)sim_rng_log(r, 1000, 500000);
        p->loss_burst = (uint32_t)sim_rng_log(r, 1, 200);
        if (p->loss_kind == SIM_LOSS_BURSTS)
                p->loss_ppm = p->loss_ppm / p->loss_burst + 100;
        p->loss_nth = (uint32_t)sim_rng_log(r, 1, 200) - 1;
        p->dup_ppm = (uint32_t)sim_rng_log(r, 1000, 500000);
        p->dup_copies = (uint32_t)sim_rng_range(r, 1, 5);
        p->dup_delay_ns = sim_rng_log(r, 1, ELKO_SEC(60));
        p->reorder_ppm = (uint32_t)sim_rng_log(r, 1000, 500000);
        p->reorder_distance = one_in(r, 2) ? 0 : (uint32_t)sim_rng_log(r, 1, 300);
        p->reorder_ns = sim_rng_log(r, ELKO_US(10), ELKO_SEC(2));
        p->delay_ppm = (uint32_t)sim_rng_log(r, 1000, 1000000);
        p->jitter_ns = sim_rng_log(r, 2000, one_in(r, 4) ? ELKO_SEC(120) : ELKO_MS(500));
        p->corrupt_ppm = (uint32_t)sim_rng_log(r, 1000, 300000);
        p->corrupt_bits = (uint32_t)sim_rng_log(r, 1, 16);
        p->truncate_ppm = (uint32_t)sim_rng_log(r, 1000, 300000);
        p->mtu_kind = (enum sim_mtu_kind)sim_rng_below(r, SIM_MTU_KINDS);
        p->mtu = (uint16_t)sim_rng_log(r, 68, 9216);
        p->mtu_from = one_in(r, 2) ? 0 : sim_rng_log(r, 1, s->chaos_ns);
        p->mtu_until = p->mtu_from + sim_rng_log(r, ELKO_MS(1), s->chaos_ns);
        p->flap_from = sim_rng_log(r, ELKO_MS(1), s->chaos_ns);
        p->flap_until = p->flap_from + sim_rng_log(r, ELKO_MS(1), ELKO_SEC(600));
        p->flap_gap = one_in(r, 2) ? 0 : sim_rng_log(r, ELKO_MS(10), ELKO_SEC(60));
        if (one_in(r, 16))
                p->flap_until = ELKO_NEVER;
}

/* While the windows are full, for hours, or for good while the reader rests. */
static void cut_longer(const struct sim_shape *s, struct sim_path *p, struct sim_rng *r)
{
        uint64_t round_trip = 2 * s->delay_ns;

        p->faults |= 1u << SIM_F_FLAP;
        p->flap_gap = 0;
        if (s->kind == SIM_SHAPE_BIG) {
                p->flap_from = sim_rng_range(r, 4 * round_trip, 9 * round_trip);
                p->flap_until =
                        p->flap_from + round_trip + sim_rng_log(r, ELKO_MS(10), ELKO_SEC(60));
        } else if (s->kind == SIM_SHAPE_OUTAGE) {
                p->flap_from = sim_rng_log(r, ELKO_MS(1), ELKO_SEC(5));
                p->flap_until = p->flap_from + sim_rng_range(r, ELKO_SEC(3600), 3 * ELKO_SEC(3600));
        } else {
                p->flap_from =
                        s->stuck_cut ? sim_rng_range(r, ELKO_SEC(1), ELKO_SEC(60)) : ELKO_NEVER;
                p->flap_until = ELKO_NEVER;
        }
}

void sim_shape_path(const struct sim_shape *s, struct sim_world *w, unsigned a, unsigned b,
                    struct sim_path *p)
{
        const uint32_t network = (1u << (SIM_F_FLAP + 1)) - (1u << SIM_F_LOSS);
        struct sim_rng r = sim_rng_make(sim_seed(w), STREAM_PATH, a, b);
        /* Whether checksums are repaired is decided once: it makes the whole run weaker. */
        struct sim_rng all = sim_rng_make(sim_seed(w), STREAM_PATH, 999, 0);
        struct sim_rng ecn = sim_rng_make(sim_seed(w), STREAM_ECN, a, b + 1);

        p->delay_ns = s->delay_ns;
        p->bytes_per_s = s->bytes_per_s;
        p->buffer_bytes = s->buffer_bytes;
        draw_path_faults(s, p, &r);
        p->corrupt_repaired = one_in(&all, 12);
        for (unsigned class = SIM_F_LOSS; class <= SIM_F_FLAP; class ++)
                if (has(s, (enum sim_fault) class) && !one_in(&r, 4)) /* some only one way */
                        p->faults |= 1u << class;
        if (s->kind == SIM_SHAPE_BIG || s->kind == SIM_SHAPE_OUTAGE || s->kind == SIM_SHAPE_STUCK)
                cut_longer(s, p, &r);
        p->faults &= network;
        p->ecn_kind = (enum sim_ecn_kind)sim_rng_below(&ecn, SIM_ECN_KINDS);
        p->ecn_ppm = one_in(&ecn, 8) ? 1000000 /* RFC 9768, 3.2.2.3 */
                                     : (uint32_t)sim_rng_log(&ecn, 1000, 1000000);
        if (has(s, SIM_F_ECN) && !one_in(&ecn, 4))
                p->faults |= 1u << SIM_F_ECN;
}

/* Weeks and hours leave room for few faults: a probe a minute would be all that happens. Each kind but the usual one
 * brings faults of its own, so where they are chosen by hand there is none. */
static void draw_kind(struct sim_shape *s, struct sim_rng *r, bool by_hand)
{
        uint64_t kind = sim_rng_below(r, 128);

        s->kind = kind < 4   ? SIM_SHAPE_BIG
                  : kind < 5 ? SIM_SHAPE_SLEEP
                  : kind < 6 ? SIM_SHAPE_OUTAGE
                  : kind < 8 ? SIM_SHAPE_STUCK
                             : SIM_SHAPE_USUAL;
        if (by_hand)
                s->kind = SIM_SHAPE_USUAL;
        if (s->kind == SIM_SHAPE_SLEEP || s->kind == SIM_SHAPE_OUTAGE)
                s->faults &= ~(1u << SIM_F_CLOCK | 1u << SIM_F_WINDOW | 1u << SIM_F_ATTACKER);
        if (s->kind == SIM_SHAPE_SLEEP) /* without memory one tries again ten times a second */
                s->faults &= ~(1u << SIM_F_NOMEM);
        if (s->kind == SIM_SHAPE_SLEEP)
                s->chaos_ns = ELKO_SEC(86400ull * SLEEP_DAYS);
        if (s->kind == SIM_SHAPE_OUTAGE)
                s->chaos_ns = ELKO_SEC(86400);
        if (s->kind == SIM_SHAPE_BIG) /* what keeps windows small otherwise */
                s->faults &= ~(1u << SIM_F_LOSS | 1u << SIM_F_CORRUPT | 1u << SIM_F_TRUNCATE |
                               1u << SIM_F_MTU | 1u << SIM_F_WINDOW);
        if (s->kind == SIM_SHAPE_STUCK) {
                s->faults &= ~(1u << SIM_F_CLOCK | 1u << SIM_F_ATTACKER);
                s->faults |= 1u << SIM_F_WINDOW;
                s->stuck_cut = one_in(r, 2);
                s->chaos_ns = sim_rng_range(r, ELKO_SEC(600), ELKO_SEC(1500));
        }
}

void sim_shape_bend(const struct sim_shape *s, struct sim_world *w, unsigned number, unsigned end,
                    struct sim_app_plan *p)
{
        struct sim_rng r = sim_rng_make(sim_seed(w), STREAM_BEND, number, end);

        if (s->kind == SIM_SHAPE_BIG) {
                p->ask = 0;
                p->think_ns = 0;
                p->write_max = p->read_max = 1u << 20;
                if (end == number % 2)
                        p->bytes = 2 * s->most_bytes;
                sim_app_no_limits(p);
        }
        if (s->kind == SIM_SHAPE_STUCK && end == number % 2) {
                /* More than the reader's buffer takes, less than both. */
                p->bytes = sim_rng_range(&r, 12000, 30000);
                p->ask = 0;
                sim_app_no_limits(p);
                p->end = one_in(&r, 2) ? SIM_APP_HURRY : SIM_APP_POLITE;
        } else if (s->kind == SIM_SHAPE_STUCK) {
                /* It says nothing either: that would end who has closed. */
                p->bytes = p->ask = 0;
                p->end = one_in(&r, 2) ? SIM_APP_PATIENT : SIM_APP_POLITE;
                p->pause_at = sim_rng_log(&r, 1, 5000);
                p->pause_ns = ELKO_NEVER;
        }
        if (s->kind == SIM_SHAPE_SLEEP && number == 0) {
                p->bytes = sim_rng_range(&r, 3, 3000);
                p->write_max = (uint32_t)(p->bytes / 3 + 1);
                p->think_ns = sim_rng_range(&r, ELKO_SEC(86400 * 20), ELKO_SEC(86400 * 30));
                p->ask = 0;
        }
        if (s->kind == SIM_SHAPE_OUTAGE)
                p->user_timeout_ns = sim_rng_range(&r, ELKO_SEC(12 * 3600), ELKO_SEC(48 * 3600));
        if (s->kind == SIM_SHAPE_SLEEP || s->kind == SIM_SHAPE_OUTAGE)
                sim_app_no_keepalive(p);
}

void sim_shape_draw(struct sim_shape *s, struct sim_world *w, const uint32_t *faults)
{
        struct sim_rng r = sim_rng_make(sim_seed(w), STREAM_SHAPE, 0, 0);

        memset(s, 0, sizeof(*s));
        s->faults = faults != NULL ? *faults : draw_faults(sim_seed(w));
        s->elkos = one_in(&r, 6) ? 3 : 2;
        s->chaos_ns = sim_rng_log(&r, ELKO_SEC(2), ELKO_SEC(1200));
        /* Beyond R2, so that who waits for a window has to give up. */
        if (has(s, SIM_F_WINDOW) && one_in(&r, 3))
                s->chaos_ns = sim_rng_log(&r, ELKO_SEC(300), ELKO_SEC(1500));
        draw_kind(s, &r, faults != NULL);
        s->odd = has(s, SIM_F_WINDOW) && one_in(&r, 2) && s->kind == SIM_SHAPE_USUAL;
        draw_line(s, sim_seed(w));
        if (s->kind == SIM_SHAPE_BIG) {
                s->bytes_per_s = 0;
                s->delay_ns = sim_rng_log(&r, ELKO_MS(1), ELKO_MS(200));
        }
        for (unsigned i = 0; i < s->elkos; i++)
                draw_host(s, w, i);
        draw_conns(s, sim_seed(w));
}

/* ---- how long things may take ---- */

static uint64_t transfer_ns(const struct sim_shape *s, uint64_t bytes)
{
        /* Twice, for headers and for what is sent again; small segments cost more. */
        return s->bytes_per_s == 0 ? 0 : bytes * 4 * 1000000000ull / s->bytes_per_s;
}

/* Where a listener has room for one SYN and no cookies, SYNs that are repeated together meet there each time
 * anew: then all that is promised of an opening is that it ends, RFC 9293, 3.8.3 (R2 of a SYN). */
static uint64_t opening_ns(const struct sim_shape *s)
{
        for (unsigned i = 0; i < s->elkos; i++)
                if (s->elko[i].syn_queue == 1 &&
                    (!s->elko[i].tcp.syn_cookies || s->elko[i].ask_verdict))
                        return ELKO_SEC(200); /* 180 s, or an application's own (sim/app.c) */
        return 0;
}

uint64_t sim_shape_l1(const struct sim_shape *s)
{
        uint64_t rto_max = ELKO_SEC(60);

        return opening_ns(s) + 2 * rto_max + ELKO_SEC(60) + 20 * s->delay_ns +
               transfer_ns(s, (uint64_t)s->conns * 2 * (65536 + 20000));
}

uint64_t sim_shape_longest_end(const struct sim_shape *s)
{
        uint64_t r2 = 0, msl = 0;

        for (unsigned i = 0; i < s->elkos; i++) {
                if (s->elko[i].tcp.r2_ns > r2)
                        r2 = s->elko[i].tcp.r2_ns;
                if (s->elko[i].tcp.msl_ns > msl)
                        msl = s->elko[i].tcp.msl_ns;
        }
        /* The oldest packet was sent just before the faults ended and is delayed by 120 s. */
        return r2 + 2 * msl + ELKO_SEC(180);
}

uint64_t sim_shape_once_more(const struct sim_shape *s)
{
        return ELKO_SEC(3) + 40 * s->delay_ns + transfer_ns(s, 2 * 3000);
}

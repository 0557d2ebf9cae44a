/* SPDX-License-Identifier: MIT */
#include "ek_test.h"

#include <elko/cc.h>

#include "base/region.h"
#include "tcp/dupack.h"
#include "tcp/mss.h"
#include "tcp/rcv_window.h"
#include "tcp/rtt.h"

/*
 * E5: the leaves that count - retransmission time-out, duplicate ACKs, congestion window, receive window,
 * segment sizes, blocks of memory - through every short sequence of events, or every value, and through long
 * monotonous ones, against models that can't overflow: 64-bit positions that never turn around the circle,
 * saturating doubles, plain counters.
 *
 * What goes wrong in such code goes wrong after the hundredth time-out or the 65,536th duplicate, or just
 * where a counter or the sequence space turns; tests of a few steps never come there.
 */

enum { MSS = 1460 };

static uint64_t min64(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* ---- RFC 6298 ---- */

struct rtt_model {
        double srtt, rttvar;
        unsigned doublings;
};

static const struct ek_rtt_limits limits[] = {
        {ELKO_SEC(1), ELKO_MS(200), ELKO_SEC(60), 1000, false},
        {ELKO_SEC(1), ELKO_MS(10), ELKO_SEC(60), ELKO_MS(1), false},
        {ELKO_SEC(3), ELKO_SEC(1), ELKO_SEC(120), ELKO_MS(10), false},
        {ELKO_SEC(1), ELKO_MS(200), ELKO_SEC(120), 1000, true},
};

static const uint64_t samples[] = {1, ELKO_US(50), ELKO_MS(3), ELKO_SEC(2), ELKO_SEC(1000)};

enum { SAMPLES = 5, TIMEOUT = SAMPLES, PROGRESS, RTT_EVENTS };

static void rtt_step(struct ek_rtt *r, struct rtt_model *m, unsigned event)
{
        double s;

        if (event == TIMEOUT) {
                ek_rtt_on_timeout(r);
                m->doublings++;
                return;
        }
        if (event == PROGRESS) {
                ek_rtt_on_progress(
                        r); /* the doubled time-out stays until there is a sample (section 5) */
                return;
        }
        m->doublings = 0;
        ek_rtt_on_sample(r, samples[event]);
        s = (double)samples[event];
        if (m->srtt == 0) {
                m->srtt = s;
                m->rttvar = s / 2;
        } else {
                m->rttvar = 0.75 * m->rttvar + 0.25 * (m->srtt > s ? m->srtt - s : s - m->srtt);
                m->srtt = 0.875 * m->srtt + 0.125 * s;
        }
}

/* Integers lose less than 10 ns in each step. */
static void rtt_compare(const struct ek_rtt *r, const struct rtt_model *m,
                        const struct ek_rtt_limits *lim)
{
        double rto = (double)lim->initial_ns, k = 4 * m->rttvar, slack, got;

        if (m->srtt != 0) {
                k = k > (double)lim->granularity_ns ? k : (double)lim->granularity_ns;
                if (lim->floor_on_variance)
                        k = k > (double)lim->min_ns ? k : (double)lim->min_ns;
                rto = m->srtt + k;
                rto = rto > (double)lim->min_ns ? rto : (double)lim->min_ns;
        }
        slack = 1000;
        for (unsigned i = 0; i < m->doublings && rto < (double)lim->max_ns; i++) {
                rto *= 2;
                slack *= 2;
        }
        rto = rto < (double)lim->max_ns ? rto : (double)lim->max_ns;
        got = (double)ek_rtt_rto(r, lim);
        CHECK(got >= rto - slack && got <= rto + slack);
        CHECK(got <= (double)lim->max_ns);
        CHECK(m->srtt == 0 || got >= (double)lim->min_ns);
}

static void rtt_sequence(unsigned code, unsigned length, const struct ek_rtt_limits *lim)
{
        struct ek_rtt r = {0};
        struct rtt_model m = {0};

        for (unsigned i = 0; i < length; i++, code /= RTT_EVENTS) {
                rtt_step(&r, &m, code % RTT_EVENTS);
                rtt_compare(&r, &m, lim);
        }
        /* As long as a patient user waits: a day has 1,440 time-outs of a minute. */
        for (unsigned i = 0; i < 300; i++) {
                rtt_step(&r, &m, TIMEOUT);
                rtt_compare(&r, &m, lim);
        }
        rtt_step(&r, &m, PROGRESS);
        rtt_compare(&r, &m, lim);
}

EK_TEST(rto_through_all_sequences_of_four)
{
        for (unsigned l = 0; l < sizeof(limits) / sizeof(limits[0]); l++)
                for (unsigned length = 0, codes = 1; length <= 4; length++, codes *= RTT_EVENTS)
                        for (unsigned code = 0; code < codes; code++)
                                rtt_sequence(code, length, &limits[l]);
}

/* ---- RFC 5681, 3.2 and RFC 6582 ---- */

/* Positions are 64 bits wide and never come again. */
struct dup_model {
        uint64_t una, nxt, recover, count;
        bool recovering, has_recover;
};

static seq_t seq(uint64_t position)
{
        return seq_make((uint32_t)position);
}

static void duplicate(struct ek_dupack *d, struct dup_model *m)
{
        enum ek_dupack_verdict want;

        m->count++;
        if (m->recovering) {
                want = EK_DUPACK_INFLATE;
        } else if (m->count < 3) {
                want = EK_DUPACK_LIMITED;
        } else if (m->count > 3 || (m->has_recover && m->una <= m->recover)) {
                want = EK_DUPACK_NOTHING;
        } else {
                want = EK_DUPACK_ENTER;
                m->recover = m->nxt;
                m->has_recover = m->recovering = true;
        }
        CHECK_EQ(ek_dupack_on_duplicate(d, seq(m->una), seq(m->nxt)), want);
}

static void progress(struct ek_dupack *d, struct dup_model *m, uint64_t una)
{
        enum ek_dupack_ack want = EK_DUPACK_NORMAL;

        m->count = 0;
        m->una = una;
        if (m->recovering) {
                want = una < m->recover ? EK_DUPACK_PARTIAL : EK_DUPACK_FULL;
                m->recovering = una < m->recover;
        }
        CHECK_EQ(ek_dupack_on_progress(d, seq(una)), want);
}

enum { DUP, SEND, PARTIAL, ALL, RTO, DUP_EVENTS };

static void dup_step(struct ek_dupack *d, struct dup_model *m, unsigned event)
{
        switch (event) {
        case DUP:
                if (m->una != m->nxt)
                        duplicate(d, m);
                break;
        case SEND: m->nxt += MSS; break;
        case PARTIAL:
                if (m->una + MSS < m->nxt)
                        progress(d, m, m->una + MSS);
                break;
        case ALL:
                if (m->una != m->nxt)
                        progress(d, m, m->nxt);
                break;
        default: /* the timer runs while something is outstanding */
                if (m->una == m->nxt)
                        break;
                ek_dupack_on_timeout(d, seq(m->nxt));
                m->recover = m->nxt;
                m->has_recover = true;
                m->recovering = false;
                m->count = 0;
                break;
        }
}

static void dup_sequence(unsigned code, unsigned length, uint64_t begin)
{
        struct ek_dupack d = {0};
        struct dup_model m = {.una = begin, .nxt = begin + 4 * MSS};

        for (unsigned i = 0; i < length; i++, code /= DUP_EVENTS)
                dup_step(&d, &m, code % DUP_EVENTS);
        /* An episode from wherever this is. */
        for (unsigned i = 0; i < 5; i++)
                dup_step(&d, &m, DUP);
        dup_step(&d, &m, ALL);
}

EK_TEST(duplicates_through_all_sequences_of_seven)
{
        static const uint64_t begins[] = {1u << 20, (1ull << 31) - 3 * MSS, (1ull << 32) - 3 * MSS};

        for (unsigned b = 0; b < sizeof(begins) / sizeof(begins[0]); b++)
                for (unsigned length = 0, codes = 1; length <= 7; length++, codes *= DUP_EVENTS)
                        for (unsigned code = 0; code < codes; code++)
                                dup_sequence(code, length, begins[b]);
}

/* Nothing of a peer's says that it ever stops repeating itself: before, in and after recovery. */
EK_TEST(duplicates_without_end)
{
        struct ek_dupack d = {0};
        struct dup_model m = {.una = 1, .nxt = 1 + 10 * MSS};

        for (unsigned episode = 0; episode < 4; episode++) {
                for (unsigned i = 0; i < 70000; i++)
                        dup_step(&d, &m, DUP);
                dup_step(&d, &m, episode % 2 == 0 ? RTO : PARTIAL);
                for (unsigned i = 0; i < 70000; i++)
                        dup_step(&d, &m, DUP);
                dup_step(&d, &m, ALL);
                dup_step(&d, &m, SEND);
        }
}

/* ---- RFC 5681, 3.1 ---- */

enum { CWND_CAP = 1u << 30 };

struct cc_run {
        uint64_t priv[(ELKO_CC_PRIVATE_BYTES + 7) / 8];
        struct elko_cc_out out;
        uint64_t room; /* that congestion avoidance may still have gained: octets acknowledged */
};

static void cc_begin(struct cc_run *c, const struct elko_cc_ops *ops)
{
        struct elko_cc_init ev = {.mss = MSS, .initial_cwnd_bytes = 10 * MSS};

        memset(c, 0, sizeof(*c));
        ops->init(c->priv, &c->out, &ev);
        CHECK_EQ(c->out.cwnd_bytes, 10 * MSS);
        CHECK(c->out.ssthresh_bytes >= 2 * MSS);
}

static void cc_ack(struct cc_run *c, const struct elko_cc_ops *ops, uint32_t acked, bool limited,
                   bool recovering)
{
        const struct elko_cc_out before = c->out;
        struct elko_cc_ack ev = {.acked_bytes = acked,
                                 .flight_bytes = acked,
                                 .mss = MSS,
                                 .cwnd_limited = limited,
                                 .in_recovery = recovering};
        uint64_t most = before.cwnd_bytes;

        ops->on_ack(c->priv, &c->out, &ev);
        CHECK_EQ(c->out.ssthresh_bytes, before.ssthresh_bytes);
        CHECK(c->out.cwnd_bytes >= before.cwnd_bytes);
        /* RFC 7661: what is not used does not grow; nor does what recovery owns. */
        if (!limited || recovering) {
                CHECK_EQ(c->out.cwnd_bytes, before.cwnd_bytes);
                return;
        }
        /* Slow start: by what was acknowledged, to ssthresh; then by one MSS for each window. */
        if (before.cwnd_bytes < before.ssthresh_bytes) {
                most += acked;
                most = min64(most, max64(before.ssthresh_bytes, MSS));
        } else {
                c->room += acked;
                if (c->room >= before.cwnd_bytes) {
                        c->room -= before.cwnd_bytes;
                        most += MSS;
                }
        }
        if (before.cwnd_bytes >= CWND_CAP)
                most = before.cwnd_bytes;
        most = max64(min64(most, CWND_CAP), before.cwnd_bytes);
        CHECK_EQ(c->out.cwnd_bytes, most);
}

static void cc_congestion(struct cc_run *c, const struct elko_cc_ops *ops,
                          enum elko_congestion kind, uint32_t flight)
{
        const struct elko_cc_out before = c->out;
        struct elko_cc_event ev = {
                .kind = kind, .flight_bytes = flight, .mss = MSS, .initial_cwnd_bytes = 10 * MSS};
        uint32_t half = (uint32_t)max64(flight / 2, 2 * MSS); /* equation 4 */

        ops->on_congestion(c->priv, &c->out, &ev);
        c->room = 0;
        if (kind == ELKO_CONGESTION_IDLE) { /* 4.1 */
                CHECK_EQ(c->out.cwnd_bytes, min64(before.cwnd_bytes, 10 * MSS));
                CHECK_EQ(c->out.ssthresh_bytes, before.ssthresh_bytes);
                return;
        }
        CHECK_EQ(c->out.ssthresh_bytes, half);
        CHECK_EQ(c->out.cwnd_bytes, kind == ELKO_CONGESTION_TIMEOUT ? MSS : half);
}

/* A window that is doubled as often as it can be stays a window. */
EK_TEST(cwnd_in_endless_slow_start)
{
        static const uint32_t portions[] = {1, MSS, 1u << 20, 1u << 29};
        struct cc_run c;

        for (unsigned p = 0; p < 4; p++) {
                cc_begin(&c, &elko_cc_newreno);
                for (unsigned i = 0; i < 20000; i++)
                        cc_ack(&c, &elko_cc_newreno, (uint32_t)min64(c.out.cwnd_bytes, portions[p]),
                               true, false);
        }
}

EK_TEST(cwnd_through_random_lives)
{
        struct cc_run c;

        for (unsigned life = 0; life < 40 * ek_test_state.percent; life++) {
                cc_begin(&c, &elko_cc_newreno);
                for (unsigned i = 0; i < 200; i++) {
                        uint32_t part = 1 + (uint32_t)(ek_test_rand() % c.out.cwnd_bytes);
                        uint64_t event = ek_test_rand() % 40;

                        if (event < 3)
                                cc_congestion(&c, &elko_cc_newreno,
                                              event == 0   ? ELKO_CONGESTION_LOSS
                                              : event == 1 ? ELKO_CONGESTION_TIMEOUT
                                                           : ELKO_CONGESTION_IDLE,
                                              part);
                        else
                                cc_ack(&c, &elko_cc_newreno, part, event % 4 != 0, event % 7 == 0);
                }
        }
}

/* ---- RFC 9293, 3.8.6 and RFC 7323, 2.4 ---- */

struct wnd_model {
        uint64_t rcv_nxt, read; /* positions in the stream */
        uint64_t edge;          /* the farthest that the peer was told */
        uint64_t begin;         /* of the stream on the circle */
        uint32_t space;
        uint8_t scale;
};

static void wnd_send(struct ek_rcv_window *w, struct wnd_model *m)
{
        uint32_t used = (uint32_t)(m->rcv_nxt - m->read), room = m->space - used;
        uint64_t left = m->edge - m->rcv_nxt, unit = 1ull << m->scale, told;
        struct ek_rcv_adv adv;

        adv = ek_rcv_window_plan(w, seq(m->begin + m->rcv_nxt), used, MSS, m->scale);
        told = (uint64_t)adv.field << m->scale;
        CHECK_EQ(adv.bytes, told);
        /* Memory stands behind it, but for what was promised before. */
        CHECK(told <= max64(room, left));
        /* Never to the left, by less than a unit if need be, and not if there is room to round up. */
        CHECK(told + unit > left);
        if ((left + unit - 1) / unit * unit <= room)
                CHECK(told >= min64(left, 65535 * unit));
        /* No silly steps to the right. */
        if (told > left + unit - 1)
                CHECK(told - left >= min64(m->space / 2, MSS));
        ek_rcv_window_on_sent(w, seq(m->begin + m->rcv_nxt), adv.bytes);
        m->edge = max64(m->edge, m->rcv_nxt + told);
        CHECK_EQ(ek_rcv_window_left(w, seq(m->begin + m->rcv_nxt)), m->edge - m->rcv_nxt);
}

static void wnd_life(uint32_t space, uint8_t scale, uint64_t begin)
{
        struct wnd_model m = {.space = space, .scale = scale, .begin = begin};
        struct ek_rcv_window w;

        ek_rcv_window_init(&w, space, seq(begin), 0);
        for (unsigned i = 0; i < 60; i++) {
                uint64_t left, n;

                wnd_send(&w, &m);
                left = m.edge - m.rcv_nxt;
                n = ek_test_rand() % 4 == 0 ? left : ek_test_rand() % (left + 1);
                m.rcv_nxt += n;
                CHECK_EQ(ek_rcv_window_left(&w, seq(m.begin + m.rcv_nxt)), m.edge - m.rcv_nxt);
                if (ek_test_rand() % 3 == 0)
                        continue; /* the application sleeps */
                n = m.rcv_nxt - m.read;
                m.read += ek_test_rand() % 4 == 0 ? n : ek_test_rand() % (n + 1);
        }
}

EK_TEST(receive_window_through_random_lives)
{
        static const uint32_t spaces[] = {1, 536, 2048, 4097, 65535, 100000, 1u << 20, 1u << 30};
        static const uint64_t begins[] = {0, (1ull << 31) - 1000, (1ull << 32) - 1000};

        for (unsigned s = 0; s < sizeof(spaces) / sizeof(spaces[0]); s++)
                for (uint8_t scale = 0; scale <= 14; scale++)
                        for (unsigned b = 0; b < 3; b++)
                                for (unsigned i = 0; i < ek_test_state.percent; i++)
                                        wnd_life(spaces[s], scale, begins[b]);
}

/* ---- RFC 9293, 3.7.1 ---- */

/* Payload of a full segment, for every option that a peer may send: never more than it says, options included,
 * nor than the path takes; and never so little that a stream costs a packet for every few bytes. */
EK_TEST(segment_sizes_of_all_options)
{
        static const uint16_t paths[] = {68, 296, 576, 1280, 1500, 9000, 65535};
        static const uint16_t floors[] = {48, 64, 536};
        static const uint32_t opts[] = {0, 12, 20, 40};

        for (unsigned i = 0; i < 7 * 3 * 4 * 2; i++) {
                uint16_t path = paths[i % 7], floor = floors[i / 7 % 3];
                uint32_t opt = opts[i / 21 % 4];
                bool v4 = i / 84 == 0;
                uint32_t ip = v4 ? 40 : 60, way = path > ip + 8 ? path - ip : 8;

                for (uint32_t option = 0; option <= UINT16_MAX; option++) {
                        uint32_t said = option == 0 ? (v4 ? 536 : 1220) : option, n;

                        said = (uint32_t)max64(said, option == 0 ? 0 : floor);
                        n = ek_mss_effective(ek_mss_from_peer((uint16_t)option, v4, floor), path,
                                             v4, 0, opt);
                        said = (uint32_t)min64(said, way);
                        if (n != (said > opt + 8 ? said - opt : 8))
                                CHECK_EQ(n, option);
                }
        }
}

/* ---- blocks of memory ---- */

/* Whatever size is asked for, up to the last that a size_t holds: a block that has it, or none. */
EK_TEST(blocks_of_all_sizes)
{
        static _Alignas(64) uint8_t memory[64 << 10];
        struct ek_region *r = ek_region_init(memory, sizeof(memory), 256);
        size_t capacity = ek_region_capacity(r);

        for (unsigned bit = 0; bit < 64; bit++)
                for (int step = -300; step <= 300; step++) {
                        size_t bytes = ((size_t)1 << bit) + (size_t)(ptrdiff_t)step;
                        size_t block = ek_region_block_bytes(r, bytes);
                        uint8_t *p = ek_region_alloc(r, bytes);

                        if (block != 0 || p != NULL)
                                CHECK(block >= bytes && bytes <= capacity);
                        if (p == NULL)
                                continue;
                        CHECK(p >= memory && p + bytes <= memory + sizeof(memory));
                        CHECK_EQ(ek_region_used(r), block);
                        ek_region_free(r, p, bytes);
                        CHECK_EQ(ek_region_used(r), 0);
                }
        CHECK(ek_region_check(r));
}

EK_TEST_MAIN();

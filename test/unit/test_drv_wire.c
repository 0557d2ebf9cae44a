/* SPDX-License-Identifier: MIT */
/*
 * The wire of experiments against models that are too simple to be wrong.
 *
 * The queue: a list of all packets with their departures, looked through for every arrival. CoDel: the
 * RFC's pseudo-code, with its loop and in floating point. Chance: counts within six standard
 * deviations of the binomial's mean.
 */
#include <math.h>

#include "test/support/ek_test.h"

#include "drivers/codel.h"
#include "drivers/hist.h"
#include "drivers/wire.h"
#include "drivers/wire_ip.h"

EK_TEST_MAIN();

enum { MTU = 1500, MILLION = 1000000, TAKE = 64 };

/* ---- packets ---- */

struct made {
        uint8_t data[MTU];
        struct elko_frame frame;
};

static uint32_t header_sum(const uint8_t *data)
{
        uint32_t sum = 0;

        for (int i = 0; i < 20; i += 2)
                sum += (uint32_t)data[i] << 8 | data[i + 1];
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return sum; /* 0xffff: right */
}

/* An IPv4 TCP packet of `len` bytes (40: a pure ACK) that carries a number. */
static const struct elko_frame *make(struct made *m, uint32_t len, uint32_t number, uint8_t tos)
{
        uint32_t sum;

        memset(m->data, 0, sizeof m->data);
        m->data[0] = 0x45;
        m->data[1] = tos;
        m->data[2] = (uint8_t)(len >> 8);
        m->data[3] = (uint8_t)len;
        m->data[8] = 64;
        m->data[9] = 6;
        memcpy(m->data + 12, "\x0a\x63\x00\x01\x0a\x63\x00\x02", 8);
        sum = ~header_sum(m->data) & 0xffff;
        m->data[10] = (uint8_t)(sum >> 8);
        m->data[11] = (uint8_t)sum;
        memcpy(m->data + 24, &number, 4);
        m->data[32] = 0x50;
        m->data[33] = 0x10;
        m->frame = (struct elko_frame){.parts = 1, .len = len};
        m->frame.part[0] = (struct elko_slice){m->data, len};
        return &m->frame;
}

static uint32_t number_of(const struct elko_wire_packet *p)
{
        uint32_t n;

        memcpy(&n, p->data + 24, 4);
        return n;
}

static struct elko_wire *open_wire(const struct elko_wire_dir *dir, uint64_t seed)
{
        struct elko_wire_config c = {.seed = seed, .mtu = MTU, .dir = {*dir, *dir}};
        struct elko_drv_why why;
        struct elko_wire *w = elko_wire_create(&c, &why);

        CHECK(w != NULL);
        return w;
}

static void put(struct elko_wire *w, uint32_t len, uint32_t number, uint8_t tos, uint64_t now)
{
        struct made m;

        elko_wire_send(w, 0, make(&m, len, number, tos), now);
}

/* What came out: by number. */
struct exits {
        uint32_t count;
        struct {
                uint32_t number;
                uint64_t at;
                uint8_t tos;
        } exit[40000];
};

static struct exits out, other;

static void drain(struct elko_wire *w, uint64_t now, struct exits *to)
{
        struct elko_wire_packet p[TAKE];
        size_t n;

        while ((n = elko_wire_take(w, 0, now, p, TAKE)) > 0) {
                for (size_t i = 0; i < n; i++) {
                        CHECK(to->count < sizeof to->exit / sizeof to->exit[0]);
                        CHECK(p[i].due <= now);
                        CHECK_EQ(header_sum(p[i].data), 0xffff);
                        to->exit[to->count].number = number_of(&p[i]);
                        to->exit[to->count].at = p[i].due;
                        to->exit[to->count++].tos = p[i].data[1];
                }
        }
}

/* ---- rate, delay, buffer ---- */

/* Every packet that was taken in, with its departure. */
struct model {
        uint64_t departs[20000];
        uint32_t len[20000], number[20000];
        uint32_t count;
        uint64_t last;
};

static bool model_send(struct model *m, const struct elko_wire_dir *c, uint32_t len,
                       uint32_t number, uint64_t now)
{
        uint64_t waiting = 0;
        uint64_t start = m->last > now ? m->last : now;

        for (uint32_t i = 0; i < m->count; i++)
                if (m->departs[i] > now)
                        waiting += m->len[i];
        if (waiting > 0 && waiting + len > c->buffer_bytes)
                return false;
        m->last = start + (uint64_t)ceil((double)len * 8e9 / (double)c->rate_bps);
        m->departs[m->count] = m->last;
        m->len[m->count] = len;
        m->number[m->count++] = number;
        return true;
}

/* Random bursts into a random wire; now and then the packets are taken, late or not. */
static void one_queue(uint32_t packets)
{
        static struct model m;
        struct elko_wire_dir c = {.rate_bps = 1000000 + ek_test_rand() % 100000000,
                                  .delay_ns = ek_test_rand() % 50000000,
                                  .buffer_bytes = 1500 + ek_test_rand() % 60000};
        struct elko_wire *w = open_wire(&c, 1);
        uint64_t now = 0, dropped = 0;

        m.count = 0;
        m.last = 0;
        out.count = 0;
        for (uint32_t i = 0; i < packets; i++) {
                uint32_t len = 40 + (uint32_t)(ek_test_rand() % (MTU - 39));

                if (ek_test_rand() % 4 == 0)
                        now += ek_test_rand() % (8 * 8 * UINT64_C(1500000000000) / c.rate_bps);
                if (ek_test_rand() % 8 == 0)
                        drain(w, now, &out);
                dropped += !model_send(&m, &c, len, i, now);
                put(w, len, i, 0, now);
                CHECK_EQ(elko_wire_stats_get(w, 0)->overflow, dropped);
        }
        drain(w, now + ELKO_SEC(100), &out);
        CHECK_EQ(elko_wire_next(w), ELKO_NEVER);
        CHECK_EQ(out.count, m.count);
        for (uint32_t i = 0; i < m.count; i++) {
                CHECK_EQ(out.exit[i].number, m.number[i]);
                CHECK_EQ(out.exit[i].at, m.departs[i] + c.delay_ns);
        }
        elko_wire_destroy(w);
}

EK_TEST(queue_is_as_a_list_of_departures_says)
{
        for (int i = 0; i < 60; i++)
                one_queue(600);
}

EK_TEST(infinite_rate_is_delay_only)
{
        struct elko_wire_dir c = {.delay_ns = 1000};
        struct elko_wire *w = open_wire(&c, 1);

        out.count = 0;
        for (uint32_t i = 0; i < 100; i++)
                put(w, 1000, i, 0, i / 10);
        drain(w, 1005, &out);
        CHECK_EQ(out.count, 60);
        CHECK_EQ(elko_wire_next(w), 1006);
        drain(w, 2000, &out);
        CHECK_EQ(out.count, 100);
        CHECK_EQ(out.exit[99].at, 1009);
        elko_wire_destroy(w);
}

/* A caller who comes once at the end sees the same as one who comes at every instant. */
EK_TEST(late_callers_see_the_same)
{
        struct elko_wire_dir c = {.rate_bps = 10000000,
                                  .delay_ns = 3000000,
                                  .buffer_bytes = 30000,
                                  .queue = ELKO_WIRE_CODEL,
                                  .reorder_ppm = 50000,
                                  .reorder_ns = 4000000,
                                  .duplicate_ppm = 20000};
        struct elko_wire *w = open_wire(&c, 7), *late = open_wire(&c, 7);
        uint64_t now = 0;

        out.count = other.count = 0;
        for (uint32_t i = 0; i < 5000; i++) {
                uint64_t next = now + ek_test_rand() % 2200000;

                while (elko_wire_next(w) < next) {
                        uint64_t at = elko_wire_next(w);

                        drain(w, at, &out);
                        CHECK(elko_wire_next(w) > at);
                }
                now = next;
                put(w, MTU, i, 0, now);
                put(late, MTU, i, 0, now);
        }
        drain(w, now + ELKO_SEC(1), &out);
        drain(late, now + ELKO_SEC(1), &other);
        CHECK_EQ(out.count, other.count);
        CHECK_MEM_EQ(out.exit, other.exit, out.count * sizeof out.exit[0]);
        elko_wire_destroy(w);
        elko_wire_destroy(late);
}

EK_TEST(rate_steps)
{
        struct elko_wire_dir c = {.rate_bps = 12000000, /* a full packet in 1 ms */
                                  .step = {{ELKO_MS(10), 100}, {ELKO_MS(40), 2000}}};
        struct elko_wire *w = open_wire(&c, 1);

        out.count = 0;
        for (uint32_t i = 0; i < 20; i++)
                put(w, MTU, i, 0, 0);
        drain(w, ELKO_SEC(1), &out);
        CHECK_EQ(out.exit[9].at, ELKO_MS(10));
        CHECK_EQ(out.exit[10].at, ELKO_MS(20));
        CHECK_EQ(out.exit[12].at, ELKO_MS(40));
        CHECK_EQ(out.exit[13].at, ELKO_MS(40) + ELKO_US(500));
        CHECK_EQ(out.exit[19].at, ELKO_MS(40) + ELKO_US(3500));
        elko_wire_destroy(w);
}

EK_TEST(queueing_delay_is_measured)
{
        struct elko_wire_dir c = {.rate_bps = 12000000, .buffer_bytes = 15000};
        struct elko_wire *w = open_wire(&c, 1);
        const struct elko_wire_stats *s = elko_wire_stats_get(w, 0);

        for (uint32_t i = 0; i < 20; i++) /* ten fit: they wait 0, 1, .. 9 ms */
                put(w, MTU, i, 0, 0);
        CHECK_EQ(elko_wire_queued(w, 0, 0), 15000);
        CHECK_EQ(elko_wire_queued(w, 0, ELKO_MS(1)), 13500);
        CHECK_EQ(elko_wire_queued(w, 0, ELKO_MS(100)), 0);
        CHECK_EQ(s->overflow, 10);
        CHECK_EQ(s->queue_max_bytes, 15000);
        CHECK_EQ(elko_hist_mean(&s->queue_ns), ELKO_US(4500));
        CHECK_EQ(s->queue_ns.max, ELKO_MS(9));
        elko_wire_destroy(w);
}

EK_TEST(what_is_no_packet_is_not_carried)
{
        struct elko_wire_dir c = {.delay_ns = 1};
        struct elko_wire *w = open_wire(&c, 1);
        uint8_t junk[MTU + 1] = {0x45};
        struct elko_frame f = {.parts = 1, .len = sizeof junk};

        f.part[0] = (struct elko_slice){junk, sizeof junk};
        elko_wire_send(w, 0, &f, 0);
        f.part[0].len = f.len = 30;
        junk[0] = 0x75;
        elko_wire_send(w, 0, &f, 0);
        CHECK_EQ(elko_wire_stats_get(w, 0)->unusable, 2);
        CHECK_EQ(elko_wire_next(w), ELKO_NEVER);
        elko_wire_destroy(w);
}

/* ---- CoDel ---- */

/* RFC 8289's pseudo-code over a FIFO of (arrival, length), as it stands there. */
struct codel_model {
        uint64_t at[40000];
        uint32_t head, tail;
        double first_above, drop_next;
        uint32_t count, last_count;
        bool dropping, ok_to_drop;
        uint32_t sent[40000], sent_count;
};

#define TARGET   5e6
#define INTERVAL 100e6

static int64_t dodequeue(struct codel_model *m, double now)
{
        uint32_t p = m->head;

        m->ok_to_drop = false;
        if (m->head == m->tail) {
                m->first_above = 0;
                return -1;
        }
        m->head++;
        if (now - (double)m->at[p] < TARGET || (m->tail - m->head) * MTU <= MTU)
                m->first_above = 0;
        else if (m->first_above <= 0)
                m->first_above = now + INTERVAL;
        else if (now >= m->first_above)
                m->ok_to_drop = true;
        return p;
}

static int64_t codel_model_deque(struct codel_model *m, double now)
{
        int64_t p = dodequeue(m, now);

        if (p < 0) {
                m->dropping = false;
        } else if (m->dropping) {
                if (!m->ok_to_drop)
                        m->dropping = false;
                while (now >= m->drop_next && m->dropping) {
                        m->count++;
                        p = dodequeue(m, now);
                        if (!m->ok_to_drop)
                                m->dropping = false;
                        else
                                m->drop_next += INTERVAL / sqrt(m->count);
                }
        } else if (m->ok_to_drop) {
                uint32_t delta = m->count - m->last_count;

                p = dodequeue(m, now);
                m->dropping = true;
                m->count = delta > 1 && now - m->drop_next < 16 * INTERVAL ? delta : 1;
                m->drop_next = now + INTERVAL / sqrt(m->count);
                m->last_count = m->count;
        }
        return p;
}

/*
 * Full packets into 12 Mbit/s (1 ms each) at a load that changes: the packets that come out are those of
 * the pseudo-code. Its roots are doubles, ours have 16 binary places, so an instant may differ by some
 * nanoseconds: arrivals and departures are multiples of 1 ms with 0.3 ms between them.
 */
EK_TEST(codel_does_what_the_pseudo_code_does)
{
        static struct codel_model m;
        struct elko_wire_dir c = {.rate_bps = 12000000, .queue = ELKO_WIRE_CODEL};
        struct elko_wire *w = open_wire(&c, 1);
        uint32_t n = 0;

        out.count = 0;
        memset(&m, 0, sizeof m);
        put(w, MTU, n, 0, 0); /* starts the transmitter on the whole millisecond */
        n = 1;
        for (uint64_t ms = 0; ms < 12000; ms++) {
                unsigned load = ms / 3000 % 2 == 0 ? 3 : 1; /* overload, then just the rate */
                unsigned more = load == 3 ? (unsigned)(ek_test_rand() % 3)
                                          : (unsigned)(ek_test_rand() % 3 == 0);

                if (ms > 0 || n > 1) {
                        int64_t p = codel_model_deque(&m, (double)ms * 1e6);

                        if (p >= 0)
                                m.sent[m.sent_count++] = (uint32_t)p + 1;
                        drain(w, ms * 1000000, &out);
                }
                for (unsigned i = 0; i < more; i++) {
                        m.at[m.tail++] = ms * 1000000 + 300000;
                        put(w, MTU, n++, 0, ms * 1000000 + 300000);
                }
                /* An idle transmitter would start off the grid: keep it busy. */
                if (m.head == m.tail) {
                        m.at[m.tail++] = ms * 1000000 + 300000;
                        put(w, MTU, n++, 0, ms * 1000000 + 300000);
                }
        }
        CHECK(elko_wire_stats_get(w, 0)->codel > 50);
        CHECK(out.count > 10000);
        CHECK_EQ(out.exit[0].number, 0);
        for (uint32_t i = 1; i < out.count; i++)
                CHECK_EQ(out.exit[i].number, m.sent[i - 1]);
        elko_wire_destroy(w);
}

EK_TEST(codel_leaves_short_queues_alone)
{
        struct elko_codel c = {
                .target_ns = ELKO_MS(5), .interval_ns = ELKO_MS(100), .mtu_bytes = MTU};

        for (uint64_t t = 0; t < ELKO_SEC(10); t += ELKO_MS(1)) {
                elko_codel_begin(&c);
                CHECK(!elko_codel_drop(&c, t, ELKO_MS(5) - 1, 100000)); /* within the target */
        }
        for (uint64_t t = ELKO_SEC(10); t < ELKO_SEC(20); t += ELKO_MS(1)) {
                elko_codel_begin(&c);
                CHECK(!elko_codel_drop(&c, t, ELKO_SEC(1), MTU)); /* a slow link's last packet */
        }
}

/* Under standing overload: the first drop after one interval, then interval / sqrt(n) apart. */
EK_TEST(codel_follows_its_control_law)
{
        struct elko_codel c = {
                .target_ns = ELKO_MS(5), .interval_ns = ELKO_MS(100), .mtu_bytes = MTU};
        double wanted = 100e6 + 1;
        unsigned drops = 0;

        for (uint64_t t = 1; t < ELKO_SEC(3); t += 10000) {
                elko_codel_begin(&c);
                while (elko_codel_drop(&c, t, ELKO_MS(20), 100000)) {
                        drops++;
                        CHECK(fabs((double)t - wanted) <= 20000.0 * drops);
                        wanted += 100e6 / sqrt(drops);
                }
        }
        CHECK(drops > 225 && drops < 240); /* 2 sqrt(n) - 1.46 = 29 intervals: n = 232 */
}

EK_TEST(codel_marks_ecn_capable_packets)
{
        struct elko_wire_dir c = {.rate_bps = 12000000, .queue = ELKO_WIRE_CODEL};
        struct elko_wire *w = open_wire(&c, 1);
        uint64_t marked = 0;

        out.count = 0;
        for (uint32_t i = 0; i < 1000; i++)
                put(w, MTU, i, 0x02, i * UINT64_C(500000));
        drain(w, ELKO_SEC(10), &out);
        CHECK_EQ(out.count, 1000);
        for (uint32_t i = 0; i < out.count; i++)
                marked += out.exit[i].tos == 0x03;
        CHECK(marked > 10);
        CHECK_EQ(elko_wire_stats_get(w, 0)->marked, marked);
        CHECK_EQ(elko_wire_stats_get(w, 0)->codel, 0);
        elko_wire_destroy(w);
}

/* ---- ECN ---- */

EK_TEST(threshold_marks_what_finds_more_than_it)
{
        struct elko_wire_dir c = {.rate_bps = 12000000,
                                  .buffer_bytes = 15000,
                                  .queue = ELKO_WIRE_ECN,
                                  .mark_bytes = 4500};
        struct elko_wire *w = open_wire(&c, 1);

        out.count = 0;
        for (uint32_t i = 0; i < 12; i++)
                put(w, MTU, i, i == 7 ? 0x00 : 0xb9, 0); /* one is not ECN-capable */
        drain(w, ELKO_SEC(1), &out);
        CHECK_EQ(out.count, 10);
        for (uint32_t i = 0; i < out.count; i++)
                CHECK_EQ(out.exit[i].tos, i == 7 ? 0x00 : i < 3 ? 0xb9 : 0xbb);
        CHECK_EQ(elko_wire_stats_get(w, 0)->overflow, 2);
        elko_wire_destroy(w);
}

EK_TEST(marks_in_both_families)
{
        struct made m;
        uint8_t v6[60] = {0x60, 0x10, 0, 0, 0, 20, 6};
        struct elko_wire_ip ip;

        for (unsigned tos = 0; tos < 256; tos++) {
                make(&m, 1000, 1, (uint8_t)tos);
                CHECK_EQ(elko_wire_ip_mark(m.data, 1000), (tos & 3) != 0);
                CHECK_EQ(m.data[1], (tos & 3) != 0 ? tos | 3 : tos);
                CHECK_EQ(header_sum(m.data), 0xffff);
        }
        CHECK(elko_wire_ip_mark(v6, 60));
        CHECK_EQ(v6[1], 0x30);
        v6[1] = 0;
        CHECK(!elko_wire_ip_mark(v6, 60));
        v6[40 + 12] = 0x50;
        CHECK(elko_wire_ip_parse(v6, 60, &ip) && ip.pure_ack && ip.version == 6);
        v6[5] = 30;
        CHECK(!elko_wire_ip_parse(v6, 60, &ip)); /* says more than there is */
}

/* ---- chance ---- */

/* Within six standard deviations of n trials with a chance of ppm: once in 10^9 it would not be. */
static bool is_likely(uint64_t count, uint64_t n, uint64_t ppm)
{
        double p = (double)ppm / MILLION;

        return fabs((double)count - (double)n * p) <= 6 * sqrt((double)n * p * (1 - p)) + 1;
}

EK_TEST(loss_is_binomial)
{
        static const uint32_t shares[] = {1000, 7000, 30000, 500000};

        for (size_t k = 0; k < sizeof shares / sizeof shares[0]; k++) {
                struct elko_wire_dir c = {.delay_ns = 1, .loss_ppm = shares[k]};
                struct elko_wire *w = open_wire(&c, 5 + k);

                for (uint32_t i = 0; i < 200000; i++) {
                        put(w, 100, i, 0, i);
                        out.count = 0;
                        drain(w, i, &out);
                }
                CHECK(is_likely(elko_wire_stats_get(w, 0)->lost, 200000, shares[k]));
                elko_wire_destroy(w);
        }
}

/* The mean is that of the single losses; the mean length of a burst is what was asked for. */
EK_TEST(bursts_have_their_mean_and_length)
{
        struct elko_wire_dir c = {.delay_ns = 1, .loss_ppm = 20000, .burst = 5};
        struct elko_wire *w = open_wire(&c, 3);
        uint64_t bursts = 0, lost = 0, before = 0;
        bool in_burst = false;
        double mean;

        for (uint32_t i = 0; i < 400000; i++) {
                bool gone;

                put(w, 100, i, 0, i);
                out.count = 0;
                drain(w, i, &out);
                lost = elko_wire_stats_get(w, 0)->lost;
                gone = lost != before;
                before = lost;
                bursts += gone && !in_burst;
                in_burst = gone;
        }
        mean = (double)lost / (double)bursts;
        CHECK(mean > 4.7 && mean < 5.3);
        CHECK(lost > 7200 && lost < 8800); /* 8000; bursts of 5 widen the deviation threefold */
        elko_wire_destroy(w);
}

EK_TEST(only_pure_acks_are_lost_as_acks)
{
        struct elko_wire_dir c = {.delay_ns = 1, .ack_loss_ppm = 300000};
        struct elko_wire *w = open_wire(&c, 3);
        struct made m;
        const struct elko_wire_stats *s = elko_wire_stats_get(w, 0);

        for (uint32_t i = 0; i < 10000; i++)
                put(w, 40, i, 0, i);
        CHECK(is_likely(s->ack_lost, 10000, 300000));
        for (uint32_t i = 0; i < 1000; i++) {
                uint64_t before = s->ack_lost;

                put(w, 41, i, 0, 20000);
                make(&m, 40, i, 0);
                m.data[33] = 0x12; /* SYN+ACK */
                elko_wire_send(w, 0, &m.frame, 20000);
                CHECK_EQ(s->ack_lost, before);
        }
        elko_wire_destroy(w);
}

EK_TEST(reordered_packets_are_late_by_what_was_asked)
{
        struct elko_wire_dir c = {
                .delay_ns = ELKO_MS(10), .reorder_ppm = 20000, .reorder_ns = ELKO_MS(5)};
        struct elko_wire *w = open_wire(&c, 9);
        const struct elko_wire_stats *s = elko_wire_stats_get(w, 0);
        uint64_t held = 0;

        out.count = 0;
        for (uint32_t i = 0; i < 30000; i++)
                put(w, 1000, i, 0, i * UINT64_C(100000));
        drain(w, ELKO_SEC(60), &out);
        CHECK_EQ(out.count, 30000);
        for (uint32_t i = 0; i < out.count; i++) {
                uint64_t span = out.exit[i].at - out.exit[i].number * UINT64_C(100000);

                CHECK(span == ELKO_MS(10) || span == ELKO_MS(15));
                held += span == ELKO_MS(15);
                CHECK(i == 0 || out.exit[i].at >= out.exit[i - 1].at);
        }
        CHECK_EQ(held, s->reordered);
        CHECK(is_likely(held, 30000, 20000));
        elko_wire_destroy(w);
}

EK_TEST(copies_come_twice)
{
        struct elko_wire_dir c = {.rate_bps = 1000000000, .duplicate_ppm = 50000};
        struct elko_wire *w = open_wire(&c, 9);
        uint64_t twice = 0;

        out.count = 0;
        for (uint32_t i = 0; i < 20000; i++)
                put(w, 1000, i, 0, i * UINT64_C(100000));
        drain(w, ELKO_SEC(60), &out);
        for (uint32_t i = 1; i < out.count; i++)
                twice += out.exit[i].number == out.exit[i - 1].number;
        CHECK_EQ(out.count, 20000 + twice);
        CHECK_EQ(elko_wire_stats_get(w, 0)->duplicated, twice);
        CHECK(is_likely(twice, 20000, 50000));
        elko_wire_destroy(w);
}

/* Numbers of the first packets that do not come out. */
static uint32_t losses(const struct elko_wire_dir *c, uint64_t seed, uint32_t *lost, uint32_t max)
{
        struct elko_wire *w = open_wire(c, seed);
        static bool came[5000];
        uint32_t n = 0;

        memset(came, 0, sizeof came);
        out.count = 0;
        for (uint32_t i = 0; i < 5000; i++)
                put(w, 1000, i, 0, i * UINT64_C(1000000));
        drain(w, ELKO_SEC(60), &out);
        for (uint32_t i = 0; i < out.count; i++)
                came[out.exit[i].number] = true;
        for (uint32_t i = 0; i < 5000 && n < max; i++)
                if (!came[i])
                        lost[n++] = i;
        elko_wire_destroy(w);
        return n;
}

/* A seed loses the same packets whatever else happens; another seed loses others. */
EK_TEST(fate_is_a_function_of_seed_and_number)
{
        struct elko_wire_dir c = {.rate_bps = 100000000, .delay_ns = 5000, .loss_ppm = 30000};
        uint32_t a[1000], b[1000];
        uint32_t n = losses(&c, 42, a, 1000);

        CHECK(n > 80);
        c.reorder_ppm = 100000;
        c.reorder_ns = ELKO_MS(3);
        c.duplicate_ppm = 10000;
        c.delay_ns = ELKO_MS(80);
        CHECK_EQ(losses(&c, 42, b, 1000), n);
        CHECK_MEM_EQ(a, b, n * sizeof a[0]);
        CHECK(losses(&c, 43, b, 1000) > 80);
        CHECK(memcmp(a, b, 80 * sizeof a[0]) != 0);
}

/* ---- the histogram ---- */

EK_TEST(quantiles_are_right_within_a_64th)
{
        static struct elko_hist h;
        static const uint32_t shares[] = {1, 10000, 500000, 950000, 990000, 1000000};

        CHECK_EQ(elko_hist_quantile(&h, 990000), 0);
        for (uint64_t v = 1; v <= 1000000; v++)
                elko_hist_add(&h, v * 37);
        for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
                double wanted = shares[i] * 37.0;

                CHECK(fabs((double)elko_hist_quantile(&h, shares[i]) - wanted) <= wanted / 64 + 1);
        }
        CHECK_EQ(elko_hist_mean(&h), 37 * UINT64_C(1000001) / 2);
        elko_hist_add(&h, UINT64_MAX);
        CHECK(elko_hist_quantile(&h, 1000000) >= UINT64_MAX / 64 * 63);
        CHECK_EQ(h.max, UINT64_MAX);
}

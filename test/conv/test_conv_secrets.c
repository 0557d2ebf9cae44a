/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What an attacker who sees only its own packets must not be able to guess: RFC 6528 (ISNs), RFC
 * 6056 (ports), RFC 7323, 5.4 (timestamps), RFC 6864 (IPv4 identification). RELIABILITY A3-7 to
 * A3-10, A3-16, A10-6.
 */

/* ---- A3-7: initial sequence numbers; RFC 6528, 3: ISN = M + F(tuple, secret) ---- */

/* The ISS that an active open of flow n gets now. */
static uint32_t iss_of(struct conv *c, unsigned n)
{
        uint32_t iss;

        conv_flow(c, n);
        conv_forget(c);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        iss = c->f->iss;
        conv_abort(c);
        conv_none(c);
        return iss;
}

/* One tuple: a clock of 4 us, so that a new incarnation lies beyond the old one (RFC 9293, 3.4.1).
 * [RFC9293 MUST-8; RFC6528 3a] */
CONV_TEST(isn_of_one_tuple_is_a_clock)
{
        uint32_t first, i;

        conv_start(c, NULL);
        first = iss_of(c, 0);
        for (i = 1; i <= 20; i++) {
                conv_advance(c, ELKO_MS(4));
                CONV_EQ(c, (uint32_t)(iss_of(c, 0) - first), i * 1000);
        }
}

/* Neighbouring tuples: the differences tell nothing. [RFC9293 SHLD-1; RFC6528 3b] */
CONV_TEST(isn_of_other_tuples)
{
        uint32_t iss[CONV_FLOWS];

        conv_start(c, NULL);
        for (unsigned i = 0; i < CONV_FLOWS; i++)
                iss[i] = iss_of(c, i);
        for (unsigned i = 0; i < CONV_FLOWS; i++)
                for (unsigned k = 0; k < i; k++)
                        CONV_CHECK(c, iss[i] - iss[k] + 65536 > 131072);
        /* Nor do successive differences repeat. */
        for (unsigned i = 2; i < CONV_FLOWS; i++)
                CONV_CHECK(c, iss[i] - iss[i - 1] - (iss[i - 1] - iss[i - 2]) + 65536 > 131072);
}

static uint8_t seed_byte;

static void other_seed(struct elko_config *cfg)
{
        cfg->seed[ELKO_SEED_BYTES - 1] ^= seed_byte;
}

/* Another secret, by one bit anywhere in its second half: another sequence. [RFC9293 MUST-9; RFC6528 3c] */
CONV_TEST(isn_depends_on_the_seed)
{
        uint32_t iss[9];

        if (c->variant->place)
                return; /* the clock would be moved */
        seed_byte = 0;
        conv_start(c, &((struct conv_options){.config = other_seed}));
        for (unsigned i = 0; i < 9; i++) {
                if (i > 0) {
                        seed_byte = (uint8_t)(1u << (i - 1));
                        conv_again(c);
                }
                iss[i] = iss_of(c, 0);
                for (unsigned k = 0; k < i; k++)
                        CONV_CHECK(c, iss[i] - iss[k] + 65536 > 131072);
        }
        seed_byte = 0;
}

/* Both directions of opening follow the same rule; an ISS that was given up in this very instant is not given
 * again (3.4.1). */
CONV_TEST(isn_of_a_passive_open)
{
        uint32_t active;

        conv_start(c, NULL);
        active = iss_of(c, 0);
        conv_forget(c);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_EQ(c, c->f->iss, active - 1);
}

/* ---- A3-8: ephemeral ports; RFC 6056, 3.3.4 ---- */

enum { PORTS = 300 };

static uint16_t port_towards(struct conv *c, uint8_t host, uint16_t port)
{
        elko_endpoint remote = {.port = port};
        struct elko_tcp_info info;
        elko_sock s;

        remote.ip = c->peer;
        remote.ip.b[15] = host;
        CONV_EQ(c, elko_connect(c->st, &remote, NULL, &s), 0);
        CONV_EQ(c, elko_tcp_info_get(c->st, s, &info), 0);
        CONV_EQ(c, elko_abort(c->st, s), 0); /* before the SYN leaves */
        return info.local.port;
}

/* [RFC6056 3.2b 3.3.4] */
CONV_TEST(ports)
{
        static bool used[65536];

        conv_start(c, NULL);
        memset(used, 0, sizeof(used));
        conv_hold(c, true);
        for (unsigned i = 0; i < PORTS; i++) {
                uint16_t port = port_towards(c, 77, 443);

                CONV_CHECK(c, port >= 49152);
                /* Towards one destination no port comes back soon. */
                CONV_CHECK(c, !used[port]);
                used[port] = true;
        }
        conv_hold(c, false);
}

/* One destination's say nothing of another's. [RFC6056 3.3a] */
CONV_TEST(ports_towards_neighbours)
{
        unsigned near = 0;

        conv_start(c, NULL);
        conv_hold(c, true);
        for (unsigned i = 0; i < PORTS; i++) {
                int a = port_towards(c, 77, (uint16_t)(1000 + i));
                int b = port_towards(c, 77, (uint16_t)(1001 + i));

                near += a - b < 100 && b - a < 100;
        }
        /* 1 in 82 by chance. */
        CONV_CHECK(c, near < PORTS / 10);
        conv_hold(c, false);
}

/* ---- A3-9: identification 0 with DF on every packet (RFC 6864, 4.1), whatever is sent ---- */

/* [RFC9293 MAY-4] */
CONV_TEST(ip_identification)
{
        /* conv.c looks at the field of every packet: it must be 0, and DF set. */
        conv_start_open(c, &((struct conv_options){.v4_only = true}));
        conv_send(c, 5000);
        CONV_CHECK(c, conv_ignore(c) >= 4);
        conv_in(c, ". 100000:100000(0) ack 1");
        CONV_CHECK(c, conv_ignore(c) == 1);
}

/* ---- A10-6: our timestamps run over the end of their circle ---- */

/* [RFC7323 5.4b 5.4c] */
CONV_TEST(own_timestamps_wrap)
{
        uint64_t rtt;

        if (c->variant->place)
                return; /* the clock is where the ISS wants it */
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        c->opt.start_ns = c->started + (uint64_t)(0xfffffff0u - c->f->stack_ts_base) * 1000000;
        conv_again(c);
        conv_open_active(c);
        CONV_EQ(c, c->f->stack_ts_base, 0xfffffff0u);
        for (unsigned i = 0; i < 20; i++) {
                conv_send(c, 10);
                conv_out(c, "P. %u:%u(10) ack 1", 10 * i + 1, 10 * i + 11); /* TSval is checked */
                conv_advance(c, ELKO_MS(2));
                conv_in(c, ". 1:1(0) ack %u", 10 * i + 11);
        }
        rtt = conv_info(c).srtt_ns;
        CONV_CHECK(c, rtt <= ELKO_MS(3));
}

/* A retransmission's round trip is measured by the timestamp (RFC 7323, 4.1), over the wrap as
 * well. */
CONV_TEST(own_timestamps_wrap_in_a_measurement)
{
        uint64_t rtt;

        if (c->variant->place)
                return;
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        c->opt.start_ns =
                c->started + (uint64_t)(0xffffffffu - 205 - c->f->stack_ts_base) * 1000000;
        conv_again(c);
        conv_open_active(c);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_advance(c, ELKO_MS(300));
        CONV_CHECK(c, conv_pending(c) >= 1);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(10));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 11");
        rtt = conv_info(c).srtt_ns;
        CONV_CHECK(c, rtt < ELKO_SEC(1));
}

/* ---- A3-16: what the attacker sees does not depend on the victim's connection ---- */

struct seen {
        struct conv_seg seg[200];
        unsigned n;
};

static void note(struct conv *c, struct seen *seen)
{
        for (unsigned i = 0; i < conv_pending(c); i++) {
                const struct conv_seg *s = conv_peek(c, i);

                if (s->dst_port != CONV_PEER_PORT && seen->n < 200) {
                        seen->seg[seen->n] = *s;
                        seen->seg[seen->n].payload = 0;
                        seen->seg[seen->n].at -= c->started;
                        seen->n++;
                }
        }
        conv_ignore(c);
}

/* Its own connection is flow 1; it spoofs segments of flow 0, the victim, and looks at its own. */
static void attack(struct conv *c, struct seen *seen)
{
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0>");
        note(c, seen);
        c->f->has_iss = true;
        conv_in(c, ". 1:1(0) ack 1");
        note(c, seen);
        for (unsigned i = 0; i < 30; i++) {
                conv_flow(c, 0); /* spoofed */
                conv_in(c, "R %u:%u(0)", 2 + 1000 * i, 2 + 1000 * i);
                note(c, seen);
                conv_in(c, "S %u:%u(0)", 2 + 1000 * i, 2 + 1000 * i);
                note(c, seen);
                conv_in(c, ". %u:%u(0) ack =%u <>", 2 + 1000 * i, 2 + 1000 * i, i * 1000);
                note(c, seen);
                conv_flow(c, 1); /* its own */
                conv_in(c, "R 2:2(0) <>");
                note(c, seen);
                conv_in(c, "P. 10:20(10) ack 1");
                note(c, seen);
                conv_advance(c, ELKO_MS(20));
                note(c, seen);
        }
}

static void no_cookies(struct elko_config *cfg)
{
        cfg->syn_cookies = false;
}

CONV_TEST(non_interference)
{
        static struct seen with, without;

        conv_start(c, &((struct conv_options){.config = no_cookies}));
        with.n = without.n = 0;
        conv_open_passive(c);
        attack(c, &with);
        conv_again(c);
        conv_listen(c);
        attack(c, &without);
        CONV_EQ(c, with.n, without.n);
        CONV_CHECK(c, with.n > 10);
        for (unsigned i = 0; i < with.n; i++)
                CONV_CHECK(c, memcmp(&with.seg[i], &without.seg[i], sizeof(with.seg[i])) == 0);
}

EK_TEST_MAIN();

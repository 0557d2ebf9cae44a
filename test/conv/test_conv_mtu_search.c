/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Packetization layer path MTU discovery, RFC 4821 and RFC 8899: a path that swallows what is too large for it,
 * without a word or with one that nobody should believe (RFC 5927, 7.2). The oracle is a path of its own: a round
 * trip of 100 ms, a largest packet, and a receiver that acknowledges and SACKs what came through.
 */

enum { MOST = 4 << 20, FRAMES = 1024, BLOCKS = 3 };

static const struct conv_options sack = {.no_ts = true};
static const struct conv_options no_sack = {.no_ts = true, .no_sack = true};
static const struct conv_options with_ts = {0};

static void always(struct elko_config *cfg)
{
        cfg->mtu_probing = ELKO_MTU_PROBING_ALWAYS;
}

static void never(struct elko_config *cfg)
{
        cfg->mtu_probing = ELKO_MTU_PROBING_OFF;
}

static void linux_persona(struct elko_config *cfg)
{
        elko_persona_apply(elko_persona_find("linux"), cfg);
}

static const struct conv_options probing = {.no_ts = true, .config = always};
static const struct conv_options trusting = {.no_ts = true, .config = never};
static const struct conv_options as_linux = {.no_ts = true, .config = linux_persona};

struct packet {
        uint32_t seq, len, bytes;
};

static struct path {
        struct packet on[FRAMES];
        unsigned flying;
        unsigned mtu; /* of what comes through */
        bool cut;     /* from the first probe on nothing comes through */
        bool tells;   /* by ICMP */
        unsigned swallowed;
        unsigned probes;   /* packets larger than the connection's segments then */
        unsigned lose_nth; /* this one of the segments is lost, too; 0: none */
        bool lose_behind;  /* the one behind the first that is swallowed, too */
        unsigned sent;     /* segments */
        uint32_t top;      /* received, the highest */
        uint32_t cum;      /* received in order, 1 is the first byte's number */
        unsigned char got[MOST + 2];
} path;

#define begin(c, o, mtu)                                                                           \
        do {                                                                                       \
                conv_start((c), (o));                                                              \
                begin_((c), (o), (mtu));                                                           \
        } while (0)

static void begin_(struct conv *c, const struct conv_options *o, unsigned mtu)
{
        path = (struct path){.mtu = mtu, .cum = 1};
        conv_listen(c);
        if (o->no_sack)
                conv_in(c, "S 0:0(0) win 65535 <mss %u,wscale 7>", c->mss);
        else if (!o->no_ts)
                conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,TS val 100 ecr 0,wscale 7>", c->mss);
        else
                conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,wscale 7>", c->mss);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 win 200");
        conv_accept(c);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, MOST);
}

/* Blocks above `cum`: the one with `newest` first. */
static unsigned blocks(uint32_t newest, uint32_t out[BLOCKS][2])
{
        unsigned n = 0;

        for (uint32_t at = path.cum + 1, from; at <= path.top; at++) {
                if (!path.got[at])
                        continue;
                for (from = at; path.got[at]; at++)
                        ;
                if (newest >= from && newest < at) {
                        out[BLOCKS - 1][0] = out[0][0];
                        out[BLOCKS - 1][1] = out[0][1];
                        out[0][0] = from;
                        out[0][1] = at;
                        n += n == 0 || n < BLOCKS;
                } else if (n < BLOCKS) {
                        out[n][0] = from;
                        out[n][1] = at;
                        n++;
                }
        }
        return n;
}

static void answer(struct conv *c, uint32_t newest)
{
        uint32_t b[BLOCKS][2];
        unsigned n = c->opt.no_sack ? 0 : blocks(newest, b);

        if (n == 0)
                conv_in(c, ". 1:1(0) ack %u win 200", path.cum);
        else if (n == 1)
                conv_in(c, ". 1:1(0) ack %u win 200 <sack %u:%u>", path.cum, b[0][0], b[0][1]);
        else
                conv_in(c, ". 1:1(0) ack %u win 200 <sack %u:%u %u:%u>", path.cum, b[0][0], b[0][1],
                        b[1][0], b[1][1]);
}

static void tell(struct conv *c, unsigned mtu, uint32_t seq, uint32_t len)
{
        conv_in_icmp(c, c->variant->v6 ? 2 : 3, c->variant->v6 ? 0 : 4, mtu, ". %u:%u(%u) ack 1",
                     seq, seq + len, len);
}

/* What has left is under way. */
static void take(struct conv *c)
{
        unsigned n = conv_pending(c), mss = conv_info(c).snd_mss;

        CONV_CHECK(c, path.flying + n <= FRAMES);
        for (unsigned i = 0; i < n && path.flying < FRAMES; i++) {
                const struct conv_seg *s = conv_peek(c, i);

                path.probes += s->len > mss;
                if (path.cut && s->len > mss)
                        path.mtu = 0;
                path.on[path.flying++] = (struct packet){s->seq - c->f->iss, s->len, s->packet_len};
        }
        conv_ignore(c);
}

static void arrive(struct conv *c, const struct packet *p)
{
        path.sent++;
        if (p->bytes > path.mtu) {
                path.swallowed++;
                if (path.lose_behind && path.swallowed == 1)
                        path.lose_nth = path.sent + 1;
                if (path.tells)
                        tell(c, path.mtu, p->seq, p->len);
                return;
        }
        if (path.sent == path.lose_nth)
                return;
        for (uint32_t k = 0; k < p->len; k++)
                path.got[p->seq + k] = 1;
        if (p->seq + p->len > path.top)
                path.top = p->seq + p->len;
        while (path.got[path.cum])
                path.cum++;
        answer(c, p->seq);
}

/* The same between round trips. */
static void tell_now(struct conv *c, unsigned mtu, uint32_t seq, uint32_t len)
{
        take(c);
        tell(c, mtu, seq, len);
        take(c);
}

/* A round trip passes; what was under way has arrived, and is answered. */
static void round_trip(struct conv *c)
{
        unsigned n;

        take(c);
        n = path.flying;
        conv_advance(c, ELKO_MS(100));
        take(c);
        conv_hold(c, true);
        for (unsigned i = 0; i < n; i++)
                arrive(c, &path.on[i]);
        path.flying -= n;
        memmove(path.on, path.on + n, path.flying * sizeof(path.on[0]));
        conv_hold(c, false);
}

static void until_all_arrived(struct conv *c, uint32_t bytes, unsigned rounds)
{
        for (unsigned i = 0; i < rounds && path.cum < bytes + 1; i++)
                round_trip(c);
        CONV_EQ(c, path.cum, bytes + 1);
}

/* Two time-outs, and what fits arrives: within three times the first RTO. */
static void black_hole(struct conv *c, const struct conv_options *o)
{
        uint64_t from, rto;
        unsigned m;

        begin(c, o, 1200);
        if (c->variant->v6)
                path.mtu = 1280;
        m = conv_info(c).snd_mss;
        rto = conv_info(c).rto_ns;
        conv_send(c, 100 * m);
        from = c->now;
        while (path.cum == 1 && c->now < from + ELKO_SEC(60))
                round_trip(c);
        CONV_CHECK(c, path.cum > 1);
        /* The loss probe comes first, and the timer begins anew with it (RFC 8985, 7.3). */
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 2);
        CONV_CHECK(c, c->now <= from + 3 * rto + (o->no_sack ? 2u : 5u) * ELKO_MS(100));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_mtu_black_holes, 1);
        CONV_CHECK(c, conv_info(c).pmtu <= path.mtu);
        until_all_arrived(c, 100 * m, 200);
}

/* [RFC4821 7.7a; RFC8899 4.3] */
CONV_TEST(a_black_hole_is_left_within_three_rto)
{
        black_hole(c, &sack);
}

CONV_TEST(a_black_hole_is_left_without_sack)
{
        black_hole(c, &no_sack);
}

CONV_TEST(a_black_hole_is_left_with_timestamps)
{
        black_hole(c, &with_ts);
}

/* A second step, for paths below the base. [RFC4821 7.7b] */
CONV_TEST(a_small_black_hole)
{
        static const struct conv_options v4 = {.no_ts = true, .v4_only = true};

        begin(c, &v4, 576);
        conv_send(c, 20000);
        until_all_arrived(c, 20000, 200);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_mtu_black_holes, 2);
        CONV_EQ(c, conv_info(c).pmtu, 552);
}

/* What would have fitted into smaller segments was not lost for its size; nor does one time-out show anything. */
CONV_TEST(losses_that_are_no_black_hole)
{
        unsigned m;

        begin(c, &sack, 9000);
        m = conv_info(c).snd_mss;
        conv_send(c, 500);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(20));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_mss, m);
        conv_in(c, ". 1:1(0) ack 501 win 200");
        conv_send(c, m);
        conv_ignore(c);
        conv_advance(c, conv_info(c).rto_ns + ELKO_MS(1));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_mss, m);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_mtu_black_holes, 0);
}

/* Where nobody asked for it, nothing of the kind happens. */
CONV_TEST(without_probing)
{
        unsigned m;

        begin(c, &trusting, 1400);
        m = conv_info(c).snd_mss;
        conv_send(c, 20 * m);
        for (unsigned i = 0; i < 100; i++)
                round_trip(c);
        CONV_EQ(c, path.cum, 1);
        CONV_EQ(c, conv_info(c).snd_mss, m);
        conv_ignore(c);
}

/* The search: whatever the path takes is found, to eight bytes, and nothing is lost by it. [RFC4821 7.3a 7.6.1; RFC8899 5.3.2] */
CONV_TEST(what_the_path_takes_is_found)
{
        static const unsigned mtus[] = {1290, 1400, 1420, 1492, 1499, 1500};

        begin(c, &sack, mtus[ek_test_below(6)]);
        conv_send(c, MOST);
        until_all_arrived(c, MOST, 2000);
        CONV_CHECK(c, conv_info(c).pmtu <= path.mtu);
        CONV_CHECK(c, conv_info(c).pmtu + 8 > path.mtu);
        CONV_CHECK(c, path.probes <= 9);
}

/* With ALWAYS a connection begins below. [RFC4821 7.2b; RFC8899 5.1.2 3-7c] */
CONV_TEST(a_search_from_the_beginning)
{
        uint64_t acked;
        uint32_t cwnd;

        begin(c, &probing, 1400);
        CONV_EQ(c, conv_info(c).snd_mss, c->variant->v6 ? 1220 : 1024);
        conv_send(c, MOST);
        for (unsigned i = 0; i < 2000 && path.cum < MOST + 1; i++) {
                acked = conv_info(c).bytes_acked;
                cwnd = conv_info(c).snd_cwnd;
                round_trip(c);
                /* Larger segments make no larger window. */
                CONV_CHECK(c, conv_info(c).snd_cwnd <=
                                      cwnd + (uint32_t)(conv_info(c).bytes_acked - acked));
        }
        CONV_EQ(c, path.cum, MOST + 1);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_mtu_black_holes, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 0);
        CONV_CHECK(c, conv_info(c).pmtu <= 1400 && conv_info(c).pmtu + 8 > 1400);
}

/* A probe that is lost alone says something of its size, not of congestion: cwnd is not reduced, and its data goes
 * again in segments that fit. [RFC4821 7.6.2a 7.6.2b; RFC8899 3-7a] */
CONV_TEST(a_lost_probe_is_no_congestion)
{
        unsigned cwnd = 0, now;

        begin(c, &probing, 1100);
        path.mtu = c->variant->v6 ? 1280 : 1100;
        conv_send(c, MOST);
        for (unsigned i = 0; i < 150; i++) {
                round_trip(c);
                now = conv_info(c).snd_cwnd;
                CONV_CHECK(c, now >= cwnd);
                CONV_CHECK(c, conv_info(c).ca_state <= ELKO_CA_DISORDER);
                cwnd = now;
        }
        CONV_CHECK(c, path.swallowed >= 2);
        CONV_CHECK(c, path.swallowed <= path.probes);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 0);
        conv_ignore(c);
}

/* They are rare: after one that was lost there is none for as many round trips as the window has segments. [RFC4821
 * 7.6.2c; RFC8899 3-7b] */
CONV_TEST(probes_are_far_apart)
{
        uint64_t lost_at = 0;
        unsigned probes, swallowed, segs = 0;

        begin(c, &probing, c->variant->v6 ? 1280 : 1100);
        conv_send(c, MOST);
        for (unsigned i = 0; i < 300; i++) {
                probes = path.probes;
                swallowed = path.swallowed;
                round_trip(c);
                CONV_CHECK(c, path.probes <= probes + 1);
                if (path.probes > probes)
                        CONV_CHECK(c, lost_at == 0 || c->now >= lost_at + segs * ELKO_MS(100));
                if (path.swallowed > swallowed) {
                        lost_at = c->now;
                        segs = conv_info(c).snd_cwnd / conv_info(c).snd_mss;
                }
        }
        CONV_CHECK(c, path.swallowed >= 2);
        conv_ignore(c);
}

/* Five times as many, when the timer had to find out. [RFC4821 7.6.3] */
CONV_TEST(a_probe_in_a_time_out)
{
        unsigned probes, segs;
        uint64_t from;

        begin(c, &probing, 1500);
        conv_send(c, MOST);
        path.cut = true;
        while (path.probes == 0)
                round_trip(c);
        path.cut = false;
        probes = path.probes;
        while (elko_counters_get(c->st)->tcp_rto == 0)
                round_trip(c);
        path.mtu = 1500;
        from = c->now;
        segs = conv_info(c).snd_ssthresh / conv_info(c).snd_mss;
        while (path.probes == probes && path.cum < MOST + 1)
                round_trip(c);
        CONV_CHECK(c, c->now >= from + 5 * (segs - 1) * ELKO_MS(100));
        conv_ignore(c);
}

/* Nor do they go where their loss would not show: behind them must be more. [RFC4821 7.4] */
CONV_TEST(no_probe_without_data_behind_it)
{
        unsigned m;

        begin(c, &probing, 1500);
        m = conv_info(c).snd_mss;
        for (unsigned i = 0; i < 50; i++) {
                conv_send(c, 4 * m);
                round_trip(c);
                round_trip(c);
        }
        CONV_EQ(c, path.probes, 0);
}

/* The peer's MSS is the end of the search. [RFC4821 7.2a] */
CONV_TEST(no_probe_beyond_the_peers_mss)
{
        uint16_t mss = c->variant->v6 ? 1300 : 1200;

        path = (struct path){.mtu = 1500, .cum = 1};
        conv_start(c, &probing);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,wscale 7>", mss);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 win 200");
        conv_accept(c);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, MOST);
        conv_send(c, MOST / 4);
        until_all_arrived(c, MOST / 4, 500);
        CONV_CHECK(c, path.probes > 0);
        CONV_EQ(c, conv_info(c).snd_mss, mss);
}

/* A loss beside the probe's is a loss. [RFC4821 7.6.4] */
CONV_TEST(a_probe_does_not_hide_a_loss)
{
        begin(c, &probing, 1100);
        path.mtu = c->variant->v6 ? 1280 : 1100;
        conv_send(c, MOST);
        while (path.probes == 0)
                round_trip(c);
        path.lose_nth = path.sent + 5;
        for (unsigned i = 0; i < 20; i++)
                round_trip(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 1);
        conv_ignore(c);
}

/* Nor does one that is found together with it. [RFC4821 7.6.4] */
CONV_TEST(a_probe_does_not_hide_the_loss_behind_it)
{
        begin(c, &probing, 1100);
        path.mtu = c->variant->v6 ? 1280 : 1100;
        path.lose_behind = true;
        conv_send(c, MOST);
        while (path.swallowed == 0)
                round_trip(c);
        for (unsigned i = 0; i < 3; i++)
                round_trip(c);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fast_retrans, 1);
        conv_ignore(c);
}

/* ---- ICMP ---- */

/* RFC 5927, 7.2: what has arrived may be as large as it was, whoever says otherwise. [RFC8899 4.6.1] */
CONV_TEST(a3_12_a_size_that_arrived_stays)
{
        unsigned m;

        begin(c, &sack, 1500);
        m = conv_info(c).snd_mss;
        conv_send(c, MOST);
        for (unsigned i = 0; i < 10; i++)
                round_trip(c);
        for (unsigned i = 0; i < 50; i++) {
                tell_now(c, 1280 + i, path.cum, m);
                CONV_EQ(c, conv_info(c).snd_mss, m);
                round_trip(c);
        }
        CONV_EQ(c, conv_info(c).snd_mss, m);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_retrans_segs, 0);
        conv_ignore(c);
}

/* And once what was quoted has arrived, no time-out confirms it any more. [RFC8899 4.6.1] */
CONV_TEST(a3_12_a_claim_that_was_wrong_is_forgotten)
{
        unsigned mtu;

        begin(c, &sack, 1500);
        conv_send(c, MOST);
        for (unsigned i = 0; i < 10; i++)
                round_trip(c);
        mtu = conv_info(c).pmtu;
        tell_now(c, 1290, path.cum, conv_info(c).snd_mss);
        for (unsigned i = 0; i < 3; i++)
                round_trip(c);
        path.mtu = 0;
        while (elko_counters_get(c->st)->tcp_rto == 0)
                round_trip(c);
        CONV_EQ(c, conv_info(c).pmtu, mtu);
        path.mtu = 1500;
        for (unsigned i = 0; i < 10; i++)
                round_trip(c);
        CONV_EQ(c, conv_info(c).pmtu, mtu);
        conv_ignore(c);
}

/* A path that became smaller: one time-out, and it is believed. */
CONV_TEST(a_path_that_became_smaller)
{
        uint64_t from, rto;

        begin(c, &sack, 1500);
        path.tells = true;
        conv_send(c, MOST);
        for (unsigned i = 0; i < 5; i++)
                round_trip(c);
        path.mtu = 1300;
        rto = conv_info(c).rto_ns;
        from = c->now;
        while (conv_info(c).pmtu != 1300 && c->now < from + ELKO_SEC(20))
                round_trip(c);
        CONV_EQ(c, conv_info(c).pmtu, 1300);
        CONV_CHECK(c, c->now <= from + rto + ELKO_MS(300));
        until_all_arrived(c, MOST, 2000);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 1);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_mtu_black_holes, 0);
}

/* A new connection believes at once, and tries it once: a router's value stays, a forged one does not. */
static void told_at_first(struct conv *c, unsigned mtu)
{
        unsigned m;

        begin(c, &sack, mtu);
        path.tells = true;
        m = conv_info(c).snd_mss;
        conv_send(c, MOST);
        tell_now(c, 1300, 1, m);
        CONV_EQ(c, conv_info(c).pmtu, 1300);
        until_all_arrived(c, MOST, 2000);
        CONV_EQ(c, conv_info(c).pmtu, mtu);
        CONV_CHECK(c, path.probes >= 1 && path.probes <= 3);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 0);
}

CONV_TEST(a3_12_a_forged_value_does_not_last)
{
        told_at_first(c, 1500);
}

CONV_TEST(a_true_value_stays)
{
        told_at_first(c, 1300);
}

/* Linux believes at once what is in flight, and probes only where the sysctl says so. */
CONV_TEST(the_linux_persona_believes)
{
        unsigned m;

        begin(c, &as_linux, 1500);
        m = conv_info(c).snd_mss;
        conv_send(c, 100 * m);
        round_trip(c);
        tell_now(c, 1300, path.cum, m);
        CONV_EQ(c, conv_info(c).pmtu, 1300);
        until_all_arrived(c, 100 * m, 100);
        CONV_EQ(c, path.probes, 0);
}

/* After ten minutes there may be another path: larger sizes are probed again, not just used. [RFC4821 7.3b; RFC8899 5.1.1] */
CONV_TEST(searched_again_after_ten_minutes)
{
        begin(c, &probing, 1300);
        conv_send(c, MOST / 2);
        until_all_arrived(c, MOST / 2, 1000);
        CONV_CHECK(c, conv_info(c).pmtu <= 1300);
        conv_advance(c, ELKO_SEC(601));
        path.mtu = 1500;
        conv_send(c, MOST / 2);
        until_all_arrived(c, MOST, 1000);
        CONV_EQ(c, conv_info(c).pmtu, 1500);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_rto, 0);
}

EK_TEST_MAIN();

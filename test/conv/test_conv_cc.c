/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Congestion control as the engine drives it: which algorithm a connection has, and when; what CUBIC makes of a
 * loss; pacing on the wire and at the deadlines; an algorithm of the user's own. What the algorithms compute
 * is in test/unit/test_tcp_cubic.c and its neighbours.
 */

static void usual(struct elko_config *cfg)
{
        struct elko_config fresh;

        elko_config_default(&fresh);
        cfg->congestion = fresh.congestion;
}

static void paced(struct elko_config *cfg)
{
        usual(cfg);
        cfg->pacing = true;
}

static const struct conv_options cubic = {.no_sack = true, .no_ts = true, .config = usual};
static const struct conv_options spaced = {.no_sack = true, .no_ts = true, .config = paced};

static void out(struct conv *c, unsigned i)
{
        unsigned m = c->mss;

        conv_out(c, ". %u:%u(%u) ack 1", 1 + i * m, 1 + (i + 1) * m, m);
}

/* What nobody chose is CUBIC, and a loss leaves 0.7 of the flight. [RFC9438 4.6a] */
CONV_TEST(cubic_is_the_default)
{
        conv_start(c, &cubic);
        conv_open_passive(c);
        CONV_CHECK(c, strcmp(conv_info(c).congestion, "cubic") == 0);
        conv_send(c, 100 * c->mss);
        for (unsigned i = 0; i < 10; i++)
                out(c, i);
        conv_none(c);
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, ". 1:1(0) ack 1");
                conv_ignore(c);
        }
        CONV_EQ(c, conv_info(c).snd_ssthresh, 7 * c->mss);
        conv_abort(c);
        conv_ignore(c);
}

/* Rounds of ACKs for one segment each, one after the other, or as many at once as a link that is read in batches brings;
 * cwnd after them. */
static void after_rounds(struct conv *c, bool at_once, unsigned rounds, bool avoidance,
                         uint32_t *cwnd)
{
        unsigned acked = 0, left = 10, m;

        conv_start(c, &cubic);
        conv_open_passive(c);
        m = c->mss;
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, 4000 * m);
        conv_send(c, 2000 * m);
        left = conv_ignore(c);
        for (unsigned i = 0; avoidance && i < 3; i++) {
                conv_in(c, ". 1:1(0) ack 1");
                conv_ignore(c);
        }
        if (avoidance) {
                acked = 10 + 2; /* with what limited transmit sent */
                conv_in(c, ". 1:1(0) ack %u", 1 + acked * m);
                left = conv_ignore(c);
        }
        for (unsigned i = 0; i < rounds; i++) {
                unsigned n = left;

                left = 0;
                conv_advance(c, ELKO_MS(20));
                left += conv_ignore(c);
                conv_hold(c, at_once);
                for (unsigned k = 0; k < n; k++) {
                        conv_in(c, ". 1:1(0) ack %u", 1 + ++acked * m);
                        left += conv_ignore(c);
                }
                conv_hold(c, false);
                left += conv_ignore(c);
        }
        *cwnd = conv_info(c).snd_cwnd / m;
}

CONV_TEST(acks_in_batches_open_the_window_as_well)
{
        uint32_t one = 0, batch = 0;

        after_rounds(c, false, 2, false, &one);
        conv_again(c);
        after_rounds(c, true, 2, false, &batch);
        CONV_EQ(c, one, 40);
        CONV_EQ(c, batch, 40);
}

CONV_TEST(acks_in_batches_open_the_window_as_well_in_avoidance)
{
        uint32_t one = 0, batch = 0;

        after_rounds(c, false, 40, true, &one);
        conv_again(c);
        after_rounds(c, true, 40, true, &batch);
        CONV_CHECK(c, one > 14);
        CONV_CHECK(c, batch >= one - 1 && batch <= one + 1);
}

/* By name: what is there, Linux's word for it, and what is not. */
CONV_TEST(by_name)
{
        static const char *const names[] = {"cubic", "newreno", "bbr", "dctcp", "prague"};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const struct elko_cc_ops *ops = elko_cc_find(names[i]);

                CONV_CHECK(c, ops != NULL && strcmp(ops->name, names[i]) == 0);
        }
        CONV_CHECK(c, elko_cc_find("reno") == &elko_cc_newreno);
        CONV_CHECK(c, elko_cc_find("vegas") == NULL && elko_cc_find("") == NULL);
        CONV_CHECK(c, elko_cc_find(NULL) == NULL && elko_cc_find("cubi") == NULL);
}

/* While data is under way, each after the other; everything arrives, and ssthresh stays. */
CONV_TEST(another_algorithm_at_run_time)
{
        unsigned acked = 0;

        conv_start(c, &cubic);
        conv_open_passive(c);
        conv_send(c, 400 * c->mss);
        conv_ignore(c);
        for (unsigned n = 0; elko_cc_list[n] != NULL; n++) {
                CONV_EQ(c, elko_set_congestion(c->st, c->f->sock, elko_cc_list[n]), 0);
                CONV_CHECK(c, conv_info(c).congestion == elko_cc_list[n]->name);
                CONV_CHECK(c, conv_info(c).snd_cwnd >= c->mss);
                for (unsigned i = 0; i < 20; i++) {
                        unsigned flight;

                        conv_advance(c, ELKO_MS(20));
                        conv_ignore(c);
                        flight = conv_info(c).flight / c->mss;
                        if (flight == 0)
                                break;
                        acked += flight;
                        conv_in(c, ". 1:1(0) ack %u", 1 + acked * c->mss);
                        conv_ignore(c);
                }
        }
        CONV_CHECK(c, acked >= 200);
        CONV_EQ(c, elko_set_congestion(c->st, c->f->sock, NULL), ELKO_EINVAL);
        conv_abort(c);
        conv_ignore(c);
}

/* draft-ietf-ccwg-bbr in STATUS: the state, the gains as in Linux's struct tcp_bbr_info. */
CONV_TEST(bbr_shows_itself)
{
        conv_start(c, &cubic);
        conv_open_passive(c);
        CONV_EQ(c, conv_info(c).cc.kind, ELKO_CC_INFO_NONE);
        CONV_EQ(c, elko_set_congestion(c->st, c->f->sock, &elko_cc_bbr), 0);
        CONV_EQ(c, conv_info(c).cc.kind, ELKO_CC_INFO_BBR);
        CONV_CHECK(c, strcmp(conv_info(c).cc.state, "STARTUP") == 0);
        CONV_EQ(c, conv_info(c).cc.pacing_gain_256, 277 * 256 / 100);
        CONV_EQ(c, conv_info(c).cc.cwnd_gain_256, 512);
        CONV_CHECK(c, conv_info(c).pacing_rate > 0);
}

/* 100 ms of round trip, ten segments of window: slow start is paced at twice that, a segment in 5 ms, and two go
 * together. The deadline says when. */
CONV_TEST(paced_slow_start)
{
        unsigned m, gone = 0;

        conv_start(c, &spaced);
        m = c->mss;
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 <mss %u>", m);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 win 65535");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).pacing_rate / 1000, 2ull * 10 * m * 10 / 1000);
        conv_send(c, 10 * m);
        for (unsigned ms = 0; ms <= 50; ms++) {
                gone += conv_ignore(c);
                /* never more than the rate and two quanta of two segments, never a quantum less */
                CONV_CHECK(c, gone <= ms / 5 + 4);
                CONV_CHECK(c, gone + 2 >= ms / 5 || gone == 10);
                CONV_CHECK(c, gone == 10 || elko_next_deadline(c->st) <= c->now + ELKO_MS(10));
                if (gone < 10 && ms > 0)
                        CONV_EQ(c, conv_info(c).limited_by, ELKO_LIMITED_PACING);
                conv_advance(c, ELKO_MS(1));
        }
        CONV_EQ(c, gone, 10);
        conv_abort(c);
        conv_ignore(c);
}

/* A limit given at run time: 100 segments a second, whatever cwnd says; and none again. */
CONV_TEST(max_pacing_rate)
{
        unsigned gone;

        conv_start(c, &cubic);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_MAX_PACING_RATE, 100 * c->mss);
        CONV_EQ(c, conv_info(c).max_pacing_rate, 100 * c->mss);
        CONV_EQ(c, conv_info(c).pacing_rate, 100 * c->mss);
        conv_send(c, 10 * c->mss);
        gone = conv_ignore(c);
        CONV_CHECK(c, gone >= 1 && gone <= 4);
        conv_advance(c, ELKO_MS(40));
        gone += conv_ignore(c);
        CONV_CHECK(c, gone >= 4 && gone <= 8);
        conv_set(c, ELKO_OPTION_MAX_PACING_RATE, 0);
        gone += conv_ignore(c);
        CONV_EQ(c, gone, 10);
        CONV_EQ(c, conv_info(c).pacing_rate, 0);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * c->mss);
        conv_quiet(c, ELKO_SEC(10));
}

/* What is lost goes again whatever the pacer says: a byte a second is no reason to stand still. */
CONV_TEST(a_timeout_is_not_paced)
{
        unsigned m;

        conv_start(c, &cubic);
        m = c->mss;
        conv_open_passive(c);
        conv_send(c, m);
        conv_ignore(c);
        conv_set(c, ELKO_OPTION_MAX_PACING_RATE, 1);
        conv_advance(c, ELKO_SEC(2));
        CONV_CHECK(c, conv_info(c).total_rto >= 2);
        CONV_CHECK(c, conv_ignore(c) >= 2);
        conv_in(c, ". 1:1(0) ack %u", 1 + m);
        conv_ignore(c);
}

/* ---- the user's own ---- */

static void fixed_init(void *priv, struct elko_cc_out *cc, const struct elko_cc_init *ev)
{
        uint64_t *calls = priv;

        *calls = 1;
        cc->cwnd_bytes = 3 * ev->mss;
        cc->ssthresh_bytes = UINT32_MAX;
}

static void fixed_on_ack(void *priv, struct elko_cc_out *cc, const struct elko_cc_ack *ev)
{
        uint64_t *calls = priv;

        (*calls)++;
        cc->cwnd_bytes = 3 * ev->mss;
}

static void fixed_on_congestion(void *priv, struct elko_cc_out *cc, const struct elko_cc_event *ev)
{
        (void)priv;
        cc->cwnd_bytes = ev->mss;
}

static const struct elko_cc_ops fixed = {
        .name = "fixed",
        .private_bytes = sizeof(uint64_t),
        .init = fixed_init,
        .on_ack = fixed_on_ack,
        .on_congestion = fixed_on_congestion,
};

/* By pointer, before the connection is open: on the listener. */
CONV_TEST(a_pointer_on_the_listener)
{
        conv_start(c, &cubic);
        conv_listen(c);
        CONV_EQ(c, elko_set_congestion(c->st, c->listener, &fixed), 0);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 <mss %u>", c->mss);
        conv_in(c, ". 1:1(0) ack 1 win 65535");
        conv_accept(c);
        CONV_CHECK(c, strcmp(conv_info(c).congestion, "fixed") == 0);
        conv_send(c, 6 * c->mss);
        CONV_EQ(c, conv_ignore(c), 3);
        conv_in(c, ". 1:1(0) ack %u", 1 + 3 * c->mss);
        CONV_EQ(c, conv_ignore(c), 3);
        conv_in(c, ". 1:1(0) ack %u", 1 + 6 * c->mss);
        conv_quiet(c, ELKO_SEC(1));
}

static void own_init(void *priv, struct elko_cc_out *cc, const struct elko_cc_init *ev)
{
        (void)priv;
        cc->cwnd_bytes = 10 * ev->mss;
        cc->ssthresh_bytes = UINT32_MAX;
}

static void own_on_ack(void *priv, struct elko_cc_out *cc, const struct elko_cc_ack *ev)
{
        (void)priv;
        (void)cc;
        (void)ev;
}

static void own_on_congestion(void *priv, struct elko_cc_out *cc, const struct elko_cc_event *ev)
{
        (void)priv;
        (void)cc;
        (void)ev;
}

static const struct elko_cc_ops own = {
        .name = "own",
        .init = own_init,
        .on_ack = own_on_ack,
        .on_congestion = own_on_congestion,
        .owns_recovery = true,
};

static void validated(struct elko_config *cfg)
{
        cfg->congestion = &own;
        cfg->cwnd_validation = true;
}

static const struct conv_options of_its_own = {.no_sack = true, .no_ts = true, .config = validated};

/* RFC 7661 is about the window of RFC 5681. Who owns recovery has a model of the path instead, and sets cwnd by it
 * whether it is used or not (simulator, seed 1013922 with BBR). */
CONV_TEST(a_window_by_a_model_is_not_validated)
{
        unsigned m;

        conv_start(c, &of_its_own);
        conv_open_passive(c);
        m = c->mss;
        for (unsigned i = 0; i < 20; i++) { /* a tenth of the window is used */
                conv_send(c, m);
                conv_out(c, "P. %u:%u(%u) ack 1", 1 + i * m, 1 + (i + 1) * m, m);
                conv_advance(c, ELKO_MS(100));
                conv_in(c, ". 1:1(0) ack %u", 1 + (i + 1) * m);
        }
        CONV_EQ(c, conv_info(c).pacing_rate, 0);
        conv_send(c, 4 * m);
        for (unsigned i = 20; i < 24; i++)
                conv_out(c, "%s. %u:%u(%u) ack 1", i == 23 ? "P" : "", 1 + i * m, 1 + (i + 1) * m,
                         m);
        for (unsigned i = 0; i < 3; i++)
                conv_in(c, ". 1:1(0) ack %u", 1 + 20 * m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 20 * m, 1 + 21 * m, m);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack %u", 1 + 24 * m);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * m);
        CONV_EQ(c, conv_info(c).snd_ssthresh, UINT32_MAX);
        conv_advance(c, ELKO_SEC(2)); /* the active part is given back, and made anew */
        conv_send(c, m);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 25 * m);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * m);
        CONV_EQ(c, conv_info(c).snd_ssthresh, UINT32_MAX);
}

static void kept(struct elko_config *cfg)
{
        cfg->congestion = &elko_cc_newreno;
        cfg->cwnd_validation = true;
}

static const struct conv_options keeping = {.no_sack = true, .no_ts = true, .config = kept};

/* RFC 7661, 4.4.3: five minutes in which less than half of it is used, and cwnd is halved, once; ssthresh is three
 * quarters of it at least. */
CONV_TEST(half_of_what_was_not_used_for_five_minutes)
{
        unsigned m, sent, acked = 0, cwnd;

        conv_start(c, &keeping);
        conv_open_passive(c);
        m = c->mss;
        conv_send(c, 40 * m);
        sent = conv_ignore(c);
        while (acked < 40) { /* slow start */
                unsigned round = sent;

                conv_advance(c, ELKO_MS(100));
                sent += conv_ignore(c); /* paced */
                while (acked < round) {
                        conv_in(c, ". 1:1(0) ack %u", 1 + ++acked * m);
                        sent += conv_ignore(c);
                }
        }
        cwnd = conv_info(c).snd_cwnd;
        CONV_CHECK(c, cwnd > 20 * m);
        for (unsigned i = 0; i < 2 * 299; i++) {
                conv_send(c, 1);
                CONV_EQ(c, conv_ignore(c), 1);
                conv_advance(c, ELKO_MS(100));
                conv_in(c, ". 1:1(0) ack %u", 1 + 40 * m + i + 1);
                conv_advance(c, ELKO_MS(400));
        }
        CONV_EQ(c, conv_info(c).snd_cwnd, cwnd);
        for (unsigned i = 2 * 299; i < 2 * 310; i++) {
                conv_send(c, 1);
                CONV_EQ(c, conv_ignore(c), 1);
                conv_advance(c, ELKO_MS(100));
                conv_in(c, ". 1:1(0) ack %u", 1 + 40 * m + i + 1);
                conv_advance(c, ELKO_MS(400));
        }
        CONV_EQ(c, conv_info(c).snd_cwnd, cwnd / 2);
        CONV_CHECK(c, conv_info(c).snd_ssthresh >= cwnd / 4 * 3);
}

/* The limit may be set while the connection is silent and has no active part; it holds from the next byte on. */
CONV_TEST(a_limit_for_a_silent_connection)
{
        unsigned m;

        conv_start(c, &cubic);
        conv_open_passive(c);
        m = c->mss;
        conv_advance(c, ELKO_SEC(10));
        conv_set(c, ELKO_OPTION_MAX_PACING_RATE, 20 * m);
        CONV_EQ(c, conv_info(c).max_pacing_rate, 20 * m);
        conv_send(c, 6 * m);
        CONV_EQ(c, conv_ignore(c), 2); /* a quantum */
        conv_quiet(c, ELKO_MS(98)); /* what would leave within the tick leaves at its beginning */
        conv_advance(c, ELKO_MS(2));
        CONV_EQ(c, conv_ignore(c), 2);
        conv_in(c, ". 1:1(0) ack %u", 1 + 4 * m);
        conv_quiet(c, ELKO_MS(98)); /* what would leave within the tick leaves at its beginning */
        conv_advance(c, ELKO_MS(2));
        CONV_EQ(c, conv_ignore(c), 2);
        conv_in(c, ". 1:1(0) ack %u", 1 + 6 * m);
}

EK_TEST_MAIN();

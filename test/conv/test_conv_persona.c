/* SPDX-License-Identifier: MIT */
/*
 * The options by which personas differ (persona.h): PSH on bursts, ACKs in a dialogue, unreachables while opening;
 * and shutting the reading side.
 */
#include "conv.h"

static void bursts(struct elko_config *cfg)
{
        cfg->push_bursts = true;
}

static void whole_bursts(struct elko_config *cfg)
{
        cfg->push_bursts = true;
        cfg->push_min_segs = 1;
}

/* PSH on the last of several segments that leave at once, not on one alone. */
CONV_TEST(push_bursts)
{
        const struct conv_options options = {
                .no_ts = true, .no_sack = true, .config = whole_bursts};
        unsigned m;

        conv_start_open(c, &options);
        m = c->mss;
        conv_send(c, 12 * m);
        for (unsigned i = 0; i < 9; i++)
                conv_out(c, ". %u:%u(%u) ack 1", 1 + i * m, 1 + (i + 1) * m, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 9 * m, 1 + 10 * m, m);
        conv_in(c, ". 1:1(0) ack 1"); /* limited transmit: one alone */
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 10 * m, 1 + 11 * m, m);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 11 * m, 1 + 12 * m, m);
}

/* Parts of a burst, as a device would get them at once: half of cwnd on a path without delay, two segments on one of
 * 100 ms. What goes again has no PSH of this kind. */
CONV_TEST(push_shares)
{
        const struct conv_options options = {.no_ts = true, .no_sack = true, .config = bursts};
        unsigned m;

        conv_start_open(c, &options);
        m = c->mss;
        conv_send(c, 20 * m);
        for (unsigned i = 0; i < 10; i++)
                conv_out(c, "%s %u:%u(%u) ack 1", i % 5 == 4 ? "P." : ".", 1 + i * m,
                         1 + (i + 1) * m, m);
        conv_in(c, ". 1:1(0) ack %u", 1 + 10 * m);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 20 * m);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 20 * m);
        for (unsigned i = 0; i < 10; i++)
                conv_out(c, "%s %u:%u(%u) ack 1", i % 2 == 1 ? "P." : ".", 1 + i * m,
                         1 + (i + 1) * m, m);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack %u", 1 + 4 * m);
        for (unsigned i = 10; i < 18; i++)
                conv_out(c, "%s %u:%u(%u) ack 1", i % 2 == 1 ? "P." : ".", 1 + i * m,
                         1 + (i + 1) * m, m);
        conv_ignore(c);
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, ". 1:1(0) ack %u", 1 + 4 * m);
                conv_ignore(c);
        }
        conv_advance(c, ELKO_SEC(1));
        CONV_CHECK(c, conv_ignore(c) > 0);
        conv_in(c, ". 1:1(0) ack %u", 1 + 5 * m);
        for (unsigned i = 0; i < conv_pending(c); i++)
                if (conv_peek(c, i)->seq - c->f->iss < 1 + 18 * m)
                        CONV_EQ(c, conv_peek(c, i)->flags & ELKO_PSH, 0);
        conv_ignore(c);
}

/* The window ends a burst as cwnd does. */
CONV_TEST(push_bursts_at_the_window)
{
        const struct conv_options options = {
                .no_ts = true, .no_wscale = true, .config = whole_bursts};
        unsigned m;

        conv_start_open(c, &options);
        m = c->mss;
        conv_in(c, ". 1:2(1) ack 1 win %u", 3 * m);
        conv_out(c, ". 1:1(0) ack 2");
        conv_send(c, 5 * m);
        conv_out(c, ". 1:%u(%u) ack 2", 1 + m, m);
        conv_out(c, ". %u:%u(%u) ack 2", 1 + m, 1 + 2 * m, m);
        conv_out(c, "P. %u:%u(%u) ack 2", 1 + 2 * m, 1 + 3 * m, m);
}

static void by_call(struct elko_config *cfg)
{
        cfg->more_by_call = true;
}

/* ELKO_SEND_MORE holds until a segment comes; without the option until the persist timer. */
CONV_TEST(more_until_a_segment_comes)
{
        for (int linux = 0; linux < 2; linux++) {
                const struct conv_options options = {.no_ts = true,
                                                     .config = linux ? by_call : NULL};

                if (linux)
                        conv_again(c);
                conv_start_open(c, &options);
                conv_send_flags(c, 10, ELKO_SEND_MORE);
                conv_none(c);
                conv_in(c, "P. 1:11(10) ack 1");
                if (linux)
                        conv_out(c, "P. 1:11(10) ack 11");
                else
                        conv_out(c, ". 1:1(0) ack 11");
                conv_recv(c, 10);
                conv_event(c, ELKO_EV_READABLE);
                conv_ignore(c);
        }
}

/* Nagle's algorithm holds it on, and a cork does. */
CONV_TEST(more_is_over_but_not_nagle)
{
        const struct conv_options options = {.no_ts = true, .config = by_call};

        conv_start_open(c, &options);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_send_flags(c, 10, ELKO_SEND_MORE);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 11:11(0) ack 11");
        conv_in(c, ". 11:11(0) ack 11");
        conv_out(c, "P. 11:21(10) ack 11");
        conv_set(c, ELKO_OPTION_CORK, 1);
        conv_send_flags(c, 10, ELKO_SEND_MORE);
        conv_in(c, ". 11:11(0) ack 21");
        conv_none(c);
        conv_set(c, ELKO_OPTION_CORK, 0);
        conv_out(c, "P. 21:31(10) ack 11");
        conv_recv(c, 10);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_WRITABLE);
}

/* To set NODELAY sends what is held by whatever; what comes then is held again. */
CONV_TEST(nodelay_sends_what_is_held)
{
        const struct conv_options options = {.no_ts = true, .config = by_call};

        conv_start_open(c, &options);
        conv_set(c, ELKO_OPTION_CORK, 1);
        conv_send(c, 10);
        conv_none(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_send_flags(c, 10, ELKO_SEND_MORE);
        conv_none(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_out(c, "P. 11:21(10) ack 1");
        conv_set(c, ELKO_OPTION_NODELAY, 1); /* nothing is held: nothing is remembered */
        conv_send(c, 10);
        conv_none(c);
}

/* Without a push there is no PSH, but for what waited in vain. [RFC9293 MAY-15] */
CONV_TEST(no_push)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_send_flags(c, 10, ELKO_SEND_NO_PUSH);
        conv_out(c, ". 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_send_flags(c, c->mss, ELKO_SEND_MORE | ELKO_SEND_NO_PUSH);
        conv_out(c, ". 11:%u(%u) ack 1", 11 + c->mss, c->mss);
        conv_in(c, ". 1:1(0) ack %u", 11 + c->mss);
        conv_send_flags(c, 10, ELKO_SEND_MORE | ELKO_SEND_NO_PUSH);
        conv_none(c);
        conv_advance(c, ELKO_MS(1500));
        conv_out_late(c, "P. %u:%u(10) ack 1", 11 + c->mss, 21 + c->mss);
        conv_ignore(c);
}

static void by_delivery(struct elko_config *cfg)
{
        cfg->growth_by_delivery = true;
}

/* What an ACK tells to have arrived: with what it SACKs, without what was SACKed before. */
CONV_TEST(growth_by_delivery)
{
        for (int on = 0; on < 2; on++) {
                const struct conv_options options = {.no_ts = true,
                                                     .config = on ? by_delivery : NULL};
                uint32_t m;

                if (on)
                        conv_again(c);
                conv_start_open(c, &options);
                m = c->mss;
                conv_send(c, 10 * m);
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 2 * m, 1 + 3 * m, 1 + 4 * m);
                conv_ignore(c);
                CONV_EQ(c, conv_info(c).snd_cwnd, (on ? 13 : 12) * m);
                conv_in(c, ". 1:1(0) ack %u", 1 + 4 * m);
                conv_ignore(c);
                CONV_EQ(c, conv_info(c).snd_cwnd, 14 * m);
        }
}

static void ecn(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_CLASSIC;
}

static void ecn_as_loss(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_CLASSIC;
        cfg->ecn_as_loss = true;
}

/* RFC 8511 leaves four fifths to Reno, a loss half. */
CONV_TEST(ecn_as_a_loss)
{
        for (int on = 0; on < 2; on++) {
                const struct conv_options options = {.no_ts = true,
                                                     .config = on ? ecn_as_loss : ecn};

                if (on)
                        conv_again(c);
                conv_start(c, &options);
                conv_listen(c);
                conv_in(c, "SEC 0:0(0) win 65535 <mss M,sackOK,wscale 7>");
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1");
                conv_accept(c);
                conv_send(c, 10 * c->mss);
                conv_ignore(c);
                conv_in(c, "E. 1:1(0) ack %u", 1 + c->mss);
                conv_ignore(c);
                CONV_EQ(c, conv_info(c).snd_ssthresh, 10u * c->mss * (on ? 50 : 80) / 100);
        }
}

static void dialogue(struct elko_config *cfg)
{
        cfg->interactive_acks = true;
        cfg->quick_acks = 16;
}

/* A reply soon after a request ends the quick ACKs; a late one does not. */
CONV_TEST(interactive_acks)
{
        const struct conv_options options = {.no_ts = true, .config = dialogue};

        conv_start_open(c, &options);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_advance(c, ELKO_MS(50));
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 11");
        conv_in(c, "P. 11:21(10) ack 11");
        conv_out(c, ". 11:11(0) ack 21");
        conv_advance(c, ELKO_MS(10));
        conv_send(c, 10);
        conv_out(c, "P. 11:21(10) ack 21");
        conv_in(c, "P. 21:31(10) ack 21");
        conv_none(c);
        conv_out_after(c, ELKO_MS(40), ". 21:21(0) ack 31");
}

/* Both directions shut, and the handle is still there: data is answered as after CLOSE (RFC 2525, 2.16). */
CONV_TEST(data_after_both_directions_were_shut)
{
        conv_start_open(c, NULL);
        CONV_EQ(c, elko_shutdown_read(c->st, c->f->sock), ELKO_OK);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 11");
        conv_in(c, ". 11:11(0) ack 2");
        conv_in(c, "P. 11:21(10) ack 2");
        conv_out(c, "R 2:2(0)");
        conv_dropped(c, ELKO_DROP_TCP_DATA_CLOSED);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_READABLE | ELKO_EV_SENT | ELKO_EV_ERROR | ELKO_EV_CLOSED,
                         ELKO_ECONNABORTED);
}

static void linear(struct elko_config *cfg)
{
        cfg->syn_linear_timeouts = 2;
}

/* So many SYNs go before the time-out doubles. */
CONV_TEST(syns_before_the_back_off)
{
        static const unsigned wait[] = {1, 1, 1, 2, 4, 8};
        const struct conv_options options = {.config = linear};

        conv_start(c, &options);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <...>");
        for (unsigned i = 0; i < sizeof(wait) / sizeof(wait[0]); i++)
                conv_out_after(c, ELKO_SEC(wait[i]), "S 0:0(0) <...>");
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * ICMP errors about our segments: RFC 9293, 3.9.2.2, RFC 5927 (only what quotes a number in
 * flight), RFC 5461 (hard errors are soft once the connection stands), RFC 6633. RELIABILITY A3-11,
 * A3-13.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

struct kind {
        uint8_t type4, code4, type6, code6;
        int error;
        bool hard;
};

/* RFC 792 and RFC 4443, the codes that exist in both families. */
static const struct kind kinds[] = {
        {3, 0, 1, 0, ELKO_ENETUNREACH, false},   /* net; no route */
        {3, 1, 1, 3, ELKO_EHOSTUNREACH, false},  /* host; address */
        {3, 3, 1, 4, ELKO_ECONNREFUSED, true},   /* port */
        {3, 13, 1, 1, ELKO_EHOSTUNREACH, true},  /* administratively prohibited */
        {11, 0, 3, 0, ELKO_EHOSTUNREACH, false}, /* time exceeded */
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static uint8_t type_of(const struct conv *c, const struct kind *k)
{
        return c->variant->v6 ? k->type6 : k->type4;
}

static uint8_t code_of(const struct conv *c, const struct kind *k)
{
        return c->variant->v6 ? k->code6 : k->code4;
}

/* RELIABILITY A3-11: ESTABLISHED is never ended by ICMP; the application hears of it.
 * [RFC9293 MUST-47 SHLD-25 SHLD-26] */
CONV_TEST(a3_11_soft_in_established)
{
        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        for (unsigned i = 0; i < KINDS; i++) {
                conv_in_icmp(c, type_of(c, &kinds[i]), code_of(c, &kinds[i]), 0,
                             "P. 1:101(100) ack 1");
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_event_error(c, ELKO_EV_SOFT_ERROR, kinds[i].error);
        }
        conv_none(c);
        conv_in(c, ". 1:1(0) ack 101");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* The quoted number must be in flight: SND.UNA =< SEG.SEQ < SND.NXT. */
CONV_TEST(a3_11_forged)
{
        static const unsigned wrong[] = {0, 101, 102, 5000};

        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        for (unsigned i = 0; i < 4; i++) {
                conv_in_icmp(c, type_of(c, &kinds[2]), code_of(c, &kinds[2]), 0, ". %u:%u(0) ack 1",
                             wrong[i], wrong[i]);
                conv_event(c, 0);
        }
        CONV_EQ(c, elko_counters_get(c->st)->drops[ELKO_DROP_ICMP_SEQ], 4);
        CONV_EQ(c, elko_counters_get(c->st)->icmp_errors_in, 0);
        conv_in(c, ". 1:1(0) ack 101");
}

/* Nothing in flight: nothing that could be true. */
CONV_TEST(a3_11_idle_connection)
{
        conv_start_open(c, &plain);
        conv_in_icmp(c, type_of(c, &kinds[2]), code_of(c, &kinds[2]), 0, ". 1:1(0) ack 1");
        conv_event(c, 0);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* SYN-SENT: hard errors end the attempt (RFC 5461, 4), soft ones don't. [RFC9293 MUST-54 SHLD-26] */
CONV_TEST(a3_11_in_syn_sent)
{
        conv_start(c, &plain);
        for (unsigned i = 0; i < KINDS; i++) {
                conv_flow(c, i);
                conv_reach(c, ELKO_TCP_SYN_SENT, true);
                conv_in_icmp(c, type_of(c, &kinds[i]), code_of(c, &kinds[i]), 0, "S 0:0(0)");
                if (kinds[i].hard) {
                        conv_state(c, ELKO_TCP_CLOSED);
                        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, kinds[i].error);
                } else {
                        conv_state(c, ELKO_TCP_SYN_SENT);
                        conv_event_error(c, ELKO_EV_SOFT_ERROR, kinds[i].error);
                }
                conv_none(c);
                conv_abort(c);
        }
}

CONV_TEST(a3_11_forged_in_syn_sent)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_in_icmp(c, type_of(c, &kinds[2]), code_of(c, &kinds[2]), 0, "S 1:1(0)");
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_event(c, 0);
}

/* RFC 1122, 4.2.3.9: the soft error explains the time-out. */
CONV_TEST(the_soft_error_explains_the_end)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_in_icmp(c, type_of(c, &kinds[1]), code_of(c, &kinds[1]), 0, "S 0:0(0)");
        conv_event_error(c, ELKO_EV_SOFT_ERROR, ELKO_EHOSTUNREACH);
        conv_advance(c, ELKO_SEC(180));
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_EHOSTUNREACH);
}

/* RELIABILITY A3-13; RFC 6633: source quench is ignored; so are redirects. [RFC9293 MUST-55] */
CONV_TEST(a3_13_source_quench_and_redirect)
{
        static const struct conv_options v4 = {.no_sack = true, .no_ts = true, .v4_only = true};

        conv_start_open(c, &v4);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in_icmp(c, 4, 0, 0, "P. 1:101(100) ack 1");
        conv_in_icmp(c, 5, 1, 0, "P. 1:101(100) ack 1");
        conv_event(c, 0);
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_cwnd, 10 * c->mss);
        conv_in(c, ". 1:1(0) ack 101");
}

/* Half-open and TIME-WAIT entries go by themselves. */
CONV_TEST(half_open_and_time_wait_ignore_it)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, false);
        conv_in_icmp(c, type_of(c, &kinds[2]), code_of(c, &kinds[2]), 0, "S. 0:0(0) ack 1");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_flow(c, 1);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_abort(c);
        conv_none(c);
        CONV_EQ(c, elko_counters_get(c->st)->drops[ELKO_DROP_ICMP_NO_CONN], 1);
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Accurate ECN, RFC 9768: both ends' handshake, what the ACE field and the option count, what a sender makes of them, and what
 * it does when somebody on the path changes them.
 *
 * ACE as letters: A is 4, C 2, E 1. Five, at first, is "AE"; six "AC"; seven "ECA"; none at all is zero.
 */

#define SYN_OPTIONS "mss M,sackOK,TS val 100 ecr 0,nop,wscale 7"
#define FIRST       "raw ac 0b 00 00 01 00 00 00 00 00 01,nop"

static void accurate(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_ACCURATE;
        cfg->congestion = &elko_cc_newreno;
}

static void scalable(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_ACCURATE;
        cfg->congestion = &elko_cc_prague;
}

static const struct conv_options both = {.config = accurate};
static const struct conv_options l4s = {.config = scalable};

static unsigned seg(const struct conv *c)
{
        return c->mss - 12u;
}

static const struct conv_opt *option(const struct conv *c, uint8_t kind)
{
        for (unsigned i = 0; i < c->last.nopts; i++)
                if (c->last.opt[i].kind == kind)
                        return &c->last.opt[i];
        return NULL;
}

/* The last segment has the option with exactly these fields. */
static void option_is(struct conv *c, uint8_t kind, unsigned fields, uint32_t a, uint32_t b,
                      uint32_t d)
{
        const struct conv_opt *o = option(c, kind);
        uint32_t want[3] = {a, b, d};

        CONV_CHECK(c, option(c, kind ^ 6) == NULL); /* 172, 174 */
        CONV_CHECK(c, o != NULL && o->len == 2 + 3 * fields);
        for (unsigned i = 0; i < fields; i++) {
                const uint8_t *v = o->data + (size_t)i * 3;

                CONV_EQ(c, (uint32_t)v[0] << 16 | (uint32_t)v[1] << 8 | v[2], want[i]);
        }
}

static void connect_to(struct conv *c, const char *flags)
{
        conv_connect(c);
        conv_out(c, "SECA 0:0(0) <...>");
        CONV_CHECK(c, option(c, 172) == NULL && option(c, 174) == NULL);
        conv_in(c, "%s 0:0(0) ack 1 win 65535 <" SYN_OPTIONS "," FIRST ">", flags);
}

static void open_active(struct conv *c)
{
        connect_to(c, "S.C");
        conv_out(c, ".C 1:1(0) ack 1 <...>");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
}

static void open_passive(struct conv *c)
{
        conv_listen(c);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        option_is(c, 172, 3, 1, 0, 1);
        conv_in(c, ".C 1:1(0) ack 1");
        conv_accept(c);
}

/* "raw ac 08 ..." of EE0B and ECEB; good until the next call. */
static const char *e0b_ceb(uint32_t v, uint32_t ce)
{
        static char text[60];

        snprintf(text, sizeof(text), "raw ac 08 %02x %02x %02x %02x %02x %02x", v >> 16 & 0xff,
                 v >> 8 & 0xff, v & 0xff, ce >> 16 & 0xff, ce >> 8 & 0xff, ce & 0xff);
        return text;
}

/* ---- 3.1: the handshake ---- */

/* [RFC9768 3.1.2a 3.2.1 3.2.2a 3.2.2b 3.2.2.1a 3.2.3.2.1a 3.2.3.2.1b] */
CONV_TEST(asked_and_given)
{
        conv_start(c, &both);
        open_active(c);
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_ACCECN, ELKO_TCPI_ACCECN);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_opens, 1);
        conv_send(c, 100);
        conv_out(c, "[ect0] P.AE 1:101(100) ack 1 <...>");
        conv_in(c, "[ect0] P.AE 1:101(100) ack 101");
        conv_out(c, ".AE 101:101(0) ack 101 <...>");
        option_is(c, 172, 1, 101, 0, 0);
        conv_again(c);
        open_passive(c);
        conv_send(c, 100);
        conv_out(c, "[ect0] P.AE 1:101(100) ack 1 <...>");
        conv_abort(c);
        conv_out(c, "R. 101:101(0) ack 1 <...>");
}

/* It was lost, or its ACK was: the answer is the same. [RFC9768 3.2.2.1d] */
CONV_TEST(a_syn_ack_that_comes_again)
{
        conv_start(c, &both);
        open_active(c);
        conv_in(c, "[ce] P.AE 1:11(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 11 <...>");
        conv_in(c, "S.C 0:0(0) ack 1 win 65535 <" SYN_OPTIONS ">");
        conv_out(c, ".C 1:1(0) ack 11 <...>");
        conv_in(c, "[ect0] P.AE 11:21(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 21 <...>");
}

/* Table 2, top: the SYN,ACK tells which IP-ECN field the SYN had. Flags that are reserved ask as well (3.1.3).
 * [RFC9768 3.1.2b 3.1.3a] */
CONV_TEST(what_the_syn_had)
{
        static const struct {
                const char *in, *out;
        } table[] = {
                {"SECA", "S.C"},       {"[ect1] SECA", "S.EC"}, {"[ect0] SECA", "S.A"},
                {"[ce] SECA", "S.AC"}, {"SA", "S.C"},           {"SE", "S.C"},
                {"SC", "S.C"},         {"[ect0] SAC", "S.A"},   {"SAE", "S.C"},
                {"SEC", "S.E"},        {"[ect0] SEC", "S.E"},   {"S", "S."},
        };

        conv_start(c, &both);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "%s 0:0(0) win 65535 <" SYN_OPTIONS ">", table[i].in);
                conv_out(c, "%s 0:0(0) ack 1 <...>", table[i].out);
        }
}

/* Table 2 from the client's side. What is not as it was sent goes without ECT from then on (3.2.2.3).
 * [RFC9768 3.1.2c 3.1.3b 3.2.2.2c 3.2.2.3a] */
CONV_TEST(what_the_answer_means)
{
        static const struct {
                const char *in, *ack, *data;
        } table[] = {
                {"S.C", ".C", "[ect0] P.AE"},  /* as it should be */
                {"S.AE", ".C", "[ect0] P.AE"}, /* reserved: agreed, unchanged */
                {"[ect0] S.C", ".A", "[ect0] P.AE"},
                {"[ect1] S.C", ".EC", "[ect0] P.AE"},
                {"[ce] S.C", ".AC", "[ect0] P.AC"},
                {"S.EC", ".C", "P.AE"}, /* the SYN came with ECT(1)? */
                {"S.A", ".C", "P.AE"},
                {"S.AC", ".C", "P.AE"},
                {"S.E", ".", "[ect0] P."}, /* RFC 3168 */
                {"S.", ".", "P."},
                {"S.ECA", ".", "P."}, /* a reflection */
        };

        conv_start(c, &both);
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                conv_flow(c, i);
                connect_to(c, table[i].in);
                conv_out(c, "%s 1:1(0) ack 1 <...>", table[i].ack);
                conv_send(c, 10);
                conv_out(c, "%s 1:11(10) ack 1 <...>", table[i].data);
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 3);
}

/* Table 4: what the client's first pure ACK means. [RFC9768 3.2.2.1b 3.2.2.1c 3.2.2.2d 3.2.2.3b] */
CONV_TEST(what_the_third_segment_means)
{
        static const struct {
                const char *in, *data;
                uint64_t cuts;
        } table[] =
                {
                        {".C", "[ect0] P.AE", 1},
                        {".E", "[ect0] P.AE", 1},
                        {".AE", "[ect0] P.AE", 1},
                        {".ECA", "[ect0] P.AE", 1},
                        {".EC", "P.AE", 1}, /* ECT(1), as which no SYN,ACK was sent */
                        {".A", "P.AE", 1},
                        {".AC", "P.AE", 0}, /* CE: that one is counted already */
                        {".", "P.AE", 0}, /* no AccECN at the other end: no answer to marks either */
                };

        conv_start(c, &both);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
                conv_out(c, "S.C 0:0(0) ack 1 <...>");
                conv_in(c, "%s 1:1(0) ack 1", table[i].in);
                conv_accept(c);
                conv_send(c, 10);
                conv_out(c, "%s 1:11(10) ack 1 <...>", table[i].data);
                conv_in(c, ".AC 1:1(0) ack 11"); /* six: one mark */
                conv_counted(c, tcp_ecn_cuts, table[i].cuts);
        }
}

/* Once more with AccECN, then without ECN; the next connection asks again. [RFC9768 3.1.4.1a 3.1.4.1b] */
CONV_TEST(syns_that_are_sent_again)
{
        conv_start(c, &both);
        conv_connect(c);
        conv_out(c, "SECA 0:0(0) <...>");
        conv_out_after(c, ELKO_SEC(1), "SECA 0:0(0) <...>");
        conv_out_after(c, ELKO_SEC(2), "S 0:0(0) <...>");
        /* The answer to the first comes: the client may set ECT all the same (3.1.4.1). */
        conv_in(c, "S.C 0:0(0) ack 1 win 65535 <" SYN_OPTIONS ">");
        conv_out(c, ".C 1:1(0) ack 1 <...>");
        conv_send(c, 10);
        conv_out(c, "[ect0] P.AE 1:11(10) ack 1 <...>");
        conv_flow(c, 1);
        conv_connect(c);
        conv_out(c, "SECA 0:0(0) <...>");
}

/* Data with the option is lost: it goes on. [RFC9768 3.2.3.2.2c] */
CONV_TEST(data_with_the_option_is_lost)
{
        conv_start(c, &both);
        open_passive(c);
        conv_send(c, 10);
        conv_out(c, "[ect0] P.AE 1:11(10) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) != NULL);
        conv_advance(c, ELKO_SEC(1));
        CONV_CHECK(c, conv_pending(c) > 0);
        while (conv_pending(c) > 0)
                conv_out_late(c, "P.AE 1:11(10) ack 1 <...>");
        conv_in(c, "[ect0] P.AE 1:11(10) ack 11");
        conv_out(c, ".AE 11:11(0) ack 11 <...>");
        CONV_CHECK(c, option(c, 172) != NULL);
}

/* Without the option, then without ECN; the mode stays, without ECT. [RFC9768 3.2.3.2.2a 3.2.3.2.2b 3.1.5d] */
CONV_TEST(syn_acks_that_are_sent_again)
{
        conv_start(c, &both);
        conv_listen(c);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) != NULL);
        conv_out_after(c, ELKO_SEC(1), "S.C 0:0(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) == NULL);
        conv_out_after(c, ELKO_SEC(2), "S. 0:0(0) ack 1 <...>");
        conv_in(c, ".C 1:1(0) ack 1");
        conv_accept(c);
        conv_in(c, "[ce] P.AE 1:11(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 11 <...>");
        conv_send(c, 10);
        conv_out(c, "P.AC 1:11(10) ack 11 <...>");
}

/* The latest SYN counts; one without ECN means no ECT; one for RFC 3168 ends the matter. [RFC9768 3.1.5a 3.1.5b 3.1.5c] */
CONV_TEST(the_syn_comes_again)
{
        conv_start(c, &both);
        conv_listen(c);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        conv_in(c, "[ect0] SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.A 0:0(0) ack 1 <...>");
        conv_in(c, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        conv_in(c, ".C 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "P.AE 1:11(10) ack 1 <...>");
        conv_flow(c, 1);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        conv_in(c, "SEC 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "R. =0:=0(0) ack 1 <>");
        conv_flow(c, 2);
        conv_in(c, "SEC 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "R. =0:=0(0) ack 1 <>");
}

/* A server that has AccECN not on, and a client whose peer is no more than that, have RFC 3168. */
CONV_TEST(classic_at_the_other_end)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S.E 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "[ect0] P. 1:11(10) ack 1");
}

/* ---- 3.2.2: the ACE field ---- */

/* Marks on everything acceptable, pure ACKs included; not on what lies outside of the window. An ACK at once when CE follows
 * something else, and for the second mark. [RFC9768 3.2a 3.2b 3.2.2.5.1a 3.2.2.5.1b] */
CONV_TEST(marks_are_counted)
{
        conv_start(c, &both);
        open_passive(c);
        conv_in(c, "[ce] P.AE 1:101(100) ack 1");
        conv_out(c, ".AC 1:1(0) ack 101 <...>");
        conv_in(c, "[ce] P.AE 101:201(100) ack 1");
        conv_out(c, ".ECA 1:1(0) ack 201 <...>");
        conv_in(c, "[ce] P.AE 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 301 <...>"); /* eight: it went round */
        conv_in(c, "[ce] P.AE 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 301 <...>");
        conv_in(c, "[ce] .AE 301:301(0) ack 1");
        conv_none(c);
        conv_in(c, "[ect0] P.AE 301:401(100) ack 1");
        conv_out(c, ".E 1:1(0) ack 401 <...>");
        CONV_EQ(c, conv_info(c).received_ce, 4);
        CONV_EQ(c, conv_info(c).received_ceb, 300);
        CONV_EQ(c, conv_info(c).received_e0b, 100);
        /* Three on pure ACKs alone. */
        conv_in(c, "[ce] .AE 401:401(0) ack 1");
        conv_in(c, "[ce] .AE 401:401(0) ack 1");
        conv_none(c);
        conv_in(c, "[ce] .AE 401:401(0) ack 1");
        conv_out(c, ".A 1:1(0) ack 401 <...>");
}

/* One reduction for a window of data, and no CWR: that bit is a part of the count. [RFC9768 3.1.5e 3.2.2.2b] */
CONV_TEST(the_sender_reduces)
{
        conv_start(c, &both);
        open_active(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ".AC 1:1(0) ack %u", 1 + seg(c));
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_CWR);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 8 * seg(c));
        CONV_EQ(c, conv_info(c).delivered_ce, 1);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack %u", 1 + 3 * seg(c)); /* from six to eight */
        CONV_EQ(c, conv_info(c).delivered_ce, 3);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        while (conv_pending(c) > 0) {
                CONV_EQ(c, conv_peek(c, 0)->flags & (ELKO_AE | ELKO_CWR | ELKO_ECE),
                        ELKO_AE | ELKO_ECE);
                conv_out(c, "[ect0] .AE * ack 1 <...>");
        }
        conv_abort(c);
        conv_ignore(c);
}

/* Ten packets at once, and the count seems to stand one higher: it may be nine. With the option it is known. What
 * was overtaken is not looked at. [RFC9768 3.2.2.2a 3.2.2.5.2a 3.2.2.5.2b 3.2.3.1b 3.2.3.2.5a] */
CONV_TEST(three_bits_go_round)
{
        conv_start(c, &both);
        open_active(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ".AC 1:1(0) ack %u", 1 + 10 * seg(c));
        CONV_EQ(c, conv_info(c).delivered_ce, 9);
        conv_ignore(c);
        conv_in(c, ".ECA 1:1(0) ack %u", 1 + 9 * seg(c)); /* old */
        CONV_EQ(c, conv_info(c).delivered_ce, 9);
        conv_abort(c);
        conv_ignore(c);
        conv_again(c);
        open_active(c);
        conv_send(c, 100 * seg(c));
        conv_ignore(c);
        conv_in(c, ".AC 1:1(0) ack %u <nop,nop,TS val 200 ecr 0,%s>", 1 + 10 * seg(c),
                e0b_ceb(1 + 9 * seg(c), seg(c)));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).delivered_ce, 1);
        CONV_EQ(c, conv_info(c).accecn_e0b, 9 * seg(c));
        CONV_EQ(c, conv_info(c).accecn_ceb, seg(c));
        conv_abort(c);
        conv_ignore(c);
}

/* ---- 3.2.2.4, 3.2.3.2: somebody on the path ---- */

/* The first count is zero: no ECT, and no answer. [RFC9768 3.2.2.4] */
CONV_TEST(a_field_that_is_wiped)
{
        conv_start(c, &both);
        open_active(c);
        conv_send(c, 10);
        conv_out(c, "[ect0] P.AE 1:11(10) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 11");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 1);
        conv_send(c, 10);
        conv_out(c, "P.AE 11:21(10) ack 1 <...>");
        conv_in(c, "[ce] P. 1:11(10) ack 21");
        conv_out(c, ".AC 21:21(0) ack 11 <...>"); /* but it feeds back */
}

/* The ACE field of a number, with the flag ACK; good until the next call. */
static const char *ace(unsigned n)
{
        static char text[6];

        snprintf(text, sizeof(text), ".%s%s%s", (n & 1) ? "E" : "", (n & 2) ? "C" : "",
                 (n & 4) ? "A" : "");
        return text;
}

/* One segment, and the peer has counted `marks` so far. */
static void marked_round(struct conv *c, unsigned i, const char *ecn, unsigned marks)
{
        conv_send(c, 10);
        conv_out(c, "%s P.AE %u:%u(10) ack 1 <...>", ecn, 1 + 10 * i, 11 + 10 * i);
        conv_in(c, "%s 1:1(0) ack %u", ace(5 + marks), 11 + 10 * i);
}

/* All that is sent comes back as marked: after sixteen segments in sixteen round trips there is no ECT any more, and no answer to
 * marks. Ours are told of as ever. [RFC9768 3.2.2.3c 3.1.5d] */
CONV_TEST(everything_is_marked)
{
        uint64_t cuts;

        conv_start(c, &both);
        open_active(c);
        for (unsigned i = 0; i < 16; i++)
                marked_round(c, i, "[ect0]", i + 1);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 1);
        cuts = elko_counters_get(c->st)->tcp_ecn_cuts;
        CONV_CHECK(c, cuts > 0);
        for (unsigned i = 16; i < 20; i++)
                marked_round(c, i, "", i + 1);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, cuts);
        conv_in(c, "[ce] P%s 1:11(10) ack 201", ace(25));
        conv_out(c, ".AC 201:201(0) ack 11 <...>");
}

/* Many in a round trip: four of those do. */
CONV_TEST(everything_is_marked_in_full_windows)
{
        unsigned acked = 0, sent, marks = 0, rounds = 0;

        conv_start(c, &both);
        open_active(c);
        conv_send(c, 200 * seg(c));
        for (; rounds < 20 && conv_pending(c) > 0; rounds++) {
                for (sent = acked; conv_pending(c) > 0; sent++) {
                        bool ect = (conv_peek(c, 0)->tos & 3) != 0;

                        CONV_EQ(c, ect, marks < 16 || rounds < 5);
                        conv_out(c, "%s .AE %u:%u(%u) ack 1", ect ? "[ect0]" : "",
                                 1 + sent * seg(c), 1 + (sent + 1) * seg(c), seg(c));
                }
                conv_hold(c, true);
                while (acked < sent)
                        acked++, marks++,
                                conv_in(c, "%s 1:1(0) ack %u", ace(5 + marks), 1 + acked * seg(c));
                conv_hold(c, false);
                conv_pull(c);
        }
        conv_ignore(c);
        CONV_CHECK(c, rounds > 6);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 1);
        conv_abort(c);
        conv_ignore(c);
}

/* One of them is not: then it is a queue, whatever comes later. The option's octets count where it is there. */
CONV_TEST(nearly_everything_is_marked)
{
        conv_start(c, &both);
        open_active(c);
        for (unsigned i = 0; i < 15; i++)
                marked_round(c, i, "[ect0]", i + 1);
        marked_round(c, 15, "[ect0]", 15);
        for (unsigned i = 16; i < 40; i++)
                marked_round(c, i, "[ect0]", i);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 0);
        conv_again(c);
        open_active(c);
        for (unsigned i = 0; i < 40; i++) {
                conv_send(c, 10);
                conv_out(c, "[ect0] P.AE %u:%u(10) ack 1 <...>", 1 + 10 * i, 11 + 10 * i);
                conv_in(c, "%s 1:1(0) ack %u <nop,nop,TS val 200 ecr 0,%s>", ace(6 + i),
                        11 + 10 * i,
                        e0b_ceb(1 + (i > 2 ? 5 : 0), i > 2 ? 10 * i + 5 : 10 * i + 10));
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 0);
}

/* An option that begins at zero is not believed, the field is. [RFC9768 3.2.3.2.4] */
CONV_TEST(an_option_that_is_wiped)
{
        conv_start(c, &both);
        conv_connect(c);
        conv_out(c, "SECA 0:0(0) <...>");
        conv_in(c, "S.C 0:0(0) ack 1 win 65535 <" SYN_OPTIONS
                   ",raw ac 0b 00 00 00 00 00 00 00 00 00,nop>");
        conv_out(c, ".C 1:1(0) ack 1 <...>");
        conv_send(c, 20 * seg(c));
        conv_ignore(c);
        conv_in(c, ".AC 1:1(0) ack %u <nop,nop,TS val 200 ecr 0,%s>", 1 + 2 * seg(c),
                e0b_ceb(5000, 100000));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).delivered_ce, 1);
        CONV_EQ(c, conv_info(c).accecn_ceb, 0);
        conv_abort(c);
        conv_ignore(c);
}

/* Bytes with CE, and no packet. [RFC9768 3.2.3.2.5b] */
CONV_TEST(field_and_option_disagree)
{
        conv_start(c, &both);
        open_active(c);
        conv_send(c, 20 * seg(c));
        conv_ignore(c);
        conv_in(c, ".AE 1:1(0) ack %u <nop,nop,TS val 200 ecr 0,%s>", 1 + 2 * seg(c),
                e0b_ceb(1 + seg(c), seg(c)));
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 1);
        CONV_CHECK(c, conv_pending(c) > 0);
        while (conv_pending(c) > 0)
                conv_out(c, "%s * ack 1 <...>",
                         (conv_peek(c, 0)->flags & ELKO_PSH) ? "P.AE" : ".AE");
        conv_abort(c);
        conv_ignore(c);
}

/* ---- 3.2.3: the option ---- */

/* Only what ever changed, in the order that is shorter; nothing when nothing changed. [RFC9768 3.2.3a 3.2.3.1a 3.2.3.3b 3.2.3.3d 3.2.3.3e] */
CONV_TEST(which_fields)
{
        conv_start(c, &both);
        open_passive(c);
        conv_in(c, "[ect1] P.AE 1:11(10) ack 1");
        conv_out(c, ".AE 1:1(0) ack 11 <...>");
        option_is(c, 174, 1, 11, 0, 0);
        conv_in(c, "P.AE 11:21(10) ack 1"); /* Not-ECT */
        conv_out(c, ".AE 1:1(0) ack 21 <TS val * ecr *>");
        conv_in(c, "[ce] P.AE 21:31(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 31 <...>");
        option_is(c, 174, 2, 11, 10, 0);
        conv_in(c, "[ect0] P.AE 31:41(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 41 <...>");
        option_is(c, 172, 3, 11, 10, 11);
        /* Data that leaves room has it as well, a full segment does not. */
        conv_in(c, "[ect0] .AE 41:51(10) ack 1");
        conv_ignore(c);
        conv_recv(c, 50);
        conv_hold(c, true);
        conv_in(c, "[ect0] .AE 51:61(10) ack 1");
        conv_send(c, seg(c) + 10);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "[ect0] .AC 1:%u(%u) ack 61 <TS val * ecr *>", 1 + seg(c), seg(c));
        conv_out(c, "[ect0] P.AC %u:%u(10) ack 61 <...>", 1 + seg(c), 11 + seg(c));
        CONV_CHECK(c, option(c, 172) != NULL);
}

/* Two blocks of SACK come first. [RFC9768 3.2.3.3a 3.2.3.3c] */
CONV_TEST(beside_sack_blocks)
{
        conv_start(c, &both);
        open_passive(c);
        conv_in(c, "[ect0] .AE 1001:1011(10) ack 1");
        conv_out(c, ".AE 1:1(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) != NULL && option(c, 5)->len == 10);
        conv_in(c, "[ect0] .AE 2001:2011(10) ack 1");
        conv_out(c, ".AE 1:1(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) != NULL && option(c, 5)->len == 18);
        conv_in(c, "[ect0] .AE 3001:3011(10) ack 1");
        conv_out(c, ".AE 1:1(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) != NULL && option(c, 5)->len == 18);
        conv_in(c, "[ect1] .AE 4001:4011(10) ack 1"); /* three fields: too long now */
        conv_out(c, ".AE 1:1(0) ack 1 <...>");
        CONV_CHECK(c, option(c, 172) == NULL && option(c, 5)->len == 26);
}

/* An option on a SYN, of an odd length, and empty. [RFC9768 3.2.3b 3.2.3.2.1a] */
CONV_TEST(odd_options)
{
        conv_start(c, &both);
        conv_listen(c);
        conv_in(c, "SECA 0:0(0) win 65535 <" SYN_OPTIONS ",raw ac 05 00 00 00,nop,nop,nop>");
        conv_out(c, "S.C 0:0(0) ack 1 <...>");
        conv_in(c, ".C 1:1(0) ack 1 <nop,nop,TS val 100 ecr 0,raw ac 02,nop,nop>");
        conv_accept(c);
        conv_send(c, 10);
        conv_out(c, "[ect0] P.AE 1:11(10) ack 1 <...>");
        conv_in(c,
                ".AE 1:1(0) ack 11 <nop,nop,TS val 100 ecr 0,raw ac 0a 00 00 0b 00 00 00 07 07,nop,nop>");
        CONV_EQ(c, conv_info(c).accecn_e0b, 10);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_accecn_mangled, 0);
}

/* ECT(1) for who answers as RFC 9331, 4.3 asks. The bytes that were marked are known. */
CONV_TEST(a_scalable_sender)
{
        conv_start(c, &l4s);
        open_active(c);
        conv_send(c, 20 * seg(c));
        conv_out(c, "[ect1] .AE 1:%u(%u) ack 1 <...>", 1 + seg(c), seg(c));
        conv_ignore(c);
        conv_advance(c, ELKO_MS(10));
        conv_ignore(c);
        conv_in(c, ".AC 1:1(0) ack %u", 1 + 2 * seg(c));
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).delivered_ce, 1);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_ecn_cuts, 1);
        conv_abort(c);
        conv_ignore(c);
}

/* Idle, and back: the counts are where they were. */
CONV_TEST(after_a_silence)
{
        conv_start(c, &both);
        open_passive(c);
        conv_in(c, "[ce] P.AE 1:11(10) ack 1");
        conv_out(c, ".AC 1:1(0) ack 11 <...>");
        conv_recv(c, 10);
        conv_advance(c, ELKO_SEC(30));
        conv_in(c, "[ce] P.AE 11:21(10) ack 1");
        conv_out(c, ".ECA 1:1(0) ack 21 <...>");
        conv_recv(c, 10);
        conv_send(c, 10);
        conv_out(c, "[ect0] P.ECA 1:11(10) ack 21 <...>");
        conv_in(c, ".AC 21:21(0) ack 11");
        CONV_EQ(c, conv_info(c).delivered_ce, 1);
        conv_close(c);
        conv_out(c, "F.ECA 11:11(0) ack 21 <...>");
        conv_in(c, "F.AC 21:21(0) ack 12");
        conv_ignore(c);
}

EK_TEST_MAIN();

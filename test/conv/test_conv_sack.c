/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Loss recovery where SACK was negotiated, as a peer sees it: RFC 6675, 8985, 6937, and what proves a recovery to be
 * spurious: RFC 3522, 3708, 5682. RELIABILITY A4-6, A9-7, A9-8.
 */

/* Two time-outs in a row would be taken for a path that swallows large segments: test_conv_mtu_search.c. */
static void fixed_mtu(struct elko_config *cfg)
{
        cfg->mtu_probing = ELKO_MTU_PROBING_OFF;
}

static const struct conv_options fixed = {.no_ts = true, .config = fixed_mtu};
static const struct conv_options sack = {.no_ts = true};
static const struct conv_options plain = {.no_sack = true};

/* Segments `from` up to `to` leave; `last`: nothing is queued behind them. */
static void out(struct conv *c, unsigned from, unsigned to, bool last)
{
        unsigned m = c->mss;

        for (unsigned i = from; i < to; i++)
                conv_out(c, "%s. %u:%u(%u) ack 1", last && i + 1 == to ? "P" : "", 1 + i * m,
                         1 + (i + 1) * m, m);
}

/* A round trip of 100 ms, and ten segments out. */
static void start(struct conv *c, const struct conv_options *o, unsigned segs)
{
        conv_start(c, o);
        conv_listen(c);
        if (o->no_sack)
                conv_in(c, "S 0:0(0) win 65535 <mss %u,TS val 100 ecr 0,wscale 7>", c->mss);
        else
                conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,wscale 7>", c->mss);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        if (o->no_sack)
                c->mss -= 12; /* each segment has timestamps */
        conv_send(c, segs * c->mss);
        out(c, 0, segs < 10 ? segs : 10, segs <= 10);
        conv_none(c);
}

static void ack(struct conv *c, unsigned segs)
{
        conv_in(c, ". 1:1(0) ack %u", 1 + segs * c->mss);
}

/* An ACK for `segs`, and SACK for [from, to). */
static void sacked(struct conv *c, unsigned segs, unsigned from, unsigned to)
{
        unsigned m = c->mss;

        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + segs * m, 1 + from * m, 1 + to * m);
}

/*
 * On a path that reorders the timestamp clock ticks once in a round trip at most, so that what is held back is not older
 * for PAWS than a retransmission that overtook it (RFC 7323, 5.3). It never goes back, and a retransmission's
 * timestamp is newer than its first copy's.
 * [RFC7323 5.4a 5.4c]
 */
CONV_TEST(timestamps_where_the_path_reorders)
{
        unsigned m, sent = 10;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,TS val 100 ecr 0,wscale 7>", c->mss);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 <TS val 200 ecr 0>");
        conv_accept(c);
        m = c->mss -= 12;
        conv_send(c, 40 * m);
        for (unsigned i = 0; i < sent; i++)
                conv_out(c, ". %u:%u(%u) ack 1 <TS val 100 ecr 200>", 1 + i * m, 1 + (i + 1) * m,
                         m);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 <sack %u:%u,TS val 300 ecr 100>", 1 + m, 1 + 2 * m);
        conv_out(c, ". %u:%u(%u) ack 1 <TS val 200 ecr 300>", 1 + sent * m, 1 + (sent + 1) * m, m);
        sent++;
        /* the first one was overtaken: 64 ms is what fits into a round trip of 100 ms */
        conv_in(c, ". 1:1(0) ack %u <TS val 300 ecr 100>", 1 + 2 * m);
        CONV_CHECK(c, conv_info(c).reord_seen > 0);
        for (unsigned at = 200; at <= 264; at += 32) {
                unsigned val = at < 264 ? 200 : 264;

                for (; conv_info(c).data_segs_out > sent; sent++)
                        conv_out(c, ". %u:%u(%u) ack 1 <TS val %u ecr 300>", 1 + sent * m,
                                 1 + (sent + 1) * m, m, val);
                CONV_CHECK(c, sent > 11);
                conv_advance(c, ELKO_MS(32));
                if (at < 264)
                        conv_in(c, ". 1:1(0) ack %u <TS val 300 ecr 100>",
                                1 + (3 + (at - 200) / 32) * m);
        }
        /* what is left; then two are lost, and their copies' timestamps are newer */
        conv_in(c, ". 1:1(0) ack %u <TS val 400 ecr 264>", 1 + 6 * m);
        for (; conv_info(c).data_segs_out > sent; sent++)
                conv_out(c, ". %u:%u(%u) ack 1 <TS val 264 ecr 400>", 1 + sent * m,
                         1 + (sent + 1) * m, m);
        conv_advance(c, ELKO_MS(99));
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u,TS val 500 ecr 264>", 1 + 6 * m, 1 + 8 * m,
                1 + 18 * m);
        for (unsigned i = 6; i < 8; i++)
                conv_out(c, ". %u:%u(%u) ack 1 <TS val 392 ecr 500>", 1 + i * m, 1 + (i + 1) * m,
                         m);
        for (; conv_info(c).data_segs_out > sent + 2; sent++)
                conv_out(c, ". %u:%u(%u) ack 1 <TS val 392 ecr 500>", 1 + sent * m,
                         1 + (sent + 1) * m, m);
}

/* What is SACKed makes room for new data; this does not count for ssthresh. In the end cwnd is ssthresh.
 * [RFC6675 4-nextseg-2 5-3 5-4b 5-a 5-b; RFC6937 3-6; RFC2018 5.1a] */
CONV_TEST(limited_transmit_and_prr)
{
        start(c, &sack, 40);
        sacked(c, 0, 1, 2);
        out(c, 10, 11, false);
        sacked(c, 0, 1, 3);
        out(c, 11, 12, false);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_DISORDER);
        sacked(c, 0, 1, 4);
        out(c, 0, 1, false);
        conv_none(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        CONV_EQ(c, conv_info(c).snd_ssthresh, 5 * c->mss);
        /* eight are still out: one for every other that arrives */
        sacked(c, 0, 1, 5);
        conv_none(c);
        sacked(c, 0, 1, 6);
        conv_ignore(c);
        CONV_CHECK(c, conv_info(c).total_retrans == 1);
        sacked(c, 0, 1, 12);
        conv_ignore(c);
        CONV_CHECK(c, conv_info(c).flight - 11 * c->mss <= 5 * c->mss);
        ack(c, 12);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).snd_cwnd <= 6 * c->mss);
        conv_ignore(c);
}

/* The last segment is lost, too, and nothing behind it can tell: the answer to the retransmission, which left later,
 * does. Instead of a rescue. [RFC6675 4-nextseg-4; RFC8985 6.2-2 6.2-5] */
CONV_TEST(the_last_is_lost_too)
{
        start(c, &sack, 6);
        conv_advance(c, ELKO_MS(30));
        sacked(c, 0, 1, 5);
        out(c, 0, 1, false);
        conv_none(c);
        conv_advance(c, ELKO_MS(30));
        ack(c, 5);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 5 * c->mss, 1 + 6 * c->mss, c->mss);
        conv_none(c);
        conv_advance(c, ELKO_MS(30));
        ack(c, 6);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_EQ(c, conv_info(c).total_retrans, 2);
        CONV_EQ(c, conv_info(c).total_rto, 0);
}

/* Two are SACKed: what is missing below is not sent again before the window is over, though nothing else could be.
 * [RFC6675 4-islost 4-nextseg-3; RFC8985 6.2-4d 6.2-5t] */
CONV_TEST(nothing_goes_before_the_window_is_over)
{
        start(c, &sack, 3);
        conv_advance(c, ELKO_MS(40));
        sacked(c, 0, 1, 3);
        conv_none(c);
        /* a quarter of 40 ms, and a tick */
        conv_out_after(c, ELKO_MS(10) + ELKO_US(1), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        CONV_EQ(c, conv_info(c).total_rto, 0);
        ack(c, 3);
}

/* What was SACKed is kept over a time-out, and not sent again. [RFC2018 5b; RFC6675 5.1a] */
CONV_TEST(kept_after_a_time_out)
{
        start(c, &sack, 4);
        conv_advance(c, ELKO_MS(30));
        sacked(c, 0, 1, 3);
        conv_out_after(c, ELKO_US(7501), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);   /* RACK */
        conv_out_after(c, ELKO_US(311250), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss); /* the timer */
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        CONV_EQ(c, conv_info(c).sacked, 2);
        ack(c, 3);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 3 * c->mss, 1 + 4 * c->mss, c->mss);
        conv_none(c);
        ack(c, 4);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
}

/* A time-out in recovery ends it, without F-RTO; what was sent less than a round trip ago is not lost yet.
 * [RFC6675 5.1b; RFC5682 3.1-1; RFC8985 6.3] */
CONV_TEST(a_time_out_in_recovery)
{
        unsigned ssthresh;

        start(c, &sack, 40);
        conv_advance(c, ELKO_MS(30));
        sacked(c, 0, 1, 4);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        conv_out_after(c, ELKO_US(311250), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        ssthresh = conv_info(c).snd_ssthresh;
        conv_advance(c, ELKO_MS(30));
        /* the first ACK lets go what is lost, and nothing new */
        ack(c, 4);
        out(c, 4, 6, false);
        sacked(c, 4, 5, 8);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        CONV_EQ(c, conv_info(c).snd_ssthresh, ssthresh); /* no second recovery */
}

/* RFC 3522, 3.3: all ACKs were lost, and the receiver answers the retransmission with the echo of what it had: all
 * is acknowledged, so it proves nothing. After that, samples count as ever. [RFC3522 3.2-5; RFC4015 3.1-11] */
CONV_TEST(an_old_echo_for_everything_proves_nothing)
{
        uint64_t srtt;

        start(c, &plain, 4);
        conv_out_after(c, ELKO_MS(300), ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        srtt = conv_info(c).srtt_ns;
        ack(c, 4);
        CONV_EQ(c, conv_info(c).undone, 0);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        CONV_CHECK(c, conv_info(c).srtt_ns < srtt + ELKO_MS(200));
}

/* The network makes copies: D-SACKs for what was never sent again undo nothing. [RFC3708 3-A4] */
CONV_TEST(copies_prove_nothing)
{
        unsigned m;

        start(c, &sack, 10);
        m = c->mss;
        for (unsigned i = 1; i <= 4; i++) {
                ack(c, i);
                conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + i * m, 1 + (i - 1) * m, 1 + i * m);
        }
        sacked(c, 4, 5, 8);
        out(c, 4, 5, false);
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 9 * m, 1 + 4 * m, 1 + 5 * m);
        CONV_EQ(c, conv_info(c).undone, 0);
        CONV_EQ(c, conv_info(c).dsack_dups, 5);
}

/* Two were sent again, and the D-SACK tells of one: the other may have been lost. [RFC3708 3-B] */
CONV_TEST(one_of_two_is_not_enough)
{
        unsigned m;

        start(c, &sack, 10);
        m = c->mss;
        conv_advance(c, ELKO_MS(30));
        sacked(c, 0, 2, 9);
        conv_ignore(c);
        sacked(c, 0, 2, 10);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).total_retrans, 2);
        conv_advance(c, ELKO_MS(30));
        ack(c, 10);
        conv_in(c, ". 1:1(0) ack %u <sack 1:%u>", 1 + 10 * m, 1 + m);
        CONV_EQ(c, conv_info(c).undone, 0);
        conv_in(c, ". 1:1(0) ack %u <sack %u:%u>", 1 + 10 * m, 1 + m, 1 + 2 * m);
        CONV_EQ(c, conv_info(c).undone, 1);
}

/* A segment that was sent again in one recovery is acknowledged in the next. Its timestamp is older than the next
 * recovery's retransmission, which proves nothing: it is a retransmission's, too. [RFC3522 3.2-4] */
CONV_TEST(an_earlier_recovery_is_no_proof_against_the_next)
{
        unsigned m;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss %u,sackOK,TS val 100 ecr 0,wscale 7>", c->mss);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        m = c->mss - 12;
        conv_send(c, 40 * m);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 <TS val 200 ecr 100,sack %u:%u>", 1 + m, 1 + 10 * m);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
        CONV_CHECK(c, conv_info(c).flight >= 14 * m);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 <TS val 300 ecr 100,sack %u:%u %u:%u>", 1 + 11 * m, 1 + 13 * m,
                1 + m, 1 + 10 * m);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).total_retrans, 3); /* the first one's was lost, too */
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack %u <TS val 400 ecr 300,sack %u:%u>", 1 + 10 * m, 1 + 11 * m,
                1 + 13 * m);
        conv_ignore(c);
        /* it is over, and what left with the first new segments is lost: the next one */
        CONV_EQ(c, conv_info(c).total_retrans, 4);
        conv_advance(c, ELKO_MS(1));
        conv_in(c, ". 1:1(0) ack %u <TS val 401 ecr 300>", 1 + 13 * m);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).undone, 0);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_RECOVERY);
}

/* One probe, the last segment, and then the timer, anew. [RFC8985 7.2-2 7.3-1 7.3-4 7.3-5 8] */
CONV_TEST(a_probe_and_then_the_timer)
{
        unsigned m;

        start(c, &fixed, 3);
        m = c->mss;
        conv_out_after(c, ELKO_MS(202), "P. %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_counted(c, tcp_loss_probes, 1);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_OPEN);
        conv_out_after(c, ELKO_MS(300), ". 1:%u(%u) ack 1", 1 + m, m);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        conv_out_after(c, ELKO_MS(600), ". 1:%u(%u) ack 1", 1 + m, m);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_loss_probes, 1);
        ack(c, 3);
}

/* Nothing is probed for while something that is known to be lost waits for the window: here segments that were too large
 * for the path. [RFC8985 7.2-1] */
CONV_TEST(no_probe_while_something_is_lost)
{
        unsigned m, hop, gone = 0;

        start(c, &sack, 10);
        m = c->mss;
        hop = c->variant->v6 ? 1280 : 600;
        conv_in_icmp(c, c->variant->v6 ? 2 : 3, c->variant->v6 ? 0 : 4, hop, ". 1:%u(%u) ack 1",
                     1 + m, m);
        for (unsigned i = 0; i < conv_pending(c); i++)
                gone += conv_peek(c, i)->len;
        CONV_CHECK(c, conv_ignore(c) > 0 && gone < 10 * m);
        conv_quiet(c, ELKO_MS(299)); /* a probe would be due after 202 ms */
        conv_advance(c, ELKO_MS(1));
        CONV_CHECK(c, conv_pending(c) > 0 && conv_peek(c, 0)->seq == c->f->iss + 1);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).ca_state, ELKO_CA_LOSS);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_loss_probes, 0);
        ack(c, 10);
        conv_ignore(c);
}

/* RELIABILITY A9-8: SND.UNA stands at what was SACKed, half a round trip long. [RFC2018 5b 5c] */
CONV_TEST(a9_8_reneged)
{
        unsigned m;

        start(c, &sack, 4);
        m = c->mss;
        conv_advance(c, ELKO_MS(30));
        sacked(c, 0, 1, 4);
        out(c, 0, 1, false);
        ack(c, 1);
        conv_none(c);
        conv_out_after(c, ELKO_US(45625), ". %u:%u(%u) ack 1", 1 + m, 1 + 2 * m, m);
        conv_counted(c, tcp_sack_reneged, 1);
        CONV_EQ(c, conv_info(c).sacked, 0);
        ack(c, 2);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_out(c, "P. %u:%u(%u) ack 1", 1 + 3 * m, 1 + 4 * m, m);
        ack(c, 4);
}

/* RELIABILITY A4-6: blocks of a byte or two, wherever: no record is split below a segment, and nothing that arrived in
 * part counts. [RFC6675 4-update] */
CONV_TEST(a4_6_tiny_blocks)
{
        start(c, &sack, 10);
        for (unsigned i = 2; i < 9 * c->mss; i += 97)
                conv_in(c, ". 1:1(0) ack 1 <sack %u:%u %u:%u>", 1 + i, 2 + i, 1 + i + 3, 3 + i + 3);
        conv_none(c);
        CONV_EQ(c, conv_info(c).sacked, 0);
        CONV_EQ(c, conv_info(c).unacked, 10);
        ack(c, 10);
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Fields of segments, each over its whole range or over all of its edges: the MSS of either SYN (RFC 9293,
 * 3.7.1), flags and urgent pointer (3.1, RFC 6093), the ACK number (RFC 5961, 5.2; RFC 9293, 3.10.7.4).
 */

/* ---- the MSS option of either side ---- */

/* What a full segment carries when the peer's SYN said `option` (-1: nothing), no other options in force. */
static uint32_t full_segment(const struct conv *c, int option)
{
        uint32_t mss = option > 0 ? (uint32_t)option : c->variant->v6 ? 1220 : 536;

        if (mss < c->cfg.min_mss)
                mss = c->cfg.min_mss;
        return mss < c->mss ? mss : c->mss;
}

static const int options[] = {-1, 0,  1,   7,   8,    12,   13,   40,   47,
                              48, 49, 100, 536, 1220, 1460, 9000, 65535};

static void opens(struct conv *c, bool active, int option)
{
        char text[32] = "<nop>";

        if (option >= 0)
                snprintf(text, sizeof(text), "<mss %d>", option);
        if (active) {
                conv_connect(c);
                conv_out(c, "S 0:0(0) <...>");
                conv_in(c, "S. 0:0(0) ack 1 win 65535 %s", text);
                conv_out(c, ". 1:1(0) ack 1 <>");
        } else {
                conv_in(c, "S 0:0(0) win 65535 %s", text);
                conv_out(c, "S. 0:0(0) ack 1 <...>");
                conv_in(c, ". 1:1(0) ack 1 win 65535");
                conv_accept(c);
        }
}

static void every_mss(struct conv *c, bool active)
{
        if (!active)
                conv_listen(c);
        for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                uint32_t size, at = 1;

                conv_flow(c, i);
                opens(c, active, options[i]);
                size = full_segment(c, options[i]);
                conv_send(c, 2 * size + 5);
                conv_out(c, ". %u:%u(%u) ack 1 <>", at, at + size, size);
                at += size;
                conv_out(c, ". %u:%u(%u) ack 1 <>", at, at + size, size);
                at += size;
                conv_out(c, "P. %u:%u(5) ack 1 <>", at, at + 5);
                conv_in(c, ". 1:1(0) ack %u", at + 5);
                conv_none(c);
        }
}

CONV_TEST(segments_after_every_mss_option_passive)
{
        conv_start(c, NULL);
        every_mss(c, false);
}

CONV_TEST(segments_after_every_mss_option_active)
{
        conv_start(c, NULL);
        every_mss(c, true);
}

/* ---- flags and pointers that say nothing about the stream ---- */

CONV_TEST(bits_that_do_not_change_the_stream)
{
        static const unsigned pointers[] = {0, 1, 9, 10, 11, 1000, 65535};
        static const char *const flags[] = {".", "P.", "U.", "UP.", "E.", "C.", "UPEC.", "A."};
        uint32_t at = 1;

        conv_start(c, NULL);
        conv_open_passive(c);
        for (unsigned i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
                for (unsigned k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
                        uint32_t len = 1 + ek_test_below(20);

                        /* In order, early, and both at once; then nothing but the flags. */
                        conv_in(c, "%s %u:%u(%u) ack 1 urg %u", flags[k], at + len, at + 2 * len,
                                len, pointers[i]);
                        CONV_CHECK(c, conv_ignore(c) == 1);
                        conv_in(c, "%s %u:%u(%u) ack 1 urg %u", flags[k], at, at + len, len,
                                pointers[i]);
                        CONV_CHECK(c, conv_ignore(c) == 1);
                        at += 2 * len;
                        conv_in(c, "%s %u:%u(0) ack 1 urg %u", flags[k], at, at, pointers[i]);
                        conv_none(c);
                        conv_recv(c, 2 * len);
                        conv_recv_is(c, ELKO_EAGAIN);
                        conv_ignore(c);
                }
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* ---- the ACK number ---- */

/* Data counts if and only if SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT; an ACK outside is answered on
 * both sides. The peer's window was 5000 at most; 1000 of 3000 bytes are acknowledged. */
CONV_TEST(data_with_every_kind_of_ack)
{
        static const struct conv_options plain = {.no_ts = true, .no_wscale = true};
        static const struct {
                int32_t from_una;
                bool good;
        } acks[] = {
                {0, true},       {1, true},        {1999, true},        {2000, true},
                {-1, true},      {-999, true},     {-4999, true},       {-5000, true},
                {-5001, false},  {-70000, false},  {-(1 << 30), false}, {2001, false},
                {100000, false}, {1 << 30, false}, {INT32_MAX, false},  {INT32_MIN, false},
        };

        conv_start(c, &plain);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                conv_flow(c, i);
                if (i == 0)
                        conv_listen(c);
                conv_in(c, "S 0:0(0) win 5000 <mss 1000>");
                conv_out(c, "S. 0:0(0) ack 1 <...>");
                conv_in(c, ". 1:1(0) ack 1 win 5000");
                conv_accept(c);
                conv_send(c, 3000);
                CONV_EQ(c, conv_pending(c), 3);
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1001 win 5000");
                conv_ignore(c);
                conv_in(c, "P. 1:11(10) ack %u win 5000", 1001 + (uint32_t)acks[i].from_una);
                if (acks[i].good) {
                        conv_ignore(c);
                        conv_recv(c, 10);
                } else {
                        conv_out(c, ". 3001:3001(0) ack 1");
                        conv_recv_is(c, ELKO_EAGAIN);
                        conv_dropped(c, ELKO_DROP_TCP_ACK_RANGE);
                }
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_abort(c);
                conv_ignore(c);
        }
}

/* ---- what does not count changes nothing ---- */

/* A segment that is refused leaves no trace, whatever its other fields say: the next honest one is taken,
 * with its timestamp (RFC 7323, 4.3), its ACK and its window. */
CONV_TEST(refused_segments_leave_no_trace)
{
        static const int32_t seqs[] = {-1, -2, -1000, -(1 << 20), 1 << 22, 1 << 30, INT32_MIN};
        static const int32_t vals[] = {0, 1, 1000, 1 << 20, 1 << 30, INT32_MAX, -1, INT32_MIN};
        uint32_t at = 1;

        conv_start(c, NULL);
        conv_open_passive(c);
        conv_in(c, ". 1:2001(2000) ack 1");
        conv_ignore(c);
        conv_recv(c, 2000);
        conv_ignore(c);
        at = 2001;
        for (unsigned i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
                for (unsigned k = 0; k < sizeof(vals) / sizeof(vals[0]); k++) {
                        uint32_t seq = at + (uint32_t)seqs[i];
                        uint32_t clock = 100 + (uint32_t)(conv_elapsed(c) / 1000000);

                        conv_advance(c, ELKO_SEC(1));
                        conv_ignore(c);
                        conv_in(c, ". %u:%u(0) ack 1 win 0 <TS val %u ecr 0>", seq, seq,
                                clock + 1000 + (uint32_t)vals[k]);
                        conv_ignore(c);
                        clock += 1000;
                        conv_in(c, "P. %u:%u(10) ack 1 <TS val %u ecr 0>", at, at + 10, clock);
                        conv_ignore(c);
                        conv_recv(c, 10);
                        conv_ignore(c);
                        at += 10;
                        CONV_CHECK(c, conv_info(c).snd_wnd > 0);
                }
        }
}

/* RFC 5461: an open connection survives every ICMP error about a segment in flight, and its window does not
 * shrink to one segment (RFC 6633). [RFC9293 MUST-56] */
CONV_TEST(no_icmp_error_ends_an_open_connection)
{
        conv_start(c, NULL);
        conv_open_passive(c);
        conv_send(c, 3000);
        conv_ignore(c);
        for (unsigned type = 0; type < 256; type++) {
                for (unsigned code = 0; code < 18; code++) {
                        uint32_t cwnd = conv_info(c).snd_cwnd;

                        conv_in_icmp(c, (uint8_t)type, (uint8_t)code, 0, "P. 1:3001(3000) ack 1");
                        conv_ignore(c);
                        conv_state(c, ELKO_TCP_ESTABLISHED);
                        CONV_EQ(c, conv_info(c).snd_cwnd, cwnd);
                }
        }
        conv_in(c, ". 1:1(0) ack 3001");
        conv_ignore(c);
        conv_in(c, "P. 1:11(10) ack 3001");
        conv_ignore(c);
        conv_recv(c, 10);
}

EK_TEST_MAIN();

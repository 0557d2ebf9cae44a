/* SPDX-License-Identifier: MIT */
/*
 * Rows of the attack table (doc/ATTACKS.md) that no other conversation covers: SACK blocks that can't be true
 * (RFC 2018, 4 and 8; RFC 2883), a peer that reneges (RFC 2018, 8), outages that come with every
 * retransmission (the shrew).
 */
#include "conv.h"

static const struct conv_options plain = {.no_ts = true};

/* Send `n` full segments, which all leave (IW10, RFC 6928). */
static void full_segments(struct conv *c, unsigned n)
{
        conv_open_passive(c);
        conv_send(c, (size_t)n * c->mss);
        for (unsigned i = 0; i < n; i++) {
                uint32_t from = 1 + i * c->mss;

                conv_out(c, "%s %u:%u(%u) ack 1", i + 1 == n ? "P." : ".", from, from + c->mss,
                         c->mss);
        }
        conv_none(c);
}

/*
 * RELIABILITY A9-7: below SND.UNA, above SND.NXT, inverted, empty, across SND.UNA, half a circle long. The
 * acknowledgement with them counts as what it is, and nothing else happens: nothing is taken as received, so
 * all of it comes again when it must.
 */
CONV_TEST(a9_7_impossible_sack_blocks)
{
        static const int32_t blocks[][2] = {{-1000, -10}, {-1000, 500},         {500, 500},
                                            {1000, 500},  {100000, 101000},     {1, 2000000000},
                                            {1, 0},       {-2000000000, -1000}, {2, 100001}};

        conv_start(c, &plain);
        full_segments(c, 4);
        for (unsigned i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
                conv_in(c, ". 1:1(0) ack 1 win %u <nop,nop,sack %u:%u>", 65000 - i,
                        (uint32_t)(1 + blocks[i][0]), (uint32_t)(1 + blocks[i][1]));
                CONV_EQ(c, conv_info(c).snd_una, c->f->iss + 1);
                CONV_EQ(c, conv_info(c).flight, 4u * c->mss);
                CONV_CHECK(c, conv_info(c).sacked <= 4);
        }
        conv_ignore(c); /* whether these counted as duplicates is not the point */
        conv_in(c, ". 1:1(0) ack %u", 1 + 4 * c->mss);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).flight, 0);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* What was sent, read by a peer that keeps nothing out of order; the end of what it has then. */
static uint32_t in_order(struct conv *c, uint32_t una)
{
        for (unsigned k = 0; k < conv_pending(c); k++)
                if (conv_peek(c, k)->seq - c->f->iss == una)
                        una += conv_peek(c, k)->len;
        conv_ignore(c);
        return una;
}

/* RELIABILITY A9-8: the peer reports the last three of four segments, and forgets them. A SACK is only a
 * hint: nothing is released before the acknowledgement, and the time-out sends everything once more.
 * [RFC2018 5a 5c 5.1b 8d] */
CONV_TEST(a9_8_reneging_peer)
{
        uint32_t una = 1, end;

        conv_start(c, &plain);
        full_segments(c, 4);
        end = 1 + 4u * c->mss;
        conv_in(c, ". 1:1(0) ack 1 <nop,nop,sack %u:%u>", 1 + c->mss, end);
        conv_ignore(c);
        /* From here the peer takes one segment at a time, in order, and never says SACK again. */
        for (unsigned round = 0; una != end; round++) {
                uint32_t had = una;

                CONV_CHECK(c, round < 50);
                conv_advance(c, ELKO_SEC(2));
                una = in_order(c, una);
                while (una != had) {
                        had = una;
                        conv_in(c, ". 1:1(0) ack %u", una);
                        una = in_order(c, una);
                }
        }
        CONV_EQ(c, conv_info(c).flight, 0);
        CONV_EQ(c, conv_info(c).snd_una, c->f->iss + end);
}

/* RELIABILITY A4-16: whatever is sent at a time-out is lost, six times in a row. When the outages end, the
 * next retransmission is the last: everything is through two round trips later. */
CONV_TEST(a4_16_outages_at_every_timeout)
{
        uint64_t healed;

        conv_start(c, &plain);
        full_segments(c, 4);
        for (unsigned i = 0; i < 6; i++) {
                while (conv_pending(c) == 0)
                        conv_advance(c, ELKO_MS(100));
                conv_ignore(c);
        }
        while (conv_pending(c) == 0)
                conv_advance(c, ELKO_MS(100));
        healed = conv_elapsed(c);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack %u", 1 + c->mss); /* one came through */
        CONV_CHECK(c, conv_pending(c) > 0);        /* slow start goes on at once */
        conv_ignore(c);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack %u", 1 + 3 * c->mss);
        conv_ignore(c);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, ". 1:1(0) ack %u", 1 + 4 * c->mss);
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).flight, 0);
        CONV_CHECK(c, conv_elapsed(c) - healed <= ELKO_MS(30));
}

EK_TEST_MAIN();

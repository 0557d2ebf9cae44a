/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What short conversations leave out: windows of more than 64 KiB, quiet about segments that are no news,
 * the window's edge. RFC 9293, 3.10.7.4; RFC 6298, 5.
 */

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

static const struct conv_options no_sack = {.no_sack = true};
static const struct conv_options small = {
        .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

/* Sum of the payload that left since the last look. */
static uint32_t sent(struct conv *c)
{
        uint32_t n = 0;

        for (unsigned i = 0; i < conv_pending(c); i++)
                n += conv_peek(c, i)->len;
        conv_ignore(c);
        return n;
}

/* Slow start up to a window that needs the scale option, then nothing more arrives: the time-out finds
 * more than 2^16 bytes outstanding, and all of them go again. */
CONV_TEST(a_large_window_is_lost)
{
        uint32_t nxt = 1, una, n = 0, again = 0;

        conv_start(c, &no_sack);
        conv_open_passive(c);
        conv_send(c, 600000);
        for (unsigned round = 0; round < 10 && n <= 150000; round++) {
                n = sent(c);
                nxt += n;
                if (n > 150000)
                        break;
                conv_advance(c, ELKO_MS(20));
                conv_in(c, ". 1:1(0) ack %u", nxt);
        }
        CONV_CHECK(c, n > 150000);
        una = nxt - n;
        conv_advance(c, ELKO_MS(300)); /* one time-out (RFC 6298, 5.4): the first segment */
        CONV_CHECK(c, conv_pending(c) >= 1);
        CONV_EQ(c, conv_peek(c, 0)->seq - c->f->iss, una);
        again = sent(c);
        /* From here on everything arrives. */
        for (unsigned round = 0; round < 200 && una + again < nxt; round++) {
                conv_in(c, ". 1:1(0) ack %u", una + again);
                again += sent(c);
        }
        CONV_CHECK(c, una + again >= nxt);
}

/* However many duplicate ACKs come, no more than the window that was under way goes out before the next
 * progress: half of it as new data (RFC 5681, 3.2; each duplicate stands for a segment that left the
 * network, and no more than were in it can have left), one retransmission, limited transmit. */
CONV_TEST(duplicate_acks_without_end)
{
        uint32_t nxt = 1, una, n = 0, more = 0;

        conv_start(c, &no_sack);
        conv_open_passive(c);
        conv_send(c, 900000);
        for (unsigned round = 0; round < 10 && n <= 100000; round++) {
                n = sent(c);
                nxt += n;
                if (n > 100000)
                        break;
                conv_advance(c, ELKO_MS(20));
                conv_in(c, ". 1:1(0) ack %u", nxt);
        }
        una = nxt - n;
        for (unsigned i = 0; i < 2000; i++) {
                conv_in(c, ". 1:1(0) ack %u", una);
                more += sent(c);
        }
        CONV_CHECK(c, more >= c->mss - 12u); /* the retransmission */
        CONV_CHECK(c, more <= n / 2 + 4 * c->mss);
}

/* An old segment without text is answered, once in the interval of challenge ACKs: two ends that lost
 * track of each other must not exchange ACKs for ever (RFC 5961, 7). */
CONV_TEST(old_acks_are_answered_at_a_bounded_rate)
{
        conv_start(c, NULL);
        conv_open_passive(c);
        conv_in(c, ". 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_advance(c, ELKO_SEC(2));
        conv_in(c, ". 50:50(0) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        for (unsigned i = 0; i < 20; i++) {
                conv_in(c, ". %u:%u(0) ack 1", 50 + i, 50 + i);
                conv_in(c, ". 200000000:200000000(0) ack 1");
        }
        conv_none(c);
        conv_advance(c, ELKO_MS(500));
        conv_in(c, ". 50:50(0) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
}

/* An exact ACK is no reason for an ACK, whatever our window is. */
CONV_TEST(acks_at_a_closed_window_are_not_answered)
{
        conv_start(c, &small);
        conv_open_passive(c);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_ignore(c);
        }
        CONV_EQ(c, c->f->edge - c->f->last_ack, 0); /* closed */
        conv_in(c, ". 4097:4097(0) ack 1");
        conv_none(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 4097 win 0");
        conv_in(c, ". 4097:4097(0) ack 101 win 0");
        conv_in(c, ". 4097:4097(0) ack 101 win 5000");
        conv_none(c);
}

/* 3.10.7.4: "segments with higher beginning sequence numbers" and what lies beyond the window's edge are
 * trimmed, FIN included: it counts when the peer sends it again, if it does. */
CONV_TEST(a_fin_beyond_the_window_is_trimmed)
{
        conv_start(c, &small);
        conv_open_passive(c);
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_ignore(c);
        }
        conv_in(c, "F. 3073:4297(1224) ack 1"); /* 1024 of it fit */
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_recv(c, 4096);
        conv_out(c, ". 1:1(0) ack 4097 win 4096");
        conv_in(c, ". 4097:4297(200) ack 1");
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_recv(c, 200);
        conv_recv_is(c, ELKO_EAGAIN);
        conv_ignore(c);
        conv_in(c, "F. 4297:4297(0) ack 1");
        conv_out(c, ". 1:1(0) ack 4298");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
}

/* Lengths are clamped, never cut to fewer bits: what does not fit is not taken (SEND), what is not there is
 * not given (RECEIVE). */
CONV_TEST(lengths_at_the_end_of_their_range)
{
        static const size_t huge[] = {UINT32_MAX, (size_t)INT32_MAX + 1, SIZE_MAX / 2 + 1,
                                      SIZE_MAX - UINT32_MAX, SIZE_MAX};
        static uint8_t buf[8192];

        conv_start(c, &small);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, 4096);
        for (size_t k = 0; k < sizeof(huge) / sizeof(huge[0]); k++) {
                uint32_t at = (uint32_t)c->f->received;

                for (uint32_t i = 0; i < 4096; i++)
                        buf[i] = conv_stack_byte(c->f->sent + i);
                CONV_EQ(c, elko_send(c->st, c->f->sock, buf, huge[k], 0), 4096);
                c->f->sent += 4096;
                CONV_EQ(c, elko_send(c->st, c->f->sock, buf, huge[k], 0), ELKO_EAGAIN);
                conv_pull(c);
                conv_ignore(c);
                conv_in(c, "P. %u:%u(100) ack %u", 1 + at, 101 + at, 1 + (uint32_t)c->f->sent);
                conv_ignore(c);
                CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, huge[k]), 100);
                for (uint32_t i = 0; i < 100; i++)
                        CONV_EQ(c, buf[i], conv_peer_byte(at + i));
                c->f->received += 100;
                CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, huge[k]), ELKO_EAGAIN);
                CONV_EQ(c, elko_recv_consume(c->st, c->f->sock, huge[k]), ELKO_EINVAL);
                CONV_EQ(c, elko_send_commit(c->st, c->f->sock, huge[k], 0), ELKO_EINVAL);
                conv_pull(c);
                conv_ignore(c);
        }
}

/* When the application is gone, every connection ends in bounded time by itself, whatever the peer does
 * (I-48): it may be silent, or answer everything and never open its window, or never acknowledge the FIN,
 * or never close. */
CONV_TEST(every_orphan_ends)
{
        static const enum elko_tcp_state from[] = {ELKO_TCP_ESTABLISHED, ELKO_TCP_CLOSE_WAIT};
        enum { SILENT, CLOSED_WINDOW, NO_FIN, NEVER_CLOSES, PEERS };

        conv_start(c, NULL);
        for (unsigned i = 0; i < 2 * PEERS; i++) {
                unsigned peer = i / 2, seconds = 0;
                uint32_t nxt = conv_peer_nxt(from[i % 2]);
                /* What the peer acknowledges: nothing, data, data and FIN. */
                uint32_t ack = peer == NO_FIN ? 501 : peer == NEVER_CLOSES ? 502 : 1;

                conv_flow(c, i);
                conv_reach(c, from[i % 2], false);
                if (peer == CLOSED_WINDOW)
                        conv_in(c, ". %u:%u(0) ack 1 win 0", nxt, nxt);
                conv_send(c, 500);
                conv_ignore(c);
                conv_close(c);
                while (conv_get_state(c) > ELKO_TCP_LISTEN && seconds++ < 2000) {
                        bool asked = conv_ignore(c) > 0;

                        if (asked && peer != SILENT)
                                conv_in(c, ". %u:%u(0) ack %u win %u", nxt, nxt, ack,
                                        peer == CLOSED_WINDOW ? 0 : 1000);
                        conv_ignore(c);
                        conv_advance(c, ELKO_SEC(1));
                }
                conv_ignore(c);
                CONV_CHECK(c, conv_get_state(c) <= ELKO_TCP_LISTEN);
        }
}

EK_TEST_MAIN();

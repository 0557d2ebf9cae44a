/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What the model of a connection's life (test/spin) found in the engine, as conversations.
 */

/* Property P2 with an old duplicate, configuration old-syn. The peer is ESTABLISHED and its ACK is under way
 * when an old SYN comes: RFC 9293, 3.10.7.4 first, it is outside of the window and gets an ACK. If it took
 * the half-open entry's place, the ACK would be answered by a reset, and the connection be lost. */
CONV_TEST(old_syn_does_not_replace_half_open)
{
        static const int seqs[] = {70000, -1, -5000, 0x40000000, -0x40000000};

        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, false);
        for (unsigned i = 0; i < sizeof(seqs) / sizeof(seqs[0]); i++) {
                conv_in(c, "S %d:%d(0) win 65535 <mss M>", seqs[i], seqs[i]);
                conv_out(c, ". 1:1(0) ack 1");
                conv_dropped(c, ELKO_DROP_TCP_HALF_OPEN_SEQ);
                conv_state(c, ELKO_TCP_SYN_RECEIVED);
                CONV_EQ(c, conv_memory(c).half_open, 1);
        }
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

/* The other way round, figure 8: the entry is of the old SYN. The peer's reset is exact and ends it, and its
 * SYN, sent again, is answered. */
CONV_TEST(old_syn_first)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, false);
        conv_in(c, "S 200000:200000(0) win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_state(c, ELKO_TCP_LISTEN);
        conv_advance(c, ELKO_MS(5));
        conv_forget(c);
        conv_in(c, "S 200000:200000(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 200001 <mss M>");
        conv_in(c, ". 200001:200001(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

static const struct conv_options small = {
        .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

/* Property P11, configuration probe. Both windows are closed, and the peer probes ours with a byte that it
 * counts (RFC 9293, 3.8.6.1, SHLD-29): from then on it speaks from behind that byte. "If the RCV.WND is zero,
 * no segments will be acceptable, but special allowance should be made to accept valid ACKs" (3.10.7.4 first):
 * its window update must count, or an application that writes before it reads waits for ever. */
CONV_TEST(window_update_from_behind_a_probe)
{
        conv_start(c, &small);
        conv_open_passive(c);
        conv_in(c, "P. 1:4097(4096) ack 1 win 0");
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_send(c, 100);
        conv_none(c); /* its window is closed */
        conv_in(c, "P. 4097:4098(1) ack 1 win 0");
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_ignore(c);
        conv_in(c, ". 4098:4098(0) ack 1 win 5000"); /* its application has read */
        conv_out(c, "P. 1:101(100) ack 4097 win 0");
        conv_ignore(c);
        conv_in(c, ". 4098:4098(0) ack 101 win 5000");
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).flight, 0);
        conv_quiet(c, ELKO_SEC(100));
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Not any number, though, and no more than the ACK field counts. */
CONV_TEST(nothing_else_from_behind_a_closed_window)
{
        conv_start(c, &small);
        conv_open_passive(c);
        conv_in(c, "P. 1:4097(4096) ack 1 win 0");
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_send(c, 100);
        conv_in(c, ". 5800:5800(0) ack 1 win 5000");
        conv_out(c, ". 1:1(0) ack 4097 win 0");
        conv_none(c);
        conv_in(c, "R 4098:4098(0)");
        conv_none(c);
        conv_in(c, ". 4098:4098(0) ack 102 win 5000"); /* more than was sent */
        conv_none(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 0);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Property P9, configuration war (RELIABILITY A5-1, A5-3). Somebody put a byte into each direction: both ends
 * acknowledge more than was sent, right before what the other expects. Two elkos would answer each other
 * without end; one answer in 500 ms is allowed. */
CONV_TEST(desynchronized_by_one)
{
        unsigned answers = 0;

        conv_start(c, NULL);
        conv_open_passive(c);
        conv_in(c, "P. 1:2(1) ack 1");
        conv_ignore(c);
        for (unsigned i = 0; i < 100; i++) {
                conv_in(c, ". 1:1(0) ack 2"); /* the peer has nothing at 1 any more */
                answers += conv_ignore(c);
                conv_advance(c, ELKO_MS(5));
        }
        CONV_EQ(c, answers, 1);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        /* An honest probe is answered each time. */
        answers = 0;
        for (unsigned i = 0; i < 10; i++) {
                conv_in(c, ". 1:1(0) ack 1");
                answers += conv_ignore(c);
                conv_advance(c, ELKO_MS(5));
        }
        CONV_EQ(c, answers, 10);
}

/* Configuration war: an injected segment, or an old duplicate, left bytes beyond the peer's FIN. The FIN that
 * comes in sequence is believed, or it would be sent and ignored until the peer gives up, and this end be
 * ESTABLISHED for ever. */
CONV_TEST(fin_in_sequence_beats_what_lies_beyond)
{
        conv_start(c, NULL);
        conv_open_passive(c);
        conv_in(c, "P. 5:15(10) ack 1");
        conv_ignore(c);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_recv_is(c, 0);
        conv_close(c); /* and nothing is left unread */
        conv_out(c, "F. 1:1(0) ack 2");
        conv_in(c, ". 2:2(0) ack 2");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* One that comes early is not, but it is answered. */
CONV_TEST(early_fin_and_what_lies_beyond)
{
        conv_start(c, NULL);
        conv_open_passive(c);
        conv_in(c, "P. 5:15(10) ack 1");
        conv_ignore(c);
        conv_in(c, "F. 3:3(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <...>");
        conv_in(c, "P. 1:3(2) ack 1");
        conv_out(c, ". 1:1(0) ack 3 <...>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, "F. 3:3(0) ack 1");
        conv_out(c, ". 1:1(0) ack 4");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_recv(c, 2);
        conv_recv_is(c, 0);
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
#include "conv.h"
#include "stack/stack.h"

/*
 * What the simulator found, each as the smallest conversation that shows it.
 */

static void small_buffer(struct elko_config *cfg)
{
        cfg->snd_buf_bytes = cfg->snd_buf_max_bytes = 2048;
}

/* WRITABLE means that elko_send() will not answer EAGAIN (stack.h): not so when what was queued before
 * the handshake ended fills the buffer. */
CONV_TEST(no_room_when_the_connection_opens_is_no_news)
{
        const struct conv_options options = {
                .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffer};
        uint8_t byte = 0;

        conv_start(c, &options);
        conv_connect(c);
        conv_ignore(c);
        conv_send(c, 2048);
        CHECK_EQ(elko_send(c->st, c->f->sock, &byte, 1, 0), ELKO_EAGAIN);
        conv_in(c, "S. 0:0(0) ack 1 win 2000 <mss 1000>");
        conv_ignore(c);
        conv_event(c, ELKO_EV_CONNECTED);
        conv_in(c, ". 1:1(0) ack 2001 win 2000");
        conv_ignore(c);
        conv_event(c, ELKO_EV_WRITABLE);
        CHECK_EQ(elko_send(c->st, c->f->sock, &byte, 1, 0), 1);
        conv_ignore(c);
}

/* RFC 9293, 3.8.6.3: an ACK is delayed by less than 0.5 s. Data that waits for memory does not hold it
 * back: an ACK takes no sequence space and needs no record. */
CONV_TEST(an_ack_does_not_wait_for_memory)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};
        static uint32_t taken[4096];
        struct ek_slab *records;
        unsigned n = 0;

        conv_start(c, &options);
        conv_open_passive(c);
        /* Both rings are there; what is to be sent needs a record, and others have them all. */
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        c->hold = true;
        conv_send(c, 100);
        elko_fail_alloc(c->st, 1, true);
        records = &c->st->tcp.records;
        while (n < 4096 && (taken[n] = ek_slab_alloc(records)) != EK_NIL)
                n++;
        CHECK(n > 0 && n < 4096);
        c->hold = false;
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        elko_fail_alloc(c->st, 0, false);
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 21");
        conv_in(c, ". 21:21(0) ack 101");
        conv_none(c);
        while (n-- > 0)
                ek_slab_free(records, taken[n]);
}

/* RFC 7323, 4.3 (2), with RFC 5961, 5.2: a segment whose acknowledgement is out of range is dropped, and
 * its timestamp with it. Else one packet that guesses the sequence number alone would make PAWS (5.3) refuse
 * everything that the peer sends from then on. */
CONV_TEST(a_dropped_segment_leaves_no_timestamp)
{
        const struct conv_options options = {.no_sack = true};

        conv_start(c, &options);
        conv_open_passive(c);
        conv_in(c, "P. 1:11(10) ack 1 <TS val 100 ecr 0>");
        conv_ignore(c);
        conv_in(c, "P. 11:21(10) ack 5000 <TS val 900000 ecr 0>");
        conv_ignore(c);
        conv_in(c, "S 11:11(0) <TS val 900000 ecr 0>");
        conv_ignore(c);
        conv_in(c, "P. 11:21(10) ack 1 <TS val 101 ecr 0>");
        conv_out(c, ". 1:1(0) ack 21 <TS val 0 ecr 101,...>");
        conv_recv(c, 20);
}

/* RFC 9293, 3.6.1: TIME-WAIT lasts 2 MSL. Entries keep their end modulo 2^29 ms, 6.2 days; a host that sleeps
 * for some days more than that must not find them waiting for days. */
CONV_TEST(time_wait_ends_when_the_host_slept)
{
        for (unsigned days = 1; days <= 13; days++) {
                conv_start(c, NULL);
                conv_reach(c, ELKO_TCP_TIME_WAIT, true);
                c->now += ELKO_SEC(86400ull * days);
                elko_advance(c->st, c->now);
                CONV_EQ(c, conv_memory(c).time_wait, 0);
                CONV_EQ(c, elko_next_deadline(c->st), ELKO_NEVER);
        }
}

/* Pools keep an empty chunk each for the next object. When nothing else is free, a connection's first send
 * buffer is worth more: else a connection that is alone in the stack could wait for ever. What it was given
 * it can send, too: with the connection came a chunk of records. */
CONV_TEST(empty_chunks_are_given_up_for_the_first_buffer)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};

        conv_start(c, &options);
        conv_open_passive(c); /* leaves an empty chunk for half-open ones */
        conv_take_all(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_give_all(c);
        conv_in(c, ". 1:1(0) ack 101");
}

/* RFC 2883, 4 (1): a D-SACK is about the latest packet. The ACK of the duplicate may be one with data, which
 * has no room for the block; the next packet's ACK must not name it. [RFC2883 4-1] */
CONV_TEST(a_dsack_is_not_kept_for_another_packet)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 201:301>");
        conv_hold(c, true);
        conv_in(c, ". 1:301(300) ack 1");
        conv_send(c, c->mss);
        conv_hold(c, false);
        conv_out(c, "P. 1:%u(%u) ack 301 <>", c->mss + 1, c->mss);
        conv_in(c, ". 401:501(100) ack %u", c->mss + 1);
        conv_out(c, ". %u:%u(0) ack 301 <sack 401:501>", c->mss + 1, c->mss + 1);
}

/* RFC 9293, 3.4: the FIN has a sequence number and is no byte of the stream. A duplicate that comes with it
 * is named by its own numbers (RFC 2883, 4 (3)). */
CONV_TEST(a_dsack_with_the_fin_has_the_numbers_of_the_data)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, ". 101:201(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 101:201>");
        conv_in(c, "F. 1:201(200) ack 1");
        conv_out(c, ". 1:1(0) ack 202 <sack 101:201>");
        conv_ignore(c);
}

/* RFC 7323, 4.3 (2): TS.Recent follows the segments that are acceptable, in TIME-WAIT as well: an ACK of what the
 * peer had not seen acknowledged, whose clock went on. */
CONV_TEST(time_wait_keeps_the_newest_timestamp)
{
        const struct conv_options options = {.no_sack = true};

        conv_start(c, &options);
        conv_connect(c);
        conv_ignore(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M,TS val 100 ecr 0>");
        conv_ignore(c);
        conv_close(c);
        conv_ignore(c);
        conv_in(c, "F. 1:1(0) ack 2 <TS val 100 ecr 0>");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_ignore(c);
        conv_in(c, ". 2:2(0) ack 2 <TS val 200 ecr 0>");
        conv_none(c);
        conv_in(c, ". 2:2(0) ack 1 <TS val 300 ecr 0>"); /* acknowledges less: may be anybody's */
        conv_in(c, ". 3:3(0) ack 2 <TS val 400 ecr 0>"); /* not at the left edge */
        conv_ignore(c);
        conv_in(c, "F. 1:1(0) ack 2 <TS val 200 ecr 0>");
        conv_out(c, ". 2:2(0) ack 2 <TS val * ecr 200>");
}

/* RFC 5681, 4.2: what comes above a gap is acknowledged at once, a FIN without text as well, each time. */
CONV_TEST(a_fin_above_a_gap_is_acknowledged_each_time)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, "F. 101:101(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "F. 101:101(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, ". 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        conv_ignore(c);
}

/* A second FIN with another number is not believed (the first one's never changes), but it is acknowledged: it
 * occupies a number of the window and is not taken (RFC 9293, 3.10.7.4). */
CONV_TEST(a_fin_that_is_not_believed_is_acknowledged)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, "F. 101:101(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, ". 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        conv_ignore(c);
}

/* RFC 7323, 5.3 (R1): what PAWS drops is acknowledged. A FIN as data is, each time: a peer that waits for the
 * acknowledgement of its FIN waits for nothing else. */
CONV_TEST(a_fin_that_paws_drops_is_acknowledged)
{
        const struct conv_options options = {.no_sack = true};

        conv_start(c, &options);
        conv_open_passive(c);
        conv_in(c, "P. 1:11(10) ack 1 <TS val 100 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val * ecr 100>");
        for (unsigned i = 0; i < 20; i++) {
                conv_in(c, "F. 11:11(0) ack 1 <TS val 99 ecr 0>");
                conv_out(c, ". 1:1(0) ack 11 <TS val * ecr 100>");
        }
        conv_in(c, "F. 11:11(0) ack 1 <TS val 100 ecr 0>");
        conv_out(c, ". 1:1(0) ack 12 <TS val * ecr 100>");
        conv_ignore(c);
}

/* RFC 6298, 5: a SYN that comes again is answered again, and changes nothing about the timer. It counted as one of
 * the timer's transmissions: the entry waited for longer, and held up all that had come before it. */
CONV_TEST(a_repeated_syn_leaves_the_timer_alone)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        for (unsigned i = 0; i < 5; i++) {
                conv_advance(c, ELKO_MS(100));
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        }
        conv_out_after(c, ELKO_MS(500), "S. 0:0(0) ack 1 <mss M>");
        conv_out_after(c, ELKO_SEC(2), "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

static void small_window(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 2048;
}

/* The same for the window that a SYN+ACK has announced: the connection that it is kept for is this one. */
CONV_TEST(empty_chunks_are_given_up_for_the_announced_window)
{
        const struct conv_options options = {
                .no_sack = true, .no_ts = true, .config = small_window};

        conv_start(c, &options);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_abort(c); /* leaves an empty chunk for settings */
        conv_ignore(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_ignore(c);
        conv_take_all(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_give_all(c);
        conv_accept(c);
}

/* RFC 9293, 3.10.7.4, fourth: another SYN in the window makes SYN-RECEIVED a new one. Its ISS is another one
 * (3.4.1), even when the clock stands: else the ACK of the first SYN+ACK would open it, with bytes that are
 * off by the difference of the two SYNs. */
CONV_TEST(another_syn_gets_another_iss)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, "S 2:2(0) win 65535 <mss 1460>");
        conv_ignore(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_accept_none(c);
        conv_ignore(c);
}

/* The same when the first one was reset in between, seed 314183 (an exact reset can be forged); or when the
 * connection was open and is gone: in one instant all of it. */
CONV_TEST(a_reset_and_another_syn_in_one_instant)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, "R 1:1(0) win 65535");
        conv_in(c, "S 2:2(0) win 65535 <mss 1460>");
        conv_ignore(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_accept_none(c);
        conv_ignore(c);
}

CONV_TEST(a_connection_reset_and_another_syn_in_one_instant)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_in(c, "R 1:1(0) win 65535");
        conv_in(c, "S 2:2(0) win 65535 <mss 1460>");
        conv_ignore(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_accept_none(c);
        conv_ignore(c);
}

/* All records there can be, as other connections' would take them. */
static uint32_t record[4096];
static unsigned records;

static void take_records(struct ek_slab *slab)
{
        for (records = 0; records < 4096; records++)
                if ((record[records] = ek_slab_alloc(slab)) == EK_NIL)
                        return;
}

static void give_records(struct ek_slab *slab)
{
        while (records-- > 0)
                ek_slab_free(slab, record[records]);
}

/* A retransmission needs no memory: what it could wait for may be its own acknowledgement (seed 542946). */
CONV_TEST(a_retransmission_goes_without_memory)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};

        conv_start(c, &options);
        conv_open_passive(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_take_all(c);
        take_records(&c->st->tcp.records);
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(400), "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101");
        give_records(&c->st->tcp.records);
        conv_give_all(c);
}

/* Not even when the path takes smaller segments by now, so that one record would have to become two. The
 * acknowledgement of the first part makes room for the next. */
CONV_TEST(a_smaller_retransmission_goes_without_memory)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};
        uint32_t mtu = 1300, len = mtu - (c->variant->v6 ? 60 : 40);

        conv_start(c, &options);
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_send(c, 1400);
        conv_out(c, "P. 1:1401(1400) ack 1");
        conv_take_all(c);
        take_records(&c->st->tcp.records);
        conv_in_icmp(c, c->variant->v6 ? 2 : 3, c->variant->v6 ? 0 : 4, mtu,
                     "P. 1:1401(1400) ack 1");
        conv_ignore(c);
        conv_out_after(c, ELKO_MS(200), ". 1:%u(%u) ack 1", 1 + len, len);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack %u", 1 + len);
        conv_out(c, "P. %u:1401(%u) ack 1", 1 + len, 1400 - len);
        conv_in(c, ". 1:1(0) ack 1401");
        give_records(&c->st->tcp.records);
        conv_give_all(c);
}

/* Behind the peer's FIN comes no text (RFC 9293, 3.10.7.4, seventh): what was kept for the window is there for
 * a send buffer. In a small region it can be all there is, for all connections (seed 582703). */
CONV_TEST(a_fin_gives_the_window_back)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};

        conv_start(c, &options);
        conv_open_passive(c);
        conv_take_all(c);
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        CONV_EQ(c, conv_memory(c).promised, 0);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 2");
        conv_give_all(c);
        conv_in(c, ". 2:2(0) ack 101");
}

/* The same with text that was read after the FIN had come. */
CONV_TEST(what_is_read_behind_a_fin_gives_the_buffer_back)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true};
        uint64_t before;

        conv_start(c, &options);
        conv_open_passive(c);
        conv_in(c, "PF. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102");
        before = conv_memory(c).used;
        conv_recv_some(c, 60);
        CONV_EQ(c, conv_memory(c).used, before);
        conv_recv(c, 40);
        CONV_EQ(c, conv_memory(c).promised, 0);
        CONV_CHECK(c, conv_memory(c).used < before);
        conv_recv_is(c, 0);
}

/* RFC 2883, 4 (1): a D-SACK names data. The text of a SYN begins behind the SYN's own number, so the octets named
 * were not those that came; what says SYN inside of a connection says nothing about its text, seed 314447. */
CONV_TEST(the_text_of_an_old_syn_is_no_duplicate)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_ignore(c);
        conv_in(c, "S. 51:151(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101 <>");
        conv_in(c, "S 1:11(10) win 65535");
        conv_out(c, ". 1:1(0) ack 101 <>");
        conv_in(c, ". 51:101(50) ack 1");
        conv_out(c, ". 1:1(0) ack 101 <sack 51:101>");
}

/* RFC 2018, 4: SACK is in all ACKs that do not acknowledge the highest sequence number held, and a FIN without text
 * is one of them. A peer that lost every other ACK learnt nothing from it, seed 234696. */
CONV_TEST(a_fin_names_what_is_held)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, ". 101:201(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 101:201>");
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1 <sack 101:201>");
        conv_out_after(c, ELKO_MS(200), "F. 1:1(0) ack 1 <sack 101:201>");
        conv_ignore(c);
}

/* RFC 2883, 4 (3): each duplicate is reported once. A probe is no acknowledgement, so that the report waits for the one
 * that is; it left with both, seed 1090458. */
CONV_TEST(a_probe_reports_no_duplicate)
{
        const struct conv_options options = {.no_ts = true};

        conv_start_open(c, &options);
        conv_in(c, "P. 1:101(100) ack 1 win 0");
        conv_ignore(c);
        conv_send(c, 10);
        conv_hold(c, true);
        conv_in(c, "P. 51:151(100) ack 1 win 0");
        conv_advance(c, ELKO_SEC(1));
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, ". 0:0(0) ack 151 <>");
        conv_out(c, ". 1:1(0) ack 151 <sack 51:101>");
        conv_ignore(c);
}

/* RFC 9293, 3.4: SEG.ACK =< SND.NXT, and half the circle away nothing is before anything. To a peer that never opened
 * its window, with nothing outstanding, an ACK of 2^31 octets was in range: SND.UNA went there and SND.NXT did not,
 * seed 446992 (one bit of an honest ACK was flipped). */
CONV_TEST(an_ack_of_half_the_circle_is_none)
{
        const struct conv_options options = {.no_sack = true, .no_ts = true, .no_wscale = true};

        conv_start(c, &options);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 0 <mss 1000>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_accept(c);
        conv_in(c, "P. 1:11(10) ack 2147483649 win 5000");
        conv_out(c, ". 1:1(0) ack 1");
        conv_dropped(c, ELKO_DROP_TCP_ACK_RANGE);
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, "P. 1:11(10) ack 1 win 5000");
        conv_out(c, ". 1:1(0) ack 11");
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 11");
}

/* RFC 9293, 3.10.7.4, TIME-WAIT: the sequence number is looked at first, the ACK bit fifth. So what is out of the
 * window is acknowledged without that bit, too, as it is in every other state, seeds 5810 and 140480; it does not
 * restart 2 MSL, which would be the eighth. */
CONV_TEST(time_wait_looks_at_the_number_first)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_TIME_WAIT, true);
        conv_advance(c, ELKO_SEC(1));
        conv_in(c, "F 1:1(0)");
        conv_out(c, ". 2:2(0) ack 2");
        conv_in(c, "P -9:1(10)");
        conv_out(c, ". 2:2(0) ack 2");
        conv_in(c, "P 1:11(10)");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_NO_ACK_FLAG);
        conv_quiet(c, 2 * c->cfg.msl_ns - ELKO_SEC(1) - ELKO_MS(1));
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_MS(4));
        conv_state(c, ELKO_TCP_CLOSED);
}

/* RFC 5681, 4.2: what fills a part of a gap is acknowledged at once, also of the one in front of an early FIN; the ACK waited
 * for its timer, seed 589. */
CONV_TEST(what_stands_before_an_early_fin_is_acknowledged_at_once)
{
        conv_start_open(c, NULL);
        for (unsigned i = 0; i < 30; i++) { /* no quick ACKs any more */
                conv_in(c, "P. %u:%u(10) ack 1", 1 + 10 * i, 11 + 10 * i);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(100));
                conv_ignore(c);
        }
        conv_in(c, "F. 501:501(0) ack 1");
        conv_ignore(c);
        conv_in(c, "P. 301:401(100) ack 1");
        conv_out(c, ". 1:1(0) ack 401 <...>");
        conv_ignore(c);
}

static void without_cookies(struct elko_config *cfg)
{
        cfg->syn_cookies = false;
}

/* All memory is in pools' empty chunks, kept for a next object, and none is of the kind that a SYN needs: nobody could ever
 * connect again. (RELIABILITY L1: without faults a connection opens.) */
CONV_TEST(empty_chunks_of_other_pools)
{
        const struct conv_options options = {.config = without_cookies};
        struct ek_tcp *t;

        conv_start(c, &options);
        conv_open_active(c);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_forget(c);
        conv_flow(c, 1);
        conv_listen(c);
        t = &c->st->tcp;
        ek_slab_trim(&t->half_opens);
        conv_take_all(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_give_all(c);
        conv_in(c, "R 1:1(0)");
}

/* What nobody reads lies in its buffer for days: the stack need not look each second whether it is gone. */
CONV_TEST(unread_data_wakes_nobody)
{
        unsigned wakes = 0;
        uint64_t until;

        conv_start(c, NULL);
        conv_open_active(c);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        until = c->now + ELKO_SEC(86400);
        while (elko_next_deadline(c->st) < until && wakes < 10000) {
                conv_advance(c, elko_next_deadline(c->st) - c->now);
                wakes++;
        }
        CONV_CHECK(c, wakes <= 1 + 6 + 24 * 60);
        /* Once it is read, buffers go back within a minute; after new data in two seconds. */
        conv_recv(c, 100);
        CONV_EQ(c, ek_slab_live(&c->st->tcp.actives), 1);
        conv_advance(c, ELKO_SEC(60));
        CONV_EQ(c, ek_slab_live(&c->st->tcp.actives), 0);
        conv_in(c, "P. 101:201(100) ack 1");
        conv_out(c, ". 1:1(0) ack 201");
        conv_advance(c, ELKO_SEC(3600));
        conv_in(c, "P. 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 301");
        conv_recv(c, 200);
        conv_advance(c, ELKO_SEC(2));
        CONV_EQ(c, ek_slab_live(&c->st->tcp.actives), 0);
}

static void no_cookies_small_chunks(struct elko_config *cfg)
{
        cfg->syn_cookies = false;
        cfg->slab_chunk_bytes = 8192;
}

/* In a region that is full but for one chunk that chunk is the half-open connection's. When the handshake ends it is
 * given up for the window: else the last ACK would be refused until the entry goes (seed 1135655). And where that is
 * not enough, it is there as before. */
CONV_TEST(a_half_open_connection_gives_way_to_its_own)
{
        const struct conv_options options = {
                .no_sack = true, .no_ts = true, .config = no_cookies_small_chunks};
        void *kept[2];

        conv_start(c, &options);
        conv_open_passive(c); /* its pools have room for another */
        while (ek_slab_trim(&c->st->tcp.half_opens))
                ;
        for (int i = 0; i < 2; i++)
                kept[i] = ek_region_alloc(c->st->region, 8192);
        conv_take_all(c);
        ek_region_free(c->st->region, kept[0], 8192);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss 1460>");
        conv_out(c, "S. 0:0(0) ack 1 win 2048 <...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        ek_region_free(c->st->region, kept[1], 8192);
        conv_give_all(c);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_recv(c, 100);
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
/*
 * The wire monitor's tolerances for stateless SYN+ACKs, and for what a judge with little memory does not know.
 *
 * Theory: RFC 4987, 3.6. A host that keeps nothing of a SYN answers each copy of it, learns from the segment that ends
 * the handshake what it needs, and makes the same connection once more when that segment comes again. Like
 * test_sim_monitor_reasons.c: each conversation has a twin that differs in what the reason depends on, and that must be
 * blamed.
 */
#include "test_sim_monitor_wire.h"

#define REASONS(X)                                                                                 \
        X(offers_in_the_low_bits, TSVAL)                                                           \
        X(low_bits_of_one_offer, TSVAL)                                                            \
        X(the_echo_chooses, SACK_ALLOWED)                                                          \
        X(lost_with_the_timestamps, EDGE_LEFT)                                                     \
        X(another_life_by_its_echo, TSECR)                                                         \
        X(another_life_by_its_fin, ABOVE_FIN)                                                      \
        X(another_life_that_says_the_same, ABOVE_FIN)                                              \
        X(the_same_in_pieces, FIN_FIXED)                                                           \
        X(another_life_by_its_number, EDGE_LEFT)                                                   \
        X(another_life_by_an_older_echo, TSECR)                                                    \
        X(another_life_by_its_window, EDGE_LEFT)                                                   \
        X(another_life_by_its_timestamps, TS_NEVER)                                                \
        X(another_life_in_a_full_queue, ACK_UNACCEPTABLE)                                          \
        X(window_of_the_copy, WINDOW)                                                              \
        X(keep_alive_of_the_same, STORM)                                                           \
        X(acknowledged_while_unwatched, EARLY_TEXT)                                                \
        X(timestamp_while_unwatched, TSECR)                                                        \
        X(text_while_unwatched, SEQ_GAP)                                                           \
        X(reset_before_it_spoke, EDGE_LEFT)                                                        \
        X(half_open_takes_its_window, EARLY_TEXT)                                                  \
        X(timestamps_go_round, TSECR)                                                              \
        X(two_fins, ACK_DELAY)                                                                     \
        X(part_of_a_segment, RTX_EARLY)                                                            \
        X(copy_that_offers_more, WINDOW)                                                           \
        X(window_of_an_older_segment, WINDOW)                                                      \
        X(what_was_not_kept, SACK_USED)                                                            \
        X(part_of_a_dropped_segment, DSACK)                                                        \
        X(a_clock_past_24_days, TSVAL)                                                             \
        X(nothing_above_a_fin, SACK_USED)                                                          \
        X(third_duplicate_begins_it, RTX_EARLY)                                                    \
        X(probe_when_the_timer_is_due, RTX_EARLY)                                                  \
        X(new_data_when_the_timer_is_due, INITIAL_WINDOW)                                          \
        X(illegal_options_cross, EARLY_TEXT)                                                       \
        X(forgotten_syn, EARLY_TEXT)                                                               \
        X(class_e, ADDRESS)                                                                        \
        X(a_clock_that_jumps, STATE)

/* ---- the bits of the Timestamp option ---- */

static void syn_with(bool sack_ok, uint32_t tsval)
{
        in((struct p){.flags = SYN, .sack_ok = sack_ok, .tsval = tsval});
}

static void answer_with(bool sack_ok, uint32_t tsval, uint32_t tsecr)
{
        out((struct p){
                .flags = SYN | ACK, .ack = 1, .sack_ok = sack_ok, .tsval = tsval, .tsecr = tsecr});
}

static void talk_offers_in_the_low_bits(bool wrong)
{
        wire.ts = true;
        syn_with(true, 100);
        answer_with(true, 8191, 100);
        syn_with(false, 101);
        answer_with(false, wrong ? 4095 : 4096, 101);
}

static void talk_low_bits_of_one_offer(bool wrong)
{
        wire.ts = true;
        syn_with(true, 100);
        answer_with(true, 8191, 100);
        syn_with(wrong, 101);
        answer_with(wrong, 8000, 101);
}

static void talk_the_echo_chooses(bool wrong)
{
        wire.ts = true;
        syn_with(true, 100);
        answer_with(true, 8191, 100);
        syn_with(false, 101);
        answer_with(false, 8192, 101);
        in((struct p){
                .flags = ACK, .seq = 1, .ack = 1, .tsval = 200, .tsecr = wrong ? 8192 : 8191});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = 9000, .tsecr = 200});
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100, .tsval = 200});
        out((struct p){.flags = ACK,
                       .seq = 11,
                       .ack = 1,
                       .tsval = 9000,
                       .tsecr = 200,
                       .sacks = 1,
                       .sack = {101, 201}});
}

static void talk_lost_with_the_timestamps(bool wrong)
{
        wire.ts = true;
        in((struct p){.flags = SYN, .ws = 5});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ws = 3, .window = 2000});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .no_ts = !wrong});
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 1, .len = 10, .window = 8000, .no_ts = !wrong});
        in((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 100, .no_ts = !wrong});
        out((struct p){.flags = ACK, .seq = 11, .ack = 101, .window = 7900, .no_ts = !wrong});
}

/* ---- the same connection once more ---- */

/* Nobody gives up before the user time-out. */
static void talk_another_life_by_its_echo(bool wrong)
{
        wire.ts = true;
        in((struct p){.flags = SYN, .tsval = 100});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = 200});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
        for (unsigned i = 0; i < (wrong ? 2 : 6); i++) {
                after(ELKO_SEC(2) << i);
                out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10, .tsecr = 200});
        }
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = 300});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10, .tsecr = 300});
}

static void talk_another_life_by_its_fin(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        for (unsigned i = 0; i < 6; i++) {
                after(ELKO_SEC(2) << i);
                out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        }
        in((struct p){.flags = ACK, .seq = wrong ? 2 : 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 20});
}

/* It began with the octets of the one before; that it goes on where the FIN was shows it later. */
static void talk_another_life_that_says_the_same(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        for (unsigned i = 0; i < (wrong ? 1 : 6); i++) {
                after(ELKO_SEC(2) << i);
                out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        }
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
        in((struct p){.flags = ACK, .seq = 11, .ack = 11});
        out((struct p){.flags = ACK, .seq = 11, .ack = 11, .len = 10});
}

/* Its first ACK is an old number of the one before, and its window may be smaller, seed 598311. */
static void talk_another_life_by_its_number(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        for (unsigned i = 0; i < (wrong ? 1 : 6); i++) {
                after(ELKO_SEC(2) << i);
                out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        }
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .window = 50000});
}

/* PAWS would have made the one before refuse the copy (RFC 7323, 5.3, R1), seed 539433. */
static void talk_another_life_by_an_older_echo(bool wrong)
{
        open_passive(false, false, true);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 20});
        after(ELKO_MS(5));
        in((struct p){.flags = ACK, .seq = 1, .ack = 21});
        if (!wrong)
                in((struct p){.flags = RST, .seq = 1000});
        out((struct p){.flags = ACK, .seq = 21, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = wire.ts_in - 5});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1});
}

static void one_life(unsigned copies)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
        for (unsigned i = 0; i < copies; i++) {
                after(ELKO_SEC(2) << i);
                out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
        }
}

/* Seed 917764: the same text, and a window as small as at the beginning. */
static void talk_another_life_by_its_window(bool wrong)
{
        one_life(wrong ? 1 : 6);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10, .window = 2000});
}

/* Seed 937101: what was negotiated comes from the copy. */
static void talk_another_life_by_its_timestamps(bool wrong)
{
        one_life(wrong ? 1 : 6);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10, .ts = true});
}

/* Seed 917128: a listener whose queue is full may drop what would make another. */
static void talk_another_life_in_a_full_queue(bool wrong)
{
        one_life(wrong ? 1 : 6);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        after(ELKO_SEC(2));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11});
}

/* Its octets and its FIN in other pieces are no other life, seeds 543671 and 556345. */
static void talk_the_same_in_pieces(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 20});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        in((struct p){.flags = RST, .seq = 1000});
        out((struct p){.flags = ACK, .seq = 22, .ack = 11});
        in((struct p){.flags = ACK, .seq = 70000, .ack = 22}); /* may be believed */
        after(ELKO_SEC(1));
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
        out((struct p){.flags = ACK | FIN, .seq = 11, .ack = 11, .len = 10});
        in((struct p){.flags = ACK, .seq = 11, .ack = wrong ? 11 : 22});
        if (wrong)
                out((struct p){.flags = ACK | FIN, .seq = 11, .ack = 11, .len = 9});
}

/* The segment that makes the connection once more brings its window. */
static void talk_window_of_the_copy(bool wrong)
{
        in((struct p){.flags = SYN, .window = 20});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .window = 20});
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 11, .len = 10});
        in((struct p){.flags = ACK | FIN, .seq = 11, .ack = 12, .window = 20});
        out((struct p){.flags = ACK, .seq = 12, .ack = 12});
        after(ELKO_SEC(100));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .window = 128});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = wrong ? 200 : 100});
}

/* RFC 9293, 3.8.4: SEG.SEQ = SND.NXT-1 may be the first octet of a connection that goes on. */
static void talk_keep_alive_of_the_same(bool wrong)
{
        open_passive(false, false, false);
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 2});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        in((struct p){.flags = RST | ACK, .seq = 1000, .ack = 2});
        out((struct p){.flags = ACK, .seq = 2, .ack = 1});
        for (unsigned i = 0; i < 2; i++) {
                after(ELKO_SEC(10));
                out((struct p){.flags = ACK, .seq = wrong ? 2 : 1, .ack = 1});
        }
}

/* What came for it while an earlier SYN+ACK's answer was followed counts. */
static void talk_acknowledged_while_unwatched(bool wrong)
{
        uint32_t iss = wire.iss;

        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = RST, .seq = 1});
        in((struct p){.flags = SYN});
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 1});
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 21, .ack = 1, .len = 6});
        wire.iss = iss;
        in((struct p){.flags = ACK, .seq = 2, .ack = 1});
        wire.iss += 500000;
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

/* And so does its timestamp, seed 798491. */
static void talk_timestamp_while_unwatched(bool wrong)
{
        uint32_t iss = wire.iss, recent;

        wire.ts = true;
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = RST, .seq = 1});
        in((struct p){.flags = SYN});
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 1});
        after(ELKO_MS(5));
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        recent = wire.ts_in + 5 * wrong;
        after(ELKO_MS(5));
        wire.iss = iss;
        in((struct p){.flags = ACK, .seq = 2, .ack = 1});
        wire.iss += 500000;
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsecr = recent});
}

/* And so does its text, which fits both, seed 200687. */
static void talk_text_while_unwatched(bool wrong)
{
        uint32_t iss = wire.iss;

        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = RST, .seq = 1});
        in((struct p){.flags = SYN});
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 1});
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 21, .ack = 1, .len = 6});
        wire.iss = iss;
        in((struct p){.flags = ACK | FIN, .seq = 1, .ack = 1, .len = 3});
        wire.iss += 500000;
        out((struct p){.flags = ACK, .seq = 1, .ack = 5});
}

static void talk_reset_before_it_spoke(bool wrong)
{
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1, .window = 2000});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        in((struct p){.flags = SYN});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .window = 8000});
        if (!wrong)
                in((struct p){.flags = RST, .seq = 1});
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1, .window = 2000});
}

/* RFC 9293, 3.10.7.4 fifth: what is acceptable ends SYN-RECEIVED, whatever answered to the SYN+ACK before. */
static void talk_half_open_takes_its_window(bool wrong)
{
        uint32_t iss = wire.iss;

        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        sim_monitor_reboot(wire.m, 0);
        in((struct p){.flags = SYN});
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 1});
        wire.iss = iss;
        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = RST, .seq = 1});
        wire.iss += 500000;
        in((struct p){.flags = ACK, .seq = wrong ? 70000 : 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

/* ---- what may have been taken ---- */

/* RFC 7323, 5.2: modulo 2^32 each is newer than the one before, and the last older than the first. */
static void talk_timestamps_go_round(bool wrong)
{
        open_active(false, false, true);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        in((struct p){.flags = ACK, .seq = 1, .ack = 11, .tsval = 0x80000000u});
        if (!wrong) /* so old an acknowledgment may be refused, RFC 5961, 5.2 */
                in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = 0xf0000000u});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = 0x60000000u});
        out((struct p){.flags = ACK, .seq = 11, .ack = 1, .len = 10, .tsecr = 0x60000000u});
}

/* RFC 9293, 3.10.7.4 seventh. */
static void talk_nothing_above_a_fin(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        in((struct p){.flags = wrong ? ACK : FIN | ACK, .seq = 1, .ack = 1, .len = 10});
        for (unsigned i = 0; i < 10; i++) {
                out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 11 : 12});
                in((struct p){.flags = RST, .seq = 5000});
        }
}

/* RFC 6582, 3.2: a partial acknowledgment is a sign of loss since the third duplicate, whatever became of the
 * retransmission. */
static void talk_third_duplicate_begins_it(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 1000, 1);
        for (uint32_t i = 0; i < 5; i++) {
                out((struct p){.flags = ACK, .seq = 1001 + 1460 * i, .ack = 1, .len = 1460});
                after(i == 0 ? ELKO_MS(8) : 0);
        }
        for (unsigned i = 0; i < (wrong ? 2 : 3); i++)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1001});
        after(ELKO_MS(1));
        in((struct p){.flags = ACK, .seq = 1, .ack = 2461});
        out((struct p){.flags = ACK, .seq = 2461, .ack = 1, .len = 1460});
}

/* RFC 9293, 3.6: the FIN is the last, so one of the two was a lie. */
static void talk_two_fins(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = FIN | ACK, .seq = wrong ? 40 : 60, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 39});
        out((struct p){.flags = ACK, .seq = 1, .ack = 40});
        after(ELKO_SEC(1));
        in((struct p){.flags = ACK, .seq = 40, .ack = 1});
}

/* RFC 7323, 4.1: what advances the left edge is a sample, and the shortest counts. */
static void talk_part_of_a_segment(bool wrong)
{
        open_active(false, false, false);
        after(ELKO_SEC(1));
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1000});
        after(wrong ? ELKO_MS(200) : ELKO_MS(1));
        in((struct p){.flags = ACK, .seq = 1, .ack = 501});
        after(ELKO_MS(1));
        out((struct p){.flags = ACK, .seq = 1001, .ack = 1, .len = 100});
        after(ELKO_MS(5));
        out((struct p){.flags = ACK, .seq = 1001, .ack = 1, .len = 100});
}

/* RFC 4987, 3.6. */
static void talk_copy_that_offers_more(bool wrong)
{
        in((struct p){.flags = SYN, .ws = 1, .window = 1000});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ws = 1});
        after(ELKO_SEC(1));
        if (!wrong)
                in((struct p){.flags = SYN, .ws = 2, .window = 1000});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ws = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .window = 1000});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1460});
}

/* RFC 9293, 3.10.7.4 fifth: SND.WL1. Text that acknowledges too little may have been dropped, or not (RFC 5961, 5.2). */
static void talk_window_of_an_older_segment(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        in((struct p){.flags = ACK, .seq = 1, .ack = 51, .len = 100});
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 102, .ack = 101});
        out((struct p){.flags = ACK, .seq = 101, .ack = 101});
        in((struct p){.flags = ACK, .seq = 101, .ack = 101, .window = NO_WINDOW});
        out((struct p){.flags = ACK, .seq = 101, .ack = 101, .len = 100});
}

/* RFC 2018, 4: the first block names the segment that triggered the ACK. */
static void talk_what_was_not_kept(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 1, .sacks = wrong ? 0 : 1, .sack = {101, 201}});
        if (!wrong) {
                in((struct p){.flags = ACK, .seq = 301, .ack = 1, .len = 100});
                out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 201}});
                in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
                out((struct p){.flags = ACK, .seq = 1, .ack = 201});
        }
        for (unsigned i = 0; i < 9; i++) {
                in((struct p){.flags = RST, .seq = 5000});
                out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 1 : 201});
        }
}

/* RFC 2883, 4.2, and RFC 9293, 3.10.7.4: the sequence number is looked at before the ACK. */
static void talk_part_of_a_dropped_segment(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = wrong ? 101 : 51, .ack = 70000, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101, .sacks = 1, .sack = {51, 101}});
}

/* RFC 7323, 5.5. */
static void talk_a_clock_past_24_days(bool wrong)
{
        wire_end();
        wire_begin(&(struct sim_monitor_config){.no_time = true});
        open_active(false, false, true);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10, .tsval = 0x10000000u});
        out((struct p){.flags = ACK,
                       .seq = 11,
                       .ack = 1,
                       .len = 10,
                       .tsval = wrong ? 0x0fffffffu : 0x90000001u});
}

/* RFC 8985, 7.2: a loss probe is due with the timer of the earliest segment, at the latest; an ACK that came with what lies
 * below the window may have been dropped, seed 200334. */
static void talk_probe_when_the_timer_is_due(bool wrong)
{
        in((struct p){.flags = SYN, .sack_ok = true});
        out((struct p){.flags = SYN | ACK, .ack = 1, .sack_ok = true});
        after(ELKO_MS(50));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 600});
        out((struct p){.flags = ACK, .seq = 1, .ack = 601, .len = 20});
        after(ELKO_MS(100));
        out((struct p){.flags = ACK, .seq = 21, .ack = 601, .len = 160});
        in((struct p){.flags = ACK, .seq = wrong ? 601 : 1, .ack = 21, .len = 600});
        out((struct p){.flags = ACK, .seq = 181, .ack = wrong ? 1201 : 601});
        after(ELKO_MS(40));
        out((struct p){.flags = ACK, .seq = 21, .ack = wrong ? 1201 : 601, .len = 160});
}

/* The same with new data: one segment beyond the initial window, seed 1088939. */
static void talk_new_data_when_the_timer_is_due(bool wrong)
{
        in((struct p){.flags = SYN, .sack_ok = true});
        out((struct p){.flags = SYN | ACK, .ack = 1, .sack_ok = true});
        after(ELKO_MS(50));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1460});
        after(ELKO_MS(100));
        for (uint32_t i = 1; i < 10; i++)
                out((struct p){.flags = ACK, .seq = 1 + i * 1460, .ack = 1, .len = 1460});
        after(ELKO_MS(1));
        out((struct p){.flags = ACK, .seq = 1 + 10 * 1460, .ack = 1, .len = 1460});
        if (wrong)
                out((struct p){.flags = ACK, .seq = 1 + 11 * 1460, .ack = 1, .len = 1460});
}

/* ---- what the monitor does not know ---- */

/* RFC 9293, 3.2 (MUST-7). */
static void talk_illegal_options_cross(bool wrong)
{
        struct p syn = {.flags = SYN, .seq = 77777, .options_len = 4};

        memcpy(syn.options, wrong ? "\x02\x04\x05\xb4" : "\x02\x03\x05\x00", 4);
        out((struct p){.flags = SYN});
        in(syn);
        in((struct p){.flags = SYN | ACK, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

static void from_elsewhere(uint8_t *b)
{
        b[20] = 99;
}

/* The endpoint that sent the SYN had to make room for another one. */
static void talk_forgotten_syn(bool wrong)
{
        wire_end();
        wire_begin(&(struct sim_monitor_config){.endpoints_max = wrong ? 9 : 1});
        if (!wrong)
                out((struct p){.flags = SYN});
        in((struct p){.flags = RST, .spoil = from_elsewhere, .sums_last = true});
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        in((struct p){.flags = SYN | ACK, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

static void to_class_e(uint8_t *b)
{
        memcpy(b + 16, "\xff\xff\xff\xfe", 4);
}

static void to_everybody(uint8_t *b)
{
        memcpy(b + 16, "\xff\xff\xff\xff", 4);
}

/* RFC 1122, 3.2.1.3. */
static void talk_class_e(bool wrong)
{
        out((struct p){
                .flags = SYN, .spoil = wrong ? to_everybody : to_class_e, .sums_last = true});
}

/* RFC 9293, 3.8.6.2.1 and 3.9.1: text that was not pushed waits unseen, and the clock is past its user's time-out. */
static void talk_a_clock_that_jumps(bool wrong)
{
        uint32_t iss;

        wire_end();
        wire_begin(&(struct sim_monitor_config){.no_time = !wrong});
        open_passive(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        in((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = SYN, .seq = 100000});
        iss = wire.iss;
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 100001});
        wire.iss = iss;
}

/* ------------------------------------------------------------------ the list makes the tests */

#define EK_X(name, sort)                                                                           \
        EK_TEST(monitor_reason_##name)                                                             \
        {                                                                                          \
                wire_begin(NULL);                                                                  \
                talk_##name(false);                                                                \
                wire_end();                                                                        \
                if (wire.violations > 0)                                                           \
                        printf("    what is right: %s\n", wire.text);                              \
                CHECK_EQ(wire.violations, 0);                                                      \
                wire_begin(NULL);                                                                  \
                talk_##name(true);                                                                 \
                wire_end();                                                                        \
                CHECK(wire.violations > 0);                                                        \
                if (wire.first != SIM_RULE_##sort)                                                 \
                        printf("    %s\n", wire.text);                                             \
                CHECK_EQ(wire.first, SIM_RULE_##sort);                                             \
        }
REASONS(EK_X)

EK_TEST_MAIN();

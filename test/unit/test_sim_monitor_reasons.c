/* SPDX-License-Identifier: MIT */
/*
 * The wire monitor's tolerances: what may look wrong and is right passes, and what it must not hide is blamed.
 *
 * Theory: each of these conversations was an accusation in the simulator, and the RFC or a way of hosts that
 * it names showed that the host was right. A tolerance that hides more than its reason is a hole in the
 * judge, so each conversation has a twin that differs in what the reason depends on, and that must be blamed.
 */
#include "test_sim_monitor_wire.h"

#define REASONS(X)                                                                                 \
        X(dsack_of_a_part, DSACK)                                                                  \
        X(dsack_goes_with_the_next_ack, DSACK)                                                     \
        X(dsack_with_a_wrong_ack, DSACK)                                                           \
        X(dsack_on_each_piece, DSACK)                                                              \
        X(new_octets_go_with_the_timer, RTX_EARLY)                                                 \
        X(sacked_above_is_a_sign, RTX_EARLY)                                                       \
        X(timer_after_an_answer, RTX_EARLY)                                                        \
        X(third_segment_dropped, TSECR)                                                            \
        X(below_the_window, TSECR)                                                                 \
        X(copies_of_a_syn, TSECR)                                                                  \
        X(what_it_echoes_it_has, TSECR)                                                            \
        X(timestamps_of_a_cookie, TS_ALWAYS)                                                       \
        X(shortage, ACK_DELAY)                                                                     \
        X(trimmed_at_the_edge, ACK_DELAY)                                                          \
        X(aborted_without_a_word, ACK_DELAY)                                                       \
        X(refused_in_syn_sent, ACK_DELAY)                                                          \
        X(reset_in_syn_received, AFTER_RST_OUT)                                                    \
        X(cookie_once_more, AFTER_RST_IN)                                                          \
        X(time_wait_is_back, SEQ_OLD)                                                              \
        X(text_above_the_fin, ACK_UNACCEPTABLE)                                                    \
        X(sacked_above_the_fin, SACK_RENEGE)                                                       \
        X(fin_needs_no_sack, SACK_USED)                                                            \
        X(gave_up_probing, PROBE_MISSING)                                                          \
        X(hop_limit_zero, IP_HEADER)                                                               \
        X(option_of_a_wrong_length, MSS)                                                           \
        X(closed_window_may_time_out, STATE)                                                       \
        X(half_the_circle, CWND)                                                                   \
        X(duplicates_of_a_lower_number, CWND)                                                      \
        X(acknowledged_at_once, RTX_EARLY)                                                         \
        X(timestamps_after_24_days, TSECR)                                                         \
        X(dsack_after_an_echo, DSACK)                                                              \
        X(nothing_waits_above_a_fin, SACK_USED)                                                    \
        X(no_fin_after_all, SACK_HELD)                                                             \
        X(another_fin_after_all, SACK_RENEGE)                                                      \
        X(fin_of_an_old_number, RST_FORM)                                                          \
        X(probes_in_a_shortage, PROBE_MISSING)                                                     \
        X(first_probe_is_late, PROBE_MISSING)                                                      \
        X(deleted_in_closing, RTX_MISSING)

/* ---- D-SACK ---- */

/* RFC 2883, 4.2. */
static void talk_dsack_of_a_part(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 201}});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = wrong ? 100 : 200});
        out((struct p){.flags = ACK, .seq = 1, .ack = 201, .sacks = 1, .sack = {101, 201}});
}

/* RFC 2883, 4 (1). */
static void talk_dsack_goes_with_the_next_ack(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        if (wrong) {
                out((struct p){.flags = ACK, .seq = 1, .ack = 101, .len = 10});
                in((struct p){.flags = ACK, .seq = 101, .ack = 11, .len = 10});
                out((struct p){.flags = ACK, .seq = 11, .ack = 111, .sacks = 1, .sack = {1, 101}});
        } else {
                out((struct p){.flags = ACK, .seq = 1, .ack = 101, .sacks = 1, .sack = {1, 101}});
        }
}

/* RFC 9293, 3.10.7.4: the sequence number is looked at before the ACK. */
static void talk_dsack_with_a_wrong_ack(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = 1, .ack = 70000, .len = wrong ? 0 : 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101, .sacks = 1, .sack = {1, 101}});
}

/* Linux, segmentation offload: the pieces of one segment have the same options. */
static void talk_dsack_on_each_piece(bool wrong)
{
        wire_end();
        wire_begin(&(struct sim_monitor_config){.linux_ways = true});
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        for (uint32_t i = 0; i < 2; i++)
                out((struct p){.flags = ACK,
                               .seq = 1 + 100 * i,
                               .ack = 101,
                               .len = wrong && i == 1 ? 0 : 100,
                               .sacks = 1,
                               .sack = {1, 101}});
}

/* ---- retransmission ---- */

/* RFC 6298, 5.4. */
static void talk_new_octets_go_with_the_timer(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        after(ELKO_MS(300));
        out((struct p){.flags = ACK, .seq = 201, .ack = 1, .len = 100});
        after(ELKO_MS(5));
        if (wrong)
                out((struct p){.flags = ACK, .seq = 201, .ack = 1, .len = 100});
        else
                out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 200});
}

/* RFC 6675: what lies below SACKed data may be lost, also after the ACK moved. */
static void talk_sacked_above_is_a_sign(bool wrong)
{
        open_active(false, true, false);
        send_acked(1, 100, 1);
        for (uint32_t i = 0; i < 4; i++) {
                if (i == 2)
                        after(ELKO_MS(5));
                out((struct p){.flags = ACK, .seq = 101 + 100 * i, .ack = 1, .len = 100});
        }
        after(ELKO_MS(1));
        in((struct p){.flags = ACK,
                      .seq = 1,
                      .ack = 101,
                      .sacks = wrong ? 0 : 1,
                      .sack = {401, 501},
                      .window = 59000});
        in((struct p){.flags = ACK, .seq = 1, .ack = 201});
        out((struct p){.flags = ACK, .seq = 301, .ack = 1, .len = 100});
}

/* RFC 6298, 5.1: an answer to a repeated SYN leaves the timer of the SYN+ACK running. */
static void talk_timer_after_an_answer(bool wrong)
{
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        after(ELKO_MS(990));
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        after(ELKO_MS(10));
        out((struct p){.flags = SYN | ACK, .ack = 1});
        after(ELKO_MS(10));
        if (wrong)
                out((struct p){.flags = SYN | ACK, .ack = 1});
}

/* ---- timestamps ---- */

static void open_half(void)
{
        wire.ts = true;
        in((struct p){.flags = SYN, .tsval = 100});
        out((struct p){.flags = SYN | ACK, .ack = 1, .tsecr = 100});
}

/* A listener may have to drop the segment that ends the handshake; then its timestamp goes, too. */
static void talk_third_segment_dropped(bool wrong)
{
        open_half();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = 200});
        after(ELKO_SEC(1));
        out((struct p){.flags = SYN | ACK, .ack = 1, .tsecr = wrong ? 150 : 100});
}

/* RFC 7323, 5.3: R2 before R3. */
static void talk_below_the_window(bool wrong)
{
        open_half();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsval = 200});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101, .tsecr = 200});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsval = 300});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101, .tsecr = wrong ? 300 : 200});
}

/* A stateless SYN+ACK answers the copy of the SYN that came. */
static void talk_copies_of_a_syn(bool wrong)
{
        open_half();
        after(ELKO_SEC(1));
        in((struct p){.flags = SYN, .tsval = 150});
        out((struct p){.flags = SYN | ACK, .ack = 1, .tsecr = wrong ? 151 : 150});
}

/* Whether an old acknowledgment is acceptable can't be said (RFC 5961, 5); but once said, it is so. */
static void talk_what_it_echoes_it_has(bool wrong)
{
        open_half();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = 200});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsecr = 200});
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .tsval = 200});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .tsval = 300});
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100, .tsecr = 200});
        out((struct p){.flags = ACK, .seq = 201, .ack = 1, .len = 100, .tsecr = wrong ? 300 : 200});
}

/* RFC 4987, 3.6: from a segment without Timestamps a stateless host can't know that they were negotiated. */
static void talk_timestamps_of_a_cookie(bool wrong)
{
        open_half();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .no_ts = !wrong, .tsval = 200});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .no_ts = true});
}

/* ---- what is owed ---- */

/* What does not find memory is dropped: not acknowledged, hence not lost. */
static void talk_shortage(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        if (!wrong)
                sim_monitor_shortage(wire.m, 0);
        after(ELKO_SEC(1));
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
}

/* RFC 9293, 3.10.7.4: portions outside of the window are trimmed off. */
static void talk_trimmed_at_the_edge(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1000});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1001, .window = 59000});
        in((struct p){.flags = ACK, .seq = 1001, .ack = 1, .len = 60000});
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = wrong ? 60000 : 60001,
                       .window = wrong ? 1 : NO_WINDOW});
        after(ELKO_SEC(1));
        in((struct p){.flags = ACK, .seq = 60001, .ack = 1});
}

/* RFC 9293, 3.10.5: an ABORT in TIME-WAIT deletes it, and nothing more is said of it. */
static void talk_aborted_without_a_word(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 2});
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 2});
        after(ELKO_SEC(1));
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 2});
        out((struct p){.flags = wrong ? ACK : RST, .seq = 2, .ack = wrong ? 2 : 0});
}

/* RFC 9293, 3.10.7.3: what answers no SYN of the host is reset, and owes nothing. */
static void talk_refused_in_syn_sent(bool wrong)
{
        out((struct p){.flags = SYN});
        in((struct p){.flags = SYN | ACK, .ack = 1});
        if (!wrong)
                out((struct p){.flags = RST, .seq = 1});
        after(ELKO_SEC(1));
        out((struct p){.flags = SYN});
}

/* ---- states ---- */

/* RFC 9293, 3.10.7.4 first and fifth: in SYN-RECEIVED an RST answers a bad ACK, and ends nothing. */
static void talk_reset_in_syn_received(bool wrong)
{
        open_passive(false, false, false);
        if (wrong)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 11 : 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 7777});
        out((struct p){.flags = RST, .seq = 7777});
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 11 : 1, .len = 10});
}

/* RFC 4987, 3.6: where SYN+ACKs are stateless, a copy of the handshake's last segment makes the connection
 * again. Nothing else does. */
static void talk_cookie_once_more(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11});
        in((struct p){.flags = RST, .seq = 11});
        in((struct p){.flags = ACK, .seq = wrong ? 2 : 1, .ack = 1, .len = 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 11, .len = 10});
}

/* RFC 9293, 3.6.1, MAY-2 (2): the SYN was an old duplicate. */
static void talk_time_wait_is_back(bool wrong)
{
        uint32_t iss;

        open_active(false, false, false);
        out((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1});
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 2});
        out((struct p){.flags = ACK, .seq = 2, .ack = 2});
        in((struct p){.flags = SYN, .seq = 100000});
        iss = wire.iss;
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 100001});
        wire.iss = iss;
        in((struct p){.flags = RST, .seq = 100001});
        out((struct p){.flags = ACK, .seq = wrong ? 1 : 2, .ack = 2});
}

/* RFC 9293, 3.10.7.4 seventh: text above the FIN is ignored; below it, it is answered. */
static void talk_text_above_the_fin(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 50});
        out((struct p){.flags = ACK, .seq = 1, .ack = 52});
        in((struct p){.flags = ACK, .seq = wrong ? 1 : 52, .ack = 1, .len = 50});
        after(ELKO_SEC(1));
        in((struct p){.flags = ACK, .seq = 52, .ack = 1});
}

/* With a FIN in sequence, what was SACKed above it was a lie. */
static void talk_sacked_above_the_fin(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 201}});
        in((struct p){
                .flags = wrong ? ACK : FIN | ACK, .seq = 1, .ack = 1, .len = wrong ? 11 : 10});
        out((struct p){.flags = ACK, .seq = 1, .ack = 12});
}

/* RFC 2018, 3: blocks are of data. */
static void talk_fin_needs_no_sack(bool wrong)
{
        open_active(false, true, false);
        for (unsigned i = 0; i < 9; i++) {
                in((struct p){.flags = wrong ? ACK : FIN | ACK,
                              .seq = 101,
                              .ack = 1,
                              .len = wrong ? 100 : 0});
                out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        }
}

/* RFC 9293, 3.8.3 and 3.9.1: a user time-out ends probing, but nobody gives up at once. */
static void talk_gave_up_probing(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = NO_WINDOW});
        for (unsigned i = 0; i < (wrong ? 3 : 8); i++) {
                after(ELKO_SEC(1) << i);
                out((struct p){.flags = ACK, .seq = 100, .ack = 1, .len = 1});
                in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = NO_WINDOW});
        }
        after(ELKO_SEC(1000));
}

/* ---- packets ---- */

static void ttl_zero(uint8_t *b)
{
        b[8] = 0;
}

/* RFC 1122, 3.2.1.7: a host takes what comes with a TTL of 0, and sends none. */
static void talk_hop_limit_zero(bool wrong)
{
        open_active(false, false, false);
        in((struct p){
                .flags = ACK, .seq = 1, .ack = 1, .len = 10, .spoil = ttl_zero, .sums_last = true});
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 11,
                       .spoil = wrong ? ttl_zero : NULL,
                       .sums_last = true});
}

/* RFC 9293, 3.1 (MUST-7): an option of a wrong length; the right one before it counts. */
static void talk_option_of_a_wrong_length(bool wrong)
{
        struct p syn = {.flags = SYN | ACK, .ack = 1, .options_len = 8};

        memcpy(syn.options, "\x02\x04\x03\xe8\x02\x03\x00\x00", 8);
        out((struct p){.flags = SYN});
        in(syn);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = wrong ? 1001 : 1000});
}

/* While the window is closed something may wait that is not seen, and its user's time-out with it. */
static void talk_closed_window_may_time_out(bool wrong)
{
        uint32_t iss;

        open_passive(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = wrong ? 0 : NO_WINDOW});
        in((struct p){.flags = SYN, .seq = 100000});
        iss = wire.iss;
        wire.iss += 500000;
        out((struct p){.flags = SYN | ACK, .ack = 100001});
        wire.iss = iss;
}

/* RFC 9293, 3.4: a SACK block that ends 2^31 beyond SND.NXT names nothing that was sent. */
static void talk_half_the_circle(bool wrong)
{
        open_active(false, true, false);
        send_acked(1, 100, 1);
        in((struct p){
                .flags = ACK, .seq = 1, .ack = 101, .sacks = 1, .sack = {51, 101 + 0x80000000u}});
        for (uint32_t i = 0; i < (wrong ? 20 : 5); i++)
                out((struct p){.flags = ACK, .seq = 101 + 1460 * i, .ack = 1, .len = 1460});
}

/* RFC 5681, 3.2: each duplicate lets a segment go; also of a number that is lower than one that may have been believed. */
static void talk_duplicates_of_a_lower_number(bool wrong)
{
        out((struct p){.flags = SYN});
        in((struct p){.flags = SYN | ACK, .ack = 1, .mss = 100});
        for (uint32_t i = 0; i < 10; i++)
                out((struct p){.flags = ACK, .seq = 1 + 100 * i, .ack = 1, .len = 100});
        in((struct p){.flags = ACK, .seq = 61000, .ack = 501});
        for (uint32_t i = 10; i < 30; i++) {
                if (!wrong)
                        in((struct p){.flags = ACK, .seq = 1, .ack = 1});
                out((struct p){.flags = ACK, .seq = 1 + 100 * i, .ack = 1, .len = 100});
        }
}

/* A peer that acknowledges what it has not got yet makes a round trip of no time. */
static void talk_acknowledged_at_once(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        if (wrong)
                after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 101});
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        after(ELKO_MS(5));
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
}

/* RFC 7323, 5.5 and 4.3: TS.Recent is invalid after 24 days, and stays so until a segment at RCV.NXT sets it. */
static void talk_timestamps_after_24_days(bool wrong)
{
        uint32_t before;

        open_active(false, false, true);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        before = wire.ts_in;
        after(ELKO_SEC(28 * 86400));
        for (uint32_t i = 1; i < 3; i++) {
                in((struct p){.flags = ACK, .seq = 101 + 100 * i, .ack = 1, .len = 100});
                out((struct p){.flags = ACK, .seq = 1, .ack = 101, .tsecr = before});
                after(ELKO_MS(5));
        }
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 401, .tsecr = wrong ? before + 5 : 0});
}

/* An echo of what two segments said, of which one may have been taken, does not show that the other made a new connection
 * (RFC 4987, 3.6). */
static void talk_dsack_after_an_echo(bool wrong)
{
        uint32_t recent;

        open_passive(false, true, true);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1});
        recent = wire.ts_in;
        out((struct p){.flags = ACK, .seq = 1, .ack = 2});
        in((struct p){.flags = RST | ACK, .seq = 1000, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 2});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .tsval = 0x7fffff00u});
        out((struct p){.flags = ACK, .seq = 1, .ack = 2, .tsecr = recent});
        after(ELKO_MS(5));
        in((struct p){.flags = ACK, .seq = 2, .ack = 1});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 2, .sacks = 1, .sack = {1, 2}});
        if (wrong)
                out((struct p){.flags = ACK, .seq = 1, .ack = 2, .sacks = 1, .sack = {1, 2}});
}

/* ---- FINs that lie ---- */

/* RFC 9293, 3.6: a FIN is the last, also one that is held above a gap. */
static void talk_nothing_waits_above_a_fin(bool wrong)
{
        open_active(false, true, false);
        in((struct p){
                .flags = wrong ? ACK : FIN | ACK, .seq = 101, .ack = 1, .len = wrong ? 1 : 0});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        for (unsigned i = 0; i < 10; i++) {
                in((struct p){.flags = ACK, .seq = 201, .ack = 1, .len = 50});
                out((struct p){.flags = ACK, .seq = 1, .ack = 1});
        }
}

/* Octet 7 came, and a FIN with the same number: which of them was taken shows later. */
static void talk_no_fin_after_all(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 2, .ack = 1, .len = 6});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {2, 8}});
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 6});
        out((struct p){.flags = ACK, .seq = 1, .ack = 8});
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 50});
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 8, .sacks = 1, .sack = {101, wrong ? 201 : 151}});
}

static void talk_another_fin_after_all(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 50});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 151}});
        in((struct p){.flags = ACK, .seq = 2, .ack = 1, .len = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 2, .sack = {2, 3, 101, 151}});
        in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1, .len = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 3, .sacks = 1, .sack = {101, 151}});
        in((struct p){.flags = wrong ? ACK : FIN | ACK, .seq = 3, .ack = 1, .len = 4});
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 7 : 8});
}

/* A FIN whose number was acknowledged before it came is old, and nothing was closed. */
static void talk_fin_of_an_old_number(bool wrong)
{
        open_passive(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 15});
        out((struct p){.flags = ACK, .seq = 1, .ack = 16});
        in((struct p){.flags = FIN | ACK, .seq = 15, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 16});
        out((struct p){.flags = FIN | ACK, .seq = 1, .ack = 16});
        in((struct p){.flags = ACK, .seq = 16, .ack = 2});
        out((struct p){.flags = RST | ACK, .seq = wrong ? 3 : 2, .ack = 16});
}

/* ---- giving up ---- */

static void probe_after(uint64_t ns)
{
        after(ns);
        out((struct p){.flags = ACK, .seq = 100, .ack = 1, .len = 1});
}

static void close_window(void)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = NO_WINDOW});
}

/* RFC 9293, 3.8.3: the user's time-out goes on when the host is short of memory in between. */
static void talk_probes_in_a_shortage(bool wrong)
{
        const uint64_t unit = wrong ? ELKO_SEC(1) : ELKO_SEC(10);

        close_window();
        probe_after(unit);
        probe_after(2 * unit);
        sim_monitor_shortage(wire.m, 0);
        probe_after(4 * unit);
        after(ELKO_SEC(1000));
}

/* RFC 9293, 3.8.6.1, SHLD-29: the first probe comes after a time-out, which may be a minute. */
static void talk_first_probe_is_late(bool wrong)
{
        close_window();
        probe_after(wrong ? ELKO_SEC(1) : ELKO_SEC(60));
        after(ELKO_SEC(1000));
}

/* RFC 9293, 3.10.5: ABORT in CLOSING deletes the connection without a word. */
static void talk_deleted_in_closing(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1});
        if (!wrong)
                in((struct p){.flags = FIN | ACK, .seq = 1, .ack = 1});
        after(ELKO_SEC(200));
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

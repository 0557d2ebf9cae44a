/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * SYN cookies: RFC 4987, 3.6, RELIABILITY A4-1 to A4-3 and A3-15. When the SYN queue is full, the
 * SYN,ACK itself holds all that the connection will need; the peer's ACK brings it back. A cookie
 * is good in the epoch of 60 s in which it was made and in the next.
 *
 * Flow 0 fills a queue of one place; the others get cookies.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

static const struct elko_listen_config one_place = {.backlog = 8, .syn_queue = 1};

static void fill(struct conv *c)
{
        conv_listen_with(c, &one_place);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_flow(c, 1);
}

/* The SYN,ACK of flow 1 is a cookie; its TSval is not the clock exactly. */
static void get_cookie(struct conv *c, const char *options)
{
        conv_in(c, "S 0:0(0) win 65535 %s", options);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_counted(c, tcp_syn_cookies_sent, 1);
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_state(c, ELKO_TCP_LISTEN);
}

/* Later TSvals are measured from the first one after the SYN,ACK. */
static void cookie_taken(struct conv *c)
{
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_cookies_ok, 1);
        c->f->has_stack_ts = false;
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* ---- what a cookie looks like, and what comes back from it ---- */

/* [RFC4987 3.6a] */
CONV_TEST(all_options)
{
        conv_start(c, NULL);
        fill(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 win * <mss M,sackOK,TS val * ecr 100,wscale 4>");
        conv_listen_event(c, 0);
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_listen_event(c, ELKO_EV_ACCEPT);
        cookie_taken(c);
        CONV_EQ(c, conv_info(c).options, ELKO_TCPI_SACK | ELKO_TCPI_TIMESTAMPS | ELKO_TCPI_WSCALE);
        CONV_EQ(c, conv_info(c).snd_wscale, 7);
        CONV_EQ(c, conv_info(c).rcv_wscale, 4);
        CONV_EQ(c, conv_info(c).snd_wnd, 65535u << 7);
        CONV_CHECK(c, conv_info(c).snd_mss <= c->mss && conv_info(c).snd_mss >= 1360);
        /* And it works. */
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11 <...>");
        conv_recv(c, 10);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 11 <...>");
        conv_in(c, "F. 11:11(0) ack 11");
        conv_out(c, ". 11:11(0) ack 12 <...>");
        conv_close(c);
        conv_out(c, "F. 11:11(0) ack 12 <...>");
        conv_in(c, ". 12:12(0) ack 12");
}

/* Without timestamps there is room for the MSS only: nothing else is offered. [RFC4987 3.6d] */
CONV_TEST(without_timestamps)
{
        conv_start(c, NULL);
        fill(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1 win 1000");
        cookie_taken(c);
        CONV_EQ(c, conv_info(c).options, 0);
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
}

/* Timestamps in the last segment that echo nothing of ours were not negotiated (RFC 7323, 3.2): a window scale read
 * out of them would let us send beyond the window. */
CONV_TEST(an_echo_that_is_not_ours_says_nothing)
{
        conv_start(c, NULL);
        fill(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1 win 1000 <TS val 100 ecr =4065208172>");
        cookie_taken(c);
        CONV_EQ(c, conv_info(c).options, 0);
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
}

/* Nor is every timestamp of ours the SYN,ACK's: the peer of a connection that gave up may repeat its third segment with
 * a later echo, and the low bits of that are no window scale. Timestamps were negotiated, though: "A timestamp on the ACK,
 * as an example, indicates that" (RFC 4987, 3.6). Of those right by chance, one in 128, there is none here. */
CONV_TEST(an_echo_of_another_segment_says_nothing)
{
        for (unsigned later = 1; later <= 12; later++) {
                if (later == 1)
                        conv_start(c, NULL);
                else
                        conv_again(c);
                fill(c);
                conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
                conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val * ecr 100,wscale 4>");
                conv_advance(c, ELKO_MS(20));
                conv_in(c, ". 1:1(0) ack 1 win 1000 <TS val 120 ecr %u>", later);
                CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_cookies_ok, 1);
                conv_accept(c);
                CONV_EQ(c, conv_info(c).options, ELKO_TCPI_TIMESTAMPS);
                CONV_EQ(c, conv_info(c).snd_wnd, 1000);
        }
}

/* The timestamp of a cookie is older than its SYN,ACK, so its echo is no round trip (RFC 7323, 4.1). */
CONV_TEST(the_echo_of_a_cookie_is_no_round_trip)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_advance(c, ELKO_MS(20));
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_in(c, ". 1:1449(1448) ack 1");
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).bytes_received, 1448);
        CONV_EQ(c, conv_info(c).rcv_rtt_ns, 0);
}

/* [RFC4987 3.6d] */
CONV_TEST(every_window_scale)
{
        conv_start(c, NULL);
        for (unsigned shift = 0; shift <= 15; shift++) {
                if (shift > 0)
                        conv_again(c);
                fill(c);
                if (shift == 15)
                        get_cookie(c, "<mss M,TS val 100 ecr 0>");
                else
                        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr 0,wscale %u>", shift);
                if (shift < 15)
                        conv_out(c, "S. 0:0(0) ack 1 <mss M,TS val * ecr 100,wscale 4>");
                conv_in(c, ". 1:1(0) ack 1 win 10");
                cookie_taken(c);
                CONV_EQ(c, conv_info(c).snd_wnd, shift == 15 ? 10 : 10u << shift);
        }
}

/* The MSS comes back as the largest of a few values that is not larger. [RFC4987 3.6c] */
CONV_TEST(every_mss)
{
        static const struct {
                unsigned peer, back;
        } at[] = {{0, 536},     {1, 48},      {48, 48},     {100, 48},    {535, 48},
                  {536, 536},   {1219, 536},  {1220, 1220}, {1359, 1220}, {1360, 1360},
                  {1440, 1440}, {1460, 1460}, {4000, 1460}, {8960, 8960}, {65535, 8960}};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
                unsigned back = at[i].peer == 0 && c->variant->v6 ? 1220 : at[i].back;

                if (i > 0)
                        conv_again(c);
                fill(c);
                conv_in(c, "S 0:0(0) win 65535 <mss %u>", at[i].peer);
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
                conv_in(c, ". 1:1(0) ack 1");
                cookie_taken(c);
                CONV_EQ(c, conv_info(c).snd_mss, back < c->mss ? back : c->mss);
        }
}

/* The timestamp of a cookie is not ahead of its own clock, so that later ones are newer. */
CONV_TEST(timestamp_is_not_ahead)
{
        uint32_t first;

        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        first = c->f->stack_ts_base;
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
        conv_send(c, 1);
        conv_out(c, "P. 1:2(1) ack 1 <...>");
        CONV_CHECK(c, (int32_t)(c->f->stack_ts_base - first) >= 0);
        CONV_CHECK(c, c->f->stack_ts_base - first < 4096);
}

/* ---- the third segment carries more (A4-2, A6-11) ---- */

/* [RFC4987 3.6e] */
CONV_TEST(ack_with_data)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101 <...>");
        cookie_taken(c);
        conv_recv(c, 100);
}

CONV_TEST(ack_with_data_and_fin)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, "FP. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 102 <...>");
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_accept(c);
        conv_recv(c, 100);
        conv_recv_is(c, 0);
}

/* A4-2: ACK and data in one batch: the second finds the connection, not the cookie. */
CONV_TEST(ack_and_data_in_one_batch)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_queue(c, ". 1:1(0) ack 1");
        conv_queue(c, "P. 1:101(100) ack 1");
        conv_queue(c, ". 101:101(0) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 101 <...>");
        conv_none(c);
        cookie_taken(c);
        conv_recv(c, 100);
}

/* A4-2: the same ACK again finds the connection. */
CONV_TEST(ack_twice)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, ". 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        cookie_taken(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_memory(c).connections, 1);
}

/* The bare ACK was lost: data that begins later proves nothing, since IRS is part of the cookie. */
CONV_TEST(second_segment_first)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, "P. 101:201(100) ack 1");
        conv_out(c, "R 1:1(0) <>");
        conv_state(c, ELKO_TCP_LISTEN);
}

/* ---- what is refused: 3.10.7.2 second ---- */

CONV_TEST(wrong_acks)
{
        static const int acks[] = {0, 2, -1, 1000000, 0x10000001, -0x0fffffff};

        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        for (unsigned i = 0; i < sizeof(acks) / sizeof(acks[0]); i++) {
                conv_in(c, ". 1:1(0) ack %d", acks[i]);
                conv_out(c, "R %d:%d(0) <>", acks[i], acks[i]);
                conv_counted(c, drops[ELKO_DROP_TCP_COOKIE], 1);
                conv_state(c, ELKO_TCP_LISTEN);
        }
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* Another tuple, or another IRS: not this cookie. */
CONV_TEST(stolen_cookie)
{
        uint32_t iss;

        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        iss = c->f->iss;
        conv_in(c, ". 2:2(0) ack 1");
        conv_out(c, "R 1:1(0)");
        conv_flow(c, 2);
        c->f->irs = c->flow[1].irs;
        conv_in(c, ". 1:1(0) ack =%u", iss + 1);
        conv_out(c, "R =%u:=%u(0)", iss + 1, iss + 1);
        conv_listen_event(c, 0);
}

/* FIN or RST with the right number: a reset is ignored in LISTEN; SYN,ACK is refused. */
CONV_TEST(right_ack_with_other_flags)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, "R. 1:1(0) ack 1");
        conv_none(c);
        conv_in(c, "S. 1:1(0) ack 1 <>");
        conv_out(c, "R 1:1(0) <>");
        conv_state(c, ELKO_TCP_LISTEN);
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* A3-15: guesses. The probability that one of these is right is 2^-20. */
CONV_TEST(random_acks)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        for (unsigned i = 0; i < ek_test_rounds(256); i++) {
                uint32_t ack = (uint32_t)ek_test_rand();

                conv_advance(c, ELKO_MS(2));
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack =%u", ack);
                conv_out(c, "R =%u:=%u(0) <>", ack, ack);
        }
        CONV_EQ(c, conv_memory(c).connections, 0);
}

/* No cookie was ever given out: nothing is even looked at. */
CONV_TEST(no_cookies_given)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, ". 1:1(0) ack =1234");
        conv_out(c, "R =1234:=1234(0)");
        conv_dropped(c, ELKO_DROP_TCP_LISTEN_FLAGS);
}

/* ---- how long it is good ---- */

/* [RFC4987 3.6b] */
CONV_TEST(good_for_60_seconds)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_advance(c, ELKO_SEC(60));
        conv_ignore(c); /* the half-open flow 0 */
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* [RFC4987 3.6b] */
CONV_TEST(bad_after_two_epochs)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_advance(c, ELKO_SEC(120));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "R 1:1(0) <>");
        conv_state(c, ELKO_TCP_LISTEN);
}

/* The same parity two epochs later, while others still get cookies. */
CONV_TEST(bad_after_two_epochs_though_cookies_are_in_use)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_advance(c, ELKO_SEC(119));
        conv_ignore(c);
        conv_flow(c, 0); /* its half-open entry is over by now: a new one fills the queue */
        conv_forget(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_counted(c, tcp_syn_cookies_sent, 1);
        conv_advance(c, ELKO_SEC(2));
        conv_ignore(c);
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "R 1:1(0) <>");
        conv_flow(c, 2);
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* ---- A4-2: cookies and the queue take turns ---- */

/* Cookie first; then there is room, and the peer's SYN comes again: it gets an entry with another
 * ISS. The peer took the first answer. */
CONV_TEST(cookie_then_entry)
{
        uint32_t cookie;

        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        cookie = c->f->iss;
        conv_flow(c, 0);
        conv_in(c, "R 1:1(0)"); /* the queue is empty */
        conv_flow(c, 1);
        conv_forget(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        CONV_CHECK(c, c->f->iss != cookie);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, ". 1:1(0) ack =%u", cookie + 1);
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        c->f->iss = cookie;
        c->f->has_edge = false;
        cookie_taken(c);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1 <...>");
}

/* ... or the second. */
CONV_TEST(cookie_then_entry_second_answer)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_flow(c, 0);
        conv_in(c, "R 1:1(0)");
        conv_flow(c, 1);
        conv_forget(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_accept(c);
}

/* Entry first, the queue fills up, the SYN comes again: the entry answers, no cookie. [RFC4987 3.7] */
CONV_TEST(entry_then_full)
{
        conv_start(c, NULL);
        fill(c);
        conv_flow(c, 0);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_counted(c, tcp_syn_cookies_sent, 0);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* Two cookies for two SYNs of one tuple: both are good in their epochs. */
CONV_TEST(cookie_twice)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_advance(c, ELKO_MS(500));
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>"); /* the same one in the same epoch */
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* A cookie belongs to no listener. */
CONV_TEST(listener_reopened)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_close_listener(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_out(c, "R 1:1(0) <>");
        conv_listen(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        cookie_taken(c);
}

/* After the flood: entries again (A4-3, gVisor's cookies for ever). [RFC4987 3.7] */
CONV_TEST(back_to_entries)
{
        conv_start(c, NULL);
        fill(c);
        get_cookie(c, SYN_OPTIONS);
        conv_flow(c, 0);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_counted(c, tcp_syn_cookies_sent, 0);
}

/* ---- limits ---- */

static void no_cookies(struct elko_config *cfg)
{
        cfg->syn_cookies = false;
}

CONV_TEST(switched_off)
{
        conv_start(c, &((struct conv_options){.config = no_cookies}));
        fill(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
}

static void one_half_open(struct elko_config *cfg)
{
        cfg->max_half_open = 1;
}

/* The limit of the stack counts as that of the listener does. */
CONV_TEST(stack_limit)
{
        conv_start(c, &((struct conv_options){.config = one_half_open}));
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_flow(c, 1);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

/* The accept queue is full when the cookie comes back: silence; later it is welcome. */
CONV_TEST(accept_queue_full)
{
        conv_start(c, NULL);
        conv_listen_with(c, &((struct elko_listen_config){.backlog = 1, .syn_queue = 1}));
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_flow(c, 1);
        get_cookie(c, SYN_OPTIONS);
        conv_flow(c, 0);
        conv_in(c, ". 1:1(0) ack 1"); /* takes the place */
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_ACCEPT_QUEUE);
        conv_flow(c, 0);
        conv_accept(c);
        conv_flow(c, 1);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11 <...>");
        cookie_taken(c);
}

/* A4-1: a flood: a bounded number of entries, no memory beyond them. [RFC4987 3.6a] */
CONV_TEST(flood)
{
        uint64_t used;

        conv_start(c, NULL);
        fill(c);
        used = conv_memory(c).used;
        for (unsigned i = 2; i < CONV_FLOWS; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
                CONV_EQ(c, conv_memory(c).half_open, 1);
        }
        CONV_EQ(c, conv_memory(c).used, used);
        conv_flow(c, 1);
        get_cookie(c, SYN_OPTIONS);
        conv_in(c, ". 1:1(0) ack 1");
        cookie_taken(c);
}

EK_TEST_MAIN();

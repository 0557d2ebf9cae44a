/* SPDX-License-Identifier: MIT */
#include "conv_seg.h"

/*
 * TCP Fast Open, RFC 7413: cookies asked for, given, returned; data with the SYN, taken or not; time-outs,
 * limits, and paths on which it fails.
 */

#define SYN_OPTIONS "mss M,sackOK,TS val 100 ecr 0,nop,wscale 7"
#define ASK         "raw 22 02,nop,nop"

enum {
        KIND = 34,
        SHARED_V4_LOW = 0x1baeaf84,
        SHARED_V6_LOW = 0x4aed4d6c,
};

#define SHARED_V4_HIGH 0xb3f936a5u
#define SHARED_V6_HIGH 0x8be6ff5eu

static void many_cookies(struct elko_config *cfg)
{
        cfg->fastopen_cookies = 8;
}

static const struct conv_options client_options = {.config = many_cookies};

/* The Fast Open option of the segment that conv_out() matched last; NULL: it has none. */
static const struct conv_opt *fastopen_of(const struct conv *c)
{
        return conv_seg_opt(&c->last, KIND);
}

static void no_fastopen(struct conv *c)
{
        if (fastopen_of(c) != NULL)
                conv_fail(c, "there is a Fast Open option");
}

/* "raw 22 0a ..." of the cookie in the last segment; good until the next call. */
static const char *cookie_text(struct conv *c)
{
        static char text[80];
        const struct conv_opt *o = fastopen_of(c);
        size_t n;

        if (o == NULL || o->len < 6)
                conv_fail(c, "there is no Fast Open cookie");
        n = (size_t)snprintf(text, sizeof(text), "raw 22 %02x", o->len);
        for (unsigned i = 0; i + 2 < o->len; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, " %02x", o->data[i]);
        snprintf(text + n, sizeof(text) - n, ",nop,nop");
        return text;
}

/* ---- the server ---- */

static void serve(struct conv *c, unsigned pending)
{
        conv_listen(c);
        if (elko_set_option(c->st, c->listener, ELKO_OPTION_FASTOPEN, pending) != 0)
                conv_fail(c, "FASTOPEN can't be set");
}

/* Ask in a connection that is given up; returns the option with the cookie. */
static const char *get_cookie(struct conv *c)
{
        static char copy[80];

        conv_in(c, "S 0:0(0) win 65535 <" SYN_OPTIONS "," ASK ">");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        snprintf(copy, sizeof(copy), "%s", cookie_text(c));
        CONV_EQ(c, fastopen_of(c)->len, 10);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        conv_listen_event(c, 0);
        return copy;
}

/* Off by default: the option is ignored. [RFC7413 4.2a] */
CONV_TEST(off_by_default)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <" SYN_OPTIONS "," ASK ">");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val * ecr 100,wscale 4>");
        no_fastopen(c);
        conv_in(c, "R 1:1(0)");
        conv_forget(c);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <...>");
        no_fastopen(c);
}

/* [RFC7413 4.2.1b 4.2.2b 4.2.2d] */
CONV_TEST(data_of_a_syn_is_delivered_before_the_third_step)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:300(300) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 301 <mss M,sackOK,TS val * ecr 100,wscale 4>");
        no_fastopen(c);
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_recv(c, 300);
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, ". 301:301(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_SYN_DATA, ELKO_TCPI_SYN_DATA);
        conv_in(c, "P. 301:401(100) ack 1");
        conv_out(c, ". 1:1(0) ack 401");
        conv_recv(c, 100);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_in, 1);
}

/* A mark on a SYN says nothing, with text or without (RFC 3168, 6.1.1). */
CONV_TEST(a_syn_with_data_that_is_marked)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "[ce] SEC 0:300(300) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S.E 0:0(0) ack 301 <...>");
        conv_accept(c);
        conv_recv(c, 300);
        conv_in(c, ". 301:301(0) ack 1");
        conv_send(c, 100);
        conv_out(c, "[ect0] P. 1:101(100) ack 301");
}

/* "The server MAY include data ... if the response data is readily available": at least behind the SYN,ACK. The
 * initial window is the usual one. [RFC7413 4.2.2e] */
CONV_TEST(the_answer_does_not_wait_for_the_third_step)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:300(300) win 65535 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7,%s>",
                cookie);
        conv_out(c, "S. 0:0(0) ack 301 <...>");
        conv_accept(c);
        conv_recv(c, 300);
        conv_send(c, 20000);
        for (unsigned i = 0; i < 10;
             i++) /* ten segments of data: the SYN,ACK takes none of them (RFC 6928) */
                conv_out(c, ". %u:%u(988) ack 301", 1 + i * 988, 1 + (i + 1) * 988);
        conv_none(c);
        conv_in(c, ". 301:301(0) ack 989 win 512");
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* The FIN waits for ESTABLISHED (RFC 9293, 3.10.4), data before it does not. */
CONV_TEST(close_before_the_third_step)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:3(3) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 4 <...>");
        conv_accept(c);
        conv_recv(c, 3);
        conv_send(c, 5);
        conv_out(c, "P. 1:6(5) ack 4");
        conv_shutdown(c);
        conv_none(c);
        conv_in(c, ". 4:4(0) ack 6");
        conv_out(c, "F. 6:6(0) ack 4");
        conv_in(c, "F. 4:4(0) ack 7");
        conv_out(c, ". 7:7(0) ack 5");
}

/* CLOSE in SYN-RECEIVED: "If no SENDs have been issued and there is no pending data to send, then form a FIN segment
 * and send it" (RFC 9293, 3.10.4); behind data that has gone as well. */
CONV_TEST(given_up_before_the_third_step)
{
        for (unsigned n = 0; n <= 5; n += 5) {
                const char *cookie;

                conv_start(c, NULL);
                serve(c, 4);
                cookie = get_cookie(c);
                conv_flow(c, 1);
                conv_in(c, "S 0:3(3) win 65535 <" SYN_OPTIONS ",%s>", cookie);
                conv_out(c, "S. 0:0(0) ack 4 <...>");
                conv_accept(c);
                conv_recv(c, 3);
                if (n > 0) {
                        conv_send(c, n);
                        conv_out(c, "P. 1:%u(%u) ack 4", 1 + n, n);
                }
                conv_close(c);
                conv_out(c, "F. %u:%u(0) ack 4", 1 + n, 1 + n);
                conv_in(c, ". 4:4(0) ack %u", 2 + n);
                conv_none(c);
                conv_in(c, "F. 4:4(0) ack %u", 2 + n);
                conv_out(c, ". %u:%u(0) ack 5", 2 + n, 2 + n);
                if (n == 0)
                        conv_again(c);
        }
}

/* The FIN got lost with all that went before: it goes again. */
CONV_TEST(given_up_and_lost)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:3(3) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 4 <...>");
        conv_accept(c);
        conv_recv(c, 3);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 4");
        conv_advance(c, ELKO_SEC(1));
        conv_out(c, "S. 0:0(0) ack 4 <...>");
        conv_in(c, ". 4:4(0) ack 1");
        conv_out(c, "F. 1:1(0) ack 4");
        conv_in(c, "F. 4:4(0) ack 2");
        conv_out(c, ". 2:2(0) ack 5");
}

/* "If the SYN-ACK timer fires, the server SHOULD retransmit a SYN-ACK segment with neither data nor Fast Open
 * options"; a SYN that comes again gets it at once. [RFC7413 4.2.2f] */
CONV_TEST(the_syn_ack_is_repeated)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:10(10) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 11 <...>");
        conv_accept(c);
        conv_in(c, "S 0:0(0) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S. 0:0(0) ack 11 <...>");
        conv_advance(c, ELKO_SEC(1));
        conv_out(c, "S. 0:0(0) ack 11 <...>");
        no_fastopen(c);
        conv_in(c, ". 11:11(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_recv(c, 10);
}

/* As long as the SYN,ACK of an ordinary open is repeated, no longer. */
CONV_TEST(no_third_step)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 1);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_in(c, "S 0:10(10) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 11 <...>");
        conv_accept(c);
        conv_advance(c, ELKO_SEC(16));
        CONV_EQ(c, conv_ignore(c), 3);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_recv(c, 10);
        conv_recv_is(c, ELKO_ETIMEDOUT);
}

/* A cookie that is not good: the data is not taken, a good one is given. [RFC7413 4.2.2b] */
CONV_TEST(a_forged_cookie)
{
        conv_start(c, NULL);
        serve(c, 4);
        conv_in(c, "S 0:100(100) win 65535 <" SYN_OPTIONS
                   ",raw 22 0a 01 02 03 04 05 06 07 08,nop,nop>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        cookie_text(c);
        conv_listen_event(c, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_refused, 1);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_accept(c);
        conv_recv(c, 100);
}

/* One of another length is none of ours. [RFC7413 4.2.2b] */
CONV_TEST(a_cookie_of_another_length)
{
        conv_start(c, NULL);
        serve(c, 4);
        conv_in(c, "S 0:100(100) win 65535 <mss M,raw 22 06 01 02 03 04,nop,nop>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        cookie_text(c);
        conv_listen_event(c, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_refused, 1);
        conv_in(c, "R 1:1(0)");
}

/* A good one when there is no memory for a connection: an ordinary open, and the data comes again. [RFC7413 4.2.2c] */
CONV_TEST(a_cookie_without_memory)
{
        const char *cookie;

        conv_start(c, NULL);
        serve(c, 4);
        cookie = get_cookie(c);
        conv_flow(c, 1);
        conv_take_all(c); /* but for the half-open connections' chunk */
        conv_in(c, "S 0:300(300) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_listen_event(c, 0);
        conv_give_all(c);
        conv_in(c, "P. 1:301(300) ack 1");
        conv_out(c, ". 1:1(0) ack 301");
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_recv(c, 300);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_in, 0);
}

/* Cookies end: after six hours they still open, and the client gets the new one; after twelve they are worth
 * nothing. [RFC7413 4.1.2] */
CONV_TEST(a_cookie_ages)
{
        char cookie[80];

        conv_start(c, NULL);
        serve(c, 4);
        snprintf(cookie, sizeof(cookie), "%s", get_cookie(c));
        for (unsigned i = 1; i <= 2; i++) {
                unsigned at = i == 1 ? 101 : 1;

                conv_advance(c, ELKO_SEC(6 * 3600));
                conv_flow(c, i);
                conv_in(c, "S 0:100(100) win 65535 <" SYN_OPTIONS ",%s>", cookie);
                conv_out(c, "S. 0:0(0) ack %u <...>", at);
                CONV_CHECK(c, strcmp(cookie_text(c), cookie) != 0);
                CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_refused, i - 1);
                if (i == 1)
                        conv_accept(c);
                conv_in(c, "R %u:%u(0)", at, at);
        }
}

static void shared_key(struct elko_config *cfg)
{
        static const uint32_t words[] = {0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4};

        memcpy(cfg->fastopen_key[0], words, sizeof(words));
}

/* A key that hosts share: SipHash-2-4 of the client's address and the server's, as Linux has it. The numbers
 * were computed by another program. */
CONV_TEST(a_shared_key)
{
        const struct conv_options options = {.config = shared_key};
        const struct conv_opt *o;

        conv_start(c, &options);
        serve(c, 4);
        get_cookie(c);
        o = conv_seg_opt(&c->last, KIND);
        CONV_CHECK(c, o != NULL);
        CONV_EQ(c, conv_get32(o->data), c->variant->v6 ? SHARED_V6_HIGH : SHARED_V4_HIGH);
        CONV_EQ(c, conv_get32(o->data + 4), c->variant->v6 ? SHARED_V6_LOW : SHARED_V4_LOW);
}

/* The experimental option, as clients of before 2014 send it, is answered in kind (RFC 7413, A). */
CONV_TEST(experimental_option)
{
        const struct conv_opt *o;

        conv_start(c, NULL);
        serve(c, 4);
        conv_in(c, "S 0:0(0) win 65535 <mss M,raw FE 04 F9 89>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        o = conv_seg_opt(&c->last, 254);
        CONV_CHECK(c, o != NULL && o->len == 12 && conv_get16(o->data) == 0xf989);
        conv_in(c, "R 1:1(0)");
}

/* Among hosts that trust each other. */
CONV_TEST(without_cookies)
{
        conv_start(c, NULL);
        serve(c, 4);
        if (elko_set_option(c->st, c->listener, ELKO_OPTION_FASTOPEN_NO_COOKIE, 1) != 0)
                conv_fail(c, "FASTOPEN_NO_COOKIE can't be set");
        conv_in(c, "S 0:100(100) win 65535 <" SYN_OPTIONS ">");
        conv_out(c, "S. 0:0(0) ack 101 <...>");
        conv_accept(c);
        conv_recv(c, 100);
        conv_in(c, ". 101:101(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Lengths that are not allowed are ignored. [RFC7413 4.1.1a] */
CONV_TEST(odd_cookies)
{
        static const char *const odd[] = {"raw 22 03 01,nop", "raw 22 04 01 02",
                                          "raw 22 05 01 02 03,nop,nop,nop",
                                          "raw 22 07 01 02 03 04 05,nop"};

        conv_start(c, NULL);
        serve(c, 4);
        for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:100(100) win 65535 <mss M,%s>", odd[i]);
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
                conv_in(c, "R 1:1(0)");
        }
}

/* Keys of one listener, while it listens: the first makes cookies, those of the second are good, and replaced. */
CONV_TEST(keys_of_a_listener)
{
        static const uint8_t key[3][16] = {{1}, {2}, {3}};
        const uint8_t both[2][16] = {{2}, {1}};
        char cookie[80], next[80];

        conv_start(c, NULL);
        serve(c, 4);
        CONV_EQ(c, elko_set_fastopen_keys(c->st, c->listener, key, 3), ELKO_EINVAL);
        CONV_EQ(c, elko_set_fastopen_keys(c->st, ELKO_SOCK_NONE, key, 1), ELKO_EBADF);
        CONV_EQ(c, elko_set_fastopen_keys(c->st, c->listener, key, 1), ELKO_OK);
        snprintf(cookie, sizeof(cookie), "%s", get_cookie(c));
        CONV_EQ(c, elko_set_fastopen_keys(c->st, c->listener, both, 2), ELKO_OK);
        conv_flow(c, 1);
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 10 <...>");
        snprintf(next, sizeof(next), "%s", cookie_text(c));
        CONV_CHECK(c, strcmp(next, cookie) != 0);
        conv_in(c, ". 10:10(0) ack 1");
        conv_accept(c);
        conv_recv(c, 9);
        CONV_EQ(c, elko_set_fastopen_keys(c->st, c->listener, key + 1, 1), ELKO_OK);
        conv_flow(c, 2);
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, "R 1:1(0)");
        conv_flow(c, 3);
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", next);
        conv_out(c, "S. 0:0(0) ack 10 <...>");
        no_fastopen(c);
        conv_in(c, ". 10:10(0) ack 1");
        conv_accept(c);
        conv_recv(c, 9);
}

/* A cookie of an old key that came in the experimental option: the new one goes there, too. */
CONV_TEST(experimental_option_of_an_old_key)
{
        static const uint8_t key[2][16] = {{1}, {2}};
        const uint8_t both[2][16] = {{2}, {1}};
        const struct conv_opt *o;
        uint8_t data[12];

        conv_start(c, NULL);
        serve(c, 4);
        elko_set_fastopen_keys(c->st, c->listener, key, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M,raw FE 04 F9 89>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        o = conv_seg_opt(&c->last, 254);
        CONV_CHECK(c, o != NULL && o->len == 12);
        memcpy(data, o->data, 10);
        conv_in(c, "R 1:1(0)");
        elko_set_fastopen_keys(c->st, c->listener, both, 2);
        conv_flow(c, 1);
        conv_in(c,
                "S 0:9(9) win 65535 <mss M,raw FE 0C %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x>",
                data[0], data[1], data[2], data[3], data[4], data[5], data[6], data[7], data[8],
                data[9]);
        conv_out(c, "S. 0:0(0) ack 10 <...>");
        o = conv_seg_opt(&c->last, 254);
        CONV_CHECK(c, o != NULL && o->len == 12 && memcmp(o->data, data, 10) != 0);
        conv_in(c, ". 10:10(0) ack 1");
        conv_accept(c);
        conv_recv(c, 9);
}

/* Too many that nobody confirmed, or that were reset just now: ordinary opens. [RFC7413 4.2.2c 5.1a] */
CONV_TEST(the_limit)
{
        char cookie[80];

        conv_start(c, NULL);
        serve(c, 2);
        snprintf(cookie, sizeof(cookie), "%s", get_cookie(c));
        for (unsigned i = 1; i <= 3; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
                conv_out(c, "S. 0:0(0) ack %u <...>", i <= 2 ? 10 : 1);
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_full, 1);
        conv_in(c, "R 1:1(0)");
        /* One is reset, which changes nothing for a minute ... */
        conv_flow(c, 1);
        conv_accept(c);
        conv_in(c, "R 10:10(0)");
        conv_recv(c, 9);
        conv_recv_is(c, ELKO_ECONNRESET);
        conv_flow(c, 4);
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        conv_in(c, "R 1:1(0)");
        /* ... and one is confirmed. */
        conv_flow(c, 2);
        conv_in(c, ". 10:10(0) ack 1");
        conv_flow(c, 5);
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 10 <...>");
        conv_in(c, ". 10:10(0) ack 1");
        conv_flow(c, 2);
        conv_accept(c);
        conv_flow(c, 5);
        conv_accept(c);
        conv_flow(c, 6);
        conv_advance(c, ELKO_SEC(61));
        conv_in(c, "S 0:9(9) win 65535 <" SYN_OPTIONS ",%s>", cookie);
        conv_out(c, "S. 0:0(0) ack 10 <...>");
        conv_in(c, ". 10:10(0) ack 1");
        conv_accept(c);
}

/* ---- the client ---- */

/* Connect with Fast Open and `bytes` queued before the SYN leaves. */
static void open_with_data(struct conv *c, size_t bytes)
{
        conv_hold(c, true);
        conv_connect(c);
        if (elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_SEND) != 0)
                conv_fail(c, "FASTOPEN can't be set");
        if (bytes > 0)
                conv_send(c, bytes);
        conv_hold(c, false);
        conv_pull(c);
}

#define COOKIE "raw 22 0a 11 22 33 44 55 66 77 88,nop,nop"

CONV_TEST(a_client_without_cookies)
{
        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_SEND);
        elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN_NO_COOKIE, 1);
        conv_send(c, 300);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "S 0:300(300) <...>");
        no_fastopen(c);
        conv_in(c, "S. 0:0(0) ack 301 win 65535 <mss 1400>");
        conv_out(c, ". 301:301(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Without a cache nothing is learned of the server, neither a cookie nor that it does not take data. */
CONV_TEST(nothing_is_kept_without_a_cache)
{
        for (unsigned i = 0; i < 2; i++) {
                if (i == 0)
                        conv_start(c, NULL);
                else
                        conv_again(c);
                conv_hold(c, true);
                conv_connect(c);
                elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_SEND);
                elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN_NO_COOKIE, 1);
                conv_send(c, 300);
                conv_hold(c, false);
                conv_pull(c);
                conv_out(c, "S 0:300(300) <...>");
                conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss 1400%s>", i == 0 ? "" : "," COOKIE);
                conv_out(c, "P. 1:301(300) ack 1");
                conv_in(c, ". 1:1(0) ack 301");
                conv_state(c, ELKO_TCP_ESTABLISHED);
                CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_taken, 0);
        }
}

/* A connection that fetches the cookie; the data goes with the third segment. */
static void learn(struct conv *c, unsigned mss)
{
        open_with_data(c, 10);
        conv_out(c, "S 0:0(0) <...>");
        CONV_CHECK(c, fastopen_of(c) != NULL && fastopen_of(c)->len == 2);
        conv_in(c,
                "S. 0:0(0) ack 1 win 65535 <mss %u,sackOK,TS val 100 ecr 0,nop,wscale 7," COOKIE
                ">",
                mss);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, "R. 1:1(0) ack 11");
        conv_recv_is(c, ELKO_ECONNRESET);
        conv_close(c);
        conv_forget(c);
}

/* [RFC7413 4.1.3a 4.2.1a 4.2.2a 4.2.2g] */
CONV_TEST(a_client_learns_a_cookie_and_uses_it)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
        CONV_EQ(c, fastopen_of(c)->len, 10);
        CONV_EQ(c, fastopen_of(c)->data[7], 0x88);
        conv_in(c, "S. 0:0(0) ack 501 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ". 501:501(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_info(c).options & ELKO_TCPI_SYN_DATA, ELKO_TCPI_SYN_DATA);
        conv_in(c, "P. 1:101(100) ack 501");
        conv_out(c, ". 501:501(0) ack 101");
        conv_recv(c, 100);
        conv_send(c, 20);
        conv_out(c, "P. 501:521(20) ack 101");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_fastopen_taken, 1);
}

/* As much as the MSS of last time takes beside the options; the rest follows. */
CONV_TEST(much_data)
{
        uint32_t room = 1400 - 32;

        conv_start(c, &client_options);
        learn(c, 1400);
        open_with_data(c, 3000);
        conv_out(c, "S 0:%u(%u) <...>", room, room);
        conv_in(c, "S. 0:0(0) ack %u win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>",
                room + 1);
        conv_out(c, ". %u:%u(1388) ack 1", room + 1, room + 1389);
        conv_out(c, "P. %u:3001(%u) ack 1", room + 1389, 3000 - room - 1388);
}

/* The server takes none of it, or a part: the rest goes again at once. [RFC7413 4.2.2g] */
CONV_TEST(data_that_is_not_taken)
{
        for (unsigned part = 0; part <= 200; part += 200) {
                conv_start(c, &client_options);
                learn(c, 1400);
                open_with_data(c, 500);
                conv_out(c, "S 0:500(500) <...>");
                conv_in(c,
                        "S. 0:0(0) ack %u win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>",
                        1 + part);
                conv_out(c, "P. %u:501(%u) ack 1", 1 + part, 500 - part);
                conv_in(c, ". 1:1(0) ack 501");
                conv_send(c, 20);
                conv_out(c, "P. 501:521(20) ack 1");
                if (part == 0)
                        conv_again(c);
        }
}

/* "When the SYN timer fires, the client SHOULD retransmit a SYN packet without data and Fast Open options." The
 * path is one that drops them, presumably: not again for an hour. [RFC7413 4.1.3.1a 4.1.3.1b 4.2.2g] */
CONV_TEST(the_syn_gets_lost)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
        conv_advance(c, ELKO_SEC(1));
        conv_out(c, "S 0:0(0) <...>");
        no_fastopen(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, "P. 1:501(500) ack 1");
        conv_in(c, "R. 1:1(0) ack 501");
        conv_close(c);
        conv_forget(c);
        open_with_data(c, 500);
        conv_out(c, "S 0:0(0) <...>");
        no_fastopen(c);
        conv_in(c, "R. 0:0(0) ack 1");
        conv_close(c);
        conv_forget(c);
        conv_advance(c, ELKO_SEC(3600));
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
}

static void no_bar(struct elko_config *cfg)
{
        cfg->fastopen_cookies = 8;
        cfg->fastopen_bar_ns = 0;
}

/* Without a time for it a path is tried again at once, as Linux does. */
CONV_TEST(a_path_is_not_barred)
{
        const struct conv_options options = {.config = no_bar};

        conv_start(c, &options);
        learn(c, 1400);
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
        conv_advance(c, ELKO_SEC(1));
        conv_out(c, "S 0:0(0) <...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, "P. 1:501(500) ack 1");
        conv_in(c, "R. 1:1(0) ack 501");
        conv_close(c);
        conv_forget(c);
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
}

static void spare(struct elko_config *cfg)
{
        cfg->fastopen_cookies = 8;
        cfg->fastopen_spare = true;
}

/* Room for all options that there could be. */
CONV_TEST(room_to_spare)
{
        const struct conv_options options = {.config = spare};

        conv_start(c, &options);
        learn(c, 1000);
        open_with_data(c, 3000);
        conv_out(c, "S 0:960(960) <...>");
}

/* Who takes the first SYN and gives no cookie is asked in the experimental option next time (RFC 7413, A), once. */
CONV_TEST(asked_in_the_experimental_option)
{
        conv_start(c, &client_options);
        for (unsigned i = 0; i < 3; i++) {
                open_with_data(c, 10);
                conv_out(c, "S 0:0(0) <...>");
                CONV_EQ(c, conv_seg_opt(&c->last, 254) != NULL, i == 1);
                CONV_EQ(c, fastopen_of(c) != NULL, i != 1);
                conv_in(c,
                        "S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
                conv_out(c, "P. 1:11(10) ack 1");
                conv_in(c, "R. 1:1(0) ack 11");
                conv_close(c);
                conv_forget(c);
        }
}

/* The SYN waits for its data, and does nothing else. */
CONV_TEST(a_syn_that_is_held)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        conv_hold(c, true);
        conv_connect(c);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_COUNT),
                ELKO_EINVAL);
        CONV_EQ(c, elko_syn_room(c->st, c->f->sock), 0);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_HOLD),
                ELKO_OK);
        conv_hold(c, false);
        conv_pull(c);
        conv_none(c);
        conv_advance(c, ELKO_SEC(1000));
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_SENT);
        CONV_EQ(c, elko_syn_room(c->st, c->f->sock), 1400 - 32);
        conv_send(c, 100);
        conv_none(c);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_SEND),
                ELKO_OK);
        conv_pull(c);
        conv_out(c, "S 0:100(100) <...>");
        CONV_EQ(c, elko_syn_room(c->st, c->f->sock), 0);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_HOLD),
                ELKO_OK);
        conv_advance(c, ELKO_SEC(1)); /* too late to hold anything */
        conv_out(c, "S 0:0(0) <...>");
        conv_in(c, "S. 0:0(0) ack 101 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ". 101:101(0) ack 1");
}

/* Given up, or met by the peer's own SYN. */
CONV_TEST(a_syn_that_is_held_and_not_needed)
{
        conv_start(c, &client_options);
        conv_hold(c, true);
        conv_connect(c);
        elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_HOLD);
        conv_hold(c, false);
        conv_pull(c);
        conv_close(c);
        conv_none(c);
}

CONV_TEST(a_cookie_is_asked_for_again)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        conv_hold(c, true);
        conv_connect(c);
        elko_set_option(c->st, c->f->sock, ELKO_OPTION_FASTOPEN, ELKO_FASTOPEN_ASK);
        CONV_EQ(c, elko_syn_room(c->st, c->f->sock), 0);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "S 0:0(0) <...>");
        CONV_CHECK(c, fastopen_of(c) != NULL && fastopen_of(c)->len == 2);
}

/* Too long for the path: again at once, without data (RFC 1191, 6.4). */
CONV_TEST(a_syn_that_is_too_big)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        open_with_data(c, 1300);
        conv_out(c, "S 0:1300(1300) <...>");
        conv_in_icmp(c, c->variant->v6 ? 2 : 3, c->variant->v6 ? 0 : 4, 1280, "S 0:1300(1300)");
        conv_out(c, "S 0:0(0) <...>");
        no_fastopen(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ". 1:%u(%u) ack 1", c->variant->v6 ? 1209 : 1229, c->variant->v6 ? 1208 : 1228);
        conv_out(c, "P. %u:1301(%u) ack 1", c->variant->v6 ? 1209 : 1229,
                 1300 - (c->variant->v6 ? 1208 : 1228));
}

/* A peer that opens at the same time takes nothing of it. */
CONV_TEST(simultaneous_open)
{
        conv_start(c, &client_options);
        learn(c, 1400);
        open_with_data(c, 500);
        conv_out(c, "S 0:500(500) <...>");
        conv_in(c, "S 0:0(0) win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <...>");
        no_fastopen(c);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_out(c, "P. 1:501(500) ack 1");
}

/* The cookies of many servers: the oldest of a set make room. */
CONV_TEST(the_cache_is_bounded)
{
        conv_start(c, &client_options);
        for (unsigned i = 0; i < 40; i++) {
                conv_flow(c, i);
                learn(c, 1400);
        }
        /* The last one is there. */
        open_with_data(c, 5);
        conv_out(c, "S 0:5(5) <...>");
}

EK_TEST_MAIN();

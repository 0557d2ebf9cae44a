/* SPDX-License-Identifier: MIT */
/*
 * The wire monitor: every rule fires where it is broken, and is silent one packet away from that.
 *
 * Theory: a checker that never speaks proves nothing. The rules come from one list (monitor_rules.h), and
 * so do the tests here: a rule without a conversation that breaks it does not compile. Each conversation
 * runs twice: `wrong` as it must be blamed, and its twin, which must not be.
 */
#include "test_sim_monitor_wire.h"

/* ------------------------------------------------------------------ the packet by itself */

static void ip_sum(uint8_t *b)
{
        b[10] ^= 1;
}

static void more_fragments(uint8_t *b)
{
        b[6] |= 0x20;
}

static void to_multicast(uint8_t *b)
{
        b[16] = 224;
}

static void short_offset(uint8_t *b)
{
        b[32] = 0x40;
}

static void tcp_sum(uint8_t *b)
{
        b[36] ^= 1;
}

static void reserved_bit(uint8_t *b)
{
        b[32] |= 0x04;
}

static void talk_IP_HEADER(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 9, .spoil = wrong ? ip_sum : NULL});
}

static void talk_FRAGMENT(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .len = 9,
                       .spoil = wrong ? more_fragments : NULL,
                       .sums_last = true});
}

static void talk_ADDRESS(bool wrong)
{
        out((struct p){.flags = SYN, .spoil = wrong ? to_multicast : NULL, .sums_last = true});
}

static void talk_MTU(bool wrong)
{
        wire_end();
        wire_begin(&(struct sim_monitor_config){.mtu = 600});
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = wrong ? 561 : 560});
}

static void talk_TCP_HEADER(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .len = 9,
                       .spoil = wrong ? short_offset : NULL,
                       .sums_last = true});
}

static void talk_TCP_CHECKSUM(bool wrong)
{
        open_active(false, false, false);
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 1, .len = 9, .spoil = wrong ? tcp_sum : NULL});
}

static void talk_RESERVED(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .len = 9,
                       .spoil = wrong ? reserved_bit : NULL,
                       .sums_last = true});
}

static void talk_OPTION_FORM(bool wrong)
{
        static const char *const bad[] = {"\x00\x01\x00\x00", "\x08\x0a\x00\x00",
                                          "\x01\x01\x03\x00", "\x04\x03\x00\x00",
                                          "\x01\x01\x08\x01"};

        for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct p p = {.flags = ACK, .seq = 1, .ack = 1, .len = 9, .options_len = 4};

                wire_end();
                wire_begin(NULL);
                open_active(false, false, false);
                memcpy(p.options, wrong ? bad[i] : "\x01\x01\x01\x00", 4);
                out(p);
                if (wrong)
                        CHECK_EQ(wire.violations, 1);
        }
}

static void talk_FLAGS(bool wrong)
{
        out((struct p){.flags = wrong ? SYN | FIN : SYN});
}

static void talk_ACK_BIT(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = wrong ? 0 : ACK, .seq = 1, .ack = 1, .len = 9});
}

/* ------------------------------------------------------------------ options */

static void talk_SYN_OPTIONS(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 9, .mss = wrong ? 1460 : 0});
}

static void talk_WSCALE_MAX(bool wrong)
{
        out((struct p){.flags = SYN, .ws = wrong ? 16 : 15});
}

static void talk_WSCALE_ANSWER(bool wrong)
{
        in((struct p){.flags = SYN, .ws = wrong ? 0 : 1});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ws = 2});
}

static void talk_SACK_ALLOWED(bool wrong)
{
        open_active(false, !wrong, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 50});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 151}});
}

static void talk_TS_ANSWER(bool wrong)
{
        in((struct p){.flags = SYN, .ts = !wrong});
        out((struct p){.flags = SYN | ACK, .ack = 1, .ts = true});
}

static void talk_TS_ALWAYS(bool wrong)
{
        open_active(false, false, true);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 9, .no_ts = wrong});
}

static void talk_TS_NEVER(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 9, .ts = wrong});
}

static void talk_TSVAL(bool wrong)
{
        open_active(false, false, true);
        after(ELKO_MS(10));
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .len = 9,
                       .tsval = wrong ? wire.ts_out - 1 : wire.ts_out});
}

static void talk_TSECR(bool wrong)
{
        uint32_t older;

        open_active(false, false, true);
        older = wire.ts_in;
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        /* Above a gap: TS.Recent does not move (RFC 7323, 4.3 (2)). */
        in((struct p){.flags = ACK, .seq = 201, .ack = 1, .len = 100, .tsval = wire.ts_in + 5});
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 101, .tsecr = wrong ? older : wire.ts_in - 5});
}

static void talk_MSS(bool wrong)
{
        open_active(false, false, true);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = wrong ? 1449 : 1448});
}

/* ------------------------------------------------------------------ the sender */

static void talk_ISN(bool wrong)
{
        out((struct p){.flags = SYN});
        after(ELKO_SEC(1));
        out((struct p){.flags = SYN, .seq = wrong ? 7 : 0});
}

static void talk_SEQ_GAP(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = wrong ? 2 : 1, .ack = 1, .len = 9});
}

/* Three duplicate acknowledgments draw a retransmission that is cut in another way. */
static void talk_SAME_BYTES(bool wrong)
{
        open_active(false, false, false);
        for (uint32_t i = 0; i < 6; i++)
                out((struct p){.flags = ACK, .seq = 1 + 1000 * i, .ack = 1, .len = 1000});
        after(ELKO_MS(10));
        for (uint32_t i = 0; i < 3; i++)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1460, .octets = wrong ? 1 : 0});
}

static void talk_FIN_FIXED(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK | FIN, .seq = 201, .ack = 1});
        after(ELKO_SEC(1));
        if (wrong)
                out((struct p){.flags = ACK | FIN, .seq = 101, .ack = 1, .len = 50});
        else
                out((struct p){.flags = ACK | FIN, .seq = 101, .ack = 1, .len = 100});
}

static void talk_ABOVE_FIN(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 1, .len = 100});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 102 : 1});
        if (wrong)
                out((struct p){.flags = ACK, .seq = 102, .ack = 1, .len = 1});
        after(ELKO_SEC(1));
        if (!wrong)
                out((struct p){.flags = ACK | FIN, .seq = 1, .ack = 1, .len = 100});
}

static void talk_WINDOW(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = 500});
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = wrong ? 501 : 500});
}

static void talk_STALE(bool wrong)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 101});
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        after(ELKO_SEC(1));
        out((struct p){.flags = ACK, .seq = wrong ? 1 : 101, .ack = 1, .len = 100});
}

static void talk_SEQ_OLD(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        after(ELKO_SEC(10));
        out((struct p){.flags = ACK, .seq = wrong ? 99 : 100, .ack = 1});
}

static void talk_EARLY_TEXT(bool wrong)
{
        in((struct p){.flags = SYN});
        out((struct p){.flags = SYN | ACK, .ack = 1});
        after(ELKO_MS(10));
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

/* ------------------------------------------------------------------ acknowledgments */

static void talk_ACK_UNSENT(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 102 : 101});
}

static void talk_ACK_BACK(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 1 : 101, .len = 10});
}

static void talk_ACK_BEYOND_EDGE(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = 59900});
        for (uint32_t i = 0; i < 60; i++) {
                in((struct p){.flags = ACK, .seq = 101 + 1000 * i, .ack = 1, .len = 1000});
                if (i < 59)
                        out((struct p){.flags = ACK,
                                       .seq = 1,
                                       .ack = 1101 + 1000 * i,
                                       .window = 59900 - 1000 * (i + 1)});
        }
        out((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 60101 : 60001, .window = NO_WINDOW});
}

static void talk_ACK_DELAY(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        after(wrong ? ELKO_MS(501) : ELKO_MS(499));
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
}

static void talk_ACK_SECOND(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1460});
        after(ELKO_MS(100));
        in((struct p){.flags = ACK, .seq = 1461, .ack = 1, .len = 1460});
        after(wrong ? ELKO_MS(2) : 0);
        out((struct p){.flags = ACK, .seq = 1, .ack = 2921});
}

static void talk_ACK_OOO(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        after(wrong ? ELKO_MS(2) : 0);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
}

static void talk_ACK_FILL(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 201}});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        after(wrong ? ELKO_MS(2) : 0);
        out((struct p){.flags = ACK, .seq = 1, .ack = 201});
}

static void talk_ACK_UNACCEPTABLE(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        if (!wrong)
                out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 101, .ack = 1});
}

static void talk_EDGE_LEFT(bool wrong)
{
        open_active(true, false, false); /* shift count 2: the edge is at 64001 */
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 103});
        out((struct p){.flags = ACK, .seq = 1, .ack = 104, .window = wrong ? 15973 : 15974});
}

/* ------------------------------------------------------------------ SACK */

/* Holes at 1..100 and 201..300. */
static void two_holes(void)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .sacks = 1, .sack = {101, 201}});
        in((struct p){.flags = ACK, .seq = 301, .ack = 1, .len = 100});
}

static void talk_SACK_FORM(bool wrong)
{
        two_holes();
        if (wrong)
                out((struct p){.flags = ACK,
                               .seq = 1,
                               .ack = 1,
                               .sacks = 2,
                               .sack = {301, 401, 101, 101}});
        else
                out((struct p){.flags = ACK,
                               .seq = 1,
                               .ack = 1,
                               .sacks = 2,
                               .sack = {301, 401, 101, 201}});
}

static void talk_SACK_HELD(bool wrong)
{
        two_holes();
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .sacks = 2,
                       .sack = {301, wrong ? 402 : 401, 101, 201}});
}

static void talk_SACK_FIRST(bool wrong)
{
        two_holes();
        if (wrong)
                out((struct p){.flags = ACK,
                               .seq = 1,
                               .ack = 1,
                               .sacks = 2,
                               .sack = {101, 201, 301, 401}});
        else
                out((struct p){.flags = ACK,
                               .seq = 1,
                               .ack = 1,
                               .sacks = 2,
                               .sack = {301, 401, 101, 201}});
}

static void talk_SACK_RENEGE(bool wrong)
{
        two_holes();
        out((struct p){.flags = ACK,
                       .seq = 1,
                       .ack = 1,
                       .sacks = wrong ? 1 : 2,
                       .sack = {301, 401, 101, 201}});
}

static void talk_SACK_USED(bool wrong)
{
        open_active(false, true, false);
        for (uint32_t i = 0; i < 8; i++) {
                struct p p = {.flags = ACK, .seq = 1, .ack = 1};

                in((struct p){.flags = ACK, .seq = 101 + 200 * i, .ack = 1, .len = 100});
                p.sacks = wrong ? 0 : i < 2 ? i + 1 : 3;
                for (uint32_t k = 0; k < p.sacks; k++) {
                        p.sack[2 * k] = 101 + 200 * (i - k);
                        p.sack[2 * k + 1] = 201 + 200 * (i - k);
                }
                out(p);
        }
}

static void talk_DSACK(bool wrong)
{
        open_active(false, true, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 50});
        out((struct p){
                .flags = ACK, .seq = 1, .ack = 101, .sacks = 1, .sack = {1, wrong ? 101 : 51}});
}

/* ------------------------------------------------------------------ resets */

static void talk_RST_FORM(bool wrong)
{
        in((struct p){.flags = SYN, .seq = 5, .len = 3});
        out((struct p){.flags = RST | ACK, .seq = 0 - wire.iss, .ack = wrong ? 6 : 9});
        in((struct p){.flags = ACK, .seq = 5, .ack = 77});
        out((struct p){.flags = RST, .seq = 77});
}

static void talk_RST_REASON(bool wrong)
{
        in((struct p){.flags = ACK, .seq = 5, .ack = 77});
        out((struct p){.flags = RST, .seq = 77});
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 9, .ack = 77});
        out((struct p){.flags = RST, .seq = 77});
}

static void talk_RST_TO_RST(bool wrong)
{
        in((struct p){.flags = wrong ? RST | ACK : ACK, .seq = 5, .ack = 77});
        out((struct p){.flags = RST, .seq = 77});
}

static void talk_AFTER_RST_IN(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = RST, .seq = wrong ? 1 : 2});
        /* Not exactly RCV.NXT: a challenge ACK, and the connection goes on (RFC 5961, 3.2). */
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
}

static void talk_AFTER_RST_OUT(bool wrong)
{
        open_active(false, false, false);
        if (wrong)
                out((struct p){.flags = RST | ACK, .seq = 1, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

/* ------------------------------------------------------------------ time and quantity */

static void talk_RTX_EARLY(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        after(wrong ? ELKO_MS(5) : ELKO_MS(20));
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
}

static void talk_RTX_BACKOFF(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        for (unsigned i = 0; i < 4; i++) {
                after(wrong ? ELKO_MS(300) : ELKO_MS(200) << i);
                out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        }
}

static void talk_RTX_MISSING(bool wrong)
{
        open_active(false, false, false);
        send_acked(1, 100, 1);
        out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 100});
        if (!wrong) {
                after(ELKO_SEC(1));
                in((struct p){.flags = ACK, .seq = 1, .ack = 201});
        }
        after(ELKO_SEC(70));
        in((struct p){.flags = ACK, .seq = 1, .ack = wrong ? 101 : 201});
}

/* The window closes, and probes of `gap[i]` follow, each answered. */
static void probes(const uint64_t *gap, unsigned n)
{
        open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = NO_WINDOW});
        for (unsigned i = 0; i < n; i++) {
                after(gap[i]);
                out((struct p){.flags = ACK, .seq = 101, .ack = 1, .len = 1});
                after(ELKO_MS(10));
                in((struct p){.flags = ACK, .seq = 1, .ack = 101, .window = NO_WINDOW});
        }
}

static void talk_PROBE_BACKOFF(bool wrong)
{
        /* Two keep-alives, then the first probe and the second: 3.8.4 and 3.8.6.1. */
        static const uint64_t good[] = {ELKO_SEC(14), ELKO_SEC(14), ELKO_SEC(4), ELKO_SEC(2),
                                        ELKO_SEC(4)};
        static const uint64_t bad[] = {ELKO_SEC(14), ELKO_SEC(14), ELKO_SEC(4), ELKO_SEC(2),
                                       ELKO_SEC(1)};

        probes(wrong ? bad : good, 5);
}

static void talk_PROBE_MISSING(bool wrong)
{
        static const uint64_t gap[] = {ELKO_SEC(1), ELKO_SEC(2)};

        probes(gap, 2);
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 1, .ack = 102});
        after(ELKO_SEC(200));
        in((struct p){
                .flags = ACK, .seq = 1, .ack = wrong ? 101 : 102, .window = wrong ? NO_WINDOW : 0});
}

static void talk_STORM(bool wrong)
{
        open_active(false, false, false);
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100});
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
        in((struct p){.flags = ACK, .seq = 101, .ack = 1}); /* says nothing new */
        if (!wrong)
                in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100}); /* asks for an ACK */
        out((struct p){.flags = ACK, .seq = 1, .ack = 101});
}

static void talk_INITIAL_WINDOW(bool wrong)
{
        open_active(false, false, false);
        for (uint32_t i = 0; i < (wrong ? 11u : 10u); i++)
                out((struct p){.flags = ACK, .seq = 1 + 1460 * i, .ack = 1, .len = 1460});
}

static void talk_CWND(bool wrong)
{
        uint32_t seq = 1 + 10 * 1460;

        open_active(true, false, false);
        for (uint32_t i = 0; i < 10; i++)
                out((struct p){
                        .flags = ACK, .seq = 1 + 1460 * i, .ack = 1, .len = 1460, .window = 16000});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK, .seq = 1, .ack = seq});
        for (uint32_t i = 0; i < (wrong ? 40u : 20u); i++)
                out((struct p){.flags = ACK,
                               .seq = seq + 1460 * i,
                               .ack = 1,
                               .len = 1460,
                               .window = 16000});
}

static void talk_AFTER_RTO(bool wrong)
{
        open_active(false, false, false);
        for (uint32_t i = 0; i < 10; i++)
                out((struct p){.flags = ACK, .seq = 1 + 1460 * i, .ack = 1, .len = 1460});
        for (unsigned i = 0; i < 3; i++) {
                after(ELKO_SEC(1) << i);
                out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 1460});
        }
        for (uint32_t i = 1; wrong && i < 3; i++)
                out((struct p){.flags = ACK, .seq = 1 + 1460 * i, .ack = 1, .len = 1460});
}

static void talk_STATE(bool wrong)
{
        if (!wrong)
                open_active(false, false, false);
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 10});
}

/* ------------------------------------------------------------------ ECN */

/* The host asks for ECN (RFC 3168), and gets it. */
static void open_ecn(void)
{
        out((struct p){.flags = SYN | ECE | CWR});
        after(ELKO_MS(10));
        in((struct p){.flags = SYN | ACK | ECE, .ack = 1});
        out((struct p){.flags = ACK, .seq = 1, .ack = 1});
}

static void talk_ECN_SYN(bool wrong)
{
        in((struct p){.flags = SYN | ECE | CWR});
        out((struct p){.flags = SYN | ACK | ECE, .ack = 1, .ecn = wrong ? ECT0 : 0});
}

static void talk_ECT(bool wrong)
{
        open_ecn();
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = ECT0});
        after(ELKO_SEC(1));
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = wrong ? ECT0 : 0});
}

static void talk_ECE(bool wrong)
{
        open_ecn();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = wrong ? ECT0 : CE});
        out((struct p){.flags = ACK | ECE, .seq = 1, .ack = 101});
}

static void talk_ECE_OWED(bool wrong)
{
        open_ecn();
        in((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = CE});
        out((struct p){.flags = wrong ? ACK : ACK | ECE, .seq = 1, .ack = 101});
}

static void talk_CWR(bool wrong)
{
        open_ecn();
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = ECT0});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK | ECE, .seq = 1, .ack = 101});
        out((struct p){.flags = ACK | CWR, .seq = 101, .ack = 1, .len = 100, .ecn = ECT0});
        out((struct p){
                .flags = wrong ? ACK | CWR : ACK, .seq = 201, .ack = 1, .len = 100, .ecn = ECT0});
}

static void talk_CWR_OWED(bool wrong)
{
        open_ecn();
        out((struct p){.flags = ACK, .seq = 1, .ack = 1, .len = 100, .ecn = ECT0});
        after(ELKO_MS(10));
        in((struct p){.flags = ACK | ECE, .seq = 1, .ack = 101});
        out((struct p){
                .flags = wrong ? ACK : ACK | CWR, .seq = 101, .ack = 1, .len = 100, .ecn = ECT0});
}

static void talk_ACE(bool wrong)
{
        out((struct p){.flags = SYN | ECE | CWR, .ae = true});
        after(ELKO_MS(10));
        in((struct p){.flags = SYN | ACK | CWR, .ack = 1});
        out((struct p){.flags = ACK | CWR, .seq = 1, .ack = 1});
        in((struct p){.flags = ACK | ECE,
                      .ae = true,
                      .seq = 1,
                      .ack = 1,
                      .len = 100,
                      .ecn = wrong ? ECT0 : CE});
        in((struct p){.flags = ACK | ECE, .ae = true, .seq = 101, .ack = 1, .len = 100, .ecn = CE});
        out((struct p){.flags = ACK | ECE | CWR, .ae = true, .seq = 1, .ack = 201}); /* seven */
}

/* ------------------------------------------------------------------ the list makes the tests */

#define EK_X(name, sentence, section)                                                              \
        EK_TEST(monitor_##name)                                                                    \
        {                                                                                          \
                wire_begin(NULL);                                                                  \
                talk_##name(false);                                                                \
                wire_end();                                                                        \
                if (wire.violations > 0)                                                           \
                        printf("    the twin: %s\n", wire.text);                                   \
                CHECK_EQ(wire.violations, 0);                                                      \
                wire_begin(NULL);                                                                  \
                talk_##name(true);                                                                 \
                wire_end();                                                                        \
                CHECK(wire.violations > 0);                                                        \
                if (wire.first != SIM_RULE_##name)                                                 \
                        printf("    %s\n", wire.text);                                             \
                CHECK_EQ(wire.first, SIM_RULE_##name);                                             \
        }
SIM_MONITOR_RULES(EK_X)

EK_TEST_MAIN();

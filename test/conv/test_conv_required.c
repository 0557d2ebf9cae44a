/* SPDX-License-Identifier: MIT */
#include "conv.h"

#include "wire/icmp4.h"
#include "wire/ipv4.h"

/*
 * What RFC 9293 and its neighbours require and no other conversation shows: the rest of doc/RFC9293.md
 * and doc/requirements. Most of it is about calls and limits that nobody uses twice.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* ---- OPEN: RFC 9293, 3.9.1.1 ---- */

/* MUST-41, MUST-42: a passive OPEN on the local port of connections that exist, in SYN-SENT, in
 * SYN-RECEIVED and ESTABLISHED; it takes the next caller, and they go on as before.
 * [RFC9293 MUST-41 MUST-42] */
CONV_TEST(listen_on_a_port_in_use)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_flow(c, 1);
        conv_reach(c, ELKO_TCP_SYN_RECEIVED, true);
        conv_flow(c, 2);
        conv_open_active(c);
        conv_listen(c);
        conv_flow(c, 3);
        conv_open_passive(c);
        conv_flow(c, 0);
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_flow(c, 2);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_accept_none(c);
}

/* The address that IP would choose from now on: closer to the peer's (RFC 6724, rule 8). */
static elko_ip add_a_closer_address(struct conv *c)
{
        elko_ip closer = c->peer;

        closer.b[15] = 5; /* 192.0.2.5/29 and 2001:db8::5/125: beside 192.0.2.2, 2001:db8::2 */
        CONV_EQ(c, elko_addr_add_ip(c->st, c->link, &closer, c->variant->v6 ? 125 : 29), 0);
        return closer;
}

/* MUST-43, MUST-44, MUST-45: without a local address in the call IP chooses one before the SYN, and all
 * segments have it (the harness compares), though IP would choose another one by now.
 * [RFC9293 MUST-43 MUST-44 MUST-45] */
CONV_TEST(the_local_address_is_chosen_once)
{
        elko_endpoint from = {.port = CONV_PORT}, to, closer = {.port = CONV_PORT + 1};
        struct elko_tcp_info info;
        elko_sock s;

        conv_start(c, &plain);
        to = (elko_endpoint){.ip = c->peer, .port = CONV_PEER_PORT};
        CONV_EQ(c, elko_connect(c->st, &to, &from, &c->f->sock), 0);
        conv_pull(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        info = conv_info(c);
        CONV_CHECK(c, memcmp(&info.local.ip, &c->local, sizeof(c->local)) == 0);
        closer.ip = add_a_closer_address(c);
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        /* The next connection gets the closer one, unless the call says another. */
        conv_hold(c, true);
        to.port++;
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s), 0);
        CONV_EQ(c, elko_tcp_info_get(c->st, s, &info), 0);
        CONV_CHECK(c, memcmp(&info.local.ip, &closer.ip, sizeof(closer.ip)) == 0);
        CONV_EQ(c, elko_abort(c->st, s), 0);
        from.ip = c->local;
        CONV_EQ(c, elko_connect(c->st, &to, &from, &s), 0);
        CONV_EQ(c, elko_tcp_info_get(c->st, s, &info), 0);
        CONV_CHECK(c, memcmp(&info.local.ip, &c->local, sizeof(c->local)) == 0);
        CONV_EQ(c, elko_abort(c->st, s), 0);
        conv_hold(c, false);
        conv_none(c);
}

/* MUST-46: nobody can be connected to at a group or broadcast address, the link's own included.
 * [RFC9293 MUST-46] */
CONV_TEST(no_open_to_groups)
{
        static const char *const groups[] = {
                "224.0.0.1", "239.255.255.255",  "255.255.255.255", "192.0.2.255",
                "192.0.2.0", "0.0.0.0",          "ff02::1",         "ff0e::101",
                "::",        "::ffff:224.0.0.1",
        };
        elko_endpoint to = {.port = 80};
        elko_sock s;

        conv_start(c, &((struct conv_options){.v4_only = true}));
        CONV_EQ(c, elko_route_add(c->st, "0.0.0.0/0", c->link, NULL), 0);
        CONV_EQ(c, elko_addr_add(c->st, c->link, "2001:db8::1/64"), 0);
        CONV_EQ(c, elko_route_add(c->st, "::/0", c->link, NULL), 0);
        for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
                CONV_CHECK(c, elko_ip_parse(groups[i], &to.ip));
                if (elko_connect(c->st, &to, NULL, &s) != ELKO_EINVAL)
                        conv_fail(c, "a connection to %s", groups[i]);
        }
        conv_none(c);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

/* ---- excessive retransmission: RFC 9293, 3.8.3 ---- */

/* MUST-20, SHLD-9, SHLD-10: with the third retransmission of a segment the program is told, once; then
 * nothing until R2. Progress begins a new count. [RFC9293 SHLD-9 SHLD-10] */
CONV_TEST(r1_is_reported)
{
        conv_start_open(c, &plain);
        for (unsigned round = 0; round < 2; round++) {
                unsigned at = 1 + 20 * round;

                conv_send(c, 10);
                conv_out(c, "P. %u:%u(10) ack 1", at, at + 10);
                conv_out_after(c, ELKO_MS(200), "P. %u:%u(10) ack 1", at, at + 10);
                conv_out_after(c, ELKO_MS(400), "P. %u:%u(10) ack 1", at, at + 10);
                conv_event(c, 0);
                conv_out_after(c, ELKO_MS(800), "P. %u:%u(10) ack 1", at, at + 10);
                conv_event_error(c, ELKO_EV_SOFT_ERROR, ELKO_ETIMEDOUT);
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_out_after(c, ELKO_MS(1600), "P. %u:%u(10) ack 1", at, at + 10);
                conv_out_after(c, ELKO_MS(3200), "P. %u:%u(10) ack 1", at, at + 10);
                conv_event(c, 0);
                conv_in(c, ". 1:1(0) ack %u", at + 10);
                /* What was sent once gives a sample, and the time-out is short again. */
                conv_send(c, 10);
                conv_out(c, "P. %u:%u(10) ack 1", at + 10, at + 20);
                conv_in(c, ". 1:1(0) ack %u", at + 20);
                c->f->events = 0; /* WRITABLE, the first time */
        }
}

/* MUST-22: a SYN goes by the same rules. [RFC9293 MUST-22] */
CONV_TEST(r1_of_a_syn_is_reported)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <mss M,...>");
        conv_out_after(c, ELKO_SEC(2), "S 0:0(0) <mss M,...>");
        conv_event(c, 0);
        conv_out_after(c, ELKO_SEC(4), "S 0:0(0) <mss M,...>");
        conv_event_error(c, ELKO_EV_SOFT_ERROR, ELKO_ETIMEDOUT);
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
}

/* A peer that took its window back to zero and answers is well: no report. */
CONV_TEST(r1_is_not_about_closed_windows)
{
        uint64_t until;

        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 1 win 0");
        until = conv_elapsed(c) + ELKO_SEC(200);
        while (conv_elapsed(c) < until) {
                conv_advance(c, ELKO_SEC(10));
                if (conv_ignore(c) > 0)
                        conv_in(c, ". 1:1(0) ack 1 win 0");
        }
        conv_event(c, 0);
        conv_in(c, ". 1:1(0) ack 101 win 65535");
}

/* MUST-21: "An interactive application might set R2 to 'infinity'". Three days here. [RFC9293 MUST-21] */
CONV_TEST(r2_may_be_infinite)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_NEVER);
        conv_send(c, 10);
        conv_ignore(c);
        for (unsigned day = 0; day < 3; day++) {
                conv_advance(c, ELKO_SEC(86400));
                conv_ignore(c);
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, ". 1:1(0) ack 11");
        conv_quiet(c, ELKO_SEC(1000));
}

/* ---- reports: RFC 9293, 3.9.1.8 and 3.9.2.2 ---- */

/* "Net unreachable" about the first segment; the packet's length. */
static uint32_t unreachable(struct conv *c, uint8_t *p)
{
        uint8_t *icmp = p + EK_IPV4_HDR_BYTES, *quote = icmp + EK_ICMP_HDR_BYTES;
        struct ek_icmp_msg m = {.type = EK_ICMP4_UNREACH, .body_len = EK_IPV4_HDR_BYTES + 8};

        ek_ipv4_emit(quote, &c->local, &c->peer, EK_PROTO_TCP, 64, 0, 20);
        ek_put16be(quote + EK_IPV4_HDR_BYTES, c->f->port);
        ek_put16be(quote + EK_IPV4_HDR_BYTES + 2, c->f->peer_port);
        ek_put32be(quote + EK_IPV4_HDR_BYTES + 4, c->f->iss + 1);
        ek_icmp4_emit(icmp, &m);
        ek_ipv4_emit(p, &c->peer, &c->local, EK_PROTO_ICMP, 64, 0, EK_ICMP_HDR_BYTES + m.body_len);
        return EK_IPV4_HDR_BYTES + EK_ICMP_HDR_BYTES + m.body_len;
}

/* SHLD-20: who does not fetch the reports is not bothered by them, and nothing piles up. [RFC9293 SHLD-20] */
CONV_TEST(reports_may_be_ignored)
{
        struct elko_event ev;
        uint8_t p[100];
        uint64_t used;

        conv_start_open(c,
                        &((struct conv_options){.no_sack = true, .no_ts = true, .v4_only = true}));
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        used = conv_memory(c).used;
        for (unsigned i = 0; i < 1000; i++) {
                struct elko_packet packet = {.data = p, .len = unreachable(c, p)};

                elko_input(c->st, c->link, &packet, 1, c->now);
        }
        CONV_EQ(c, elko_counters_get(c->st)->icmp_errors_in, 1000);
        CONV_EQ(c, conv_memory(c).used, used);
        CONV_CHECK(c, elko_next_event(c->st, &ev)); /* one for all */
        CONV_EQ(c, ev.bits, ELKO_EV_SOFT_ERROR);
        CONV_CHECK(c, !elko_next_event(c->st, &ev));
        conv_in(c, ". 1:1(0) ack 101");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* MUST-56: no soft error ends an attempt to open. [RFC9293 MUST-56] */
CONV_TEST(soft_errors_in_syn_sent)
{
        static const uint8_t v4[][2] = {{3, 0},  {3, 1},  {3, 5},  {3, 6},  {3, 7},  {3, 8},
                                        {11, 0}, {11, 1}, {12, 0}, {12, 1}, {3, 11}, {3, 12}};
        static const uint8_t v6[][2] = {{1, 0}, {1, 2}, {1, 3}, {3, 0}, {3, 1}, {4, 0}, {4, 2}};
        unsigned n;

        conv_start(c, &plain);
        n = c->variant->v6 ? sizeof(v6) / sizeof(v6[0]) : sizeof(v4) / sizeof(v4[0]);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        for (unsigned i = 0; i < n; i++) {
                const uint8_t *e = c->variant->v6 ? v6[i] : v4[i];

                conv_in_icmp(c, e[0], e[1], 0, "S 0:0(0)");
                conv_state(c, ELKO_TCP_SYN_SENT);
                conv_event(c, ELKO_EV_SOFT_ERROR);
        }
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1");
}

/* ---- windows: RFC 9293, 3.8.6.1 ---- */

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

/* MAY-8: our window stays closed for a day while nobody reads, and each probe is answered. [RFC9293 MAY-8] */
CONV_TEST(a_window_may_stay_closed)
{
        static const struct conv_options small = {
                .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

        conv_start_open(c, &small);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_out(c, ". 1:1(0) ack %u", 1025 + i * 1024);
        }
        for (unsigned i = 0; i < 1440; i++) {
                conv_quiet(c, ELKO_SEC(60));
                if (i % 2 == 0)
                        conv_in(c, ". 4096:4096(0) ack 1");
                else
                        conv_in(c, ". 4097:4098(1) ack 1");
                conv_out(c, ". 1:1(0) ack 4097 win 0");
        }
        conv_recv(c, 4096);
        conv_out(c, ". 1:1(0) ack 4097 win 4096");
}

/* ---- RFC 7323 ---- */

/* 2.3: the field of an ACK counts units of 16 bytes here. [RFC7323 2.3e] */
CONV_TEST(the_window_field_is_shifted)
{
        conv_start(c, NULL);
        conv_open_active(c);
        CONV_EQ(c, conv_info(c).rcv_wscale, 4);
        CONV_EQ(c, conv_info(c).rcv_wnd, 65536);
        conv_in(c, "P. 1:161(160) ack 1");
        conv_out(c, ". 1:1(0) ack 161 win %u", (65536 - 160) >> 4);
}

/* 3.2: TSecr without ACK means nothing, in LISTEN and where SYNs cross. [RFC7323 3.2i] */
CONV_TEST(tsecr_without_ack_means_nothing)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr =3735928559>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,TS val 0 ecr 100>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_flow(c, 1);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr =3735928559>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,TS val 0 ecr 100>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
}

/* 4.1, the RTTM rule: a duplicate ACK echoes something, and is no sample. [RFC7323 4.1b] */
CONV_TEST(an_echo_without_progress_is_no_sample)
{
        uint64_t srtt;

        conv_start_open(c, &((struct conv_options){.no_sack = true}));
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 1");
        srtt = conv_info(c).srtt_ns;
        conv_advance(c, ELKO_MS(80));
        conv_in(c, ". 1:1(0) ack 1");
        CONV_EQ(c, conv_info(c).srtt_ns, srtt);
        conv_in(c, ". 1:1(0) ack 101");
        CONV_CHECK(c, conv_info(c).srtt_ns > srtt);
}

static void open_with_timestamps(struct conv *c)
{
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,TS val 0 ecr 100>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* 5.2: what a reset says of the time is forgotten. This one gets a challenge; the next segment is older.
 * [RFC7323 5.2e] */
CONV_TEST(ts_recent_not_from_a_reset)
{
        conv_start(c, NULL);
        open_with_timestamps(c);
        conv_in(c, "R 1000:1000(0) <TS val 2000000 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 101 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 101>");
        conv_recv(c, 10);
}

/* 5.3: PAWS comes before the window; and what it let in is not asked again when the hole is filled.
 * [RFC7323 5.3a 5.3-R5] */
CONV_TEST(paws_is_first_and_asks_once)
{
        conv_start(c, NULL);
        open_with_timestamps(c);
        conv_in(c, "P. 900000:900010(10) ack 1 <TS val 99 ecr 0>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. 11:21(10) ack 1 <TS val 101 ecr 0>"); /* C.1 of 5.3's example */
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 300 ecr 0>"); /* B.2 */
        conv_out(c, ". 1:1(0) ack 21 <TS val 0 ecr 300>");
        conv_recv(c, 20);
}

/* ---- others ---- */

/* RFC 5961, 7: the time between challenge ACKs can be set. */
static void seldom(struct elko_config *cfg)
{
        cfg->challenge_ack_interval_ms = 5000;
}

/* [RFC5961 7-2] */
CONV_TEST(the_limit_of_challenges_can_be_set)
{
        conv_start_open(c, &((struct conv_options){.config = seldom}));
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
        for (unsigned i = 0; i < 4; i++) {
                conv_quiet(c, ELKO_SEC(1));
                conv_in(c, "R 2:2(0)");
                conv_none(c);
        }
        conv_quiet(c, ELKO_SEC(1));
        conv_in(c, "R 2:2(0)");
        conv_out(c, ". 1:1(0) ack 1");
}

/* RFC 2018, 4: "SACK options SHOULD be included in all ACKs which do not ACK the highest sequence number in the data
 * receiver's queue", those with data too, as far as the MSS has room. [RFC2018 4c] */
CONV_TEST(sack_on_data)
{
        conv_start_open(c, &((struct conv_options){.no_ts = true}));
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 11:21>");
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1 <sack 11:21>");
        conv_in(c, "P. 31:41(10) ack 11");
        conv_out(c, ". 11:11(0) ack 1 <sack 31:41 11:21>");
        /* Room for both, for one, and for none: 4 bytes and 8 for each. */
        conv_set(c, ELKO_OPTION_NODELAY, 1);
        conv_send(c, c->mss - 20);
        conv_out(c, "P. 11:%u(%u) ack 1 <sack 31:41 11:21>", c->mss - 9, c->mss - 20);
        conv_send(c, c->mss - 19);
        conv_out(c, "P. %u:%u(%u) ack 1 <sack 31:41>", c->mss - 9, 2 * c->mss - 28, c->mss - 19);
        conv_send(c, c->mss - 11);
        conv_out(c, "P. %u:%u(%u) ack 1 <>", 2 * c->mss - 28, 3 * c->mss - 39, c->mss - 11);
}

EK_TEST_MAIN();

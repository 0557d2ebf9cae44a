/* SPDX-License-Identifier: MIT */
/*
 * test_two_links.c - two stacks that are joined by two Ethernet wires.
 *
 * What only shows where there is a choice of links, or a neighbour that can be missing: link-local addresses
 * of one prefix on both wires (RFC 4007, RFC 4291, 2.5.6), answers that wait for one link while the other is
 * pulled, a link that takes packets for every destination, a neighbour that falls silent below an open
 * connection (RFC 4861, 7.3; RFC 1122, 2.3.2.2: a soft error, and another try later), and memory that is
 * promised more than once. elko_check() is content after every step.
 */
#include "stack/stack.h"
#include "wire/ipv6.h"
#include "wire/nd.h"

#include <elko/elko.h>

#include "ek_test.h"

enum {
        LINKS = 2,
        MTU = 1500,
        FRAME = MTU + 14,
        REGION = 1 << 20, /* of end 1; end 0 has ten times as much */
        ETHERTYPE_ARP = 0x0806,
};

struct net {
        elko_stack *st[2];
        uint8_t *region[2];
        size_t baseline[2];
        uint64_t now;
        bool cut[2][LINKS];  /* nothing that this end sends on this wire arrives */
        bool mute[2][LINKS]; /* no ARP of this end arrives */
        uint64_t carried[LINKS];
        uint32_t bits[2]; /* events since the test looked */
        int error[2];
};

static size_t used(elko_stack *st)
{
        struct elko_memory_info m;

        elko_memory_get(st, &m);
        return m.used;
}

static void net_open(struct net *n, const struct elko_config *config)
{
        *n = (struct net){.now = ELKO_SEC(1000)};
        for (unsigned e = 0; e < 2; e++) {
                struct elko_config c = *config;
                const char *why = "";

                memset(c.seed, (int)(e + 1), sizeof(c.seed));
                size_t bytes = e == 0 ? 10 * REGION : REGION;

                n->region[e] = malloc(bytes);
                n->st[e] = elko_stack_create(n->region[e], bytes, &c, n->now, &why);
                if (n->st[e] == NULL)
                        ek_test_fail(__FILE__, __LINE__, "%s", why);
                for (unsigned l = 0; l < LINKS; l++) {
                        struct elko_link_config lc = {
                                .medium = ELKO_MEDIUM_ETHERNET,
                                .mtu = MTU,
                                .mac = {2, 0, 0, 0, (uint8_t)l, (uint8_t)(e + 1)},
                        };
                        elko_ip a = elko_ip_v4(10, 0, (uint8_t)l, (uint8_t)(e + 1)), ll;

                        CHECK_EQ(elko_link_attach(n->st[e], &lc), (int)l + 1);
                        CHECK_EQ(elko_addr_add_ip(n->st[e], (elko_link)(l + 1), &a, 24), ELKO_OK);
                        CHECK(elko_ip_parse(e == 0 ? "fe80::1" : "fe80::2", &ll));
                        CHECK_EQ(elko_addr_add_ip(n->st[e], (elko_link)(l + 1), &ll, 64), ELKO_OK);
                }
                n->baseline[e] = used(n->st[e]);
        }
}

static void net_close(struct net *n)
{
        for (unsigned e = 0; e < 2; e++) {
                elko_stack_destroy(n->st[e]);
                free(n->region[e]);
        }
}

static void check(struct net *n)
{
        for (unsigned e = 0; e < 2; e++) {
                const char *bad = elko_check(n->st[e]);

                if (bad != NULL)
                        ek_test_fail(__FILE__, __LINE__, "end %u: %s", e, bad);
        }
}

static void carry(struct net *n, unsigned from, unsigned l, const struct elko_frame *f)
{
        uint8_t data[FRAME];
        struct elko_packet p = {.data = data};

        for (uint32_t i = 0; i < f->parts; i++) {
                CHECK(p.len + f->part[i].len <= sizeof(data));
                memcpy(data + p.len, f->part[i].data, f->part[i].len);
                p.len += f->part[i].len;
        }
        if (n->cut[from][l] || (n->mute[from][l] && (data[12] << 8 | data[13]) == ETHERTYPE_ARP))
                return;
        n->carried[l]++;
        elko_input(n->st[1 - from], (elko_link)(l + 1), &p, 1, n->now);
}

/* All that can be said without time passing. The links are pulled from the last to the first, so that what
 * waits for the first stays over. */
static void settle(struct net *n)
{
        struct elko_frame f;
        struct elko_event ev;
        bool more = true;

        while (more) {
                more = false;
                for (unsigned e = 0; e < 2; e++) {
                        for (unsigned l = LINKS; l-- > 0;)
                                while (elko_output(n->st[e], (elko_link)(l + 1), &f, 1, n->now) >
                                       0) {
                                        carry(n, e, l, &f);
                                        more = true;
                                }
                        while (elko_next_event(n->st[e], &ev)) {
                                n->bits[e] |= ev.bits;
                                if (ev.error != 0)
                                        n->error[e] = ev.error;
                        }
                }
                check(n);
        }
}

static void advance(struct net *n, uint64_t span)
{
        uint64_t end = n->now + span;

        settle(n);
        while (n->now < end) {
                uint64_t a = elko_next_deadline(n->st[0]), b = elko_next_deadline(n->st[1]);
                uint64_t next = a < b ? a : b;

                n->now = next > end ? end : next > n->now ? next : n->now + 1;
                elko_advance(n->st[0], n->now);
                elko_advance(n->st[1], n->now);
                settle(n);
        }
}

static elko_endpoint at(const char *ip, uint16_t port, uint16_t scope)
{
        elko_endpoint ep = {.port = port, .scope = scope};

        CHECK(elko_ip_parse(ip, &ep.ip));
        return ep;
}

static elko_sock listen_on(struct net *n, unsigned e, const char *ip, uint16_t scope)
{
        elko_endpoint ep = at(ip, 80, scope);
        elko_sock s = ELKO_SOCK_NONE;

        CHECK_EQ(elko_listen(n->st[e], &ep, NULL, &s), ELKO_OK);
        return s;
}

static elko_sock connect_to(struct net *n, const char *ip, uint16_t port, uint16_t scope)
{
        elko_endpoint ep = at(ip, port, scope);
        elko_sock s = ELKO_SOCK_NONE;

        CHECK_EQ(elko_connect(n->st[0], &ep, NULL, &s), ELKO_OK);
        return s;
}

static enum elko_tcp_state state_of(struct net *n, unsigned e, elko_sock s)
{
        struct elko_tcp_info info;

        CHECK_EQ(elko_tcp_info_get(n->st[e], s, &info), ELKO_OK);
        return (enum elko_tcp_state)info.state;
}

/* Says "over there"; at the other end `all` comes out. */
static void exchange_is(struct net *n, elko_sock from, elko_sock to, const char *all)
{
        int64_t len = (int64_t)strlen(all);
        char got[32];

        CHECK_EQ(elko_send(n->st[0], from, "over there", 10, 0), 10);
        settle(n);
        CHECK_EQ(elko_recv(n->st[1], to, got, sizeof(got)), len);
        CHECK(memcmp(got, all, (size_t)len) == 0);
}

static void exchange(struct net *n, elko_sock from, elko_sock to)
{
        exchange_is(n, from, to, "over there");
}

/* ---- scopes ---- */

EK_TEST(link_local_connections_stay_on_their_link)
{
        struct elko_config c;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        for (uint16_t l = 1; l <= LINKS; l++) {
                elko_sock ls = listen_on(&n, 1, "fe80::2", l), client, server;
                uint64_t other = n.carried[2 - l];
                struct elko_tcp_info info;
                elko_endpoint remote;

                client = connect_to(&n, "fe80::2", 80, l);
                settle(&n);
                CHECK_EQ(elko_accept(n.st[1], ls, &server, &remote), ELKO_OK);
                CHECK_EQ(remote.scope, l);
                CHECK_EQ(remote.ip.b[2] | remote.ip.b[3], 0);
                CHECK_EQ(elko_tcp_info_get(n.st[0], client, &info), ELKO_OK);
                CHECK(info.local.scope == l && info.remote.scope == l);
                exchange(&n, client, server);
                CHECK_EQ(n.carried[2 - l], other);
        }
        net_close(&n);
}

EK_TEST(an_echo_to_a_link_local_address)
{
        struct elko_config c;
        struct elko_echo echo;
        struct net n;
        elko_ip to;

        elko_config_default(&c);
        net_open(&n, &c);
        CHECK(elko_ip_parse("fe80::2", &to));
        CHECK_EQ(elko_echo_request(n.st[0], &to, 7, 1, "ping", 4), ELKO_OK);
        settle(&n);
        CHECK(n.bits[0] & ELKO_EV_ECHO);
        CHECK(elko_echo_next(n.st[0], &echo));
        CHECK(echo.kind == ELKO_ECHO_REPLY && echo.id == 7 && echo.seq == 1);
        CHECK(memcmp(&echo.from, &to, sizeof(to)) == 0);
        CHECK(!elko_echo_next(n.st[0], &echo));
        /* It is told anew for the next one. */
        n.bits[0] = 0;
        CHECK_EQ(elko_echo_request(n.st[0], &to, 7, 2, "ping", 4), ELKO_OK);
        settle(&n);
        CHECK(n.bits[0] & ELKO_EV_ECHO);
        net_close(&n);
}

/* ---- two links ---- */

/* Answers of all kinds wait for link 1 while link 2 is pulled, and leave by link 1 nevertheless. */
EK_TEST(answers_wait_for_their_link)
{
        struct elko_config c;
        struct net n;
        elko_sock s, refused;

        elko_config_default(&c);
        net_open(&n, &c);
        listen_on(&n, 1, "0.0.0.0", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        refused = connect_to(&n, "10.0.0.2", 81, 0);
        settle(&n);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(state_of(&n, 0, refused), ELKO_TCP_CLOSED);
        CHECK_EQ(n.error[0], ELKO_ECONNREFUSED);
        CHECK_EQ(n.carried[1], 0);
        CHECK(!elko_has_output(n.st[1], 200));
        net_close(&n);
}

/* Who can't be reached gets no answer: what waits for its address is dropped and counted, and half-open
 * entries end by their retries. */
EK_TEST(no_answer_without_a_neighbour)
{
        struct elko_config c;
        struct net n;
        elko_sock s, refused;
        elko_ip server = elko_ip_v4(10, 0, 0, 2);
        static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};

        elko_config_default(&c);
        net_open(&n, &c);
        CHECK_EQ(elko_neigh_add(n.st[0], 1, &server, mac), ELKO_OK);
        n.mute[0][0] = true;
        listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        refused = connect_to(&n, "10.0.0.2", 81, 0);
        advance(&n, ELKO_SEC(20));
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_SYN_SENT);
        CHECK_EQ(state_of(&n, 0, refused), ELKO_TCP_SYN_SENT);
        CHECK(elko_counters_get(n.st[1])->drops[ELKO_DROP_TCP_REPLY_LIMIT] > 0);
        /* It answers again, and all goes on. */
        n.mute[0][0] = false;
        advance(&n, ELKO_SEC(60));
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(state_of(&n, 0, refused), ELKO_TCP_CLOSED);
        net_close(&n);
}

/* The neighbour falls silent for longer than its entry lives: the user is told, nothing is lost. */
EK_TEST(a_neighbour_falls_silent_below_a_connection)
{
        struct elko_config c;
        struct net n;
        elko_sock s, server, ls;
        char got[16];

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        exchange(&n, s, server);
        n.cut[1][0] = true;
        n.bits[0] = 0;
        advance(&n, ELKO_SEC(40));
        CHECK_EQ(elko_send(n.st[0], s, "once more", 9, 0), 9);
        advance(&n, ELKO_SEC(40));
        CHECK(n.bits[0] & ELKO_EV_SOFT_ERROR);
        CHECK_EQ(n.error[0], ELKO_EHOSTUNREACH);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        n.cut[1][0] = false;
        advance(&n, ELKO_SEC(60));
        CHECK_EQ(elko_recv(n.st[1], server, got, sizeof(got)), 9);
        CHECK(memcmp(got, "once more", 9) == 0);
        net_close(&n);
}

/* RFC 9293, 3.8.3 (b), MUST-20: the third retransmission without an answer makes the neighbour doubtful, so
 * that it is asked long before its time (15 s at least) is over, and found to be gone. [RFC9293 MUST-20] */
EK_TEST(retransmissions_make_the_neighbour_doubtful)
{
        struct elko_config c;
        struct net n;
        elko_sock s, server, ls;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        exchange(&n, s, server);
        n.cut[1][0] = true;
        n.error[0] = 0;
        CHECK_EQ(elko_send(n.st[0], s, "is there anybody?", 17, 0), 17);
        advance(&n, ELKO_SEC(17));
        CHECK_EQ(n.error[0], ELKO_EHOSTUNREACH);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        n.cut[1][0] = false;
        advance(&n, ELKO_SEC(60));
        CHECK_EQ(elko_recv_ready(n.st[1], server), 17);
        net_close(&n);
}

/* A window closed, then the neighbour gone: probing goes on without anything under way. */
EK_TEST(a_probe_without_a_neighbour)
{
        struct elko_config c;
        struct net n;
        elko_sock s, server, ls;
        static char block[65536];
        int64_t sent = 0, got = 0, r;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        while ((r = elko_send(n.st[0], s, block, sizeof(block), 0)) > 0) {
                sent += r;
                advance(&n, ELKO_MS(200));
        }
        advance(&n, ELKO_SEC(30));
        n.cut[1][0] = true;
        n.bits[0] = 0;
        advance(&n, ELKO_SEC(90));
        CHECK(n.bits[0] & ELKO_EV_SOFT_ERROR);
        n.cut[1][0] = false;
        for (unsigned i = 0; i < 400 && got < sent; i++) {
                while ((r = elko_recv(n.st[1], server, block, sizeof(block))) > 0)
                        got += r;
                advance(&n, ELKO_SEC(1));
        }
        CHECK_EQ(got, sent);
        net_close(&n);
}

/* A reset that can't be sent is not waited for: what was aborted goes, as often as it happens. */
EK_TEST(an_abort_without_a_neighbour)
{
        struct elko_config c;
        struct net n;
        size_t after[3];

        elko_config_default(&c);
        net_open(&n, &c);
        listen_on(&n, 1, "10.0.0.2", 0);
        for (unsigned round = 0; round < 3; round++) {
                struct elko_memory_info m;
                elko_sock s[2];

                for (unsigned i = 0; i < 2; i++)
                        s[i] = connect_to(&n, "10.0.0.2", 80, 0);
                settle(&n);
                CHECK_EQ(state_of(&n, 0, s[1]), ELKO_TCP_ESTABLISHED);
                n.cut[1][0] = true;
                advance(&n, ELKO_SEC(100));
                /* Its address is asked for again once something is to be sent. */
                CHECK_EQ(elko_send(n.st[0], s[1], "lost", 4, 0), 4);
                n.error[0] = 0;
                while (n.error[0] != ELKO_EHOSTUNREACH) /* not ETIMEDOUT, which comes before */
                        advance(&n, ELKO_SEC(1));
                CHECK_EQ(elko_abort(n.st[0], s[0]), ELKO_OK);
                CHECK_EQ(elko_abort(n.st[0], s[1]), ELKO_OK);
                advance(&n, ELKO_SEC(20));
                elko_memory_get(n.st[0], &m);
                CHECK_EQ(m.connections, 0);
                after[round] = m.used;
                n.cut[1][0] = false;
                advance(&n, ELKO_SEC(10));
        }
        CHECK_EQ(after[2], after[1]);
        net_close(&n);
}

/* A better route appears while data waits for the first link: it leaves by the other one at once, and nobody
 * is told of a neighbour that does not answer. */
EK_TEST(a_better_route_while_data_waits)
{
        struct elko_config c;
        struct net n;
        elko_sock s, server, ls;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        exchange(&n, s, server);
        n.bits[0] = 0;
        n.carried[0] = n.carried[1] = 0;
        CHECK_EQ(elko_send(n.st[0], s, "detour ", 7, 0), 7);
        CHECK_EQ(elko_route_add(n.st[0], "10.0.0.2/32", 2, "10.0.1.2"), ELKO_OK);
        exchange_is(&n, s, server, "detour over there");
        CHECK_EQ(n.bits[0] & ELKO_EV_SOFT_ERROR, 0);
        CHECK(n.carried[1] > 0);
        net_close(&n);
}

/* A better route appears while a stateless answer waits: that one is lost, the next one finds the way. */
EK_TEST(a_better_route_while_an_answer_waits)
{
        struct elko_config c;
        struct elko_frame f;
        struct net n;
        elko_sock s;

        elko_config_default(&c);
        net_open(&n, &c);
        connect_to(&n, "10.0.0.2", 81, 0);
        settle(&n);
        s = connect_to(&n, "10.0.0.2", 81, 0);
        CHECK_EQ(elko_output(n.st[0], 1, &f, 1, n.now), 1);
        carry(&n, 0, 0, &f);
        CHECK_EQ(elko_route_add(n.st[1], "10.0.0.1/32", 2, "10.0.1.1"), ELKO_OK);
        settle(&n);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_SYN_SENT);
        CHECK_EQ(elko_counters_get(n.st[1])->drops[ELKO_DROP_TCP_REPLY_LIMIT], 1);
        n.carried[1] = 0;
        advance(&n, ELKO_SEC(4)); /* the second try still lacks the address of the gateway */
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_CLOSED);
        CHECK(n.carried[1] > 0);
        net_close(&n);
}

/* Both open at once (RFC 9293, figure 7), then one falls silent for longer than its neighbour entry lives: the
 * other one waits in SYN-RECEIVED, and the connection opens when it is back. */
EK_TEST(a_silent_neighbour_in_syn_received)
{
        struct elko_config c;
        struct elko_frame f;
        elko_endpoint a = at("10.0.0.1", 4000, 0), b = at("10.0.0.2", 5000, 0);
        elko_sock s[2];
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        connect_to(&n, "10.0.0.2", 81, 0); /* so that both know each other's address */
        settle(&n);
        CHECK_EQ(elko_connect(n.st[0], &b, &a, &s[0]), ELKO_OK);
        CHECK_EQ(elko_connect(n.st[1], &a, &b, &s[1]), ELKO_OK);
        CHECK_EQ(elko_output(n.st[0], 1, &f, 1, n.now), 1);
        carry(&n, 0, 0, &f);
        n.cut[0][0] = true;
        settle(&n);
        CHECK_EQ(state_of(&n, 1, s[1]), ELKO_TCP_SYN_RECEIVED);
        advance(&n, ELKO_SEC(90));
        CHECK_EQ(state_of(&n, 1, s[1]), ELKO_TCP_SYN_RECEIVED);
        n.cut[0][0] = false;
        advance(&n, ELKO_SEC(80));
        CHECK_EQ(state_of(&n, 0, s[0]), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(state_of(&n, 1, s[1]), ELKO_TCP_ESTABLISHED);
        net_close(&n);
}

/* Generations of handles start anew after 2^32 connections; 0 is none's. */
EK_TEST(handles_after_four_billion_connections)
{
        struct elko_config c;
        struct net n;
        elko_sock s[3];

        elko_config_default(&c);
        net_open(&n, &c);
        listen_on(&n, 1, "10.0.0.2", 0);
        n.st[0]->tcp.next_gen = UINT32_MAX;
        for (unsigned i = 0; i < 3; i++)
                s[i] = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        for (unsigned i = 0; i < 3; i++) {
                CHECK(s[i] != ELKO_SOCK_NONE && s[i] >> 32 != 0);
                CHECK_EQ(state_of(&n, 0, s[i]), ELKO_TCP_ESTABLISHED);
        }
        net_close(&n);
}

/* Neighbour discovery that can't be meant for us: on a link without neighbours, and with a target that names
 * another link (RFC 4291, 2.5.6). */
EK_TEST(neighbour_discovery_out_of_place)
{
        struct elko_config c;
        struct elko_link_config bare = {.medium = ELKO_MEDIUM_IP, .mtu = MTU};
        struct ek_nd nd = {
                .type = EK_ICMP6_NEIGH_SOLICIT, .has_mac = true, .mac = {2, 0, 0, 0, 0, 9}};
        uint8_t frame[14 + 40 + EK_ND_BYTES] = {0x33, 0x33, 0xff, 0, 0, 2,    2,
                                                0,    0,    0,    0, 9, 0x86, 0xdd};
        struct elko_packet p = {.data = frame, .len = sizeof(frame)};
        const struct elko_counters *ctr;
        elko_ip from, to;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        ctr = elko_counters_get(n.st[0]);
        CHECK(elko_ip_parse("fe80::9", &from) && elko_ip_parse("ff02::1:ff00:1", &to));
        CHECK(elko_ip_parse("fe80::1", &nd.target));
        frame[5] = 1;
        ek_ipv6_emit(frame + 14, &from, &to, 58, 255, 0, EK_ND_BYTES);
        ek_nd_emit(frame + 54, &from, &to, &nd);
        frame[54 + 8 + 3] = 2; /* elko itself never writes that; the checksum follows */
        ek_put16be(frame + 54 + 2, (uint16_t)(ek_get16be(frame + 54 + 2) - 2));
        elko_input(n.st[0], 1, &p, 1, n.now);
        CHECK_EQ(ctr->drops[ELKO_DROP_ND_BAD], 1);
        ek_nd_emit(frame + 54, &from, &to, &nd);
        CHECK_EQ(elko_link_attach(n.st[0], &bare), 3);
        CHECK_EQ(elko_addr_add_ip(n.st[0], 3, &nd.target, 64), ELKO_OK);
        p = (struct elko_packet){.data = frame + 14, .len = sizeof(frame) - 14};
        elko_input(n.st[0], 3, &p, 1, n.now);
        CHECK_EQ(ctr->drops[ELKO_DROP_ND_NOT_MINE], 1);
        check(&n);
        net_close(&n);
}

/* ---- a link that takes everything ---- */

EK_TEST(a_link_for_every_destination)
{
        struct elko_config c;
        struct net n;
        struct elko_link_config any = {
                .medium = ELKO_MEDIUM_IP, .mtu = MTU, .flags = ELKO_LINK_ANY_IP};
        elko_endpoint foreign = at("192.0.2.1", 80, 0);
        elko_sock s;

        elko_config_default(&c);
        net_open(&n, &c);
        CHECK_EQ(elko_listen(n.st[1], &foreign, NULL, &s), ELKO_EADDRNOTAVAIL);
        CHECK_EQ(elko_link_attach(n.st[1], &any), 3);
        CHECK_EQ(elko_listen(n.st[1], &foreign, NULL, &s), ELKO_OK);
        CHECK_EQ(elko_listen(n.st[1], &foreign, NULL, &s), ELKO_EADDRINUSE);
        check(&n);
        net_close(&n);
}

/* ---- calls in between ---- */

EK_TEST(every_port_of_one_address)
{
        struct elko_config c;
        struct elko_listen_config all = {
                .flags = ELKO_LISTEN_ANY_PORT, .backlog = 8, .syn_queue = 8};
        elko_endpoint ep = at("10.0.0.2", 0, 0), remote;
        struct elko_tcp_info info;
        elko_sock ls, server, other;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        CHECK_EQ(elko_listen(n.st[1], &ep, &all, &ls), ELKO_OK);
        connect_to(&n, "10.0.0.2", 4711, 0);
        other = connect_to(&n, "10.0.1.2", 4711, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, &remote), ELKO_OK);
        CHECK_EQ(elko_tcp_info_get(n.st[1], server, &info), ELKO_OK);
        CHECK_EQ(info.local.port, 4711);
        CHECK_EQ(state_of(&n, 0, other), ELKO_TCP_CLOSED);
        net_close(&n);
}

/* Room was given, then the peer reset the connection: nothing is sent, and the caller is told. */
EK_TEST(a_reset_between_reserve_and_commit)
{
        struct elko_config c;
        struct elko_slice room[2];
        elko_sock ls, s, server;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        CHECK_EQ(elko_send_reserve(n.st[0], s, 100, room), 100);
        CHECK_EQ(elko_abort(n.st[1], server), ELKO_OK);
        settle(&n);
        CHECK_EQ(elko_send_commit(n.st[0], s, 100, 0), ELKO_ECONNRESET);
        check(&n);
        net_close(&n);
}

/* Another algorithm in the middle of a connection starts from what was known: ssthresh stays.
 * [RFC9293 MAY-18] */
EK_TEST(another_congestion_control_midway)
{
        struct elko_config c;
        elko_sock ls, s, server;
        struct elko_tcp_info before, after;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        exchange(&n, s, server);
        CHECK_EQ(elko_tcp_info_get(n.st[0], s, &before), ELKO_OK);
        CHECK_EQ(elko_set_congestion(n.st[0], s, &elko_cc_newreno), ELKO_OK);
        CHECK_EQ(elko_tcp_info_get(n.st[0], s, &after), ELKO_OK);
        CHECK_EQ(after.snd_ssthresh, before.snd_ssthresh);
        exchange(&n, s, server);
        net_close(&n);
}

/* A stack with a route and no address can't be a source. */
EK_TEST(no_address_to_send_from)
{
        struct elko_config c;
        struct elko_link_config lc = {.medium = ELKO_MEDIUM_IP, .mtu = MTU};
        void *region = malloc(REGION);
        elko_endpoint ep = at("192.0.2.1", 80, 0);
        struct elko_packet none = {.data = (const uint8_t *)"", .len = 0};
        elko_stack *st;
        elko_sock s;

        elko_config_default(&c);
        c.seed[0] = 1;
        st = elko_stack_create(region, REGION, &c, 0, NULL);
        CHECK(st != NULL);
        CHECK_EQ(elko_link_attach(st, &lc), 1);
        CHECK_EQ(elko_route_add(st, "0.0.0.0/0", 1, NULL), ELKO_OK);
        CHECK(elko_echo_request(st, &ep.ip, 1, 1, "", 0) < 0);
        CHECK(elko_connect(st, &ep, NULL, &s) < 0);
        elko_input(st, 9, &none, 1, 0); /* no such link */
        CHECK(elko_check(st) == NULL);
        elko_stack_destroy(st);
        free(region);
}

/* ---- memory ---- */

enum { CONNS = 100 };

static struct {
        elko_sock s[CONNS], server[CONNS];
        int64_t sent[CONNS], got[CONNS];
        unsigned count;
} many;

/* As many connections as end 1 lets in; each other listener's connection has settings of its own. */
static void open_many(struct net *n)
{
        elko_sock ls[2];

        memset(&many, 0, sizeof(many));
        ls[0] = listen_on(n, 1, "10.0.0.2", 0);
        ls[1] = listen_on(n, 1, "10.0.1.2", 0);
        CHECK_EQ(elko_set_option(n->st[1], ls[1], ELKO_OPTION_NODELAY, 1), ELKO_OK);
        for (; many.count < CONNS; many.count++) {
                unsigned k = many.count % 2;
                elko_endpoint ep = at(k == 0 ? "10.0.0.2" : "10.0.1.2", 80, 0);

                CHECK_EQ(elko_connect(n->st[0], &ep, NULL, &many.s[many.count]), ELKO_OK);
                advance(n, ELKO_MS(10));
                if (elko_accept(n->st[1], ls[k], &many.server[many.count], NULL) != ELKO_OK)
                        return;
        }
}

static void send_on_all(struct net *n)
{
        static const char block[4096];

        for (unsigned round = 0; round < 30; round++)
                for (unsigned i = 0; i < many.count; i++) {
                        int64_t r = elko_send(n->st[0], many.s[i], block, sizeof(block), 0);

                        many.sent[i] += r > 0 ? r : 0;
                        advance(n, ELKO_MS(1));
                }
}

static void read_all(struct net *n)
{
        static char block[4096];
        unsigned complete = 0;
        int64_t r;

        for (unsigned round = 0; round < 900 && complete < many.count; round++) {
                complete = 0;
                for (unsigned i = 0; i < many.count; i++) {
                        while ((r = elko_recv(n->st[1], many.server[i], block, sizeof(block))) > 0)
                                many.got[i] += r;
                        CHECK(many.got[i] <= many.sent[i]);
                        complete += many.got[i] == many.sent[i];
                }
                advance(n, ELKO_MS(500));
        }
        for (unsigned i = 0; i < many.count; i++)
                CHECK_EQ(many.got[i], many.sent[i]);
}

/* By default no window is promised that has no memory behind it: whatever comes within a window is kept. */
EK_TEST(every_window_has_memory_behind_it)
{
        struct elko_config c;
        struct net n;

        elko_config_default(&c);
        net_open(&n, &c);
        open_many(&n);
        CHECK(many.count > 20);
        send_on_all(&n);
        CHECK_EQ(elko_counters_get(n.st[1])->drops[ELKO_DROP_TCP_RCV_NOMEM], 0);
        read_all(&n);
        net_close(&n);
}

/* Windows that may be promised four times over: some find no memory when the bytes come. Nothing that was
 * acknowledged is lost, and when readers come all arrives. */
EK_TEST(windows_without_memory_behind_them)
{
        struct elko_config c;
        struct net n;

        elko_config_default(&c);
        c.window_overcommit_percent = 400;
        net_open(&n, &c);
        open_many(&n);
        CHECK(many.count > 40);
        send_on_all(&n);
        CHECK(elko_counters_get(n.st[1])->drops[ELKO_DROP_TCP_RCV_NOMEM] > 0);
        read_all(&n);
        net_close(&n);
}

/* The first, second, ... allocation of a handshake fails, and all after it: the peers try again, and open
 * when there is memory. */
EK_TEST(handshakes_without_memory)
{
        for (uint64_t nth = 1; nth <= 4; nth++) {
                struct elko_config c;
                struct net n;
                elko_sock ls, s[30], server;

                elko_config_default(&c);
                net_open(&n, &c);
                ls = listen_on(&n, 1, "10.0.0.2", 0);
                CHECK_EQ(elko_set_option(n.st[1], ls, ELKO_OPTION_NODELAY, 1), ELKO_OK);
                for (unsigned i = 0; i < 30; i++) {
                        elko_fail_alloc(n.st[1], nth, true);
                        s[i] = connect_to(&n, "10.0.0.2", 80, 0);
                        advance(&n, ELKO_MS(10));
                        elko_fail_alloc(n.st[1], 0, false);
                        CHECK_EQ(elko_send(n.st[0], s[i], "hello", 5, 0), 5);
                        advance(&n, ELKO_SEC(5));
                        CHECK_EQ(state_of(&n, 0, s[i]), ELKO_TCP_ESTABLISHED);
                        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
                }
                net_close(&n);
        }
}

/* Take all that may still be promised; returns how much that was. */
static size_t promise_all(elko_stack *st)
{
        size_t all = 0;

        for (size_t bytes = 1 << 20; bytes > 0; bytes /= 2)
                while (ek_region_reserve(st->region, bytes))
                        all += bytes;
        return all;
}

/* The window that a SYN+ACK announced finds no memory when the third step comes: the connection is taken back
 * as if it had never been, and opens when the peer goes on. */
EK_TEST(a_third_step_without_a_window)
{
        struct elko_config c;
        struct net n;
        elko_sock ls, s, server;
        size_t all;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0); /* pools grow before nothing is left */
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        n.cut[1][0] = true;
        connect_to(&n, "10.0.0.2", 80,
                   0); /* with two of them the entry's memory does not come back */
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        n.cut[1][0] = false;
        n.cut[0][0] = true; /* the third step has to wait */
        advance(&n, ELKO_MS(1500));
        all = promise_all(n.st[1]);
        n.cut[0][0] = false;
        CHECK_EQ(elko_send(n.st[0], s, "hello", 5, 0), 5);
        advance(&n, ELKO_SEC(8));
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_EAGAIN);
        ek_region_unreserve(n.st[1]->region, all);
        advance(&n, ELKO_SEC(60));
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        CHECK_EQ(elko_send(n.st[0], s, "x", 1, 0), 1);
        net_close(&n);
}

/* The same for the settings that a connection inherits from its listener. */
EK_TEST(a_third_step_without_settings)
{
        struct elko_config c;
        struct net n;
        elko_sock ls, s, server;
        struct ek_tcp *t;

        elko_config_default(&c);
        net_open(&n, &c);
        t = &n.st[1]->tcp;
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        CHECK_EQ(elko_set_option(n.st[1], ls, ELKO_OPTION_NODELAY, 1), ELKO_OK);
        /* Others use the pool of settings up, to the last place of its last chunk. */
        for (;;) {
                bool full;

                elko_fail_alloc(n.st[1], 1, true);
                full = !ek_slab_reserve(&t->settings);
                elko_fail_alloc(n.st[1], 0, false);
                if (full)
                        break;
                CHECK(ek_slab_alloc(&t->settings) != EK_NIL);
        }
        CHECK(ek_slab_reserve(&t->tcbs) && ek_slab_reserve(&t->actives) &&
              ek_slab_reserve(&t->half_opens) && ek_slab_reserve(&t->records));
        elko_fail_alloc(n.st[1], 1, true);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_EAGAIN);
        CHECK(elko_counters_get(n.st[1])->nomem > 0);
        elko_fail_alloc(n.st[1], 0, false);
        CHECK_EQ(elko_send(n.st[0], s, "hello", 5, 0), 5);
        advance(&n, ELKO_SEC(5));
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        net_close(&n);
}

/* All places of the pool of records but `free` are taken, and there is no memory for more. */
static void take_records(struct net *n, unsigned free)
{
        struct ek_slab *records = &n->st[0]->tcp.records;
        uint32_t last = EK_NIL;

        elko_fail_alloc(n->st[0], 1, true);
        while (ek_slab_reserve(records))
                last = ek_slab_alloc(records);
        if (free > 0)
                ek_slab_free(records, last);
}

/* Two SYNs and memory for the record of one: the other one leaves with its timer, when the first was acknowledged. */
EK_TEST(a_syn_without_memory_for_its_record)
{
        struct elko_config c;
        struct net n;
        elko_sock s[2];

        elko_config_default(&c);
        net_open(&n, &c);
        listen_on(&n, 1, "10.0.0.2", 0);
        for (unsigned i = 0; i < 2; i++) /* pools grow before nothing is left */
                s[i] = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        for (unsigned i = 0; i < 2; i++)
                CHECK_EQ(elko_abort(n.st[0], s[i]), ELKO_OK);
        advance(&n, ELKO_SEC(1));
        take_records(&n, 1);
        for (unsigned i = 0; i < 2; i++)
                s[i] = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(state_of(&n, 0, s[0]), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(state_of(&n, 0, s[1]), ELKO_TCP_SYN_SENT);
        CHECK_EQ(elko_counters_get(n.st[0])->tcp_syn_retrans, 0);
        advance(&n, ELKO_MS(1100));
        CHECK_EQ(state_of(&n, 0, s[1]), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(elko_counters_get(n.st[0])->tcp_syn_retrans, 0); /* it was the first */
        net_close(&n);
}

/* A silent connection that finds no memory to send with takes no data, and says so. */
EK_TEST(a_silent_connection_without_memory_to_send)
{
        struct elko_config c;
        struct net n;
        elko_sock ls, s, server;
        uint64_t last;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        advance(&n, ELKO_SEC(10));
        take_records(&n, 0);
        last = elko_counters_get(n.st[0])->nomem;
        CHECK(elko_send(n.st[0], s, "x", 1, 0) < 0);
        CHECK(elko_counters_get(n.st[0])->nomem > last);
        elko_fail_alloc(n.st[0], 0, false);
        CHECK_EQ(elko_send(n.st[0], s, "y", 1, 0), 1);
        exchange_is(&n, s, server, "yover there");
        net_close(&n);
}

/* An active open without memory for a window announces none, and opens one when the peer asks for it. */
EK_TEST(an_active_open_without_a_window)
{
        struct elko_config c;
        struct net n;
        elko_sock ls, s, server;
        char got[16];
        size_t all;

        elko_config_default(&c);
        net_open(&n, &c);
        ls = listen_on(&n, 1, "10.0.0.2", 0);
        s = connect_to(&n, "10.0.0.2", 80, 0); /* pools grow before nothing is left */
        settle(&n);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        all = promise_all(n.st[0]);
        s = connect_to(&n, "10.0.0.2", 80, 0);
        settle(&n);
        CHECK_EQ(state_of(&n, 0, s), ELKO_TCP_ESTABLISHED);
        CHECK_EQ(elko_accept(n.st[1], ls, &server, NULL), ELKO_OK);
        CHECK_EQ(elko_send(n.st[1], server, "hello", 5, 0), 5);
        advance(&n, ELKO_SEC(5));
        CHECK_EQ(elko_recv(n.st[0], s, got, sizeof(got)), ELKO_EAGAIN);
        ek_region_unreserve(n.st[0]->region, all);
        advance(&n, ELKO_SEC(60));
        CHECK_EQ(elko_recv(n.st[0], s, got, sizeof(got)), 5);
        net_close(&n);
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
#include "conv.h"

#include "stack/stack.h"

/*
 * Corners of the public calls: what a configuration may not say, how much memory a stack asks for, who can't
 * be connected to, neighbours that do not answer (RFC 1122, 2.3.2; RFC 4861, 7.2.2), settings of listeners.
 */

static _Alignas(64) uint8_t region[4 << 20];

static struct elko_config sound(void)
{
        struct elko_config cfg;

        elko_config_default(&cfg);
        cfg.seed[ELKO_SEED_BYTES - 1] = 1;
        cfg.max_connections = cfg.max_half_open = cfg.max_time_wait = 16;
        return cfg;
}

static const char *refusal(const struct elko_config *cfg)
{
        const char *why = "sound";

        CHECK((elko_stack_create(region, sizeof(region), cfg, 0, &why) == NULL) == (why != NULL));
        CHECK(elko_stack_create(region, sizeof(region), cfg, 0, NULL) == NULL || why == NULL);
        /* The one thing that does not matter for the size is the seed. */
        CHECK((elko_stack_size(cfg, 1, 4096) == 0) ==
              (why != NULL && strncmp(why, "seed", 4) != 0));
        return why;
}

/* The refusal names the field. */
#define REFUSED(field, value, name)                                                                \
        do {                                                                                       \
                struct elko_config cfg_ = sound();                                                 \
                const char *why_;                                                                  \
                cfg_.field = (value);                                                              \
                why_ = refusal(&cfg_);                                                             \
                if (why_ == NULL || strstr(why_, name) == NULL)                                    \
                        ek_test_fail(__FILE__, __LINE__, "%s = %s: %s", #field, #value,            \
                                     why_ != NULL ? why_ : "taken");                               \
        } while (0)
#define TAKEN(field, value)                                                                        \
        do {                                                                                       \
                struct elko_config cfg_ = sound();                                                 \
                cfg_.field = (value);                                                              \
                if (refusal(&cfg_) != NULL)                                                        \
                        ek_test_fail(__FILE__, __LINE__, "%s = %s: %s", #field, #value,            \
                                     refusal(&cfg_));                                              \
        } while (0)

EK_TEST(limits_of_tables)
{
        REFUSED(version, 0, "version");
        REFUSED(max_connections, 0, "max_connections");
        REFUSED(max_connections, (1u << 24) + 1, "max_connections");
        REFUSED(max_time_wait, 0, "max_time_wait");
        REFUSED(max_half_open, 0, "max_half_open");
        REFUSED(max_half_open, 65535, "max_half_open");
        REFUSED(max_listeners, 0, "max_listeners");
        REFUSED(max_listeners, 65536, "max_listeners");
        REFUSED(max_neighbours, 3, "max_neighbours");
        REFUSED(max_routes, 1025, "max_routes");
        REFUSED(max_addresses, 0, "max_addresses");
        REFUSED(max_links, 65, "max_links");
        REFUSED(max_replies, 3, "max_replies");
        REFUSED(output_batch, 0, "output_batch");
        REFUSED(output_batch, 257, "output_batch");
        REFUSED(block_bytes, 3000, "block_bytes");
        REFUSED(block_bytes, 128, "block_bytes");
        REFUSED(slab_chunk_bytes, 3000, "slab_chunk_bytes");
        REFUSED(slab_chunk_bytes, 512, "slab_chunk_bytes");
        REFUSED(slab_chunk_bytes, 1024, "slab_chunk_bytes"); /* below block_bytes */
        REFUSED(window_overcommit_percent, 99, "window_overcommit_percent");
        REFUSED(window_overcommit_percent, 100001, "window_overcommit_percent");
        TAKEN(max_connections, 1);
        TAKEN(output_batch, 256);
        TAKEN(block_bytes, 256);
        TAKEN(window_overcommit_percent, 200);
}

EK_TEST(limits_of_times)
{
        REFUSED(clock_resolution_ns, 0, "clock_resolution_ns");
        REFUSED(clock_resolution_ns, ELKO_MS(101), "clock_resolution_ns");
        REFUSED(msl_ns, 1000, "msl_ns");
        REFUSED(rto_min_ns, 0, "rto_min_ns");
        REFUSED(rto_min_ns, ELKO_SEC(2), "rto_initial_ns");
        REFUSED(rto_initial_ns, ELKO_SEC(61), "rto_initial_ns");
        REFUSED(rto_max_ns, ELKO_MS(500), "rto_max_ns");
        REFUSED(delack_ns, ELKO_MS(500), "delack_ns");
        REFUSED(r2_ns, ELKO_MS(999), "r2_ns");
        REFUSED(r2_syn_ns, ELKO_MS(999), "r2_syn_ns");
        REFUSED(persist_min_ns, 0, "persist_min_ns");
        REFUSED(persist_min_ns, ELKO_SEC(61), "persist_min_ns");
        REFUSED(keepalive_count, 0, "keepalive_count");
        REFUSED(keepalive_count, 256, "keepalive_count");
        REFUSED(quick_acks, 256, "quick_acks");
        REFUSED(keepalive_idle_ns, 5, "keepalive");
        REFUSED(keepalive_interval_ns, 5, "keepalive");
        REFUSED(synack_retries, 7, "synack_retries");
        TAKEN(delack_ns, 0);
        TAKEN(synack_retries, 0);
}

/* [RFC6528 4] */
EK_TEST(limits_of_tcp)
{
        static const struct elko_cc_ops large = {.name = "large",
                                                 .private_bytes = ELKO_CC_PRIVATE_BYTES + 1};

        REFUSED(initial_window_segs, 0, "initial_window_segs");
        REFUSED(initial_window_segs, 101, "initial_window_segs");
        REFUSED(snd_buf_bytes, 2047, "buffers");
        REFUSED(snd_buf_max_bytes, 2047, "buffers");
        REFUSED(rcv_buf_bytes, 1 << 30, "buffers");
        REFUSED(rcv_buf_max_bytes, (1u << 30) + 1, "buffers");
        REFUSED(max_ooo_ranges, 0, "max_ooo_ranges");
        REFUSED(max_ooo_ranges, 4097, "max_ooo_ranges");
        REFUSED(min_mss, 47, "min_mss");
        REFUSED(min_mss, 1461, "min_mss");
        REFUSED(port_min, 0, "port_min");
        REFUSED(port_max, 1000, "port_min");
        REFUSED(option_order, 99, "option_order");
        REFUSED(congestion, &large, "congestion");
        REFUSED(seed[ELKO_SEED_BYTES - 1], 0, "seed");
        TAKEN(congestion, &elko_cc_newreno);
        TAKEN(min_mss, 1460);
}

/* elko_stack_size() promises room: with it everything can be had at once, and with a tenth of it the
 * stack says that it is too small. */
EK_TEST(the_size_is_enough)
{
        struct elko_config cfg = sound();
        elko_endpoint remote = {.port = 9};
        const char *why = NULL;
        size_t size;
        elko_stack *st;
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};
        uint8_t data[4096] = {0};

        cfg.snd_buf_bytes = cfg.snd_buf_max_bytes = cfg.rcv_buf_bytes = cfg.rcv_buf_max_bytes =
                4096;
        cfg.slab_chunk_bytes = 4096;
        cfg.max_neighbours = cfg.max_listeners = 4;
        CHECK_EQ(elko_stack_size(&cfg, cfg.max_connections + 1, 4096), 0);
        size = elko_stack_size(&cfg, 16, 4096);
        CHECK(size > 16 * 2 * 4096 && size <= sizeof(region));
        CHECK(elko_stack_size(&cfg, 16, 8192) >= size + 16 * 2 * 4096);
        for (size_t few = 0; few < 3000; few += 64) {
                CHECK(elko_stack_create(region, few, &cfg, 0, &why) == NULL);
                CHECK(strstr(why, "elko_stack_size") != NULL);
        }
        /* Whatever the size: a stack, or the sentence. */
        for (size_t some = 3000; some < size; some += size / 400) {
                st = elko_stack_create(region, some, &cfg, 0, &why);
                CHECK((st == NULL) == (why != NULL));
                CHECK(st == NULL || elko_check(st) == NULL);
        }
        st = elko_stack_create(region, size, &cfg, 0, &why);
        CHECK(st != NULL && why == NULL);
        CHECK_EQ(elko_link_attach(st, &link), 1);
        CHECK_EQ(elko_addr_add(st, 1, "192.0.2.1/24"), 0);
        elko_ip_parse("192.0.2.9", &remote.ip);
        for (unsigned i = 0; i < 16; i++) {
                elko_sock s;

                CHECK_EQ(elko_connect(st, &remote, NULL, &s), 0);
                CHECK_EQ(elko_send(st, s, data, sizeof(data), 0), (int64_t)sizeof(data));
        }
        CHECK_EQ(elko_connect(st, &remote, NULL, &(elko_sock){0}), ELKO_ELIMIT);
        CHECK(elko_check(st) == NULL);
        elko_stack_destroy(st);
}

/* RFC 7413, 4.1.3: a cache of cookies that the region has no room for. */
EK_TEST(no_room_for_the_cookies)
{
        struct elko_config cfg = sound();
        const char *why = NULL;
        elko_stack *st;

        cfg.fastopen_cookies = UINT16_MAX;
        CHECK(elko_stack_size(&cfg, 1, 4096) > sizeof(region) / 4);
        CHECK(elko_stack_create(region, 1 << 20, &cfg, 0, &why) == NULL);
        CHECK(strstr(why, "elko_stack_size") != NULL);
        cfg.fastopen_cookies = 16;
        st = elko_stack_create(region, 1 << 20, &cfg, 0, &why);
        CHECK(st != NULL);
        elko_stack_destroy(st);
}

/* ---- an Ethernet, where nobody answers ---- */

struct bench {
        elko_stack *st;
        uint64_t now;
        unsigned asked, other;
};

static struct bench on_ethernet(void)
{
        struct elko_config cfg = sound();
        struct elko_link_config link = {
                .medium = ELKO_MEDIUM_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
        struct bench b = {0};

        b.st = elko_stack_create(region, sizeof(region), &cfg, 0, NULL);
        CHECK(b.st != NULL);
        CHECK_EQ(elko_link_attach(b.st, &link), 1);
        CHECK_EQ(elko_addr_add(b.st, 1, "192.0.2.1/24"), 0);
        CHECK_EQ(elko_addr_add(b.st, 1, "fe80::1/64"), 0);
        CHECK_EQ(elko_addr_add(b.st, 1, "2001:db8::1/64"), 0);
        return b;
}

/* For `span`, with everything pulled; questions for neighbours are counted. */
static void live(struct bench *b, uint64_t span)
{
        uint64_t end = b->now + span;
        struct elko_frame f[8];
        size_t n;

        for (;;) {
                while ((n = elko_output(b->st, 1, f, 8, b->now)) > 0)
                        for (size_t i = 0; i < n; i++) {
                                const uint8_t *p = f[i].part[0].data;
                                bool arp = p[12] == 8 && p[13] == 6;
                                bool ns = p[12] == 0x86 && p[20] == 58 && p[54] == 135;

                                b->asked += arp || ns;
                                b->other += !arp && !ns;
                        }
                CHECK(elko_check(b->st) == NULL);
                if (elko_next_deadline(b->st) > end)
                        break;
                b->now = elko_next_deadline(b->st) > b->now ? elko_next_deadline(b->st) : b->now;
                elko_advance(b->st, b->now);
        }
        b->now = end;
        elko_advance(b->st, b->now);
}

static int error_of(struct bench *b, elko_sock s)
{
        struct elko_event ev;
        int error = 0;

        while (elko_next_event(b->st, &ev))
                if (ev.sock == s && ev.error != 0)
                        error = ev.error;
        return error;
}

static elko_endpoint to(const char *ip, uint16_t port)
{
        elko_endpoint ep = {.port = port};

        CHECK(elko_ip_parse(ip, &ep.ip));
        return ep;
}

/* RFC 9293, 3.9.2.2 and RFC 1122, 2.3.2.2: three questions, then the connection fails. */
EK_TEST(a_neighbour_that_is_silent)
{
        static const char *const hosts[] = {"192.0.2.77", "2001:db8::77", "fe80::77"};

        for (unsigned i = 0; i < 3; i++) {
                struct bench b = on_ethernet();
                elko_endpoint remote = to(hosts[i], 80);
                elko_sock s;

                CHECK_EQ(elko_connect(b.st, &remote, NULL, &s), 0);
                live(&b, ELKO_SEC(10));
                CHECK_EQ(error_of(&b, s), ELKO_EHOSTUNREACH);
                CHECK_EQ(b.asked, 3);
                CHECK_EQ(b.other, 0);
                CHECK_EQ(elko_close(b.st, s), 0);
                live(&b, ELKO_SEC(10));
                CHECK_EQ(elko_connect(b.st, &remote, NULL, &s), 0); /* and is asked again */
                live(&b, ELKO_MS(10));
                CHECK_EQ(b.asked, 4);
                CHECK_EQ(elko_abort(b.st, s), 0);
        }
}

EK_TEST(a_neighbour_entered_by_hand)
{
        static const uint8_t mac[6] = {2, 0, 0, 0, 0, 7}, group[6] = {1, 0, 0, 0, 0, 7};
        struct bench b = on_ethernet();
        elko_endpoint remote = to("192.0.2.77", 80);
        elko_sock s;

        CHECK_EQ(elko_neigh_add(b.st, 1, &remote.ip, group), ELKO_EINVAL);
        CHECK_EQ(elko_neigh_add(b.st, 1, &remote.ip, mac), 0);
        CHECK_EQ(elko_connect(b.st, &remote, NULL, &s), 0);
        live(&b, ELKO_MS(500));
        CHECK_EQ(b.asked, 0);
        CHECK_EQ(b.other, 1); /* the SYN */
}

EK_TEST(echo)
{
        struct bench b = on_ethernet();
        elko_endpoint near = to("fe80::77", 0), far = to("198.51.100.1", 0);
        uint8_t data[1400] = {1};
        struct elko_echo e;

        CHECK(!elko_echo_next(b.st, &e));
        CHECK_EQ(elko_echo_request(b.st, &far.ip, 1, 1, data, 10), ELKO_ENETUNREACH);
        CHECK_EQ(elko_echo_request(b.st, &near.ip, 1, 1, data, sizeof(data)), 0);
        CHECK_EQ(elko_echo_request(b.st, &near.ip, 1, 2, data, 1500), ELKO_EMSGSIZE);
        live(&b, ELKO_SEC(10));
        CHECK_EQ(b.asked, 3);
        CHECK_EQ(b.other, 0);
}

EK_TEST(who_can_not_be_connected_to)
{
        struct bench b = on_ethernet();
        elko_endpoint us = to("192.0.2.1", 5), us6 = to("2001:db8::1", 5),
                      peer = to("192.0.2.9", 80), far = to("203.0.113.1", 80),
                      none = to("192.0.2.9", 0), group = to("224.0.0.1", 80),
                      stranger = to("192.0.2.200", 5), link_local = to("fe80::9", 80);
        elko_sock s;

        CHECK_EQ(elko_connect(b.st, &us, NULL, &s), ELKO_EHOSTUNREACH);
        CHECK_EQ(elko_connect(b.st, &far, NULL, &s), ELKO_ENETUNREACH);
        CHECK_EQ(elko_connect(b.st, &none, NULL, &s), ELKO_EINVAL);
        CHECK_EQ(elko_connect(b.st, &group, NULL, &s), ELKO_EINVAL);
        CHECK_EQ(elko_connect(b.st, &peer, &stranger, &s), ELKO_EADDRNOTAVAIL);
        CHECK_EQ(elko_connect(b.st, &peer, &us6, &s), ELKO_EINVAL);
        link_local.scope = 7;
        CHECK(elko_connect(b.st, &link_local, NULL, &s) < 0);
        link_local.scope = 1;
        CHECK_EQ(elko_connect(b.st, &link_local, NULL, &s), 0);
        CHECK_EQ(elko_connect(b.st, &peer, &us, &s), 0);
        CHECK_EQ(elko_connect(b.st, &peer, &us, &s), ELKO_EADDRINUSE);
        CHECK_EQ(elko_addr_add(b.st, 1, "192.0.2"), ELKO_EINVAL);
        CHECK_EQ(elko_route_add(b.st, "default", 1, NULL), ELKO_EINVAL);
        CHECK_EQ(elko_route_add(b.st, "0.0.0.0/0", 1, "gateway"), ELKO_EINVAL);
        CHECK_EQ(elko_route_add(b.st, "0.0.0.0/0", 1, "192.0.2.254"), 0);
        CHECK_EQ(elko_connect(b.st, &far, NULL, &s), 0);
}

/* ---- listeners and settings ---- */

EK_TEST(listeners)
{
        struct bench b = on_ethernet();
        elko_endpoint any = {.port = 80}, stranger = to("192.0.2.200", 81), port = {.port = 100};
        struct elko_listen_config cfg = {.backlog = 1, .syn_queue = 1};
        static const struct elko_cc_ops large = {.private_bytes = ELKO_CC_PRIVATE_BYTES + 1};
        static const struct {
                enum elko_option option;
                uint64_t value;
        } kept[] = {{ELKO_OPTION_PACING, 1},
                    {ELKO_OPTION_MAX_PACING_RATE, 1ull << 40},
                    {ELKO_OPTION_FASTOPEN_NO_COOKIE, 1},
                    {ELKO_OPTION_FASTOPEN, 5}};
        elko_sock s, more;
        uint64_t v = 0;
        unsigned n = 0;
        int r;

        CHECK_EQ(elko_listen(b.st, &any, &cfg, &s), 0);
        CHECK_EQ(elko_listen(b.st, &any, &cfg, &more), ELKO_EADDRINUSE);
        CHECK_EQ(elko_listen(b.st, &stranger, &cfg, &more), ELKO_EADDRNOTAVAIL);
        CHECK_EQ(elko_set_user(b.st, s, &b), 0);
        CHECK_EQ(elko_set_congestion(b.st, s, NULL), ELKO_EINVAL);
        CHECK_EQ(elko_set_congestion(b.st, s, &large), ELKO_EINVAL);
        CHECK_EQ(elko_set_congestion(b.st, s, &elko_cc_newreno), 0);
        CHECK_EQ(elko_set_congestion(b.st, s + 1, &elko_cc_newreno), ELKO_EBADF);
        CHECK_EQ(elko_set_option(b.st, s, ELKO_OPTION_USER_TIMEOUT, ELKO_SEC(77)), 0);
        CHECK_EQ(elko_get_option(b.st, s, ELKO_OPTION_USER_TIMEOUT, &v), 0);
        CHECK_EQ(v, ELKO_SEC(77));
        CHECK_EQ(elko_get_option(b.st, s, ELKO_OPTION_COUNT, &v), ELKO_EINVAL);
        CHECK_EQ(elko_get_option(b.st, s + 1, ELKO_OPTION_TTL, &v), ELKO_EBADF);
        CHECK_EQ(elko_set_option(b.st, s + 1, ELKO_OPTION_TTL, 5), ELKO_EBADF);
        CHECK_EQ(elko_shutdown_read(b.st, s), ELKO_EBADF);
        CHECK_EQ(elko_shutdown_read(b.st, s + 1), ELKO_EBADF);
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
                CHECK_EQ(elko_set_option(b.st, s, kept[i].option, kept[i].value), 0);
                CHECK_EQ(elko_get_option(b.st, s, kept[i].option, &v), 0);
                CHECK_EQ(v, kept[i].value);
        }
        CHECK_EQ(elko_set_option(b.st, s, ELKO_OPTION_PACING, 2), ELKO_EINVAL);
        CHECK_EQ(elko_set_option(b.st, s, ELKO_OPTION_FASTOPEN, 65536), ELKO_EINVAL);
        CHECK_EQ(elko_set_option(b.st, s, ELKO_OPTION_FASTOPEN_NO_COOKIE, 2), ELKO_EINVAL);
        CHECK_EQ(elko_get_option(b.st, s, ELKO_OPTION_FASTOPEN, &v), 0);
        CHECK_EQ(v, 5);                   /* what was refused changed nothing */
        CHECK_EQ(elko_abort(b.st, s), 0); /* of a listener: as close */
        CHECK_EQ(elko_abort(b.st, s), ELKO_EBADF);
        CHECK_EQ(elko_listen(b.st, &any, &cfg, &s), 0);
        elko_fail_alloc(b.st, 1, true);
        while ((r = elko_listen(b.st, &port, &cfg, &more)) == 0 && n++ < 2000)
                port.port++;
        CHECK_EQ(r, ELKO_ENOMEM);
        elko_fail_alloc(b.st, 0, false);
        CHECK_EQ(elko_listen(b.st, &port, &cfg, &more), 0);
        CHECK(elko_check(b.st) == NULL);
}

/* ---- a link that completes checksums ---- */

static uint32_t add16(uint32_t sum, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return sum;
}

/* What the device does with ELKO_LINK_TX_CSUM, and then what a receiver does (RFC 9293, 3.1). */
EK_TEST(the_link_completes_the_checksum)
{
        static const char *const hosts[] = {"192.0.2.9", "2001:db8::9"};

        for (unsigned i = 0; i < 2; i++) {
                struct elko_config cfg = sound();
                struct elko_link_config link = {
                        .medium = ELKO_MEDIUM_IP, .mtu = 1500, .flags = ELKO_LINK_TX_CSUM};
                elko_stack *st = elko_stack_create(region, sizeof(region), &cfg, 0, NULL);
                elko_endpoint remote = to(hosts[i], 80);
                uint32_t ip = i == 0 ? 20 : 40, addrs = i == 0 ? 12 : 8, sum, tcp_len;
                struct elko_frame f;
                uint8_t packet[256];
                elko_sock s;

                CHECK(st != NULL);
                CHECK_EQ(elko_link_attach(st, &link), 1);
                CHECK_EQ(elko_addr_add(st, 1, "192.0.2.1/24"), 0);
                CHECK_EQ(elko_addr_add(st, 1, "2001:db8::1/64"), 0);
                CHECK_EQ(elko_connect(st, &remote, NULL, &s), 0);
                CHECK_EQ(elko_output(st, 1, &f, 1, 0), 1);
                CHECK(f.parts == 1 && f.len <= sizeof(packet));
                CHECK(f.csum_start == ip && f.csum_offset == 16);
                memcpy(packet, f.part[0].data, f.len);
                tcp_len = f.len - ip;
                sum = ~add16(0, packet + ip, tcp_len);
                packet[ip + 16] = (uint8_t)(sum >> 8);
                packet[ip + 17] = (uint8_t)sum;
                /* Addresses, protocol, length, and the segment with its checksum: all ones. */
                sum = add16(6 + tcp_len, packet + addrs, i == 0 ? 8 : 32);
                CHECK_EQ(add16(sum, packet + ip, tcp_len), 0xffff);
                elko_stack_destroy(st);
        }
}

/* An algorithm that was chosen while the connection is open starts anew, with the initial window. */
EK_TEST(another_algorithm)
{
        struct bench b = on_ethernet();
        elko_endpoint peer = to("192.0.2.9", 80);
        elko_sock s;

        CHECK_EQ(elko_connect(b.st, &peer, NULL, &s), 0);
        CHECK_EQ(elko_set_congestion(b.st, s, &elko_cc_newreno), 0);
        live(&b, ELKO_SEC(10));
        CHECK_EQ(error_of(&b, s), ELKO_EHOSTUNREACH);
        CHECK_EQ(elko_set_congestion(b.st, s, &elko_cc_newreno), ELKO_ENOTCONN);
        CHECK_EQ(elko_close(b.st, s), 0);
        CHECK_EQ(elko_set_congestion(b.st, s, &elko_cc_newreno), ELKO_EBADF);
}

/* ---- a SYN without memory ---- */

/* RFC 4987, 3.6: a cookie is sent once. When there is no memory for a half-open entry, it helps only if its
 * third step will find some for the connection; else the SYN is dropped, and the peer asks again. (Found by
 * test_torture: the cookie's ACK found no memory, and the peer was reset, or waited for ever.) */
CONV_TEST(a_syn_when_there_is_no_memory_at_all)
{
        conv_start(c, NULL);
        conv_listen(c);
        elko_fail_alloc(c->st, 1, true);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_NOMEM);
        elko_fail_alloc(c->st, 0, false);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_cookies_sent, 0);
}

CONV_TEST(a_syn_when_the_entry_alone_has_no_memory)
{
        conv_start(c, NULL);
        conv_listen(c);
        elko_fail_alloc(c->st, 1, false);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_EQ(c, elko_counters_get(c->st)->tcp_syn_cookies_sent, 1);
}

EK_TEST_MAIN();

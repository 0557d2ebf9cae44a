/* SPDX-License-Identifier: MIT */
/*
 * The wire in memory: bytes, instants, limits.
 */

#include "drivers/mem.h"
#include "ek_test.h"

EK_TEST_MAIN();

static uint8_t bytes[70000];

struct pair {
        struct elko_drv *a, *b;
};

static struct pair open_pair(const struct elko_drv_mem_config *config)
{
        struct pair p;

        CHECK_EQ(elko_drv_mem_open(config, &p.a, &p.b, NULL), 0);
        return p;
}

static void close_pair(struct pair *p)
{
        elko_drv_close(p->a);
        elko_drv_close(p->b);
}

/* A frame of `len` bytes whose contents depend on `tag`. */
static struct elko_frame make_frame(uint8_t *buf, uint32_t len, uint8_t tag)
{
        struct elko_frame f = {.part = {{buf, len}}, .parts = 1, .len = len};

        for (uint32_t i = 0; i < len; i++)
                buf[i] = (uint8_t)(tag + i * 7);
        return f;
}

static int send_one(struct elko_drv *d, uint32_t len)
{
        struct elko_frame f = make_frame(bytes, len, (uint8_t)len);

        return elko_drv_tx(d, &f, 1);
}

EK_TEST(all_parts_of_a_frame_arrive_in_one_piece)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[4];
        struct elko_frame f = {
                .part = {{(const uint8_t *)"abc", 3},
                         {(const uint8_t *)"de", 2},
                         {(const uint8_t *)"f", 1}},
                .parts = 3,
                .len = 6,
        };
        struct pair p;

        elko_drv_mem_config_default(&config);
        p = open_pair(&config);
        CHECK_EQ(elko_drv_tx(p.a, &f, 1), 1);
        CHECK_EQ(elko_drv_rx(p.a, got, 4), 0);
        CHECK_EQ(elko_drv_rx(p.b, got, 4), 1);
        CHECK_EQ(got[0].len, 6);
        CHECK_EQ(got[0].flags, 0);
        CHECK_MEM_EQ(got[0].data, "abcdef", 6);
        CHECK_EQ(elko_drv_rx(p.b, got, 4), 0);
        CHECK_EQ(p.a->counters.tx_bytes, 6);
        CHECK_EQ(p.b->counters.rx_packets, 1);
        close_pair(&p);
}

EK_TEST(packets_arrive_after_serialization_and_delay)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[4];
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.wire[0].rate_bps = 1000000; /* 1250 bytes: 10 ms */
        config.wire[0].delay_ns = ELKO_MS(5);
        p = open_pair(&config);
        elko_drv_set_now(p.a, ELKO_SEC(1));
        CHECK_EQ(send_one(p.a, 1250), 1);
        CHECK_EQ(send_one(p.a, 1250), 1);
        CHECK_EQ(elko_drv_next_deadline(p.b), ELKO_SEC(1) + ELKO_MS(15));
        elko_drv_set_now(p.b, ELKO_SEC(1) + ELKO_MS(15) - 1);
        CHECK_EQ(elko_drv_rx(p.b, got, 4), 0);
        elko_drv_set_now(p.b, ELKO_SEC(1) + ELKO_MS(15));
        CHECK_EQ(elko_drv_rx(p.b, got, 4), 1);
        CHECK_EQ(elko_drv_next_deadline(p.b), ELKO_SEC(1) + ELKO_MS(25));
        elko_drv_set_now(p.b, ELKO_SEC(1) + ELKO_MS(25));
        CHECK_EQ(elko_drv_rx(p.b, got, 4), 1);
        CHECK_EQ(elko_drv_next_deadline(p.b), ELKO_NEVER);

        /* An idle transmitter saves nothing up. */
        elko_drv_set_now(p.a, ELKO_SEC(2));
        CHECK_EQ(send_one(p.a, 1250), 1);
        CHECK_EQ(elko_drv_next_deadline(p.b), ELKO_SEC(2) + ELKO_MS(15));
        close_pair(&p);
}

EK_TEST(a_full_router_queue_drops_the_tail)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[8];
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.wire[0] = (struct elko_drv_mem_wire){.rate_bps = 8000000, .queue_packets = 3};
        p = open_pair(&config);
        for (int i = 0; i < 5; i++)
                CHECK_EQ(send_one(p.a, 1000), 1);
        CHECK_EQ(p.a->counters.tx_packets, 3);
        CHECK_EQ(p.a->counters.tx_drops, 2);
        CHECK_EQ(elko_drv_tx_room(p.a), SIZE_MAX);
        elko_drv_set_now(p.a, ELKO_MS(1)); /* one is out: room for one more */
        CHECK_EQ(send_one(p.a, 1000), 1);
        CHECK_EQ(p.a->counters.tx_drops, 2);
        elko_drv_set_now(p.b, ELKO_MS(4));
        CHECK_EQ(elko_drv_rx(p.b, got, 8), 4);
        close_pair(&p);
}

EK_TEST(back_pressure_says_how_much_fits_and_when_more_does)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[8];
        struct elko_frame f[4];
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.wire[0].rate_bps = 8000000; /* 1000 bytes: 1 ms */
        config.wire[0].queue_packets = 3;
        p = open_pair(&config);
        CHECK_EQ(elko_drv_tx_room(p.a), 3);
        for (int i = 0; i < 4; i++)
                f[i] = make_frame(bytes, 1000, 1);
        CHECK_EQ(elko_drv_tx(p.a, f, 4), 3);
        CHECK_EQ(p.a->counters.tx_drops, 0);
        CHECK_EQ(elko_drv_tx_room(p.a), 0);
        CHECK_EQ(elko_drv_next_deadline(p.a), ELKO_MS(1));
        elko_drv_set_now(p.a, ELKO_MS(2));
        CHECK_EQ(elko_drv_tx_room(p.a), 2);
        CHECK_EQ(elko_drv_rx(p.b, got, 8), 2);
        close_pair(&p);
}

EK_TEST(a_queue_of_bytes_takes_one_packet_that_is_larger)
{
        struct elko_drv_mem_config config;
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.wire[0] = (struct elko_drv_mem_wire){.rate_bps = 8000000, .queue_bytes = 500};
        p = open_pair(&config);
        CHECK_EQ(send_one(p.a, 1000), 1);
        CHECK_EQ(send_one(p.a, 100), 1);
        CHECK_EQ(p.a->counters.tx_packets, 1);
        CHECK_EQ(p.a->counters.tx_drops, 1);
        close_pair(&p);
}

EK_TEST(what_is_sent_to_a_closed_end_is_lost_and_the_rest_still_arrives)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[2];
        struct pair p;

        elko_drv_mem_config_default(&config);
        p = open_pair(&config);
        CHECK_EQ(send_one(p.a, 100), 1);
        elko_drv_close(p.a);
        CHECK_EQ(send_one(p.b, 100), 1);
        CHECK_EQ(p.b->counters.tx_drops, 1);
        CHECK_EQ(elko_drv_rx(p.b, got, 2), 1);
        elko_drv_close(p.b);
}

EK_TEST(offloaded_checksums_are_marked)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[2];
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.link_flags = ELKO_LINK_TX_CSUM | ELKO_LINK_RX_CSUM;
        config.medium = ELKO_MEDIUM_ETHERNET;
        p = open_pair(&config);
        CHECK_EQ(p.a->link.flags, config.link_flags);
        CHECK_MEM_EQ(p.a->link.mac, "\2\0\0\0\0\1", 6);
        CHECK_MEM_EQ(p.b->link.mac, "\2\0\0\0\0\2", 6);
        CHECK_EQ(send_one(p.a, 100), 1);
        CHECK_EQ(elko_drv_rx(p.b, got, 2), 1);
        CHECK_EQ(got[0].flags, ELKO_PACKET_CSUM_OK);
        close_pair(&p);
}

EK_TEST(an_mtu_too_small_for_ip_is_refused_in_words)
{
        struct elko_drv_mem_config config;
        struct elko_drv_why why;
        struct elko_drv *a, *b;

        elko_drv_mem_config_default(&config);
        config.mtu = 10;
        CHECK(elko_drv_mem_open(&config, &a, &b, &why) < 0);
        CHECK(strstr(why.text, "10 bytes") != NULL);
}

/*
 * The ring under random sizes: every packet arrives once, in order, unchanged, and the bytes of the
 * last rx() stay as they are while more is sent. tx_room() never promises too much.
 */
EK_TEST(random_traffic_through_a_small_ring)
{
        struct elko_drv_mem_config config;
        uint64_t sent = 0, received = 0;
        uint32_t length[4096] = {0};
        struct elko_packet got[64];
        uint64_t now = 0;
        int held = 0;
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.mtu = 9000;
        config.wire[0].buffer_bytes = 1; /* the least there is: four packets of the largest size */
        config.wire[0].delay_ns = 1000;
        p = open_pair(&config);
        for (uint32_t round = 0; round < ek_test_rounds(200000); round++) {
                uint32_t len = 1 + ek_test_below(ek_test_below(2) ? 200 : 9018);
                size_t room = elko_drv_tx_room(p.a);
                struct elko_frame f = make_frame(bytes, len, (uint8_t)sent);
                int taken = sent - received < 4000 ? elko_drv_tx(p.a, &f, 1) : 0;

                CHECK(taken == 1 || room == 0 || sent - received >= 4000);
                if (taken == 1)
                        length[sent++ % 4096] = len;
                for (int i = 0; i < held; i++) {
                        uint64_t n = received - (uint64_t)held + (uint64_t)i;

                        CHECK_EQ(got[i].len, length[n % 4096]);
                        CHECK_EQ(got[i].data[got[i].len - 1],
                                 (uint8_t)((uint8_t)n + (got[i].len - 1) * 7));
                }
                now += ek_test_below(400);
                elko_drv_set_now(p.b, now);
                if (ek_test_below(3) == 0) {
                        held = elko_drv_rx(p.b, got, 1 + ek_test_below(64));
                        received += (uint64_t)held;
                }
        }
        CHECK(sent > 1000 || ek_test_state.percent < 100);
        CHECK(received <= sent);
        CHECK_EQ(p.b->counters.rx_packets, received);
        close_pair(&p);
}

/* However full the ring is: draining it lets the sender go on, when a deadline says so. */
EK_TEST(a_full_ring_never_stalls)
{
        struct elko_drv_mem_config config;
        struct elko_packet got[64];
        uint64_t now = 0;
        struct pair p;

        elko_drv_mem_config_default(&config);
        config.wire[0].buffer_bytes = 1;
        config.wire[0].delay_ns = ELKO_MS(1);
        config.link_flags = ELKO_LINK_TSO;
        p = open_pair(&config);
        for (int i = 0; i < 1000; i++) {
                uint64_t at;

                while (elko_drv_tx_room(p.a) > 0)
                        CHECK_EQ(send_one(p.a, 65000), 1);
                at = elko_drv_next_deadline(p.b);
                CHECK(at != ELKO_NEVER);
                now = at > now ? at : now + 1;
                elko_drv_set_now(p.a, now);
                elko_drv_set_now(p.b, now);
                elko_drv_rx(p.b, got, 64);
        }
        CHECK(p.b->counters.rx_packets > 500);
        close_pair(&p);
}

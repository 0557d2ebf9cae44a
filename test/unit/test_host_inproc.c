/* SPDX-License-Identifier: MIT */
/*
 * Two stacks in virtual time: a transfer over a good and over a bad link, and the same run twice.
 */

#include "ek_test.h"
#include "host/inproc.h"

EK_TEST_MAIN();

enum { PORT = 7, BYTES = 1000000 };

/* Side 0 connects and sends BYTES; side 1 accepts, checks and counts. */
struct bed {
        struct elko_inproc *p;
        elko_sock client, listener, server;
        uint32_t bytes, sent, received;
        bool eof, failed;
};

static uint8_t pattern(uint32_t i)
{
        return (uint8_t)(i * 31 + (i >> 8));
}

static void client_send(struct bed *b)
{
        elko_stack *st = elko_inproc_stack(b->p, 0);
        uint8_t buf[8192];

        while (b->sent < b->bytes) {
                uint32_t n = b->bytes - b->sent < sizeof(buf) ? b->bytes - b->sent : sizeof(buf);
                int64_t taken;

                for (uint32_t i = 0; i < n; i++)
                        buf[i] = pattern(b->sent + i);
                taken = elko_send(st, b->client, buf, n, 0);
                if (taken == ELKO_EAGAIN)
                        return;
                CHECK(taken > 0);
                b->sent += (uint32_t)taken;
        }
        CHECK_EQ(elko_shutdown(st, b->client), 0);
        b->bytes = 0;
}

static void server_receive(struct bed *b)
{
        elko_stack *st = elko_inproc_stack(b->p, 1);
        uint8_t buf[8192];
        int64_t n;

        while ((n = elko_recv(st, b->server, buf, sizeof(buf))) > 0) {
                for (int64_t i = 0; i < n; i++)
                        CHECK_EQ(buf[i], pattern(b->received + (uint32_t)i));
                b->received += (uint32_t)n;
        }
        if (n != 0)
                return;
        b->eof = true;
        CHECK_EQ(elko_close(st, b->server), 0);
        b->server = ELKO_SOCK_NONE;
}

static void on_event(void *ctx, int side, const struct elko_event *ev)
{
        struct bed *b = ctx;

        if ((ev->bits & ELKO_EV_ERROR) != 0)
                b->failed = true;
        else if (side == 0 && b->bytes > 0 && (ev->bits & (ELKO_EV_CONNECTED | ELKO_EV_WRITABLE)))
                client_send(b);
        else if (side == 1 && (ev->bits & ELKO_EV_ACCEPT) != 0)
                CHECK_EQ(elko_accept(elko_inproc_stack(b->p, 1), b->listener, &b->server, NULL), 0);
        else if (side == 1 && b->server != ELKO_SOCK_NONE)
                server_receive(b);
        if (side == 1 && b->server != ELKO_SOCK_NONE)
                server_receive(b);
}

static bool is_done(void *ctx)
{
        struct bed *b = ctx;

        return b->eof || b->failed;
}

static void open_bed(struct bed *b, struct elko_inproc_config *config, int version)
{
        elko_endpoint to = elko_inproc_endpoint(1, version, PORT);
        struct elko_drv_why why;

        memset(b, 0, sizeof(*b));
        b->bytes = BYTES;
        config->on_event = on_event;
        config->ctx = b;
        b->p = elko_inproc_create(config, &why);
        CHECK(b->p != NULL);
        CHECK_EQ(elko_listen(elko_inproc_stack(b->p, 1), &to, NULL, &b->listener), 0);
        CHECK_EQ(elko_connect(elko_inproc_stack(b->p, 0), &to, NULL, &b->client), 0);
}

static void transfer(struct elko_inproc_config *config, int version, uint64_t limit_ns)
{
        struct bed b;

        open_bed(&b, config, version);
        CHECK(elko_inproc_run_until(b.p, is_done, &b, elko_inproc_now(b.p) + limit_ns));
        CHECK(!b.failed);
        CHECK_EQ(b.received, BYTES);
        elko_inproc_destroy(b.p);
}

EK_TEST(nothing_to_do_is_idle_and_time_can_still_pass)
{
        struct elko_inproc_config config;
        struct elko_inproc *p;

        elko_inproc_config_default(&config);
        p = elko_inproc_create(&config, NULL);
        CHECK(p != NULL);
        while (elko_inproc_step(p, ELKO_SEC(1000)) == ELKO_INPROC_WORK)
                ;
        elko_inproc_run_for(p, ELKO_SEC(5));
        CHECK(elko_inproc_now(p) >= ELKO_SEC(6));
        elko_inproc_destroy(p);
}

EK_TEST(a_megabyte_over_each_version)
{
        struct elko_inproc_config config;

        elko_inproc_config_default(&config);
        transfer(&config, 4, ELKO_SEC(10));
        transfer(&config, 6, ELKO_SEC(10));
}

EK_TEST(a_megabyte_over_ethernet)
{
        struct elko_inproc_config config;

        elko_inproc_config_default(&config);
        config.wire.medium = ELKO_MEDIUM_ETHERNET;
        transfer(&config, 4, ELKO_SEC(10));
        transfer(&config, 6, ELKO_SEC(10));
}

EK_TEST(a_megabyte_through_back_pressure)
{
        struct elko_inproc_config config;

        elko_inproc_config_default(&config);
        config.wire.wire[0].rate_bps = 10000000;
        config.wire.wire[0].queue_packets = 3;
        transfer(&config, 4, ELKO_SEC(10));
}

static struct elko_inproc_config bad_link(uint64_t seed)
{
        struct elko_inproc_config config;
        struct elko_drv_fault_config_dir dir = {
                .drop_ppm = 10000,
                .duplicate_ppm = 10000,
                .corrupt_ppm = 5000,
                .truncate_ppm = 2000,
                .reorder_ppm = 10000,
                .reorder_distance = 3,
                .delay_ns = ELKO_MS(1),
                .jitter_ns = ELKO_US(20),
        };

        elko_inproc_config_default(&config);
        config.seed = seed;
        config.with_fault = true;
        config.fault.seed = seed;
        config.fault.dir[0] = config.fault.dir[1] = dir;
        return config;
}

EK_TEST(a_megabyte_over_bad_links)
{
        for (uint64_t seed = 1; seed <= ek_test_rounds(4); seed++) {
                struct elko_inproc_config config = bad_link(seed);

                transfer(&config, seed % 2 != 0 ? 4 : 6, ELKO_SEC(600));
        }
}

/* The whole capture of a run: every packet and instant. */
static size_t record(uint64_t seed, char **bytes)
{
        struct elko_inproc_config config = bad_link(seed);
        size_t len = 0;

        *bytes = NULL;
        config.pcapng = open_memstream(bytes, &len);
        transfer(&config, 4, ELKO_SEC(600));
        fclose(config.pcapng);
        return len;
}

EK_TEST(the_same_seed_gives_the_same_packets_at_the_same_instants)
{
        char *one, *same, *other;
        size_t len = record(3, &one), len_other;

        CHECK(len > BYTES);
        CHECK_EQ(record(3, &same), len);
        CHECK_MEM_EQ(one, same, len);
        len_other = record(4, &other);
        CHECK(len != len_other || memcmp(one, other, len) != 0);
        free(one);
        free(same);
        free(other);
}

EK_TEST(a_region_that_is_too_small_is_refused_in_words)
{
        struct elko_inproc_config config;
        struct elko_drv_why why = {{0}};

        elko_inproc_config_default(&config);
        config.region_bytes = 4096;
        CHECK(elko_inproc_create(&config, &why) == NULL);
        CHECK(strstr(why.text, "creating the stack") != NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * The bad link: how often, how exactly, and always the same for the same seed.
 */

#include "drivers/fault.h"
#include "drivers/mem.h"
#include "ek_test.h"

EK_TEST_MAIN();

enum { PACKET = 64, MANY = 100000 };

struct bed {
        struct elko_drv *near; /* the fault wrapper around end 0 */
        struct elko_drv *far;  /* end 1 */
        uint64_t now;
        uint32_t sent;
};

static struct bed open_bed(const struct elko_drv_fault_config *config)
{
        struct elko_drv_mem_config wire;
        struct elko_drv *inner;
        struct bed bed = {0};

        elko_drv_mem_config_default(&wire);
        wire.link_flags = ELKO_LINK_TX_CSUM | ELKO_LINK_RX_CSUM;
        CHECK_EQ(elko_drv_mem_open(&wire, &inner, &bed.far, NULL), 0);
        bed.near = elko_drv_fault_open(inner, config, NULL);
        CHECK(bed.near != NULL);
        return bed;
}

static void close_bed(struct bed *bed)
{
        elko_drv_close(bed->near);
        elko_drv_close(bed->far);
}

static void set_now(struct bed *bed, uint64_t now)
{
        bed->now = now;
        elko_drv_set_now(bed->near, now);
        elko_drv_set_now(bed->far, now);
}

/* Packets carry their number, counted from 1, in the first four bytes. */
static void send_numbered(struct bed *bed, struct elko_drv *from)
{
        uint8_t data[PACKET];
        struct elko_frame f = {
                .part = {{data, 4}, {data + 4, PACKET - 4}}, .parts = 2, .len = PACKET};

        bed->sent++;
        memset(data, 0xaa, sizeof(data));
        memcpy(data, &bed->sent, sizeof(bed->sent));
        CHECK_EQ(elko_drv_tx(from, &f, 1), 1);
}

static uint32_t number_of(const struct elko_packet *p)
{
        uint32_t n;

        memcpy(&n, p->data, sizeof(n));
        return n;
}

/* Send `n` packets one by one; returns a hash over all that arrives, and how many did. */
static uint64_t run(const struct elko_drv_fault_config *config, bool rx, uint32_t n,
                    uint64_t *arrived, struct elko_drv_fault_stats *stats)
{
        struct bed bed = open_bed(config);
        struct elko_drv *from = rx ? bed.far : bed.near, *to = rx ? bed.near : bed.far;
        uint64_t hash = 14695981039346656037u, count = 0;

        for (uint32_t i = 0; i < n + 1000; i++) {
                struct elko_packet got[64];
                int k;

                set_now(&bed, bed.now + 1000);
                if (i < n)
                        send_numbered(&bed, from);
                if (!rx)
                        elko_drv_rx(bed.near, got, 64); /* the rhythm that lets held packets go */
                k = elko_drv_rx(to, got, 64);
                for (int j = 0; j < k; j++)
                        for (uint32_t b = 0; b < got[j].len; b++)
                                hash = (hash ^ got[j].data[b] ^ got[j].len) * 1099511628211u;
                hash = (hash ^ (uint64_t)k) * 1099511628211u;
                count += (uint64_t)k;
        }
        *arrived = count;
        *stats = *elko_drv_fault_stats_get(bed.near, rx ? ELKO_DRV_FAULT_RX : ELKO_DRV_FAULT_TX);
        close_bed(&bed);
        return hash;
}

/* Within five standard deviations of what the share promises. */
static void check_share(uint64_t count, uint64_t of, double ppm)
{
        double p = ppm / 1e6, off = (double)count - (double)of * p;
        double variance = (double)of * p * (1 - p);

        CHECK(off * off <= 25 * variance + 1);
}

static struct elko_drv_fault_config all_faults(uint64_t seed)
{
        struct elko_drv_fault_config_dir dir = {
                .drop_ppm = 10000,
                .duplicate_ppm = 20000,
                .corrupt_ppm = 5000,
                .truncate_ppm = 2500,
                .reorder_ppm = 30000,
                .reorder_distance = 3,
                .delay_ns = 5000,
                .jitter_ns = 2000,
        };

        return (struct elko_drv_fault_config){.seed = seed, .dir = {dir, dir}};
}

EK_TEST(shares_are_kept_and_no_packet_is_unaccounted_for)
{
        for (int rx = 0; rx < 2; rx++) {
                struct elko_drv_fault_config config = all_faults(42);
                struct elko_drv_fault_stats s;
                uint64_t arrived;

                run(&config, rx, MANY, &arrived, &s);
                CHECK_EQ(s.seen, MANY);
                check_share(s.dropped, MANY, 10000);
                check_share(s.duplicated, MANY - s.dropped, 20000);
                check_share(s.corrupted, MANY - s.dropped, 5000);
                check_share(s.truncated, MANY - s.dropped, 2500);
                check_share(s.reordered, MANY - s.dropped, 30000);
                CHECK_EQ(s.overflow, 0);
                CHECK_EQ(arrived, s.seen - s.dropped + s.duplicated);
        }
}

EK_TEST(the_same_seed_gives_the_same_link)
{
        struct elko_drv_fault_config one = all_faults(7), same = all_faults(7),
                                     other = all_faults(8);
        struct elko_drv_fault_stats s;
        uint64_t n, hash = run(&one, true, 20000, &n, &s);

        CHECK_EQ(run(&same, true, 20000, &n, &s), hash);
        CHECK(run(&other, true, 20000, &n, &s) != hash);
        hash = run(&one, false, 20000, &n, &s);
        CHECK_EQ(run(&same, false, 20000, &n, &s), hash);
}

/* Which of the first 64 numbers arrive at least once. */
static uint64_t survivors(const struct elko_drv_fault_config *config)
{
        struct bed bed = open_bed(config);
        uint64_t set = 0;

        for (int i = 0; i < 64; i++) {
                struct elko_packet got[64];
                int k;

                send_numbered(&bed, bed.far);
                set_now(&bed, bed.now + ELKO_MS(20));
                k = elko_drv_rx(bed.near, got, 64);
                for (int j = 0; j < k; j++)
                        set |= UINT64_C(1) << (number_of(&got[j]) - 1);
        }
        close_bed(&bed);
        return set;
}

EK_TEST(one_class_of_faults_does_not_move_another)
{
        struct elko_drv_fault_config config = {.seed = 99};
        uint64_t alone;

        config.dir[ELKO_DRV_FAULT_RX].drop_ppm = 300000;
        alone = survivors(&config);
        CHECK(alone != 0 && alone != UINT64_MAX);
        config.dir[ELKO_DRV_FAULT_RX].duplicate_ppm = 500000;
        config.dir[ELKO_DRV_FAULT_TX].drop_ppm = 500000;
        CHECK_EQ(survivors(&config), alone);
}

EK_TEST(the_nth_packet_is_dropped_and_no_other)
{
        struct elko_drv_fault_config config = {.seed = 1};

        config.dir[ELKO_DRV_FAULT_RX].drop_nth[0] = 3;
        config.dir[ELKO_DRV_FAULT_RX].drop_nth[5] = 64;
        CHECK_EQ(survivors(&config), UINT64_MAX & ~(UINT64_C(1) << 2) & ~(UINT64_C(1) << 63));
}

static enum elko_drv_fault_verdict drop_odd(void *ctx, enum elko_drv_fault_dir dir, uint64_t n,
                                            const uint8_t *data, size_t len)
{
        uint32_t number;

        memcpy(&number, data, sizeof(number));
        *(uint32_t *)ctx += number == n && len == PACKET && dir == ELKO_DRV_FAULT_TX;
        return number % 2 != 0 ? ELKO_DRV_FAULT_DROP : ELKO_DRV_FAULT_PASS;
}

EK_TEST(a_predicate_sees_whole_packets_and_decides)
{
        struct elko_drv_fault_config config = {.seed = 1};
        struct elko_packet got[64];
        uint32_t right = 0;
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_TX].decide = drop_odd;
        config.dir[ELKO_DRV_FAULT_TX].decide_ctx = &right;
        config.dir[ELKO_DRV_FAULT_TX].drop_ppm = 1000000; /* PASS outvotes it */
        bed = open_bed(&config);
        for (int i = 0; i < 10; i++)
                send_numbered(&bed, bed.near);
        CHECK_EQ(right, 10);
        CHECK_EQ(elko_drv_rx(bed.far, got, 64), 5);
        for (uint32_t i = 0; i < 5; i++)
                CHECK_EQ(number_of(&got[i]), 2 * i + 2);
        close_bed(&bed);
}

static enum elko_drv_fault_verdict reorder_second(void *ctx, enum elko_drv_fault_dir dir,
                                                  uint64_t n, const uint8_t *data, size_t len)
{
        (void)ctx;
        (void)dir;
        (void)data;
        (void)len;
        return n == 2 ? ELKO_DRV_FAULT_REORDER : ELKO_DRV_FAULT_PASS;
}

EK_TEST(a_packet_is_passed_by_exactly_as_many_as_the_distance_says)
{
        static const uint32_t order[] = {1, 3, 4, 5, 2, 6};

        for (int rx = 0; rx < 2; rx++) {
                struct elko_drv_fault_config config = {.seed = 1};
                struct elko_drv_fault_config_dir *dir =
                        &config.dir[rx ? ELKO_DRV_FAULT_RX : ELKO_DRV_FAULT_TX];
                struct elko_packet got[64];
                struct bed bed;

                dir->decide = reorder_second;
                dir->reorder_distance = 3;
                bed = open_bed(&config);
                for (int i = 0; i < 6; i++)
                        send_numbered(&bed, rx ? bed.far : bed.near);
                CHECK_EQ(elko_drv_rx(rx ? bed.near : bed.far, got, 64), 6);
                for (int i = 0; i < 6; i++)
                        CHECK_EQ(number_of(&got[i]), order[i]);
                close_bed(&bed);
        }
}

EK_TEST(a_reordered_packet_that_nobody_passes_comes_in_the_end)
{
        struct elko_drv_fault_config config = {.seed = 1};
        struct elko_packet got[64];
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_RX].reorder_ppm = 1000000;
        config.dir[ELKO_DRV_FAULT_RX].reorder_distance = 100;
        config.dir[ELKO_DRV_FAULT_RX].reorder_ns = ELKO_MS(7);
        bed = open_bed(&config);
        send_numbered(&bed, bed.far);
        CHECK_EQ(elko_drv_rx(bed.near, got, 64), 0);
        CHECK_EQ(elko_drv_next_deadline(bed.near), ELKO_MS(7));
        set_now(&bed, ELKO_MS(7) - 1);
        CHECK_EQ(elko_drv_rx(bed.near, got, 64), 0);
        set_now(&bed, ELKO_MS(7));
        CHECK_EQ(elko_drv_rx(bed.near, got, 64), 1);
        CHECK_EQ(elko_drv_next_deadline(bed.near), ELKO_NEVER);
        close_bed(&bed);
}

EK_TEST(delay_is_exact_and_jitter_is_bounded)
{
        struct elko_drv_fault_config config = {.seed = 5};
        struct elko_packet got[64];
        uint64_t least = UINT64_MAX, most = 0;
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_TX].delay_ns = ELKO_MS(10);
        config.dir[ELKO_DRV_FAULT_TX].jitter_ns = ELKO_MS(2);
        bed = open_bed(&config);
        for (int i = 0; i < 1000; i++) {
                uint64_t start = bed.now, at;

                send_numbered(&bed, bed.near);
                at = elko_drv_next_deadline(bed.near);
                set_now(&bed, at);
                elko_drv_rx(bed.near, got, 64);
                CHECK_EQ(elko_drv_rx(bed.far, got, 64), 1);
                least = at - start < least ? at - start : least;
                most = at - start > most ? at - start : most;
        }
        CHECK(least >= ELKO_MS(10) && least < ELKO_MS(10) + ELKO_US(50));
        CHECK(most <= ELKO_MS(12) && most > ELKO_MS(12) - ELKO_US(50));
        close_bed(&bed);
}

EK_TEST(corruption_flips_one_bit_and_withdraws_the_checksum_mark)
{
        struct elko_drv_fault_config config = {.seed = 5};
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_RX].corrupt_ppm = 1000000;
        bed = open_bed(&config);
        for (uint32_t i = 1; i <= 1000; i++) {
                struct elko_packet got[4];
                uint8_t right[PACKET];
                int bits = 0;

                memset(right, 0xaa, sizeof(right));
                memcpy(right, &i, sizeof(i));
                send_numbered(&bed, bed.far);
                CHECK_EQ(elko_drv_rx(bed.near, got, 4), 1);
                CHECK_EQ(got[0].len, PACKET);
                CHECK_EQ(got[0].flags, 0);
                for (int k = 0; k < PACKET; k++)
                        bits += __builtin_popcount((unsigned)(got[0].data[k] ^ right[k]));
                CHECK_EQ(bits, 1);
        }
        close_bed(&bed);
}

EK_TEST(truncation_leaves_a_shorter_packet)
{
        struct elko_drv_fault_config config = {.seed = 5};
        uint32_t seen[PACKET + 1] = {0};
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_TX].truncate_ppm = 1000000;
        bed = open_bed(&config);
        for (uint32_t i = 0; i < 5000; i++) {
                struct elko_packet got[4];

                send_numbered(&bed, bed.near);
                CHECK_EQ(elko_drv_rx(bed.far, got, 4), 1);
                CHECK(got[0].len >= 1 && got[0].len < PACKET);
                seen[got[0].len]++;
        }
        for (int i = 1; i < PACKET; i++)
                CHECK(seen[i] > 0);
        close_bed(&bed);
}

EK_TEST(more_held_packets_than_allowed_are_lost_and_counted)
{
        struct elko_drv_fault_config config = {.seed = 5, .hold_packets = 8};
        struct elko_packet got[64];
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_TX].delay_ns = ELKO_MS(1);
        bed = open_bed(&config);
        for (int i = 0; i < 20; i++)
                send_numbered(&bed, bed.near);
        CHECK_EQ(elko_drv_fault_stats_get(bed.near, ELKO_DRV_FAULT_TX)->overflow, 12);
        set_now(&bed, ELKO_MS(1));
        elko_drv_rx(bed.near, got, 64);
        CHECK_EQ(elko_drv_rx(bed.far, got, 64), 8);
        close_bed(&bed);
}

/* A caller with little room gets every duplicate, in the end. */
EK_TEST(duplicates_wait_when_the_caller_has_no_room)
{
        struct elko_drv_fault_config config = {.seed = 5};
        uint32_t count[11] = {0};
        struct elko_packet got[1];
        struct bed bed;

        config.dir[ELKO_DRV_FAULT_RX].duplicate_ppm = 1000000;
        bed = open_bed(&config);
        for (int i = 0; i < 10; i++)
                send_numbered(&bed, bed.far);
        for (int i = 0; i < 20; i++) {
                CHECK_EQ(elko_drv_rx(bed.near, got, 1), 1);
                count[number_of(&got[0])]++;
        }
        CHECK_EQ(elko_drv_rx(bed.near, got, 1), 0);
        for (int i = 1; i <= 10; i++)
                CHECK_EQ(count[i], 2);
        close_bed(&bed);
}

EK_TEST(faults_can_be_switched_at_run_time)
{
        struct elko_drv_fault_config config = {.seed = 5};
        struct elko_drv_fault_config_dir down = {.drop_ppm = 1000000}, up = {0};
        struct elko_packet got[4];
        struct bed bed = open_bed(&config);

        elko_drv_fault_set(bed.near, ELKO_DRV_FAULT_TX, &down);
        send_numbered(&bed, bed.near);
        CHECK_EQ(elko_drv_rx(bed.far, got, 4), 0);
        elko_drv_fault_set(bed.near, ELKO_DRV_FAULT_TX, &up);
        send_numbered(&bed, bed.near);
        CHECK_EQ(elko_drv_rx(bed.far, got, 4), 1);
        CHECK_EQ(number_of(&got[0]), 2);
        CHECK_EQ(elko_drv_fault_stats_get(bed.near, ELKO_DRV_FAULT_TX)->seen, 2);
        close_bed(&bed);
}

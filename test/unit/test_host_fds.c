/* SPDX-License-Identifier: MIT */
/*
 * The loop's descriptors: stale reports, regular files, and sleeping long enough.
 */

#include <errno.h>
#include <time.h>

#include "ek_test.h"
#include "host/fds.h"

EK_TEST_MAIN();

struct bed {
        struct elko_host_fds fds;
        int a[2], b[2]; /* pipes: read, write */
        int calls_a, calls_b;
};

static uint64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void open_bed(struct bed *bed)
{
        memset(bed, 0, sizeof(*bed));
        CHECK_EQ(elko_host_fds_init(&bed->fds), 0);
        CHECK_EQ(pipe(bed->a), 0);
        CHECK_EQ(pipe(bed->b), 0);
}

static void close_bed(struct bed *bed)
{
        elko_host_fds_free(&bed->fds);
        for (int i = 0; i < 2; i++) {
                close(bed->a[i]);
                close(bed->b[i]);
        }
}

static void on_a(void *ctx, int fd, uint32_t events)
{
        struct bed *bed = ctx;

        CHECK_EQ(fd, bed->a[0]);
        CHECK_EQ(events & EPOLLIN, EPOLLIN);
        bed->calls_a++;
}

static void on_b(void *ctx, int fd, uint32_t events)
{
        struct bed *bed = ctx;

        (void)fd;
        (void)events;
        bed->calls_b++;
}

EK_TEST(readiness_is_level_triggered_and_deletion_is_final)
{
        struct bed bed;

        open_bed(&bed);
        CHECK_EQ(elko_host_fds_add(&bed.fds, bed.a[0], EPOLLIN, on_a, &bed), 0);
        CHECK_EQ(elko_host_fds_add(&bed.fds, bed.a[0], EPOLLIN, on_a, &bed), -EEXIST);
        CHECK_EQ(write(bed.a[1], "x", 1), 1);
        for (int i = 0; i < 2; i++) {
                CHECK_EQ(elko_host_fds_wait(&bed.fds, ELKO_NEVER), 0);
                CHECK_EQ(elko_host_fds_run(&bed.fds), 1);
        }
        CHECK_EQ(bed.calls_a, 2);
        CHECK_EQ(elko_host_fds_set(&bed.fds, bed.a[0], 0), 0);
        CHECK_EQ(elko_host_fds_wait(&bed.fds, 0), 0);
        CHECK_EQ(elko_host_fds_run(&bed.fds), 0);
        CHECK_EQ(elko_host_fds_del(&bed.fds, bed.a[0]), 0);
        CHECK_EQ(elko_host_fds_del(&bed.fds, bed.a[0]), -ENOENT);
        CHECK_EQ(elko_host_fds_add(&bed.fds, -1, EPOLLIN, on_a, &bed), -EBADF);
        CHECK_EQ(elko_host_fds_add(&bed.fds, 900, EPOLLIN, on_a, &bed), -EBADF);
        close_bed(&bed);
}

/* The first callback of a batch forgets the other descriptor and registers it anew. */
static void on_a_replaces_b(void *ctx, int fd, uint32_t events)
{
        struct bed *bed = ctx;
        int other = fd == bed->a[0] ? bed->b[0] : bed->a[0];

        (void)events;
        bed->calls_a++;
        CHECK_EQ(elko_host_fds_del(&bed->fds, other), 0);
        CHECK_EQ(elko_host_fds_add(&bed->fds, other, EPOLLIN, on_b, bed), 0);
}

EK_TEST(a_report_about_an_earlier_registration_is_dropped)
{
        struct bed bed;

        open_bed(&bed);
        elko_host_fds_add(&bed.fds, bed.a[0], EPOLLIN, on_a_replaces_b, &bed);
        elko_host_fds_add(&bed.fds, bed.b[0], EPOLLIN, on_a_replaces_b, &bed);
        CHECK_EQ(write(bed.a[1], "x", 1), 1);
        CHECK_EQ(write(bed.b[1], "x", 1), 1);
        CHECK_EQ(elko_host_fds_wait(&bed.fds, ELKO_NEVER), 0);
        CHECK_EQ(bed.fds.ready_count, 2);
        CHECK_EQ(elko_host_fds_run(&bed.fds), 1);
        CHECK_EQ(bed.calls_a, 1);
        CHECK_EQ(bed.calls_b, 0);
        close_bed(&bed);
}

EK_TEST(a_regular_file_is_always_ready)
{
        FILE *file = tmpfile();
        struct bed bed;

        open_bed(&bed);
        CHECK(file != NULL);
        CHECK_EQ(elko_host_fds_add(&bed.fds, fileno(file), EPOLLIN, on_b, &bed), 0);
        CHECK_EQ(elko_host_fds_wait(&bed.fds, ELKO_NEVER), 0);
        CHECK_EQ(elko_host_fds_run(&bed.fds), 1);
        CHECK_EQ(elko_host_fds_set(&bed.fds, fileno(file), 0), 0);
        CHECK_EQ(bed.fds.always, 0);
        CHECK_EQ(elko_host_fds_set(&bed.fds, fileno(file), EPOLLIN), 0);
        CHECK_EQ(elko_host_fds_del(&bed.fds, fileno(file)), 0);
        CHECK_EQ(bed.fds.always, 0);
        CHECK_EQ(bed.calls_b, 1);
        fclose(file);
        close_bed(&bed);
}

EK_TEST(a_sleep_is_never_too_short)
{
        struct bed bed;

        open_bed(&bed);
        for (int i = 0; i < 20; i++) {
                uint64_t span = ELKO_US(100) * (uint64_t)i + 1, start = now_ns();

                bed.fds.no_pwait2 = i % 2 != 0; /* both ways to sleep */
                CHECK_EQ(elko_host_fds_wait(&bed.fds, span), 0);
                CHECK(now_ns() - start >= span);
        }
        close_bed(&bed);
}

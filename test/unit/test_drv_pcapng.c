/* SPDX-License-Identifier: MIT */
/*
 * pcapng files, read again block by block.
 */

#include <errno.h>

#include "drivers/mem.h"
#include "drivers/pcapng.h"
#include "ek_test.h"

EK_TEST_MAIN();

/* ---- a tiny reader: little or big endian as this machine is ---- */

struct block {
        uint32_t type, len;
        const uint8_t *body; /* behind type and length */
};

struct reader {
        char *bytes;
        size_t len, at;
};

static uint32_t u32(const uint8_t *p)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return v;
}

static uint16_t u16(const uint8_t *p)
{
        uint16_t v;

        memcpy(&v, p, sizeof(v));
        return v;
}

static bool next_block(struct reader *r, struct block *b)
{
        const uint8_t *p = (const uint8_t *)r->bytes + r->at;

        if (r->at == r->len)
                return false;
        CHECK(r->len - r->at >= 12);
        b->type = u32(p);
        b->len = u32(p + 4);
        b->body = p + 8;
        CHECK_EQ(b->len % 4, 0);
        CHECK(b->len <= r->len - r->at);
        CHECK_EQ(u32(p + b->len - 4), b->len);
        r->at += b->len;
        return true;
}

/* The value of an option; NULL: not there. The list must end with code 0, exactly at the end. */
static const uint8_t *option(const struct block *b, uint32_t fixed, uint16_t code, uint16_t *len)
{
        const uint8_t *p = b->body + fixed, *end = b->body + b->len - 12, *found = NULL;

        while (p < end && u16(p) != 0) {
                if (u16(p) == code) {
                        found = p + 4;
                        *len = u16(p + 2);
                }
                p += 4 + ((u16(p + 2) + 3u) & ~3u);
        }
        CHECK(p + 4 == end && u32(p) == 0);
        return found;
}

struct packet {
        uint32_t interface, kept, len, flags;
        uint64_t when;
        const uint8_t *data;
        char comment[256];
};

static void read_packet(struct reader *r, struct packet *p)
{
        const uint8_t *value;
        struct block b;
        uint16_t len = 0;
        uint32_t fixed;

        CHECK(next_block(r, &b));
        CHECK_EQ(b.type, 6);
        p->interface = u32(b.body);
        p->when = (uint64_t)u32(b.body + 4) << 32 | u32(b.body + 8);
        p->kept = u32(b.body + 12);
        p->len = u32(b.body + 16);
        p->data = b.body + 20;
        fixed = 20 + ((p->kept + 3) & ~3u);
        value = option(&b, fixed, 2, &len);
        CHECK(value != NULL && len == 4);
        p->flags = u32(value);
        value = option(&b, fixed, 1, &len);
        memset(p->comment, 0, sizeof(p->comment));
        if (value != NULL)
                memcpy(p->comment, value, len);
}

static void read_head(struct reader *r)
{
        struct block b;
        uint16_t len;

        CHECK(next_block(r, &b));
        CHECK_EQ(b.type, 0x0a0d0d0a);
        CHECK_EQ(u32(b.body), 0x1a2b3c4d);
        CHECK_EQ(u16(b.body + 4), 1);
        CHECK_EQ(u16(b.body + 6), 0);
        option(&b, 16, 0xffff, &len);
}

static void read_interface(struct reader *r, uint16_t linktype, uint32_t snaplen, const char *name)
{
        const uint8_t *value;
        struct block b;
        uint16_t len = 0;

        CHECK(next_block(r, &b));
        CHECK_EQ(b.type, 1);
        CHECK_EQ(u16(b.body), linktype);
        CHECK_EQ(u32(b.body + 4), snaplen);
        value = option(&b, 8, 9, &len);
        CHECK(value != NULL && len == 1 && value[0] == 9);
        value = option(&b, 8, 2, &len);
        CHECK(value != NULL && len == strlen(name) && memcmp(value, name, len) == 0);
}

/* ---- tests ---- */

static struct elko_frame frame_of(const char *text)
{
        uint32_t len = (uint32_t)strlen(text), half = len / 2;

        return (struct elko_frame){
                .part = {{(const uint8_t *)text, half}, {(const uint8_t *)text + half, len - half}},
                .parts = 2,
                .len = len,
        };
}

EK_TEST(the_wrapper_records_both_directions)
{
        struct elko_drv_pcapng_config config = {.epoch_ns = ELKO_SEC(1700000000)};
        struct elko_frame there = frame_of("a frame"), back = frame_of("answer");
        struct elko_drv_mem_config wire;
        struct reader r = {0};
        struct elko_drv *a, *b, *d;
        struct elko_packet got[4];
        struct packet p;
        FILE *f = open_memstream(&r.bytes, &r.len);

        elko_drv_mem_config_default(&wire);
        CHECK_EQ(elko_drv_mem_open(&wire, &a, &b, NULL), 0);
        d = elko_drv_pcapng_open(a, f, &config, NULL);
        CHECK(d != NULL);
        elko_drv_set_now(d, 123456789);
        elko_drv_pcapng_comment(d, "first");
        CHECK_EQ(elko_drv_tx(d, &there, 1), 1);
        CHECK_EQ(elko_drv_tx(b, &back, 1), 1);
        elko_drv_set_now(d, 223456789);
        CHECK_EQ(elko_drv_rx(d, got, 4), 1);
        CHECK_EQ(elko_drv_rx(b, got, 4), 1);
        CHECK_MEM_EQ(got[0].data, "a frame", 7);
        CHECK_EQ(d->counters.tx_packets, 1);
        CHECK_EQ(d->counters.rx_bytes, 6);
        elko_drv_close(d);
        elko_drv_close(b);

        read_head(&r);
        read_interface(&r, 101, 0, "mem0");
        read_packet(&r, &p);
        CHECK_EQ(p.when, ELKO_SEC(1700000000) + 123456789);
        CHECK_EQ(p.flags, 2);
        CHECK_EQ(p.kept, 7);
        CHECK_EQ(p.len, 7);
        CHECK_MEM_EQ(p.data, "a frame", 7);
        CHECK_STR_EQ(p.comment, "first");
        read_packet(&r, &p);
        CHECK_EQ(p.when, ELKO_SEC(1700000000) + 223456789);
        CHECK_EQ(p.flags, 1);
        CHECK_MEM_EQ(p.data, "answer", 6);
        CHECK_STR_EQ(p.comment, "");
        CHECK_EQ(r.at, r.len);
        free(r.bytes);
}

EK_TEST(snaplen_cuts_what_is_kept_and_not_what_is_said)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_ETHERNET, .name = "eth7"};
        struct elko_drv_pcapng_config config = {.snaplen = 5};
        struct elko_frame f = frame_of("0123456789");
        struct elko_drv_pcapng_writer *w;
        struct reader r = {0};
        struct packet p;
        FILE *file = open_memstream(&r.bytes, &r.len);

        w = elko_drv_pcapng_create(file, &config);
        CHECK(w != NULL);
        CHECK_EQ(elko_drv_pcapng_interface(w, &link), 0);
        CHECK_EQ(elko_drv_pcapng_interface(w, &link), 1);
        elko_drv_pcapng_frame(w, 1, 99, &f, NULL);
        CHECK_EQ(elko_drv_pcapng_destroy(w), 0);

        read_head(&r);
        read_interface(&r, 1, 5, "eth7");
        read_interface(&r, 1, 5, "eth7");
        read_packet(&r, &p);
        CHECK_EQ(p.interface, 1);
        CHECK_EQ(p.kept, 5);
        CHECK_EQ(p.len, 10);
        CHECK_MEM_EQ(p.data, "01234", 5);
        CHECK_EQ(r.at, r.len);
        free(r.bytes);
}

EK_TEST(offloads_are_told_in_the_flags)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .name = "x"};
        struct elko_frame f = frame_of("0123456789");
        struct elko_packet in = {
                .data = (const uint8_t *)"abc", .len = 3, .flags = ELKO_PACKET_CSUM_OK};
        struct elko_drv_pcapng_writer *w;
        struct reader r = {0};
        struct packet p;

        w = elko_drv_pcapng_create(open_memstream(&r.bytes, &r.len), NULL);
        elko_drv_pcapng_interface(w, &link);
        f.csum_start = 20;
        f.gso_size = 1460;
        elko_drv_pcapng_frame(w, 0, 1, &f, NULL);
        elko_drv_pcapng_packet(w, 0, 2, ELKO_DRV_PCAPNG_IN, &in, "grüße");
        CHECK_EQ(elko_drv_pcapng_destroy(w), 0);
        read_head(&r);
        read_interface(&r, 101, 0, "x");
        read_packet(&r, &p);
        CHECK_EQ(p.flags, 2 | 1 << 9 | 1 << 11);
        read_packet(&r, &p);
        CHECK_EQ(p.flags, 1 | 1 << 10);
        CHECK_STR_EQ(p.comment, "grüße");
        free(r.bytes);
}

static void on_error(void *ctx, const char *text)
{
        unsigned *calls = ctx;

        ++*calls;
        CHECK(strstr(text, "full.pcapng") != NULL);
        CHECK(strstr(text, strerror(ENOSPC)) != NULL);
}

EK_TEST(a_full_disk_is_reported_once_and_traffic_goes_on)
{
        unsigned calls = 0;
        struct elko_drv_pcapng_config config = {
                .name = "full.pcapng",
                .on_error = on_error,
                .ctx = &calls,
        };
        struct elko_frame f = frame_of("0123456789");
        struct elko_drv_mem_config wire;
        struct elko_drv *a, *b, *d;
        struct elko_packet got[64];
        FILE *full = fopen("/dev/full", "w");

        if (full == NULL)
                return;
        elko_drv_mem_config_default(&wire);
        CHECK_EQ(elko_drv_mem_open(&wire, &a, &b, NULL), 0);
        d = elko_drv_pcapng_open(a, full, &config, NULL);
        for (int i = 0; i < 5; i++) {
                elko_drv_set_now(d, ELKO_SEC((uint64_t)i * 10));
                CHECK_EQ(elko_drv_tx(d, &f, 1), 1);
        }
        CHECK_EQ(elko_drv_rx(b, got, 64), 5);
        elko_drv_close(d);
        elko_drv_close(b);
        CHECK_EQ(calls, 1);
}

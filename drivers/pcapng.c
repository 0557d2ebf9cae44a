/* SPDX-License-Identifier: MIT */
/*
 * pcapng: a section header, a description of each interface, then one Enhanced Packet Block for
 * each packet (draft-ietf-opsawg-pcapng, 4.1 to 4.3).
 *
 * A block is  type, length, body, length again;  everything is padded to 32 bits and written in the
 * byte order of this machine, which the reader learns from the section header's magic. An option is
 * code, length, value; the list ends with code 0. Blocks go through stdio's buffer, which is
 * flushed once a second of `now`, so that a reader who follows the file sees something, and at the
 * end.
 *
 * The first write that fails is the last one: the capture is then short but every earlier block is
 * whole. One sentence says so; the traffic doesn't suffer.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/pcapng.h"

enum {
        BLOCK_SECTION = 0x0a0d0d0a,
        BLOCK_INTERFACE = 1,
        BLOCK_PACKET = 6,
        BYTE_ORDER_MAGIC = 0x1a2b3c4d,

        OPT_END = 0,
        OPT_COMMENT = 1,
        OPT_SHB_USERAPPL = 4,
        OPT_IF_NAME = 2,
        OPT_IF_MACADDR = 6,
        OPT_IF_TSRESOL = 9,
        OPT_EPB_FLAGS = 2,

        LINKTYPE_ETHERNET = 1,
        LINKTYPE_RAW = 101,

        TSRESOL_NS = 9, /* 10^-9 s */
        COMMENT_MAX = 255,
};

/* epb_flags, 4.3.1 */
enum {
        FLAG_IN = 1u << 0,
        FLAG_OUT = 1u << 1,
        FLAG_CSUM_NOT_READY = 1u << 9,
        FLAG_CSUM_VALID = 1u << 10,
        FLAG_TSO = 1u << 11,
};

struct elko_drv_pcapng_writer {
        FILE *file;
        struct elko_drv_pcapng_config config;
        uint32_t interfaces;
        uint64_t flush_at;
        int error; /* errno of the first failure; 0: none */
};

struct pcapng {
        struct elko_drv drv; /* first */
        struct elko_drv *inner;
        struct elko_drv_pcapng_writer *writer;
        bool own_writer;
        uint32_t interface;
        uint64_t now;
        char comment[COMMENT_MAX + 1]; /* for the next packet; "" none */
};

/* ---- bytes ---- */

static void fail(struct elko_drv_pcapng_writer *w)
{
        char text[256];

        w->error = errno != 0 ? errno : EIO;
        snprintf(text, sizeof(text), "pcapng: writing %s: %s; the recording stops here",
                 w->config.name != NULL ? w->config.name : "capture", strerror(w->error));
        if (w->config.on_error != NULL)
                w->config.on_error(w->config.ctx, text);
        else
                fprintf(stderr, "elko: %s\n", text);
}

static void put(struct elko_drv_pcapng_writer *w, const void *bytes, size_t len)
{
        if (w->error != 0 || len == 0)
                return;
        errno = 0;
        if (fwrite(bytes, 1, len, w->file) != len)
                fail(w);
}

static void flush(struct elko_drv_pcapng_writer *w)
{
        errno = 0;
        if (w->error == 0 && fflush(w->file) != 0)
                fail(w);
}

static void put_u16(struct elko_drv_pcapng_writer *w, uint16_t v)
{
        put(w, &v, sizeof(v));
}

static void put_u32(struct elko_drv_pcapng_writer *w, uint32_t v)
{
        put(w, &v, sizeof(v));
}

static uint32_t padded(uint32_t len)
{
        return (len + 3) & ~UINT32_C(3);
}

static void put_padding(struct elko_drv_pcapng_writer *w, uint32_t len)
{
        static const uint8_t zeros[4];

        put(w, zeros, padded(len) - len);
}

/* ---- options ---- */

static uint32_t option_bytes(uint32_t len)
{
        return 4 + padded(len);
}

static void put_option(struct elko_drv_pcapng_writer *w, uint16_t code, const void *value,
                       uint32_t len)
{
        put_u16(w, code);
        put_u16(w, (uint16_t)len);
        put(w, value, len);
        put_padding(w, len);
}

/* ---- blocks ---- */

static void put_section(struct elko_drv_pcapng_writer *w)
{
        static const char app[] = "elko";
        uint32_t len = 28 + option_bytes(sizeof(app) - 1) + option_bytes(0);

        put_u32(w, BLOCK_SECTION);
        put_u32(w, len);
        put_u32(w, BYTE_ORDER_MAGIC);
        put_u16(w, 1); /* major, minor version */
        put_u16(w, 0);
        put_u32(w, UINT32_MAX); /* length of the section: not known */
        put_u32(w, UINT32_MAX);
        put_option(w, OPT_SHB_USERAPPL, app, sizeof(app) - 1);
        put_option(w, OPT_END, NULL, 0);
        put_u32(w, len);
}

uint32_t elko_drv_pcapng_interface(struct elko_drv_pcapng_writer *w,
                                   const struct elko_link_config *link)
{
        bool ethernet = link->medium == ELKO_MEDIUM_ETHERNET;
        uint8_t resolution = TSRESOL_NS;
        uint32_t name = (uint32_t)strnlen(link->name, sizeof(link->name));
        uint32_t len = 20 + option_bytes(name) + option_bytes(1) + option_bytes(0) +
                       (ethernet ? option_bytes(ELKO_MAC_BYTES) : 0);

        put_u32(w, BLOCK_INTERFACE);
        put_u32(w, len);
        put_u16(w, ethernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW);
        put_u16(w, 0);
        put_u32(w, w->config.snaplen); /* 0: no limit */
        put_option(w, OPT_IF_NAME, link->name, name);
        if (ethernet)
                put_option(w, OPT_IF_MACADDR, link->mac, ELKO_MAC_BYTES);
        put_option(w, OPT_IF_TSRESOL, &resolution, 1);
        put_option(w, OPT_END, NULL, 0);
        put_u32(w, len);
        return w->interfaces++;
}

/* What stands in front of the packet's bytes; returns the length of the block. */
static uint32_t put_packet_head(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t when,
                                uint32_t kept, uint32_t len, uint32_t comment)
{
        uint32_t block = 32 + padded(kept) + option_bytes(4) + option_bytes(0) +
                         (comment > 0 ? option_bytes(comment) : 0);

        put_u32(w, BLOCK_PACKET);
        put_u32(w, block);
        put_u32(w, interface);
        put_u32(w, (uint32_t)(when >> 32));
        put_u32(w, (uint32_t)when);
        put_u32(w, kept);
        put_u32(w, len);
        return block;
}

static void put_slices(struct elko_drv_pcapng_writer *w, const struct elko_frame *f, uint32_t kept)
{
        for (uint32_t i = 0; i < f->parts && kept > 0; i++) {
                uint32_t len = f->part[i].len < kept ? f->part[i].len : kept;

                put(w, f->part[i].data, len);
                kept -= len;
        }
}

static void put_packet(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t now,
                       uint32_t flags, const struct elko_frame *f, const char *comment)
{
        uint32_t snaplen = w->config.snaplen;
        uint32_t kept = snaplen != 0 && f->len > snaplen ? snaplen : f->len;
        uint32_t comment_len = comment != NULL ? (uint32_t)strnlen(comment, COMMENT_MAX) : 0;
        uint32_t block;

        if (w->error != 0)
                return;
        block = put_packet_head(w, interface, now + w->config.epoch_ns, kept, f->len, comment_len);
        put_slices(w, f, kept);
        put_padding(w, kept);
        if (comment_len > 0)
                put_option(w, OPT_COMMENT, comment, comment_len);
        put_option(w, OPT_EPB_FLAGS, &flags, sizeof(flags));
        put_option(w, OPT_END, NULL, 0);
        put_u32(w, block);
        if (now >= w->flush_at) {
                flush(w);
                w->flush_at = now + ELKO_SEC(1);
        }
}

/* ---- the writer ---- */

uint64_t elko_drv_pcapng_epoch(void)
{
        struct timespec wall, mono;

        clock_gettime(CLOCK_REALTIME, &wall);
        clock_gettime(CLOCK_MONOTONIC, &mono);
        return ELKO_SEC(wall.tv_sec) + (uint64_t)wall.tv_nsec -
               (ELKO_SEC(mono.tv_sec) + (uint64_t)mono.tv_nsec);
}

struct elko_drv_pcapng_writer *elko_drv_pcapng_create(FILE *file,
                                                      const struct elko_drv_pcapng_config *config)
{
        struct elko_drv_pcapng_writer *w = calloc(1, sizeof(*w));

        if (w == NULL)
                return NULL;
        w->file = file;
        if (config != NULL)
                w->config = *config;
        put_section(w);
        return w;
}

void elko_drv_pcapng_frame(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t now,
                           const struct elko_frame *f, const char *comment)
{
        uint32_t flags = FLAG_OUT;

        if (f->csum_start != 0)
                flags |= FLAG_CSUM_NOT_READY;
        if (f->gso_size != 0)
                flags |= FLAG_TSO;
        put_packet(w, interface, now, flags, f, comment);
}

void elko_drv_pcapng_packet(struct elko_drv_pcapng_writer *w, uint32_t interface, uint64_t now,
                            enum elko_drv_pcapng_dir dir, const struct elko_packet *p,
                            const char *comment)
{
        struct elko_frame f = {.part = {{p->data, p->len}}, .parts = 1, .len = p->len};
        uint32_t flags = 0;

        if (dir == ELKO_DRV_PCAPNG_IN)
                flags = FLAG_IN;
        else if (dir == ELKO_DRV_PCAPNG_OUT)
                flags = FLAG_OUT;
        if ((p->flags & ELKO_PACKET_CSUM_OK) != 0)
                flags |= FLAG_CSUM_VALID;
        put_packet(w, interface, now, flags, &f, comment);
}

int elko_drv_pcapng_destroy(struct elko_drv_pcapng_writer *w)
{
        int error;

        if (w == NULL)
                return 0;
        flush(w);
        errno = 0;
        if (!w->config.keep_open && fclose(w->file) != 0 && w->error == 0)
                fail(w);
        error = w->error;
        free(w);
        return -error;
}

/* ---- the wrapper ---- */

static struct pcapng *pcapng_of(struct elko_drv *d)
{
        return (struct pcapng *)d;
}

/* The comment for this packet, which it uses up; NULL: none. */
static const char *take_comment(struct pcapng *p, char *buf)
{
        if (p->comment[0] == '\0')
                return NULL;
        memcpy(buf, p->comment, sizeof(p->comment));
        p->comment[0] = '\0';
        return buf;
}

static int pcapng_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        struct pcapng *p = pcapng_of(d);
        char comment[COMMENT_MAX + 1];
        int n = elko_drv_rx(p->inner, out, max);

        for (int i = 0; i < n; i++) {
                elko_drv_pcapng_packet(p->writer, p->interface, p->now, ELKO_DRV_PCAPNG_IN, &out[i],
                                       take_comment(p, comment));
                d->counters.rx_packets++;
                d->counters.rx_bytes += out[i].len;
        }
        return n;
}

static int pcapng_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        struct pcapng *p = pcapng_of(d);
        char comment[COMMENT_MAX + 1];
        int taken = elko_drv_tx(p->inner, f, n);

        for (int i = 0; i < taken; i++) {
                elko_drv_pcapng_frame(p->writer, p->interface, p->now, &f[i],
                                      take_comment(p, comment));
                d->counters.tx_packets++;
                d->counters.tx_bytes += f[i].len;
        }
        return taken;
}

static size_t pcapng_tx_room(struct elko_drv *d)
{
        return elko_drv_tx_room(pcapng_of(d)->inner);
}

static int pcapng_poll_fd(struct elko_drv *d)
{
        return elko_drv_poll_fd(pcapng_of(d)->inner);
}

static uint64_t pcapng_next_deadline(struct elko_drv *d)
{
        return elko_drv_next_deadline(pcapng_of(d)->inner);
}

static void pcapng_set_now(struct elko_drv *d, uint64_t now)
{
        pcapng_of(d)->now = now;
        elko_drv_set_now(pcapng_of(d)->inner, now);
}

static void pcapng_close(struct elko_drv *d)
{
        struct pcapng *p = pcapng_of(d);

        elko_drv_close(p->inner);
        if (p->own_writer)
                elko_drv_pcapng_destroy(p->writer);
        free(p);
}

static const struct elko_drv_ops pcapng_ops = {
        .name = "pcapng",
        .rx = pcapng_rx,
        .tx = pcapng_tx,
        .tx_room = pcapng_tx_room,
        .poll_fd = pcapng_poll_fd,
        .next_deadline = pcapng_next_deadline,
        .set_now = pcapng_set_now,
        .close = pcapng_close,
};

struct elko_drv *elko_drv_pcapng_shared(struct elko_drv *inner, struct elko_drv_pcapng_writer *w,
                                        struct elko_drv_why *why)
{
        struct pcapng *p = calloc(1, sizeof(*p));

        if (p == NULL) {
                elko_drv_close(inner);
                elko_drv_fail(why, ENOMEM, "pcapng: no memory for the wrapper");
                return NULL;
        }
        p->drv.ops = &pcapng_ops;
        p->drv.link = inner->link;
        p->inner = inner;
        p->writer = w;
        p->interface = elko_drv_pcapng_interface(w, &inner->link);
        return &p->drv;
}

struct elko_drv *elko_drv_pcapng_open(struct elko_drv *inner, FILE *file,
                                      const struct elko_drv_pcapng_config *config,
                                      struct elko_drv_why *why)
{
        struct elko_drv_pcapng_writer *w = elko_drv_pcapng_create(file, config);
        struct elko_drv *d;

        if (w == NULL) {
                elko_drv_close(inner);
                if (config == NULL || !config->keep_open)
                        fclose(file);
                elko_drv_fail(why, ENOMEM, "pcapng: no memory for the writer");
                return NULL;
        }
        d = elko_drv_pcapng_shared(inner, w, why);
        if (d == NULL)
                elko_drv_pcapng_destroy(w);
        else
                pcapng_of(d)->own_writer = true;
        return d;
}

struct elko_drv *elko_drv_pcapng(struct elko_drv *inner, FILE *file)
{
        struct elko_drv_pcapng_config config = {.epoch_ns = elko_drv_pcapng_epoch()};

        return elko_drv_pcapng_open(inner, file, &config, NULL);
}

void elko_drv_pcapng_comment(struct elko_drv *d, const char *text)
{
        struct pcapng *p = pcapng_of(d);

        snprintf(p->comment, sizeof(p->comment), "%s", text);
}

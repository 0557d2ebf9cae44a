/* SPDX-License-Identifier: MIT */
/*
 * Reading pcap and pcapng.
 *
 * Theory: a pcap file is a header of 24 bytes and records of 16 bytes plus data; its magic number tells the
 * byte order and the unit of time. A pcapng file is a list of blocks, each with its length in front and
 * behind; a Section Header gives the byte order, an Interface Description the link type and the unit of
 * time (if_tsresol), an Enhanced Packet the data, and in epb_flags the direction. Everything that is in
 * front of the IP header is skipped here.
 */
#include <stdlib.h>
#include <string.h>

#include "monitor_capture.h"

enum {
        BLOCK_MAX = 1 << 20,
        INTERFACES = 64,
        LINK_NULL = 0,
        LINK_ETHERNET = 1,
        LINK_RAW_OLD = 12,
        LINK_RAW = 101,
        LINK_SLL = 113,
        LINK_IPV4 = 228,
        LINK_IPV6 = 229,
        LINK_SLL2 = 276,
};

struct interface {
        uint16_t link;
        uint64_t unit_div; /* units of time in a second; 0: nanoseconds */
};

struct reader {
        FILE *f;
        sim_capture_fn *fn;
        void *ctx;
        char *why;
        size_t why_len;
        bool big;
        uint8_t *block;
        struct interface interface[INTERFACES];
        unsigned interfaces;
        uint64_t number;
};

static bool fail(struct reader *r, const char *what)
{
        snprintf(r->why, r->why_len, "%s (after packet %llu)", what, (unsigned long long)r->number);
        return false;
}

static uint16_t get16(const struct reader *r, const uint8_t *p)
{
        return (uint16_t)(r->big ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static uint32_t get32(const struct reader *r, const uint8_t *p)
{
        return r->big ? (uint32_t)get16(r, p) << 16 | get16(r, p + 2)
                      : (uint32_t)get16(r, p + 2) << 16 | get16(r, p);
}

/* Bytes in front of the IP header, and the direction where the link layer tells it; SIZE_MAX: no IP. */
static size_t link_header(unsigned link, const uint8_t *p, size_t len, enum sim_capture_dir *dir)
{
        size_t at = 14;

        switch (link) {
        case LINK_RAW:
        case LINK_RAW_OLD:
        case LINK_IPV4:
        case LINK_IPV6: return 0;
        case LINK_NULL: return 4;
        case LINK_ETHERNET:
                while (len >= at + 4 && (p[at - 2] << 8 | p[at - 1]) == 0x8100)
                        at += 4;
                if (len < at)
                        return SIZE_MAX;
                if ((p[at - 2] << 8 | p[at - 1]) == 0x0800 ||
                    (p[at - 2] << 8 | p[at - 1]) == 0x86dd)
                        return at;
                return SIZE_MAX;
        case LINK_SLL:
                if (len < 16)
                        return SIZE_MAX;
                if (*dir == SIM_CAPTURE_UNKNOWN)
                        *dir = p[1] == 4 ? SIM_CAPTURE_OUT : SIM_CAPTURE_IN;
                return 16;
        case LINK_SLL2:
                if (len < 20)
                        return SIZE_MAX;
                if (*dir == SIM_CAPTURE_UNKNOWN)
                        *dir = p[10] == 4 ? SIM_CAPTURE_OUT : SIM_CAPTURE_IN;
                return 20;
        default: return SIZE_MAX;
        }
}

static void pass_on(struct reader *r, unsigned interface, uint64_t now, enum sim_capture_dir dir,
                    const uint8_t *p, size_t len, size_t whole)
{
        struct sim_capture_packet out = {.number = ++r->number,
                                         .now = now,
                                         .interface = interface,
                                         .dir = dir,
                                         .cut = len < whole};
        size_t at = link_header(r->interface[interface].link, p, len, &out.dir);

        if (at < len && (p[at] >> 4 == 4 || p[at] >> 4 == 6)) {
                out.data = p + at;
                out.len = len - at;
        }
        r->fn(r->ctx, &out);
}

/* ---- pcap ---- */

static bool read_pcap(struct reader *r, const uint8_t magic[4])
{
        bool nano = magic[0] == 0x4d || magic[3] == 0x4d;
        uint8_t h[24];

        r->big = magic[0] == 0xa1;
        if (fread(h + 4, 1, 20, r->f) != 20)
                return fail(r, "the file header is not complete");
        r->interfaces = 1;
        r->interface[0].link = (uint16_t)(get32(r, h + 20) & 0xffff);
        while (fread(h, 1, 16, r->f) == 16) {
                uint64_t now =
                        get32(r, h) * 1000000000ull + get32(r, h + 4) * (nano ? 1ull : 1000ull);
                uint32_t len = get32(r, h + 8);

                if (len > BLOCK_MAX)
                        return fail(r, "a record is longer than 1 MiB");
                if (fread(r->block, 1, len, r->f) != len)
                        return fail(r, "the file ends inside of a record");
                pass_on(r, 0, now, SIM_CAPTURE_UNKNOWN, r->block, len, get32(r, h + 12));
        }
        return true;
}

/* ---- pcapng ---- */

/* Walk the options in [p, end) for one code; NULL: not there. */
static const uint8_t *option(const struct reader *r, const uint8_t *p, const uint8_t *end,
                             unsigned code, unsigned min)
{
        while (end - p >= 4) {
                unsigned c = get16(r, p), len = get16(r, p + 2);

                if (c == 0 || (size_t)(end - p) < 4u + len)
                        return NULL;
                if (c == code && len >= min)
                        return p + 4;
                p += 4 + (len + 3) / 4 * 4;
                if (p > end)
                        return NULL;
        }
        return NULL;
}

static bool interface_block(struct reader *r, const uint8_t *p, size_t len)
{
        struct interface *i = &r->interface[r->interfaces];
        const uint8_t *resolution;

        if (len < 8 || r->interfaces == INTERFACES)
                return fail(r, "an interface description is too short, or there are more than 64");
        r->interfaces++;
        i->link = get16(r, p);
        i->unit_div = 1000000;
        resolution = option(r, p + 8, p + len, 9, 1);
        if (resolution != NULL) {
                unsigned power = *resolution & 0x7f;

                if (*resolution & 0x80) {
                        i->unit_div = power < 64 ? 1ull << power : 0;
                } else {
                        i->unit_div = 1;
                        for (unsigned n = 0; n < power && n < 19; n++)
                                i->unit_div *= 10;
                }
        }
        return true;
}

static bool packet_block(struct reader *r, const uint8_t *p, size_t len)
{
        uint32_t interface, caught;
        const struct interface *i;
        const uint8_t *flags;
        unsigned __int128 t;
        enum sim_capture_dir dir = SIM_CAPTURE_UNKNOWN;

        if (len < 20)
                return fail(r, "a packet block is too short");
        interface = get32(r, p);
        caught = get32(r, p + 12);
        if (interface >= r->interfaces || caught > len - 20)
                return fail(r, "a packet block names no interface, or runs out of its block");
        i = &r->interface[interface];
        t = (uint64_t)get32(r, p + 4) << 32 | get32(r, p + 8);
        if (i->unit_div != 0)
                t = t * 1000000000u / i->unit_div;
        if (len >= 20 + (caught + 3) / 4 * 4) {
                flags = option(r, p + 20 + (caught + 3) / 4 * 4, p + len, 2, 4);
                if (flags != NULL)
                        dir = (get32(r, flags) & 3) == 1   ? SIM_CAPTURE_IN
                              : (get32(r, flags) & 3) == 2 ? SIM_CAPTURE_OUT
                                                           : SIM_CAPTURE_UNKNOWN;
        }
        pass_on(r, interface, (uint64_t)t, dir, p + 20, caught, get32(r, p + 16));
        return true;
}

static bool section(struct reader *r, const uint8_t magic[4])
{
        if (magic[0] == 0x1a)
                r->big = true;
        else if (magic[0] == 0x4d)
                r->big = false;
        else
                return fail(r, "the byte-order magic of a section is wrong");
        r->interfaces = 0;
        return true;
}

static bool read_pcapng(struct reader *r)
{
        uint8_t h[12] = {0x0a, 0x0d, 0x0d, 0x0a};
        bool first = true;

        for (;;) {
                uint32_t type, len, got = 8;

                if (!first && fread(h, 1, 4, r->f) != 4)
                        return true;
                if (fread(h + 4, 1, 4, r->f) != 4)
                        return fail(r, "the file ends inside of a block");
                first = false;
                type = get32(r, h);
                if (type == 0x0a0d0d0a) {
                        if (fread(h + 8, 1, 4, r->f) != 4 || !section(r, h + 8))
                                return fail(r, "a section header is wrong");
                        got = 12;
                }
                len = get32(r, h + 4);
                if (len < got + 4 || len % 4 != 0 || len > BLOCK_MAX)
                        return fail(r, "the length of a block is wrong, or above 1 MiB");
                len -= got;
                if (fread(r->block, 1, len, r->f) != len)
                        return fail(r, "the file ends inside of a block");
                if (type == 1 && !interface_block(r, r->block, len - 4))
                        return false;
                if (type == 6 && !packet_block(r, r->block, len - 4))
                        return false;
        }
}

bool sim_capture_read(FILE *f, sim_capture_fn *fn, void *ctx, char *why, size_t why_len)
{
        struct reader r = {.f = f, .fn = fn, .ctx = ctx, .why = why, .why_len = why_len};
        uint8_t magic[4];
        bool ok;

        if (fread(magic, 1, 4, f) != 4)
                return fail(&r, "the file is empty");
        r.block = malloc(BLOCK_MAX);
        if (r.block == NULL)
                return fail(&r, "out of memory");
        if (memcmp(magic, "\x0a\x0d\x0d\x0a", 4) == 0)
                ok = read_pcapng(&r);
        else if (memcmp(magic, "\xa1\xb2\xc3\xd4", 4) == 0 ||
                 memcmp(magic, "\xd4\xc3\xb2\xa1", 4) == 0 ||
                 memcmp(magic, "\xa1\xb2\x3c\x4d", 4) == 0 ||
                 memcmp(magic, "\x4d\x3c\xb2\xa1", 4) == 0)
                ok = read_pcap(&r, magic);
        else
                ok = fail(&r, "this is neither pcap nor pcapng");
        free(r.block);
        return ok;
}

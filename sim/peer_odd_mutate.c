/* SPDX-License-Identifier: MIT */
/*
 * Illegal mode: one to three fields of a right packet are made wrong (RELIABILITY: C4, E1).
 *
 * Most stacks' memory bugs need one or two wrong fields in a packet that is otherwise right and comes in the
 * right state; so the packet is a real one of a living connection, and the checksums are made right
 * afterwards unless the checksum is the field. Values are taken from the edges of each field's range more
 * often than from its middle.
 */
#include "peer_odd_conn.h"

#include <string.h>

static void set16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Near, far, or anything. */
static void mutate32(struct sim_rng *r, uint8_t *p)
{
        static const uint32_t step[] = {1,       2,          0xffffffff, 0xfffffffe,
                                        0x10000, 0x7fffffff, 0x80000000, 1460};
        uint32_t v = get32(p);

        switch (sim_rng_below(r, 4)) {
        case 0:
        case 1: v += step[sim_rng_below(r, sizeof(step) / sizeof(step[0]))]; break;
        case 2: v = step[sim_rng_below(r, sizeof(step) / sizeof(step[0]))] - 1; break;
        default: v = (uint32_t)sim_rng_u64(r); break;
        }
        set16(p, v >> 16);
        set16(p + 2, v & 0xffff);
}

static void mutate16(struct sim_rng *r, uint8_t *p)
{
        static const uint16_t edge[] = {0,  1,  7,    19,     20,     39,     40,
                                        47, 48, 1460, 0x7fff, 0x8000, 0xfffe, 0xffff};

        set16(p, sim_rng_chance(r, 700000) ? edge[sim_rng_below(r, sizeof(edge) / sizeof(edge[0]))]
                                           : (uint16_t)sim_rng_u64(r));
}

static void mutate8(struct sim_rng *r, uint8_t *p)
{
        static const uint8_t edge[] = {0,  1,  2,  3,  4,    5,    8,   10, 11,
                                       14, 15, 34, 40, 0x7f, 0x80, 254, 255};

        *p = sim_rng_chance(r, 700000) ? edge[sim_rng_below(r, sizeof(edge))]
                                       : (uint8_t)sim_rng_u64(r);
}

/* A byte of the options, or, where there are none, a header that claims some. */
static void mutate_options(struct sim_rng *r, uint8_t *t, size_t n)
{
        size_t doff = (size_t)(t[12] >> 4) * 4;

        if (doff > PKT_TCP_HEADER && doff <= n)
                mutate8(r, t + PKT_TCP_HEADER + sim_rng_below(r, doff - PKT_TCP_HEADER));
        else
                t[12] = (uint8_t)(sim_rng_range(r, 6, 15) << 4 | (t[12] & 15));
}

/* Sets *keep when the checksums shall stay as they are. */
static void mutate_tcp(struct sim_rng *r, uint8_t *t, size_t n, bool *keep)
{
        switch (sim_rng_below(r, 10)) {
        case 0: t[13] = (uint8_t)sim_rng_u64(r); break;
        case 1: t[13] ^= (uint8_t)(1u << sim_rng_below(r, 8)); break;
        case 2: mutate32(r, t + 4); break;
        case 3: mutate32(r, t + 8); break;
        case 4: t[12] = (uint8_t)(sim_rng_below(r, 16) << 4 | (t[12] & 15)); break;
        case 5:
        case 6: mutate_options(r, t, n); break;
        case 7: mutate16(r, t + 14); break;
        case 8:
                mutate16(r, t + 16);
                *keep = true;
                break;
        default:
                t[13] |= ELKO_URG;
                mutate16(r, t + 18);
                break;
        }
}

/* A field of the IP header: version and IHL, lengths, fragments, protocol. */
static void mutate_ip(struct sim_rng *r, uint8_t *p)
{
        bool v4 = p[0] >> 4 == 4;

        switch (sim_rng_below(r, 4)) {
        case 0: mutate8(r, p); break;
        case 1: mutate16(r, p + (v4 ? 2 : 4)); break;
        case 2:
                mutate16(r, p + 6); /* fragment field, or next header and hop limit */
                break;
        default: mutate8(r, p + (v4 ? 9 : 6)); break;
        }
}

size_t podd_mutate(struct sim_rng *rng, uint8_t *packet, size_t n, size_t room)
{
        uint8_t protocol;
        size_t off = pkt_transport_offset(packet, n, &protocol);
        bool keep = false;

        for (uint64_t fields = sim_rng_range(rng, 1, 3); fields > 0; fields--) {
                switch (sim_rng_below(rng, 8)) {
                case 0:
                        if (n > off + 1) /* cut; the lengths are wrong then */
                                n = off + sim_rng_below(rng, n - off);
                        break;
                case 1:
                        if (n + 8 <= room)
                                memset(packet + n, 0xaa, 8);
                        n += n + 8 <= room ? 8 : 0;
                        break;
                case 2: mutate_ip(rng, packet); break;
                default:
                        if (n >= off + PKT_TCP_HEADER)
                                mutate_tcp(rng, packet + off, n - off, &keep);
                        break;
                }
        }
        if (!keep)
                pkt_fix_checksums(packet, n);
        return n;
}

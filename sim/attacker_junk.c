/* SPDX-License-Identifier: MIT */
/*
 * Packets that are no segments of a connection, or not whole ones: ICMP errors, fragments, martians,
 * garbage (RELIABILITY: A1-13, A1-22, A2, A3-11 to A3-13).
 */
#include "attacker_conn.h"

#include <string.h>

static uint32_t any(struct attacker *a)
{
        return (uint32_t)sim_rng_u64(&a->rng);
}

/* A node to aim at: an address of its, of either family. */
static elko_ip somebody(struct attacker *a)
{
        unsigned node = 0;

        for (unsigned try = 0; try < 20; try++) {
                node = (unsigned)sim_rng_below(&a->rng, SIM_NODES);
                if (atk_is_victim(a, (int)node))
                        break;
        }
        return sim_address(node, any(a) % 2 != 0);
}

/* An error about a segment that the victim could have sent; the blind guess its sequence number. */
static bool icmp_error(struct attacker *a, enum attacker_bit kind)
{
        static const uint16_t mtu[] = {0,   1,    67,   68,   295,  296,  551,  552,
                                       576, 1279, 1280, 1400, 1500, 9000, 65535};
        unsigned victim;
        struct atk_flow *f = atk_pick(a, &victim);
        uint8_t quoted[120];
        struct pkt q = {.flags = ELKO_ACK, .window = 100};
        elko_ip from;
        bool v4;
        size_t n;

        if (f == NULL)
                return false;
        q.src = f->end[victim].at;
        q.dst = f->end[1 - victim].at;
        q.seq = any(a);
        q.ack = any(a);
        n = pkt_build(&q, quoted, sizeof(quoted));
        v4 = elko_ip_is_v4(&q.src.ip);
        from = any(a) % 2 ? q.dst.ip : sim_address((unsigned)a->number, !v4);
        if (kind == ATTACKER_BIT_ICMP_PTB) {
                n = pkt_icmp_error(&from, &q.src.ip, v4 ? 3 : 2, v4 ? 4 : 0,
                                   mtu[sim_rng_below(&a->rng, sizeof(mtu) / sizeof(mtu[0]))],
                                   quoted, n, a->buf, sizeof(a->buf));
        } else {
                uint8_t type = v4 ? (uint8_t)sim_rng_below(&a->rng, 19)
                                  : (uint8_t)sim_rng_below(&a->rng, 6);

                if (any(a) % 8 == 0)
                        type = (uint8_t)any(a);
                if (any(a) % 6 == 0) /* the quoted packet is cut, or lies about its header */
                        n = sim_rng_below(&a->rng, n);
                else if (any(a) % 6 == 0)
                        quoted[0] = (uint8_t)any(a);
                n = pkt_icmp_error(&from, &q.src.ip, type, (uint8_t)sim_rng_below(&a->rng, 17),
                                   any(a), quoted, n, a->buf, sizeof(a->buf));
        }
        atk_send(a, kind, a->buf, n);
        return true;
}

/* A piece of something: IPv4's fragment field, or IPv6's fragment header (RFC 8200, 4.5). */
static bool fragment(struct attacker *a)
{
        static const uint16_t at[] = {0, 1, 2, 8, 100, 8190, 8191};
        elko_ip to = somebody(a), from = sim_address((unsigned)a->number, !elko_ip_is_v4(&to));
        uint32_t off = at[sim_rng_below(&a->rng, sizeof(at) / sizeof(at[0]))], more = any(a) % 2;
        size_t len = sim_rng_log(&a->rng, 1, 1400), n;
        bool v4 = elko_ip_is_v4(&to);

        memset(a->payload, 0x46, len);
        if (!v4) {
                uint16_t field = (uint16_t)(off << 3 | more);

                len = len < 8 ? 8 : len;
                a->payload[0] = PKT_TCP;
                a->payload[1] = 0;
                a->payload[2] = (uint8_t)(field >> 8);
                a->payload[3] = (uint8_t)field;
                memset(a->payload + 4, (int)(any(a) % 4), 4);
        }
        n = pkt_ip(&from, &to, v4 ? PKT_TCP : 44, a->payload, len, a->buf, sizeof(a->buf));
        if (v4) {
                a->buf[4] = 0;
                a->buf[5] = (uint8_t)(any(a) % 4);
                a->buf[6] = (uint8_t)(more << 5 | off >> 8);
                a->buf[7] = (uint8_t)off;
                pkt_fix_checksums(a->buf, n);
        }
        atk_send(a, ATTACKER_BIT_FRAGMENTS, a->buf, n);
        return true;
}

static bool martian(struct attacker *a)
{
        static const uint8_t bad4[][4] = {
                {0, 0, 0, 0},   {127, 0, 0, 1},  {224, 0, 0, 1}, {255, 255, 255, 255},
                {240, 1, 2, 3}, {10, 0, 0, 255}, {0, 1, 2, 3},   {239, 255, 255, 250}};
        struct pkt s = {.seq = any(a), .window = 100, .flags = any(a) % 3 ? ELKO_SYN : ELKO_ACK};

        if (a->listeners == 0)
                return false;
        s.dst = a->listener[sim_rng_below(&a->rng, a->listeners)];
        s.src.port = (uint16_t)any(a);
        if (elko_ip_is_v4(&s.dst.ip)) {
                const uint8_t *b = bad4[sim_rng_below(&a->rng, 8)];

                s.src.ip = elko_ip_v4(b[0], b[1], b[2], b[3]);
        } else if (any(a) % 3 == 0) {
                s.src.ip.b[15] = (uint8_t)(any(a) % 2); /* :: and ::1 */
        } else {
                s.src.ip.b[0] = 0xff;
                s.src.ip.b[1] = (uint8_t)any(a);
                s.src.ip.b[15] = 1;
        }
        atk_send_pkt(a, ATTACKER_BIT_MARTIANS, &s);
        return true;
}

static bool garbage(struct attacker *a)
{
        static const uint8_t protocol[] = {PKT_TCP, PKT_ICMP4, PKT_ICMP6, 17, 0, 43,
                                           44,      51,        59,        60, 4, 41};
        elko_ip to = somebody(a), from = sim_address((unsigned)a->number, !elko_ip_is_v4(&to));
        size_t len = sim_rng_log(&a->rng, 1, 1024) - 1, n;
        bool header = any(a) % 4 == 0;

        for (size_t i = 0; i < len; i++)
                a->payload[i] = (uint8_t)any(a);
        n = pkt_ip(&from, &to, protocol[sim_rng_below(&a->rng, sizeof(protocol))], a->payload, len,
                   a->buf, sizeof(a->buf));
        if (header) { /* the header, too; not the addresses */
                a->buf[0] = (uint8_t)((a->buf[0] & 0xf0) | (any(a) & 15));
                a->buf[3] = (uint8_t)any(a);
                a->buf[5] = (uint8_t)any(a);
                a->buf[6] = (uint8_t)any(a);
        }
        if (any(a) % 2)
                pkt_fix_checksums(a->buf, n);
        atk_send(a, ATTACKER_BIT_GARBAGE, a->buf, n);
        return true;
}

bool atk_junk(struct attacker *a, enum attacker_bit kind, uint64_t now)
{
        (void)now;
        switch (kind) {
        case ATTACKER_BIT_FRAGMENTS: return fragment(a);
        case ATTACKER_BIT_MARTIANS: return martian(a);
        case ATTACKER_BIT_GARBAGE: return garbage(a);
        default: return icmp_error(a, kind);
        }
}

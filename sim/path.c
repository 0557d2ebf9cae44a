/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <string.h>

#include "packet.h"
#include "world.h"

/*
 * The way of one packet: cut path, loss, MTU, changed bits, cut or padded, copies; then the queue and the
 * wire, then delay and order. A harm is one decision (world.h) whose number is the packet's number on this
 * path, and whose chance comes from a stream of (seed, class, path, number): so decisions are independent
 * of each other, and of whether others were carried out.
 */

enum { PTB_QUOTE = 64 };

static bool is_on(const struct sim_path *p, enum sim_fault class)
{
        return (p->faults >> class & 1u) != 0;
}

static uint32_t where_of(const struct sim_packet *packet)
{
        return sim_where_path(packet->from, packet->to);
}

static struct sim_rng stream(const struct sim_world *w, enum sim_fault class,
                             const struct sim_packet *packet, uint64_t n)
{
        return sim_rng_make(sim_seed(w), class, where_of(packet), (uint32_t)n);
}

void sim_path_init(struct sim_path *p)
{
        memset(p, 0, sizeof(*p));
        p->flap_from = p->flap_until = ELKO_NEVER;
}

/* ---- 1: loss ---- */

/* Was (part of) this sequence space seen on this path before? A small memory by ports. */
static bool is_retransmission(struct sim_path *p, const struct sim_tcp_view *v)
{
        uint32_t ports = (uint32_t)v->sport << 16 | v->dport;
        uint32_t end = v->seq + v->len + ((v->flags & (SIM_SYN | SIM_FIN)) != 0);
        unsigned i = (unsigned)(sim_mix64(ports) % SIM_FLOWS);
        bool again;

        if (p->flow[i].ports != ports || (v->flags & SIM_SYN)) {
                again = p->flow[i].ports == ports && p->flow[i].top == end;
                p->flow[i].ports = ports;
                p->flow[i].top = end;
                return again;
        }
        again = end != v->seq && (int32_t)(end - p->flow[i].top) <= 0;
        if ((int32_t)(end - p->flow[i].top) > 0)
                p->flow[i].top = end;
        return again;
}

static bool is_victim(struct sim_path *p, const struct sim_packet *packet)
{
        struct sim_tcp_view v;
        bool pure, update, again;

        if (!sim_tcp_read(packet->data, packet->len, &v))
                return false;
        pure = v.len == 0 && (v.flags & (SIM_SYN | SIM_FIN | SIM_RST)) == 0;
        update = pure && v.ack == p->last_ack && v.wnd != p->last_wnd;
        p->last_ack = v.ack;
        p->last_wnd = v.wnd;
        again = is_retransmission(p, &v);
        switch (p->loss_kind) {
        case SIM_LOSS_SYN: return (v.flags & (SIM_SYN | SIM_ACK)) == SIM_SYN;
        case SIM_LOSS_SYN_ACK: return (v.flags & (SIM_SYN | SIM_ACK)) == (SIM_SYN | SIM_ACK);
        case SIM_LOSS_FIN: return (v.flags & SIM_FIN) != 0;
        case SIM_LOSS_PURE_ACK: return pure;
        case SIM_LOSS_WINDOW_UPDATE: return update;
        case SIM_LOSS_RETRANSMISSION: return again;
        case SIM_LOSS_EACH:
        case SIM_LOSS_BURSTS:
        case SIM_LOSS_NTH:
        case SIM_LOSS_KINDS: break;
        }
        return true;
}

static bool is_lost(struct sim_world *w, struct sim_path *p, const struct sim_packet *packet,
                    uint64_t n)
{
        struct sim_rng r = stream(w, SIM_F_LOSS, packet, n);
        bool lost;

        switch (p->loss_kind) {
        case SIM_LOSS_NTH: lost = n == p->loss_nth; break;
        case SIM_LOSS_BURSTS:
                if (p->burst_left == 0 && sim_rng_chance(&r, p->loss_ppm))
                        p->burst_left = (uint32_t)sim_rng_range(&r, 1, p->loss_burst);
                lost = p->burst_left > 0;
                if (lost)
                        p->burst_left--;
                break;
        default: lost = is_victim(p, packet) && sim_rng_chance(&r, p->loss_ppm); break;
        }
        return lost && sim_decide(w, SIM_F_LOSS, where_of(packet), n);
}

/* ---- 5, 6: changed bits, other lengths ---- */

static void flip(struct sim_rng *r, struct sim_packet *packet, size_t from, size_t to)
{
        uint64_t bit = sim_rng_range(r, from * 8, to * 8 - 1);

        packet->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
}

static void corrupt(struct sim_world *w, struct sim_path *p, struct sim_packet *packet, uint64_t n)
{
        struct sim_rng r = stream(w, SIM_F_CORRUPT, packet, n);
        size_t from = 0, to = packet->len;
        struct sim_tcp_view v;

        if (!sim_rng_chance(&r, p->corrupt_ppm) ||
            !sim_decide(w, SIM_F_CORRUPT, where_of(packet), n))
                return;
        /* The whole packet, or TCP's header, its options, or the payload alone. */
        if (sim_tcp_read(packet->data, packet->len, &v)) {
                size_t tcp = v.ip_bytes, data = tcp + v.header_bytes;

                switch (sim_rng_below(&r, 4)) {
                case 1: from = tcp, to = tcp + 20; break;
                case 2: from = tcp + 20, to = data; break;
                case 3: from = data, to = data + v.len; break;
                default: break;
                }
        }
        if (from >= to)
                from = 0, to = packet->len;
        for (uint32_t i = 0; i < p->corrupt_bits; i++)
                flip(&r, packet, from, to);
        if (p->corrupt_repaired)
                sim_packet_repair(packet->data, packet->len);
        else
                /* One in 32 pairs of flips escapes the checksum: then one more. */
                for (unsigned i = 0; i < 8 && sim_packet_is_whole(packet->data, packet->len); i++)
                        flip(&r, packet, from, to);
        sim_packet_touch(packet);
}

static void truncate(struct sim_world *w, struct sim_path *p, struct sim_packet *packet, uint64_t n)
{
        struct sim_rng r = stream(w, SIM_F_TRUNCATE, packet, n);

        if (!sim_rng_chance(&r, p->truncate_ppm) ||
            !sim_decide(w, SIM_F_TRUNCATE, where_of(packet), n))
                return;
        if (sim_rng_below(&r, 2) == 0) {
                packet->len = (uint32_t)sim_rng_range(&r, 0, packet->len);
        } else {
                uint32_t pad = (uint32_t)sim_rng_range(&r, 1, 46);

                memset(packet->data + packet->len, 0xaa, pad);
                packet->len += pad;
        }
        sim_packet_touch(packet);
}

bool sim_path_may_lie(const struct sim_path *p)
{
        return is_on(p, SIM_F_CORRUPT) && p->corrupt_repaired;
}

/* ---- 7: MTU ---- */

/* RFC 792 type 3 code 4 with RFC 1191's next-hop MTU; RFC 4443, 3.2. It goes straight back: what happens
 * to ICMP on the way is the other direction's business. */
static void packet_too_big(struct sim_world *w, const struct sim_packet *packet, uint32_t mtu)
{
        uint8_t out[40 + 8 + PTB_QUOTE];
        bool v6 = packet->data[0] >> 4 == 6;
        size_t quote = packet->len < PTB_QUOTE ? packet->len : PTB_QUOTE, ip;
        elko_ip src = sim_address(packet->to, v6), dst = sim_address(packet->from, v6);
        struct sim_packet *p;
        uint8_t *m;
        uint16_t sum;

        ip = sim_ip_begin(out, &src, &dst, v6 ? 58 : 1, 8 + quote);
        m = out + ip;
        memset(m, 0, 8);
        m[0] = v6 ? 2 : 3;
        m[1] = v6 ? 0 : 4;
        m[6] = (uint8_t)(mtu >> 8);
        m[7] = (uint8_t)mtu;
        memcpy(m + 8, packet->data, quote);
        sum = sim_transport_sum(&src, &dst, v6 ? 58 : 1, m, 8 + quote);
        m[2] = (uint8_t)(sum >> 8);
        m[3] = (uint8_t)sum;
        p = sim_packet_new(w, out, ip + 8 + quote);
        if (p == NULL)
                return;
        p->from = packet->to;
        p->to = packet->from;
        sim_packet_touch(p);
        sim_world_deliver(w, p, sim_now(w) + 1000);
}

/* True: too long, it ends here. */
static bool is_too_long(struct sim_world *w, struct sim_path *p, const struct sim_packet *packet,
                        uint64_t n, uint64_t now)
{
        if (now < p->mtu_from || now >= p->mtu_until || packet->len <= p->mtu)
                return false;
        if (!sim_decide(w, SIM_F_MTU, where_of(packet), n))
                return false;
        if (p->mtu_kind != SIM_MTU_BLACK_HOLE)
                packet_too_big(w, packet, p->mtu);
        return p->mtu_kind != SIM_MTU_LIES;
}

/* ---- 8: cut ---- */

static bool is_cut(struct sim_world *w, struct sim_path *p, const struct sim_packet *packet,
                   uint64_t now)
{
        while (now >= p->flap_until && p->flap_gap != 0) {
                uint64_t span = p->flap_until - p->flap_from;

                p->flap_from = p->flap_until + p->flap_gap;
                p->flap_until = p->flap_from + span;
                p->flaps++;
        }
        return now >= p->flap_from && now < p->flap_until &&
               sim_decide(w, SIM_F_FLAP, where_of(packet), p->flaps);
}

/* ---- 19: the ECN field ---- */

/* The second byte has it in IPv4, four bits further in IPv6. */
static unsigned ecn_of(const struct sim_packet *packet)
{
        return packet->data[0] >> 4 == 4 ? packet->data[1] & 3u : packet->data[1] >> 4 & 3u;
}

static void set_ecn(struct sim_packet *packet, unsigned ecn)
{
        uint8_t *p = packet->data;
        uint32_t sum, old = (uint32_t)p[0] << 8 | p[1];

        if (p[0] >> 4 == 6) {
                p[1] = (uint8_t)((p[1] & 0xcfu) | ecn << 4);
                sim_packet_touch(packet);
                return;
        }
        p[1] = (uint8_t)((p[1] & 0xfcu) | ecn);
        /* RFC 1624, equation 3: a checksum that was wrong stays so. */
        sum = (~((uint32_t)p[10] << 8 | p[11]) & 0xffff) + (~old & 0xffff) +
              ((uint32_t)p[0] << 8 | p[1]);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16));
        p[10] = (uint8_t)(sum >> 8);
        p[11] = (uint8_t)sum;
        sim_packet_touch(packet);
}

/* How long is the queue that the packet meets? */
static bool is_long(const struct sim_path *p, uint64_t now)
{
        return p->bytes_per_s != 0 && p->busy_until > now &&
               (p->busy_until - now) / 1000 * p->bytes_per_s / 1000000 > p->buffer_bytes / 4;
}

static void mark(struct sim_world *w, struct sim_path *p, struct sim_packet *packet, uint64_t n,
                 uint64_t now)
{
        struct sim_rng r = stream(w, SIM_F_ECN, packet, n);
        bool chance = sim_rng_chance(&r, p->ecn_ppm);
        unsigned old, ecn;

        if (packet->len < 20 || (packet->data[0] >> 4 == 6 && packet->len < 40))
                return;
        old = ecn = ecn_of(packet);
        switch (p->ecn_kind) {
        case SIM_ECN_MARK:
                if (old != 0 && (chance || is_long(p, now)))
                        ecn = 3;
                break;
        case SIM_ECN_BLEACH:
                if (chance)
                        ecn = 0;
                break;
        case SIM_ECN_CHANGE:
                if (chance)
                        ecn = (unsigned)sim_rng_below(&r, 4);
                break;
        case SIM_ECN_KINDS: break;
        }
        if (ecn != old && sim_decide(w, SIM_F_ECN, where_of(packet), n))
                set_ecn(packet, ecn);
}

/* ---- 2, 3, 4: copies, order, delay; the wire itself ---- */

static void on_the_wire(struct sim_world *w, struct sim_path *p, struct sim_packet *packet,
                        uint64_t n, uint64_t now)
{
        uint64_t at = now;

        if (p->bytes_per_s != 0) {
                uint64_t start = p->busy_until > now ? p->busy_until : now;

                if ((start - now) / 1000 * p->bytes_per_s / 1000000 > p->buffer_bytes) {
                        sim_world_queue_drop(w, packet);
                        return;
                }
                p->busy_until = start + packet->len * 1000000000ull / p->bytes_per_s;
                at = p->busy_until;
        }
        at += p->delay_ns;
        if (is_on(p, SIM_F_DELAY)) {
                struct sim_rng r = stream(w, SIM_F_DELAY, packet, n);

                if (sim_rng_chance(&r, p->delay_ppm) &&
                    sim_decide(w, SIM_F_DELAY, where_of(packet), n))
                        at += sim_rng_log(&r, 1000, p->jitter_ns);
        }
        if (is_on(p, SIM_F_REORDER)) {
                struct sim_rng r = stream(w, SIM_F_REORDER, packet, n);

                if (sim_rng_chance(&r, p->reorder_ppm) &&
                    sim_decide(w, SIM_F_REORDER, where_of(packet), n)) {
                        uint64_t limit = now + p->reorder_ns;

                        if (p->reorder_distance == 0) {
                                at += sim_rng_log(&r, 1000, p->reorder_ns);
                        } else {
                                for (unsigned i = 0; i < SIM_HELD; i++) {
                                        if (p->held[i].packet != NULL)
                                                continue;
                                        p->held[i].packet = packet;
                                        p->held[i].left =
                                                (uint32_t)sim_rng_range(&r, 1, p->reorder_distance);
                                        p->held[i].until = limit;
                                        sim_world_release_at(w, packet->from, packet->to, limit);
                                        return;
                                }
                        }
                }
        }
        sim_world_deliver(w, packet, at);
}

static void copies(struct sim_world *w, struct sim_path *p, const struct sim_packet *packet,
                   uint64_t n, uint64_t now)
{
        struct sim_rng r = stream(w, SIM_F_DUP, packet, n);
        uint32_t k;

        if (!sim_rng_chance(&r, p->dup_ppm) || !sim_decide(w, SIM_F_DUP, where_of(packet), n))
                return;
        k = (uint32_t)sim_rng_range(&r, 1, p->dup_copies);
        while (k-- > 0) {
                struct sim_packet *copy = sim_packet_new(w, packet->data, packet->len);

                if (copy == NULL)
                        return;
                copy->from = packet->from;
                copy->to = packet->to;
                copy->digest = packet->digest;
                sim_world_deliver(w, copy,
                                  now + p->delay_ns +
                                          (p->dup_delay_ns > 1000
                                                   ? sim_rng_log(&r, 1000, p->dup_delay_ns)
                                                   : p->dup_delay_ns));
        }
}

/* Packets that were held back and have been overtaken often enough. */
static void overtake(struct sim_world *w, struct sim_path *p, uint64_t now)
{
        for (unsigned i = 0; i < SIM_HELD; i++) {
                struct sim_packet *packet = p->held[i].packet;

                if (packet == NULL || --p->held[i].left > 0)
                        continue;
                p->held[i].packet = NULL;
                sim_world_deliver(w, packet, now + p->delay_ns + 1);
        }
}

void sim_path_release(struct sim_world *w, struct sim_path *p, uint64_t now)
{
        for (unsigned i = 0; i < SIM_HELD; i++) {
                struct sim_packet *packet = p->held[i].packet;

                if (packet == NULL || p->held[i].until > now)
                        continue;
                p->held[i].packet = NULL;
                sim_world_deliver(w, packet, now + p->delay_ns);
        }
}

void sim_path_pass(struct sim_world *w, struct sim_path *p, struct sim_packet *packet)
{
        uint64_t n = p->packets++, now = sim_now(w);

        if (p->faults == 0) {
                on_the_wire(w, p, packet, n, now);
                return;
        }
        if ((is_on(p, SIM_F_FLAP) && is_cut(w, p, packet, now)) ||
            (is_on(p, SIM_F_LOSS) && is_lost(w, p, packet, n)) ||
            (is_on(p, SIM_F_MTU) && is_too_long(w, p, packet, n, now))) {
                sim_packet_free(w, packet);
                return;
        }
        if (is_on(p, SIM_F_ECN))
                mark(w, p, packet, n, now);
        if (is_on(p, SIM_F_CORRUPT))
                corrupt(w, p, packet, n);
        if (is_on(p, SIM_F_TRUNCATE))
                truncate(w, p, packet, n);
        if (is_on(p, SIM_F_DUP))
                copies(w, p, packet, n, now);
        if (is_on(p, SIM_F_REORDER) && p->reorder_distance != 0)
                overtake(w, p, now);
        on_the_wire(w, p, packet, n, now);
}

void sim_path_heal(struct sim_world *w, struct sim_path *p)
{
        p->faults = 0;
        for (unsigned i = 0; i < SIM_HELD; i++)
                p->held[i].until = 0;
        sim_path_release(w, p, sim_now(w));
}

/* SPDX-License-Identifier: MIT */
/*
 * A wire in memory.
 *
 * Each direction is a lane: packets in the order in which they were sent. When a packet is sent,
 * its whole future is known: the transmitter takes it when it is done with the one before
 * (`departs` is the instant after its last bit), and it arrives one constant delay later
 * (`arrives`). So one FIFO holds both the queue and the delay line; the queue is those that have
 * not departed yet.
 *
 *        taken             released        departed                       last sent
 *          |-- handed out ----|--- in flight ---|--- waiting for the transmitter ---|
 *                                                <---- queue_packets, queue_bytes --->
 *
 * The bytes lie in one ring, packed, a packet never wrapped. Whenever the lane is empty the ring
 * starts at its beginning again: a wire without delay keeps to the few kilobytes that the caches
 * hold. What rx() hands out keeps its bytes until the next rx(), so packets are released one call
 * later.
 *
 * `head`, `next`, `departed`, `tail` number the packets since the lane was last empty; a packet's
 * slot is its number modulo the (power of two) number of slots.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "drivers/mem.h"

enum {
        BUFFER_DEFAULT = 8 << 20,
        BYTES_PER_SLOT = 256, /* packets are planned to be this long on average, or longer */
        ALIGN = 16,           /* of a packet's first byte */
};

struct slot {
        uint64_t departs, arrives;
        uint32_t at, len;
        uint16_t flags; /* enum elko_packet_flag */
        uint16_t gso_size;
};

struct lane {
        struct elko_drv_mem_wire wire;
        struct slot *slot;
        uint8_t *bytes;
        uint32_t slots; /* power of two */
        uint32_t bytes_size;
        uint32_t fill;     /* where the next packet's bytes go */
        uint64_t head;     /* oldest packet whose bytes are in use */
        uint64_t next;     /* next to hand out */
        uint64_t departed; /* first that has not left the queue */
        uint64_t tail;     /* one beyond the newest */
        uint64_t queued_bytes;
        uint64_t busy_until; /* of the transmitter */
};

struct wire;

struct end {
        struct elko_drv drv; /* first */
        struct wire *wire;
        struct lane *out, *in;
        bool open;
};

struct wire {
        uint64_t now;
        struct lane lane[2];
        struct end end[2];
};

static struct end *end_of(struct elko_drv *d)
{
        return (struct end *)d;
}

static struct end *peer_of(struct end *e)
{
        return &e->wire->end[e == &e->wire->end[0]];
}

static bool peer_is_open(struct end *e)
{
        return peer_of(e)->open;
}

/* ---- a lane ---- */

static struct slot *slot_of(const struct lane *l, uint64_t number)
{
        return &l->slot[number & (l->slots - 1)];
}

/* Packets whose last bit is out are no more in the queue. */
static void lane_depart(struct lane *l, uint64_t now)
{
        while (l->departed < l->tail && slot_of(l, l->departed)->departs <= now) {
                l->queued_bytes -= slot_of(l, l->departed)->len;
                l->departed++;
        }
}

/* The bytes of what was handed out are free again; it all departed (lane_depart() came before). */
static void lane_release(struct lane *l)
{
        l->head = l->next;
        if (l->head == l->tail) {
                l->head = l->next = l->departed = l->tail = 0;
                l->fill = 0;
        }
}

/*
 * Room for `len` bytes in one run: where, or UINT32_MAX. The used part of the ring goes from the
 * oldest packet to `fill`, perhaps around the end; one byte stays free so that full is not empty.
 */
static uint32_t lane_room_at(const struct lane *l, uint32_t len)
{
        uint32_t oldest;

        if (l->tail - l->head == l->slots)
                return UINT32_MAX;
        if (l->head == l->tail)
                return len <= l->bytes_size ? 0 : UINT32_MAX;
        oldest = slot_of(l, l->head)->at;
        if (l->fill > oldest) {
                if (len <= l->bytes_size - l->fill)
                        return l->fill;
                return len < oldest ? 0 : UINT32_MAX;
        }
        return len < oldest - l->fill ? l->fill : UINT32_MAX;
}

static bool queue_has_room(const struct lane *l, uint32_t len)
{
        const struct elko_drv_mem_wire *w = &l->wire;
        uint64_t packets = l->tail - l->departed;

        if (w->queue_packets != 0 && packets >= w->queue_packets)
                return false;
        /* A packet larger than the whole queue passes when the queue is empty. */
        return w->queue_bytes == 0 || packets == 0 || l->queued_bytes + len <= w->queue_bytes;
}

/* How many packets of `len` bytes the ring takes now. */
static uint64_t ring_fits(const struct lane *l, uint32_t len)
{
        uint64_t slots = l->slots - (l->tail - l->head);
        uint64_t fits;
        uint32_t oldest;

        if (l->head == l->tail) {
                fits = l->bytes_size / len;
        } else {
                oldest = slot_of(l, l->head)->at;
                if (l->fill > oldest)
                        fits = (l->bytes_size - l->fill) / len +
                               (oldest > 0 ? (oldest - 1) / len : 0);
                else
                        fits = oldest > l->fill ? (oldest - l->fill - 1) / len : 0;
        }
        return fits < slots ? fits : slots;
}

/* How many packets of `len` bytes are taken now for sure; small ones may still fit when none
 * does. */
static size_t lane_room(const struct lane *l, uint32_t len)
{
        const struct elko_drv_mem_wire *w = &l->wire;
        uint64_t packets = l->tail - l->departed;
        uint64_t room = ring_fits(l, (len + ALIGN - 1) & ~(uint32_t)(ALIGN - 1));

        if (!queue_has_room(l, len))
                return 0;
        if (w->queue_packets != 0 && w->queue_packets - packets < room)
                room = w->queue_packets - packets;
        if (w->queue_bytes != 0) {
                uint64_t more = l->queued_bytes < w->queue_bytes
                                        ? (w->queue_bytes - l->queued_bytes) / len
                                        : 0;

                more = more == 0 ? 1 : more; /* queue_has_room() lets one pass */
                room = more < room ? more : room;
        }
        return (size_t)room;
}

static uint64_t serialization_ns(const struct lane *l, uint32_t len)
{
        if (l->wire.rate_bps == 0)
                return 0;
        return ((uint64_t)len * 8u * UINT64_C(1000000000) + l->wire.rate_bps - 1) /
               l->wire.rate_bps;
}

/* Send one packet; false: no room for it. */
static bool lane_send(struct lane *l, const struct elko_frame *f, uint16_t flags, uint64_t now)
{
        uint32_t at = lane_room_at(l, f->len);
        struct slot *s;

        if (at == UINT32_MAX || !queue_has_room(l, f->len))
                return false;
        elko_drv_frame_copy(l->bytes + at, f);
        if (l->busy_until < now)
                l->busy_until = now;
        l->busy_until += serialization_ns(l, f->len);

        s = slot_of(l, l->tail);
        s->at = at;
        s->len = f->len;
        s->flags = flags;
        s->gso_size = f->gso_size;
        s->departs = l->busy_until;
        s->arrives = l->busy_until + l->wire.delay_ns;
        l->fill = (at + f->len + ALIGN - 1) & ~(uint32_t)(ALIGN - 1);
        if (l->fill > l->bytes_size)
                l->fill = l->bytes_size;
        l->tail++;
        l->queued_bytes += f->len;
        lane_depart(l, now);
        return true;
}

static uint32_t slots_for(const struct elko_drv_mem_wire *w)
{
        uint32_t slots = 64;

        while (slots < w->buffer_bytes / BYTES_PER_SLOT && slots < (1u << 20))
                slots *= 2;
        return slots;
}

static void *map(size_t bytes)
{
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        return p == MAP_FAILED ? NULL : p;
}

static bool lane_init(struct lane *l, const struct elko_drv_mem_wire *w)
{
        l->wire = *w;
        if (l->wire.buffer_bytes == 0)
                l->wire.buffer_bytes = BUFFER_DEFAULT;
        if (l->wire.buffer_bytes < 4 * ELKO_DRV_PACKET_MAX)
                l->wire.buffer_bytes = 4 * ELKO_DRV_PACKET_MAX;
        l->bytes_size = l->wire.buffer_bytes;
        l->slots = slots_for(&l->wire);
        l->slot = map(l->slots * sizeof(*l->slot));
        l->bytes = map(l->bytes_size);
        return l->slot != NULL && l->bytes != NULL;
}

static void lane_free(struct lane *l)
{
        if (l->slot != NULL)
                munmap(l->slot, l->slots * sizeof(*l->slot));
        if (l->bytes != NULL)
                munmap(l->bytes, l->bytes_size);
}

/* ---- the driver ---- */

static int mem_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        struct lane *l = end_of(d)->in;
        uint64_t now = end_of(d)->wire->now;
        int n = 0;

        lane_depart(l, now);
        lane_release(l);
        while ((size_t)n < max && l->next < l->tail && slot_of(l, l->next)->arrives <= now) {
                const struct slot *s = slot_of(l, l->next);

                out[n].data = l->bytes + s->at;
                out[n].len = s->len;
                out[n].flags = s->flags;
                out[n].gso_size = s->gso_size;
                d->counters.rx_packets++;
                d->counters.rx_bytes += s->len;
                l->next++;
                n++;
        }
        return n;
}

static int mem_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        struct end *e = end_of(d);
        struct lane *l = e->out;
        bool peer = peer_is_open(e);
        bool trusted = (d->link.flags & ELKO_LINK_TX_CSUM) != 0;
        size_t i;

        lane_depart(l, e->wire->now);
        for (i = 0; i < n; i++) {
                bool too_long = f[i].len > ELKO_DRV_PACKET_MAX;

                if (peer && !too_long &&
                    lane_send(l, &f[i], trusted ? ELKO_PACKET_CSUM_OK : 0, e->wire->now)) {
                        d->counters.tx_packets++;
                        d->counters.tx_bytes += f[i].len;
                        continue;
                }
                if (peer && !too_long && l->wire.back_pressure)
                        break;
                d->counters.tx_drops++;
        }
        return (int)i;
}

static size_t mem_tx_room(struct elko_drv *d)
{
        struct end *e = end_of(d);
        bool tso = (d->link.flags & ELKO_LINK_TSO) != 0;

        if (!e->out->wire.back_pressure || !peer_is_open(e))
                return SIZE_MAX;
        lane_depart(e->out, e->wire->now);
        return lane_room(e->out, tso ? ELKO_DRV_PACKET_MAX : d->link.mtu + 18u);
}

/*
 * Arrivals at this end, and the end of back pressure here. The bytes that the last rx() at this end
 * handed out may be all that keeps the sender from going on: then rx() is wanted at once.
 */
static uint64_t mem_next_deadline(struct elko_drv *d)
{
        struct end *e = end_of(d);
        struct end *peer = peer_of(e);
        uint64_t at = ELKO_NEVER;

        if (e->in->next < e->in->tail)
                at = slot_of(e->in, e->in->next)->arrives;
        if (e->in->head < e->in->next && mem_tx_room(&peer->drv) == 0)
                return e->wire->now;
        if (mem_tx_room(d) == 0 && e->out->departed < e->out->tail &&
            slot_of(e->out, e->out->departed)->departs < at)
                at = slot_of(e->out, e->out->departed)->departs;
        return at;
}

static void mem_set_now(struct elko_drv *d, uint64_t now)
{
        if (end_of(d)->wire->now < now)
                end_of(d)->wire->now = now;
}

static void mem_close(struct elko_drv *d)
{
        struct wire *w = end_of(d)->wire;

        end_of(d)->open = false;
        if (w->end[0].open || w->end[1].open)
                return;
        lane_free(&w->lane[0]);
        lane_free(&w->lane[1]);
        free(w);
}

static const struct elko_drv_ops mem_ops = {
        .name = "mem",
        .rx = mem_rx,
        .tx = mem_tx,
        .tx_room = mem_tx_room,
        .next_deadline = mem_next_deadline,
        .set_now = mem_set_now,
        .close = mem_close,
};

void elko_drv_mem_config_default(struct elko_drv_mem_config *config)
{
        memset(config, 0, sizeof(*config));
        config->medium = ELKO_MEDIUM_IP;
        config->mtu = 1500;
        config->wire[0].back_pressure = true;
        config->wire[1].back_pressure = true;
}

static void end_init(struct wire *w, int side, const struct elko_drv_mem_config *config)
{
        struct end *e = &w->end[side];
        struct elko_link_config *link = &e->drv.link;

        e->drv.ops = &mem_ops;
        e->wire = w;
        e->out = &w->lane[side];
        e->in = &w->lane[!side];
        e->open = true;
        link->medium = config->medium;
        link->mtu = config->mtu;
        link->flags = config->link_flags;
        memcpy(link->name, side == 0 ? "mem0" : "mem1", 5);
        if (config->medium == ELKO_MEDIUM_ETHERNET) {
                link->mac[0] = 0x02; /* locally administered */
                link->mac[5] = (uint8_t)(side + 1);
        }
}

int elko_drv_mem_open(const struct elko_drv_mem_config *config, struct elko_drv **a,
                      struct elko_drv **b, struct elko_drv_why *why)
{
        struct wire *w;

        if (config->mtu < 68)
                return elko_drv_fail(why, EINVAL,
                                     "mem: an MTU of %u bytes can't carry IP; give 68 or more",
                                     config->mtu);
        w = calloc(1, sizeof(*w));
        if (w == NULL)
                return elko_drv_fail(why, ENOMEM, "mem: no memory for a wire");
        if (!lane_init(&w->lane[0], &config->wire[0]) ||
            !lane_init(&w->lane[1], &config->wire[1])) {
                lane_free(&w->lane[0]);
                lane_free(&w->lane[1]);
                free(w);
                return elko_drv_fail(why, ENOMEM,
                                     "mem: no memory for the buffers of a wire (%u and %u "
                                     "bytes); give smaller buffer_bytes",
                                     config->wire[0].buffer_bytes, config->wire[1].buffer_bytes);
        }
        end_init(w, 0, config);
        end_init(w, 1, config);
        *a = &w->end[0].drv;
        *b = &w->end[1].drv;
        return 0;
}

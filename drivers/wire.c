/* SPDX-License-Identifier: MIT */
/*
 * The wire of experiments.
 *
 * A direction is a lane. A packet that was not lost at its entrance waits in a FIFO for the
 * transmitter, which takes one after the other; when its last bit is sent, the packet goes into a
 * heap by the instant at which it is due at the other end:
 *
 *        send --> loss? --> fifo --> sending (until done_at) --> heap, by (due, number) --> take
 *                   ^        ^ buffer, ECN threshold
 *                   |        `- CoDel decides here, at the head
 *
 * Everything between two calls is caught up with at its own instant: lane_run() lets the transmitter
 * work until `now`, each packet starting where the one before ended. So an experiment in real time
 * whose caller comes late has the same queue as one in virtual time; only what is taken late is late.
 *
 * Chance is a hash of a counter (splitmix64, entered at its n-th step) for each (seed, direction,
 * impairment), as in drivers/fault.c.
 *
 * Packets lie in blocks of two sizes, one for acknowledgements, one for the MTU, with free lists.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/codel.h"
#include "drivers/wire.h"
#include "drivers/wire_ip.h"

enum {
        MILLION = 1000000,
        SMALL_BYTES = 128,
        BLOCKS_PER_CHUNK = 256,
        HEAP_FIRST = 256,
        SIZES = 2,
};

enum chance { CHANCE_LOSS, CHANCE_BAD, CHANCE_ACK, CHANCE_REORDER, CHANCE_DUPLICATE, CHANCES };

struct packet {
        struct packet *next;
        uint64_t at;     /* entered the queue */
        uint64_t due;    /* at the other end */
        uint64_t number; /* orders equal instants */
        uint32_t len;
        uint32_t size; /* index of the free list */
        bool held;     /* reordered: later ones pass it */
        bool twice;
        uint8_t data[];
};

struct chunk {
        struct chunk *next;
};

struct lane {
        struct elko_wire_dir c;
        uint64_t key[CHANCES];
        uint64_t packets; /* number of the latest */
        bool bad;         /* Gilbert-Elliott's state */
        uint64_t to_bad_ppm, to_good_ppm;

        struct packet *first, **last; /* fifo */
        uint64_t queued_bytes;        /* fifo and `sending` */
        struct packet *sending;
        uint64_t done_at;
        struct elko_codel codel;

        struct packet **heap;
        size_t heap_used, heap_size;
        uint64_t numbers;
        struct packet *lent; /* handed out by take */

        struct elko_wire_stats stats;
};

struct elko_wire {
        struct elko_wire_config config;
        struct lane lane[2];
        struct packet *free[SIZES];
        struct chunk *chunks;
        uint32_t block_bytes[SIZES];
};

/* ---- chance ---- */

static uint64_t mix64(uint64_t z)
{
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

/* Does packet `packets` of this lane meet it, with a chance of ppm in a million? */
static bool meets(const struct lane *l, enum chance what, uint64_t ppm)
{
        uint64_t number = mix64(l->key[what] + l->packets * 0x9e3779b97f4a7c15u);

        return ppm > 0 && (number >> 32) * MILLION >> 32 < ppm;
}

static bool is_lost(struct lane *l)
{
        uint32_t share = l->c.burst_ppm == 0 ? MILLION : l->c.burst_ppm;

        if (l->c.loss_ppm == 0)
                return false;
        if (l->c.burst <= 1)
                return meets(l, CHANCE_LOSS, l->c.loss_ppm);
        if (meets(l, CHANCE_BAD, l->bad ? l->to_good_ppm : l->to_bad_ppm))
                l->bad = !l->bad;
        return l->bad && meets(l, CHANCE_LOSS, share);
}

/*
 * Gilbert-Elliott: mean stay in the bad state 1/r packets, so r = 1/burst; with share h lost there
 * and a long-term mean of `loss` the bad state holds loss/h of the time: p / (p + r) = loss / h.
 */
static void init_bursts(struct lane *l)
{
        uint64_t share = l->c.burst_ppm == 0 ? MILLION : l->c.burst_ppm;
        uint64_t good = share > l->c.loss_ppm ? share - l->c.loss_ppm : 1;

        if (l->c.burst <= 1)
                return;
        l->to_good_ppm = MILLION / l->c.burst;
        l->to_bad_ppm = l->to_good_ppm * l->c.loss_ppm / good;
}

/* ---- memory ---- */

static bool more_blocks(struct elko_wire *w, uint32_t size)
{
        size_t each = w->block_bytes[size];
        struct chunk *c = malloc(sizeof(struct packet) + each * BLOCKS_PER_CHUNK);
        char *at;

        if (c == NULL)
                return false;
        c->next = w->chunks;
        w->chunks = c;
        at = (char *)c + sizeof(struct packet);
        for (int i = 0; i < BLOCKS_PER_CHUNK; i++) {
                struct packet *p = (struct packet *)(void *)(at + (size_t)i * each);

                p->next = w->free[size];
                w->free[size] = p;
        }
        return true;
}

static struct packet *packet_new(struct elko_wire *w, uint32_t len)
{
        uint32_t size = len > SMALL_BYTES;
        struct packet *p;

        if (w->free[size] == NULL && !more_blocks(w, size))
                return NULL;
        p = w->free[size];
        w->free[size] = p->next;
        p->next = NULL;
        p->len = len;
        p->size = size;
        p->held = p->twice = false;
        return p;
}

static void packet_free(struct elko_wire *w, struct packet *p)
{
        p->next = w->free[p->size];
        w->free[p->size] = p;
}

/* ---- the heap of what is on its way ---- */

static bool is_before(const struct packet *a, const struct packet *b)
{
        return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static bool heap_push(struct lane *l, struct packet *p)
{
        size_t i = l->heap_used;

        if (i == l->heap_size) {
                size_t size = l->heap_size == 0 ? HEAP_FIRST : 2 * l->heap_size;
                struct packet **heap = realloc(l->heap, size * sizeof(*heap));

                if (heap == NULL)
                        return false;
                l->heap = heap;
                l->heap_size = size;
        }
        p->number = l->numbers++;
        for (; i > 0 && is_before(p, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
                l->heap[i] = l->heap[(i - 1) / 2];
        l->heap[i] = p;
        l->heap_used++;
        return true;
}

static struct packet *heap_pop(struct lane *l)
{
        struct packet *top = l->heap[0];
        struct packet *p = l->heap[--l->heap_used];
        size_t i = 0;

        for (;;) {
                size_t child = 2 * i + 1;

                if (child >= l->heap_used)
                        break;
                if (child + 1 < l->heap_used && is_before(l->heap[child + 1], l->heap[child]))
                        child++;
                if (!is_before(l->heap[child], p))
                        break;
                l->heap[i] = l->heap[child];
                i = child;
        }
        if (l->heap_used > 0)
                l->heap[i] = p;
        return top;
}

/* ---- after the transmitter ---- */

static void push_or_lose(struct elko_wire *w, struct lane *l, struct packet *p)
{
        if (heap_push(l, p))
                return;
        l->stats.unusable++;
        packet_free(w, p);
}

/* The last bit is sent at `t`. */
static void depart(struct elko_wire *w, struct lane *l, struct packet *p, uint64_t t)
{
        struct packet *copy = p->twice ? packet_new(w, p->len) : NULL;

        p->due = t + l->c.delay_ns + (p->held ? l->c.reorder_ns : 0);
        if (copy != NULL) {
                memcpy(copy->data, p->data, p->len);
                copy->due = p->due;
                l->stats.duplicated++;
        }
        l->stats.reordered += p->held;
        push_or_lose(w, l, p);
        if (copy != NULL)
                push_or_lose(w, l, copy);
}

/* ---- the transmitter and its queue ---- */

static uint64_t rate_at(const struct elko_wire *w, const struct lane *l, uint64_t t)
{
        uint64_t rate = l->c.rate_bps;

        for (int i = 0; i < ELKO_WIRE_STEPS && l->c.step[i].permille != 0; i++)
                if (t >= w->config.start + l->c.step[i].at)
                        rate = l->c.rate_bps / 1000 * l->c.step[i].permille +
                               l->c.rate_bps % 1000 * l->c.step[i].permille / 1000;
        return rate > 0 ? rate : 1;
}

static uint64_t sending_ns(uint64_t rate_bps, uint32_t len)
{
        return ((uint64_t)len * 8u * UINT64_C(1000000000) + rate_bps - 1) / rate_bps;
}

static struct packet *fifo_pop(struct lane *l)
{
        struct packet *p = l->first;

        if (p == NULL)
                return NULL;
        l->first = p->next;
        if (l->first == NULL)
                l->last = &l->first;
        p->next = NULL;
        l->queued_bytes -= p->len;
        return p;
}

static bool codel_signals(struct lane *l, const struct packet *p, uint64_t t)
{
        return l->c.queue == ELKO_WIRE_CODEL &&
               elko_codel_drop(&l->codel, t, t - p->at, l->queued_bytes);
}

/* The next packet to send at `t`; its bytes are no more counted. NULL: the queue is empty. */
static struct packet *dequeue(struct elko_wire *w, struct lane *l, uint64_t t)
{
        struct packet *p;

        elko_codel_begin(&l->codel);
        while ((p = fifo_pop(l)) != NULL && codel_signals(l, p, t)) {
                if (elko_wire_ip_mark(p->data, p->len)) {
                        l->stats.marked++;
                        break;
                }
                l->stats.codel++;
                packet_free(w, p);
        }
        if (p == NULL)
                elko_codel_empty(&l->codel);
        return p;
}

static void start_sending(struct elko_wire *w, struct lane *l, uint64_t t)
{
        struct packet *p = dequeue(w, l, t);

        l->sending = p;
        if (p == NULL)
                return;
        l->queued_bytes += p->len;
        elko_hist_add(&l->stats.queue_ns, t - p->at);
        l->done_at = t + sending_ns(rate_at(w, l, t), p->len);
}

/* Everything that happens until `now`, that instant included. */
static void lane_run(struct elko_wire *w, struct lane *l, uint64_t now)
{
        while (l->sending != NULL && l->done_at <= now) {
                struct packet *p = l->sending;
                uint64_t t = l->done_at;

                l->queued_bytes -= p->len;
                depart(w, l, p, t);
                start_sending(w, l, t);
        }
}

/* ---- the entrance ---- */

static bool is_dropped_by_chance(struct lane *l, const struct elko_wire_ip *ip)
{
        if (is_lost(l)) {
                l->stats.lost++;
                return true;
        }
        if (ip->pure_ack && meets(l, CHANCE_ACK, l->c.ack_loss_ppm)) {
                l->stats.ack_lost++;
                return true;
        }
        return false;
}

static bool has_room(const struct lane *l, uint32_t len)
{
        return l->c.buffer_bytes == 0 || l->queued_bytes == 0 ||
               l->queued_bytes + len <= l->c.buffer_bytes;
}

static void enqueue(struct elko_wire *w, struct lane *l, struct packet *p)
{
        if (l->c.queue == ELKO_WIRE_ECN && l->queued_bytes + p->len > l->c.mark_bytes &&
            elko_wire_ip_mark(p->data, p->len))
                l->stats.marked++;
        *l->last = p;
        l->last = &p->next;
        l->queued_bytes += p->len;
        if (l->queued_bytes > l->stats.queue_max_bytes)
                l->stats.queue_max_bytes = l->queued_bytes;
        if (l->sending == NULL)
                start_sending(w, l, p->at);
}

void elko_wire_send(struct elko_wire *w, int dir, const struct elko_frame *f, uint64_t now)
{
        struct lane *l = &w->lane[dir];
        struct elko_wire_ip ip;
        struct packet *p = f->len <= w->config.mtu ? packet_new(w, f->len) : NULL;

        lane_run(w, l, now);
        l->packets++;
        l->stats.packets_in++;
        l->stats.bytes_in += f->len;
        if (p != NULL)
                elko_drv_frame_copy(p->data, f);
        if (p == NULL || !elko_wire_ip_parse(p->data, p->len, &ip)) {
                l->stats.unusable++;
        } else if (!is_dropped_by_chance(l, &ip)) {
                p->at = now;
                p->held = meets(l, CHANCE_REORDER, l->c.reorder_ppm);
                p->twice = meets(l, CHANCE_DUPLICATE, l->c.duplicate_ppm);
                if (l->c.rate_bps == 0) {
                        depart(w, l, p, now);
                        return;
                }
                if (has_room(l, p->len)) {
                        enqueue(w, l, p);
                        return;
                }
                l->stats.overflow++;
        }
        if (p != NULL)
                packet_free(w, p);
}

/* ---- the exit ---- */

static void take_back(struct elko_wire *w, struct lane *l)
{
        while (l->lent != NULL) {
                struct packet *p = l->lent;

                l->lent = p->next;
                packet_free(w, p);
        }
}

size_t elko_wire_take(struct elko_wire *w, int dir, uint64_t now, struct elko_wire_packet *out,
                      size_t max)
{
        struct lane *l = &w->lane[dir];
        size_t n = 0;

        take_back(w, l);
        lane_run(w, l, now);
        while (n < max && l->heap_used > 0 && l->heap[0]->due <= now) {
                struct packet *p = heap_pop(l);

                p->next = l->lent;
                l->lent = p;
                out[n++] = (struct elko_wire_packet){p->data, p->len, p->due};
                l->stats.packets_out++;
                l->stats.bytes_out += p->len;
        }
        return n;
}

uint64_t elko_wire_next(const struct elko_wire *w)
{
        uint64_t at = ELKO_NEVER;

        for (int dir = 0; dir < 2; dir++) {
                const struct lane *l = &w->lane[dir];

                if (l->heap_used > 0 && l->heap[0]->due < at)
                        at = l->heap[0]->due;
                if (l->sending != NULL && l->done_at + l->c.delay_ns < at)
                        at = l->done_at + l->c.delay_ns;
        }
        return at;
}

uint64_t elko_wire_queued(struct elko_wire *w, int dir, uint64_t now)
{
        lane_run(w, &w->lane[dir], now);
        return w->lane[dir].queued_bytes;
}

const struct elko_wire_stats *elko_wire_stats_get(const struct elko_wire *w, int dir)
{
        return &w->lane[dir].stats;
}

/* ---- creation ---- */

static void lane_init(struct elko_wire *w, int dir)
{
        struct lane *l = &w->lane[dir];
        uint64_t key = mix64(w->config.seed ^ mix64((uint64_t)dir + 1));

        l->c = w->config.dir[dir];
        l->last = &l->first;
        for (unsigned i = 0; i < CHANCES; i++)
                l->key[i] = mix64(key + (i + 1) * 0xd1342543de82ef95u);
        init_bursts(l);
        l->codel.target_ns = l->c.codel_target_ns != 0 ? l->c.codel_target_ns : ELKO_MS(5);
        l->codel.interval_ns = l->c.codel_interval_ns != 0 ? l->c.codel_interval_ns : ELKO_MS(100);
        l->codel.mtu_bytes = w->config.mtu;
}

struct elko_wire *elko_wire_create(const struct elko_wire_config *config, struct elko_drv_why *why)
{
        struct elko_wire *w = calloc(1, sizeof(*w));
        uint32_t align = (uint32_t) _Alignof(struct packet);

        if (w == NULL) {
                elko_drv_fail(why, ENOMEM, "wire: no memory");
                return NULL;
        }
        w->config = *config;
        w->block_bytes[0] = (uint32_t)sizeof(struct packet) + SMALL_BYTES;
        w->block_bytes[1] =
                ((uint32_t)sizeof(struct packet) + config->mtu + align - 1) & ~(align - 1);
        lane_init(w, 0);
        lane_init(w, 1);
        return w;
}

void elko_wire_destroy(struct elko_wire *w)
{
        if (w == NULL)
                return;
        free(w->lane[0].heap);
        free(w->lane[1].heap);
        while (w->chunks != NULL) {
                struct chunk *c = w->chunks;

                w->chunks = c->next;
                free(c);
        }
        free(w);
}

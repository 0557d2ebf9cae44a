/* SPDX-License-Identifier: MIT */
/*
 * A bad link.
 *
 * A packet that passes in either direction becomes an `item` and gets a `fate`: what happens to it.
 * Most items go on at once, without a copy. Those that are altered, duplicated or delayed are
 * copied into a `held` entry of a fixed pool, and wait in one of two lists of their direction:
 *
 *        item -- fate --> drop
 *                    \--> deliver at once
 *                    \--> counted: until `after` later packets came, or `at` --.
 *                    \--> timed: sorted by the instant `at`  <----------------'  --> deliver
 *
 * To deliver is to put the packet into the caller's array (rx) or to send it to the inner driver
 * (tx). Entries whose bytes the caller got are `lent` until his next rx().
 *
 * Randomness is a hash of a counter, not a sequence: number = mix(key(seed, direction, class) + n *
 * odd), which is splitmix64 (Steele, Lea, Flood 2014) entered at its n-th step. So each class is a
 * stream of its own that no other decision can shift.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "drivers/fault.h"

#define REORDER_NS_DEFAULT ELKO_MS(10)

enum {
        HOLD_DEFAULT = 1024,
        HOLD_MAX = 1 << 20,
        ETHERNET_BYTES = 14,
        PPM = 1000000,
};

/* The random streams. */
enum class {
        CLASS_DROP,
        CLASS_DUPLICATE,
        CLASS_CORRUPT,
        CLASS_CORRUPT_WHERE,
        CLASS_TRUNCATE,
        CLASS_TRUNCATE_WHERE,
        CLASS_REORDER,
        CLASS_JITTER,
        CLASS_COUNT
};

/* A packet on its way; on receipt the frame has one part. */
struct item {
        struct elko_frame frame;
        uint16_t flags; /* enum elko_packet_flag */
};

struct held {
        struct held *next, *prev;
        uint64_t at;       /* deliver at this instant */
        uint64_t after;    /* counted: or when this packet number has come */
        uint64_t delay_ns; /* counted: then still delay it so long */
        struct item item;  /* of one part: data[] */
        uint8_t data[];
};

/* Entries lie one behind the other; a power of two would put them all on the same cache sets. */
#define ENTRY_BYTES ((sizeof(struct held) + ELKO_DRV_PACKET_MAX + 63) & ~(size_t)63)

struct list {
        struct held *first, *last;
};

struct lane {
        struct elko_drv_fault_config_dir config;
        struct elko_drv_fault_stats stats;
        uint64_t key[CLASS_COUNT];
        uint64_t n; /* packets seen */
        struct list timed, counted;
        bool active; /* some fault is configured */
};

struct fate {
        bool drop, duplicate, corrupt, truncate, reorder;
        uint64_t delay_ns;
};

struct fault {
        struct elko_drv drv; /* first */
        struct elko_drv *inner;
        uint64_t now;
        struct lane lane[ELKO_DRV_FAULT_DIRS];
        struct held *lent;      /* linked by next, as is the next one */
        struct held *pool_free; /* used before; the rest of the pool was never touched */
        uint8_t *pool;
        uint32_t pool_used, pool_size; /* entries */
        uint8_t *scratch;              /* one packet in one piece, for predicates */
        struct elko_packet *out;       /* during rx(): the caller's array */
        size_t out_max, out_n;
};

static struct fault *fault_of(struct elko_drv *d)
{
        return (struct fault *)d;
}

/* ---- random numbers ---- */

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t x)
{
        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
}

static uint64_t draw(const struct lane *l, enum class class)
{
        return mix(l->key[class] + l->n * GOLDEN);
}

static bool happens(const struct lane *l, enum class class, uint32_t ppm)
{
        return ppm != 0 && (draw(l, class) >> 32) * PPM >> 32 < ppm;
}

/* 0 .. below-1, evenly enough (below is far smaller than 2^64). */
static uint64_t draw_below(const struct lane *l, enum class class, uint64_t below)
{
        return below == 0 ? 0 : draw(l, class) % below;
}

/* ---- lists and the pool ---- */

/* Insert behind the last entry whose instant is not later: from the end, where most belong. */
static void list_insert(struct list *list, struct held *h)
{
        struct held *before = list->last;

        while (before != NULL && before->at > h->at)
                before = before->prev;
        h->prev = before;
        h->next = before != NULL ? before->next : list->first;
        if (before != NULL)
                before->next = h;
        else
                list->first = h;
        if (h->next != NULL)
                h->next->prev = h;
        else
                list->last = h;
}

static struct held *list_take_first(struct list *list)
{
        struct held *h = list->first;

        list->first = h->next;
        if (h->next != NULL)
                h->next->prev = NULL;
        else
                list->last = NULL;
        return h;
}

static void held_free(struct fault *f, struct held *h)
{
        h->next = f->pool_free;
        f->pool_free = h;
}

static struct held *held_alloc(struct fault *f)
{
        struct held *h = f->pool_free;

        if (h != NULL)
                f->pool_free = h->next;
        else if (f->pool_used < f->pool_size)
                h = (struct held *)(void *)(f->pool + ENTRY_BYTES * f->pool_used++);
        return h;
}

/* A copy of the packet in one part; NULL: the pool is empty, the packet is lost and counted. */
static struct held *held_copy(struct fault *f, struct lane *l, const struct item *item)
{
        struct held *h = item->frame.len <= ELKO_DRV_PACKET_MAX ? held_alloc(f) : NULL;

        if (h == NULL) {
                l->stats.overflow++;
                return NULL;
        }
        h->item = *item;
        elko_drv_frame_copy(h->data, &item->frame);
        h->item.frame.parts = 1;
        memset(h->item.frame.part, 0, sizeof(h->item.frame.part));
        h->item.frame.part[0].data = h->data;
        h->item.frame.part[0].len = item->frame.len;
        return h;
}

/* ---- delivering ---- */

static void put_out(struct fault *f, const struct item *item)
{
        struct elko_packet *p = &f->out[f->out_n++];

        p->data = item->frame.part[0].data;
        p->len = item->frame.len;
        p->flags = item->flags;
        p->gso_size = item->frame.gso_size;
        f->drv.counters.rx_packets++;
        f->drv.counters.rx_bytes += p->len;
}

static void send_on(struct fault *f, const struct item *item)
{
        if (elko_drv_tx(f->inner, &item->frame, 1) == 1) {
                f->drv.counters.tx_packets++;
                f->drv.counters.tx_bytes += item->frame.len;
        } else {
                f->drv.counters.tx_drops++;
        }
}

static void deliver_item(struct fault *f, enum elko_drv_fault_dir dir, const struct item *item)
{
        if (dir == ELKO_DRV_FAULT_TX)
                send_on(f, item);
        else
                put_out(f, item);
}

static bool can_deliver(const struct fault *f, enum elko_drv_fault_dir dir)
{
        return dir == ELKO_DRV_FAULT_TX || f->out_n < f->out_max;
}

/* Deliver a held packet and give its entry back (now, or when the caller is done with the
 * bytes). */
static void deliver_held(struct fault *f, enum elko_drv_fault_dir dir, struct held *h)
{
        if (dir == ELKO_DRV_FAULT_TX) {
                send_on(f, &h->item);
                held_free(f, h);
        } else {
                put_out(f, &h->item);
                h->next = f->lent;
                f->lent = h;
        }
}

static void schedule_held(struct fault *f, enum elko_drv_fault_dir dir, struct held *h,
                          uint64_t delay_ns)
{
        struct lane *l = &f->lane[dir];

        h->at = f->now + delay_ns;
        if (delay_ns > 0)
                l->stats.delayed++;
        if (delay_ns == 0 && can_deliver(f, dir))
                deliver_held(f, dir, h);
        else
                list_insert(&l->timed, h);
}

static bool counted_is_due(const struct fault *f, const struct lane *l)
{
        return l->counted.first != NULL &&
               (l->n >= l->counted.first->after || f->now >= l->counted.first->at);
}

static bool timed_is_due(const struct fault *f, const struct lane *l)
{
        return l->timed.first != NULL && f->now >= l->timed.first->at;
}

/* Let go of what has been held long enough, as far as there is room for it. */
static void release_due(struct fault *f, enum elko_drv_fault_dir dir)
{
        struct lane *l = &f->lane[dir];

        while (can_deliver(f, dir) && timed_is_due(f, l))
                deliver_held(f, dir, list_take_first(&l->timed));
        while (can_deliver(f, dir) && counted_is_due(f, l)) {
                struct held *h = list_take_first(&l->counted);

                schedule_held(f, dir, h, h->delay_ns);
        }
}

/* ---- the fate of one packet ---- */

static bool is_drop_nth(const struct lane *l)
{
        for (int i = 0; i < ELKO_DRV_FAULT_NTH; i++)
                if (l->config.drop_nth[i] == l->n)
                        return true;
        return false;
}

static enum elko_drv_fault_verdict verdict_of(struct fault *f, enum elko_drv_fault_dir dir,
                                              const struct item *item)
{
        const struct lane *l = &f->lane[dir];
        const uint8_t *data = item->frame.part[0].data;

        if (is_drop_nth(l))
                return ELKO_DRV_FAULT_DROP;
        if (l->config.decide == NULL)
                return ELKO_DRV_FAULT_RANDOM;
        if (item->frame.parts > 1) {
                if (item->frame.len > ELKO_DRV_PACKET_MAX)
                        return ELKO_DRV_FAULT_RANDOM;
                elko_drv_frame_copy(f->scratch, &item->frame);
                data = f->scratch;
        }
        return l->config.decide(l->config.decide_ctx, dir, l->n, data, item->frame.len);
}

static struct fate fate_of(struct fault *f, enum elko_drv_fault_dir dir, const struct item *item)
{
        const struct lane *l = &f->lane[dir];
        const struct elko_drv_fault_config_dir *c = &l->config;
        enum elko_drv_fault_verdict v = verdict_of(f, dir, item);
        bool random = v == ELKO_DRV_FAULT_RANDOM;
        struct fate fate = {
                .drop = v == ELKO_DRV_FAULT_DROP,
                .duplicate = v == ELKO_DRV_FAULT_DUPLICATE,
                .corrupt = v == ELKO_DRV_FAULT_CORRUPT,
                .truncate = v == ELKO_DRV_FAULT_TRUNCATE,
                .reorder = v == ELKO_DRV_FAULT_REORDER,
                .delay_ns = c->delay_ns,
        };

        if (random) {
                fate.drop = happens(l, CLASS_DROP, c->drop_ppm);
                fate.duplicate = happens(l, CLASS_DUPLICATE, c->duplicate_ppm);
                fate.corrupt = happens(l, CLASS_CORRUPT, c->corrupt_ppm);
                fate.truncate = happens(l, CLASS_TRUNCATE, c->truncate_ppm);
                fate.reorder = happens(l, CLASS_REORDER, c->reorder_ppm);
        }
        if (v != ELKO_DRV_FAULT_PASS && c->jitter_ns != 0)
                fate.delay_ns += draw_below(l, CLASS_JITTER, c->jitter_ns + 1);
        return fate;
}

static void corrupt(const struct fault *f, struct lane *l, struct held *h)
{
        uint32_t skip = f->drv.link.medium == ELKO_MEDIUM_ETHERNET ? ETHERNET_BYTES : 0;
        uint64_t bit;

        if (h->item.frame.len <= skip)
                return;
        bit = draw_below(l, CLASS_CORRUPT_WHERE, (uint64_t)(h->item.frame.len - skip) * 8);
        h->data[skip + bit / 8] ^= (uint8_t)(1u << (bit % 8));
        l->stats.corrupted++;
}

static void truncate_held(struct lane *l, struct held *h)
{
        uint32_t len = h->item.frame.len;

        if (len < 2)
                return;
        len = 1 + (uint32_t)draw_below(l, CLASS_TRUNCATE_WHERE, len - 1);
        h->item.frame.len = len;
        h->item.frame.part[0].len = len;
        h->item.frame.csum_start = 0;
        h->item.frame.gso_size = 0;
        l->stats.truncated++;
}

/* Nobody vouches for the bytes any more. */
static void alter(struct fault *f, struct lane *l, struct held *h, const struct fate *fate)
{
        if (fate->corrupt)
                corrupt(f, l, h);
        if (fate->truncate)
                truncate_held(l, h);
        h->item.flags &= (uint16_t)~ELKO_PACKET_CSUM_OK;
}

/* Hold a packet back until later ones have passed it. */
static void hold_back(struct fault *f, enum elko_drv_fault_dir dir, struct held *h,
                      uint64_t delay_ns)
{
        struct lane *l = &f->lane[dir];
        const struct elko_drv_fault_config_dir *c = &l->config;
        uint64_t longest = c->reorder_ns != 0 ? c->reorder_ns : REORDER_NS_DEFAULT;

        l->stats.reordered++;
        if (c->reorder_distance == 0) {
                schedule_held(f, dir, h, delay_ns + longest);
                return;
        }
        h->at = f->now + longest;
        h->after = l->n + c->reorder_distance;
        h->delay_ns = delay_ns;
        list_insert(&l->counted, h);
}

static void duplicate(struct fault *f, enum elko_drv_fault_dir dir, const struct item *item,
                      uint64_t delay_ns)
{
        struct held *h = held_copy(f, &f->lane[dir], item);

        if (h == NULL)
                return;
        f->lane[dir].stats.duplicated++;
        schedule_held(f, dir, h, delay_ns);
}

/* One packet comes by. */
static void handle(struct fault *f, enum elko_drv_fault_dir dir, const struct item *item)
{
        struct lane *l = &f->lane[dir];
        struct held *h = NULL;
        struct fate fate;
        bool altered;

        l->n++;
        l->stats.seen++;
        fate = fate_of(f, dir, item);
        if (fate.drop) {
                l->stats.dropped++;
                return;
        }
        altered = fate.corrupt || fate.truncate;
        if (altered || fate.reorder || fate.delay_ns > 0 || !can_deliver(f, dir)) {
                h = held_copy(f, l, item);
                if (h == NULL)
                        return;
        }
        if (altered)
                alter(f, l, h, &fate);
        if (h == NULL)
                deliver_item(f, dir, item);
        else if (fate.reorder)
                hold_back(f, dir, h, fate.delay_ns);
        else
                schedule_held(f, dir, h, fate.delay_ns);
        if (fate.duplicate)
                duplicate(f, dir, item, fate.delay_ns);
}

/* ---- the driver ---- */

static bool is_transparent(const struct lane *l)
{
        return !l->active && l->timed.first == NULL && l->counted.first == NULL;
}

static int receive_inner(struct fault *f)
{
        struct elko_packet in[ELKO_DRV_BATCH];
        size_t room = f->out_max - f->out_n;
        int n = elko_drv_rx(f->inner, in, room < ELKO_DRV_BATCH ? room : ELKO_DRV_BATCH);

        for (int i = 0; i < n; i++) {
                struct item item = {
                        .frame = {.part = {{in[i].data, in[i].len}},
                                  .parts = 1,
                                  .len = in[i].len,
                                  .gso_size = in[i].gso_size},
                        .flags = in[i].flags,
                };

                handle(f, ELKO_DRV_FAULT_RX, &item);
                release_due(f, ELKO_DRV_FAULT_RX);
        }
        return n;
}

/* The caller is done with the bytes of the last rx(). */
static void take_back_lent(struct fault *f)
{
        while (f->lent != NULL) {
                struct held *h = f->lent;

                f->lent = h->next;
                held_free(f, h);
        }
}

static int fault_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        struct fault *f = fault_of(d);
        int n = 0;

        take_back_lent(f);
        release_due(f, ELKO_DRV_FAULT_TX);
        f->out = out;
        f->out_max = max;
        f->out_n = 0;
        release_due(f, ELKO_DRV_FAULT_RX);
        if (f->out_n < max)
                n = receive_inner(f);
        f->out_max = f->out_n; /* nothing is put out between calls */
        return n < 0 && f->out_n == 0 ? n : (int)f->out_n;
}

/* Nothing to do to these frames but to count them. */
static int pass_frames(struct fault *f, const struct elko_frame *frames, size_t n)
{
        struct lane *l = &f->lane[ELKO_DRV_FAULT_TX];
        int taken = elko_drv_tx(f->inner, frames, n);

        for (int i = 0; i < taken; i++) {
                l->n++;
                l->stats.seen++;
                f->drv.counters.tx_packets++;
                f->drv.counters.tx_bytes += frames[i].len;
        }
        return taken;
}

static int fault_tx(struct elko_drv *d, const struct elko_frame *frames, size_t n)
{
        struct fault *f = fault_of(d);

        if (is_transparent(&f->lane[ELKO_DRV_FAULT_TX]))
                return pass_frames(f, frames, n);
        release_due(f, ELKO_DRV_FAULT_TX);
        for (size_t i = 0; i < n; i++) {
                struct item item = {.frame = frames[i]};

                handle(f, ELKO_DRV_FAULT_TX, &item);
                release_due(f, ELKO_DRV_FAULT_TX);
        }
        return (int)n;
}

static size_t fault_tx_room(struct elko_drv *d)
{
        return elko_drv_tx_room(fault_of(d)->inner);
}

static int fault_poll_fd(struct elko_drv *d)
{
        return elko_drv_poll_fd(fault_of(d)->inner);
}

static uint64_t fault_next_deadline(struct elko_drv *d)
{
        struct fault *f = fault_of(d);
        uint64_t at = elko_drv_next_deadline(f->inner);

        for (int i = 0; i < ELKO_DRV_FAULT_DIRS; i++) {
                const struct lane *l = &f->lane[i];

                if (l->timed.first != NULL && l->timed.first->at < at)
                        at = l->timed.first->at;
                if (counted_is_due(f, l))
                        at = at < f->now ? at : f->now;
                else if (l->counted.first != NULL && l->counted.first->at < at)
                        at = l->counted.first->at;
        }
        return at;
}

static void fault_set_now(struct elko_drv *d, uint64_t now)
{
        struct fault *f = fault_of(d);

        if (f->now < now)
                f->now = now;
        elko_drv_set_now(f->inner, now);
}

static void fault_close(struct elko_drv *d)
{
        struct fault *f = fault_of(d);

        elko_drv_close(f->inner);
        if (f->pool != NULL)
                munmap(f->pool, f->pool_size * ENTRY_BYTES);
        free(f->scratch);
        free(f);
}

static const struct elko_drv_ops fault_ops = {
        .name = "fault",
        .rx = fault_rx,
        .tx = fault_tx,
        .tx_room = fault_tx_room,
        .poll_fd = fault_poll_fd,
        .next_deadline = fault_next_deadline,
        .set_now = fault_set_now,
        .close = fault_close,
};

/* ---- opening ---- */

/* Address space only: memory is touched when an entry is first used. */
static bool pool_init(struct fault *f, uint32_t packets)
{
        void *p = mmap(NULL, packets * ENTRY_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
                return false;
        f->pool = p;
        f->pool_size = packets;
        return true;
}

static void lane_init(struct lane *l, uint64_t seed, enum elko_drv_fault_dir dir)
{
        for (unsigned i = 0; i < CLASS_COUNT; i++)
                l->key[i] =
                        mix(mix(seed + GOLDEN) + ((uint64_t)dir * CLASS_COUNT + i + 1) * GOLDEN);
}

static bool is_active(const struct elko_drv_fault_config_dir *c)
{
        bool nth = false;

        for (int i = 0; i < ELKO_DRV_FAULT_NTH; i++)
                nth = nth || c->drop_nth[i] != 0;
        return nth || c->drop_ppm != 0 || c->duplicate_ppm != 0 || c->corrupt_ppm != 0 ||
               c->truncate_ppm != 0 || c->reorder_ppm != 0 || c->delay_ns != 0 ||
               c->jitter_ns != 0 || c->decide != NULL;
}

struct elko_drv *elko_drv_fault_open(struct elko_drv *inner,
                                     const struct elko_drv_fault_config *config,
                                     struct elko_drv_why *why)
{
        uint32_t hold = config->hold_packets != 0 ? config->hold_packets : HOLD_DEFAULT;
        struct fault *f = calloc(1, sizeof(*f));

        if (f == NULL) {
                elko_drv_close(inner);
                elko_drv_fail(why, ENOMEM, "fault: no memory for the wrapper");
                return NULL;
        }
        f->inner = inner;
        f->scratch = malloc(ELKO_DRV_PACKET_MAX);
        if (hold > HOLD_MAX || f->scratch == NULL || !pool_init(f, hold)) {
                fault_close(&f->drv);
                elko_drv_fail(why, ENOMEM,
                              "fault: no memory to hold %u packets; give a smaller "
                              "hold_packets (at most %d)",
                              hold, HOLD_MAX);
                return NULL;
        }
        f->drv.ops = &fault_ops;
        f->drv.link = inner->link;
        for (int i = 0; i < ELKO_DRV_FAULT_DIRS; i++) {
                lane_init(&f->lane[i], config->seed, (enum elko_drv_fault_dir)i);
                elko_drv_fault_set(&f->drv, (enum elko_drv_fault_dir)i, &config->dir[i]);
        }
        return &f->drv;
}

void elko_drv_fault_set(struct elko_drv *d, enum elko_drv_fault_dir dir,
                        const struct elko_drv_fault_config_dir *config)
{
        struct lane *l = &fault_of(d)->lane[dir];

        l->config = *config;
        l->active = is_active(config);
}

const struct elko_drv_fault_stats *elko_drv_fault_stats_get(struct elko_drv *d,
                                                            enum elko_drv_fault_dir dir)
{
        return &fault_of(d)->lane[dir].stats;
}

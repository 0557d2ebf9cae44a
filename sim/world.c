/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Virtual time and the queue of what will happen.
 *
 * Arrivals stand in a binary heap ordered by (instant, number of the arrival), so that ties are broken
 * the same way everywhere. Each node has one wake-up, a field and no heap entry: there are ten nodes at
 * most and wake-ups move with nearly every packet. Arrivals come before wake-ups of the same instant.
 *
 * Memory is taken once and kept between runs: packets come from pools of three sizes.
 */

enum {
        OBSERVERS = 4,
        EVENTS_AT_ONCE = 200000, /* at one instant: nobody waits for anything any more */
        POOLS = 3,
        POOL_CHUNK = 64,
        FAILURE_TEXT = 400,
};

static const uint32_t pool_bytes[POOLS] = {192, 1600, SIM_MTU_MAX + 64};

struct event {
        uint64_t at;
        uint64_t order;
        struct sim_packet *packet; /* NULL: a path lets go of what it holds */
        uint8_t from, to;
};

struct node {
        const struct sim_node_ops *ops;
        void *self;
        uint64_t wake;
};

struct chunk {
        struct chunk *next;
};

struct sim_world {
        uint64_t seed, now, hash, order;
        struct event *heap;
        uint32_t heap_count, heap_size;
        struct node node[SIM_NODES];
        unsigned nodes;
        struct sim_path path[SIM_NODES][SIM_NODES];
        struct sim_middlebox box[SIM_NODES][SIM_NODES];
        bool has_box[SIM_NODES][SIM_NODES];
        struct sim_observer observer[OBSERVERS];
        unsigned observers;
        struct sim_packet *pool[POOLS];
        struct chunk *chunks;
        const struct sim_decisions *allowed;
        struct sim_decisions *record;
        struct sim_stats stats;
        uint64_t packets_max, pause_at;
        uint64_t instant, instant_events;
        bool healed, failed;
        char failure[FAILURE_TEXT];
        void (*line)(void *ctx, const char *text);
        void *line_ctx;
};

/* ---- names ---- */

const char *sim_fault_word(enum sim_fault class)
{
        static const char *const words[] = {
#define SIM_X(name, word, text) word,
                SIM_FAULT_LIST(SIM_X)
#undef SIM_X
        };

        return class < SIM_FAULTS ? words[class] : "?";
}

const char *sim_fault_text(enum sim_fault class)
{
        static const char *const texts[] = {
#define SIM_X(name, word, text) text,
                SIM_FAULT_LIST(SIM_X)
#undef SIM_X
        };

        return class < SIM_FAULTS ? texts[class] : "?";
}

/* ---- the trace hash and what people see ---- */

void sim_note(struct sim_world *w, uint64_t what, uint64_t value)
{
        w->hash = (w->hash ^ what) * 0x9fb21c651e98df25u;
        w->hash = ((w->hash << 29 | w->hash >> 35) ^ value) * 0xc2b2ae3d27d4eb4fu;
        w->hash ^= w->hash >> 31;
}

bool sim_is_heard(const struct sim_world *w)
{
        return w->line != NULL;
}

void sim_world_listen(struct sim_world *w, void (*line)(void *ctx, const char *text), void *ctx)
{
        w->line = line;
        w->line_ctx = ctx;
}

void sim_say(struct sim_world *w, const char *format, ...)
{
        char text[512];
        va_list args;
        int n;

        if (w->line == NULL)
                return;
        n = snprintf(text, sizeof(text), "%14.6f ", (double)w->now / 1e9);
        va_start(args, format);
        vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
        va_end(args);
        w->line(w->line_ctx, text);
}

void sim_fail(struct sim_world *w, const char *format, ...)
{
        va_list args;
        int n;

        if (w->failed)
                return;
        w->failed = true;
        n = snprintf(w->failure, sizeof(w->failure), "at %.6f s: ", (double)w->now / 1e9);
        va_start(args, format);
        vsnprintf(w->failure + n, sizeof(w->failure) - (size_t)n, format, args);
        va_end(args);
        sim_say(w, "FAILED %s", w->failure);
}

/* ---- decisions ---- */

bool sim_decisions_add(struct sim_decisions *d, struct sim_decision one)
{
        if (d->count == d->capacity) {
                uint32_t capacity = d->capacity == 0 ? 256 : d->capacity * 2;
                struct sim_decision *list = realloc(d->list, capacity * sizeof(*list));

                if (list == NULL)
                        return false;
                d->list = list;
                d->capacity = capacity;
        }
        d->list[d->count++] = one;
        return true;
}

static int compare(const void *a, const void *b)
{
        const struct sim_decision *x = a, *y = b;

        if (x->class != y->class)
                return x->class < y->class ? -1 : 1;
        if (x->where != y->where)
                return x->where < y->where ? -1 : 1;
        return x->n == y->n ? 0 : x->n < y->n ? -1 : 1;
}

void sim_decisions_sort(struct sim_decisions *d)
{
        uint32_t kept = 0;

        if (d->count == 0)
                return;
        qsort(d->list, d->count, sizeof(*d->list), compare);
        for (uint32_t i = 1; i < d->count; i++)
                if (compare(&d->list[i], &d->list[kept]) != 0)
                        d->list[++kept] = d->list[i];
        d->count = kept + 1;
}

bool sim_decisions_has(const struct sim_decisions *sorted, struct sim_decision one)
{
        return sorted->count != 0 &&
               bsearch(&one, sorted->list, sorted->count, sizeof(*sorted->list), compare) != NULL;
}

void sim_decisions_free(struct sim_decisions *d)
{
        free(d->list);
        *d = (struct sim_decisions){0};
}

bool sim_decide(struct sim_world *w, enum sim_fault class, uint32_t where, uint64_t n)
{
        struct sim_decision one = {
                .class = (uint8_t) class, .where = (uint16_t)where, .n = (uint32_t)n};

        if (w->allowed != NULL && !sim_decisions_has(w->allowed, one))
                return false;
        w->stats.harms[class]++;
        sim_note(w, 0xd0u + class, (uint64_t)where << 32 | one.n);
        if (w->record != NULL && !sim_decisions_add(w->record, one))
                sim_fail(w, "no memory to record a decision");
        if (w->line != NULL)
                sim_say(w, "harm: %s %04x %u", sim_fault_word(class), where, one.n);
        return true;
}

void sim_world_allow(struct sim_world *w, const struct sim_decisions *allowed)
{
        w->allowed = allowed;
}

void sim_world_record(struct sim_world *w, struct sim_decisions *made)
{
        w->record = made;
}

/* ---- packets ---- */

static uint64_t word_at(const uint8_t *p)
{
        uint64_t v;

        memcpy(&v, p, sizeof(v));
        return SIM_LITTLE(v);
}

/* Four lanes, so that the multiplications overlap. */
static uint64_t digest(const uint8_t *p, size_t len)
{
        uint64_t lane[4] = {len, 1, 2, 3};
        size_t i = 0;

        for (; i + 32 <= len; i += 32)
                for (unsigned k = 0; k < 4; k++)
                        lane[k] = (lane[k] ^ word_at(p + i + 8 * k)) * 0x9fb21c651e98df25u +
                                  (lane[k] >> 32);
        for (; i + 8 <= len; i += 8)
                lane[0] = (lane[0] ^ word_at(p + i)) * 0xc2b2ae3d27d4eb4fu + (lane[0] >> 32);
        for (; i < len; i++)
                lane[1] = (lane[1] ^ p[i]) * 0xc2b2ae3d27d4eb4fu + (lane[1] >> 32);
        return sim_mix64(lane[0] ^ sim_mix64(lane[1] ^ sim_mix64(lane[2] ^ sim_mix64(lane[3]))));
}

static bool pool_grow(struct sim_world *w, unsigned class)
{
        size_t each = sizeof(struct sim_packet) + pool_bytes[class];
        struct chunk *chunk;
        uint8_t *p;

        each = (each + 15) & ~(size_t)15;
        chunk = malloc(16 + each * POOL_CHUNK);
        if (chunk == NULL)
                return false;
        chunk->next = w->chunks;
        w->chunks = chunk;
        p = (uint8_t *)chunk + 16;
        for (unsigned i = 0; i < POOL_CHUNK; i++, p += each) {
                struct sim_packet *packet = (struct sim_packet *)(void *)p;

                packet->class = (uint16_t) class;
                packet->next = w->pool[class];
                w->pool[class] = packet;
        }
        return true;
}

struct sim_packet *sim_packet_new(struct sim_world *w, const uint8_t *bytes, size_t len)
{
        unsigned class = 0;
        struct sim_packet *p;

        /* Padding and repairs may add a little. */
        while (len + 48 > pool_bytes[class])
                class ++;
        if (w->pool[class] == NULL && !pool_grow(w, class)) {
                sim_fail(w, "no memory for packets");
                return NULL;
        }
        p = w->pool[class];
        w->pool[class] = p->next;
        p->len = (uint32_t)len;
        memcpy(p->data, bytes, len);
        p->digest = 0;
        return p;
}

void sim_packet_free(struct sim_world *w, struct sim_packet *p)
{
        p->next = w->pool[p->class];
        w->pool[p->class] = p;
}

void sim_packet_touch(struct sim_packet *p)
{
        p->digest = digest(p->data, p->len);
}

/* ---- the heap ---- */

static bool before(const struct event *a, const struct event *b)
{
        return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void push(struct sim_world *w, struct event e)
{
        uint32_t i = w->heap_count;

        if (i == w->heap_size) {
                uint32_t size = i == 0 ? 1024 : i * 2;
                struct event *heap = realloc(w->heap, size * sizeof(*heap));

                if (heap == NULL) {
                        sim_fail(w, "no memory for events");
                        return;
                }
                w->heap = heap;
                w->heap_size = size;
        }
        e.order = w->order++;
        w->heap_count++;
        for (; i > 0 && before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
                w->heap[i] = w->heap[(i - 1) / 2];
        w->heap[i] = e;
}

static struct event pop(struct sim_world *w)
{
        struct event top = w->heap[0], last = w->heap[--w->heap_count];
        uint32_t i = 0;

        for (;;) {
                uint32_t child = 2 * i + 1;

                if (child >= w->heap_count)
                        break;
                if (child + 1 < w->heap_count && before(&w->heap[child + 1], &w->heap[child]))
                        child++;
                if (!before(&w->heap[child], &last))
                        break;
                w->heap[i] = w->heap[child];
                i = child;
        }
        w->heap[i] = last;
        return top;
}

void sim_world_deliver(struct sim_world *w, struct sim_packet *p, uint64_t at)
{
        push(w, (struct event){.at = at < w->now ? w->now : at, .packet = p, .to = p->to});
}

void sim_world_queue_drop(struct sim_world *w, struct sim_packet *p)
{
        w->stats.dropped_queue++;
        sim_packet_free(w, p);
}

void sim_world_release_at(struct sim_world *w, unsigned from, unsigned to, uint64_t at)
{
        push(w, (struct event){.at = at, .from = (uint8_t)from, .to = (uint8_t)to});
}

/* ---- nodes ---- */

int sim_node_add(struct sim_world *w, const struct sim_node_ops *ops, void *self)
{
        if (w->nodes == SIM_NODES)
                return -1;
        w->node[w->nodes] = (struct node){ops, self, ELKO_NEVER};
        return (int)w->nodes++;
}

elko_ip sim_address(unsigned node, bool v6)
{
        elko_ip ip = {{0}};

        if (!v6)
                return elko_ip_v4(10, 0, 0, (uint8_t)(node + 1));
        ip.b[0] = 0xfd;
        ip.b[15] = (uint8_t)(node + 1);
        return ip;
}

unsigned sim_world_nodes(const struct sim_world *w)
{
        return w->nodes;
}

void *sim_world_node(const struct sim_world *w, unsigned node, const struct sim_node_ops *ops)
{
        return node < w->nodes && w->node[node].ops == ops ? w->node[node].self : NULL;
}

void sim_wake(struct sim_world *w, int node, uint64_t at)
{
        w->node[node].wake = at < w->now ? w->now : at;
}

uint64_t sim_now(const struct sim_world *w)
{
        return w->now;
}

uint64_t sim_seed(const struct sim_world *w)
{
        return w->seed;
}

void sim_observe(struct sim_world *w, const struct sim_observer *o)
{
        if (w->observers == OBSERVERS)
                sim_fail(w, "too many observers");
        else
                w->observer[w->observers++] = *o;
}

void sim_middlebox_set(struct sim_world *w, int a, int b, const struct sim_middlebox *m)
{
        int lo = a < b ? a : b, hi = a < b ? b : a;

        if (w->has_box[lo][hi] && w->box[lo][hi].destroy != NULL)
                w->box[lo][hi].destroy(w->box[lo][hi].self);
        w->box[lo][hi] = *m;
        w->has_box[lo][hi] = true;
}

/* ---- the way of a packet ---- */

/* Which node owns the destination? -1: nobody. */
static int owner(const struct sim_world *w, const uint8_t *packet, size_t len)
{
        unsigned node = SIM_NODES;

        if (len >= 20 && packet[0] >> 4 == 4) {
                const uint8_t *d = packet + 16;

                if (d[0] == 10 && d[1] == 0 && d[2] == 0)
                        node = d[3] - 1u;
        } else if (len >= 40 && packet[0] >> 4 == 6) {
                const uint8_t *d = packet + 24;
                uint8_t rest = 0;

                for (unsigned i = 1; i < 15; i++)
                        rest |= d[i];
                if (d[0] == 0xfd && rest == 0)
                        node = d[15] - 1u;
        }
        return node < w->nodes ? (int)node : -1;
}

static void enter_path(struct sim_world *w, int from, int to, const uint8_t *packet, size_t len)
{
        struct sim_packet *p = sim_packet_new(w, packet, len);

        if (p == NULL)
                return;
        p->from = (uint8_t)from;
        p->to = (uint8_t)to;
        sim_packet_touch(p);
        sim_note(w, w->now, p->digest);
        sim_path_pass(w, &w->path[from][to], p);
}

void sim_forward(struct sim_world *w, int from, int to, const uint8_t *packet, size_t len)
{
        if (len > SIM_MTU_MAX) {
                w->stats.dropped_long++;
                return;
        }
        enter_path(w, from, to, packet, len);
}

void sim_send(struct sim_world *w, int from, const uint8_t *packet, size_t len)
{
        int to, lo, hi;

        w->stats.packets++;
        for (unsigned i = 0; i < w->observers; i++)
                if (w->observer[i].sent != NULL)
                        w->observer[i].sent(w->observer[i].self, from, packet, len, w->now);
        if (w->packets_max != 0 && w->stats.packets > w->packets_max)
                sim_fail(w, "O4: more than %llu packets (--packets-max)",
                         (unsigned long long)w->packets_max);
        if (len > SIM_MTU_MAX) {
                w->stats.dropped_long++;
                return;
        }
        to = owner(w, packet, len);
        if (to < 0) {
                w->stats.dropped_unknown++;
                return;
        }
        lo = from < to ? from : to;
        hi = from < to ? to : from;
        if (w->has_box[lo][hi])
                w->box[lo][hi].filter(w->box[lo][hi].self, w, from, to, packet, len, w->now);
        else
                enter_path(w, from, to, packet, len);
}

static void ask_node(struct sim_world *w, const struct node *node)
{
        const char *bad = node->ops->check != NULL ? node->ops->check(node->self) : NULL;

        if (bad != NULL)
                sim_fail(w, "O2: %s: %s", node->ops->name, bad);
}

static void arrive(struct sim_world *w, struct sim_packet *p)
{
        const struct node *node = &w->node[p->to];

        w->stats.arrivals++;
        sim_note(w, w->now ^ 0xa5a5u, p->digest);
        for (unsigned i = 0; i < w->observers; i++)
                if (w->observer[i].arrives != NULL)
                        w->observer[i].arrives(w->observer[i].self, p->to, p->data, p->len, w->now);
        node->ops->input(node->self, w, p->data, p->len, w->now);
        sim_packet_free(w, p);
        ask_node(w, node);
}

/* ---- time ---- */

static unsigned first_to_wake(const struct sim_world *w)
{
        unsigned first = 0;

        for (unsigned i = 1; i < w->nodes; i++)
                if (w->node[i].wake < w->node[first].wake)
                        first = i;
        return first;
}

static void begin_event(struct sim_world *w, uint64_t at)
{
        w->now = at;
        w->stats.steps++;
        if (at != w->instant) {
                w->instant = at;
                w->instant_events = 0;
        } else if (++w->instant_events > EVENTS_AT_ONCE) {
                sim_fail(w, "O5: time stands still: more than %d events at one instant",
                         EVENTS_AT_ONCE);
        }
}

bool sim_world_run(struct sim_world *w, uint64_t until)
{
        while (!w->failed && w->stats.packets < w->pause_at) {
                unsigned waking = first_to_wake(w);
                uint64_t wake = w->nodes > 0 ? w->node[waking].wake : ELKO_NEVER;
                uint64_t packet = w->heap_count > 0 ? w->heap[0].at : ELKO_NEVER;

                if (packet == ELKO_NEVER && wake == ELKO_NEVER)
                        return false;
                if (packet > until && wake > until) {
                        w->now = until;
                        return true;
                }
                if (packet <= wake) {
                        struct event e = pop(w);

                        begin_event(w, e.at);
                        if (e.packet != NULL)
                                arrive(w, e.packet);
                        else
                                sim_path_release(w, &w->path[e.from][e.to], w->now);
                } else {
                        struct node *node = &w->node[waking];

                        node->wake = ELKO_NEVER;
                        begin_event(w, wake);
                        node->ops->run(node->self, w, w->now);
                        ask_node(w, node);
                }
        }
        return !w->failed;
}

void sim_world_heal(struct sim_world *w)
{
        w->healed = true;
        for (unsigned a = 0; a < w->nodes; a++)
                for (unsigned b = 0; b < w->nodes; b++) {
                        sim_path_heal(w, &w->path[a][b]);
                        if (w->has_box[a][b] && w->box[a][b].heal != NULL)
                                w->box[a][b].heal(w->box[a][b].self);
                }
        for (unsigned i = 0; i < w->nodes; i++)
                if (w->node[i].ops->heal != NULL)
                        w->node[i].ops->heal(w->node[i].self, w, w->now);
}

bool sim_world_healed(const struct sim_world *w)
{
        return w->healed;
}

/* ---- life ---- */

struct sim_world *sim_world_new(void)
{
        struct sim_world *w = calloc(1, sizeof(*w));

        if (w != NULL)
                sim_world_reset(w, 0);
        return w;
}

static void destroy_all(struct sim_world *w)
{
        for (unsigned i = 0; i < w->nodes; i++)
                if (w->node[i].ops->destroy != NULL)
                        w->node[i].ops->destroy(w->node[i].self);
        for (unsigned a = 0; a < w->nodes; a++)
                for (unsigned b = a; b < w->nodes; b++)
                        if (w->has_box[a][b] && w->box[a][b].destroy != NULL)
                                w->box[a][b].destroy(w->box[a][b].self);
        for (uint32_t i = 0; i < w->heap_count; i++)
                if (w->heap[i].packet != NULL)
                        sim_packet_free(w, w->heap[i].packet);
        for (unsigned a = 0; a < w->nodes; a++)
                for (unsigned b = 0; b < w->nodes; b++)
                        for (unsigned i = 0; i < SIM_HELD; i++)
                                if (w->path[a][b].held[i].packet != NULL)
                                        sim_packet_free(w, w->path[a][b].held[i].packet);
}

void sim_world_reset(struct sim_world *w, uint64_t seed)
{
        destroy_all(w);
        w->seed = seed;
        w->now = 0;
        w->hash = sim_mix64(seed);
        w->order = 0;
        w->heap_count = 0;
        w->nodes = 0;
        w->observers = 0;
        w->stats = (struct sim_stats){0};
        w->instant = ELKO_NEVER;
        w->instant_events = 0;
        w->healed = false;
        w->failed = false;
        w->allowed = NULL;
        w->record = NULL;
        w->packets_max = 0;
        w->pause_at = UINT64_MAX;
        memset(w->has_box, 0, sizeof(w->has_box));
        for (unsigned a = 0; a < SIM_NODES; a++)
                for (unsigned b = 0; b < SIM_NODES; b++)
                        sim_path_init(&w->path[a][b]);
}

void sim_world_free(struct sim_world *w)
{
        if (w == NULL)
                return;
        destroy_all(w);
        while (w->chunks != NULL) {
                struct chunk *next = w->chunks->next;

                free(w->chunks);
                w->chunks = next;
        }
        free(w->heap);
        free(w);
}

struct sim_path *sim_world_path(struct sim_world *w, unsigned from, unsigned to)
{
        return &w->path[from][to];
}

const struct sim_stats *sim_world_stats(const struct sim_world *w)
{
        return &w->stats;
}

const char *sim_world_failure(const struct sim_world *w)
{
        return w->failed ? w->failure : NULL;
}

uint64_t sim_world_hash(const struct sim_world *w)
{
        return w->hash;
}

void sim_world_packets_max(struct sim_world *w, uint64_t max)
{
        w->packets_max = max;
}

void sim_world_pause_at(struct sim_world *w, uint64_t packets)
{
        w->pause_at = packets;
}

uint32_t sim_world_in_flight(const struct sim_world *w)
{
        return w->heap_count;
}

uint64_t sim_world_next(const struct sim_world *w, int *node)
{
        unsigned waking = first_to_wake(w);
        uint64_t wake = w->nodes > 0 ? w->node[waking].wake : ELKO_NEVER;
        uint64_t packet = w->heap_count > 0 ? w->heap[0].at : ELKO_NEVER;

        *node = packet <= wake ? -1 : (int)waking;
        return packet <= wake ? packet : wake;
}

/*
 * wheel.c - hierarchical timer wheel.
 *
 * Three kinds of slots hold the timers that are not due yet, from the finest to the coarsest. Time
 * is cut into ticks of 2^21 ns, and ticks into blocks of 128 (2^28 ns, 268 ms):
 *
 *     fine   256 slots of 2^13 ns:  the rest of the current tick
 *     near   256 slots of a tick:   the rest of the current block, and all of the next
 *     far    6 levels of 64 slots:  all later blocks, by their number written in base 64
 *
 *     now
 *      |fine|- - - near - - -|- - - near - - -|- - - far ...
 *           ^ end of tick    ^ end of block   ^ end of the next block: `last` is its number
 *
 * A far block number b is compared with `last`, the number of the last near block. The highest
 * base-64 digit in which they differ is the level, b's digit there is the slot. b > last, so that
 * digit is larger than the one of `last`: on each level only slots above `last`'s own are in use,
 * and all of a level lies before all of the next. Hence the earliest timer is always in the first
 * occupied slot of the finest occupied kind, and finding it takes a few bitmap words and one list.
 *
 * As time advances, slots that `now` (for far: `last`) has reached are drained: each timer is
 * placed anew, which puts it on the due list or into a finer kind. A timer so moves at most
 * 6 + 2 times, however long it runs, and slots that time has jumped over are found by the bitmaps,
 * not by walking the ticks between. Because near covers the next block too, whatever lies within
 * 268 ms is always in fine or near, where its exact time can be told; a far timer is announced by
 * the beginning of its slot.
 *
 * Why the fine slots: thousands of pacing timers may share a tick. Without them, each of these
 * timers that goes off would cost a walk over all the others of that tick.
 *
 * Most callers ask for the next deadline far more often than they change it, so the earliest time
 * is remembered (`soonest`) until the timer it belongs to goes away.
 */
#include "base/wheel.h"

#include "base/bits.h"

enum {
        FINE_SHIFT = 13,  /* log2 of a fine slot, ns */
        TICK_SHIFT = 21,  /* log2 of a tick, ns */
        BLOCK_SHIFT = 28, /* log2 of a block, ns */
        DIGIT_BITS = 6,   /* far levels are base-64 digits */
        FINE = 0,         /* first slot of each kind */
        NEAR = FINE + EK_WHEEL_FINE_SLOTS,
        FAR = NEAR + EK_WHEEL_NEAR_SLOTS,
        DUE = EK_WHEEL_SLOTS,
};

EK_STATIC_ASSERT(TICK_SHIFT - FINE_SHIFT == 8, "a tick is all the fine slots");
EK_STATIC_ASSERT(BLOCK_SHIFT - TICK_SHIFT == 7, "two blocks are all the near slots");
EK_STATIC_ASSERT(BLOCK_SHIFT + DIGIT_BITS * EK_WHEEL_FAR_LEVELS == 64, "all times have a slot");
EK_STATIC_ASSERT(sizeof(struct ek_wheel) <= 8192, "the wheel is meant to be small");

/* ------------------------------------------------------------------ placement */

/* The number of the last near block, as seen from `now`. */
static uint64_t last_near_block(uint64_t now)
{
        return (now >> BLOCK_SHIFT) + 1;
}

/* The digits of a block number above those of `level`. */
static uint64_t digits_above(uint64_t block, uint32_t level)
{
        return block >> (DIGIT_BITS * (level + 1));
}

static uint32_t digit_of(uint64_t block, uint32_t level)
{
        return (uint32_t)(block >> (DIGIT_BITS * level)) & (EK_WHEEL_FAR_SLOTS - 1);
}

static uint32_t far_slot(uint64_t block, uint64_t last)
{
        uint32_t level = ek_log2_floor64(block ^ last) / DIGIT_BITS;

        EK_ASSERT(block > last && level < EK_WHEEL_FAR_LEVELS);
        return FAR + level * EK_WHEEL_FAR_SLOTS + digit_of(block, level);
}

/* The slot in which a timer belongs at the time `now`. */
static uint32_t slot_for(uint64_t at, uint64_t now)
{
        if (at <= now)
                return DUE;
        if (at >> TICK_SHIFT == now >> TICK_SHIFT)
                return FINE + ((uint32_t)(at >> FINE_SHIFT) & (EK_WHEEL_FINE_SLOTS - 1));
        if (at >> BLOCK_SHIFT <= last_near_block(now))
                return NEAR + ((uint32_t)(at >> TICK_SHIFT) & (EK_WHEEL_NEAR_SLOTS - 1));
        return far_slot(at >> BLOCK_SHIFT, last_near_block(now));
}

/* ---------------------------------------------------------------------- slots */

/* node->slot is the slot + 1, so that a zeroed node is one that is not set. */
static uint32_t slot_of(const struct ek_wnode *node)
{
        EK_ASSERT(node->slot >= 1 && node->slot <= EK_WHEEL_SLOTS + 1);
        return node->slot - 1;
}

static void mark(struct ek_wheel *w, uint32_t slot, bool occupied)
{
        uint64_t bit = (uint64_t)1 << (slot % 64);

        if (slot == DUE)
                return;
        if (occupied)
                w->map[slot / 64] |= bit;
        else
                w->map[slot / 64] &= ~bit;
}

/* The first occupied slot in [from, end), or EK_NIL. */
static uint32_t first_occupied(const struct ek_wheel *w, uint32_t from, uint32_t end)
{
        while (from < end) {
                uint64_t word = w->map[from / 64] >> (from % 64);

                EK_WORK(1);
                if (word != 0) {
                        from += ek_ctz64(word);
                        return from < end ? from : EK_NIL;
                }
                from = (from | 63) + 1;
        }
        return EK_NIL;
}

/* Appends the node to the circular list of the slot that suits its time. */
static void link_node(struct ek_wheel *w, struct ek_wnode *node)
{
        uint32_t slot = slot_for(node->at, w->now);
        struct ek_wnode *head = w->head[slot];

        w->changes++;
        if (slot == DUE)
                w->due_floor = head == NULL ? node->at : ek_min_u64(w->due_floor, node->at);
        node->slot = slot + 1;
        if (head == NULL) {
                node->next = node;
                node->prev = node;
                w->head[slot] = node;
                mark(w, slot, true);
                return;
        }
        node->next = head;
        node->prev = head->prev;
        head->prev->next = node;
        head->prev = node;
}

static void unlink_node(struct ek_wheel *w, struct ek_wnode *node)
{
        uint32_t slot = slot_of(node);

        w->changes++;
        if (node->next == node) {
                EK_ASSERT(w->head[slot] == node);
                w->head[slot] = NULL;
                mark(w, slot, false);
        } else {
                node->next->prev = node->prev;
                node->prev->next = node->next;
                if (w->head[slot] == node)
                        w->head[slot] = node->next;
        }
        node->next = NULL;
        node->prev = NULL;
        node->slot = 0;
}

/* ------------------------------------------------------------------ advancing */

/* Places all timers of a slot anew. */
static void drain_slot(struct ek_wheel *w, uint32_t slot)
{
        struct ek_wnode *node = w->head[slot];

        EK_ASSERT(node != NULL);
        w->head[slot] = NULL;
        mark(w, slot, false);
        node->prev->next = NULL;
        while (node != NULL) {
                struct ek_wnode *next = node->next;

                EK_WORK(1);
                link_node(w, node);
                node = next;
        }
}

/* Drains the occupied slots in [from, end). */
static void drain(struct ek_wheel *w, uint32_t from, uint32_t end)
{
        uint32_t slot;

        for (slot = first_occupied(w, from, end); slot != EK_NIL;
             slot = first_occupied(w, slot + 1, end))
                drain_slot(w, slot);
}

/* The fine slots up to the one that `now` is in, or all if the tick is over. */
static void drain_fine(struct ek_wheel *w, bool same_tick)
{
        uint32_t current = (uint32_t)(w->now >> FINE_SHIFT) & (EK_WHEEL_FINE_SLOTS - 1);

        drain(w, FINE, FINE + (same_tick ? current + 1 : EK_WHEEL_FINE_SLOTS));
}

/* The near slots of the ticks in (old_tick, tick], which may be all, from the oldest. */
static void drain_near(struct ek_wheel *w, uint64_t old_tick, uint64_t tick)
{
        uint32_t n = (uint32_t)ek_min_u64(tick - old_tick, EK_WHEEL_NEAR_SLOTS);
        uint32_t from = (uint32_t)(old_tick + 1) & (EK_WHEEL_NEAR_SLOTS - 1);
        uint32_t end = from + n;

        drain(w, NEAR + from, NEAR + ek_min_u32(end, EK_WHEEL_NEAR_SLOTS));
        if (end > EK_WHEEL_NEAR_SLOTS)
                drain(w, NEAR, NEAR + end - EK_WHEEL_NEAR_SLOTS);
}

/* The far slots that are not beyond `last`, from the nearest. */
static void drain_far(struct ek_wheel *w, uint64_t old_last, uint64_t last)
{
        uint32_t level;

        for (level = 0; level < EK_WHEEL_FAR_LEVELS; level++) {
                uint32_t from = FAR + level * EK_WHEEL_FAR_SLOTS;
                bool outran = digits_above(old_last, level) != digits_above(last, level);
                uint32_t n = outran ? EK_WHEEL_FAR_SLOTS : digit_of(last, level) + 1;

                drain(w, from, from + n);
        }
}

void ek_wheel_advance(struct ek_wheel *w, uint64_t now)
{
        uint64_t old = w->now;
        bool same_tick = old >> TICK_SHIFT == now >> TICK_SHIFT;

        if (now <= old)
                return;
        w->now = now;
        if (same_tick && w->soonest_known && now < w->soonest)
                return;
        w->changes++;
        if (w->soonest <= now)
                w->soonest_known = false;

        drain_fine(w, same_tick);
        if (same_tick)
                return;
        drain_near(w, old >> TICK_SHIFT, now >> TICK_SHIFT);
        if (old >> BLOCK_SHIFT != now >> BLOCK_SHIFT)
                drain_far(w, last_near_block(old), last_near_block(now));
}

/* ----------------------------------------------------------------------- face */

void ek_wheel_init(struct ek_wheel *w, uint64_t now)
{
        memset(w, 0, sizeof(*w));
        w->now = now;
}

void ek_wheel_set(struct ek_wheel *w, struct ek_wnode *node, uint64_t at)
{
        ek_wheel_cancel(w, node);
        if (at == EK_NEVER)
                return;
        node->at = at;
        link_node(w, node);
        if (at > w->now) {
                if (w->count == 0)
                        w->soonest_known = true;
                if (w->count == 0 || at < w->soonest)
                        w->soonest = at;
        }
        w->count++;
}

void ek_wheel_cancel(struct ek_wheel *w, struct ek_wnode *node)
{
        if (!ek_wheel_is_set(node))
                return;
        EK_ASSERT(w->count > 0);
        unlink_node(w, node);
        w->count--;
        if (node->at == w->soonest)
                w->soonest_known = false;
}

struct ek_wnode *ek_wheel_expire(struct ek_wheel *w, uint64_t now)
{
        struct ek_wnode *node;

        ek_wheel_advance(w, now);
        node = w->head[DUE];
        if (node == NULL)
                return NULL;
        EK_ASSERT(node->at <= w->now);
        unlink_node(w, node);
        w->count--;
        return node;
}

/* The first occupied fine or near slot in order of time, or EK_NIL. */
static uint32_t first_close_slot(const struct ek_wheel *w)
{
        uint32_t tick = (uint32_t)(w->now >> TICK_SHIFT) & (EK_WHEEL_NEAR_SLOTS - 1);
        uint32_t slot = first_occupied(w, FINE, FINE + EK_WHEEL_FINE_SLOTS);

        if (slot == EK_NIL)
                slot = first_occupied(w, NEAR + tick, NEAR + EK_WHEEL_NEAR_SLOTS);
        if (slot == EK_NIL)
                slot = first_occupied(w, NEAR, NEAR + tick);
        return slot;
}

/* When the first occupied far slot begins, or EK_NEVER. */
static uint64_t first_far_start(const struct ek_wheel *w)
{
        uint64_t last = last_near_block(w->now);
        uint32_t slot = first_occupied(w, FAR, FAR + EK_WHEEL_FAR_LEVELS * EK_WHEEL_FAR_SLOTS);
        uint32_t level;
        uint64_t block;

        if (slot == EK_NIL)
                return EK_NEVER;
        level = (slot - FAR) / EK_WHEEL_FAR_SLOTS;
        block = digits_above(last, level) << DIGIT_BITS | slot % EK_WHEEL_FAR_SLOTS;
        return block << (DIGIT_BITS * level) << BLOCK_SHIFT;
}

static uint64_t earliest_in(const struct ek_wnode *head)
{
        const struct ek_wnode *node = head;
        uint64_t earliest = EK_NEVER;

        do {
                EK_WORK(1);
                earliest = ek_min_u64(earliest, node->at);
                node = node->next;
        } while (node != head);
        return earliest;
}

uint64_t ek_wheel_next(struct ek_wheel *w)
{
        uint32_t slot;

        if (w->head[DUE] != NULL)
                return w->due_floor;
        if (w->soonest_known)
                return w->soonest;
        slot = first_close_slot(w);
        if (slot == EK_NIL)
                return first_far_start(w);
        w->soonest = earliest_in(w->head[slot]);
        w->soonest_known = true;
        w->changes++;
        return w->soonest;
}

uint32_t ek_wheel_count(const struct ek_wheel *w)
{
        return w->count;
}

/* ---------------------------------------------------------------------- check */

static bool check_node(const struct ek_wheel *w, const struct ek_wnode *node, uint32_t slot)
{
        if (node->slot != slot + 1 || node->next->prev != node)
                return false;
        if (slot == DUE && node->at < w->due_floor)
                return false;
        return slot_for(node->at, w->now) == slot;
}

/* Whether a slot is sound. Adds its length to *n, and lowers *earliest to its earliest time. */
static bool check_slot(const struct ek_wheel *w, uint32_t slot, uint32_t *n, uint64_t *earliest)
{
        const struct ek_wnode *head = w->head[slot];
        const struct ek_wnode *node = head;

        if (slot != DUE && (head != NULL) != ((w->map[slot / 64] >> (slot % 64) & 1) != 0))
                return false;
        if (head == NULL)
                return true;
        do {
                EK_WORK(1);
                if (!check_node(w, node, slot) || (*n)++ > w->count)
                        return false;
                *earliest = ek_min_u64(*earliest, node->at);
                node = node->next;
        } while (node != head);
        return true;
}

/* Whether the slots [from, end) of one word are empty. Most are, always, so this is what a check costs. */
static bool are_empty(const struct ek_wheel *w, uint32_t from, uint32_t end)
{
        static struct ek_wnode *const none[64];

        /* Pointers are what is compared. NOLINTNEXTLINE(bugprone-sizeof-expression) */
        return memcmp(w->head + from, none, (end - from) * sizeof(none[0])) == 0;
}

EK_STATIC_ASSERT(EK_WHEEL_SLOTS % 64 == 0, "the map's words are full");

static bool check_wheel(const struct ek_wheel *w, bool whole)
{
        uint64_t earliest = EK_NEVER;
        uint64_t due = EK_NEVER;
        uint32_t n = 0;

        for (uint32_t word = 0; word < EK_WHEEL_SLOTS; word += 64) {
                uint32_t from = word;

                for (uint64_t map = w->map[word / 64]; map != 0; map &= map - 1) {
                        uint32_t slot = word + ek_ctz64(map);

                        if ((whole && !are_empty(w, from, slot)) ||
                            !check_slot(w, slot, &n, &earliest))
                                return false;
                        from = slot + 1;
                }
                if (whole && !are_empty(w, from, word + 64))
                        return false;
        }
        if (!check_slot(w, DUE, &n, &due) || n != w->count)
                return false;
        return !w->soonest_known || w->soonest == earliest;
}

bool ek_wheel_check(const struct ek_wheel *w)
{
        return check_wheel(w, true);
}

bool ek_wheel_check_marked(const struct ek_wheel *w)
{
        return check_wheel(w, false);
}

/* SPDX-License-Identifier: MIT */
#include "tcp/half_open.h"

#include "tcp/tcp.h"

/*
 * The SYN queue. RFC 4987, 3.1 (filtering by size), RFC 9293, 3.8.1 and 3.8.3 (SYN+ACK is retransmitted
 * with back-off).
 *
 * The k-th SYN+ACK leaves at birth + RTO (2^k - 1): the schedule follows from the instant of birth, so
 * an entry carries no deadline. Birth is kept in ticks of 4 us modulo 2^32 (4.7 hours), far longer than
 * an entry can live.
 *
 * The entries of a stage wait in the order of their birth, so the first is the first due. That holds because the
 * age alone says which stage comes next; answers to a SYN that comes again move nothing (RFC 6298, 5.1: the
 * timer is running).
 */

enum { TICK_NS = 4000, UNDECIDED_SECONDS = 60 };

struct ek_half_open *ek_half_open_at(struct ek_tcp *t, uint32_t index)
{
        return ek_slab_at(&t->half_opens, index);
}

static const struct {
        uint16_t code, mss, step;
} mss_steps[] = {{0, 0, 1}, {1536, 1536, 64}, {1637, 8000, 4}, {1941, 9216, 528}};

enum { MSS_STEPS = sizeof(mss_steps) / sizeof(mss_steps[0]) };

uint32_t ek_half_open_mss_code(uint16_t mss)
{
        unsigned i = MSS_STEPS - 1;

        while (mss < mss_steps[i].mss)
                i--;
        return mss_steps[i].code + (uint32_t)(mss - mss_steps[i].mss) / mss_steps[i].step;
}

uint16_t ek_half_open_mss(const struct ek_half_open *ho)
{
        unsigned i = MSS_STEPS - 1;

        while (ho->mss_code < mss_steps[i].code)
                i--;
        return (uint16_t)(mss_steps[i].mss +
                          (ho->mss_code - mss_steps[i].code) * mss_steps[i].step);
}

void ek_half_open_init(struct ek_tcp *t)
{
        for (unsigned i = 0; i < EK_HO_STAGES; i++) {
                t->half_open.head[i] = EK_HALF_OPEN_NIL;
                t->half_open.tail[i] = EK_HALF_OPEN_NIL;
                t->half_open.count[i] = 0;
        }
        t->half_open.total = 0;
}

static void list_push(struct ek_tcp *t, uint32_t index, enum ek_half_open_stage stage)
{
        struct ek_half_open_lists *l = &t->half_open;
        struct ek_half_open *ho = ek_half_open_at(t, index);

        ho->stage = (uint32_t)stage & 0xf;
        ho->next = EK_HALF_OPEN_NIL;
        ho->prev = l->tail[stage] & EK_HALF_OPEN_NIL;
        if (l->tail[stage] != EK_HALF_OPEN_NIL)
                ek_half_open_at(t, l->tail[stage])->next = index & EK_HALF_OPEN_NIL;
        else
                l->head[stage] = index;
        l->tail[stage] = index;
        l->count[stage]++;
}

static void list_remove(struct ek_tcp *t, uint32_t index)
{
        struct ek_half_open_lists *l = &t->half_open;
        struct ek_half_open *ho = ek_half_open_at(t, index);
        unsigned stage = ho->stage;

        if (ho->prev != EK_HALF_OPEN_NIL)
                ek_half_open_at(t, ho->prev)->next = ho->next;
        else
                l->head[stage] = ho->next;
        if (ho->next != EK_HALF_OPEN_NIL)
                ek_half_open_at(t, ho->next)->prev = ho->prev;
        else
                l->tail[stage] = ho->prev;
        EK_ASSERT(l->count[stage] > 0);
        l->count[stage]--;
}

/* [RFC4987 3.2] */
struct ek_half_open *ek_half_open_new(struct ek_tcp *t, const struct ek_key *key,
                                      enum ek_half_open_stage stage, uint32_t *index)
{
        uint32_t idx = ek_tcp_pool_alloc(t, &t->half_opens);
        struct ek_half_open *ho;

        if (idx == EK_NIL)
                return NULL;
        EK_ASSERT(idx < EK_HALF_OPEN_NIL);
        ho = ek_half_open_at(t, idx);
        ho->conn.key = *key;
        ho->born = ek_iss_birth(t, key);
        list_push(t, idx, stage);
        t->half_open.total++;
        ek_tcp_insert(t, &ho->conn, ek_ref(EK_KIND_HALF_OPEN, idx));
        *index = idx;
        return ho;
}

void ek_half_open_move(struct ek_tcp *t, uint32_t index, enum ek_half_open_stage stage)
{
        list_remove(t, index);
        list_push(t, index, stage);
}

void ek_half_open_free(struct ek_tcp *t, uint32_t index)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);
        struct ek_listener *ls = ek_listener_find(t, &ho->conn.key);

        if (ls != NULL && ls->half_open > 0)
                ls->half_open--;
        list_remove(t, index);
        t->half_open.total--;
        ek_tcp_remove(t, &ho->conn, ek_ref(EK_KIND_HALF_OPEN, index));
        if (ek_half_open_age(t, ho) <= EK_GIVEN_UP)
                ek_iss_given_up(t, &ho->conn.key, ek_half_open_iss(t, ho));
        ek_slab_free(&t->half_opens, index);
}

seq_t ek_half_open_iss(struct ek_tcp *t, const struct ek_half_open *ho)
{
        return ek_iss_make(t, &ho->conn.key, ho->born);
}

/* How long after its birth an entry of this stage is due, ns. */
static uint64_t due_after(const struct ek_tcp *t, unsigned stage)
{
        uint64_t after = 0, rto = t->cfg.rto_initial_ns;

        if (stage == EK_HO_UNDECIDED)
                return ELKO_SEC(UNDECIDED_SECONDS);
        for (unsigned k = EK_HO_WAIT; k <= stage; k++) {
                after += ek_min_u64(rto, t->cfg.rto_max_ns);
                rto *= 2;
        }
        return after;
}

uint32_t ek_half_open_age(const struct ek_tcp *t, const struct ek_half_open *ho)
{
        return ek_iss_ticks(t) - ho->born;
}

static uint64_t age_ns(const struct ek_tcp *t, const struct ek_half_open *ho)
{
        return (uint64_t)ek_half_open_age(t, ho) * TICK_NS + t->now % TICK_NS;
}

const struct ek_settings *ek_half_open_settings(struct ek_tcp *t, const struct ek_half_open *ho)
{
        const struct ek_listener *ls = ek_listener_find(t, &ho->conn.key);

        return ls == NULL || ls->settings == EK_NIL ? &t->defaults
                                                    : ek_slab_at(&t->settings, ls->settings);
}

uint32_t ek_half_open_timeouts(const struct ek_tcp *t, const struct ek_half_open *ho)
{
        uint64_t age = age_ns(t, ho);
        unsigned stage = EK_HO_WAIT;

        while (stage + 1 < EK_HO_STAGES && due_after(t, stage) <= age)
                stage++;
        return stage - EK_HO_WAIT;
}

bool ek_half_open_is_silent(struct ek_tcp *t, const struct ek_half_open *ho)
{
        return ek_half_open_is_deferred(ho) &&
               ek_half_open_timeouts(t, ho) < ek_half_open_settings(t, ho)->defer_accept;
}

void ek_half_open_passed(struct ek_tcp *t, uint32_t index)
{
        uint32_t k = ek_half_open_timeouts(t, ek_half_open_at(t, index));

        ek_half_open_move(t, index, (enum ek_half_open_stage)(EK_HO_WAIT + k));
}

/*
 * It began when the SYN+ACK left, which is later than the SYN came: a verdict, or a link that was busy, may have taken its
 * time. With timestamps the echo tells that instant to the millisecond; the entry's age is finer, and good as long as it
 * does not disagree by more. [RFC6298 3a]
 */
uint64_t ek_half_open_rtt(const struct ek_tcp *t, const struct ek_half_open *ho,
                          const struct ek_tcp_opts *opt)
{
        uint64_t age = (uint64_t)ek_half_open_age(t, ho) * TICK_NS;
        uint32_t echo;

        if (!ho->ts)
                return ek_max_u64(1, (uint64_t)(ek_iss_ticks(t) - ho->sent) * TICK_NS);
        if (!(opt->present & ELKO_OPT_TIMESTAMPS))
                return ek_max_u64(1, age);
        echo = ek_tcp_ms(t) + ek_iss_ts_offset(t, &ho->conn.key) - opt->ts_ecr;
        return ek_max_u64(1, ek_min_u64(age, ((uint64_t)echo + 1) * 1000000));
}

void ek_half_open_sent(struct ek_tcp *t, uint32_t index)
{
        struct ek_half_open *ho = ek_half_open_at(t, index);

        ek_half_open_passed(t, index);
        if (ho->tries == 0) {
                ho->fastopen = 0;
                if (!ho->ts)
                        ho->sent = ek_iss_ticks(t);
        }
        if (ho->tries < EK_HALF_OPEN_MAX_TRIES)
                ho->tries = (ho->tries + 1u) & 7;
}

static uint64_t due_at(struct ek_tcp *t, unsigned stage, uint32_t index)
{
        uint64_t age = age_ns(t, ek_half_open_at(t, index)), after = due_after(t, stage);

        return age >= after ? t->now : t->now + (after - age);
}

/* One that is only deferred gets its SYN+ACK once more at least, to see whether the peer is still there. */
static uint32_t retries(struct ek_tcp *t, uint32_t index)
{
        const struct ek_half_open *ho = ek_half_open_at(t, index);

        if (!ek_half_open_is_deferred(ho))
                return t->cfg.synack_retries;
        return ek_max_u32(t->cfg.synack_retries, ek_half_open_settings(t, ho)->defer_accept);
}

/* [RFC4987 3.3] */
static void on_due(struct ek_tcp *t, unsigned stage, uint32_t index)
{
        struct ek_key key = ek_half_open_at(t, index)->conn.key;

        ek_trace_timer(t, &key, NULL, ELKO_TIMER_SYN_ACK, ELKO_TCP_SYN_RECEIVED);
        if (stage != EK_HO_UNDECIDED && stage - EK_HO_WAIT < retries(t, index)) {
                ek_half_open_move(t, index, EK_HO_SEND);
                return;
        }
        t->ctr->tcp_attempt_fails++;
        ek_half_open_free(t, index);
        ek_trace_state(t, &key, NULL, ELKO_TCP_SYN_RECEIVED, ELKO_TCP_LISTEN,
                       "no answer to SYN+ACK");
        ek_time_wait_after_half_open(t, &key);
}

void ek_half_open_advance(struct ek_tcp *t)
{
        if (t->half_open.total == 0)
                return;
        for (unsigned stage = EK_HO_UNDECIDED; stage < EK_HO_STAGES; stage++) {
                while (t->half_open.head[stage] != EK_HALF_OPEN_NIL &&
                       due_at(t, stage, t->half_open.head[stage]) <= t->now) {
                        EK_WORK(1);
                        on_due(t, stage, t->half_open.head[stage]);
                }
        }
}

uint64_t ek_half_open_next_deadline(struct ek_tcp *t)
{
        uint64_t next = EK_NEVER;

        if (t->half_open.total == 0)
                return next;
        for (unsigned stage = EK_HO_UNDECIDED; stage < EK_HO_STAGES; stage++)
                if (t->half_open.head[stage] != EK_HALF_OPEN_NIL)
                        next = ek_min_u64(next, due_at(t, stage, t->half_open.head[stage]));
        return next;
}

/* SPDX-License-Identifier: MIT */
#include "app.h"

#include "node_elko.h"

/*
 * See app.h. An application acts when readiness came or when its own time has come, reads until EAGAIN
 * and writes until EAGAIN, in its own portions. RFC 9293, 3.9.1: SEND, RECEIVE, CLOSE, ABORT.
 */

enum {
        BUFFER = 16384,
        CALLS_AT_ONCE = 64, /* then the others have their turn */
        HEAL_BYTES = 6000,
        HEAL_PORTION = 1000,
        MODEST = 64,
        WRITES_MOST = 100,
        READS_MOST = 200,
        USUAL_MAX_SEG = 300, /* the mean of what OPTION_MAX_SEG is */
};

enum option {
        OPTION_NODELAY = 1u << 0,
        OPTION_NO_DELACK = 1u << 1,
        OPTION_SMALL_RCV = 1u << 2,
        OPTION_SMALL_SND = 1u << 3,
        OPTION_MAX_SEG = 1u << 4,
        OPTION_KEEPALIVE = 1u << 5,
        OPTION_MORE = 1u << 6,  /* says that more follows, except with the last portion */
        OPTION_EARLY = 1u << 7, /* writes before the connection is open */
        OPTION_COUNT = 8,
        OPTION_FASTOPEN = 1u << OPTION_COUNT, /* drawn apart */
};

/* ---- what an application will do ---- */

static void draw_role(struct sim_rng *r, struct sim_app_plan *p, uint64_t most)
{
        switch (sim_rng_below(r, 8)) {
        case 0: p->bytes = 0; break;
        case 1: /* byte by byte */
                p->bytes = sim_rng_range(r, 1, 200);
                p->write_max = 1;
                p->think_ns = sim_rng_log(r, ELKO_US(10), ELKO_MS(300));
                break;
        case 2: /* portions with pauses */
                p->bytes = sim_rng_log(r, 100, most);
                p->write_max = (uint32_t)(p->bytes / sim_rng_range(r, 1, 20) + 1);
                p->think_ns = sim_rng_log(r, ELKO_US(100), ELKO_SEC(2));
                break;
        case 3: p->bytes = sim_rng_log(r, 1, most); break;
        default: p->bytes = sim_rng_range(r, most / 16, most); break;
        }
}

static void draw_window(struct sim_world *w, struct sim_rng *r, uint32_t where,
                        struct sim_app_plan *p, uint64_t most)
{
        if (sim_rng_below(r, 2) == 0 || !sim_decide(w, SIM_F_WINDOW, where, 0))
                return;
        p->pause_at = sim_rng_log(r, 1, most);
        p->pause_ns =
                sim_rng_below(r, 3) == 0 ? ELKO_NEVER : sim_rng_log(r, ELKO_MS(1), ELKO_SEC(100));
        p->options |= OPTION_SMALL_RCV;
        if (sim_rng_below(r, 3) == 0)
                p->read_max = (uint32_t)(most / READS_MOST + sim_rng_range(r, 1, 20));
}

static void draw_end(struct sim_world *w, struct sim_rng *r, uint32_t where, struct sim_app_plan *p,
                     uint64_t most)
{
        static const enum sim_app_end ends[] = {SIM_APP_HURRY, SIM_APP_ABORT, SIM_APP_CLOSE_EARLY};

        if (sim_rng_below(r, 2) == 0 || !sim_decide(w, SIM_F_APP, where, 0))
                return;
        p->end = ends[sim_rng_below(r, 3)];
        p->end_at = sim_rng_log(r, 1, most) - 1;
        if (sim_rng_below(r, 4) == 0)
                p->user_timeout_ns = sim_rng_log(r, ELKO_SEC(1), ELKO_SEC(200));
}

/* The plan without harms. */
static struct sim_app_plan draw_plain(uint64_t seed, uint32_t id, unsigned end, uint64_t most)
{
        struct sim_rng r = sim_rng_make(seed, 100, id, end), fast;
        struct sim_app_plan p = {.write_max = 1u << 20, .read_max = 1u << 20};

        draw_role(&r, &p, most);
        if (sim_rng_below(&r, 3) == 0)
                p.write_max = (uint32_t)sim_rng_log(&r, 1 + p.bytes / 50, 1 + p.bytes);
        if (sim_rng_below(&r, 3) == 0)
                p.read_max = (uint32_t)sim_rng_log(&r, 1 + most / 16, 65536);
        p.zero_copy = sim_rng_below(&r, 2) != 0;
        p.options = (uint32_t)(sim_rng_u64(&r) & sim_rng_u64(&r)) & ((1u << OPTION_COUNT) - 1);
        fast = sim_rng_make(seed, 104, id, end);
        if (sim_rng_below(&fast, 2) == 0)
                p.options |= OPTION_FASTOPEN | (sim_rng_below(&fast, 4) != 0 ? OPTION_EARLY : 0);
        p.end = sim_rng_below(&r, 4) == 0 ? SIM_APP_PATIENT : SIM_APP_POLITE;
        p.pause_at = ELKO_NEVER;
        if (sim_rng_below(&r, 12) == 0) /* RFC 5482 */
                p.user_timeout_ns = sim_rng_log(&r, ELKO_SEC(1), ELKO_SEC(200));
        /* Both ends draw the same, so that they understand each other. */
        r = sim_rng_make(seed, 102, id, 0);
        if (sim_rng_below(&r, 4) == 0) {
                p.ask = (uint32_t)sim_rng_log(&r, 1, 2000);
                p.answer = (uint32_t)sim_rng_log(&r, 1, 8000);
                p.answers = end == 1;
                p.bytes = sim_rng_range(&r, 1, 12) * (end == 0 ? p.ask : p.answer);
                p.end = SIM_APP_POLITE;
        }
        /* A long run of tiny writes shows nothing that a short one doesn't. */
        if (p.write_max < p.bytes / WRITES_MOST + 1)
                p.write_max = (uint32_t)(p.bytes / WRITES_MOST + 1);
        /* Two that wait for each other's end would wait for ever. */
        if (end == 1 && p.end == SIM_APP_PATIENT)
                p.end = SIM_APP_POLITE;
        return p;
}

void sim_app_no_keepalive(struct sim_app_plan *p)
{
        p->options &= ~(uint32_t)OPTION_KEEPALIVE;
}

void sim_app_no_limits(struct sim_app_plan *p)
{
        p->options &= ~(uint32_t)(OPTION_KEEPALIVE | OPTION_SMALL_RCV | OPTION_SMALL_SND |
                                  OPTION_MAX_SEG);
}

uint64_t sim_app_segments(uint64_t seed, uint32_t id, unsigned end, uint64_t most, uint32_t mss)
{
        struct sim_app_plan p = draw_plain(seed, id, end, most);
        uint64_t each = mss;

        if ((p.options & OPTION_MAX_SEG) && each > USUAL_MAX_SEG)
                each = USUAL_MAX_SEG;
        if (p.think_ns != 0 && p.write_max < each)
                each = p.write_max;
        if (p.ask != 0 && (end == 0 ? p.ask : p.answer) < each)
                each = end == 0 ? p.ask : p.answer;
        return p.bytes / each + 1;
}

struct sim_app_plan sim_app_draw(struct sim_world *w, uint32_t faults, uint32_t id, unsigned end,
                                 uint64_t most)
{
        struct sim_app_plan p = draw_plain(sim_seed(w), id, end, most);
        struct sim_rng harm = sim_rng_make(sim_seed(w), 101, id, end);
        uint32_t where = id * 2 + end;

        if (faults >> SIM_F_WINDOW & 1)
                draw_window(w, &harm, where, &p, most);
        if (faults >> SIM_F_APP & 1)
                draw_end(w, &harm, where, &p, most);
        return p;
}

/* ---- the calls ---- */

static elko_stack *stack(const struct sim_app *a)
{
        return a->node->st;
}

static struct sim_end *mine(const struct sim_app *a)
{
        return &a->conn->end[a->end];
}

static bool set(struct sim_app *a, enum elko_option option, uint64_t value)
{
        int result;

        a->node->calls++;
        result = elko_set_option(stack(a), a->sock, option, value);

        sim_elko_check_soon(a->node, "elko_set_option");
        if (result != ELKO_OK && result != ELKO_ENOMEM)
                sim_fail(a->node->world, "I-47: elko_set_option(%d, %llu): %s", option,
                         (unsigned long long)value, elko_error_name(result));
        return result == ELKO_OK;
}

static uint64_t patience(const struct sim_app *a)
{
        if (a->plan.options & OPTION_KEEPALIVE)
                return 0;
        if (a->plan.user_timeout_ns != 0)
                return a->plan.user_timeout_ns;
        return a->node->cfg.tcp.r2_ns;
}

/* As long as a SYN+ACK is repeated. */
static uint64_t patience_syn_ack(const struct sim_app *a)
{
        const struct elko_config *c = &a->node->cfg.tcp;
        uint64_t each = c->rto_initial_ns, all = 0;

        for (uint32_t i = 0; i <= c->synack_retries; i++, each *= 2)
                all += each < c->rto_max_ns ? each : c->rto_max_ns;
        return all < patience(a) ? all : patience(a);
}

/* Nobody waits any longer (I-48): R2 at most. */
static uint64_t patience_alone(const struct sim_app *a)
{
        const uint64_t r2 = a->node->cfg.tcp.r2_ns;

        return patience(a) < r2 ? patience(a) : r2;
}

void sim_app_start(struct sim_app *a)
{
        struct sim_rng r = sim_rng_make(sim_seed(a->node->world), 103, a->conn->id, a->end);
        uint32_t o = a->plan.options;

        if (o & OPTION_NODELAY)
                set(a, ELKO_OPTION_NODELAY, 1);
        if ((o & OPTION_FASTOPEN) && a->end == 0)
                set(a, ELKO_OPTION_FASTOPEN, 1);
        if (o & OPTION_NO_DELACK)
                set(a, ELKO_OPTION_DELACK, 0);
        if (o & OPTION_SMALL_RCV)
                set(a, ELKO_OPTION_RCV_BUF_MAX, sim_rng_log(&r, 2048, 16384));
        if (o & OPTION_SMALL_SND)
                set(a, ELKO_OPTION_SND_BUF_MAX, sim_rng_log(&r, 2048, 16384));
        if (o & OPTION_MAX_SEG)
                set(a, ELKO_OPTION_MAX_SEG, sim_rng_log(&r, 64, 1460));
        if (o & OPTION_KEEPALIVE) {
                uint64_t idle = sim_rng_log(&r, ELKO_SEC(1), ELKO_SEC(100));
                uint64_t interval = sim_rng_log(&r, ELKO_SEC(1), ELKO_SEC(20));

                mine(a)->keeps_alive = true;

                if (set(a, ELKO_OPTION_KEEPALIVE_IDLE, idle))
                        a->keep_idle = idle;
                if (set(a, ELKO_OPTION_KEEPALIVE_INTERVAL, interval))
                        a->keep_interval = interval;
                set(a, ELKO_OPTION_KEEPALIVE_COUNT, sim_rng_range(&r, 1, 9));
                set(a, ELKO_OPTION_KEEPALIVE, 1);
        }
        if (a->plan.user_timeout_ns != 0 &&
            !set(a, ELKO_OPTION_USER_TIMEOUT, a->plan.user_timeout_ns)) {
                a->plan.user_timeout_ns = 0;
                a->patience_syn = a->node->cfg.tcp.r2_syn_ns;
        }
        if (!a->conn->ghost)
                mine(a)->patience_ns = patience(a);
        a->wake = sim_now(a->node->world);
}

static bool is_orderly(const struct sim_app *a)
{
        return a->eof && a->shut;
}

static void end_app(struct sim_app *a)
{
        a->dead = true;
        a->used = false;
        a->wake = ELKO_NEVER;
        if (!a->conn->ghost)
                mine(a)->patience_ns = patience_alone(a);
        sim_note(a->node->world, 0xa1, (uint64_t)a->conn->id << 1 | a->end);
}

static void give_back(struct sim_app *a)
{
        int result;

        if (!mine(a)->shut && elko_recv_ready(stack(a), a->sock) > 0)
                mine(a)->threw = true;
        mine(a)->shut = true;
        if (!a->conn->ghost) {
                mine(a)->closed = true;
                mine(a)->closed_at = sim_now(a->node->world);
                if (!is_orderly(a))
                        mine(a)->aborted = elko_recv_ready(stack(a), a->sock) != 0 || !a->connected;
        }
        if (sim_is_heard(a->node->world))
                sim_say(a->node->world, "%s: app %u.%u closes after %llu out, %llu in",
                        a->node->name, a->conn->id, a->end, (unsigned long long)a->sent,
                        (unsigned long long)a->received);
        result = elko_close(stack(a), a->sock);
        end_app(a);
        sim_elko_check(a->node, "elko_close");
        if (result != ELKO_OK)
                sim_fail(a->node->world, "I-47: elko_close: %s", elko_error_name(result));
}

static void abort_it(struct sim_app *a)
{
        int result;

        if (!mine(a)->shut)
                mine(a)->threw = true;
        if (!a->conn->ghost)
                mine(a)->aborted = true;
        sim_say(a->node->world, "%s: app %u.%u aborts", a->node->name, a->conn->id, a->end);
        result = elko_abort(stack(a), a->sock);
        end_app(a);
        sim_elko_check(a->node, "elko_abort");
        if (result != ELKO_OK)
                sim_fail(a->node->world, "I-47: elko_abort: %s", elko_error_name(result));
}

static void fail_app(struct sim_app *a, int error)
{
        /* What waits, for memory or for a better segment, is due before it is first sent. */
        const uint64_t slack = ELKO_SEC(1);
        bool opening = !a->connected || (a->end == 1 && a->never_open);

        sim_note(a->node->world, 0xa2, (uint64_t)(int64_t)error);
        if (sim_is_heard(a->node->world))
                sim_say(a->node->world, "%s: app %u.%u: %s after %llu out, %llu in", a->node->name,
                        a->conn->id, a->end, elko_error_name(error), (unsigned long long)a->sent,
                        (unsigned long long)a->received);
        sim_oracle_got_error(a->node->oracle, a->conn, a->end, error, opening,
                             a->silence_ns + slack,
                             a->end == 1 && opening ? patience_syn_ack(a)
                             : opening              ? a->patience_syn
                                                    : patience(a));
        give_back(a);
}

/* ---- receiving ---- */

static void got(struct sim_app *a, const uint8_t *data, size_t n)
{
        sim_oracle_got(a->node->oracle, a->conn, a->end, a->received, data, n);
        sim_note(a->node->world, 0xa3, n);
        a->received += n;
}

static int64_t read_some(struct sim_app *a)
{
        uint8_t buf[BUFFER];
        struct elko_slice s[2];
        size_t want = a->plan.read_max;
        int64_t n;

        a->node->calls++;
        if (!a->plan.zero_copy) {
                n = elko_recv(stack(a), a->sock, buf, want < sizeof(buf) ? want : sizeof(buf));
                if (n > 0)
                        got(a, buf, (size_t)n);
                if (n != ELKO_EAGAIN)
                        sim_elko_check_soon(a->node, "elko_recv");
                return n;
        }
        n = elko_recv_peek(stack(a), a->sock, s);
        if (n <= 0)
                return n;
        if (s[0].len > want) {
                s[0].len = (uint32_t)want;
                s[1].len = 0;
        } else if (s[1].len > want - s[0].len) {
                s[1].len = (uint32_t)(want - s[0].len);
        }
        if (s[0].len + s[1].len == 0)
                sim_fail(a->node->world, "I-47: peek promised %lld bytes and shows none",
                         (long long)n);
        got(a, s[0].data, s[0].len);
        if (s[1].len != 0)
                got(a, s[1].data, s[1].len);
        if (elko_recv_consume(stack(a), a->sock, s[0].len + s[1].len) != ELKO_OK)
                sim_fail(a->node->world, "I-47: consume of what was peeked is refused");
        sim_elko_check_soon(a->node, "elko_recv_consume");
        return s[0].len + s[1].len;
}

/* The reader rests: 13. */
static bool rests(struct sim_app *a)
{
        uint64_t now = sim_now(a->node->world);

        if (!a->paused && !a->pause_over && a->received >= a->plan.pause_at) {
                a->paused = true;
                a->paused_until =
                        a->plan.pause_ns == ELKO_NEVER ? ELKO_NEVER : now + a->plan.pause_ns;
        }
        if (a->paused && now >= a->paused_until) {
                a->paused = false;
                a->pause_over = true;
        }
        return a->paused;
}

static bool read_step(struct sim_app *a)
{
        bool did = false;

        for (unsigned calls = 0; calls < CALLS_AT_ONCE && !a->eof && !rests(a); calls++) {
                int64_t ready = elko_recv_ready(stack(a), a->sock), n = read_some(a);
                bool promised = a->promised_read;

                if (ready > 0 && n <= 0)
                        sim_fail(a->node->world, "I-47: %lld bytes are ready, and reading says %s",
                                 (long long)ready, elko_error_name((int)n));

                a->promised_read = false;
                if (n == ELKO_EAGAIN) {
                        if (promised)
                                sim_fail(a->node->world,
                                         "I-47: READABLE was told, and then there is nothing");
                        return did;
                }
                did = true;
                if (n < 0) {
                        fail_app(a, (int)n);
                        return true;
                }
                if (n == 0) {
                        a->eof = true;
                        sim_say(a->node->world, "%s: app %u.%u: end of stream", a->node->name,
                                a->conn->id, a->end);
                        sim_oracle_got_eof(a->node->oracle, a->conn, a->end, a->received);
                        return true;
                }
                if ((a->plan.end == SIM_APP_ABORT || a->plan.end == SIM_APP_CLOSE_EARLY) &&
                    a->sent + a->received >= a->plan.end_at)
                        break; /* its time has come */
                if (calls + 1 == CALLS_AT_ONCE)
                        a->wake = sim_now(a->node->world);
        }
        return did;
}

/* ---- sending ---- */

static uint64_t may_send(const struct sim_app *a)
{
        const struct sim_app_plan *p = &a->plan;
        uint64_t limit = p->bytes;

        if (p->ask != 0 && !a->node->healed) {
                uint64_t rounds = p->answers ? a->received / p->ask : a->received / p->answer + 1;
                uint64_t unit = p->answers ? p->answer : p->ask;

                if (rounds * unit < limit)
                        limit = rounds * unit;
        }
        return limit > a->sent ? limit - a->sent : 0;
}

static int64_t write_some(struct sim_app *a, size_t want)
{
        uint8_t buf[BUFFER];
        struct elko_slice s[2];
        uint32_t flags = 0;
        int64_t n;

        if (want > sizeof(buf))
                want = sizeof(buf);
        if ((a->plan.options & OPTION_MORE) && a->sent + want < a->plan.bytes && a->plan.ask == 0)
                flags = ELKO_SEND_MORE;
        if (!a->plan.zero_copy) {
                int64_t room = elko_send_room(stack(a), a->sock);

                /* When there was no memory: a little, so that not much is made in vain. */
                if (a->modest && want > MODEST)
                        want = MODEST;
                /* No need to make more than will be taken; one byte finds out that none will. */
                if (room >= 0 && (uint64_t)room < want)
                        want = room > 0 ? (size_t)room : 1;
                sim_oracle_fill(a->node->oracle, a->conn, a->end, a->sent, buf, want);
                n = elko_send(stack(a), a->sock, buf, want, flags);
                sim_elko_check_soon(a->node, "elko_send");
                return n;
        }
        n = elko_send_reserve(stack(a), a->sock, want, s);
        if (n <= 0) {
                sim_elko_check_soon(a->node, "elko_send_reserve");
                return n;
        }
        if ((uint64_t)n > want || s[0].len + (uint64_t)s[1].len != (uint64_t)n)
                sim_fail(a->node->world, "I-47: reserve: %lld of %zu bytes asked for", (long long)n,
                         want);
        /* The slices are the caller's to write until the commit (socket.h). */
        sim_oracle_fill(a->node->oracle, a->conn, a->end, a->sent, (uint8_t *)(uintptr_t)s[0].data,
                        s[0].len);
        if (s[1].len != 0)
                sim_oracle_fill(a->node->oracle, a->conn, a->end, a->sent + s[0].len,
                                (uint8_t *)(uintptr_t)s[1].data, s[1].len);
        n = elko_send_commit(stack(a), a->sock, (size_t)n, flags);
        sim_elko_check_soon(a->node, "elko_send_commit");
        return n;
}

static bool write_step(struct sim_app *a)
{
        bool did = false;

        if (!a->connected && !(a->plan.options & OPTION_EARLY))
                return false;
        for (unsigned calls = 0; calls < CALLS_AT_ONCE && !a->shut && !a->cant_write; calls++) {
                uint64_t now = sim_now(a->node->world), want = may_send(a);
                bool promised = a->promised_write;
                int64_t n;

                if (want == 0 || a->next_write > now)
                        break;
                n = write_some(a, want < a->plan.write_max ? (size_t)want : a->plan.write_max);
                a->promised_write = false;
                a->modest = n == ELKO_EAGAIN;
                if (n == ELKO_EAGAIN) {
                        if (sim_is_heard(a->node->world))
                                sim_say(a->node->world, "%s: app %u.%u waits for room",
                                        a->node->name, a->conn->id, a->end);
                        if (promised && elko_counters_get(stack(a))->nomem == 0 &&
                            !(a->node->cfg.faults >> SIM_F_NOMEM & 1))
                                sim_fail(a->node->world,
                                         "I-47: WRITABLE was told, and then there is no room");
                        break;
                }
                did = true;
                if (n < 0) {
                        a->cant_write = true; /* the reader gets the error after the data */
                        break;
                }
                if (n == 0)
                        sim_fail(a->node->world, "I-47: a send of bytes took none and said so");
                sim_note(a->node->world, 0xa4, (uint64_t)n);
                a->sent += (uint64_t)n;
                mine(a)->sent = a->sent;
                if (a->plan.think_ns != 0)
                        a->next_write = now + a->plan.think_ns;
                if (calls + 1 == CALLS_AT_ONCE)
                        a->wake = now;
        }
        return did;
}

/* ---- the end ---- */

static bool shut_down(struct sim_app *a)
{
        int result;

        mine(a)->shut = true;
        result = elko_shutdown(stack(a), a->sock);
        a->shut = true;
        sim_elko_check_soon(a->node, "elko_shutdown");
        sim_say(a->node->world, "%s: app %u.%u shuts down after %llu", a->node->name, a->conn->id,
                a->end, (unsigned long long)a->sent);
        /* A connection that died meanwhile says so to the reader. */
        if (result != ELKO_OK && elko_recv_ready(stack(a), a->sock) == 0 && !a->eof &&
            result == ELKO_ENOTCONN)
                sim_fail(a->node->world, "I-47: elko_shutdown: %s", elko_error_name(result));
        return true;
}

static bool end_step(struct sim_app *a)
{
        bool all_sent = a->sent >= a->plan.bytes;

        switch (a->plan.end) {
        case SIM_APP_ABORT:
                if (a->connected && a->sent + a->received >= a->plan.end_at) {
                        abort_it(a);
                        return true;
                }
                break;
        case SIM_APP_CLOSE_EARLY:
                if (a->connected && a->sent + a->received >= a->plan.end_at) {
                        give_back(a);
                        return true;
                }
                break;
        case SIM_APP_HURRY:
                if (a->connected && all_sent) {
                        give_back(a);
                        return true;
                }
                break;
        case SIM_APP_POLITE:
        case SIM_APP_PATIENT: break;
        }
        if (!a->shut && !a->cant_write && a->connected && all_sent &&
            (a->plan.end != SIM_APP_PATIENT || a->eof || a->node->healed))
                return shut_down(a);
        if (a->eof && (a->shut || a->cant_write)) {
                give_back(a);
                return true;
        }
        return false;
}

static void plan_wake(struct sim_app *a)
{
        uint64_t now = sim_now(a->node->world);

        if (a->paused && a->paused_until < a->wake)
                a->wake = a->paused_until;
        if (a->next_write > now && may_send(a) > 0 && !a->shut && a->next_write < a->wake)
                a->wake = a->next_write;
}

bool sim_app_step(struct sim_app *a)
{
        bool did;

        a->wake = ELKO_NEVER;
        did = read_step(a);
        if (a->used)
                did |= write_step(a);
        if (a->used)
                did |= end_step(a);
        if (a->used)
                plan_wake(a);
        return did;
}

void sim_app_event(struct sim_app *a, const struct elko_event *ev)
{
        struct sim_world *w = a->node->world;

        sim_note(w, 0xa5, (uint64_t)ev->bits << 16 | (uint16_t)ev->error);
        if (ev->bits & ELKO_EV_CONNECTED) {
                if (!mine(a)->is_opener)
                        sim_fail(w, "I-47: CONNECTED for a connection that was accepted");
                a->connected = true;
                mine(a)->open = true;
        }
        if (ev->bits & ELKO_EV_READABLE)
                a->promised_read = true;
        if (ev->bits & ELKO_EV_WRITABLE)
                a->promised_write = true;
        if (ev->bits & ELKO_EV_EOF) {
                if (a->told_eof)
                        sim_fail(w, "I-17: EOF was told twice");
                a->told_eof = true;
        }
        if (ev->bits & ELKO_EV_ERROR) {
                if (a->told_error)
                        sim_fail(w, "I-47: an error was told twice");
                if (ev->error == ELKO_OK)
                        sim_fail(w, "I-47: ERROR without an error");
                a->told_error = true;
        }
        if (ev->bits & ELKO_EV_CLOSED) {
                if (a->told_closed)
                        sim_fail(w, "I-47: CLOSED was told twice");
                a->told_closed = true;
        }
        a->wake = sim_now(w);
}

void sim_app_heal(struct sim_app *a)
{
        if (!a->used)
                return;
        a->plan.pause_at = ELKO_NEVER;
        a->paused = false;
        a->pause_over = true;
        if (a->plan.end != SIM_APP_PATIENT)
                a->plan.end = SIM_APP_POLITE;
        if (a->plan.bytes > a->sent + HEAL_BYTES)
                a->plan.bytes = a->sent + HEAL_BYTES;
        a->plan.think_ns = 0;
        if (a->plan.write_max < HEAL_PORTION)
                a->plan.write_max = HEAL_PORTION;
        if (a->next_write > sim_now(a->node->world))
                a->next_write = sim_now(a->node->world);
        a->wake = sim_now(a->node->world);
}

void sim_app_give_up(struct sim_app *a)
{
        if (a->used)
                abort_it(a);
}

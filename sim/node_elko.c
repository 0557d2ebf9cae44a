/* SPDX-License-Identifier: MIT */
#include "node_elko.h"

#include "drivers/gso.h"

#include <stdio.h>
#include <string.h>

/*
 * See node_elko.h. Whatever happens to a node, sim_elko_service() follows: events to applications,
 * applications to calls, packets to the network, until nothing is left to do at this instant; then the
 * node asks to be woken at its earliest deadline.
 */

enum {
        ROUNDS = 2000, /* of one service: nobody has so much to say at one instant */
        FRAMES = 16,
        SPARE_CHUNKS = 8,
        SETTLE_POLLS = 4,
        CHECK_EACH = 8,    /* calls: see sim_elko_check_soon() */
        STRANGE_MOST = 16, /* strangers that are served */
        GIVE_BATCH_UP = SIM_BATCH,
};

/* ---- the clock: 10 ---- */

uint64_t sim_elko_clock(const struct sim_elko *e)
{
        uint64_t now = sim_now(e->world);
        uint64_t raw = now + e->offset;

        if (now < e->back_until)
                raw -= e->cfg.back_ns < raw ? e->cfg.back_ns : raw;
        if (e->cfg.clock_grain > 1)
                raw -= raw % e->cfg.clock_grain;
        return raw;
}

/* When the local clock shows `local` or more, in the world's time. */
static uint64_t world_time(const struct sim_elko *e, uint64_t local)
{
        uint64_t g = e->cfg.clock_grain, at;

        if (local == ELKO_NEVER)
                return ELKO_NEVER;
        if (g > 1)
                local += (g - local % g) % g;
        at = local > e->offset ? local - e->offset : 0;
        if (at < e->back_until)
                at = at + e->cfg.back_ns < e->back_until ? at + e->cfg.back_ns : e->back_until;
        return at;
}

static struct sim_rng chance(struct sim_elko *e, enum sim_fault class, uint64_t n)
{
        return sim_rng_make(sim_seed(e->world), class, (uint32_t)e->node, (uint32_t)n);
}

static bool has_fault(const struct sim_elko *e, enum sim_fault class)
{
        return !e->healed && (e->cfg.faults >> class & 1u) != 0;
}

/* ---- what must hold after every call ---- */

void sim_elko_check(struct sim_elko *e, const char *call)
{
        const char *bad = elko_check(e->st);

        e->unchecked = false;
        if (bad != NULL)
                sim_fail(e->world, "O2: %s after %s: %s", e->name, call, bad);
}

void sim_elko_check_soon(struct sim_elko *e, const char *call)
{
        e->last_call = call;
        e->unchecked = true;
        if (++e->calls_made % CHECK_EACH == 0 || sim_is_heard(e->world))
                sim_elko_check(e, call);
}

static const char *check(void *self)
{
        struct sim_elko *e = self;
        struct elko_memory_info m;

        elko_memory_get(e->st, &m);
        if (m.used > m.capacity || m.high_water > m.capacity)
                return "I-32: more memory than there is";
        if (m.connections > e->cfg.tcp.max_connections || m.half_open > e->cfg.tcp.max_half_open ||
            m.time_wait > e->cfg.tcp.max_time_wait)
                return "I-32: more objects than the limit";
        return NULL;
}

/* ---- 11: memory ---- */

static void before_call(struct sim_elko *e)
{
        struct sim_rng r;

        e->steps++;
        if (e->cfg.nomem_ppm == 0 || !has_fault(e, SIM_F_NOMEM))
                return;
        r = chance(e, SIM_F_NOMEM, e->steps);
        if (sim_rng_chance(&r, e->cfg.nomem_ppm) &&
            sim_decide(e->world, SIM_F_NOMEM, (uint32_t)e->node, e->steps))
                elko_fail_alloc(e->st, 1, false);
}

/* ---- out ---- */

/* A packet is on the wire. */
static void transmit(struct sim_elko *e, const uint8_t *packet, uint32_t len)
{
        struct sim_tcp_view tcp;
        const char *bad;
        bool is_tcp;

        if (len > e->cfg.mtu) {
                sim_fail(e->world, "I-39: %s: a packet of %u bytes, the MTU is %u", e->name, len,
                         e->cfg.mtu);
                return;
        }
        bad = sim_packet_judge(packet, len, &tcp, &is_tcp);
        if (bad != NULL)
                sim_fail(e->world, "%s: %s", e->name, bad);
        if (is_tcp && (tcp.flags & SIM_URG)) /* no program here sends any */
                sim_fail(e->world, "I-40: %s: urgent data", e->name);
        e->packets_out++;
        sim_send(e->world, e->node, packet, len);
        if (has_fault(e, SIM_F_DEVICE) && e->cfg.echo_ppm != 0) {
                struct sim_rng r = chance(e, SIM_F_DEVICE, 1u << 30 | e->packets_out);
                struct sim_packet *p;

                if (!sim_rng_chance(&r, e->cfg.echo_ppm) ||
                    !sim_decide(e->world, SIM_F_DEVICE, (uint32_t)e->node,
                                1u << 30 | e->packets_out))
                        return;
                p = sim_packet_new(e->world, packet, len);
                if (p == NULL)
                        return;
                p->from = p->to = (uint8_t)e->node;
                sim_packet_touch(p);
                sim_world_deliver(e->world, p, sim_now(e->world) + 1000);
        }
}

/* What the device makes of it: one packet, or, with TSO, as many as it takes. */
static void emit(struct sim_elko *e, const struct elko_frame *f)
{
        uint8_t packet[SIM_MTU_MAX];
        uint32_t len = 0, n = elko_drv_gso_count(f, ELKO_MEDIUM_IP);

        if (f->parts == 0 || f->parts > ELKO_FRAME_PARTS || n == 0 ||
            (f->gso_size != 0 && (n < 2 || !e->cfg.tso)) ||
            elko_drv_gso_longest(f, ELKO_MEDIUM_IP) > e->cfg.mtu) {
                sim_fail(e->world,
                         "I-39: %s: a frame of %u bytes in %u parts, cut by %u; the MTU is %u",
                         e->name, f->len, f->parts, f->gso_size, e->cfg.mtu);
                return;
        }
        for (uint32_t i = 0; i < f->parts; i++)
                len += f->part[i].len;
        if (len != f->len)
                sim_fail(e->world, "I-39: %s: parts are %u bytes, the frame %u", e->name, len,
                         f->len);
        for (uint32_t i = 0; i < n; i++) {
                len = elko_drv_gso_cut(f, ELKO_MEDIUM_IP, i, packet);
                transmit(e, packet, len);
        }
}

/* 12: is the device refusing just now? */
static bool is_busy(struct sim_elko *e)
{
        uint64_t now = sim_now(e->world);
        struct sim_rng r;

        if (e->healed)
                return false;
        if (now < e->busy_until)
                return true;
        if (e->cfg.busy_ppm == 0 || !has_fault(e, SIM_F_DEVICE))
                return false;
        e->pulls++;
        r = chance(e, SIM_F_DEVICE, e->pulls);
        if (!sim_rng_chance(&r, e->cfg.busy_ppm) ||
            !sim_decide(e->world, SIM_F_DEVICE, (uint32_t)e->node, e->pulls))
                return false;
        e->busy_until = now + sim_rng_log(&r, ELKO_US(100), e->cfg.busy_ns);
        return true;
}

static bool pull(struct sim_elko *e)
{
        struct elko_frame frames[FRAMES];
        size_t n, want = has_fault(e, SIM_F_DEVICE) ? 1 : FRAMES;

        if (!elko_has_output(e->st, e->link) || is_busy(e))
                return false;
        before_call(e);
        n = elko_output(e->st, e->link, frames, want, sim_elko_clock(e));
        if (n > want)
                sim_fail(e->world, "%s: more frames than were asked for", e->name);
        for (size_t i = 0; i < n; i++)
                emit(e, &frames[i]);
        sim_elko_check_soon(e, "elko_output");
        return n > 0;
}

/* ---- connections and applications ---- */

static struct sim_app *new_app(struct sim_elko *e)
{
        for (unsigned i = 0; i < SIM_APPS; i++)
                if (!e->app[i].used) {
                        if (i >= e->apps)
                                e->apps = i + 1;
                        memset(&e->app[i], 0, sizeof(e->app[i]));
                        return &e->app[i];
                }
        return NULL;
}

static struct sim_app *attach(struct sim_elko *e, struct sim_conn *c, unsigned end, elko_sock sock)
{
        struct sim_app *a = new_app(e);

        if (a == NULL || !e->plan(e->ctx, e, c, end, &a->plan))
                return NULL;
        a->used = true;
        a->node = e;
        a->conn = c;
        a->end = end;
        a->sock = sock;
        a->wake = ELKO_NEVER;
        c->end[end].starved = e->cfg.starved;
        a->opened_at = sim_now(e->world);
        a->patience_syn =
                a->plan.user_timeout_ns != 0 ? a->plan.user_timeout_ns : e->cfg.tcp.r2_syn_ns;
        if (elko_set_user(e->st, sock, a) != ELKO_OK)
                sim_fail(e->world, "I-47: elko_set_user on a fresh handle");
        if (e->healed)
                sim_app_heal(a);
        return a;
}

/* Both ends open at once, from known ports: the other end may have told of it already. */
static struct sim_conn *other_half(struct sim_elko *e, const elko_endpoint *local,
                                   const elko_endpoint *remote)
{
        struct sim_conn *c = sim_oracle_find(e->oracle, local, remote);

        return c != NULL && !c->end[1].open && !c->end[1].is_opener ? c : NULL;
}

void sim_elko_open(struct sim_elko *e, int to, const elko_endpoint *remote, uint16_t local_port,
                   uint32_t plan)
{
        unsigned end = 0;
        elko_endpoint local = {.port = local_port};
        struct elko_tcp_info info;
        struct sim_conn *c;
        struct sim_app *a;
        elko_sock sock;
        int result;

        before_call(e);
        result = elko_connect(e->st, remote, local_port != 0 ? &local : NULL, &sock);
        sim_note(e->world, 0xc0, (uint64_t)(int64_t)result);
        sim_elko_check(e, "elko_connect");
        if (to == e->node) { /* no loopback (socket.h) */
                if (result != ELKO_EHOSTUNREACH)
                        sim_fail(e->world, "I-47: elko_connect to its own address: %s",
                                 elko_error_name(result));
                return;
        }
        if (result != ELKO_OK) {
                if (result != ELKO_ENOMEM && result != ELKO_ELIMIT && result != ELKO_EADDRINUSE)
                        sim_fail(e->world, "I-47: elko_connect: %s", elko_error_name(result));
                return;
        }
        if (elko_tcp_info_get(e->st, sock, &info) != ELKO_OK)
                sim_fail(e->world, "I-47: elko_tcp_info_get on a fresh handle");
        c = local_port != 0 ? other_half(e, &info.local, remote) : NULL;
        if (c != NULL) {
                end = 1;
        } else {
                c = sim_oracle_opened(e->oracle, e->node, &info.local, to, remote);
                if (c == NULL) {
                        sim_fail(e->world, "the scenario opens too many connections");
                        return;
                }
                c->plan = plan;
                c->has_iss = true;
                c->iss = info.iss;
                c->end[1].is_elko = sim_world_node(e->world, (unsigned)to, &sim_elko_ops) != NULL;
        }
        c->end[end].is_elko = true;
        c->end[end].is_opener = true;
        a = attach(e, c, end, sock);
        if (a == NULL) {
                sim_fail(e->world, "the scenario has too many applications");
                return;
        }
        if (sim_is_heard(e->world))
                sim_say(e->world, "%s: app %u.%u opens from port %u to node %d", e->name, c->id,
                        end, info.local.port, to);
        sim_app_start(a);
}

/* Somebody who is not part of the scenario: some are served like others, which is what attackers of an application
 * want; nothing can be asked of what they get. */
static struct sim_conn *stranger(struct sim_elko *e, const elko_endpoint *local,
                                 const elko_endpoint *remote)
{
        struct sim_conn *c;

        if (e->oracle->strangers == 0) {
                sim_fail(e->world, "O1: %s accepted a connection that nobody opened (port %u)",
                         e->name, remote->port);
                return NULL;
        }
        if (remote->port % 3 == 0 || e->oracle->strange == STRANGE_MOST)
                return NULL;
        c = sim_oracle_opened(e->oracle, SIM_STRANGER, remote, e->node, local);
        if (c == NULL)
                return NULL;
        e->oracle->strange++;
        c->plan = 0x8000u + c->id;
        c->unsure = true;
        return c;
}

static void accepted(struct sim_elko *e, elko_sock sock, const elko_endpoint *remote)
{
        struct elko_tcp_info info = {0};
        struct sim_conn *c = NULL;
        struct sim_end *dead = NULL;
        struct sim_app *a;

        if (elko_tcp_info_get(e->st, sock, &info) == ELKO_OK)
                c = sim_oracle_accepted(e->oracle, &info.local, remote, info.irs);
        if (info.state == ELKO_TCP_CLOSED)
                dead = sim_oracle_end(e->oracle, &info.local, remote);
        if (c == NULL)
                c = stranger(e, &info.local, remote);
        if (c == NULL) {
                elko_abort(e->st, sock);
                sim_elko_check(e, "elko_abort");
                return;
        }
        c->end[1].accepted++;
        if (c->end[1].lives < c->end[1].accepted)
                c->end[1].lives = c->end[1].accepted; /* a stranger's is known from here on */
        if (c->end[1].open) {
                c = sim_oracle_ghost(e->oracle, c);
                if (c == NULL) {
                        elko_abort(e->st, sock);
                        sim_elko_check(e, "elko_abort");
                        return;
                }
        }
        c->end[1].is_elko = true;
        c->end[1].open = true;
        c->end[1].opened_at = sim_now(e->world);
        a = attach(e, c, 1, sock);
        if (a == NULL) {
                sim_fail(e->world, "the scenario has too many applications");
                return;
        }
        a->connected = true;
        if (dead != NULL) {
                a->silence_ns = dead->silence_ns;
                a->never_open = dead->never_open;
        }
        sim_app_start(a);
}

/* As long as nothing was told, one look for each service finds that there is nothing. */
static bool accept_all(struct sim_elko *e)
{
        bool did = false;
        uint64_t now = sim_now(e->world);

        if (!e->may_accept)
                return false;
        while (e->listener != ELKO_SOCK_NONE && (e->healed || now >= e->accept_at)) {
                elko_endpoint remote;
                elko_sock sock;
                int result = elko_accept(e->st, e->listener, &sock, &remote);

                if (result != ELKO_OK) {
                        if (result != ELKO_EAGAIN)
                                sim_fail(e->world, "I-47: elko_accept: %s",
                                         elko_error_name(result));
                        e->may_accept = false;
                        break;
                }
                sim_elko_check(e, "elko_accept");
                did = true;
                accepted(e, sock, &remote);
                if (e->cfg.accept_pause_ns != 0 && has_fault(e, SIM_F_APP) &&
                    sim_decide(e->world, SIM_F_APP, 0x4000u | (unsigned)e->node, e->steps))
                        e->accept_at = now + e->cfg.accept_pause_ns;
        }
        return did;
}

static void verdicts(struct sim_elko *e)
{
        struct elko_syn syn;

        while (elko_syn_next(e->st, e->listener, &syn) == ELKO_OK) {
                elko_syn_verdict(e->st, syn.id, ELKO_VERDICT_ACCEPT);
                sim_elko_check(e, "elko_syn_verdict");
        }
}

static bool events(struct sim_elko *e)
{
        struct elko_event ev;
        bool did = false;

        while (elko_next_event(e->st, &ev)) {
                struct sim_app *a = ev.user;

                did = true;
                if (ev.bits & ELKO_EV_ECHO) {
                        struct elko_echo echo;

                        while (elko_echo_next(e->st, &echo))
                                ;
                        continue;
                }
                if (ev.sock == e->listener) {
                        if (ev.bits & ELKO_EV_SYN)
                                verdicts(e);
                        e->may_accept = true;
                        continue;
                }
                if (a == NULL || !a->used || a->node != e || a->sock != ev.sock) {
                        sim_fail(e->world, "I-47: %s: an event of a socket that is closed",
                                 e->name);
                        return true;
                }
                sim_app_event(a, &ev);
        }
        return did;
}

static bool app_steps(struct sim_elko *e)
{
        uint64_t now = sim_now(e->world);
        bool did = false;

        while (e->apps > 0 && !e->app[e->apps - 1].used)
                e->apps--;
        for (unsigned i = 0; i < e->apps; i++)
                if (e->app[i].used && e->app[i].wake <= now)
                        did |= sim_app_step(&e->app[i]);
        return did;
}

/* ---- time ---- */

/* `deadline` is the stack's, by its own clock. */
static uint64_t earliest(struct sim_elko *e, uint64_t deadline)
{
        uint64_t at = world_time(e, deadline), own;

        for (unsigned i = 0; i < e->apps; i++)
                if (e->app[i].used && e->app[i].wake < at)
                        at = e->app[i].wake;
        if (e->batched > 0 && e->batch_at < at)
                at = e->batch_at;
        if (!e->healed) {
                if (e->busy_until > sim_now(e->world) && e->busy_until < at &&
                    elko_has_output(e->st, e->link))
                        at = e->busy_until;
                if (e->cfg.reboot_at < at && e->reboots == 0 && has_fault(e, SIM_F_REBOOT))
                        at = e->cfg.reboot_at;
                if (e->accept_at > sim_now(e->world) && e->accept_at < at)
                        at = e->accept_at;
        }
        if (has_fault(e, SIM_F_APP) && e->cfg.deaf_at != ELKO_NEVER) {
                own = e->deaf ? e->cfg.deaf_at + e->cfg.deaf_ns : e->cfg.deaf_at;
                if (own > sim_now(e->world) && own < at)
                        at = own;
        }
        if (e->open_at != NULL) {
                own = e->open_at(e->ctx, e);
                if (own < at)
                        at = own;
        }
        return at;
}

/* I-23, I-42: after an advance no deadline is left in the past, however far the clock jumped. Returns the
 * next one; *advanced: the stack had to be called. */
static uint64_t settle(struct sim_elko *e, bool *advanced)
{
        uint64_t local = sim_elko_clock(e), next;

        *advanced = false;
        for (unsigned i = 0; (next = elko_next_deadline(e->st)) <= elko_now(e->st); i++) {
                if (i == SETTLE_POLLS) {
                        sim_fail(e->world, "I-23: %s: %u polls at %llu ns, and a deadline is due",
                                 e->name, i, (unsigned long long)local);
                        return next;
                }
                *advanced = true;
                before_call(e);
                elko_advance(e->st, local);
                sim_elko_check_soon(e, "elko_advance");
        }
        return next;
}

static void late_and_eager(struct sim_elko *e, uint64_t *at)
{
        struct sim_rng r;

        if (!has_fault(e, SIM_F_CLOCK) || *at == ELKO_NEVER)
                return;
        e->polls++;
        r = chance(e, SIM_F_CLOCK, 1u << 30 | e->polls);
        if (e->cfg.late_ns != 0 && sim_rng_below(&r, 4) == 0 &&
            sim_decide(e->world, SIM_F_CLOCK, (uint32_t)e->node, 1u << 30 | e->polls))
                *at += sim_rng_log(&r, 1000, e->cfg.late_ns);
}

static void listen(struct sim_elko *e)
{
        struct elko_listen_config cfg = {
                .backlog = e->cfg.backlog,
                .syn_queue = e->cfg.syn_queue,
                .flags = e->cfg.ask_verdict ? ELKO_LISTEN_VERDICT : 0,
        };
        elko_endpoint any = {.port = SIM_PORT};
        int result = elko_listen(e->st, &any, &cfg, &e->listener);

        sim_elko_check(e, "elko_listen");
        if (result == ELKO_OK) {
                if (e->cfg.fastopen != 0) {
                        result = elko_set_option(e->st, e->listener, ELKO_OPTION_FASTOPEN,
                                                 e->cfg.fastopen);
                        sim_elko_check(e, "elko_set_option");
                        if (result != ELKO_OK && result != ELKO_ENOMEM)
                                sim_fail(e->world, "I-47: elko_set_option(FASTOPEN): %s",
                                         elko_error_name(result));
                }
                if (e->deaf_until == ELKO_NEVER)
                        e->deaf_until = sim_now(e->world);
                return;
        }
        e->listener = ELKO_SOCK_NONE;
        e->deaf_until = ELKO_NEVER;
        if (result != ELKO_ENOMEM)
                sim_fail(e->world, "I-47: elko_listen: %s", elko_error_name(result));
}

static uint32_t half_open(const struct sim_elko *e)
{
        struct elko_memory_info m;

        elko_memory_get(e->st, &m);
        return m.half_open;
}

static void close_listener(struct sim_elko *e)
{
        elko_close(e->st, e->listener);
        sim_elko_check(e, "elko_close");
        e->listener = ELKO_SOCK_NONE;
        e->deaf = true;
        e->deaf_until = ELKO_NEVER;
        e->cfg.deaf_at = sim_now(e->world);
        /* RFC 9293, 3.10.4: CLOSE deletes what LISTEN had, and nobody else could take a connection. */
        if (half_open(e) != 0)
                sim_fail(e->world, "I-22: %s: its listener is closed, and %u are half-open",
                         e->name, half_open(e));
}

/* 14: the listener is closed for a time, and opened again. */
static void deafness(struct sim_elko *e)
{
        uint64_t now = sim_now(e->world);

        if (e->listener == ELKO_SOCK_NONE && (!e->deaf || e->healed))
                listen(e); /* there was no memory, or it is over */
        if (!has_fault(e, SIM_F_APP) || e->cfg.deaf_at == ELKO_NEVER || now < e->cfg.deaf_at)
                return;
        if (!e->deaf) {
                if (e->listener == ELKO_SOCK_NONE || (e->cfg.deaf_half_open && half_open(e) == 0))
                        return;
                if (sim_decide(e->world, SIM_F_APP, 0x2000u | (unsigned)e->node, 0))
                        close_listener(e);
                else
                        e->cfg.deaf_at = ELKO_NEVER;
        } else if (now >= e->cfg.deaf_at + e->cfg.deaf_ns) {
                e->cfg.deaf_at = ELKO_NEVER;
                e->deaf = false;
                if (e->listener == ELKO_SOCK_NONE)
                        listen(e);
        }
}

/* Until there is nothing to do at this instant; false: the run failed. */
static bool work(struct sim_elko *e, unsigned *rounds)
{
        for (;; ++*rounds) {
                bool did = events(e);

                /* Who has just got a handle hears first what happened before. */
                if (accept_all(e))
                        continue;
                did |= app_steps(e);
                did |= pull(e);
                if (sim_world_failure(e->world) != NULL)
                        return false;
                if (!did)
                        return true;
                if (*rounds >= ROUNDS) {
                        sim_fail(e->world, "O5: %s has no end of work at one instant", e->name);
                        return false;
                }
        }
}

void sim_elko_service(struct sim_elko *e)
{
        unsigned rounds = 0;
        uint64_t deadline, at;
        bool again;

        deafness(e);
        e->may_accept = true;
        do {
                if (!work(e, &rounds))
                        return;
                if (e->unchecked)
                        sim_elko_check(e, e->last_call);
                /* What an advance made due is to be sent, and told, like anything else. */
                deadline = settle(e, &again);
        } while (again && sim_world_failure(e->world) == NULL);
        if (e->unchecked)
                sim_elko_check(e, e->last_call);
        at = earliest(e, deadline);
        late_and_eager(e, &at);
        sim_wake(e->world, e->node, at);
}

/* ---- in ---- */

/* By 25 to 50 days timestamps would go back, as all can see it (RFC 7323, 5.4): no clock for TCP. The peer
 * may have seen nothing since the first jump, so all of them together stay below, with an hour for the time
 * that passes besides. */
static uint64_t forward(struct sim_elko *e, uint64_t jump)
{
        const uint64_t most = (UINT64_C(1) << 31) - 3600 * 1000; /* ms */

        while ((e->jumped + jump) / 1000000 >= most)
                jump /= 2;
        e->jumped += jump;
        return jump;
}

/* 10: jumps forth, and calls with a clock that went back. */
static void clock_faults(struct sim_elko *e)
{
        struct sim_rng r;

        if (!has_fault(e, SIM_F_CLOCK))
                return;
        e->jumps++;
        r = chance(e, SIM_F_CLOCK, e->jumps);
        if (e->cfg.jump_ppm != 0 && sim_rng_chance(&r, e->cfg.jump_ppm) &&
            sim_decide(e->world, SIM_F_CLOCK, (uint32_t)e->node, e->jumps)) {
                if (sim_rng_below(&r, 3) == 0 && e->cfg.back_ns != 0)
                        e->back_until = sim_now(e->world) + e->cfg.back_ns;
                else
                        e->offset += forward(e, sim_rng_log(&r, ELKO_MS(1), e->cfg.jump_ns));
                sim_say(e->world, "%s: the clock shows %.3f s", e->name,
                        (double)sim_elko_clock(e) / 1e9);
        }
        for (uint32_t i = 0; i < e->cfg.eager; i++) {
                elko_advance(e->st, sim_elko_clock(e));
                sim_elko_check_soon(e, "elko_advance");
        }
}

static void take(struct sim_elko *e, const struct elko_packet *packets, size_t n)
{
        before_call(e);
        elko_input(e->st, e->link, packets, n, sim_elko_clock(e));
        sim_elko_check_soon(e, "elko_input");
}

static void take_batch(struct sim_elko *e)
{
        struct elko_packet packets[SIM_BATCH] = {0};
        unsigned n = e->batched;

        for (unsigned i = 0; i < n; i++)
                packets[i] =
                        (struct elko_packet){.data = e->batch[i]->data, .len = e->batch[i]->len};
        e->batched = 0;
        take(e, packets, n);
        for (unsigned i = 0; i < n; i++)
                sim_packet_free(e->world, e->batch[i]);
}

static void input(void *self, struct sim_world *w, const uint8_t *packet, size_t len, uint64_t now)
{
        struct sim_elko *e = self;
        struct elko_packet p = {.data = packet, .len = (uint32_t)len};

        e->packets_in++;
        clock_faults(e);
        if (has_fault(e, SIM_F_DEVICE) && e->cfg.batch > 1) {
                struct sim_packet *copy = sim_packet_new(w, packet, len);

                if (copy == NULL)
                        return;
                if (e->batched == 0)
                        e->batch_at = now + e->cfg.batch_ns;
                e->batch[e->batched++] = copy;
                if (e->batched < e->cfg.batch && e->batched < GIVE_BATCH_UP) {
                        sim_wake(w, e->node, earliest(e, elko_next_deadline(e->st)));
                        return;
                }
                take_batch(e);
        } else {
                take(e, &p, 1);
        }
        sim_elko_service(e);
}

static bool reboot(struct sim_elko *e);

static void run(void *self, struct sim_world *w, uint64_t now)
{
        struct sim_elko *e = self;

        clock_faults(e);
        if (has_fault(e, SIM_F_REBOOT) && e->reboots == 0 && now >= e->cfg.reboot_at) {
                e->reboots++;
                if (sim_decide(w, SIM_F_REBOOT, (uint32_t)e->node, 0) && !reboot(e))
                        return;
        }
        before_call(e);
        elko_advance(e->st, sim_elko_clock(e));
        sim_elko_check_soon(e, "elko_advance");
        if (e->batched > 0 && (now >= e->batch_at || e->healed))
                take_batch(e);
        if (e->open_next != NULL)
                e->open_next(e->ctx, e, now);
        sim_elko_service(e);
}

/* ---- life ---- */

static bool create(struct sim_elko *e)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP,
                                        .mtu = e->cfg.mtu,
                                        .name = "sim",
                                        .flags =
                                                e->cfg.tso ? ELKO_LINK_TX_CSUM | ELKO_LINK_TSO : 0};
        elko_ip v4 = sim_address((unsigned)e->node, false),
                v6 = sim_address((unsigned)e->node, true);
        struct elko_memory_info m;
        const char *why;
        int number;

        e->st = elko_stack_create(e->region, e->cfg.region_bytes, &e->cfg.tcp, sim_elko_clock(e),
                                  &why);
        if (e->st == NULL) {
                sim_fail(e->world, "%s: elko_stack_create: %s", e->name, why);
                return false;
        }
        number = elko_link_attach(e->st, &link);
        e->link = (elko_link)number;
        /* RFC 8200, 5: no IPv6 below an MTU of 1280. */
        if (number < 0 || elko_addr_add_ip(e->st, e->link, &v4, 24) != ELKO_OK ||
            elko_route_add(e->st, "0.0.0.0/0", e->link, NULL) != ELKO_OK ||
            (e->cfg.mtu >= 1280 && (elko_addr_add_ip(e->st, e->link, &v6, 64) != ELKO_OK ||
                                    elko_route_add(e->st, "::/0", e->link, NULL) != ELKO_OK))) {
                sim_fail(e->world, "%s: the link and its addresses are refused", e->name);
                return false;
        }
        e->listener = ELKO_SOCK_NONE;
        listen(e);
        if (sim_world_failure(e->world) != NULL)
                return false;
        elko_memory_get(e->st, &m);
        e->baseline = m.used;
        sim_watch_reset(e);
        elko_trace_set(e->st, sim_watch_event, e);
        if (has_fault(e, SIM_F_NOMEM) && e->cfg.nomem_nth != 0 &&
            sim_decide(e->world, SIM_F_NOMEM, (uint32_t)e->node, 0))
                elko_fail_alloc(e->st, e->cfg.nomem_nth, e->cfg.nomem_forever);
        return true;
}

/* 9: all state is lost; the address stays, the ports may be used again at once. */
static bool reboot(struct sim_elko *e)
{
        sim_say(e->world, "%s: reboots", e->name);
        if (e->rebooted != NULL)
                e->rebooted(e->ctx, e);
        for (uint32_t i = 0; i < e->oracle->conns; i++)
                for (unsigned k = 0; k < 2; k++)
                        if (e->oracle->conn[i].end[k].node == e->node)
                                e->oracle->conn[i].end[k].gone = true;
        for (unsigned i = 0; i < e->apps; i++)
                e->app[i].used = false;
        for (unsigned i = 0; i < e->batched; i++)
                sim_packet_free(e->world, e->batch[i]);
        e->batched = 0;
        e->busy_until = 0;
        elko_stack_destroy(e->st);
        if (!(e->cfg.faults >> SIM_F_RNG & 1)) /* 17: the same secrets once more */
                for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                        e->cfg.tcp.seed[i] = (uint8_t)(e->cfg.tcp.seed[i] * 5 + 77);
        return create(e);
}

static void heal(void *self, struct sim_world *w, uint64_t now)
{
        struct sim_elko *e = self;

        (void)now;
        e->healed = true;
        e->busy_until = 0;
        e->batch_at = 0;
        e->back_until = 0;
        e->cfg.clock_grain = 1;
        e->deaf = false;
        elko_fail_alloc(e->st, 0, false);
        for (unsigned i = 0; i < e->apps; i++)
                sim_app_heal(&e->app[i]);
        sim_wake(w, e->node, sim_now(w));
}

static void destroy(void *self)
{
        struct sim_elko *e = self;

        for (unsigned i = 0; i < e->batched; i++)
                sim_packet_free(e->world, e->batch[i]);
        e->batched = 0;
        elko_stack_destroy(e->st);
}

const struct sim_node_ops sim_elko_ops = {
        .name = "elko",
        .input = input,
        .run = run,
        .heal = heal,
        .check = check,
        .destroy = destroy,
};

bool sim_elko_add(struct sim_elko *e, struct sim_world *w, struct sim_oracle *o,
                  const struct sim_elko_config *cfg, void *region)
{
        e->world = w;
        e->oracle = o;
        e->cfg = *cfg;
        e->region = region;
        e->offset = cfg->clock_start;
        e->node = (int)sim_world_nodes(w);
        snprintf(e->name, sizeof(e->name), "elko %d", e->node);
        if (!create(e))
                return false;
        return sim_node_add(w, &sim_elko_ops, e) >= 0;
}

bool sim_elko_has_apps(const struct sim_elko *e)
{
        for (unsigned i = 0; i < e->apps; i++)
                if (e->app[i].used)
                        return true;
        return false;
}

void sim_elko_give_up(struct sim_elko *e)
{
        for (unsigned i = 0; i < e->apps; i++)
                sim_app_give_up(&e->app[i]);
        sim_elko_service(e);
}

const char *sim_elko_unclean(struct sim_elko *e)
{
        struct elko_memory_info m;
        struct elko_frame frame;
        uint64_t apart;

        /* What was handed out last is the link's until the next call (link.h). */
        if (elko_output(e->st, e->link, &frame, 1, sim_elko_clock(e)) != 0)
                return "I-23: there is something to send, and nobody was told";
        elko_memory_get(e->st, &m);
        if (m.connections != 0)
                return "L2: a connection is left";
        if (m.half_open != 0)
                return "L2: a half-open connection is left";
        if (m.time_wait != 0)
                return "L2: a connection is left in TIME-WAIT";
        /* Each of the eight pools may keep one empty chunk for the next object (src/base/slab.c), and those that it had
         * at the beginning may be gone: a full region takes them back. */
        apart = m.used > e->baseline ? m.used - e->baseline : e->baseline - m.used;
        if (apart % e->cfg.tcp.slab_chunk_bytes != 0 ||
            apart > (uint64_t)SPARE_CHUNKS * e->cfg.tcp.slab_chunk_bytes)
                return "I-33: memory is not back at the baseline";
        if (m.promised != 0)
                return "I-33: windows are promised to nobody";
        return NULL;
}

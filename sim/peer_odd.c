/* SPDX-License-Identifier: MIT */
/*
 * The odd peer as a node: connections, their timers, their oddities, the public functions.
 *
 * Everything that a connection does by chance comes from a stream made of (seed, node, number of the
 * connection), so connections do not disturb each other's choices.
 */
#include "peer_odd.h"
#include "peer_odd_conn.h"

#include <stdlib.h>
#include <string.h>

enum { RNG_NODE = 0x0dd, RNG_CONN = 0x0dc, RNG_MUTATE = 0x0db };

/* What has an effect on the SYNs only, and may stay after heal(). */
#define PODD_HARMLESS                                                                              \
        ((uint32_t)(PEER_ODD_NO_TIMESTAMPS | PEER_ODD_NO_SACK | PEER_ODD_NO_WSCALE |               \
                    PEER_ODD_WSCALE | PEER_ODD_NO_MSS | PEER_ODD_MSS | PEER_ODD_ISN_EDGE |         \
                    PEER_ODD_FIN_ALONE | PEER_ODD_DSACK | PEER_ODD_HALF_CLOSE))

const char *peer_odd_name(unsigned bit)
{
        static const char *const name[] = {
#define ELKO_X(name, text) #name,
                PEER_ODD_LIST(ELKO_X)
#undef ELKO_X
        };

        return bit < PEER_ODD_BITS ? name[bit] : "?";
}

const char *peer_odd_end_text(enum peer_odd_end end)
{
        static const char *const text[] = {
#define ELKO_X(name, text) text,
                PEER_ODD_END_LIST(ELKO_X)
#undef ELKO_X
        };

        return (unsigned)end < sizeof(text) / sizeof(text[0]) ? text[end] : "?";
}

void peer_odd_config_default(struct peer_odd_config *c)
{
        memset(c, 0, sizeof(*c));
        c->oddities = PEER_ODD_ALL;
        c->oddity_ppm = 150000;
        c->mtu = 1500;
        c->give_up_ns = ELKO_SEC(120);
        c->time_wait_ns = ELKO_SEC(30);
        c->max_connections = 256;
}

uint64_t peer_odd_stream_id(const elko_endpoint *from, const elko_endpoint *to)
{
        uint64_t id = (uint64_t)from->port << 16 | to->port;

        for (unsigned i = 0; i < 16; i++)
                id = sim_mix64(id + ((uint64_t)from->ip.b[i] << 8 | to->ip.b[i]) + 1);
        return id;
}

/* ------------------------------------------------------------------ connections */

void podd_wrong(struct podd_conn *c, const char *what, uint64_t at)
{
        const struct peer_odd_config *cfg = &c->node->cfg;
        char from[ELKO_IP_TEXT], to[ELKO_IP_TEXT];

        if (!c->r.plan.verify || c->over)
                return;
        c->r.plan.verify = false;
        if (cfg->tainted != NULL && cfg->tainted(cfg->ctx, &c->r.local, &c->r.remote))
                return;
        elko_ip_format(&c->r.remote.ip, from);
        elko_ip_format(&c->r.local.ip, to);
        sim_fail(c->node->w, "odd peer %d: [%s]:%u -> [%s]:%u: %s, at byte %llu", c->node->number,
                 from, (unsigned)c->r.remote.port, to, (unsigned)c->r.local.port, what,
                 (unsigned long long)at);
}

static void tell_ended(struct podd_conn *c, enum peer_odd_end end)
{
        struct peer_odd *p = c->node;

        if (c->over)
                return;
        c->over = true;
        c->r.end = end;
        p->totals.ended[end]++;
        p->totals.open--;
        p->totals.rx_bytes += c->r.rx_bytes;
        if (p->cfg.ended != NULL)
                p->cfg.ended(p->cfg.ctx, &c->r);
}

void podd_end(struct podd_conn *c, enum peer_odd_end end)
{
        c->state = ELKO_TCP_CLOSED;
        c->dead = true;
        tell_ended(c, end);
}

void podd_time_wait(struct podd_conn *c, uint64_t now)
{
        if (c->ack_now)
                podd_out_ack(c, now);
        c->state = ELKO_TCP_TIME_WAIT;
        c->end_at = now + c->node->cfg.time_wait_ns;
        c->rtx_at = c->ack_at = c->read_at = c->fin_at = c->odd_at = c->idle_at = ELKO_NEVER;
        tell_ended(c, PEER_ODD_END_CLOSED);
}

static void default_plan(struct podd_conn *c)
{
        struct peer_odd_plan *plan = &c->r.plan;

        plan->tx_stream = peer_odd_stream_id(&c->r.local, &c->r.remote);
        plan->rx_stream = peer_odd_stream_id(&c->r.remote, &c->r.local);
        plan->tx_bytes = sim_rng_log(&c->rng, 1, 65536) - 1;
        plan->rx_bytes = UINT64_MAX;
        plan->verify = true;
}

static uint32_t draw_isn(struct podd_conn *c)
{
        static const uint32_t edge[] = {0, 0x7fffffff, 0x80000000, 0xffffffff};
        uint32_t away;

        if (!podd_is(c, PEER_ODD_ISN_EDGE))
                return (uint32_t)sim_rng_u64(&c->rng);
        podd_did(c, PEER_ODD_BIT_ISN_EDGE);
        away = (uint32_t)sim_rng_log(&c->rng, 1, 70000) - 1;
        return edge[sim_rng_below(&c->rng, 4)] - away;
}

/* Everything about a connection that is decided before its SYN. */
static void draw(struct podd_conn *c)
{
        const struct peer_odd_config *cfg = &c->node->cfg;
        uint16_t most = (uint16_t)(cfg->mtu - (elko_ip_is_v4(&c->r.local.ip) ? 40 : 60));

        for (unsigned bit = 0; bit < PEER_ODD_BITS; bit++)
                if (sim_rng_chance(&c->rng, cfg->oddity_ppm) && (cfg->oddities >> bit & 1))
                        c->odd |= 1u << bit;
        if (c->node->healed)
                c->odd &= PODD_HARMLESS;
        c->r.oddities = c->odd;
        c->mischief = (unsigned)sim_rng_log(&c->rng, 16, 300);
        c->offer_ts = !podd_is(c, PEER_ODD_NO_TIMESTAMPS);
        c->offer_sack = !podd_is(c, PEER_ODD_NO_SACK);
        c->offer_ws = !podd_is(c, PEER_ODD_NO_WSCALE);
        c->rcv_scale = podd_is(c, PEER_ODD_WSCALE) ? (uint8_t)sim_rng_below(&c->rng, 15) : 7;
        c->rcv_mss = podd_is(c, PEER_ODD_NO_MSS) ? 0
                     : podd_is(c, PEER_ODD_MSS)  ? (uint16_t)sim_rng_log(&c->rng, 48, 9000)
                                                 : most;
        c->rcv_buf = cfg->rcv_buf != 0 ? cfg->rcv_buf
                     : sim_rng_chance(&c->rng, 50000)
                             ? (uint32_t)sim_rng_log(&c->rng, 64, 2048)
                             : (uint32_t)sim_rng_log(&c->rng, 2048, 262144);
        c->ts_base = sim_rng_chance(&c->rng, 300000) ? 0u - (uint32_t)sim_rng_below(&c->rng, 20000)
                                                     : (uint32_t)sim_rng_u64(&c->rng);
        c->ts_tick_ns = (uint32_t)ELKO_MS(sim_rng_log(&c->rng, 1, 100));
        c->iss = draw_isn(c);
        c->abort_off = ELKO_NEVER;
        if (podd_is(c, PEER_ODD_ABORT))
                c->abort_off = sim_rng_log(&c->rng, 1, c->r.plan.tx_bytes + 32768) - 1;
}

static void count_negotiation(struct podd_conn *c)
{
        for (unsigned bit = PEER_ODD_BIT_NO_TIMESTAMPS; bit <= PEER_ODD_BIT_MSS; bit++)
                if (c->odd >> bit & 1)
                        podd_did(c, (enum peer_odd_bit)bit);
}

struct podd_conn *podd_open(struct peer_odd *p, const elko_endpoint *local,
                            const elko_endpoint *remote, bool active,
                            const struct peer_odd_plan *plan, uint64_t now)
{
        struct podd_conn *c;

        if (p->conns == p->room) {
                unsigned room = p->room == 0 ? 8 : 2 * p->room;
                struct podd_conn **more = realloc(p->conn, room * sizeof(struct podd_conn *));

                if (more == NULL)
                        return NULL;
                p->conn = more;
                p->room = room;
        }
        c = calloc(1, sizeof(*c));
        if (c == NULL)
                return NULL;
        c->node = p;
        c->r.id = p->next_id++;
        c->r.local = *local;
        c->r.remote = *remote;
        c->r.active = active;
        c->rng = sim_rng_make(sim_seed(p->w), RNG_CONN, (uint32_t)p->number, c->r.id);
        if (plan != NULL) {
                c->r.plan = *plan;
        } else {
                default_plan(c);
                if (p->cfg.plan != NULL &&
                    !p->cfg.plan(p->cfg.ctx, local, remote, active, &c->r.plan)) {
                        free(c);
                        return NULL;
                }
        }
        if (p->cfg.illegal_ppm > 0)
                c->r.plan.verify = false;
        draw(c);
        podd_out_init(c, now);
        podd_rcv_init(c);
        count_negotiation(c);
        c->snd_una = c->snd_nxt = c->snd_max = c->iss;
        c->odd_at = now + sim_rng_log(&c->rng, ELKO_MS(1), ELKO_SEC(2));
        p->conn[p->conns++] = c;
        p->totals.opened++;
        p->totals.open++;
        return c;
}

struct podd_conn *podd_find(const struct peer_odd *p, const elko_endpoint *local,
                            const elko_endpoint *remote)
{
        for (unsigned i = 0; i < p->conns; i++) {
                struct podd_conn *c = p->conn[i];

                if (!c->dead && c->r.local.port == local->port &&
                    pkt_endpoint_equal(&c->r.remote, remote) &&
                    pkt_ip_equal(&c->r.local.ip, &local->ip))
                        return c;
        }
        return NULL;
}

static struct podd_conn *by_id(const struct peer_odd *p, unsigned id)
{
        for (unsigned i = 0; i < p->conns; i++)
                if (p->conn[i]->r.id == id && !p->conn[i]->dead)
                        return p->conn[i];
        return NULL;
}

/* Free what is over. */
static void sweep(struct peer_odd *p)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < p->conns; i++) {
                if (p->conn[i]->dead)
                        free(p->conn[i]);
                else
                        p->conn[kept++] = p->conn[i];
        }
        p->conns = kept;
}

/* ----------------------------------------------------------------------- timers */

static uint64_t sooner(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* When the connection is given up, if nothing more is heard. */
static uint64_t give_up_at(const struct podd_conn *c)
{
        uint64_t silent = c->heard_at + c->node->cfg.give_up_ns;
        uint64_t stuck = c->progress_at + 10 * c->node->cfg.give_up_ns;

        return c->snd_una == c->snd_max ? silent : sooner(silent, stuck);
}

static uint64_t deadline(const struct podd_conn *c, uint64_t now)
{
        uint64_t at = sooner(sooner(c->rtx_at, c->ack_at), sooner(c->read_at, c->fin_at));

        if (c->state == ELKO_TCP_TIME_WAIT)
                return c->end_at;
        at = sooner(at, sooner(c->odd_at, c->idle_at));
        at = sooner(at, give_up_at(c));
        if (c->hold_until > now && c->hold_until != ELKO_NEVER)
                at = sooner(at, c->hold_until);
        if (c->shrunk_until > now)
                at = sooner(at, c->shrunk_until);
        return at;
}

/* Sweep, and ask for the next instant. */
static void settle(struct peer_odd *p, uint64_t now)
{
        uint64_t at = ELKO_NEVER;

        sweep(p);
        for (unsigned i = 0; i < p->conns; i++)
                at = sooner(at, deadline(p->conn[i], now));
        sim_wake(p->w, p->number, at);
}

static void abort_now(struct podd_conn *c)
{
        podd_out_rst(c);
        podd_end(c, PEER_ODD_END_ABORTED);
}

/* Acts that need no occasion: repeated ACKs, window updates, probes. */
static void spontaneous(struct podd_conn *c, uint64_t now)
{
        c->odd_at =
                c->mischief == 0 ? ELKO_NEVER : now + sim_rng_log(&c->rng, ELKO_MS(1), ELKO_SEC(2));
        if (c->state < ELKO_TCP_ESTABLISHED)
                return;
        if (podd_mischief(c, PEER_ODD_DUP_ACK, 300000)) {
                podd_did(c, PEER_ODD_BIT_DUP_ACK);
                podd_out_ack(c, now);
        }
        if (podd_mischief(c, PEER_ODD_WINDOW_UPDATE, 500000)) {
                podd_did(c, PEER_ODD_BIT_WINDOW_UPDATE);
                podd_rcv_read(c, now);
                podd_out_ack(c, now);
        }
        if (c->snd_una == c->snd_max && podd_mischief(c, PEER_ODD_KEEPALIVE, 500000)) {
                podd_did(c, PEER_ODD_BIT_KEEPALIVE);
                podd_out_keepalive(c, now);
        }
        if (podd_is(c, PEER_ODD_ABORT) && sim_rng_chance(&c->rng, 20000))
                c->abort_off = 0;
}

/* So that a vanished peer is noticed: a probe from time to time (RFC 9293, 3.8.4). */
static void idle(struct podd_conn *c, uint64_t now)
{
        c->idle_at = now + ELKO_SEC(10);
        if (c->state >= ELKO_TCP_ESTABLISHED && c->snd_una == c->snd_max &&
            now - c->heard_at >= ELKO_SEC(20))
                podd_out_keepalive(c, now);
}

static void maybe_abort(struct podd_conn *c)
{
        if (!c->dead && podd_is(c, PEER_ODD_ABORT) && c->state >= ELKO_TCP_ESTABLISHED &&
            c->state != ELKO_TCP_TIME_WAIT && c->una_off + c->r.rx_bytes >= c->abort_off) {
                podd_did(c, PEER_ODD_BIT_ABORT);
                abort_now(c);
        }
}

static void run_conn(struct podd_conn *c, uint64_t now)
{
        if (c->state == ELKO_TCP_TIME_WAIT) {
                c->dead = now >= c->end_at;
                return;
        }
        if (now >= give_up_at(c)) {
                podd_out_rst(c);
                podd_end(c, PEER_ODD_END_TIMED_OUT);
                return;
        }
        if (now >= c->rtx_at)
                podd_out_timeout(c, now);
        if (now >= c->ack_at) {
                c->ack_at = ELKO_NEVER;
                c->ack_now = true;
        }
        if (now >= c->read_at)
                podd_rcv_read(c, now);
        if (now >= c->fin_at) {
                c->fin_at = ELKO_NEVER;
                c->fin_allowed = true;
        }
        if (now >= c->odd_at)
                spontaneous(c, now);
        if (now >= c->idle_at)
                idle(c, now);
        podd_out_run(c, now);
        maybe_abort(c);
}

/* -------------------------------------------------------------------- as a node */

bool podd_listening(const struct peer_odd *p, uint16_t port)
{
        for (unsigned i = 0; i < p->listens; i++)
                if (p->listen[i] == port)
                        return true;
        return p->listen_any;
}

/* A SYN for a listener. False: refused. */
static bool passive_open(struct peer_odd *p, const struct pkt *s, uint32_t above, uint64_t now)
{
        struct podd_conn *c;

        if (p->conns >= p->cfg.max_connections)
                return false;
        c = podd_open(p, &s->dst, &s->src, false, NULL, now);
        if (c == NULL)
                return false;
        if (above != 0) { /* behind what the last incarnation used (RFC 9293, 3.6.1) */
                c->iss = above;
                c->snd_una = c->snd_nxt = c->snd_max = above;
        }
        podd_passive(c, s, now);
        return true;
}

static void node_input(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                       uint64_t now)
{
        struct peer_odd *p = self;
        struct podd_conn *c;
        uint32_t above = 0;
        struct pkt s;

        (void)w;
        if (podd_icmp(p, packet, len, now) || !pkt_parse(&s, packet, len) ||
            pkt_ip_equal(&s.src.ip, &s.dst.ip) || s.src.port == 0)
                return;
        p->totals.packets_in++;
        c = podd_find(p, &s.dst, &s.src);
        if (c != NULL && c->state == ELKO_TCP_TIME_WAIT && s.flags == ELKO_SYN &&
            pkt_lt(c->rcv_nxt, s.seq) && podd_listening(p, s.dst.port)) {
                above = c->snd_max + (1u << 17);
                c->dead = true;
                c = NULL;
        }
        if (c != NULL) {
                podd_segment(c, &s, now);
                maybe_abort(c);
        } else if ((s.flags & (ELKO_SYN | ELKO_ACK | ELKO_RST)) == ELKO_SYN &&
                   podd_listening(p, s.dst.port) && passive_open(p, &s, above, now)) {
                /* the SYN+ACK is on its way */
        } else {
                podd_out_no_connection(p, &s);
        }
        settle(p, now);
}

static void node_run(void *self, struct sim_world *w, uint64_t now)
{
        struct peer_odd *p = self;

        (void)w;
        for (unsigned i = 0; i < p->conns; i++)
                run_conn(p->conn[i], now);
        settle(p, now);
}

static void node_heal(void *self, struct sim_world *w, uint64_t now)
{
        struct peer_odd *p = self;

        (void)w;
        p->healed = true;
        for (unsigned i = 0; i < p->conns; i++) {
                struct podd_conn *c = p->conn[i];

                c->odd &= PODD_HARMLESS;
                c->hold_until = c->shrunk_until = 0;
                c->stretch = 2;
                c->ack_delay = ELKO_MS(40);
                if (c->state < ELKO_TCP_ESTABLISHED || c->state == ELKO_TCP_TIME_WAIT)
                        continue;
                podd_rcv_read(c, now);
                c->ack_now = true;
                podd_out_run(c, now);
        }
        settle(p, now);
}

static void node_destroy(void *self)
{
        struct peer_odd *p = self;

        for (unsigned i = 0; i < p->conns; i++)
                free(p->conn[i]);
        free(p->conn);
        free(p);
}

static const struct sim_node_ops node_ops = {
        .name = "odd peer",
        .input = node_input,
        .run = node_run,
        .heal = node_heal,
        .destroy = node_destroy,
};

/* ------------------------------------------------------------- public functions */

int peer_odd_add(struct sim_world *w, const struct peer_odd_config *cfg, struct peer_odd **out)
{
        struct peer_odd *p = calloc(1, sizeof(*p));

        if (p == NULL)
                return -1;
        p->w = w;
        p->cfg = *cfg;
        p->cfg.mtu = cfg->mtu == 0 ? 1500 : cfg->mtu;
        p->cfg.give_up_ns = cfg->give_up_ns == 0 ? ELKO_SEC(120) : cfg->give_up_ns;
        p->cfg.time_wait_ns = cfg->time_wait_ns == 0 ? ELKO_SEC(30) : cfg->time_wait_ns;
        p->cfg.max_connections = cfg->max_connections == 0 ? 256 : cfg->max_connections;
        p->next_id = 1;
        p->number = sim_node_add(w, &node_ops, p);
        if (p->number < 0) {
                free(p);
                return -1;
        }
        p->rng = sim_rng_make(sim_seed(w), RNG_NODE, (uint32_t)p->number, 0);
        p->mutate_rng = sim_rng_make(sim_seed(w), RNG_MUTATE, (uint32_t)p->number, 0);
        if (out != NULL)
                *out = p;
        return p->number;
}

void peer_odd_listen(struct peer_odd *p, uint16_t port)
{
        if (port == 0)
                p->listen_any = true;
        else if (p->listens < sizeof(p->listen) / sizeof(p->listen[0]))
                p->listen[p->listens++] = port;
}

unsigned peer_odd_connect(struct peer_odd *p, struct sim_world *w, const elko_endpoint *remote,
                          uint16_t local_port, const struct peer_odd_plan *plan, uint64_t now)
{
        elko_endpoint local = {.ip = sim_address((unsigned)p->number, !elko_ip_is_v4(&remote->ip)),
                               .port = local_port};
        struct podd_conn *c;

        (void)w;
        for (unsigned try = 0; local.port == 0 || (local_port == 0 && podd_find(p, &local, remote));
             try++) {
                if (try == 1000)
                        return 0;
                local.port = (uint16_t)sim_rng_range(&p->rng, 1024, 65535);
        }
        if (podd_find(p, &local, remote) != NULL)
                return 0;
        c = podd_open(p, &local, remote, true, plan, now);
        if (c == NULL)
                return 0;
        c->state = ELKO_TCP_SYN_SENT;
        c->idle_at = now + ELKO_SEC(10);
        podd_out_syn(c, now);
        settle(p, now);
        return c->r.id;
}

bool peer_odd_abort(struct peer_odd *p, struct sim_world *w, unsigned id, uint64_t now)
{
        struct podd_conn *c = by_id(p, id);

        (void)w;
        if (c == NULL || c->over)
                return false;
        abort_now(c);
        settle(p, now);
        return true;
}

bool peer_odd_report_get(const struct peer_odd *p, unsigned id, struct peer_odd_report *out)
{
        const struct podd_conn *c = by_id(p, id);

        if (c == NULL)
                return false;
        *out = c->r;
        return true;
}

const struct peer_odd_totals *peer_odd_totals_get(const struct peer_odd *p)
{
        return &p->totals;
}

/* SPDX-License-Identifier: MIT */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node_elko.h"
#include "scenario_draw.h"
#include "scenario_others.h"

/* See scenario.h. What is drawn stands in scenario_draw.c; here it is put together and judged. */

enum { PACKETS_MAX = 400000, ONCE_MORE_BYTES = 2000 };

struct sim_run {
        struct sim_world *world;
        struct sim_oracle oracle;
        struct sim_elko elko[SIM_ELKOS];
        uint8_t *region[SIM_ELKOS];
        struct sim_shape shape;
        struct sim_others others;
        unsigned opened; /* of shape.conns */
        uint64_t judged_at;
        bool over; /* the last connection of all is the one that shows that all still works */
};

struct sim_run *sim_run_new(void)
{
        struct sim_run *run = calloc(1, sizeof(*run));

        if (run == NULL)
                return NULL;
        run->world = sim_world_new();
        for (unsigned i = 0; i < SIM_ELKOS; i++)
                run->region[i] = malloc(SIM_REGION_MAX);
        for (unsigned i = 0; i < SIM_ELKOS; i++)
                if (run->world == NULL || run->region[i] == NULL) {
                        sim_run_free(run);
                        return NULL;
                }
        return run;
}

void sim_run_free(struct sim_run *run)
{
        if (run == NULL)
                return;
        sim_world_free(run->world);
        for (unsigned i = 0; i < SIM_ELKOS; i++)
                free(run->region[i]);
        free(run);
}

/* ---- opening connections as planned ---- */

/* The first stack keeps time for the odd peer's connections. */
static bool opens(const struct sim_run *run, const struct sim_elko *e,
                  const struct sim_shape_conn *c)
{
        return c->from == (unsigned)e->node || (c->from == run->shape.elkos && e->node == 0);
}

static uint64_t open_at(void *ctx, struct sim_elko *e)
{
        struct sim_run *run = ctx;
        uint64_t at = ELKO_NEVER;

        if (e->healed || run->opened == run->shape.conns)
                return ELKO_NEVER;
        for (unsigned i = 0; i < run->shape.conns; i++) {
                const struct sim_shape_conn *c = &run->shape.conn[i];

                if (!c->done && opens(run, e, c) && c->at < at)
                        at = c->at;
        }
        return at;
}

static void open_next(void *ctx, struct sim_elko *e, uint64_t now)
{
        struct sim_run *run = ctx;

        if (e->healed || run->opened == run->shape.conns)
                return;
        for (unsigned i = 0; i < run->shape.conns; i++) {
                struct sim_shape_conn *c = &run->shape.conn[i];
                elko_endpoint remote = {.ip = sim_address(c->to, c->v6), .port = c->port};

                if (c->done || !opens(run, e, c) || c->at > now)
                        continue;
                c->done = true;
                run->opened++;
                if (!sim_decide(run->world, SIM_F_SHAPE, c->number, 0))
                        continue;
                if (c->from == run->shape.elkos)
                        sim_others_open(&run->others, c, now);
                else
                        sim_elko_open(e, (int)c->to, &remote, c->local_port, c->number);
        }
}

static bool plan(void *ctx, struct sim_elko *e, const struct sim_conn *c, unsigned end,
                 struct sim_app_plan *out)
{
        struct sim_run *run = ctx;

        (void)e;
        if (run->over) {
                *out = (struct sim_app_plan){.bytes = ONCE_MORE_BYTES,
                                             .write_max = 1u << 20,
                                             .read_max = 1u << 20,
                                             .pause_at = ELKO_NEVER};
                return true;
        }
        *out = sim_app_draw(run->world, run->shape.faults, c->plan, end, run->shape.most_bytes);
        sim_shape_bend(&run->shape, run->world, c->plan, end, out);
        return true;
}

static void rebooted(void *ctx, struct sim_elko *e)
{
        struct sim_run *run = ctx;

        sim_others_reboot(&run->others, e->node);
}

/* ---- putting it together ---- */

static bool add_elkos(struct sim_run *run)
{
        for (unsigned i = 0; i < run->shape.elkos; i++) {
                struct sim_elko *e = &run->elko[i];

                memset(e, 0, sizeof(*e));
                e->ctx = run;
                e->open_at = open_at;
                e->open_next = open_next;
                e->plan = plan;
                e->rebooted = rebooted;
                if (!sim_elko_add(e, run->world, &run->oracle, &run->shape.elko[i], run->region[i]))
                        return false;
        }
        return true;
}

static void set_paths(struct sim_run *run)
{
        for (unsigned a = 0; a < sim_world_nodes(run->world); a++)
                for (unsigned b = 0; b < sim_world_nodes(run->world); b++) {
                        if (a == b)
                                continue;
                        sim_shape_path(&run->shape, run->world, a, b,
                                       sim_world_path(run->world, a, b));
                        run->oracle.lies |= sim_path_may_lie(sim_world_path(run->world, a, b));
                }
}

/* ---- judging ---- */

static void judge_delivery(struct sim_run *run)
{
        for (uint32_t i = 0; i < run->oracle.conns; i++) {
                const struct sim_conn *c = &run->oracle.conn[i];
                const char *bad = sim_oracle_unfinished(&run->oracle, c);

                if (bad != NULL)
                        sim_fail(
                                run->world,
                                "L1: connection %u, %.0f s after all faults ended: %s; 0 sent %llu%s, "
                                "got %llu%s; 1 sent %llu%s, got %llu%s",
                                i, (double)(sim_now(run->world) - run->judged_at) / 1e9, bad,
                                (unsigned long long)c->end[0].sent,
                                c->end[0].shut ? " and FIN" : "",
                                (unsigned long long)c->end[0].received,
                                c->end[0].eof ? " and FIN" : "", (unsigned long long)c->end[1].sent,
                                c->end[1].shut ? " and FIN" : "",
                                (unsigned long long)c->end[1].received,
                                c->end[1].eof ? " and FIN" : "");
        }
}

static void judge_cleanness(struct sim_run *run)
{
        for (unsigned i = 0; i < run->shape.elkos; i++) {
                const char *bad = sim_elko_unclean(&run->elko[i]);
                struct elko_memory_info m;

                if (bad == NULL)
                        continue;
                elko_memory_get(run->elko[i].st, &m);
                sim_fail(run->world,
                         "%s: %s (%u open, %u half-open, %u TIME-WAIT, %llu bytes, baseline %llu, "
                         "promised %llu)",
                         run->elko[i].name, bad, m.connections, m.half_open, m.time_wait,
                         (unsigned long long)m.used, (unsigned long long)run->elko[i].baseline,
                         (unsigned long long)m.promised);
        }
}

/* Everything that was open ends; then nothing happens any more (I-28, L2, I-33). */
static void the_end(struct sim_run *run)
{
        uint64_t limit = sim_now(run->world) + sim_shape_longest_end(&run->shape);

        for (unsigned i = 0; i < run->shape.elkos; i++)
                sim_elko_give_up(&run->elko[i]);
        if (sim_world_run(run->world, limit)) {
                int node;
                uint64_t next = sim_world_next(run->world, &node);

                sim_fail(run->world,
                         "I-28: %.0f s after the last handle was given up it is not quiet: %s %d "
                         "at %.6f s",
                         (double)sim_shape_longest_end(&run->shape) / 1e9,
                         node < 0 ? "a packet" : "wakes node", node, (double)next / 1e9);
        }
        judge_cleanness(run);
}

/* L5, and what a listener's memory of attacks must not prevent: a new connection works at once. */
static void once_more(struct sim_run *run)
{
        struct sim_elko *from = &run->elko[0];
        unsigned to = run->shape.elkos - 1;
        elko_endpoint remote = {.ip = sim_address(to, false), .port = SIM_PORT};
        uint32_t number = run->oracle.conns;

        if (to == 0 || run->oracle.conns == SIM_CONNS)
                return;
        run->over = true;
        run->judged_at = sim_now(run->world);
        sim_elko_open(from, (int)to, &remote, 0, 0xff00);
        if (run->oracle.conns == number) {
                sim_fail(run->world, "L5: after all a connection can not be opened");
                return;
        }
        sim_elko_service(from);
        sim_world_run(run->world, sim_now(run->world) + sim_shape_once_more(&run->shape));
        judge_delivery(run);
        if (sim_world_failure(run->world) == NULL)
                the_end(run);
}

/* The phases, as long as nothing is wrong. */
static void live(struct sim_run *run)
{
        struct sim_world *w = run->world;

        /* Copies, losses and attackers may make many more packets than were meant: then faults end early. */
        sim_world_pause_at(w, run->shape.length);
        sim_world_run(w, run->shape.chaos_ns);
        sim_world_pause_at(w, UINT64_MAX);
        if (sim_world_failure(w) != NULL)
                return;
        run->judged_at = sim_now(w);
        sim_say(w, "all faults end");
        sim_world_heal(w);
        sim_world_run(w, sim_now(w) + sim_shape_l1(&run->shape));
        if (sim_world_failure(w) == NULL)
                judge_delivery(run);
        if (sim_world_failure(w) == NULL)
                the_end(run);
        if (sim_world_failure(w) == NULL)
                once_more(run);
}

static void judge_verdict(struct sim_world *w, const struct sim_options *opt)
{
        const char *bad = opt->verdict != NULL ? opt->verdict(opt->observer.self) : NULL;

        if (bad != NULL)
                sim_fail(w, "%s", bad);
}

void sim_scenario(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                  struct sim_result *out)
{
        struct sim_world *w = run->world;

        memset(out, 0, sizeof(*out));
        sim_world_reset(w, seed);
        sim_world_allow(w, opt->allowed);
        sim_world_record(w, opt->record);
        sim_world_listen(w, opt->line, opt->line_ctx);
        sim_world_packets_max(w, opt->packets_max != 0 ? opt->packets_max : PACKETS_MAX);
        sim_oracle_init(&run->oracle, w);
        run->oracle.plant_byte = opt->plant_byte;
        run->oracle.plant_eof = opt->plant_eof;
        run->over = false;
        run->opened = 0;
        if (opt->begin != NULL)
                opt->begin(opt->observer.self);
        sim_shape_draw(&run->shape, w, opt->has_faults ? &opt->faults : NULL);
        if (opt->observer.sent != NULL || opt->observer.arrives != NULL)
                sim_observe(w, &opt->observer);
        memset(&run->others, 0, sizeof(run->others));
        if (add_elkos(run)) {
                sim_others_add(&run->others, w, &run->oracle, &run->shape, run->elko, opt->monitor);
                set_paths(run);
                for (unsigned i = 0; i < run->shape.elkos; i++)
                        sim_wake(w, run->elko[i].node, 0);
                live(run);
                sim_others_end(&run->others);
        }
        judge_verdict(w, opt);
        out->failed = sim_world_failure(w) != NULL;
        if (out->failed)
                snprintf(out->failure, sizeof(out->failure), "%s", sim_world_failure(w));
        out->hash = sim_world_hash(w);
        out->virtual_ns = sim_now(w);
        out->stats = *sim_world_stats(w);
        for (unsigned i = 1; i < SIM_FAULTS; i++)
                if (out->stats.harms[i] != 0)
                        out->faults |= 1u << i;
        out->connections = run->oracle.conns;
        out->bytes_checked = run->oracle.bytes_checked;
        out->ghosts = run->oracle.ghosts;
}

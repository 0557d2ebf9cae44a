/* SPDX-License-Identifier: MIT */
/*
 * The events of a script in the order of time. See run.h.
 *
 * A relative time counts from the clock at the moment at which the runner reaches the event, and between two packets
 * of the peer from the scheduled time of the first. Packets of the stack are not waited for with the clock: it
 * moves to the instant at which one leaves, and no further.
 */
#include "drill/runner.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- verdicts ---- */

static bool verdict(struct drill_run *r, enum drill_outcome outcome, struct drill_where where,
                    const char *format, va_list ap)
{
        char what[2048];

        if (r->outcome != DRILL_PASSED)
                return false;
        vsnprintf(what, sizeof(what), format, ap);
        r->outcome = outcome;
        r->text = drill_complain(r->s, where, what);
        return false;
}

bool drill_fail(struct drill_run *r, struct drill_where where, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        verdict(r, DRILL_FAILED, where, format, ap);
        va_end(ap);
        return false;
}

bool drill_refuse(struct drill_run *r, struct drill_where where, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        verdict(r, DRILL_UNSUPPORTED, where, format, ap);
        va_end(ap);
        return false;
}

const char *drill_time_text(struct drill_run *r, uint64_t ns)
{
        return drill_format(r->arena, "%" PRIu64 ".%06" PRIu64 " s", ns / 1000000000,
                            ns / 1000 % 1000000);
}

/* ---- the clock ---- */

uint64_t drill_tolerance(const struct drill_run *r, uint64_t span_ns)
{
        uint64_t share = (uint64_t)((double)span_ns * r->c.tolerance_percent / 100.0);
        uint64_t fixed = ELKO_US(r->c.tolerance_us);

        return share > fixed ? share : fixed;
}

static bool open_kernel(struct drill_run *r, struct drill_where where)
{
        char local[ELKO_IP_TEXT], remote[ELKO_IP_TEXT];
        const char *why;

        elko_ip_format(&r->c.local, local);
        elko_ip_format(&r->c.remote, remote);
        why = drill_world_open_kernel(
                &r->w, r->arena, r->c.mtu,
                drill_format(r->arena, "%s/%d", local, r->c.family == DRILL_V6 ? 48 : 16), remote);
        r->open = true;
        return why == NULL || drill_refuse(r, where, "unsupported: no kernel can be had: %s", why);
}

bool drill_open(struct drill_run *r, struct drill_where where)
{
        struct elko_bsd_defaults sockets;
        struct elko_config stack;
        char ip[ELKO_IP_TEXT];
        const char *why, *local;

        if (r->open)
                return true;
        if (r->set->kernel)
                return open_kernel(r, where);
        drill_settings_now(r, &stack, &sockets);
        elko_ip_format(&r->c.local, ip);
        local = drill_format(r->arena, "%s/%d", ip, r->c.family == DRILL_V6 ? 48 : 16);
        why = drill_world_open(&r->w, r->arena, r->set->region, DRILL_REGION_BYTES, &stack,
                               r->c.mtu, local);
        r->open = true;
        if (why != NULL)
                return drill_refuse(r, where, "unsupported: no stack can be made: %s", why);
        elko_bsd_set_defaults(r->w.bsd, &sockets);
        if (r->set->trace != NULL)
                elko_trace_set(r->w.st, r->set->trace, r->set->trace_ctx);
        return true;
}

bool drill_happened(struct drill_run *r)
{
        const char *why = drill_world_runs_away(&r->w);

        if (why != NULL)
                return drill_fail(r,
                                  r->before != NULL ? r->before->where : (struct drill_where){1, 1},
                                  "it goes on for ever after this: %s", why);
        return r->blocked.event == NULL || drill_call_again(r);
}

bool drill_step(struct drill_run *r, uint64_t until, bool *moved)
{
        uint64_t at = r->open ? drill_world_next(&r->w) : ELKO_NEVER;

        if (r->blocked.event != NULL && r->blocked.give_up_ns < at)
                at = r->blocked.give_up_ns;
        *moved = at <= until;
        if (!*moved)
                return true;
        drill_world_to(&r->w, at);
        return drill_happened(r);
}

bool drill_too_long(struct drill_run *r, struct drill_where where, uint64_t at)
{
        if (r->w.kernel == NULL || at < r->w.now + DRILL_KERNEL_PATIENCE)
                return false;
        drill_refuse(r, where, "unsupported: it waits for more than %" PRIu64 " s of real time",
                     DRILL_KERNEL_PATIENCE / ELKO_SEC(1));
        return true;
}

bool drill_run_until(struct drill_run *r, uint64_t at)
{
        bool moved = true;

        while (moved)
                if (!drill_step(r, at, &moved))
                        return false;
        if (!r->open) {
                r->w.now = at > r->w.now ? at : r->w.now;
                return true;
        }
        drill_world_to(&r->w, at);
        return drill_happened(r);
}

/* ---- events ---- */

static bool is_inbound(const struct drill_event *e)
{
        return e != NULL && e->kind == DRILL_PACKET && !e->packet->out;
}

static uint64_t base_of(const struct drill_run *r, const struct drill_event *e)
{
        return is_inbound(e) && is_inbound(r->before) ? r->before_ns : r->w.now;
}

/* The scheduled times of an event; ANY: from 0 to ELKO_NEVER. */
static void times_of(const struct drill_run *r, const struct drill_event *e, uint64_t *from,
                     uint64_t *to)
{
        const struct drill_time *t = &e->time;
        uint64_t base = t->kind == DRILL_AFTER || t->kind == DRILL_AFTER_RANGE ? base_of(r, e) : 0;
        bool range = t->kind == DRILL_AT_RANGE || t->kind == DRILL_AFTER_RANGE || t->blocks;

        if (t->kind == DRILL_ANY) {
                *from = 0;
                *to = ELKO_NEVER;
                return;
        }
        *from = base + (uint64_t)t->from_us * 1000;
        *to = range ? base + (uint64_t)t->to_us * 1000 : *from;
}

/* The clock may be beyond the event's time already: a packet that was waited for came late. */
static bool on_time(struct drill_run *r, const struct drill_event *e, uint64_t at)
{
        uint64_t span = at > r->before_ns ? at - r->before_ns : 0;

        if (r->before == NULL || r->w.now <= at + drill_tolerance(r, span))
                return true;
        return drill_fail(r, e->where, "this is due at %s, and the clock stands at %s already",
                          drill_time_text(r, at), drill_time_text(r, r->w.now));
}

/* A blocking call is under way, and another call comes: it gets a second to end. */
static bool let_end(struct drill_run *r, const struct drill_event *e)
{
        uint64_t until = r->w.now + ELKO_SEC(1);
        bool moved = true;

        while (r->blocked.event != NULL && moved)
                if (!drill_step(r, until, &moved))
                        return false;
        if (r->blocked.event == NULL)
                return true;
        return drill_fail(r, r->blocked.event->where,
                          "this call has not returned a second after %s",
                          e != NULL ? drill_format(r->arena, "the call in line %d", e->where.line)
                                    : "the end of the script");
}

static bool run_other(struct drill_run *r, const struct drill_event *e, uint64_t from, uint64_t to)
{
        if (!on_time(r, e, from) || drill_too_long(r, e->where, from) || !drill_run_until(r, from))
                return false;
        if (r->set->record != NULL) {
                drill_record_packets(r);
                r->line = drill_record_event(r, e);
        }
        switch (e->kind) {
        case DRILL_PACKET: return drill_open(r, e->where) && drill_inject(r, e);
        case DRILL_SYSCALL: return drill_open(r, e->where) && let_end(r, e) && drill_call(r, e, to);
        case DRILL_COMMAND: return drill_command(r, e->shell, e->what);
        case DRILL_CODE: return drill_snapshot(r, e);
        }
        return true;
}

/* A failure that the script declares not to be fatal becomes a remark. */
static bool forgiven(struct drill_run *r, const struct drill_event *e)
{
        bool may = e->kind == DRILL_PACKET    ? r->c.packets_not_fatal
                   : e->kind == DRILL_SYSCALL ? r->c.calls_not_fatal
                                              : false;

        if (r->outcome != DRILL_FAILED || !may)
                return false;
        r->notes = drill_format(r->arena, "%s%s\n", r->notes != NULL ? r->notes : "", r->text);
        r->outcome = DRILL_PASSED;
        r->text = NULL;
        return true;
}

static bool run_event(struct drill_run *r, const struct drill_event *e)
{
        uint64_t from, to;
        bool ok;

        times_of(r, e, &from, &to);
        if (e->kind == DRILL_PACKET && e->packet->out)
                ok = drill_open(r, e->where) && drill_expect(r, e, from, to);
        else
                ok = run_other(r, e, from, to);
        if (!ok && !forgiven(r, e))
                return false;
        r->before = e;
        r->before_ns = e->time.kind == DRILL_ANY ? r->w.now : from;
        return r->outcome == DRILL_PASSED;
}

static void run_events(struct drill_run *r)
{
        /* A kernel has to be there before the script sets it up. */
        if (r->set->kernel && r->s->events != NULL && !drill_open(r, r->s->events->where))
                return;
        if (r->s->init != NULL && !drill_command(r, r->s->init, r->s->init_at))
                return;
        drill_world_begin(&r->w);
        for (const struct drill_event *e = r->s->events; e != NULL; e = e->next)
                if (!run_event(r, e))
                        return;
        if (r->blocked.event != NULL && !let_end(r, NULL))
                return;
        if (r->set->record != NULL)
                drill_record_packets(r);
        if (r->s->cleanup != NULL && !drill_command(r, r->s->cleanup, r->s->cleanup_at))
                return;
        if (r->snapshots != NULL)
                drill_code_run(r);
}

/* A broken invariant of the stack is a failure, whatever the script says. */
static void check_stack(struct drill_run *r)
{
        const char *bad = elko_check(r->w.st);

        if (bad != NULL && r->before != NULL)
                drill_fail(r, r->before->where, "an invariant of the stack is broken: %s", bad);
}

void drill_run(struct drill_script *s, const struct drill_settings *set, struct drill_result *out)
{
        struct drill_run *r = calloc(1, sizeof(*r));

        if (r == NULL) {
                *out = (struct drill_result){DRILL_UNSUPPORTED, "out of memory", 0};
                return;
        }
        r->s = s;
        r->arena = &s->arena;
        r->set = set;
        r->next_port = 40000;
        r->snapshots_tail = &r->snapshots;
        r->lines_tail = &r->lines;
        if (drill_configure(r) && (!r->c.dry_run || set->record != NULL))
                run_events(r);
        if (set->record != NULL)
                drill_record_write(r);
        if (r->open && (r->w.st != NULL || r->w.kernel != NULL)) {
                if (r->outcome == DRILL_PASSED && r->w.st != NULL)
                        check_stack(r);
                if (r->outcome == DRILL_FAILED)
                        r->text = drill_format(r->arena, "%s\n    the clock: %s", r->text,
                                               drill_time_text(r, r->w.now));
                drill_world_close(&r->w);
        }
        *out = (struct drill_result){r->outcome, r->outcome == DRILL_PASSED ? r->notes : r->text,
                                     r->w.now};
        free(r->buffer);
        for (unsigned i = 0; i < r->n_flows; i++)
                free(r->flow[i]);
        free(r);
}

void drill_run_text(struct drill_script *s, const char *name, const char *text, size_t len,
                    const struct drill_define *defines, const struct drill_settings *set,
                    struct drill_result *out)
{
        if (drill_parse(s, name, text, len, defines)) {
                drill_run(s, set, out);
                return;
        }
        *out = (struct drill_result){s->error != NULL ? DRILL_FAILED : DRILL_UNSUPPORTED,
                                     s->error != NULL ? s->error : s->unsupported, 0};
}

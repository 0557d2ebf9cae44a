/* SPDX-License-Identifier: MIT */
/*
 * See flow.h.
 */
#include "drill/flow.h"

#include <string.h>

enum { SYN = 2, RST = 4, ACK = 16 };

/* ---- from the peer ---- */

static const char *echo(const struct drill_flow *f, const struct drill_packet *p, bool scaled,
                        struct drill_opt *o)
{
        if (o->ecr_is_live || !(p->flags & ACK))
                return NULL;
        for (uint32_t i = f->n_times; i-- > 0;) {
                if (f->time_script[i] == o->b) {
                        o->b = f->time_live[i];
                        return NULL;
                }
        }
        if (scaled && f->has_time) {
                o->b = o->b - f->first_script + f->first_live;
                return NULL;
        }
        return "the echoed timestamp is none that the stack sent in this script";
}

const char *drill_flow_inbound(struct drill_flow *f, const struct drill_packet *p, bool scaled,
                               struct drill_live *o, struct drill_opt *opts)
{
        uint32_t ack_base = p->flags & SYN ? f->local_live - f->local_script : f->local_live;
        const char *why = NULL;

        if ((p->flags & SYN) && !f->remote_is_sure) {
                f->remote = p->seq;
                f->has_remote = true;
                f->syn_data = p->len;
        }
        o->seq = p->seq + (p->seq_is_live || (p->flags & SYN) ? 0 : f->remote);
        o->ack = p->has_ack && (p->flags & ACK) ? p->ack + ack_base : 0;
        if (p->n_opts > 0)
                memcpy(opts, p->opt, p->n_opts * sizeof(*opts));
        for (unsigned i = 0; i < p->n_opts && why == NULL; i++) {
                if (opts[i].kind == DRILL_OPT_TS)
                        why = echo(f, p, scaled, &opts[i]);
                for (unsigned b = 0; opts[i].kind == DRILL_OPT_SACK && b < opts[i].n; b++) {
                        opts[i].left[b] += ack_base;
                        opts[i].right[b] += ack_base;
                }
        }
        return why;
}

/* ---- from the stack ---- */

static const struct drill_opt *find(const struct drill_packet *p, enum drill_opt_kind kind)
{
        for (unsigned i = 0; p != NULL && i < p->n_opts; i++)
                if (p->opt[i].kind == kind)
                        return &p->opt[i];
        return NULL;
}

/* What the stack's SYN tells, and its acknowledgment of the peer's. */
static void learn(struct drill_flow *f, const struct drill_live *l, const struct drill_packet *want)
{
        if ((l->flags & SYN) && (!f->has_local || l->seq != f->local_live)) {
                f->local_live = l->seq;
                f->local_script = want != NULL ? want->seq : 0;
                f->has_local = true;
        }
        /* The peer may have begun anew; but a SYN's data may be acknowledged with it (RFC 7413). */
        if ((l->flags & ACK) && (l->flags & SYN) && l->ack - 1 - f->remote > f->syn_data)
                f->remote = l->ack - 1;
        if ((l->flags & ACK) && !(l->flags & RST) && l->ack - 1 - f->remote <= f->syn_data)
                f->remote_is_sure = true;
}

static void remember_time(struct drill_flow *f, uint32_t script, uint32_t live)
{
        uint32_t i = f->n_times % DRILL_FLOW_TIMES;

        if (f->n_times >= DRILL_FLOW_TIMES) { /* the oldest are forgotten */
                i = DRILL_FLOW_TIMES - 1;
                memmove(f->time_script, f->time_script + 1, i * sizeof(script));
                memmove(f->time_live, f->time_live + 1, i * sizeof(live));
        } else {
                f->n_times++;
        }
        f->time_script[i] = script;
        f->time_live[i] = live;
}

static void timestamp(struct drill_flow *f, const struct drill_packet *want, bool recording,
                      struct drill_opt *o)
{
        const struct drill_opt *said = find(want, DRILL_OPT_TS);
        uint32_t live = o->a;

        if (!f->has_time) {
                f->has_time = true;
                f->first_live = live;
                f->first_script = said != NULL ? said->a : 0;
        }
        o->a = live - f->first_live + f->first_script;
        /* What is recorded has names of its own, and those of the script are still what its peer echoes. */
        if (recording)
                remember_time(f, o->a, live);
        if (said != NULL || !recording)
                remember_time(f, said != NULL ? said->a : o->a, live);
}

static void options(struct drill_flow *f, const struct drill_live *l,
                    const struct drill_packet *want, bool recording, uint32_t remote_base,
                    struct drill_packet *o)
{
        const uint8_t *p = l->opts;

        while (o->n_opts < DRILL_MAX_OPTS &&
               drill_live_option(&p, l->opts + l->opts_len, &o->opt[o->n_opts])) {
                struct drill_opt *x = &o->opt[o->n_opts++];

                if (x->kind == DRILL_OPT_TS)
                        timestamp(f, want, recording, x);
                for (unsigned b = 0; x->kind == DRILL_OPT_SACK && b < x->n; b++) {
                        x->left[b] -= remote_base;
                        x->right[b] -= remote_base;
                }
        }
}

void drill_flow_outbound(struct drill_flow *f, const struct drill_live *l,
                         const struct drill_packet *want, bool recording, struct drill_packet *o)
{
        uint32_t remote_base;

        learn(f, l, want);
        remote_base = l->flags & SYN ? 0 : f->remote;
        o->flags = l->flags;
        o->seq = l->seq - (l->flags & SYN ? f->local_live - f->local_script : f->local_live);
        o->len = l->len;
        o->has_ack = (l->flags & ACK) != 0;
        o->ack = o->has_ack ? l->ack - remote_base : l->ack;
        o->has_win = true;
        o->win = l->win;
        o->has_urg = l->urg != 0;
        o->urg = l->urg;
        options(f, l, want, recording, remote_base, o);
}

/* The first label that the script names stands for the live one; later the same for the same, others for others. */
bool drill_flow_label(struct drill_flow *f, uint32_t script, uint32_t live)
{
        for (uint32_t i = 0; i < f->n_labels; i++)
                if ((f->label_script[i] == script) != (f->label_live[i] == live))
                        return false;
                else if (f->label_script[i] == script)
                        return true;
        if (script == 0 || live == 0)
                return script == live;
        if (f->n_labels < DRILL_FLOW_LABELS) {
                f->label_script[f->n_labels] = script;
                f->label_live[f->n_labels++] = live;
        }
        return true;
}

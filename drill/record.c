/* SPDX-License-Identifier: MIT */
/*
 * Record mode: the script is run, and written anew with what the stack does in place of what was expected. All that
 * the peer and the application do stays, at the same instants; every time becomes a relative one. Comments between
 * the events are lost; all that stands before the first event is kept.
 */
#include "drill/runner.h"

#include <inttypes.h>
#include <string.h>

static struct drill_line *add(struct drill_run *r, uint64_t at_ns, const char *text)
{
        struct drill_line *l = drill_alloc(r->arena, sizeof(*l));

        l->text = text;
        l->from_ns = at_ns > r->recorded_ns ? at_ns - r->recorded_ns : 0;
        r->recorded_ns = at_ns;
        *r->lines_tail = l;
        r->lines_tail = &l->next;
        return l;
}

void drill_record_text(struct drill_run *r, uint64_t at_ns, const char *text)
{
        add(r, at_ns, text);
}

/* The place in the source where `where` is. */
static const char *find(const struct drill_event *e, struct drill_where where)
{
        struct drill_where at = e->where;
        const char *p = e->text;

        for (; p < e->text_end && (at.line < where.line || at.column < where.column); p++) {
                at.column++;
                if (*p == '\n')
                        at = (struct drill_where){at.line + 1, 1};
        }
        return p;
}

struct drill_line *drill_record_event(struct drill_run *r, const struct drill_event *e)
{
        const char *from = find(e, e->what);
        const char *to = e->kind == DRILL_SYSCALL ? find(e, e->call->result->where) : e->text_end;

        return add(r, r->w.now, drill_copy(r->arena, from, (size_t)(to - from)));
}

void drill_record_result(struct drill_run *r, struct drill_line *line, const char *result)
{
        /* Where it was written: the clock of the lines behind it may be further. */
        uint64_t at = 0;

        if (line == NULL)
                return;
        line->result = result;
        for (const struct drill_line *l = r->lines; l != NULL; l = l->next) {
                at += l->from_ns;
                if (l == line)
                        break;
        }
        line->until_ns = r->w.now > at ? line->from_ns + r->w.now - at : 0;
}

void drill_record_echo(struct drill_run *r, uint32_t value)
{
        const char *at = r->line != NULL ? strstr(r->line->text, "ecr ") : NULL;
        const char *digits = at != NULL ? at + strspn(at, "ecr \t") : NULL;

        if (at == NULL)
                return;
        r->line->text = drill_format(r->arena, "%.*s%" PRIu32 "%s", (int)(digits - r->line->text),
                                     r->line->text, value, digits + strspn(digits, "0123456789"));
}

static void put_time(FILE *f, const char *before, uint64_t ns)
{
        fprintf(f, "%s%" PRIu64 ".%06" PRIu64, before, ns / 1000000000, ns / 1000 % 1000000);
}

void drill_record_write(struct drill_run *r)
{
        const struct drill_event *first = r->s->events;
        FILE *f = r->set->record;
        const char *head = first->text;

        while (head > r->s->source && (head[-1] == ' ' || head[-1] == '\t'))
                head--;
        fwrite(r->s->source, 1, (size_t)(head - r->s->source), f);
        for (const struct drill_line *l = r->lines; l != NULL; l = l->next) {
                put_time(f, "+", l->from_ns);
                if (l->until_ns != 0)
                        put_time(f, "...", l->until_ns);
                fprintf(f, " %s%s\n", l->text, l->result != NULL ? l->result : "");
        }
        if (r->s->cleanup != NULL)
                fprintf(f, "`%s`\n", r->s->cleanup);
}

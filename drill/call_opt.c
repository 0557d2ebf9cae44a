/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() and setsockopt() of scripts: [number], {onoff=, linger=} or "bytes".
 */
#include "drill/call.h"
#include "drill/os.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { VALUE_BYTES = 1024 };

/* What a script writes as a value, as bytes. *len: how many. */
static bool value_of(struct drill_call_ctx *c, const struct drill_expr *e, uint8_t *out,
                     size_t *len)
{
        int64_t v, seconds;
        int32_t pair[2];

        switch (e->kind) {
        case DRILL_STRING:
                *len = e->len < VALUE_BYTES ? e->len : VALUE_BYTES;
                memcpy(out, e->text, *len);
                return true;
        case DRILL_BRACE: {
                const struct drill_expr *onoff = drill_field_of(e, "onoff"),
                                        *linger = drill_field_of(e, "linger");

                if (onoff == NULL || linger == NULL)
                        return drill_fail(c->r, e->where, "{onoff=N, linger=N} is expected");
                if (!drill_int(c->r, onoff, &v) || !drill_int(c->r, linger, &seconds))
                        return false;
                pair[0] = (int32_t)v;
                pair[1] = (int32_t)seconds;
                memcpy(out, pair, sizeof(pair));
                *len = sizeof(pair);
                return true;
        }
        default:
                if (!drill_int(c->r, e, &v))
                        return false;
                pair[0] = (int32_t)v;
                memcpy(out, pair, sizeof(pair[0]));
                *len = sizeof(pair[0]);
                return true;
        }
}

/* getsockopt(fd, level, option, value, [len]) */
static bool compare_value(struct drill_call_ctx *c, const uint8_t *got, socklen_t len)
{
        const struct drill_expr *e = c->call->arg[3];
        uint8_t want[VALUE_BYTES] = {0};
        int64_t want_len;
        int32_t number;
        size_t n;

        if (!drill_int(c->r, c->call->arg[4], &want_len))
                return false;
        if (want_len != len)
                return drill_fail(c->r, c->call->arg[4]->where, "the call gave back a length of %u",
                                  (unsigned)len);
        if (e->kind == DRILL_ELLIPSIS ||
            (e->kind == DRILL_LIST && e->n == 1 && e->item[0]->kind == DRILL_ELLIPSIS))
                return true;
        if (!value_of(c, e, want, &n))
                return false;
        if (memcmp(got, want, n < len ? n : len) == 0)
                return true;
        memcpy(&number, got, sizeof(number));
        if (len == 8 && e->kind == DRILL_BRACE)
                return drill_fail(c->r, e->where, "the call gave back {onoff=%d, linger=%d}",
                                  number, (int)got[4]);
        return drill_fail(c->r, e->where, "the call gave back [%d]", number);
}

enum drill_done drill_do_getsockopt(struct drill_call_ctx *c)
{
        uint8_t value[VALUE_BYTES] = {0};
        int64_t level, name, size;
        socklen_t len;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 1, &level) ||
            !drill_arg_int(c, 2, &name) || !drill_arg_int(c, 4, &size))
                return DRILL_GAVE_UP;
        len = size < 0 || size > VALUE_BYTES ? VALUE_BYTES : (socklen_t)size;
        c->doing->result = drill_os_getsockopt(&c->r->w, fd, (int)level, (int)name,
                                               drill_is_null(c->call->arg[3]) ? NULL : value, &len);
        if (c->doing->result == 0 && c->r->set->record == NULL && !compare_value(c, value, len))
                return DRILL_GAVE_UP;
        return DRILL_DONE;
}

/* Options that the sockets layer keeps and tells, but that change nothing in elko, with the value that asks for
 * nothing. A script that sets another one tests what is not there. */
static bool has_effect(struct drill_call_ctx *c, int64_t level, int64_t name, const uint8_t *value)
{
        static const struct {
                int64_t level, name;
                int32_t idle;
                const char *text;
        } kept[] = {{1, 16, 0, "SO_PASSCRED"}};
        int32_t v;

        if (c->r->w.kernel != NULL)
                return true;
        memcpy(&v, value, sizeof(v));
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                if (kept[i].level == level && kept[i].name == name && v != kept[i].idle)
                        return drill_refuse(c->r, c->doing->event->what, "unsupported: %s",
                                            kept[i].text);
        return true;
}

enum drill_done drill_do_setsockopt(struct drill_call_ctx *c)
{
        uint8_t value[VALUE_BYTES] = {0};
        int64_t level, name, size;
        size_t n;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 1, &level) ||
            !drill_arg_int(c, 2, &name) || !drill_arg_int(c, 4, &size))
                return DRILL_GAVE_UP;
        if (!drill_is_null(c->call->arg[3]) && !value_of(c, c->call->arg[3], value, &n))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_setsockopt(
                &c->r->w, fd, (int)level, (int)name, drill_is_null(c->call->arg[3]) ? NULL : value,
                size < 0 || size > VALUE_BYTES ? VALUE_BYTES : (socklen_t)size);
        if (c->doing->result == 0 && !has_effect(c, level, name, value))
                return DRILL_GAVE_UP;
        return DRILL_DONE;
}

/* ---- a code block's snapshot ---- */

bool drill_snapshot(struct drill_run *r, const struct drill_event *e)
{
        struct drill_snapshot *s = drill_alloc(r->arena, sizeof(*s));
        int fd = r->cur != NULL ? drill_live_fd(r, r->cur->fd) : -1;
        socklen_t len = sizeof(s->info);

        s->event = e;
        if (r->open && fd >= 0) {
                s->has_info = drill_os_getsockopt(&r->w, fd, 6, 11, s->info, &len) == 0 &&
                              len == sizeof(s->info);
                len = sizeof(s->meminfo);
                drill_os_getsockopt(&r->w, fd, 1, 55, s->meminfo, &len);
        }
        *r->snapshots_tail = s;
        r->snapshots_tail = &s->next;
        return true;
}

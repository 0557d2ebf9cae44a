/* SPDX-License-Identifier: MIT */
/*
 * Control messages of scripts: {cmsg_level=L, cmsg_type=T, cmsg_data=...}, where the data is a number, a time stamp
 * {scm_sec=, scm_nsec=}, an error {ee_errno=, ee_origin=, ee_type=, ee_code=, ee_info=, ee_data=}, or "bytes".
 */
#include "drill/call.h"

#include <inttypes.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

const char *drill_message_flags(struct drill_run *r, int flags)
{
        static const struct {
                int flag;
                const char *name;
        } names[] = {{MSG_ERRQUEUE, "MSG_ERRQUEUE"},
                     {MSG_TRUNC, "MSG_TRUNC"},
                     {MSG_CTRUNC, "MSG_CTRUNC"},
                     {MSG_OOB, "MSG_OOB"},
                     {MSG_EOR, "MSG_EOR"}};
        const char *text = "";

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (flags & names[i].flag) {
                        text = drill_format(r->arena, "%s%s%s", text, *text != '\0' ? "|" : "",
                                            names[i].name);
                        flags &= ~names[i].flag;
                }
        if (flags != 0 || *text == '\0')
                text = drill_format(r->arena, "%s%s0x%x", text, *text != '\0' ? "|" : "", flags);
        return text;
}

/* {cmsg_level=, cmsg_type=, cmsg_data=} */
static bool head(struct drill_call_ctx *c, const struct drill_expr *e, int64_t *level,
                 int64_t *type, const struct drill_expr **data)
{
        const struct drill_expr *l = drill_field_of(e, "cmsg_level"),
                                *t = drill_field_of(e, "cmsg_type");

        *data = drill_field_of(e, "cmsg_data");
        if (e->kind != DRILL_BRACE || l == NULL || t == NULL || *data == NULL)
                return drill_fail(c->r, e->where,
                                  "{cmsg_level=L, cmsg_type=T, cmsg_data=D} is expected");
        return drill_int(c->r, l, level) && drill_int(c->r, t, type);
}

bool drill_control_write(struct drill_call_ctx *c, const struct drill_expr *list, void *to,
                         size_t *room)
{
        size_t used = 0;

        if (list->kind != DRILL_LIST)
                return drill_fail(c->r, list->where, "a list of control messages is expected");
        for (size_t i = 0; i < list->n; i++) {
                const struct drill_expr *data;
                struct cmsghdr h = {0};
                int64_t level, type, v;
                int32_t number;

                if (!head(c, list->item[i], &level, &type, &data) || !drill_int(c->r, data, &v))
                        return false;
                if (used + CMSG_SPACE(sizeof(number)) > *room)
                        return drill_fail(c->r, list->where, "too many control messages");
                number = (int32_t)v;
                h = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(number)),
                                     .cmsg_level = (int)level,
                                     .cmsg_type = (int)type};
                memset((uint8_t *)to + used, 0, CMSG_SPACE(sizeof(number)));
                memcpy((uint8_t *)to + used, &h, sizeof(h));
                memcpy((uint8_t *)to + used + CMSG_LEN(0), &number, sizeof(number));
                used += CMSG_SPACE(sizeof(number));
        }
        *room = used;
        return true;
}

static bool field(struct drill_call_ctx *c, const struct drill_expr *e, const char *name,
                  uint64_t got)
{
        const struct drill_expr *x = drill_field_of(e, name);
        int64_t want;

        if (x == NULL || x->kind == DRILL_ELLIPSIS)
                return true;
        if (!drill_int(c->r, x, &want))
                return false;
        return (uint32_t)want == got ||
               drill_fail(c->r, x->where, "the call gave back %s=%" PRIu64, name, got);
}

static bool compare_error(struct drill_call_ctx *c, const struct drill_expr *e, const void *data)
{
        struct sock_extended_err ee;

        memcpy(&ee, data, sizeof(ee));
        return field(c, e, "ee_errno", ee.ee_errno) && field(c, e, "ee_origin", ee.ee_origin) &&
               field(c, e, "ee_type", ee.ee_type) && field(c, e, "ee_code", ee.ee_code) &&
               field(c, e, "ee_info", ee.ee_info) && field(c, e, "ee_data", ee.ee_data);
}

/* Times are since the script began, as everywhere in it. */
static bool compare_time(struct drill_call_ctx *c, const struct drill_expr *e, const void *data)
{
        const struct drill_expr *sec = drill_field_of(e, "scm_sec"),
                                *nsec = drill_field_of(e, "scm_nsec");
        struct timespec t;
        int64_t s, ns, want, got;

        if (sec == NULL || nsec == NULL)
                return drill_fail(c->r, e->where, "{scm_sec=S, scm_nsec=N} is expected");
        if (!drill_int(c->r, sec, &s) || !drill_int(c->r, nsec, &ns))
                return false;
        memcpy(&t, data, sizeof(t));
        want = s * 1000000000 + ns;
        got = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - c->r->w.wall_ns;
        if ((uint64_t)(want > got ? want - got : got - want) <= drill_tolerance(c->r, 0))
                return true;
        return drill_fail(c->r, e->where,
                          "the call gave back {scm_sec=%" PRId64 ", scm_nsec=%" PRId64 "}",
                          got / 1000000000, got % 1000000000);
}

static bool compare_one(struct drill_call_ctx *c, const struct drill_expr *e,
                        const struct cmsghdr *h, const void *data)
{
        size_t len = h->cmsg_len - CMSG_LEN(0);
        const struct drill_expr *want;
        int64_t level, type, v;
        int32_t number;

        if (!head(c, e, &level, &type, &want))
                return false;
        if (level != h->cmsg_level || type != h->cmsg_type)
                return drill_fail(c->r, e->where,
                                  "the call gave back a message of level %d, type %d",
                                  h->cmsg_level, h->cmsg_type);
        if (want->kind == DRILL_ELLIPSIS)
                return true;
        if (want->kind == DRILL_STRING)
                return (want->len == len && memcmp(want->text, data, len) == 0) ||
                       drill_fail(c->r, want->where, "the call gave back other bytes");
        if (want->kind == DRILL_BRACE && drill_field_of(want, "scm_sec") != NULL &&
            len >= sizeof(struct timespec))
                return compare_time(c, want, data);
        if (want->kind == DRILL_BRACE && len >= sizeof(struct sock_extended_err) &&
            ((level == IPPROTO_IP && type == IP_RECVERR) ||
             (level == IPPROTO_IPV6 && type == IPV6_RECVERR)))
                return compare_error(c, want, data);
        if (want->kind == DRILL_BRACE)
                return drill_refuse(c->r, want->where, "unsupported: this control message");
        if (!drill_int(c->r, want, &v))
                return false;
        if (len < sizeof(number))
                return drill_fail(c->r, want->where, "the call gave back %zu bytes", len);
        memcpy(&number, data, sizeof(number));
        return number == (int32_t)v ||
               drill_fail(c->r, want->where, "the call gave back %d", number);
}

bool drill_control_compare(struct drill_call_ctx *c, const struct drill_expr *list,
                           const struct msghdr *msg)
{
        const uint8_t *at = msg->msg_control;
        size_t left = msg->msg_controllen, n = 0;
        struct cmsghdr h;

        if (list->kind != DRILL_LIST)
                return drill_fail(c->r, list->where, "a list of control messages is expected");
        for (; left >= sizeof(h); n++) {
                memcpy(&h, at, sizeof(h));
                if (h.cmsg_len < sizeof(h) || h.cmsg_len > left)
                        break;
                if (n >= list->n)
                        return drill_fail(c->r, list->where,
                                          "the call gave back one more: level %d, type %d",
                                          h.cmsg_level, h.cmsg_type);
                if (!compare_one(c, list->item[n], &h, at + CMSG_LEN(0)))
                        return false;
                if (CMSG_ALIGN(h.cmsg_len) >= left) {
                        n++;
                        break;
                }
                at += CMSG_ALIGN(h.cmsg_len);
                left -= CMSG_ALIGN(h.cmsg_len);
        }
        return n == list->n ||
               drill_fail(c->r, list->where, "the call gave back %zu control messages", n);
}

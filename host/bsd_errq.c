/* SPDX-License-Identifier: MIT */
/*
 * The error queue of a socket: what Linux tells of data that was sent, apart from the data that is received.
 *
 * A program asks for it in two ways. MSG_ZEROCOPY (the kernel's msg_zerocopy.rst): it learns when the bytes of a call
 * are not needed any more, by the call's number, counted from 0; here that is when they are acknowledged, and every
 * answer says that they were copied, because they were. SO_TIMESTAMPING (timestamping.rst): it learns when the last byte
 * of a call was handed to the scheduler, was sent, and was acknowledged, by that byte's place in the stream.
 *
 * Each call that asks leaves a mark in the stream. After anything that happened the marks are compared with how far the
 * stream has been sent and acknowledged, and each segment that leaves with what it holds: a byte that is sent again has
 * its stamps again.
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { EE_ZEROCOPY = 5, EE_TIMESTAMPING = 4, EE_COPIED = 1, TX_OPT_ID_TCP = 1 << 16, MOST = 4096 };

struct bsd_report {
        struct bsd_report *next;
        struct sock_extended_err ee;
        uint64_t at;  /* ns, of the stack's clock; 0: has no time */
        bool payload; /* Linux would give back the packet, too */
};

struct bsd_mark {
        struct bsd_mark *next;
        uint64_t end; /* the stream's offset behind the call's last byte */
        uint32_t id;
        bool zerocopy;
        bool stamped;   /* as sent, at least once */
        unsigned wants; /* SOF_TIMESTAMPING_TX_... */
};

/* ---- the queue ---- */

static void report(struct bsd_sock *s, const struct bsd_report *what)
{
        struct bsd_report *r, *last = s->reports;
        size_t n = 0;

        for (; last != NULL && last->next != NULL; n++)
                last = last->next;
        s->news++;
        /* Calls in a row become a range, ee_info to ee_data. */
        if (last != NULL && what->ee.ee_origin == EE_ZEROCOPY &&
            last->ee.ee_origin == EE_ZEROCOPY && last->ee.ee_data + 1 == what->ee.ee_info) {
                last->ee.ee_data = what->ee.ee_data;
                return;
        }
        r = n < MOST ? malloc(sizeof(*r)) : NULL;
        if (r == NULL)
                return; /* lost, as with Linux when the receive buffer is full */
        *r = *what;
        r->next = NULL;
        if (last != NULL)
                last->next = r;
        else
                s->reports = r;
}

static void report_zerocopy(struct bsd_sock *s, uint32_t id)
{
        report(s, &(struct bsd_report){.ee = {.ee_origin = EE_ZEROCOPY,
                                              .ee_code = EE_COPIED,
                                              .ee_info = id,
                                              .ee_data = id}});
}

static void report_stamp(struct elko_bsd *b, struct bsd_sock *s, const struct bsd_mark *m,
                         uint32_t kind)
{
        bool has_id = s->opt.timestamping & SOF_TIMESTAMPING_OPT_ID;

        report(s, &(struct bsd_report){
                          .ee = {.ee_errno = ENOMSG,
                                 .ee_origin = EE_TIMESTAMPING,
                                 .ee_info = kind,
                                 .ee_data = has_id ? m->id : 0},
                          .at = elko_now(b->st),
                          .payload = !(s->opt.timestamping & SOF_TIMESTAMPING_OPT_TSONLY)});
}

/* ---- the marks ---- */

static void mark(struct bsd_sock *s, const struct bsd_mark *what)
{
        struct bsd_mark **at = &s->marks, *m = malloc(sizeof(*m));

        if (m == NULL)
                return;
        *m = *what;
        while (*at != NULL)
                at = &(*at)->next;
        *at = m;
}

static unsigned tx_wants(const struct bsd_sock *s, unsigned extra)
{
        return ((unsigned)s->opt.timestamping | extra) &
               (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK);
}

void bsd_mark_sent(struct bsd_sock *s, size_t len, int flags, unsigned stamps)
{
        struct bsd_mark *m = s->marks;
        unsigned wants = tx_wants(s, stamps);

        s->written += len;
        if (flags & ELKO_BSD_MSG_CONT) { /* the marks of this call move on with it */
                for (; m != NULL; m = m->next)
                        if (m->end == s->written - len) {
                                m->end = s->written;
                                m->id = m->zerocopy ? m->id
                                                    : (uint32_t)(s->written - 1 - s->stamp_base);
                        }
                return;
        }
        if ((flags & MSG_ZEROCOPY) && s->opt.zerocopy)
                mark(s, &(struct bsd_mark){
                                .end = s->written, .id = s->zerocopy_id++, .zerocopy = true});
        if (wants != 0)
                mark(s, &(struct bsd_mark){.end = s->written,
                                           .id = (uint32_t)(s->written - 1 - s->stamp_base),
                                           .wants = wants});
}

/* The call's last byte went out, or went out again. */
static void stamp_sent(struct elko_bsd *b, struct bsd_sock *s, struct bsd_mark *m)
{
        m->stamped = true;
        if (m->wants & SOF_TIMESTAMPING_TX_SCHED)
                report_stamp(b, s, m, SCM_TSTAMP_SCHED);
        if (m->wants & SOF_TIMESTAMPING_TX_SOFTWARE)
                report_stamp(b, s, m, SCM_TSTAMP_SND);
}

/* The header of a TCP segment in an IP packet, and how long its payload is; NULL: it is none. RFC 791, 3.1; RFC 8200, 3. */
static const uint8_t *tcp_of(const struct elko_frame *f, uint32_t *payload)
{
        const uint8_t *p = f->part[0].data, *tcp;
        size_t at;

        if (f->parts == 0 || f->part[0].len < 40)
                return NULL;
        at = p[0] >> 4 == 6 ? 40 : (p[0] & 15) * 4u;
        if (p[p[0] >> 4 == 6 ? 6 : 9] != IPPROTO_TCP || f->part[0].len < at + 20)
                return NULL;
        tcp = p + at;
        *payload = f->len - (uint32_t)at - (tcp[12] >> 4) * 4u;
        return tcp;
}

static uint32_t word(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Stamp the calls whose last byte is in this segment of the socket's. */
static void stamp_segment(struct elko_bsd *b, struct bsd_sock *s, const uint8_t *tcp, uint32_t len)
{
        struct elko_tcp_info i;
        uint64_t from;

        if (s->handle == ELKO_SOCK_NONE || elko_tcp_info_get(b->st, s->handle, &i) != ELKO_OK ||
            (tcp[0] << 8 | tcp[1]) != i.local.port || (tcp[2] << 8 | tcp[3]) != i.remote.port)
                return;
        from = i.bytes_acked + (uint64_t)(int64_t)(int32_t)(word(tcp + 4) - i.snd_una);
        if (i.state == ELKO_TCP_SYN_RECEIVED &&
            i.snd_una == i.iss) /* our SYN has a number (RFC 7413) */
                from--;
        for (struct bsd_mark *m = s->marks; m != NULL; m = m->next)
                if (!m->zerocopy && m->end > from && m->end <= from + len)
                        stamp_sent(b, s, m);
}

void elko_bsd_sent(struct elko_bsd *b, const struct elko_frame *frame)
{
        uint32_t len = 0;
        const uint8_t *tcp = tcp_of(frame, &len);

        for (int fd = 0; tcp != NULL && len > 0 && fd < b->top; fd++)
                if (b->sock[fd].kind == BSD_OPEN && b->sock[fd].marks != NULL)
                        stamp_segment(b, &b->sock[fd], tcp, len);
}

/* Tell what is due of one mark; true: nothing more will come of it. */
static bool tell(struct elko_bsd *b, struct bsd_sock *s, struct bsd_mark *m, uint64_t sent,
                 uint64_t acked)
{
        if (m->zerocopy) {
                if (acked >= m->end)
                        report_zerocopy(s, m->id);
                return acked >= m->end;
        }
        if (sent >= m->end && !m->stamped)
                stamp_sent(b, s, m);
        if (acked >= m->end && (m->wants & SOF_TIMESTAMPING_TX_ACK))
                report_stamp(b, s, m, SCM_TSTAMP_ACK);
        return acked >= m->end;
}

void bsd_marks_check(struct elko_bsd *b, struct bsd_sock *s)
{
        struct elko_tcp_info i;
        struct bsd_mark **at = &s->marks;
        uint64_t sent = UINT64_MAX, acked = UINT64_MAX;

        if (s->marks == NULL)
                return;
        /* What is not sent any more because the connection is gone is not needed any more either. */
        if (s->kind != BSD_DEAD && s->handle != ELKO_SOCK_NONE &&
            elko_tcp_info_get(b->st, s->handle, &i) == ELKO_OK) {
                sent = i.bytes_sent - i.bytes_retrans;
                acked = i.bytes_acked;
        }
        while (*at != NULL) {
                struct bsd_mark *m = *at;

                if (!m->zerocopy && acked == UINT64_MAX) {
                        *at = m->next;
                        free(m);
                } else if (tell(b, s, m, sent, acked)) {
                        *at = m->next;
                        free(m);
                } else {
                        at = &m->next;
                }
        }
}

void bsd_errq_free(struct bsd_sock *s)
{
        while (s->marks != NULL) {
                struct bsd_mark *m = s->marks;

                s->marks = m->next;
                free(m);
        }
        while (s->reports != NULL) {
                struct bsd_report *r = s->reports;

                s->reports = r->next;
                free(r);
        }
}

/* setsockopt(SO_TIMESTAMPING): bytes are counted from here on. */
int bsd_set_timestamping(struct elko_bsd *b, struct bsd_sock *s, int flags)
{
        struct elko_tcp_info i;

        if ((flags & SOF_TIMESTAMPING_OPT_ID) && !(s->opt.timestamping & SOF_TIMESTAMPING_OPT_ID)) {
                if (s->kind == BSD_NEW || s->kind == BSD_LISTENER)
                        return -EINVAL;
                s->stamp_base = s->written;
                if (!(flags & TX_OPT_ID_TCP) && elko_tcp_info_get(b->st, s->handle, &i) == ELKO_OK)
                        s->stamp_base = i.bytes_acked;
        }
        s->opt.timestamping = flags;
        return 0;
}

/* ---- recvmsg(MSG_ERRQUEUE) ---- */

void bsd_put_control(struct msghdr *msg, size_t *used, int level, int type, const void *data,
                     size_t len)
{
        struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
        size_t room = msg->msg_control != NULL && msg->msg_controllen > *used
                              ? msg->msg_controllen - *used
                              : 0;
        uint8_t *to = (uint8_t *)msg->msg_control + *used;

        if (room < sizeof(h)) {
                msg->msg_flags |= MSG_CTRUNC;
                return;
        }
        if (room < h.cmsg_len) {
                msg->msg_flags |= MSG_CTRUNC;
                h.cmsg_len = room;
        }
        memcpy(to, &h, sizeof(h));
        memcpy(to + sizeof(h), data, h.cmsg_len - sizeof(h));
        *used += CMSG_SPACE(len) < room ? CMSG_SPACE(len) : room;
}

static void put_time(const struct elko_bsd *b, struct msghdr *msg, size_t *used, uint64_t at)
{
        struct timespec t[3] = {0};
        int64_t ns = (int64_t)at + b->clock_offset_ns;

        t[0].tv_sec = (time_t)(ns / 1000000000);
        t[0].tv_nsec = (long)(ns % 1000000000);
        bsd_put_control(msg, used, SOL_SOCKET, SO_TIMESTAMPING, t, sizeof(t));
}

ssize_t bsd_errq_take(struct elko_bsd *b, struct bsd_sock *s, struct msghdr *msg)
{
        struct bsd_report *r = s->reports;
        uint8_t data[sizeof(r->ee) + sizeof(struct sockaddr_in6)] = {0};
        bool v6 = s->domain == AF_INET6;
        size_t used = 0;

        if (r == NULL)
                return -EAGAIN;
        s->reports = r->next;
        msg->msg_flags = MSG_ERRQUEUE | (r->payload ? MSG_TRUNC : 0);
        msg->msg_namelen = 0;
        if (r->at != 0 && (s->opt.timestamping & SOF_TIMESTAMPING_SOFTWARE))
                put_time(b, msg, &used, r->at);
        memcpy(data, &r->ee, sizeof(r->ee)); /* and nobody offends: an address of zeros */
        bsd_put_control(
                msg, &used, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, data,
                sizeof(r->ee) + (v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
        msg->msg_controllen = used;
        free(r);
        return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * fz_watch.c - the onlooker. Numbers are compared on the circle, RFC 9293, 3.4.
 */
#include "fz_watch.h"

enum { FAR = 1 << 24 };

static int32_t after(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b);
}

static uint32_t space(const struct fz_seg *s)
{
        return s->len + ((s->flags & FZ_SYN) != 0) + ((s->flags & FZ_FIN) != 0);
}

void fz_watch_start(struct fz_watch *w, uint8_t (*byte)(uint64_t))
{
        *w = (struct fz_watch){.byte = byte};
}

/* ---- what the peer says ---- */

static void note_peer_syn(struct fz_watch *w, const struct fz_seg *s)
{
        unsigned i = w->syns < FZ_WATCH_MARKS ? w->syns : FZ_WATCH_MARKS - 1;

        for (unsigned k = 0; k < w->syns && k < FZ_WATCH_MARKS; k++)
                if (w->syn[k].seq == s->seq)
                        i = k;
        if (i >= w->syns || w->syn[i].seq != s->seq || after(s->seq + space(s), w->syn[i].end) > 0)
                w->syn[i].end = s->seq + space(s);
        w->syn[i].seq = s->seq;
        if (i >= w->syns || i == FZ_WATCH_MARKS - 1)
                w->syns++;
        if (s->has_ws)
                w->syn_ws = true;
        else
                w->syn_no_ws = true;
        if (s->has_ws && s->ws > w->peer_ws)
                w->peer_ws = s->ws < 14 ? s->ws : 14;
        if (s->wnd > w->syn_wnd)
                w->syn_wnd = s->wnd;
}

/* The edge counts if the stack could believe the ACK: of something that it sent. */
static void note_right(struct fz_watch *w, const struct fz_seg *s)
{
        uint32_t wnd = (uint32_t)s->wnd << ((s->flags & FZ_SYN) != 0 ? 0 : w->peer_ws);

        if (!w->has_iss || after(s->ack, w->iss) < 0 || after(s->ack, w->snd_max) > 0)
                return;
        if (!w->has_right || after(s->ack + wnd, w->right) > 0)
                w->right = s->ack + wnd;
        w->has_right = true;
}

/* How far the peer has sent, counted from whichever of its SYNs the stack took. What lies farther ahead
 * than any window is lost on the circle. */
static void note_end(struct fz_watch *w, const struct fz_seg *s)
{
        uint32_t end = s->seq + space(s);

        if (w->has_irs && after(end, w->peer_end) > 0 && end - w->irs < FAR)
                w->peer_end = end;
        for (unsigned i = 0; i < w->syns && i < FZ_WATCH_MARKS && !w->has_irs; i++)
                if (after(end, w->syn[i].end) > 0 && end - w->syn[i].seq < FAR)
                        w->syn[i].end = end;
}

void fz_watch_in(struct fz_watch *w, const struct fz_seg *s)
{
        uint32_t fin = s->seq + space(s) - 1;
        bool known = false;

        if ((s->flags & FZ_RST) != 0)
                return;
        if ((s->flags & FZ_SYN) != 0)
                note_peer_syn(w, s);
        if ((s->flags & FZ_FIN) != 0) {
                for (unsigned i = 0; i < w->fins && i < FZ_WATCH_MARKS; i++)
                        known = known || w->fin[i] == fin;
                if (!known && w->fins < FZ_WATCH_MARKS)
                        w->fin[w->fins] = fin;
                w->fins += !known;
        }
        if ((s->flags & FZ_ACK) != 0)
                note_right(w, s);
        note_end(w, s);
}

bool fz_watch_fin_at(const struct fz_watch *w, uint32_t seq)
{
        for (unsigned i = 0; i < w->fins && i < FZ_WATCH_MARKS; i++)
                if (w->fin[i] == seq)
                        return true;
        return w->fins > FZ_WATCH_MARKS;
}

/* ---- what the stack says ---- */

void fz_watch_adopt(struct fz_watch *w, uint32_t iss, uint32_t irs)
{
        if (w->loose || !w->has_iss || w->iss != iss || !w->has_irs || w->irs != irs) {
                /* What was seen belongs to another incarnation, or to none. */
                w->has_ack = w->has_edge = w->has_ts = w->has_right = false;
                w->snd_max = iss + 1;
                w->peer_end = irs + (1u << 20);
        }
        w->loose = w->loose && w->syns > FZ_WATCH_MARKS;
        w->has_iss = w->has_irs = true;
        w->iss = iss;
        w->irs = irs;
}

static void note_own_syn(struct fz_watch *w, const struct fz_seg *s)
{
        /* With the clock standing still a new incarnation may even have the ISS of the old one; but SYN,ACK
         * is not repeated once more than the peer's SYN was acknowledged. */
        bool again = w->has_iss && w->iss == s->seq &&
                     ((s->flags & FZ_ACK) == 0 || !w->has_irs || s->ack == w->irs + 1) &&
                     (!w->has_ack || w->last_ack == w->irs + 1);

        if (!again) {
                w->has_ack = w->has_edge = w->has_irs = w->has_ts = w->has_right = false;
                w->snd_max = s->seq;
        }
        w->has_iss = true;
        w->iss = s->seq;
        w->ws_offered = s->has_ws;
        w->ws = s->ws;
}

/* The first ACK of an incarnation tells which SYN the stack took. */
static const char *find_irs(struct fz_watch *w, uint32_t ack)
{
        for (unsigned i = 0; i < w->syns && i < FZ_WATCH_MARKS; i++) {
                if (after(ack, w->syn[i].seq) <= 0 || after(ack, w->syn[i].end) > 0)
                        continue;
                w->has_irs = true;
                w->irs = w->syn[i].seq;
                w->peer_end = w->syn[i].end;
                return NULL;
        }
        if (w->syns <= FZ_WATCH_MARKS)
                return "I-14: acknowledges a SYN that nobody sent";
        w->loose = true;
        return NULL;
}

static const char *judge_ack(struct fz_watch *w, const struct fz_seg *s)
{
        const char *bad = NULL;

        if (!w->has_irs)
                bad = find_irs(w, s->ack);
        if (bad != NULL || w->loose)
                return bad;
        if (after(s->ack, w->peer_end) > 0)
                return "I-14: acknowledges what the peer did not send";
        if (w->has_ack && after(s->ack, w->last_ack) < 0)
                return "I-14: the ACK number went back";
        w->has_ack = true;
        w->last_ack = s->ack;
        for (unsigned i = 0; i < s->sacks; i++)
                if (after(s->sack[2 * i + 1], w->peer_end) > 0)
                        return "I-16: SACKs what the peer did not send";
        return NULL;
}

static const char *judge_window(struct fz_watch *w, const struct fz_seg *s)
{
        bool scaled = (s->flags & FZ_SYN) == 0 && w->ws_offered && w->syn_ws;
        unsigned shift = scaled ? w->ws : 0;
        uint32_t edge = s->ack + ((uint32_t)s->wnd << shift);

        if (w->syn_ws && w->syn_no_ws)
                return NULL;
        if (w->has_edge && after(edge + (1u << shift) - 1, w->edge) < 0)
                return "I-11: the right edge of the window went back";
        if (!w->has_edge || after(edge, w->edge) > 0)
                w->edge = edge;
        w->has_edge = true;
        return NULL;
}

static const char *judge_seq(struct fz_watch *w, const struct fz_seg *s)
{
        uint32_t end = s->seq + space(s), right = w->iss + 1 + w->syn_wnd;
        uint64_t first = (uint32_t)(s->seq - w->iss - 1);

        if (after(s->seq, w->iss) < 0)
                return "I-9: SEQ before the ISS";
        if (after(end, w->iss + 1 + (uint32_t)w->given + w->closed) > 0)
                return "I-9: SEQ beyond what the application gave";
        if (w->has_right && after(w->right, right) > 0)
                right = w->right;
        if (space(s) > 0 && (s->flags & FZ_SYN) == 0 && after(end, right) > 0)
                return "I-5: beyond the largest window that the peer announced";
        if (s->len > 0 && s->seq == w->iss)
                return "I-6: data at the SYN's number";
        for (uint32_t i = 0; i < s->len; i++)
                if (s->data[i] != w->byte(first + i))
                        return "I-6: a byte of the stream is wrong";
        if (after(end, w->snd_max) > 0)
                w->snd_max = end;
        return NULL;
}

static const char *judge_ts(struct fz_watch *w, const struct fz_seg *s)
{
        if (!s->has_ts)
                return NULL;
        if (w->has_ts && after(s->ts_val, w->ts_val) < 0)
                return "I-36: TSval went back";
        w->has_ts = true;
        w->ts_val = s->ts_val;
        return NULL;
}

const char *fz_watch_out(struct fz_watch *w, const struct fz_seg *s)
{
        const char *bad = NULL;

        if ((s->flags & FZ_RST) != 0)
                return NULL;
        if ((s->flags & FZ_SYN) != 0)
                note_own_syn(w, s);
        if (!w->has_iss)
                return "sent: a segment of a connection that has sent no SYN";
        if (w->loose)
                return NULL;
        if ((s->flags & FZ_ACK) != 0)
                bad = judge_ack(w, s);
        if (bad == NULL && !w->loose && (s->flags & FZ_ACK) != 0)
                bad = judge_window(w, s);
        if (bad == NULL && !w->loose)
                bad = judge_seq(w, s);
        if (bad == NULL)
                bad = judge_ts(w, s);
        return bad;
}

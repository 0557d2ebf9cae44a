/* SPDX-License-Identifier: MIT */
/*
 * Options of a segment on its way through a middlebox: taken away, changed, put into another order.
 *
 * What is negotiated on SYNs is taken from every SYN, so that both ends agree that it isn't there
 * (RFC 7323, 2.2 and 3.2). SACK-permitted may be missing on one side only: an end that got it may send
 * blocks (RFC 2018, 2), and those are taken away as well.
 *
 * Options are kept as a list of (kind, bytes); NOPs are dropped on the way in and put back at random.
 */
#include "middlebox_conn.h"

#include <string.h>

enum { OPTIONS = 20 };

struct option {
        uint8_t len; /* kind and length byte included */
        uint8_t byte[PKT_OPTIONS_MAX];
};

/* The list of options; false: malformed, they stay as they are. */
static bool list_read(const struct pkt *s, struct option *list, unsigned *count)
{
        const uint8_t *o = s->raw;
        size_t n = s->raw_len;

        *count = 0;
        while (n > 0 && o[0] != 0) {
                if (o[0] == 1) {
                        o++;
                        n--;
                        continue;
                }
                if (n < 2 || o[1] < 2 || o[1] > n || *count == OPTIONS)
                        return false;
                list[*count].len = o[1];
                memcpy(list[*count].byte, o, o[1]);
                ++*count;
                n -= o[1];
                o += o[1];
        }
        return true;
}

static void drop(struct option *list, unsigned *count, uint8_t kind, struct middlebox *m,
                 enum middlebox_bit bit)
{
        for (unsigned i = 0; i < *count;) {
                if (list[i].byte[0] != kind) {
                        i++;
                        continue;
                }
                memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(list[0]));
                --*count;
                mbox_did(m, bit);
        }
}

static struct option *find(struct option *list, unsigned count, uint8_t kind, uint8_t len)
{
        for (unsigned i = 0; i < count; i++)
                if (list[i].byte[0] == kind && list[i].len == len)
                        return &list[i];
        return NULL;
}

static bool is_known(uint8_t kind)
{
        return kind == 2 || kind == 3 || kind == 4 || kind == 5 || kind == 8;
}

static void change_syn(struct middlebox *m, struct mbox_conn *c, struct mbox_side *side,
                       bool answer, struct option *list, unsigned *count)
{
        struct option *o;

        if (mbox_does(m, MIDDLEBOX_STRIP_TIMESTAMPS))
                drop(list, count, 8, m, MIDDLEBOX_BIT_STRIP_TIMESTAMPS);
        if (mbox_does(m, MIDDLEBOX_STRIP_WSCALE))
                drop(list, count, 3, m, MIDDLEBOX_BIT_STRIP_WSCALE);
        if (mbox_does(m, MIDDLEBOX_STRIP_MSS))
                drop(list, count, 2, m, MIDDLEBOX_BIT_STRIP_MSS);
        if (mbox_does(m, MIDDLEBOX_STRIP_SACK) && c->sack_mode != (answer ? 0 : 1))
                drop(list, count, 4, m, MIDDLEBOX_BIT_STRIP_SACK);
        o = find(list, *count, 2, 4);
        if (o != NULL && mbox_does(m, MIDDLEBOX_CLAMP_MSS)) {
                unsigned mss = (unsigned)o->byte[2] << 8 | o->byte[3];
                unsigned most = 100 + 50 * (c->number % 27);

                if (mss > most) {
                        o->byte[2] = (uint8_t)(most >> 8);
                        o->byte[3] = (uint8_t)most;
                        mbox_did(m, MIDDLEBOX_BIT_CLAMP_MSS);
                }
        }
        o = find(list, *count, 3, 3);
        side->has_scale = o != NULL;
        if (o != NULL) {
                uint8_t scale = o->byte[2] > 14 ? 14 : o->byte[2];

                side->scale_in = side->scale_out = scale;
                if (mbox_does(m, MIDDLEBOX_REWRITE_WSCALE)) {
                        /* The same for each copy of the SYN. */
                        side->scale_out = (uint8_t)(c->number * 7 % (scale + 1u));
                        o->byte[2] = side->scale_out;
                        mbox_did(m, MIDDLEBOX_BIT_REWRITE_WSCALE);
                }
        }
}

/* Write the list, NOPs anywhere between as far as they fit. */
static void list_write(struct middlebox *m, struct pkt *s, const struct option *list,
                       unsigned count)
{
        size_t need = 0, n = 0, spare;

        for (unsigned i = 0; i < count; i++)
                need += list[i].len;
        spare = PKT_OPTIONS_MAX - need;
        if (spare > 8)
                spare = 8;
        for (unsigned i = 0; i < count; i++) {
                if (mbox_does(m, MIDDLEBOX_REORDER_OPTIONS))
                        for (; spare > 0 && sim_rng_chance(&m->rng, 400000); spare--)
                                s->raw[n++] = 1;
                memcpy(s->raw + n, list[i].byte, list[i].len);
                n += list[i].len;
        }
        while (n % 4 != 0)
                s->raw[n++] = 1;
        s->raw_len = (uint8_t)n;
}

void mbox_options(struct middlebox *m, struct mbox_conn *c, unsigned dir, struct pkt *s)
{
        struct option list[OPTIONS];
        bool syn = (s->flags & ELKO_SYN) != 0;
        unsigned count;

        if (!list_read(s, list, &count))
                return;
        if (mbox_does(m, MIDDLEBOX_STRIP_UNKNOWN))
                for (unsigned i = 0; i < count;) {
                        if (is_known(list[i].byte[0]))
                                i++;
                        else
                                drop(list, &count, list[i].byte[0], m, MIDDLEBOX_BIT_STRIP_UNKNOWN);
                }
        if (syn)
                change_syn(m, c, &c->side[dir], (s->flags & ELKO_ACK) != 0, list, &count);
        else if (mbox_does(m, MIDDLEBOX_STRIP_SACK))
                drop(list, &count, 5, m, MIDDLEBOX_BIT_STRIP_SACK);
        if (mbox_does(m, MIDDLEBOX_REORDER_OPTIONS) && count > 1) {
                for (unsigned i = count - 1; i > 0; i--) {
                        unsigned j = (unsigned)sim_rng_below(&m->rng, i + 1);
                        struct option t = list[i];

                        list[i] = list[j];
                        list[j] = t;
                }
                mbox_did(m, MIDDLEBOX_BIT_REORDER_OPTIONS);
        }
        list_write(m, s, list, count);
}

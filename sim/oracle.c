/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <string.h>

#include "peer_odd_stream.h"

/* See oracle.h. RFC 9293, 3.9.1: what the user calls promise; RFC 1122, 4.2.3.5 for R2. */

void sim_oracle_init(struct sim_oracle *o, struct sim_world *w)
{
        memset(o, 0, sizeof(*o));
        o->world = w;
}

static bool same(const elko_endpoint *a, const elko_endpoint *b)
{
        return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

/* RFC 9293, 3.4.3: a host that lost its memory must be quiet for an MSL, since what it used of the sequence space
 * may still be on the way. Simulated hosts are not, and what they then take for new may be old. */
static bool follows_reboot(const struct sim_oracle *o, const elko_endpoint *local,
                           const elko_endpoint *remote)
{
        for (uint32_t i = 0; i < o->conns; i++) {
                const struct sim_conn *c = &o->conn[i];

                if ((c->end[0].gone || c->end[1].gone) && same(&c->end[0].at, local) &&
                    same(&c->end[1].at, remote))
                        return true;
        }
        return false;
}

struct sim_conn *sim_oracle_opened(struct sim_oracle *o, int from, const elko_endpoint *local,
                                   int to, const elko_endpoint *remote)
{
        struct sim_conn *c;

        if (o->conns == SIM_CONNS)
                return NULL;
        c = &o->conn[o->conns];
        memset(c, 0, sizeof(*c));
        c->id = o->conns++;
        c->opened = true;
        c->opened_at = sim_now(o->world);
        c->unsure = follows_reboot(o, local, remote);
        c->end[0].at = *local;
        c->end[0].node = from;
        c->end[1].at = *remote;
        c->end[1].node = to;
        return c;
}

struct sim_conn *sim_oracle_find(struct sim_oracle *o, const elko_endpoint *local,
                                 const elko_endpoint *remote)
{
        for (uint32_t i = o->conns; i-- > 0;)
                if (!o->conn[i].ghost && same(&o->conn[i].end[1].at, local) &&
                    same(&o->conn[i].end[0].at, remote))
                        return &o->conn[i];
        return NULL;
}

struct sim_conn *sim_oracle_accepted(struct sim_oracle *o, const elko_endpoint *local,
                                     const elko_endpoint *remote, uint32_t irs)
{
        struct sim_conn *newest = sim_oracle_find(o, local, remote);

        for (uint32_t i = o->conns; i-- > 0;) {
                struct sim_conn *c = &o->conn[i];

                if (!c->ghost && c->has_iss && c->iss == irs && same(&c->end[1].at, local) &&
                    same(&c->end[0].at, remote))
                        return c;
        }
        for (uint32_t i = 0; i < o->conns; i++) {
                struct sim_conn *c = &o->conn[i];

                if (c != newest && !c->ghost && same(&c->end[1].at, local) &&
                    same(&c->end[0].at, remote))
                        c->unsure = newest->unsure = true;
        }
        return newest;
}

struct sim_conn *sim_oracle_ghost(struct sim_oracle *o, const struct sim_conn *c)
{
        struct sim_conn *g;

        if (o->conns == SIM_CONNS)
                return NULL;
        o->ghosts++;
        g = &o->conn[o->conns++];
        *g = *c;
        g->ghost = true;
        g->end[1].sent = 0;
        g->end[1].shut = false;
        return g;
}

struct sim_end *sim_oracle_end(struct sim_oracle *o, const elko_endpoint *local,
                               const elko_endpoint *remote)
{
        for (uint32_t i = o->conns; i-- > 0;)
                for (unsigned k = 0; k < 2 && !o->conn[i].ghost; k++)
                        if (same(&o->conn[i].end[k].at, local) &&
                            same(&o->conn[i].end[1 - k].at, remote))
                                return &o->conn[i].end[k];
        return NULL;
}

/* ---- the bytes ---- */

uint64_t sim_oracle_stream(const struct sim_oracle *o, const struct sim_conn *c, unsigned end)
{
        return sim_mix64(sim_seed(o->world) ^ sim_mix64(c->id * 2u + end + 1u));
}

void sim_oracle_fill(const struct sim_oracle *o, const struct sim_conn *c, unsigned end,
                     uint64_t offset, uint8_t *buf, size_t len)
{
        peer_odd_stream_fill(sim_oracle_stream(o, c, end), offset, buf, len);
}

/* ---- causes ---- */

enum sim_excuse sim_oracle_excuse(const struct sim_oracle *o, const struct sim_conn *c)
{
        if (o->lies || c->unsure)
                return SIM_EXCUSE_NOTHING_HOLDS;
        return o->excuse != NULL ? o->excuse(o->excuse_ctx, c) : SIM_EXCUSE_NONE;
}

/* Did this end stop being a partner, so that the other may be told so? */
static bool has_left(const struct sim_end *e)
{
        return e->aborted || e->failed || e->gone || e->refused;
}

/* A cookie makes a connection once more as long as it is valid (RFC 4987, 3.6: no state is kept that could
 * tell): then the accepting end has lived twice, and the other one may hear either. */
static uint64_t most_sent(const struct sim_oracle *o, const struct sim_conn *c, unsigned end)
{
        uint64_t most = c->end[end].sent;

        for (uint32_t i = 0; i < o->conns && o->ghosts != 0; i++)
                if (o->conn[i].id == c->id && o->conn[i].end[end].sent > most)
                        most = o->conn[i].end[end].sent;
        return most;
}

static bool was_shut_at(const struct sim_oracle *o, const struct sim_conn *c, unsigned end,
                        uint64_t offset)
{
        bool was = c->end[end].shut && c->end[end].sent == offset;

        for (uint32_t i = 0; i < o->conns && o->ghosts != 0; i++)
                was = was || (o->conn[i].id == c->id && o->conn[i].end[end].shut &&
                              o->conn[i].end[end].sent == offset);
        return was;
}

void sim_oracle_got(struct sim_oracle *o, struct sim_conn *c, unsigned end, uint64_t offset,
                    const uint8_t *buf, size_t len)
{
        struct sim_end *me = &c->end[end];
        const struct sim_end *peer = &c->end[1 - end];
        size_t bad;

        o->bytes_checked += len;
        me->received = offset + len;
        if (sim_oracle_excuse(o, c) == SIM_EXCUSE_NOTHING_HOLDS)
                return;
        bad = peer_odd_stream_differs(sim_oracle_stream(o, c, 1 - end), offset, buf, len);
        if (o->plant_byte != 0 && o->plant_byte <= o->bytes_checked &&
            o->plant_byte > o->bytes_checked - len)
                bad = (size_t)(o->plant_byte - 1 - (o->bytes_checked - len));
        if (bad < len)
                sim_fail(o->world,
                         "O1 (I-12): connection %u, end %u: byte %llu of the stream is wrong",
                         c->id, end, (unsigned long long)(offset + bad));
        if (peer->is_elko && offset + len > most_sent(o, c, 1 - end))
                sim_fail(o->world,
                         "O1 (I-12): connection %u, end %u: %llu bytes came, %llu were written",
                         c->id, end, (unsigned long long)(offset + len),
                         (unsigned long long)most_sent(o, c, 1 - end));
}

void sim_oracle_got_eof(struct sim_oracle *o, struct sim_conn *c, unsigned end, uint64_t offset)
{
        struct sim_end *me = &c->end[end];
        const struct sim_end *peer = &c->end[1 - end];
        bool early;

        o->eofs++;
        if (c->ghost)
                return;
        me->eof = true;
        me->done_at = sim_now(o->world);
        if (sim_oracle_excuse(o, c) == SIM_EXCUSE_NOTHING_HOLDS || !peer->is_elko)
                return;
        /* RFC 1122, 4.2.2.13: who throws away what came says so by a reset. A second life of a cookie may have
         * ended in order. */
        if (peer->threw && o->ghosts == 0)
                sim_fail(
                        o->world,
                        "O1 (I-17): connection %u, end %u: end of stream, and the peer threw away what "
                        "it had not read, or everything",
                        c->id, end);
        early = !was_shut_at(o, c, 1 - end, offset) || o->eofs == o->plant_eof;
        if (early)
                sim_fail(
                        o->world,
                        "O1 (I-17): connection %u, end %u: end of stream after %llu bytes; the peer "
                        "wrote %llu and %s",
                        c->id, end, (unsigned long long)offset, (unsigned long long)peer->sent,
                        peer->shut ? "closed" : "did not close");
}

void sim_oracle_got_error(struct sim_oracle *o, struct sim_conn *c, unsigned end, int error,
                          bool opening, uint64_t silence_ns, uint64_t r2_ns)
{
        struct sim_end *me = &c->end[end];
        const struct sim_end *peer = &c->end[1 - end];
        bool cause = false;

        o->errors++;
        if (c->ghost)
                return;
        me->failed = true;
        me->error = error;
        if (sim_oracle_excuse(o, c) != SIM_EXCUSE_NONE || has_left(peer))
                return;
        switch (error) {
        case ELKO_ECONNRESET:
                /* The peer closed and forgot it: it had all, or threw something away. Or it never got
                 * that far (its accept queue, its memory, its own time-out). */
                cause = !peer->open || me->eof || !peer->is_elko ||
                        (peer->closed &&
                         (!peer->eof || sim_now(o->world) - peer->closed_at >= peer->patience_ns));
                break;
        case ELKO_ECONNREFUSED: cause = opening; break;
        case ELKO_ETIMEDOUT:
                /* A queue may be a quarter of a minute long, but no longer. */
                cause = silence_ns >= r2_ns &&
                        (opening || !me->unharmed || !peer->is_elko || r2_ns < ELKO_SEC(100));
                break;
        case ELKO_EHOSTUNREACH:
        case ELKO_ENETUNREACH: cause = o->icmp_lies || silence_ns >= r2_ns; break;
        case ELKO_ECONNABORTED: cause = me->closed || me->aborted; break;
        default: break;
        }
        if (!cause)
                sim_fail(o->world,
                         "O1: connection %u, end %u: error %s without a cause (%.3f s without an "
                         "answer, R2 is %.3f s)",
                         c->id, end, elko_error_name(error), (double)silence_ns / 1e9,
                         (double)r2_ns / 1e9);
}

const char *sim_oracle_unfinished(const struct sim_oracle *o, const struct sim_conn *c)
{
        if (c->ghost || !c->opened || sim_oracle_excuse(o, c) != SIM_EXCUSE_NONE)
                return NULL;
        /* Who closes before the other's end of stream leaves the other with an error, perhaps. */
        for (unsigned i = 0; i < 2; i++)
                if (has_left(&c->end[i]) || c->end[i].starved ||
                    (c->end[i].closed && !c->end[i].eof))
                        return NULL;
        for (unsigned i = 0; i < 2; i++) {
                const struct sim_end *me = &c->end[i], *peer = &c->end[1 - i];

                if (!me->is_elko)
                        continue;
                if (!me->open)
                        return "it did not open";
                if (!me->eof)
                        return "an end did not get its end of stream";
                if (peer->is_elko && me->received != peer->sent)
                        return "an end did not get everything";
        }
        return NULL;
}

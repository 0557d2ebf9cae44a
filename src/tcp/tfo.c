/* SPDX-License-Identifier: MIT */
#include "tcp/tfo.h"

/*
 * TCP Fast Open, RFC 7413. A server that knows a client's address to be real may take the data that comes
 * with its SYN. What shows that is a cookie: a keyed hash of the client's address (4.1.2), which only who
 * receives the server's packets can have. Its key follows the clock, so that cookies end, and nothing is
 * kept for any client.
 *
 * The client keeps what servers gave it in a small cache of sets (4.1.3), and remembers there, too, on which
 * paths it failed, so that a middlebox which drops such SYNs costs one time-out and not one for each
 * connection.
 */

#define EPOCH_NS ELKO_SEC(6 * 3600)
#define BAR_NS   ELKO_SEC(3600)

enum { BAR_DOUBLINGS = 5, HALF_MINUTE_S = 30 };

/* ---- server ---- */

static void digest(const struct ek_siphash_key *secret, const elko_ip *client, uint64_t epoch,
                   uint8_t out[EK_TFO_COOKIE_BYTES])
{
        struct {
                elko_ip client;
                uint64_t epoch;
        } in;
        uint64_t h;

        memset(&in, 0, sizeof(in));
        in.client = *client;
        in.epoch = epoch;
        h = ek_siphash24(secret, &in, sizeof(in));
        for (unsigned i = 0; i < EK_TFO_COOKIE_BYTES; i++)
                out[i] = (uint8_t)(h >> 8 * i);
}

/* [RFC7413 4.1.2] */
void ek_tfo_cookie(const struct ek_siphash_key *secret, const elko_ip *client, uint64_t now,
                   uint8_t out[EK_TFO_COOKIE_BYTES])
{
        digest(secret, client, now / EPOCH_NS, out);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
        uint8_t differ = 0;

        /* All of them, in the same time. */
        for (unsigned i = 0; i < EK_TFO_COOKIE_BYTES; i++)
                differ |= (uint8_t)(a[i] ^ b[i]);
        return differ == 0;
}

/* [RFC7413 4.1.2] */
enum ek_tfo_verdict ek_tfo_check(const struct ek_siphash_key *secret, const elko_ip *client,
                                 uint64_t now, const uint8_t *cookie, uint32_t bytes)
{
        uint8_t good[EK_TFO_COOKIE_BYTES];
        uint64_t epoch = now / EPOCH_NS;

        if (bytes != EK_TFO_COOKIE_BYTES)
                return EK_TFO_INVALID;
        digest(secret, client, epoch, good);
        if (same(good, cookie))
                return EK_TFO_VALID;
        if (epoch == 0)
                return EK_TFO_INVALID;
        digest(secret, client, epoch - 1, good);
        return same(good, cookie) ? EK_TFO_AGEING : EK_TFO_INVALID;
}

void ek_tfo_on_reset(struct ek_tfo_pending *p, uint64_t now)
{
        uint64_t at = now / ELKO_SEC(HALF_MINUTE_S);

        if (at != p->half_minute) {
                p->resets[1] = at == p->half_minute + 1 ? p->resets[0] : 0;
                p->resets[0] = 0;
                p->half_minute = at;
        }
        p->resets[0]++;
}

/* [RFC7413 5.1] */
uint32_t ek_tfo_pending(const struct ek_tfo_pending *p, uint64_t now)
{
        uint64_t at = now / ELKO_SEC(HALF_MINUTE_S);

        if (at == p->half_minute)
                return p->open + p->resets[0] + p->resets[1];
        return p->open + (at == p->half_minute + 1 ? p->resets[0] : 0);
}

/* ---- client ---- */

static uint32_t sets_for(uint32_t entries)
{
        uint32_t sets = entries > 0;

        while (sets * EK_TFO_WAYS < entries)
                sets *= 2;
        return sets;
}

size_t ek_tfo_cache_bytes(uint32_t entries)
{
        return (size_t)sets_for(entries) * EK_TFO_WAYS * sizeof(struct ek_tfo_entry);
}

bool ek_tfo_cache_init(struct ek_tfo_cache *c, struct ek_region *region, uint32_t entries)
{
        size_t bytes = ek_tfo_cache_bytes(entries);

        *c = (struct ek_tfo_cache){0};
        if (entries == 0)
                return true;
        c->entries = ek_region_alloc(region, bytes);
        if (c->entries == NULL)
                return false;
        c->sets = sets_for(entries);
        memset(c->entries, 0, bytes);
        return true;
}

static struct ek_tfo_entry *set_of(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                                   const struct ek_tfo_path *path)
{
        struct {
                elko_ip local, remote;
                uint64_t port;
        } in = {path->local, path->remote, path->port};
        uint32_t h = (uint32_t)ek_siphash24(secret, &in, sizeof(in));

        return c->entries + (size_t)(h & (c->sets - 1)) * EK_TFO_WAYS;
}

static bool is_for(const struct ek_tfo_entry *e, const struct ek_tfo_path *path)
{
        return e->port == path->port && memcmp(&e->local, &path->local, sizeof(e->local)) == 0 &&
               memcmp(&e->remote, &path->remote, sizeof(e->remote)) == 0;
}

static struct ek_tfo_entry *find(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                                 const struct ek_tfo_path *path)
{
        struct ek_tfo_entry *set;

        if (c->sets == 0)
                return NULL;
        set = set_of(c, secret, path);
        for (unsigned i = 0; i < EK_TFO_WAYS; i++)
                if (is_for(&set[i], path))
                        return &set[i];
        return NULL;
}

const struct ek_tfo_entry *ek_tfo_find(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                                       const struct ek_tfo_path *path, uint64_t now)
{
        struct ek_tfo_entry *e = find(c, secret, path);

        if (e != NULL)
                e->used_at = now;
        return e;
}

/* The path's entry; the one of its set that was used longest ago makes room for a new one. */
static struct ek_tfo_entry *entry_of(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                                     const struct ek_tfo_path *path)
{
        struct ek_tfo_entry *e = find(c, secret, path), *set;

        if (e != NULL)
                return e;
        set = set_of(c, secret, path);
        e = &set[0];
        for (unsigned i = 0; i < EK_TFO_WAYS && e->port != 0; i++)
                if (set[i].port == 0 || set[i].used_at < e->used_at)
                        e = &set[i];
        *e = (struct ek_tfo_entry){
                .local = path->local, .remote = path->remote, .port = path->port};
        return e;
}

/* [RFC7413 4.1.3a] */
void ek_tfo_learn(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                  const struct ek_tfo_path *path, uint64_t now, const uint8_t *cookie,
                  uint32_t bytes, uint16_t mss)
{
        struct ek_tfo_entry *e;

        if (c->sets == 0 || bytes == 0 || bytes > EK_TFO_COOKIE_MAX)
                return;
        e = entry_of(c, secret, path);
        memcpy(e->cookie, cookie, bytes);
        e->bytes = (uint8_t)bytes;
        e->mss = mss;
        e->used_at = now;
}

/* [RFC7413 4.1.3.1a 4.1.3.1b] */
void ek_tfo_fail(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                 const struct ek_tfo_path *path, uint64_t now)
{
        struct ek_tfo_entry *e;

        if (c->sets == 0)
                return;
        e = entry_of(c, secret, path);
        e->not_until = now + (BAR_NS << ek_min_u32(e->failures, BAR_DOUBLINGS));
        e->used_at = now;
        if (e->failures < BAR_DOUBLINGS)
                e->failures++;
}

void ek_tfo_worked(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                   const struct ek_tfo_path *path)
{
        struct ek_tfo_entry *e = find(c, secret, path);

        if (e != NULL)
                e->failures = 0;
}

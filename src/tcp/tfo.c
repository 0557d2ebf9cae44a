/* SPDX-License-Identifier: MIT */
#include "tcp/tfo.h"

/*
 * TCP Fast Open, RFC 7413. A server that knows a client's address to be real may take the data that comes
 * with its SYN. What shows that is a cookie: a keyed hash of the client's address (4.1.2), which only who
 * receives the server's packets can have. Its key follows the clock, so that cookies end, or is given by the
 * user, so that several hosts can serve one address; nothing is kept for any client.
 *
 * The client keeps what servers gave it in a small cache of sets (4.1.3), and remembers there, too, on which
 * paths it failed, so that a middlebox which drops such SYNs costs one time-out and not one for each
 * connection.
 */

#define EPOCH_NS ELKO_SEC(6 * 3600)

enum { BAR_DOUBLINGS = 5, HALF_MINUTE_S = 30 };

/* ---- server ---- */

static bool is_v4(const elko_ip *ip)
{
        static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

        return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

/* As Linux computes it, so that hosts of both kinds can share a key. */
static void digest(const struct ek_siphash_key *key, const elko_ip *client, const elko_ip *server,
                   uint8_t out[EK_TFO_COOKIE_BYTES])
{
        size_t skip = is_v4(client) ? 12 : 0, n = sizeof(client->b) - skip;
        uint8_t in[2 * sizeof(client->b)];
        uint64_t h;

        memcpy(in, client->b + skip, n);
        memcpy(in + n, server->b + skip, n);
        h = ek_siphash24(key, in, 2 * n);
        for (unsigned i = 0; i < EK_TFO_COOKIE_BYTES; i++)
                out[i] = (uint8_t)(h >> 8 * i);
}

static struct ek_siphash_key key_of(const struct ek_siphash_key *secret, uint64_t epoch)
{
        uint64_t in[2] = {epoch, 0};
        struct ek_siphash_key key;

        key.k0 = ek_siphash24(secret, in, sizeof(in));
        in[1] = 1;
        key.k1 = ek_siphash24(secret, in, sizeof(in));
        return key;
}

/* [RFC7413 4.1.2] */
struct ek_tfo_keys ek_tfo_keys_at(const struct ek_siphash_key *secret, uint64_t now)
{
        uint64_t epoch = now / EPOCH_NS;
        struct ek_tfo_keys keys = {.count = epoch > 0 ? 2 : 1};

        keys.key[0] = key_of(secret, epoch);
        if (epoch > 0)
                keys.key[1] = key_of(secret, epoch - 1);
        return keys;
}

/* [RFC7413 4.1.2] */
void ek_tfo_cookie(const struct ek_tfo_keys *keys, const elko_ip *client, const elko_ip *server,
                   uint8_t out[EK_TFO_COOKIE_BYTES])
{
        digest(&keys->key[0], client, server, out);
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
enum ek_tfo_verdict ek_tfo_check(const struct ek_tfo_keys *keys, const elko_ip *client,
                                 const elko_ip *server, const uint8_t *cookie, uint32_t bytes)
{
        uint8_t good[EK_TFO_COOKIE_BYTES];

        if (bytes != EK_TFO_COOKIE_BYTES)
                return EK_TFO_INVALID;
        for (uint32_t i = 0; i < keys->count; i++) {
                digest(&keys->key[i], client, server, good);
                if (same(good, cookie))
                        return i == 0 ? EK_TFO_VALID : EK_TFO_AGEING;
        }
        return EK_TFO_INVALID;
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

/* [RFC7413 5.1a] */
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
                  uint32_t bytes, uint16_t mss, bool exp)
{
        struct ek_tfo_entry *e;

        if (c->sets == 0 || bytes == 0 || bytes > EK_TFO_COOKIE_MAX)
                return;
        e = entry_of(c, secret, path);
        memcpy(e->cookie, cookie, bytes);
        e->bytes = (uint8_t)bytes;
        e->mss = mss;
        e->exp = exp;
        e->used_at = now;
}

void ek_tfo_refused(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                    const struct ek_tfo_path *path, uint64_t now, bool exp)
{
        struct ek_tfo_entry *e;

        if (c->sets == 0)
                return;
        e = entry_of(c, secret, path);
        e->used_at = now;
        if (e->bytes == 0)
                e->try_exp = (uint8_t)ek_max_u32(e->try_exp, exp ? 2 : 1);
}

/* [RFC7413 4.1.3.1a 4.1.3.1b] */
void ek_tfo_fail(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                 const struct ek_tfo_path *path, uint64_t now, uint64_t bar_ns)
{
        struct ek_tfo_entry *e;

        if (c->sets == 0)
                return;
        e = entry_of(c, secret, path);
        e->not_until = now + (bar_ns << ek_min_u32(e->failures, BAR_DOUBLINGS));
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

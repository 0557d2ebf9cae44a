/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_TFO_H
#define EK_TCP_TFO_H

/* TCP Fast Open, RFC 7413: a server's cookies, and what a client remembers of them. Leaf. */

#include "base/port.h"
#include "base/region.h"
#include "base/siphash.h"

#include <elko/types.h>

enum { EK_TFO_COOKIE_BYTES = 8, EK_TFO_COOKIE_MAX = 16 };

/* ---- server ---- */

/* The first key makes cookies, the second's are good as well. */
struct ek_tfo_keys {
        struct ek_siphash_key key[2];
        uint32_t count; /* 1 or 2 */
};

/* Keys from a secret, for now: they change every six hours, and the one before is good for as long again. */
struct ek_tfo_keys ek_tfo_keys_at(const struct ek_siphash_key *secret, uint64_t now);

/* The cookie of a client's address, for one of ours. */
void ek_tfo_cookie(const struct ek_tfo_keys *keys, const elko_ip *client, const elko_ip *server,
                   uint8_t out[EK_TFO_COOKIE_BYTES]);

enum ek_tfo_verdict {
        EK_TFO_INVALID,
        EK_TFO_VALID,
        EK_TFO_AGEING /* of the second key: send a new one */
};

enum ek_tfo_verdict ek_tfo_check(const struct ek_tfo_keys *keys, const elko_ip *client,
                                 const elko_ip *server, const uint8_t *cookie, uint32_t bytes);

/* How many connections were opened by a cookie and not confirmed yet, those counted that were reset within
 * the last minute (RFC 7413, 5.1). */
struct ek_tfo_pending {
        uint32_t open;
        uint32_t resets[2]; /* in this half minute and in the one before */
        uint64_t half_minute;
};

void ek_tfo_on_reset(struct ek_tfo_pending *p, uint64_t now);
uint32_t ek_tfo_pending(const struct ek_tfo_pending *p, uint64_t now);

/* ---- client ---- */

struct ek_tfo_entry {
        elko_ip local, remote;
        uint64_t used_at;   /* when it was learned or asked for last */
        uint64_t not_until; /* no Fast Open before: it failed */
        uint16_t port;      /* 0: the entry is free */
        uint16_t mss;       /* the server's, 0: unknown */
        uint8_t bytes;      /* of the cookie, 0: none yet */
        uint8_t failures;   /* in a row */
        bool exp;           /* the cookie came in the experimental option */
        uint8_t try_exp;    /* 1: ask in the experimental option; 2: that had no answer either */
        uint8_t cookie[EK_TFO_COOKIE_MAX];
};

struct ek_tfo_cache {
        struct ek_tfo_entry *entries;
        uint32_t sets; /* of EK_TFO_WAYS entries; power of two, 0: there is no cache */
};

enum { EK_TFO_WAYS = 4 };

size_t ek_tfo_cache_bytes(uint32_t entries);

/* Room for `entries` servers; 0: none. False: no memory. */
bool ek_tfo_cache_init(struct ek_tfo_cache *c, struct ek_region *region, uint32_t entries);

/* Whose end points a cookie is for. */
struct ek_tfo_path {
        elko_ip local, remote;
        uint16_t port; /* the server's */
};

/* What is known of a server; NULL: nothing. */
const struct ek_tfo_entry *ek_tfo_find(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                                       const struct ek_tfo_path *path, uint64_t now);

/* A cookie of `bytes` came with a SYN,ACK that announced `mss` (0: none). `exp`: in the experimental option. */
void ek_tfo_learn(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                  const struct ek_tfo_path *path, uint64_t now, const uint8_t *cookie,
                  uint32_t bytes, uint16_t mss, bool exp);

/* A cookie that was asked for did not come: the other form of the option next time. `exp`: the form that was asked
 * in. */
void ek_tfo_refused(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                    const struct ek_tfo_path *path, uint64_t now, bool exp);

/* Fast Open failed on this path: none for `bar_ns`, then twice, four, and at most 32 times that (RFC 7413,
 * 4.1.3.1). */
void ek_tfo_fail(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                 const struct ek_tfo_path *path, uint64_t now, uint64_t bar_ns);

/* The server took the data of a SYN: what failed before is forgotten. */
void ek_tfo_worked(struct ek_tfo_cache *c, const struct ek_siphash_key *secret,
                   const struct ek_tfo_path *path);

static inline bool ek_tfo_is_barred(const struct ek_tfo_entry *e, uint64_t now)
{
        return e != NULL && now < e->not_until;
}

#endif

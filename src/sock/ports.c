/* SPDX-License-Identifier: MIT */
#include "sock/ports.h"

/*
 * Ephemeral ports, RFC 6056, 3.3.4 (algorithm 4, double-hash): a keyed hash of the destination gives the
 * offset where the search begins, and one of several counters, chosen by another hash, makes successive
 * connections to one destination walk through the range. Who sees the ports towards one destination
 * learns nothing of those towards another.
 */

enum { COUNTERS = 64 };

static uint32_t digest(const struct ek_tcp *t, const struct ek_key *key, uint64_t tweak)
{
        struct ek_siphash_key k = t->secrets.port;
        struct ek_key in = *key;

        k.k0 ^= tweak;
        in.lport = 0;
        return (uint32_t)ek_siphash24(&k, &in, sizeof(in));
}

/* [RFC6056 3.2a 3.3a 3.3.4] */
bool ek_ports_choose(struct ek_tcp *t, struct ek_key *key)
{
        uint32_t range = (uint32_t)t->cfg.port_max - t->cfg.port_min + 1u;
        uint32_t offset = digest(t, key, 0);
        uint32_t *counter = &t->port_counter[digest(t, key, 1) % COUNTERS];
        static const elko_ip any = {{0}};

        for (uint32_t i = 0; i < range; i++) {
                EK_WORK(1);
                key->lport = (uint16_t)(t->cfg.port_min + (offset + (*counter)++) % range);
                if (ek_tcp_lookup(t, key) == EK_NIL &&
                    ek_listener_exact(t, &any, key->lport) == NULL &&
                    ek_listener_exact(t, &key->local, key->lport) == NULL)
                        return true;
        }
        return false;
}

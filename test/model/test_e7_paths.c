/* SPDX-License-Identifier: MIT */
/* elko-build: timeout=300 */
#include "net.h"

/*
 * E7: paths of every kind that a sender has to find out by itself, one after the other: those that swallow what is longer
 * than so much (RFC 4821), those that mark (RFC 3168, RFC 9768), and one on which somebody says so who is no
 * router (RFC 5927). The wire knows what it did; the sender must come to the same, at a bounded price.
 */

enum { DELAY_MS = 10, ROUND_TRIP_MS = 2 * DELAY_MS };

static struct net net;

static void no_hystart(struct elko_config *cfg)
{
        cfg->congestion = &elko_cc_newreno;
        cfg->snd_buf_max_bytes = cfg->rcv_buf_max_bytes = 256 << 10;
}

static void searching(struct elko_config *cfg)
{
        no_hystart(cfg);
        cfg->mtu_probing = ELKO_MTU_PROBING_ALWAYS;
}

static void counting(struct elko_config *cfg)
{
        no_hystart(cfg);
        cfg->ecn = ELKO_ECN_ACCURATE;
}

static void echoing(struct elko_config *cfg)
{
        no_hystart(cfg);
        cfg->ecn = ELKO_ECN_CLASSIC;
}

static struct net_scenario upload(uint32_t bytes, bool v6, void (*config)(struct elko_config *))
{
        return (struct net_scenario){.seed = 7,
                                     .v6 = v6,
                                     .mtu = 1500,
                                     .region = NET_REGION,
                                     .buf = 64 << 10,
                                     .conns = 1,
                                     .conn = {{.bytes = {bytes, 0}}},
                                     .delay_ns = ELKO_MS(DELAY_MS),
                                     .config = config};
}

static struct elko_tcp_info client(void)
{
        struct elko_tcp_info info = {0};

        elko_tcp_info_get(net.node[0].st, net.end[0][0].sock, &info);
        return info;
}

static void finish(const char *what, unsigned value)
{
        if (net.bad[0] == '\0' && net.end[0][1].received != net.sc->conn[0].bytes[0])
                net_fail(&net, "%llu bytes came", (unsigned long long)net.end[0][1].received);
        if (net.bad[0] != '\0')
                ek_test_fail(__FILE__, __LINE__, "%s %u, IPv%u: %s", what, value,
                             net.sc->v6 ? 6 : 4, net.bad);
}

/* ---- RFC 4821: what the path takes ---- */

static struct {
        uint32_t limit;
        uint32_t least_lost, most_passed;
        uint64_t lost_at;
        unsigned lost, beside; /* packets that were too long; lost for nothing */
        bool lose_next;        /* what follows the first that is too long */
        bool reduced;
} swallow;

/* Sizes are of whole packets. */
static bool swallows(void *ctx, const struct net *n, unsigned packet)
{
        const struct net_record *r = &net_trace[n->records - 1];
        uint32_t size = net_ip_bytes(n) + 20 + (n->sc->no_ts ? 0 : 12) + r->len;

        (void)ctx;
        (void)packet;
        if (r->from != 0 || (r->flags & ELKO_SYN))
                return false;
        /* What is undone does not count: on a wire without length all leaves at once, and RACK goes by the numbers of what
         * left at the same time (RFC 8985, 6.2, step 2). */
        if (r->len > 0)
                swallow.reduced = client().snd_ssthresh < 1u << 30;
        if (swallow.lose_next && swallow.lost == 1 && swallow.beside == 0 && r->len > 0) {
                swallow.beside++;
                return true;
        }
        if (size <= swallow.limit) {
                if (size > swallow.most_passed)
                        swallow.most_passed = size;
                return false;
        }
        /* Of the probe that is lost with another packet nothing is known. */
        if (swallow.lost > 0 && size >= swallow.least_lost && !swallow.lose_next)
                net_fail(&net, "%u bytes were lost, and %u are tried", swallow.least_lost, size);
        /* RFC 4821, 7.6.2: "the time between such losses ... MUST be longer than the next expected loss": with eleven
         * segments in the window (7.4) that is five round trips and more. */
        if (swallow.lost > 0 && !swallow.lose_next &&
            n->now - swallow.lost_at < ELKO_MS(5 * ROUND_TRIP_MS))
                net_fail(&net, "a probe %llu ms after one that was lost",
                         (unsigned long long)((n->now - swallow.lost_at) / 1000000));
        swallow.least_lost = size;
        swallow.lost_at = n->now;
        swallow.lost++;
        return true;
}

static void search(uint32_t limit, bool v6, bool beside)
{
        struct net_scenario sc = upload(4000000, v6, searching);
        uint32_t base = v6 ? 1280 : 1064, first = base + (1500 - base + 1) / 2;

        memset(&swallow, 0, sizeof(swallow));
        swallow.limit = limit;
        swallow.lose_next = beside;
        net_start(&net, &sc, NULL);
        net.lose = swallows;
        net_run(&net, ELKO_SEC(600));
        if (swallow.lost > 8)
                net_fail(&net, "%u probes were lost", swallow.lost);
        if (swallow.lost > 0 && swallow.reduced != beside)
                net_fail(&net, beside ? "a loss beside a probe is no congestion"
                                      : "cwnd is reduced, and nothing but probes was lost");
        /* Half-way between what passes surely and the link's MTU is the first size that is tried. */
        if (!beside && swallow.most_passed < (limit < first ? base : first))
                net_fail(&net, "%u bytes were the most that was tried with success",
                         swallow.most_passed);
        finish("a path of", limit);
}

/* [RFC4821 7.3a 7.4 7.6.2a 7.6.2c] */
EK_TEST(what_the_path_takes_is_found)
{
        for (uint32_t limit = 1076; limit <= 1500; limit += 106)
                search(limit, false, false);
        for (uint32_t limit = 1280; limit <= 1500; limit += 110)
                search(limit, true, false);
}

/* [RFC4821 7.6.4] */
EK_TEST(a_loss_beside_a_probe_is_congestion)
{
        for (uint32_t limit = 1100; limit <= 1400; limit += 61)
                search(limit, false, true);
}

static bool black_hole(void *ctx, const struct net *n, unsigned packet)
{
        const struct net_record *r = &net_trace[n->records - 1];

        (void)ctx;
        (void)packet;
        return r->from == 0 && net_ip_bytes(n) + 32 + r->len > swallow.limit;
}

/* Long ones vanish, and no router says so (RFC 2923, 2.1). [RFC4821 7.7a] */
EK_TEST(a_black_hole_is_found)
{
        for (uint32_t limit = 576; limit < 1500; limit += 77) {
                struct net_scenario sc = upload(30000, false, no_hystart);

                swallow.limit = limit;
                net_start(&net, &sc, NULL);
                net.lose = black_hole;
                net_run(&net, ELKO_SEC(60));
                finish("a black hole above", limit);
        }
}

/* ---- RFC 5927, 7.2: what nobody but ICMP says ---- */

static struct {
        unsigned segment; /* after so many it is claimed, quoting the last */
        bool claimed;
        uint64_t dark_from, dark_until; /* nothing gets through */
} claim;

static bool claims(void *ctx, const struct net *n, unsigned packet)
{
        (void)ctx;
        (void)packet;
        return n->now >= claim.dark_from && n->now < claim.dark_until;
}

/* The quoted segment arrives, so the claim was wrong; a time-out soon afterwards is about something else. */
static void forge(void *ctx, struct net *n, unsigned from, uint8_t *p, uint32_t len)
{
        (void)ctx;
        (void)len;
        if (from != 1 || claim.claimed || n->end[0][1].received < claim.segment * 1448ull)
                return;
        claim.claimed = true;
        net_icmp(n, 0, p, conv_get32(p + net_ip_bytes(n) + 8), n->sc->v6 ? 2 : 3,
                 n->sc->v6 ? 0 : 4);
        claim.dark_from = n->now + ELKO_MS(2 * ROUND_TRIP_MS);
        claim.dark_until = claim.dark_from + ELKO_MS(900);
}

/* [RFC8899 4.6.1] */
EK_TEST(what_icmp_claims_is_forgotten_when_it_is_wrong)
{
        for (unsigned segment = 20; segment < 400; segment += 97) {
                struct net_scenario sc = upload(4000000, false, no_hystart);

                claim.segment = segment;
                claim.claimed = false;
                claim.dark_from = claim.dark_until = ELKO_NEVER;
                net_start(&net, &sc, NULL);
                net.lose = claims;
                net.change = forge;
                net_run(&net, ELKO_MS(1500));
                if (!claim.claimed || client().total_rto == 0)
                        net_fail(&net, "nothing was claimed, or there was no time-out");
                if (client().pmtu != 1500)
                        net_fail(&net, "the path MTU is %u", client().pmtu);
                net_run(&net, ELKO_SEC(600));
                finish("claimed after", segment);
        }
}

/* ---- RFC 3168, RFC 9768: marks ---- */

static struct {
        unsigned every; /* which data packets are marked: 1 is all */
        uint64_t apart; /* ... or, if this is not 0, one each so long */
        uint64_t marked_at;
        unsigned acks_every; /* of the acknowledgements so many are lost, but for one */
        unsigned acks, data, marked, ect;
} marks;

static unsigned ecn_of(const struct net *n, const uint8_t *p)
{
        return n->sc->v6 ? p[1] >> 4 & 3u : p[1] & 3u;
}

static void mark(void *ctx, struct net *n, unsigned from, uint8_t *p, uint32_t len)
{
        uint32_t ip = net_ip_bytes(n), hdr = p[ip + 12] >> 4 << 2;

        (void)ctx;
        if (from != 0 || len == ip + hdr)
                return;
        marks.data++;
        if (ecn_of(n, p) == 0)
                return;
        marks.ect++;
        if (marks.apart != 0 ? marks.marked > 0 && n->now < marks.marked_at + marks.apart
                             : marks.every == 0 || marks.ect % marks.every != 0)
                return;
        marks.marked_at = n->now;
        marks.marked++;
        if (n->sc->v6) {
                p[1] |= 0x30;
                return;
        }
        p[1] |= 3;
        conv_put16(p + 10, 0);
        conv_put16(p + 10, conv_csum_plain(p, 20));
}

static bool thins_acks(void *ctx, const struct net *n, unsigned packet)
{
        const struct net_record *r = &net_trace[n->records - 1];

        (void)ctx;
        (void)packet;
        return r->from == 1 && r->len == 0 && !(r->flags & (ELKO_SYN | ELKO_FIN)) &&
               marks.acks_every > 1 && marks.acks++ % marks.acks_every != 0;
}

static void marked_upload(struct net_scenario *sc, unsigned every, uint64_t apart, unsigned acks)
{
        memset(&marks, 0, sizeof(marks));
        marks.every = every;
        marks.apart = apart;
        marks.acks_every = acks;
        net_start(&net, sc, NULL);
        net.lose = thins_acks;
        net.change = mark;
}

/* Until all has been acknowledged, and nothing is closed yet. */
static void run_to_the_last_ack(void)
{
        uint64_t until = ELKO_MS(100);

        do {
                net_run(&net, until += ELKO_MS(1));
        } while (net.bad[0] == '\0' && client().bytes_acked < net.sc->conn[0].bytes[0] &&
                 until < ELKO_SEC(60));
}

/* How often was packet k marked, for every k, and however many acknowledgements get lost: the sender counts what the wire
 * has marked. [RFC9768 3.2a 3.2.2.2b 3.2.2.5.2b] */
EK_TEST(the_sender_counts_what_was_marked)
{
        static const unsigned every[] = {11, 13, 21, 40};

        for (unsigned i = 0; i < 4; i++)
                for (unsigned acks = 1; acks <= 2; acks++)
                        for (unsigned v6 = 0; v6 < 2; v6++) {
                                struct net_scenario sc = upload(600000, v6 != 0, counting);

                                sc.conn[0].close = NET_HALF_CLOSE; /* then the client lives on */
                                sc.conn[0].bytes[1] = 500000;
                                marked_upload(&sc, every[i], 0, acks);
                                run_to_the_last_ack();
                                if (client().delivered_ce != marks.marked)
                                        net_fail(&net, "%u of %u segments were marked, %u counted",
                                                 marks.marked, marks.data, client().delivered_ce);
                                net_run(&net, ELKO_SEC(600));
                                finish("marked is each of", every[i]);
                        }
}

/* All of it, from the first on: that is no queue, and no reason to be slow. [RFC9768 3.2.2.3c] */
EK_TEST(a_path_that_marks_everything)
{
        for (unsigned v6 = 0; v6 < 2; v6++) {
                struct net_scenario sc = upload(1000000, v6 != 0, counting);

                marked_upload(&sc, 1, 0, 1);
                net_run(&net, ELKO_SEC(600));
                if (marks.ect < 16 || marks.ect > 100 || marks.marked != marks.ect)
                        net_fail(&net, "%u of %u segments went with ECT", marks.ect, marks.data);
                finish("everything is marked", 0);
        }
}

/* One mark, one reduction: when the next comes in another window of data. [RFC3168 6.1.2b 6.1.2c 6.1.3a] */
EK_TEST(each_mark_reduces_once)
{
        for (unsigned trips = 16; trips <= 32; trips += 8)
                for (unsigned acks = 1; acks <= 3; acks++) {
                        struct net_scenario sc = upload(2000000, false, echoing);
                        uint64_t cuts;

                        marked_upload(&sc, 0, ELKO_MS(trips * ROUND_TRIP_MS), acks);
                        net_run(&net, ELKO_SEC(600));
                        cuts = elko_counters_get(net.node[0].st)->tcp_ecn_cuts;
                        /* The last may come too late to be heard of. */
                        if (marks.marked == 0 || cuts > marks.marked || cuts + 1 < marks.marked)
                                net_fail(&net, "%u marks, %llu reductions", marks.marked,
                                         (unsigned long long)cuts);
                        finish("round trips between marks:", trips);
                }
}

EK_TEST_MAIN();

/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tcp_opt (F3): any bytes as a TCP segment, and as a list of options (RFC 9293, 3.1 and 3.2): nothing is
 * read beyond them, the walk is bounded, what the parser says agrees with a second reading that is written
 * here, and what it understood survives being written and read again.
 */
#include "common/fz.h"

#include "wire/tcp_hdr.h"

/* What has a field in the struct. */
enum {
        KEPT = ELKO_OPT_MSS | ELKO_OPT_WSCALE | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_SACK |
               ELKO_OPT_TIMESTAMPS | ELKO_OPT_USER_TIMEOUT | ELKO_OPT_FASTOPEN,
};

static void write_and_read(const struct ek_tcp_hdr *h)
{
        uint8_t out[EK_TCP_MAX_HDR_BYTES];
        struct ek_tcp_hdr back;
        uint32_t n = ek_tcp_emit(out, h), kept = KEPT;

        FZ_REQUIRE(n == EK_TCP_HDR_BYTES + ek_tcp_opts_len(&h->opt));
        FZ_REQUIRE(ek_tcp_parse(out, n, &back) == ELKO_DROP_NONE);
        FZ_REQUIRE(back.seq == h->seq && back.ack == h->ack && back.flags == h->flags);
        FZ_REQUIRE(!back.opt.malformed && back.opt.mss == h->opt.mss);
        FZ_REQUIRE(back.opt.wscale == h->opt.wscale && back.opt.ts_val == h->opt.ts_val);
        FZ_REQUIRE(back.opt.ts_ecr == h->opt.ts_ecr &&
                   back.opt.user_timeout == h->opt.user_timeout);
        FZ_REQUIRE(back.opt.sack_count <= h->opt.sack_count);
        FZ_REQUIRE(memcmp(back.opt.sack, h->opt.sack,
                          back.opt.sack_count * sizeof(h->opt.sack[0])) == 0);
        if (!(h->opt.present & ELKO_OPT_FASTOPEN) || !ek_tcp_opts_fastopen_fits(&h->opt)) {
                kept &= ~(uint32_t)ELKO_OPT_FASTOPEN;
        } else {
                FZ_REQUIRE(back.opt.fastopen_exp == h->opt.fastopen_exp);
                FZ_REQUIRE(back.opt.fastopen_bytes == h->opt.fastopen_bytes);
                FZ_REQUIRE(memcmp(back.opt.fastopen, h->opt.fastopen, h->opt.fastopen_bytes) == 0);
        }
        FZ_REQUIRE((back.opt.present | ELKO_OPT_SACK) == ((h->opt.present & kept) | ELKO_OPT_SACK));
}

/* RFC 9293, 3.2, the plain way: the last legal option of a kind counts, an illegal length ends the list. */
struct reading {
        bool malformed, mss, ws, sack_ok, ts;
        uint16_t mss_value;
        uint8_t ws_value, sacks;
        uint32_t ts_val, ts_ecr;
};

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct reading read_options(const uint8_t *p, size_t n)
{
        struct reading r = {0};

        for (size_t i = 0; i < n && p[i] != 0;) {
                if (p[i] == 1) {
                        i++;
                        continue;
                }
                if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i) {
                        r.malformed = true;
                        return r;
                }
                if (p[i] == 2 && p[i + 1] == 4 && (p[i + 2] | p[i + 3]) != 0) {
                        r.mss = true;
                        r.mss_value = (uint16_t)(p[i + 2] << 8 | p[i + 3]);
                } else if (p[i] == 3 && p[i + 1] == 3) {
                        r.ws = true;
                        r.ws_value = p[i + 2] < 14 ? p[i + 2] : 14;
                } else if (p[i] == 4 && p[i + 1] == 2) {
                        r.sack_ok = true;
                } else if (p[i] == 8 && p[i + 1] == 10) {
                        r.ts = true;
                        r.ts_val = be32(p + i + 2);
                        r.ts_ecr = be32(p + i + 6);
                } else if (p[i] == 5 && p[i + 1] >= 10 && (p[i + 1] - 2) % 8 == 0) {
                        r.sacks = (uint8_t)((p[i + 1] - 2) / 8);
                }
                i += p[i + 1];
        }
        return r;
}

static void compare(const struct ek_tcp_opts *o, const uint8_t *p, size_t n)
{
        struct reading r = read_options(p, n);

        FZ_REQUIRE(o->malformed == r.malformed);
        FZ_REQUIRE(((o->present & ELKO_OPT_MSS) != 0) == r.mss &&
                   (!r.mss || o->mss == r.mss_value));
        FZ_REQUIRE(((o->present & ELKO_OPT_WSCALE) != 0) == r.ws &&
                   (!r.ws || o->wscale == r.ws_value));
        FZ_REQUIRE(((o->present & ELKO_OPT_SACK_PERMITTED) != 0) == r.sack_ok);
        FZ_REQUIRE(((o->present & ELKO_OPT_TIMESTAMPS) != 0) == r.ts &&
                   (!r.ts || (o->ts_val == r.ts_val && o->ts_ecr == r.ts_ecr)));
        FZ_REQUIRE(o->sack_count == (r.sacks <= 4 ? r.sacks : 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        elko_ip a = elko_ip_v4(10, 0, 0, 1);
        uint64_t before = ek_work_counter;
        struct ek_tcp_opts o;
        struct ek_tcp_hdr h;
        uint8_t *copy;

        if (size > FZ_PACKET_MAX)
                return 0;
        copy = fz_packet(size);
        if (size > 0)
                memcpy(copy, data, size);
        (void)ek_tcp_csum_ok(&a, &a, copy, (uint32_t)size);
        if (ek_tcp_parse(copy, (uint32_t)size, &h) == ELKO_DROP_NONE) {
                FZ_REQUIRE(h.hdr_len >= 20 && h.hdr_len % 4 == 0 && h.hdr_len <= size);
                FZ_REQUIRE(h.data == copy + h.hdr_len && h.data_len == size - h.hdr_len);
                compare(&h.opt, copy + 20, h.hdr_len - 20u);
                write_and_read(&h);
        }
        if (size <= EK_TCP_OPT_MAX_BYTES) {
                ek_tcp_opts_parse(copy, (uint32_t)size, &o);
                FZ_REQUIRE(o.sack_count <= 4 && o.wscale <= 14);
                compare(&o, copy, size);
        }
        before = ek_work_counter - before;
        if (before > fz_work_max)
                fz_work_max = before;
        FZ_REQUIRE(before <= 3 * 40 + 16); /* I-45: two walks and one for what was written */
        fz_steps++;
        return 0;
}

/* The seeds are files: test/fuzz/corpus/fuzz_tcp_opt. */
size_t fz_seed(unsigned i, uint8_t *out)
{
        (void)i;
        (void)out;
        return 0;
}

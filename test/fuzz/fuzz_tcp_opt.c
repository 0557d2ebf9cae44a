/*
 * fuzz_tcp_opt: any bytes as a TCP segment: nothing is read beyond it, what the parser says is
 * consistent, and what it understood survives being written and read again.
 */
#include "wire/tcp_hdr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
        if (!ok)
                __builtin_trap();
}

/* What has a field in the struct. */
enum {
        KEPT = ELKO_OPT_MSS | ELKO_OPT_WSCALE | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_SACK |
               ELKO_OPT_TIMESTAMPS | ELKO_OPT_USER_TIMEOUT,
};

static void write_and_read(const struct ek_tcp_hdr *h)
{
        uint8_t out[EK_TCP_MAX_HDR_BYTES];
        struct ek_tcp_hdr back;
        uint32_t n = ek_tcp_emit(out, h);

        must(n == EK_TCP_HDR_BYTES + ek_tcp_opts_len(&h->opt));
        must(ek_tcp_parse(out, n, &back) == ELKO_DROP_NONE);
        must(back.seq == h->seq && back.ack == h->ack && back.flags == h->flags);
        must(!back.opt.malformed && back.opt.mss == h->opt.mss);
        must(back.opt.wscale == h->opt.wscale && back.opt.ts_val == h->opt.ts_val);
        must(back.opt.ts_ecr == h->opt.ts_ecr && back.opt.user_timeout == h->opt.user_timeout);
        must(back.opt.sack_count <= h->opt.sack_count);
        must(memcmp(back.opt.sack, h->opt.sack, back.opt.sack_count * sizeof(h->opt.sack[0])) == 0);
        must((back.opt.present | ELKO_OPT_SACK) ==
             ((h->opt.present & (uint32_t)KEPT) | ELKO_OPT_SACK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size > 0 ? size : 1);
        elko_ip a = elko_ip_v4(10, 0, 0, 1);
        struct ek_tcp_opts o;
        struct ek_tcp_hdr h;

        if (size > 0)
                memcpy(copy, data, size);
        (void)ek_tcp_csum_ok(&a, &a, copy, (uint32_t)size);
        if (ek_tcp_parse(copy, (uint32_t)size, &h) == ELKO_DROP_NONE) {
                must(h.hdr_len >= 20 && h.hdr_len % 4 == 0 && h.hdr_len <= size);
                must(h.data == copy + h.hdr_len && h.data_len == size - h.hdr_len);
                write_and_read(&h);
        }
        if (size <= EK_TCP_OPT_MAX_BYTES) {
                ek_tcp_opts_parse(copy, (uint32_t)size, &o);
                must(o.sack_count <= 4 && o.wscale <= 14);
        }
        free(copy);
        return 0;
}

/*
 * icmp4.c - ICMP messages.
 *
 * RFC 792: type, code, checksum, four bytes that depend on the type, a body. The checksum covers the
 * message and nothing else.
 */
#include "wire/icmp4.h"

#include "wire/csum.h"

enum elko_drop ek_icmp4_parse(const uint8_t *p, uint32_t n, bool csum_ok, struct ek_icmp_msg *out)
{
        if (n < EK_ICMP_HDR_BYTES)
                return ELKO_DROP_ICMP_SHORT;
        if (!csum_ok && ek_csum_fold(ek_csum_add(0, p, n)) != 0)
                return ELKO_DROP_ICMP_CSUM;
        out->type = p[0];
        out->code = p[1];
        out->word = ek_get32be(p + 4);
        out->body = p + EK_ICMP_HDR_BYTES;
        out->body_len = n - EK_ICMP_HDR_BYTES;
        return ELKO_DROP_NONE;
}

size_t ek_icmp4_emit(uint8_t *out, const struct ek_icmp_msg *m)
{
        size_t n = EK_ICMP_HDR_BYTES + (size_t)m->body_len;

        out[0] = m->type;
        out[1] = m->code;
        ek_put16be(out + 2, 0);
        ek_put32be(out + 4, m->word);
        ek_put16be(out + 2, ek_csum_fold(ek_csum_add(0, out, n)));
        return n;
}

/*
 * addr.c - address classes and address text.
 *
 * One representation serves both families: 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). So
 * equality, hashing and prefix matching need no case distinction; only the classes, which the two
 * families define differently, do.
 *
 * Text is read by RFC 4291, 2.2: eight groups of one to four hexadecimal digits, "::" for one run of
 * zero groups, the last two groups perhaps in dotted form. It is written by RFC 5952, 4: lower case,
 * no leading zeros, the longest run of two or more zero groups (the first of equals) as "::".
 */
#include "wire/addr.h"

enum { GROUPS = 8 };

/* ---- classes ---- */

bool ek_addr_is_any(const elko_ip *ip)
{
        if (ek_addr_is_v4(ip))
                return ek_addr_v4(ip) == 0;
        return ek_addr_hi(ip) == 0 && ek_addr_lo(ip) == 0;
}

bool ek_addr_is_loopback(const elko_ip *ip)
{
        if (ek_addr_is_v4(ip))
                return ip->b[12] == 127;                   /* RFC 1122, 3.2.1.3 (g) */
        return ek_addr_hi(ip) == 0 && ek_addr_lo(ip) == 1; /* RFC 4291, 2.5.3 */
}

bool ek_addr_is_multicast(const elko_ip *ip)
{
        if (ek_addr_is_v4(ip))
                return (ip->b[12] & 0xf0) == 0xe0; /* RFC 1112, 4 */
        return ip->b[0] == 0xff;                   /* RFC 4291, 2.7 */
}

bool ek_addr_is_broadcast(const elko_ip *ip)
{
        return ek_addr_is_v4(ip) && ek_addr_v4(ip) == UINT32_MAX;
}

bool ek_addr_is_link_local(const elko_ip *ip)
{
        if (ek_addr_is_v4(ip))
                return ip->b[12] == 169 && ip->b[13] == 254; /* RFC 3927, 2.1 */
        return ek_addr_is_v6_link_local(ip);
}

bool ek_addr_is_unicast(const elko_ip *ip)
{
        if (ek_addr_is_v4(ip))
                return ip->b[12] != 0 && ip->b[12] != 127 && !ek_addr_is_multicast(ip) &&
                       !ek_addr_is_broadcast(ip);
        return !ek_addr_is_any(ip) && !ek_addr_is_loopback(ip) && !ek_addr_is_multicast(ip);
}

/* ---- prefixes ---- */

/* The first `bits` (0..64) bits of a 64-bit number. */
static uint64_t head_mask(unsigned bits)
{
        return bits == 0 ? 0 : ~(uint64_t)0 << (64 - bits);
}

static unsigned high_bits(unsigned bits)
{
        return bits < 64 ? bits : 64;
}

static unsigned low_bits(unsigned bits)
{
        return bits < 64 ? 0 : bits - 64;
}

bool ek_addr_prefix_match(const elko_ip *a, const elko_ip *b, unsigned bits)
{
        EK_ASSERT(bits <= 128);
        return ((ek_addr_hi(a) ^ ek_addr_hi(b)) & head_mask(high_bits(bits))) == 0 &&
               ((ek_addr_lo(a) ^ ek_addr_lo(b)) & head_mask(low_bits(bits))) == 0;
}

/* Leading zero bits, 64 for 0. */
static unsigned leading_zeros(uint64_t x)
{
        return x == 0 ? 64 : 63 - ek_log2_floor64(x);
}

unsigned ek_addr_common_bits(const elko_ip *a, const elko_ip *b)
{
        uint64_t hi = ek_addr_hi(a) ^ ek_addr_hi(b);

        return hi != 0 ? leading_zeros(hi) : 64 + leading_zeros(ek_addr_lo(a) ^ ek_addr_lo(b));
}

elko_ip ek_addr_mask(const elko_ip *ip, unsigned bits, bool ones)
{
        uint64_t hi = head_mask(high_bits(bits)), lo = head_mask(low_bits(bits));
        elko_ip out;

        EK_ASSERT(bits <= 128);
        ek_put64be(out.b, ones ? ek_addr_hi(ip) | ~hi : ek_addr_hi(ip) & hi);
        ek_put64be(out.b + 8, ones ? ek_addr_lo(ip) | ~lo : ek_addr_lo(ip) & lo);
        return out;
}

/* ---- multicast ---- */

elko_ip ek_addr_solicited_node(const elko_ip *ip)
{
        elko_ip out = {{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}};

        memcpy(out.b + 13, ip->b + 13, 3);
        return out;
}

void ek_addr_multicast_mac(const elko_ip *ip, uint8_t mac[ELKO_MAC_BYTES])
{
        if (ek_addr_is_v4(ip)) {
                mac[0] = 0x01; /* RFC 1112, 6.4: 23 bits of the group */
                mac[1] = 0x00;
                mac[2] = 0x5e;
                mac[3] = ip->b[13] & 0x7f;
                mac[4] = ip->b[14];
                mac[5] = ip->b[15];
        } else {
                mac[0] = 0x33; /* RFC 2464, 7 */
                mac[1] = 0x33;
                memcpy(mac + 2, ip->b + 12, 4);
        }
}

/* ---- text to address ---- */

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* A decimal number without leading zeros, at most `max`; returns what follows it, NULL: none. */
static const char *parse_decimal(const char *s, unsigned max, unsigned *out)
{
        unsigned v = 0;
        const char *begin = s;

        for (; *s >= '0' && *s <= '9'; s++) {
                v = v * 10 + (unsigned)(*s - '0');
                if (v > max || (s > begin && *begin == '0'))
                        return NULL;
        }
        *out = v;
        return s > begin ? s : NULL;
}

/* "a.b.c.d" that ends the text. */
static bool parse_v4(const char *s, uint8_t out[4])
{
        unsigned v;

        for (int i = 0; i < 4; i++) {
                s = parse_decimal(s, 255, &v);
                if (s == NULL || *s != (i < 3 ? '.' : '\0'))
                        return false;
                out[i] = (uint8_t)v;
                s++;
        }
        return true;
}

/* One to four hexadecimal digits; returns what follows them, NULL: none, or too many. */
static const char *parse_group(const char *s, uint8_t out[2])
{
        uint32_t v = 0;
        int digits = 0;

        for (; hex_digit(*s) >= 0; s++, digits++) {
                if (digits == 4)
                        return NULL;
                v = (v << 4) | (uint32_t)hex_digit(*s);
        }
        ek_put16be(out, (uint16_t)v);
        return digits > 0 ? s : NULL;
}

/* Does the text up to the next colon contain a dot? */
static bool is_dotted(const char *s)
{
        while (*s != '\0' && *s != ':' && *s != '.')
                s++;
        return *s == '.';
}

/* Moves the groups after the gap to the end: `n` of 8 groups are there, the gap is at `gap`. */
static bool spread(elko_ip *ip, int n, int gap)
{
        size_t tail;

        if (gap < 0)
                return n == GROUPS;
        if (n >= GROUPS) /* "::" stands for one group at least (RFC 4291, 2.2) */
                return false;
        tail = (size_t)(n - gap) * 2;
        memmove(ip->b + 16 - tail, ip->b + gap * 2, tail);
        memset(ip->b + gap * 2, 0, (size_t)(GROUPS - n) * 2);
        return true;
}

/* The groups of an IPv6 address into ip->b; how many, -1: not an address. *gap: where "::" stood. */
static int parse_groups(const char *s, elko_ip *ip, int *gap)
{
        int n = 0;

        *gap = -1;
        if (s[0] == ':') {
                if (s[1] != ':')
                        return -1;
                *gap = 0;
                s += 2;
        }
        while (*s != '\0') {
                if (is_dotted(s))
                        return n <= GROUPS - 2 && parse_v4(s, ip->b + n * 2) ? n + 2 : -1;
                if (n == GROUPS)
                        return -1;
                s = parse_group(s, ip->b + n * 2);
                if (s == NULL || (*s != ':' && *s != '\0'))
                        return -1;
                n++;
                if (*s == '\0')
                        return n;
                s++;
                if (*s == ':') {
                        if (*gap >= 0)
                                return -1;
                        *gap = n;
                        s++;
                } else if (*s == '\0') {
                        return -1; /* a single colon at the end */
                }
        }
        return n;
}

bool elko_ip_parse(const char *text, elko_ip *out)
{
        elko_ip ip = {{0}};
        uint8_t v4[4];
        int gap, n;

        if (text == NULL)
                return false;
        if (parse_v4(text, v4)) {
                ek_addr_from_v4(out, v4);
                return true;
        }
        n = parse_groups(text, &ip, &gap);
        if (n < 0 || !spread(&ip, n, gap))
                return false;
        *out = ip;
        return true;
}

bool elko_ip_parse_prefix(const char *text, elko_ip *out, unsigned *prefix_len)
{
        char addr[ELKO_IP_TEXT];
        const char *end;
        size_t n = 0;
        unsigned max;

        if (text == NULL)
                return false;
        for (; text[n] != '\0' && text[n] != '/'; n++) {
                if (n == sizeof(addr) - 1)
                        return false;
                addr[n] = text[n];
        }
        addr[n] = '\0';
        if (!elko_ip_parse(addr, out))
                return false;
        max = ek_addr_is_v4(out) ? 32 : 128;
        if (text[n] == '\0') {
                *prefix_len = max;
                return true;
        }
        end = parse_decimal(text + n + 1, max, prefix_len);
        return end != NULL && *end == '\0';
}

/* ---- address to text ---- */

static char *put_decimal(char *s, unsigned v)
{
        if (v >= 100)
                *s++ = (char)('0' + v / 100);
        if (v >= 10)
                *s++ = (char)('0' + v / 10 % 10);
        *s++ = (char)('0' + v % 10);
        return s;
}

static char *put_group(char *s, unsigned v)
{
        unsigned shift = 12;

        while (shift > 0 && (v >> shift) == 0)
                shift -= 4;
        for (;; shift -= 4) {
                *s++ = "0123456789abcdef"[(v >> shift) & 15];
                if (shift == 0)
                        return s;
        }
}

static char *put_v4(char *s, const uint8_t *b)
{
        for (int i = 0; i < 4; i++) {
                if (i > 0)
                        *s++ = '.';
                s = put_decimal(s, b[i]);
        }
        return s;
}

/* The longest run of two or more zero groups, the first of equals (RFC 5952, 4.2); length 0: none. */
static int longest_zero_run(const elko_ip *ip, int *at)
{
        int best = 1, run = 0;

        *at = -1;
        for (int i = 0; i < GROUPS; i++) {
                run = ek_get16be(ip->b + 2 * i) == 0 ? run + 1 : 0;
                if (run > best) {
                        best = run;
                        *at = i - run + 1;
                }
        }
        return *at < 0 ? 0 : best;
}

static char *put_v6(char *s, const elko_ip *ip)
{
        int gap, len = longest_zero_run(ip, &gap);

        for (int i = 0; i < GROUPS; i++) {
                if (i == gap) {
                        *s++ = ':';
                        *s++ = ':';
                        i += len - 1;
                        continue;
                }
                if (i > 0 && i != gap + len)
                        *s++ = ':';
                s = put_group(s, ek_get16be(ip->b + 2 * i));
        }
        return s;
}

size_t elko_ip_format(const elko_ip *ip, char *buf)
{
        char *end = ek_addr_is_v4(ip) ? put_v4(buf, ip->b + 12) : put_v6(buf, ip);

        *end = '\0';
        return (size_t)(end - buf);
}

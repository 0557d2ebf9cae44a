/* SPDX-License-Identifier: MIT */
/*
 * Option parsing.
 *
 * Theory: getopt_long() finds the options; what each one means is data. A table entry says where
 * the value goes, how it is read, and which values are good; apply() is the only place that turns
 * text into a field. The entry's help text and range are also what the error shows, so a wrong
 * value is always answered with the right ones. Nothing is applied to the outside here: this file
 * has no side effects but messages.
 */
#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define NETWORK(field) offsetof(struct ek_options, field)
#define FIRST_LONG     1000 /* getopt's code of table entry i is FIRST_LONG + i */
#define MAX_OPTIONS    96

/* ---- values that need code of their own ---- */

static bool parse_link_name(struct ek_options *o, enum ek_link_kind kind, const char *name,
                            char *why, size_t why_len)
{
        if (name[0] == '\0' || strlen(name) > 15 || strchr(name, '/') != NULL) {
                snprintf(why, why_len, "a device name has 1 to 15 characters and no '/'");
                return false;
        }
        o->link_kind = kind;
        o->link_name = name;
        return true;
}

static bool parse_link_fd(struct ek_options *o, const char *value, char *why, size_t why_len)
{
        char number[16];
        size_t len = strcspn(value, ",");
        uint64_t fd;

        snprintf(number, sizeof number, "%.*s",
                 (int)(len < sizeof number ? len : sizeof number - 1), value);
        o->link_fd_is_tap = strcmp(value + len, ",tap") == 0;
        if (!ek_util_parse_u64(number, &fd) || fd > 1000000 ||
            (value[len] != '\0' && !o->link_fd_is_tap)) {
                snprintf(
                        why, why_len,
                        "after fd: comes the number of an open file descriptor, and ',tap' when it "
                        "carries Ethernet frames");
                return false;
        }
        o->link_kind = EK_LINK_FD;
        o->link_fd = (int)fd;
        return true;
}

static bool parse_link(void *target, const char *value, char *why, size_t why_len)
{
        static const struct {
                const char *prefix;
                enum ek_link_kind kind;
        } kinds[] = {{"tun:", EK_LINK_TUN},
                     {"tap:", EK_LINK_TAP},
                     {"packet:", EK_LINK_PACKET},
                     {"fd:", EK_LINK_FD}};

        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
                size_t len = strlen(kinds[i].prefix);

                if (strncmp(value, kinds[i].prefix, len) != 0)
                        continue;
                if (kinds[i].kind == EK_LINK_FD)
                        return parse_link_fd(target, value + len, why, why_len);
                return parse_link_name(target, kinds[i].kind, value + len, why, why_len);
        }
        snprintf(why, why_len,
                 "the forms are tun:NAME, tap:NAME, packet:INTERFACE and fd:NUMBER[,tap]");
        return false;
}

static bool parse_cidr(struct ek_text_list *list, const char *value, char *why, size_t why_len)
{
        elko_ip ip;
        unsigned prefix_len;

        if (!elko_ip_parse_prefix(value, &ip, &prefix_len)) {
                snprintf(why, why_len, "an address looks like 192.0.2.2/24 or 2001:db8::2/64");
                return false;
        }
        if (list->count == EK_TEXT_LIST_MAX) {
                snprintf(why, why_len, "at most %d addresses", EK_TEXT_LIST_MAX);
                return false;
        }
        list->text[list->count++] = value;
        return true;
}

static bool parse_addr(void *target, const char *value, char *why, size_t why_len)
{
        return parse_cidr(&((struct ek_options *)target)->addr, value, why, why_len);
}

static bool parse_host_addr(void *target, const char *value, char *why, size_t why_len)
{
        return parse_cidr(&((struct ek_options *)target)->host_addr, value, why, why_len);
}

static bool parse_gateway(void *target, const char *value, char *why, size_t why_len)
{
        elko_ip ip;

        if (!elko_ip_parse(value, &ip)) {
                snprintf(why, why_len,
                         "a gateway is an IPv4 or IPv6 address, without a prefix length");
                return false;
        }
        ((struct ek_options *)target)->gateway[!elko_ip_is_v4(&ip)] = value;
        return true;
}

static bool parse_mac(void *target, const char *value, char *why, size_t why_len)
{
        struct ek_options *o = target;

        if (!ek_util_parse_mac(value, o->mac) || (o->mac[0] & 1) != 0) {
                snprintf(why, why_len, "a unicast MAC address looks like 02:00:00:00:00:01");
                return false;
        }
        o->has_mac = true;
        return true;
}

/* Hex digits fill the seed from its end, as one big number, so that "1" and "01" are the same
 * seed. */
static bool parse_seed_hex(uint8_t seed[ELKO_SEED_BYTES], const char *hex)
{
        size_t len = strlen(hex);
        uint8_t any = 0;

        if (len == 0 || len > 2 * ELKO_SEED_BYTES || strspn(hex, "0123456789abcdefABCDEF") != len)
                return false;
        memset(seed, 0, ELKO_SEED_BYTES);
        for (size_t i = 0; i < len; i++) {
                char digit[2] = {hex[len - 1 - i], '\0'};
                unsigned long value = strtoul(digit, NULL, 16);

                seed[ELKO_SEED_BYTES - 1 - i / 2] |= (uint8_t)(value << (i % 2 * 4));
        }
        for (size_t i = 0; i < ELKO_SEED_BYTES; i++)
                any |= seed[i];
        return any != 0;
}

static bool parse_seed(void *target, const char *value, char *why, size_t why_len)
{
        struct ek_options *o = target;

        o->has_seed = strcmp(value, "random") != 0;
        if (!o->has_seed || parse_seed_hex(o->seed, value))
                return true;
        snprintf(why, why_len, "a seed is 'random' or 1 to %d hex digits, not all zero",
                 2 * ELKO_SEED_BYTES);
        return false;
}

static bool parse_keepalive(void *target, const char *value, char *why, size_t why_len)
{
        struct ek_options *o = target;

        o->keepalive = true;
        if (value == NULL)
                return true;
        if (ek_util_parse_span(value, ELKO_SEC(1), &o->keepalive_idle_ns) &&
            o->keepalive_idle_ns >= ELKO_SEC(1) && o->keepalive_idle_ns <= ELKO_SEC(86400 * 7))
                return true;
        snprintf(why, why_len, "the idle time is 1 second to 7 days");
        return false;
}

const struct elko_cc_ops *ek_options_congestion(size_t i)
{
        return elko_cc_list[i];
}

static bool parse_congestion(void *target, const char *value, char *why, size_t why_len)
{
        const struct elko_cc_ops *found = elko_cc_find(value);
        size_t used = 0;

        if (found != NULL) {
                ((struct ek_options *)target)->congestion = found;
                return true;
        }
        used = (size_t)snprintf(why, why_len, "the algorithms are:");
        for (size_t i = 0; elko_cc_list[i] != NULL && used < why_len; i++)
                used += (size_t)snprintf(why + used, why_len - used, " %s", elko_cc_list[i]->name);
        return false;
}

/* ---- the common options ---- */

static const struct ek_opt network_opts[] = {
        {.name = "link",
         .arg = "LINK",
         .kind = EK_OPT_CALL,
         .parse = parse_link,
         .help = "tun:NAME, tap:NAME (made when missing), packet:INTERFACE (AF_PACKET), or fd:N[,tap]: an "
                 "open descriptor that carries one packet or frame per read; default tun:elko0"},
        {.name = "addr",
         .arg = "CIDR",
         .kind = EK_OPT_CALL,
         .parse = parse_addr,
         .help = "elko's own address, IPv4 or IPv6; may be given again; default 10.77.0.2/24 and "
                 "fd77::2/64"},
        {.name = "host-addr",
         .arg = "CIDR",
         .kind = EK_OPT_CALL,
         .parse = parse_host_addr,
         .help = "address for the kernel's side of a TUN or TAP device that elko makes; may be given again; "
                 "default, when --addr is not given either, 10.77.0.1/24 and fd77::1/64"},
        {.name = "gateway",
         .arg = "IP",
         .kind = EK_OPT_CALL,
         .parse = parse_gateway,
         .help = "default route by this router; may be given for IPv4 and for IPv6; default: none"},
        {.name = "offload",
         .kind = EK_OPT_SET,
         .offset = NETWORK(offload),
         .help = "TUN and TAP: leave checksums and the cutting of segments to the kernel (virtio-net header); "
                 "much faster; captures then show packets of up to 64 KiB"},
        {.name = "mtu",
         .arg = "BYTES",
         .kind = EK_OPT_COUNT,
         .offset = NETWORK(mtu),
         .min = 576,
         .max = 65535,
         .help = "largest IP packet; IPv6 needs 1280; default: the device's"},
        {.name = "mac",
         .arg = "MAC",
         .kind = EK_OPT_CALL,
         .parse = parse_mac,
         .help = "Ethernet address of elko; default: random and locally administered on a TAP, the interface's own with packet:"},
        {.name = "pcap",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = NETWORK(pcap),
         .help = "write every packet to FILE as pcapng, with elko's reasons as comments"},
        {.name = "trace",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = NETWORK(trace),
         .help = "write one line for each event to FILE; - is stderr"},
        {.name = "ladder",
         .kind = EK_OPT_SET,
         .offset = NETWORK(ladder),
         .help = "print a ladder diagram of every connection at the end"},
        {.name = "lang",
         .arg = "LANG",
         .kind = EK_OPT_CHOICE,
         .offset = NETWORK(lang),
         .choices = "en|zh",
         .help = "language of the ladder, en or zh; default by LC_ALL, LC_MESSAGES, LANG"},
        {.name = "memory",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = NETWORK(memory_bytes),
         .min = 1u << 20,
         .max = UINT64_C(1) << 40,
         .help = "the stack's memory region, 1M to 1T, taken from the system as it is used; default 1G"},
        {.name = "seed",
         .arg = "HEX",
         .kind = EK_OPT_CALL,
         .parse = parse_seed,
         .help = "secret for sequence numbers, ports and hashes: 1 to 64 hex digits (a fixed one is for "
                 "tests only), or random; default random"},
        {.name = "inspect",
         .arg = "on|off",
         .kind = EK_OPT_CHOICE,
         .offset = NETWORK(inspect),
         .choices = "on|off",
         .help = "let `elko info` look into this process; default on"},
        {.name = "quiet",
         .letter = 'q',
         .kind = EK_OPT_SET,
         .offset = NETWORK(quiet),
         .help = "no messages but errors"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = NETWORK(json),
         .help = "report as one JSON object on the last line, where the command reports"},

        {.name = "msl",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = NETWORK(msl_ns),
         .min = 1000000,
         .max = ELKO_SEC(600),
         .unit_ns = ELKO_SEC(1),
         .help = "maximum segment lifetime, 0.001 to 600; TIME-WAIT lasts twice this; default 30"},
        {.name = "no-sack",
         .kind = EK_OPT_CLEAR,
         .offset = NETWORK(sack),
         .help = "no selective acknowledgements (RFC 2018)"},
        {.name = "no-timestamps",
         .kind = EK_OPT_CLEAR,
         .offset = NETWORK(timestamps),
         .help = "no timestamps, hence no PAWS (RFC 7323)"},
        {.name = "no-window-scale",
         .kind = EK_OPT_CLEAR,
         .offset = NETWORK(window_scale),
         .help = "no window scaling (RFC 7323)"},
        {.name = "nodelay",
         .kind = EK_OPT_SET,
         .offset = NETWORK(nodelay),
         .help = "send small segments at once (Nagle's algorithm off)"},
        {.name = "cork",
         .kind = EK_OPT_SET,
         .offset = NETWORK(cork),
         .help = "send full segments only"},
        {.name = "keepalive",
         .arg = "[IDLE]",
         .kind = EK_OPT_CALL,
         .parse = parse_keepalive,
         .help = "probe idle peers, after IDLE seconds of silence, from 1; default 7200"},
        {.name = "user-timeout",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = NETWORK(user_timeout_ns),
         .max = ELKO_SEC(86400 * 7),
         .unit_ns = ELKO_SEC(1),
         .help = "give up when data stays unacknowledged this long (RFC 5482); default by RFC 9293's R2"},
        {.name = "rcvbuf",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = NETWORK(rcvbuf),
         .min = 2048,
         .max = 1u << 30,
         .help = "largest receive buffer of a connection, 2K to 1G; default 512K"},
        {.name = "sndbuf",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = NETWORK(sndbuf),
         .min = 2048,
         .max = 1u << 30,
         .help = "largest send buffer of a connection, 2K to 1G; default 4M"},
        {.name = "mss",
         .arg = "BYTES",
         .kind = EK_OPT_COUNT,
         .offset = NETWORK(mss),
         .min = 48,
         .max = 65495,
         .help = "largest segment to send and to announce, 48 to 65495; default by the link"},
        {.name = "delack",
         .arg = "MS",
         .kind = EK_OPT_SPAN,
         .offset = NETWORK(delack_ns),
         .max = ELKO_MS(499),
         .unit_ns = ELKO_MS(1),
         .help = "delayed-ACK time, 0 to 499; 0: acknowledge at once; default 40"},
        {.name = "congestion",
         .arg = "NAME",
         .kind = EK_OPT_CALL,
         .parse = parse_congestion,
         .help = "congestion control: cubic, newreno, bbr, dctcp, prague; default cubic"},
        {.name = "cc",
         .arg = "NAME",
         .kind = EK_OPT_CALL,
         .parse = parse_congestion,
         .help = "the same"},
        {.name = "ecn",
         .arg = "MODE",
         .kind = EK_OPT_CHOICE,
         .offset = NETWORK(ecn),
         .choices = "off|request|classic|accurate",
         .help = "explicit congestion notification (RFC 3168): off, request (for peers that ask), classic "
                 "(ask, too) or accurate (AccECN, RFC 9768); default request"},
        {.name = "pacing",
         .kind = EK_OPT_SET,
         .offset = NETWORK(pacing),
         .help = "spread segments over the round trip with every algorithm (BBR and prague always do)"},
        {.name = "initial-window",
         .arg = "SEGMENTS",
         .kind = EK_OPT_COUNT,
         .offset = NETWORK(initial_window),
         .min = 1,
         .max = 100,
         .help = "initial congestion window, 1 to 100; default 10 (RFC 6928)"},
        {.name = "ttl",
         .arg = "HOPS",
         .kind = EK_OPT_COUNT,
         .offset = NETWORK(ttl),
         .min = 1,
         .max = 255,
         .help = "time to live or hop limit, 1 to 255; default 64"},
        {.name = "tos",
         .arg = "BYTE",
         .kind = EK_OPT_COUNT,
         .offset = NETWORK(tos),
         .max = 252,
         .help = "type of service or traffic class, 0 to 252, ECN bits (the low two) zero; default 0"},
};

#define NETWORK_COUNT (sizeof network_opts / sizeof network_opts[0])

/* A Chinese locale that can be written: UTF-8 is the only encoding that we know. */
static unsigned lang_of_environment(void)
{
        static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const char *value = getenv(names[i]);

                if (value == NULL || value[0] == '\0')
                        continue;
                return strncmp(value, "zh", 2) == 0 && (strcasestr(value, "utf-8") != NULL ||
                                                        strcasestr(value, "utf8") != NULL)
                               ? EK_LANG_ZH
                               : EK_LANG_EN;
        }
        return EK_LANG_EN;
}

void ek_options_default(struct ek_options *common)
{
        *common = (struct ek_options){
                .link_kind = EK_LINK_TUN,
                .link_name = "elko0",
                .link_fd = -1,
                .mtu = EK_OPT_UNSET,
                .memory_bytes = UINT64_C(1) << 30,
                .msl_ns = EK_OPT_UNSET,
                .sack = true,
                .timestamps = true,
                .window_scale = true,
                .ecn = ELKO_ECN_ON_REQUEST,
                .keepalive_idle_ns = EK_OPT_UNSET,
                .user_timeout_ns = EK_OPT_UNSET,
                .rcvbuf = EK_OPT_UNSET,
                .sndbuf = EK_OPT_UNSET,
                .mss = EK_OPT_UNSET,
                .delack_ns = EK_OPT_UNSET,
                .initial_window = EK_OPT_UNSET,
                .ttl = EK_OPT_UNSET,
                .tos = EK_OPT_UNSET,
                .lang = lang_of_environment(),
        };
}

/* ---- applying one option ---- */

static void say_range(const struct ek_opt *opt, char *why, size_t why_len)
{
        char low[EK_UTIL_TEXT];
        char high[EK_UTIL_TEXT];

        switch (opt->kind) {
        case EK_OPT_SIZE:
                snprintf(why, why_len, "it must be a size from %s to %s, like 65536, 64K or 64M",
                         ek_util_format_bytes(opt->min, low), ek_util_format_bytes(opt->max, high));
                break;
        case EK_OPT_SPAN:
                snprintf(why, why_len, "it must be a time from %s to %s, like 200ms, 30s or 2m",
                         ek_util_format_span(opt->min, low), ek_util_format_span(opt->max, high));
                break;
        default:
                snprintf(why, why_len, "it must be a whole number from %llu to %llu",
                         (unsigned long long)opt->min, (unsigned long long)opt->max);
        }
}

static bool parse_number(const struct ek_opt *opt, const char *value, uint64_t *out)
{
        switch (opt->kind) {
        case EK_OPT_SIZE: return ek_util_parse_size(value, out);
        case EK_OPT_SPAN: return ek_util_parse_span(value, opt->unit_ns, out);
        default: return ek_util_parse_u64(value, out);
        }
}

static bool apply_number(const struct ek_opt *opt, const char *value, uint64_t *field, char *why,
                         size_t why_len)
{
        uint64_t number;

        if (parse_number(opt, value, &number) && number >= opt->min && number <= opt->max) {
                *field = number;
                return true;
        }
        say_range(opt, why, why_len);
        return false;
}

static bool apply_choice(const struct ek_opt *opt, const char *value, unsigned *field, char *why,
                         size_t why_len)
{
        const char *at = opt->choices;

        for (unsigned i = 0; *at != '\0'; i++) {
                size_t len = strcspn(at, "|");

                if (strlen(value) == len && strncmp(at, value, len) == 0) {
                        *field = i;
                        return true;
                }
                at += len + (at[len] == '|');
        }
        snprintf(why, why_len, "it must be one of %s", opt->choices);
        return false;
}

static bool apply_list(struct ek_text_list *list, const char *value, char *why, size_t why_len)
{
        if (list->count == EK_TEXT_LIST_MAX) {
                snprintf(why, why_len, "it may be given %d times at most", EK_TEXT_LIST_MAX);
                return false;
        }
        list->text[list->count++] = value;
        return true;
}

static bool apply(const struct ek_opt *opt, const char *value, void *target, char *why,
                  size_t why_len)
{
        void *field = (char *)target + opt->offset;

        switch (opt->kind) {
        case EK_OPT_SET: *(bool *)field = true; return true;
        case EK_OPT_CLEAR: *(bool *)field = false; return true;
        case EK_OPT_COUNT:
        case EK_OPT_SIZE:
        case EK_OPT_SPAN: return apply_number(opt, value, field, why, why_len);
        case EK_OPT_TEXT:
                *(const char **)field = value;
                snprintf(why, why_len, "it must not be empty");
                return value[0] != '\0';
        case EK_OPT_LIST: return apply_list(field, value, why, why_len);
        case EK_OPT_CHOICE: return apply_choice(opt, value, field, why, why_len);
        case EK_OPT_CALL: return opt->parse(target, value, why, why_len);
        }
        return false;
}

/* ---- the tables as one list ---- */

/* Entry i over all tables: the command's own come first. NULL: past the end. */
static const struct ek_opt *opt_at(const struct ek_command_spec *spec, size_t i)
{
        if (i < spec->own_count)
                return &spec->own[i];
        i -= spec->own_count;
        if (i < spec->shared_count)
                return &spec->shared[i];
        i -= spec->shared_count;
        return spec->network && i < NETWORK_COUNT ? &network_opts[i] : NULL;
}

static bool is_own(const struct ek_command_spec *spec, size_t i)
{
        return i < spec->own_count + spec->shared_count;
}

static int argument_mode(const struct ek_opt *opt)
{
        if (opt->arg == NULL)
                return no_argument;
        return opt->arg[0] == '[' ? optional_argument : required_argument;
}

/* getopt's tables from ours. The leading '+' is left out: options may follow arguments. */
static void make_getopt_tables(const struct ek_command_spec *spec, struct option *longs,
                               char *letters)
{
        const struct ek_opt *opt;
        size_t i = 0;

        *letters++ = ':';
        *letters++ = 'h';
        for (; i + 2 < MAX_OPTIONS && (opt = opt_at(spec, i)) != NULL; i++) {
                longs[i] =
                        (struct option){opt->name, argument_mode(opt), NULL, FIRST_LONG + (int)i};
                if (opt->letter != 0) {
                        *letters++ = opt->letter;
                        if (opt->arg != NULL)
                                *letters++ = ':';
                }
        }
        longs[i] = (struct option){"help", no_argument, NULL, 'h'};
        longs[i + 1] = (struct option){0};
        *letters = '\0';
}

static const struct ek_opt *opt_by_code(const struct ek_command_spec *spec, int code, size_t *index)
{
        const struct ek_opt *opt;

        if (code >= FIRST_LONG) {
                *index = (size_t)(code - FIRST_LONG);
                return opt_at(spec, *index);
        }
        for (size_t i = 0; (opt = opt_at(spec, i)) != NULL; i++) {
                if (opt->letter != 0 && opt->letter == code) {
                        *index = i;
                        return opt;
                }
        }
        return NULL;
}

/* ---- suggestions ---- */

enum { WORD_MAX = 40 };

/* Levenshtein's distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
        size_t row[WORD_MAX + 1];
        size_t len = strlen(b);

        if (strlen(a) > WORD_MAX || len > WORD_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= len; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1] != '\0'; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= len; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);

                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[len];
}

const char *ek_options_closest(const char *word, const char *const *words, size_t n)
{
        const char *best = NULL;
        size_t best_distance = strlen(word) / 3 + 2; /* farther is no typing error */

        for (size_t i = 0; i < n; i++) {
                size_t d = distance(word, words[i]);

                if (d < best_distance) {
                        best = words[i];
                        best_distance = d;
                }
        }
        return best;
}

static void say_unknown(const struct ek_command_spec *spec, const char *given)
{
        const char *names[MAX_OPTIONS];
        char word[WORD_MAX + 1];
        const char *close = NULL;
        const struct ek_opt *opt;
        size_t n = 0;

        if (strncmp(given, "--", 2) == 0) {
                snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
                for (; n < MAX_OPTIONS && (opt = opt_at(spec, n)) != NULL; n++)
                        names[n] = opt->name;
                close = ek_options_closest(word, names, n);
        }
        if (close != NULL)
                ek_util_error(
                        "%s: unknown or ambiguous option %s; did you mean --%s? `elko %s --help` "
                        "lists them all",
                        spec->name, given, close, spec->name);
        else
                ek_util_error("%s: unknown or ambiguous option %s; `elko %s --help` lists them all",
                              spec->name, given, spec->name);
}

/* ---- help ---- */

enum { HELP_WIDTH = 90, HELP_INDENT = 26 };

/* `text` folded at HELP_WIDTH; it begins at column `indent`, and so do its further lines. */
static void print_folded(FILE *out, const char *text, int indent)
{
        int column = indent;

        while (*text != '\0') {
                int len = (int)strcspn(text, " ");

                if (column > indent && column + 1 + len > HELP_WIDTH) {
                        fprintf(out, "\n%*s", indent, "");
                        column = indent;
                } else if (column > indent) {
                        fputc(' ', out);
                        column++;
                }
                fprintf(out, "%.*s", len, text);
                column += len;
                text += len;
                text += strspn(text, " ");
        }
        fputc('\n', out);
}

static void print_option(FILE *out, const struct ek_opt *opt)
{
        char left[64];
        const char *arg = opt->arg != NULL ? opt->arg : "";
        const char *sep = opt->arg == NULL ? "" : " ";
        int n;

        if (arg[0] == '[')
                n = snprintf(left, sizeof left, "      --%s[=%.*s]", opt->name,
                             (int)strlen(arg) - 2, arg + 1);
        else if (opt->letter != 0)
                n = snprintf(left, sizeof left, "  -%c, --%s%s%s", opt->letter, opt->name, sep,
                             arg);
        else
                n = snprintf(left, sizeof left, "      --%s%s%s", opt->name, sep, arg);
        if (n < HELP_INDENT - 1)
                fprintf(out, "%-*s", HELP_INDENT, left);
        else
                fprintf(out, "%s\n%*s", left, HELP_INDENT, "");
        print_folded(out, opt->help, HELP_INDENT);
}

void ek_options_print_help(const struct ek_command_spec *spec, FILE *out)
{
        fprintf(out, "usage: elko %s [options]%s%s\n\n", spec->name,
                spec->usage[0] != '\0' ? " " : "", spec->usage);
        print_folded(out, spec->about, 0);
        fprintf(out, "\nOptions of this command:\n");
        for (size_t i = 0; is_own(spec, i); i++)
                print_option(out, opt_at(spec, i));
        fprintf(out, "  -h, --help              this text\n");
        if (spec->network) {
                fprintf(out, "\nOptions of the link, the stack and TCP:\n");
                for (size_t i = 0; i < NETWORK_COUNT; i++)
                        print_option(out, &network_opts[i]);
        }
        if (spec->notes != NULL)
                fprintf(out, "\n%s\n", spec->notes);
}

/* ---- the parser ---- */

static bool take_option(const struct ek_command_spec *spec, int code, struct ek_options *common,
                        void *own)
{
        char why[300] = "";
        size_t index = 0;
        const struct ek_opt *opt = opt_by_code(spec, code, &index);

        if (opt == NULL)
                return false;
        if (apply(opt, optarg, is_own(spec, index) ? own : common, why, sizeof why))
                return true;
        ek_util_error("%s: bad value '%s' for --%s: %s", spec->name, optarg != NULL ? optarg : "",
                      opt->name, why);
        return false;
}

static bool check_arguments(const struct ek_command_spec *spec, const struct ek_options *common)
{
        if (common->arg_count < spec->min_args) {
                ek_util_error("%s: an argument is missing; usage: elko %s [options] %s", spec->name,
                              spec->name, spec->usage);
                return false;
        }
        if (spec->max_args >= 0 && common->arg_count > spec->max_args) {
                ek_util_error("%s: unexpected argument '%s'; usage: elko %s [options] %s",
                              spec->name, common->args[spec->max_args], spec->name, spec->usage);
                return false;
        }
        return true;
}

/* Options that exclude each other. */
static bool check_together(const struct ek_command_spec *spec, const struct ek_options *common)
{
        bool ours = common->link_kind == EK_LINK_TUN || common->link_kind == EK_LINK_TAP;

        if (ours || common->host_addr.count == 0)
                return true;
        ek_util_error(
                "%s: --host-addr is for tun: and tap: links; this link's other side is configured "
                "outside of elko",
                spec->name);
        return false;
}

/* The word that getopt_long() stopped at, as the user wrote it. */
static const char *culprit(char **argv, char letter[3])
{
        if (optopt == 0 || optopt >= FIRST_LONG)
                return argv[optind - 1];
        letter[0] = '-';
        letter[1] = (char)optopt;
        letter[2] = '\0';
        return letter;
}

enum ek_options_result ek_options_parse(const struct ek_command_spec *spec, int argc, char **argv,
                                        struct ek_options *common, void *own)
{
        struct option longs[MAX_OPTIONS];
        char letters[3 * MAX_OPTIONS];
        char letter[3];
        int code;

        ek_options_default(common);
        make_getopt_tables(spec, longs, letters);
        optind = 0; /* glibc: start over, whatever was parsed before */
        opterr = 0;
        while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
                switch (code) {
                case 'h': ek_options_print_help(spec, stdout); return EK_OPTIONS_HELP;
                case '?': say_unknown(spec, culprit(argv, letter)); return EK_OPTIONS_BAD;
                case ':':
                        ek_util_error("%s: option %s needs a value; see `elko %s --help`",
                                      spec->name, culprit(argv, letter), spec->name);
                        return EK_OPTIONS_BAD;
                default:
                        if (!take_option(spec, code, common, own))
                                return EK_OPTIONS_BAD;
                }
        }
        common->args = argv + optind;
        common->arg_count = argc - optind;
        return check_arguments(spec, common) && check_together(spec, common) ? EK_OPTIONS_GO
                                                                             : EK_OPTIONS_BAD;
}

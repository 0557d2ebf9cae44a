/* SPDX-License-Identifier: MIT */
/*
 * Shared helpers of the command-line tool.
 *
 * Theory: a command line is read by people in a hurry. So a number takes the unit that a person
 * would write ("64M", "200ms"), it is taken whole or not at all ("12x" is an error, never 12), and
 * nothing is silently clamped: the caller knows the range and says so in its error. Everything is a
 * pure function of its arguments, except for the clock, the random bytes and the hosts file.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* ---- messages ---- */

void ek_util_error(const char *format, ...)
{
        char line[1024];
        va_list args;
        int n = snprintf(line, sizeof line, "elko: ");

        va_start(args, format);
        vsnprintf(line + n, sizeof line - (size_t)n, format, args);
        va_end(args);
        fflush(stdout);
        fprintf(stderr, "%s\n", line);
}

const char *ek_util_errno_text(int error_number)
{
        const char *text = strerrordesc_np(error_number);

        return text != NULL ? text : "unknown error";
}

/* ---- text to number ---- */

/* A decimal number with an optional fraction at `text`; *end is what follows it. */
static bool parse_decimal(const char *text, double *out, const char **end)
{
        char *stop;

        if (!isdigit((unsigned char)text[0]) && text[0] != '.')
                return false;
        if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
                return false;
        errno = 0;
        *out = strtod(text, &stop);
        *end = stop;
        return stop != text && errno == 0;
}

bool ek_util_parse_u64(const char *text, uint64_t *out)
{
        char *end;

        if (!isdigit((unsigned char)text[0]))
                return false;
        errno = 0;
        *out = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
        return errno == 0 && *end == '\0';
}

/* value * unit as an integer; false when it doesn't fit. */
static bool scale(double value, double unit, uint64_t *out)
{
        double scaled = value * unit + 0.5;

        if (!(scaled < 1.8e19))
                return false;
        *out = (uint64_t)scaled;
        return true;
}

bool ek_util_parse_size(const char *text, uint64_t *out)
{
        static const char letters[] = "KMGT";
        const char *rest;
        const char *letter;
        double value;
        double unit = 1;

        if (ek_util_parse_u64(text, out))
                return true;
        if (!parse_decimal(text, &value, &rest))
                return false;
        letter = *rest != '\0' ? strchr(letters, toupper((unsigned char)*rest)) : NULL;
        if (letter != NULL) {
                for (const char *p = letters; p <= letter; p++)
                        unit *= 1024;
                rest++;
                if (*rest == 'i')
                        rest++;
        }
        if (*rest == 'B')
                rest++;
        return *rest == '\0' && scale(value, unit, out);
}

bool ek_util_parse_span(const char *text, uint64_t unit_ns, uint64_t *out_ns)
{
        static const struct {
                const char *name;
                double ns;
        } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
        const char *rest;
        double value;

        if (!parse_decimal(text, &value, &rest))
                return false;
        if (*rest == '\0')
                return scale(value, (double)unit_ns, out_ns);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
                if (strcmp(rest, units[i].name) == 0)
                        return scale(value, units[i].ns, out_ns);
        return false;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ek_util_parse_mac(const char *text, uint8_t out[6])
{
        if (strlen(text) != 17)
                return false;
        for (int i = 0; i < 6; i++) {
                int high = hex_digit(text[3 * i]);
                int low = hex_digit(text[3 * i + 1]);
                char after = text[3 * i + 2];

                if (high < 0 || low < 0 || after != (i == 5 ? '\0' : ':'))
                        return false;
                out[i] = (uint8_t)(high << 4 | low);
        }
        return true;
}

/* ---- number to text ---- */

char *ek_util_format_bytes(uint64_t bytes, char buf[EK_UTIL_TEXT])
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
        double value = (double)bytes;
        size_t unit = 0;

        while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
                value /= 1024;
                unit++;
        }
        snprintf(buf, EK_UTIL_TEXT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
        return buf;
}

char *ek_util_format_span(uint64_t ns, char buf[EK_UTIL_TEXT])
{
        if (ns == ELKO_NEVER)
                snprintf(buf, EK_UTIL_TEXT, "never");
        else if (ns < 1000)
                snprintf(buf, EK_UTIL_TEXT, "%u ns", (unsigned)ns);
        else if (ns < 1000000)
                snprintf(buf, EK_UTIL_TEXT, "%.3g us", (double)ns / 1e3);
        else if (ns < 1000000000)
                snprintf(buf, EK_UTIL_TEXT, "%.3g ms", (double)ns / 1e6);
        else
                snprintf(buf, EK_UTIL_TEXT, "%.2f s", (double)ns / 1e9);
        return buf;
}

char *ek_util_format_clock(uint64_t seconds, char buf[EK_UTIL_TEXT])
{
        uint64_t hours = seconds / 3600;
        unsigned minutes = (unsigned)(seconds / 60 % 60);
        unsigned rest = (unsigned)(seconds % 60);

        if (hours > 9999)
                snprintf(buf, EK_UTIL_TEXT, "--:--");
        else if (hours > 0)
                snprintf(buf, EK_UTIL_TEXT, "%u:%02u:%02u", (unsigned)hours, minutes, rest);
        else
                snprintf(buf, EK_UTIL_TEXT, "%02u:%02u", minutes, rest);
        return buf;
}

static bool is_any(const elko_ip *ip)
{
        static const elko_ip any;

        return memcmp(ip, &any, sizeof any) == 0;
}

char *ek_util_format_endpoint(const elko_endpoint *endpoint, char buf[EK_UTIL_ENDPOINT_TEXT])
{
        char ip[ELKO_IP_TEXT];

        if (is_any(&endpoint->ip)) {
                snprintf(buf, EK_UTIL_ENDPOINT_TEXT, "*:%u", endpoint->port);
                return buf;
        }
        elko_ip_format(&endpoint->ip, ip);
        snprintf(buf, EK_UTIL_ENDPOINT_TEXT, elko_ip_is_v4(&endpoint->ip) ? "%s:%u" : "[%s]:%u", ip,
                 endpoint->port);
        return buf;
}

void ek_util_json_string(FILE *out, const char *text)
{
        fputc('"', out);
        for (; *text != '\0'; text++) {
                unsigned char c = (unsigned char)*text;

                if (c == '"' || c == '\\')
                        fprintf(out, "\\%c", c);
                else if (c < 0x20)
                        fprintf(out, "\\u%04x", c);
                else
                        fputc(c, out);
        }
        fputc('"', out);
}

/* ---- names ---- */

static bool family_fits(const elko_ip *ip, int family)
{
        return family == 0 || (family == 4) == elko_ip_is_v4(ip);
}

/* Does this line of a hosts file give `host` an address of the family? The line is cut up. */
static bool hosts_line_matches(char *line, const char *host, int family, elko_ip *out)
{
        char *save;
        char *word;

        line[strcspn(line, "#\n")] = '\0';
        word = strtok_r(line, " \t\r", &save);
        if (word == NULL || !elko_ip_parse(word, out) || !family_fits(out, family))
                return false;
        while ((word = strtok_r(NULL, " \t\r", &save)) != NULL)
                if (strcasecmp(word, host) == 0)
                        return true;
        return false;
}

static bool hosts_lookup(const char *host, int family, const char *path, elko_ip *out)
{
        FILE *file = fopen(path, "re");
        char *line = NULL;
        size_t capacity = 0;
        bool found = false;

        if (file == NULL)
                return false;
        while (!found && getline(&line, &capacity, file) >= 0)
                found = hosts_line_matches(line, host, family, out);
        free(line);
        fclose(file);
        return found;
}

/* "[::1]" without its brackets, into `buf`; false when there are none or the text is too long. */
static bool strip_brackets(const char *host, char *buf, size_t buf_len)
{
        size_t len = strlen(host);

        if (len < 3 || len - 2 >= buf_len || host[0] != '[' || host[len - 1] != ']')
                return false;
        memcpy(buf, host + 1, len - 2);
        buf[len - 2] = '\0';
        return true;
}

bool ek_util_resolve(const char *host, int family, const char *hosts_path, elko_ip *out, char *why,
                     size_t why_len)
{
        const char *path = hosts_path != NULL ? hosts_path : "/etc/hosts";
        char bare[ELKO_IP_TEXT];

        if (strip_brackets(host, bare, sizeof bare))
                host = bare;
        if (elko_ip_parse(host, out)) {
                if (family_fits(out, family))
                        return true;
                snprintf(why, why_len, "%s is not an IPv%d address", host, family);
                return false;
        }
        if (host[0] != '\0' && hosts_lookup(host, family, path, out))
                return true;
        snprintf(
                why, why_len,
                "'%.200s' is neither an IP address nor a name in %s; elko does not ask the DNS: give "
                "the address itself",
                host, path);
        return false;
}

/* ---- the outside world ---- */

uint64_t ek_util_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool ek_util_is_terminal(int fd)
{
        return isatty(fd) == 1;
}

bool ek_util_random(void *buf, size_t len)
{
        uint8_t *at = buf;

        while (len > 0) {
                ssize_t n = getrandom(at, len, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return false;
                at += n;
                len -= (size_t)n;
        }
        return true;
}

/* ---- the test pattern ---- */

uint8_t ek_util_pattern_byte(uint64_t offset)
{
        /* Knuth's MMIX constants; the top bits of an LCG step are the good ones. */
        return (uint8_t)((offset * 6364136223846793005u + 1442695040888963407u) >> 32);
}

void ek_util_pattern_fill(uint64_t offset, uint8_t *buf, size_t len)
{
        for (size_t i = 0; i < len; i++)
                buf[i] = ek_util_pattern_byte(offset + i);
}

size_t ek_util_pattern_check(uint64_t offset, const uint8_t *buf, size_t len)
{
        for (size_t i = 0; i < len; i++)
                if (buf[i] != ek_util_pattern_byte(offset + i))
                        return i;
        return len;
}

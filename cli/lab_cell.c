/* SPDX-License-Identifier: MIT */
/*
 * Cells of experiments: text to values and back.
 *
 * Theory: one table says of every key where its value goes, how it is read and what is allowed; a
 * refusal names the range. Values that depend on each other (the buffer in multiples of
 * rate x round trip, the time that --flows asks for) are kept as they were written and worked out
 * when everything is known.
 */
#include "lab_cell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum { MILLION = 1000000, HEADERS = 20 + 20 + 12 }; /* IPv4, TCP, timestamps */

#define BILLION UINT64_C(1000000000)

enum kind { RATE, SPAN, SHARE, COUNT, CUSTOM };

struct key {
        const char *name, *arg;
        enum kind kind;
        size_t offset;
        uint64_t min, max;
        bool (*parse)(struct ek_lab_cell *c, const char *value, char *why, size_t why_len);
        const char *help;
};

/* ---- text to number ---- */

/* A decimal number at `text`; its end, or NULL. */
static const char *parse_decimal(const char *text, double *out)
{
        char *end;

        if (!isdigit((unsigned char)text[0]) && text[0] != '.')
                return NULL;
        if (text[0] == '0' && (text[1] | 0x20) == 'x')
                return NULL;
        *out = strtod(text, &end);
        return end == text ? NULL : end;
}

bool ek_lab_parse_rate(const char *text, uint64_t *bps)
{
        static const struct {
                const char *unit;
                double factor;
        } units[] = {{"", 1}, {"K", 1e3}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
        double value;
        const char *rest = parse_decimal(text, &value);

        for (size_t i = 0; rest != NULL && i < sizeof units / sizeof units[0]; i++) {
                if (strcmp(rest, units[i].unit) != 0)
                        continue;
                if (!(value * units[i].factor < 1e15))
                        return false;
                *bps = (uint64_t)(value * units[i].factor + 0.5);
                return true;
        }
        return false;
}

bool ek_lab_parse_share(const char *text, uint64_t *ppm)
{
        double value;
        const char *rest = parse_decimal(text, &value);

        if (rest == NULL || !(value <= 200))
                return false;
        if (strcmp(rest, "%") != 0 && (value > 0 || *rest != '\0'))
                return false; /* "0.7" could be meant either way */
        *ppm = (uint64_t)(value * (MILLION / 100) + 0.5);
        return true;
}

/* ---- values that need code of their own ---- */

static bool parse_rate(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        size_t len = strcspn(value, "/");
        char data[EK_LAB_WORD];
        uint64_t back = 0;

        snprintf(data, sizeof data, "%.*s", (int)(len < sizeof data ? len : 0), value);
        if (ek_lab_parse_rate(data, &c->rate_bps) && c->rate_bps >= 1000 &&
            c->rate_bps <= 100 * BILLION &&
            (value[len] == '\0' || (ek_lab_parse_rate(value + len + 1, &back) && back >= 1000 &&
                                    back <= 100 * BILLION))) {
                c->back_bps = back;
                return true;
        }
        snprintf(
                why, why_len,
                "a rate is 1K to 100G bits per second, like 37M; with another one for the way back 37M/5M");
        return false;
}

static bool parse_delay(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        uint64_t ns;

        if (ek_util_parse_span(value, ELKO_MS(1), &ns) && ns <= ELKO_SEC(5)) {
                c->rtt_ns = 2 * ns;
                return true;
        }
        snprintf(why, why_len, "it must be a time up to 5 s, like 10ms");
        return false;
}

static bool parse_buffer(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        double bdp;
        const char *rest = parse_decimal(value, &bdp);
        uint64_t bytes;

        if (rest != NULL && strcmp(rest, "bdp") == 0 && bdp >= 0.001 && bdp <= 1000) {
                c->buffer_milli_bdp = (uint64_t)(bdp * 1000 + 0.5);
                c->buffer_bytes = 0;
                return true;
        }
        if (ek_util_parse_size(value, &bytes) && bytes >= 1500 && bytes <= UINT64_C(1) << 32) {
                c->buffer_bytes = bytes;
                return true;
        }
        snprintf(
                why, why_len,
                "a buffer is a size from 1500 to 4G, like 64K, or 0.001bdp to 1000bdp, like 0.5bdp");
        return false;
}

static bool parse_queue(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        static const char *const names[] = {[ELKO_WIRE_DROPTAIL] = "droptail",
                                            [ELKO_WIRE_CODEL] = "codel",
                                            [ELKO_WIRE_ECN] = "ecn"};

        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
                if (strcmp(value, names[i]) == 0) {
                        c->queue = i;
                        return true;
                }
        }
        snprintf(why, why_len, "a queue is droptail, codel or ecn");
        return false;
}

static bool parse_burst(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        size_t len = strcspn(value, "/");
        char packets[EK_LAB_WORD];
        uint64_t share = 0;

        snprintf(packets, sizeof packets, "%.*s", (int)(len < sizeof packets ? len : 0), value);
        if (ek_util_parse_u64(packets, &c->burst) && c->burst >= 1 && c->burst <= 1000 &&
            (value[len] == '\0' ||
             (ek_lab_parse_share(value + len + 1, &share) && share > 0 && share <= MILLION))) {
                c->burst_ppm = share;
                return true;
        }
        snprintf(
                why, why_len,
                "a burst is 1 to 1000 packets long on average, like 5; 5/80%% loses so many of them");
        return false;
}

/* "4s:0.1,6s:1" */
static bool parse_step(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        char copy[200];
        char *rest, *word, *colon;
        uint64_t last = 0;

        snprintf(copy, sizeof copy, "%s", value);
        c->steps = 0;
        for (word = strtok_r(copy, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
                const char *end = NULL;
                double factor = 0;
                uint64_t at;

                colon = strchr(word, ':');
                if (colon != NULL) {
                        *colon = '\0';
                        end = parse_decimal(colon + 1, &factor);
                }
                if (end == NULL || *end != '\0' || factor < 0.001 || factor > 1000 ||
                    c->steps == ELKO_WIRE_STEPS || !ek_util_parse_span(word, ELKO_SEC(1), &at) ||
                    at <= last)
                        break;
                c->step[c->steps].at = last = at;
                c->step[c->steps++].permille = (uint32_t)(factor * 1000 + 0.5);
        }
        if (word == NULL && c->steps > 0)
                return true;
        snprintf(
                why, why_len,
                "a step is TIME:FACTOR, like 4s:0.1, in order of time, up to %d of them: 4s:0.1,6s:1",
                ELKO_WIRE_STEPS);
        return false;
}

static bool parse_peers(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        return ek_lab_peers_parse(value, EK_LAB_PEERS_MAX, &c->peers, why, why_len);
}

static bool parse_flows(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        return ek_lab_peers_parse(value, EK_LAB_FLOWS_MAX, &c->flows, why, why_len);
}

static bool parse_receiver(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        c->receiver = strcmp(value, "elko") == 0;
        if (c->receiver == 1 || strcmp(value, "kernel") == 0)
                return true;
        snprintf(why, why_len, "the receiver is kernel or elko");
        return false;
}

static bool parse_ecn(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        static const char *const names[] = {[EK_LAB_ECN_OFF] = "off",
                                            [EK_LAB_ECN_ON] = "on",
                                            [EK_LAB_ECN_ACCURATE] = "accurate"};

        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
                if (strcmp(value, names[i]) == 0) {
                        c->ecn = i;
                        return true;
                }
        }
        snprintf(why, why_len, "it must be on, accurate or off");
        return false;
}

static bool parse_ref(struct ek_lab_cell *c, const char *value, char *why, size_t why_len)
{
        if (value[0] != '\0' && strlen(value) < sizeof c->ref) {
                snprintf(c->ref, sizeof c->ref, "%s", value);
                return true;
        }
        snprintf(why, why_len, "it must be the name of a cell");
        return false;
}

/* ---- the keys ---- */

#define AT(field) offsetof(struct ek_lab_cell, field)

static const struct key keys[] = {
        {"rate", "RATE[/BACK]", CUSTOM, 0, 0, 0, parse_rate,
         "bits per second of the bottleneck, 1K to 100G (K is 1000); the way back may have its own; "
         "default 100M"},
        {"rtt", "TIME", SPAN, AT(rtt_ns), 0, ELKO_SEC(10), NULL,
         "round trip without queueing, half of it each way, up to 10 s; default 20ms"},
        {"delay", "TIME", CUSTOM, 0, 0, 0, parse_delay, "one way, instead of --rtt"},
        {"buffer", "SIZE", CUSTOM, 0, 0, 0, parse_buffer,
         "of the bottleneck: bytes, or multiples of rate x round trip; default 1bdp"},
        {"queue", "NAME", CUSTOM, 0, 0, 0, parse_queue,
         "droptail, codel (RFC 8289), or ecn: ECN-capable packets are marked above --mark; default "
         "droptail"},
        {"mark", "TIME", SPAN, AT(mark_ns), ELKO_US(1), ELKO_SEC(10), NULL,
         "threshold of --queue ecn, as time at the rate; default 1ms"},
        {"ecn", "on|accurate|off", CUSTOM, 0, 0, 0, parse_ecn,
         "both ends ask for ECN (RFC 3168), or for AccECN (RFC 9768); default off"},
        {"loss", "SHARE", SHARE, AT(loss_ppm), 0, MILLION, NULL,
         "of the data's packets, by chance, like 0.7%; default 0"},
        {"burst", "N[/SHARE]", CUSTOM, 0, 0, 0, parse_burst,
         "the loss comes in bursts of N packets on average (Gilbert-Elliott), SHARE of which are lost; "
         "default 1, and all"},
        {"ack-loss", "SHARE", SHARE, AT(ack_loss_ppm), 0, MILLION, NULL,
         "of the acknowledgements; default 0"},
        {"reorder", "SHARE", SHARE, AT(reorder_ppm), 0, MILLION, NULL,
         "of the data's packets are held back; default 0"},
        {"reorder-by", "TIME", SPAN, AT(reorder_by_ns), 1, ELKO_SEC(10), NULL,
         "how long they are held back; default 5ms, at most a quarter of the round trip"},
        {"duplicate", "SHARE", SHARE, AT(duplicate_ppm), 0, MILLION, NULL,
         "of the data's packets arrive twice; default 0"},
        {"step", "TIME:X[,...]", CUSTOM, 0, 0, 0, parse_step,
         "from TIME on the rate is X times --rate, both ways: 4s:0.1,6s:1"},
        {"mtu", "BYTES", COUNT, AT(mtu), 576, 9000, NULL, "576 to 9000; default 1500"},
        {"peers", "LIST", CUSTOM, 0, 0, 0, parse_peers,
         "who sends, each in turn: elko, elko-ALGORITHM, kernel-ALGORITHM; default elko,kernel-cubic"},
        {"flows", "LIST", CUSTOM, 0, 0, 0, parse_flows,
         "who sends, all at once over the same bottleneck; instead of --peers; up to 4"},
        {"stagger", "TIME", SPAN, AT(stagger_ns), 0, ELKO_SEC(3600), NULL,
         "each flow starts so much later than the one before; default 0"},
        {"receiver", "WHO", CUSTOM, 0, 0, 0, parse_receiver,
         "kernel or elko; default kernel (elko with --virtual)"},
        {"tick", "TIME", SPAN, AT(tick_ns), 0, ELKO_MS(100), NULL,
         "resolution of elko's clock, up to 100ms; default 0: as fine as the machine's"},
        {"time", "SECONDS", SPAN, AT(time_ns), ELKO_MS(10), ELKO_SEC(3600), NULL,
         "length of a run; default 8, with --flows 60"},
        {"seeds", "N", COUNT, AT(seeds), 1, 1000, NULL, "runs of each, 1 to 1000; default 5"},
        {"seed", "N", COUNT, AT(seed), 0, UINT64_MAX / 2, NULL, "the first seed; default 1"},
        {"ref", "CELL", CUSTOM, 0, 0, 0, parse_ref, "compare the goodput with this cell's, too"},
        {"floor", "SHARE", SHARE, AT(floor_ppm), 0, MILLION, NULL,
         "exit with 3 when elko has less than this share of the kernel's goodput, or of the cell "
         "`ref`'s, or when flows have a smaller index of fairness"},
        {"ceiling", "SHARE", SHARE, AT(ceiling_ppm), 0, 2 * MILLION, NULL,
         "exit with 3 when elko has more than this share of the cell `ref`'s goodput: 105%"},
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0] };

const char *ek_lab_cell_key(size_t i, const char **arg, const char **help)
{
        if (i >= KEY_COUNT)
                return NULL;
        *arg = keys[i].arg;
        *help = keys[i].help;
        return keys[i].name;
}

static bool parse_number(const struct key *k, const char *value, uint64_t *out)
{
        uint64_t unit = strcmp(k->arg, "SECONDS") == 0 ? ELKO_SEC(1) : ELKO_MS(1);

        switch (k->kind) {
        case SPAN: return ek_util_parse_span(value, unit, out);
        case SHARE: return ek_lab_parse_share(value, out);
        case RATE: return ek_lab_parse_rate(value, out);
        default: return ek_util_parse_u64(value, out);
        }
}

static void say_range(const struct key *k, char *why, size_t why_len)
{
        char low[EK_UTIL_TEXT], high[EK_UTIL_TEXT];

        if (k->kind == SHARE)
                snprintf(why, why_len,
                         "a share is written in percent, from 0%% to %u%%, like 0.7%%",
                         (unsigned)(k->max / (MILLION / 100)));
        else if (k->kind == SPAN)
                snprintf(why, why_len, "it must be a time from %s to %s, like 20ms",
                         ek_util_format_span(k->min, low), ek_util_format_span(k->max, high));
        else
                snprintf(why, why_len, "it must be a whole number from %llu to %llu",
                         (unsigned long long)k->min, (unsigned long long)k->max);
}

bool ek_lab_cell_set(struct ek_lab_cell *c, const char *key, const char *value, char *why,
                     size_t why_len)
{
        const struct key *k = keys;
        uint64_t number;

        while (k < keys + KEY_COUNT && strcmp(k->name, key) != 0)
                k++;
        if (k == keys + KEY_COUNT) {
                snprintf(why, why_len, "there is no key '%s'", key);
                return false;
        }
        if (k->kind == CUSTOM)
                return k->parse(c, value, why, why_len);
        if (!parse_number(k, value, &number) || number < k->min || number > k->max) {
                say_range(k, why, why_len);
                return false;
        }
        memcpy((char *)c + k->offset, &number, sizeof number);
        return true;
}

void ek_lab_cell_default(struct ek_lab_cell *c)
{
        *c = (struct ek_lab_cell){
                .rate_bps = 100 * (uint64_t)MILLION,
                .rtt_ns = ELKO_MS(20),
                .burst = 1,
                .reorder_by_ns = EK_LAB_AUTO,
                .buffer_milli_bdp = 1000,
                .mark_ns = ELKO_MS(1),
                .mtu = 1500,
                .time_ns = EK_LAB_AUTO,
                .seeds = 5,
                .seed = 1,
        };
        ek_lab_peers_parse("elko,kernel-cubic", EK_LAB_PEERS_MAX, &c->peers, NULL, 0);
}

bool ek_lab_cell_check(const struct ek_lab_cell *c, char *why, size_t why_len)
{
        if (c->burst > 1 && c->burst_ppm != 0 && c->burst_ppm <= c->loss_ppm)
                snprintf(why, why_len,
                         "the share that bursts lose must be larger than the mean loss");
        else if (c->flows.count > 0 && c->stagger_ns * c->flows.count >= ek_lab_cell_time(c))
                snprintf(why, why_len,
                         "the last flow would start after the end: --time is too short "
                         "for this --stagger");
        else if (ek_lab_cell_buffer(c) > UINT64_C(1) << 32)
                snprintf(why, why_len, "the buffer would be larger than 4 GiB");
        else
                return true;
        return false;
}

/* ---- what follows from the values ---- */

/* rate x span in bytes, without overflow for 100 Gbit/s and an hour. */
static uint64_t bytes_at(uint64_t rate_bps, uint64_t span_ns)
{
        return (uint64_t)((double)rate_bps / 8 * (double)span_ns / 1e9 + 0.5);
}

uint64_t ek_lab_cell_bdp(const struct ek_lab_cell *c)
{
        return bytes_at(c->rate_bps, c->rtt_ns);
}

/* Two packets at the least: below that nothing passes a drop-tail queue in a burst of two. */
uint64_t ek_lab_cell_buffer(const struct ek_lab_cell *c)
{
        uint64_t bytes = c->buffer_bytes;

        if (bytes == 0)
                bytes = (uint64_t)((double)ek_lab_cell_bdp(c) * (double)c->buffer_milli_bdp / 1e3 +
                                   0.5);
        return bytes < 2 * c->mtu ? 2 * c->mtu : bytes;
}

uint64_t ek_lab_cell_time(const struct ek_lab_cell *c)
{
        if (c->time_ns != EK_LAB_AUTO)
                return c->time_ns;
        return c->flows.count > 0 ? ELKO_SEC(60) : ELKO_SEC(8);
}

/* The mean rate over the run, less the headers of full segments with timestamps. */
uint64_t ek_lab_cell_goodput_max(const struct ek_lab_cell *c)
{
        uint64_t end = ek_lab_cell_time(c), from = 0;
        double factor = 1, sum = 0;

        for (unsigned i = 0; i < c->steps && c->step[i].at < end; i++) {
                sum += factor * (double)(c->step[i].at - from);
                from = c->step[i].at;
                factor = c->step[i].permille / 1e3;
        }
        sum += factor * (double)(end - from);
        return (uint64_t)((double)c->rate_bps * sum / (double)end * (double)(c->mtu - HEADERS) /
                          (double)c->mtu);
}

static uint64_t reorder_by(const struct ek_lab_cell *c)
{
        if (c->reorder_by_ns != EK_LAB_AUTO)
                return c->reorder_by_ns;
        return c->rtt_ns / 4 < ELKO_MS(5) ? c->rtt_ns / 4 : ELKO_MS(5);
}

void ek_lab_cell_wire(const struct ek_lab_cell *c, uint64_t seed, struct elko_wire_config *out)
{
        struct elko_wire_dir *data = &out->dir[0], *back = &out->dir[1];

        *out = (struct elko_wire_config){.seed = seed, .mtu = (uint32_t)c->mtu};
        *data = (struct elko_wire_dir){
                .rate_bps = c->rate_bps,
                .delay_ns = c->rtt_ns / 2,
                .buffer_bytes = ek_lab_cell_buffer(c),
                .queue = (enum elko_wire_queue)c->queue,
                .mark_bytes = bytes_at(c->rate_bps, c->mark_ns),
                .loss_ppm = (uint32_t)c->loss_ppm,
                .burst = (uint32_t)c->burst,
                .burst_ppm = (uint32_t)c->burst_ppm,
                .reorder_ppm = (uint32_t)c->reorder_ppm,
                .reorder_ns = reorder_by(c),
                .duplicate_ppm = (uint32_t)c->duplicate_ppm,
        };
        *back = (struct elko_wire_dir){
                .rate_bps = c->back_bps != 0 ? c->back_bps : c->rate_bps,
                .delay_ns = c->rtt_ns - c->rtt_ns / 2,
                .buffer_bytes = data->buffer_bytes,
                .ack_loss_ppm = (uint32_t)c->ack_loss_ppm,
        };
        for (unsigned i = 0; i < c->steps; i++) {
                data->step[i].at = back->step[i].at = c->step[i].at;
                data->step[i].permille = back->step[i].permille = c->step[i].permille;
        }
}

/* ---- in words ---- */

static void add(char *out, size_t len, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void add(char *out, size_t len, const char *format, ...)
{
        size_t used = strlen(out);
        va_list args;

        va_start(args, format);
        vsnprintf(out + used, len - used, format, args);
        va_end(args);
}

static void add_share(char *out, size_t len, const char *what, uint64_t ppm)
{
        if (ppm > 0)
                add(out, len, ", %s %g %%", what, (double)ppm / (MILLION / 100));
}

void ek_lab_cell_describe(const struct ek_lab_cell *c, char *out, size_t len)
{
        char text[EK_UTIL_TEXT];

        snprintf(out, len, "%g Mbit/s, RTT %s", (double)c->rate_bps / 1e6,
                 ek_util_format_span(c->rtt_ns, text));
        if (c->back_bps != 0)
                add(out, len, ", back %g Mbit/s", (double)c->back_bps / 1e6);
        add(out, len, ", buffer %.0f kB (%.3g BDP)", (double)ek_lab_cell_buffer(c) / 1e3,
            (double)ek_lab_cell_buffer(c) /
                    (double)(ek_lab_cell_bdp(c) + (ek_lab_cell_bdp(c) == 0)));
        if (c->queue == ELKO_WIRE_CODEL)
                add(out, len, " with CoDel");
        if (c->queue == ELKO_WIRE_ECN)
                add(out, len, " marking above %s", ek_util_format_span(c->mark_ns, text));
        add_share(out, len, "loss", c->loss_ppm);
        if (c->burst > 1)
                add(out, len, " in bursts of %llu", (unsigned long long)c->burst);
        add_share(out, len, "ACK loss", c->ack_loss_ppm);
        add_share(out, len, "reordered", c->reorder_ppm);
        if (c->reorder_ppm > 0)
                add(out, len, " by %s", ek_util_format_span(reorder_by(c), text));
        add_share(out, len, "doubled", c->duplicate_ppm);
        for (unsigned i = 0; i < c->steps; i++)
                add(out, len, ", x%g from %s", c->step[i].permille / 1e3,
                    ek_util_format_span(c->step[i].at, text));
        if (c->ecn != EK_LAB_ECN_OFF)
                add(out, len, c->ecn == EK_LAB_ECN_ACCURATE ? ", AccECN" : ", ECN");
        if (c->tick_ns > 0)
                add(out, len, ", elko's clock ticks every %s",
                    ek_util_format_span(c->tick_ns, text));
}

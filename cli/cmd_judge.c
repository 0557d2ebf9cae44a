/* SPDX-License-Identifier: MIT */
/*
 * elko judge: a TCP's packets, judged by the RFCs.
 *
 * Theory: sim/monitor.h. A capture that tells the direction of packets was taken on a host (elko --pcap,
 * tcpdump -i any): that host is judged. One that does not tell is taken as that of a wire so short that
 * what leaves one end arrives at the other at once (a veth pair): both ends are judged, or with --at those
 * that are named. A capture is less exact than the simulator: the tap is a little before the host's TCP
 * (--slack), and may stand above checksum and segmentation offload (--offload).
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "sim/monitor.h"
#include "sim/monitor_capture.h"
#include "util.h"

struct settings {
        bool json, quiet, strict, offload, no_time, whole, rules;
        uint64_t slack_ns, react_ns, mtu;
        struct ek_text_list at;
};

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "at",
         .letter = 'a',
         .arg = "ADDRESS",
         .kind = EK_OPT_LIST,
         .offset = OWN(at),
         .help = "the capture was taken at this host: judge only it; may be given again"},
        {.name = "strict",
         .letter = 's',
         .kind = EK_OPT_SET,
         .offset = OWN(strict),
         .help = "also where Linux has its own ways (SHOULDs that it reads differently)"},
        {.name = "whole",
         .letter = 'w',
         .kind = EK_OPT_SET,
         .offset = OWN(whole),
         .help = "every connection began in the capture; default: older ones are passed over"},
        {.name = "slack",
         .arg = "TIME",
         .kind = EK_OPT_SPAN,
         .offset = OWN(slack_ns),
         .min = 0,
         .max = ELKO_SEC(10),
         .unit_ns = ELKO_SEC(1),
         .help = "how far the host's TCP may be behind the capture; default 50ms"},
        {.name = "react",
         .arg = "TIME",
         .kind = EK_OPT_SPAN,
         .offset = OWN(react_ns),
         .min = 0,
         .max = ELKO_SEC(60),
         .unit_ns = ELKO_SEC(1),
         .help = "added to every limit of time; default 50ms"},
        {.name = "no-time",
         .kind = EK_OPT_SET,
         .offset = OWN(no_time),
         .help = "the time stamps mean nothing: judge no times"},
        {.name = "offload",
         .kind = EK_OPT_SET,
         .offset = OWN(offload),
         .help = "the capture is above offload: judge neither checksums nor sizes"},
        {.name = "mtu",
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(mtu),
         .min = 68,
         .max = 65535,
         .help = "longest IP packet; default: not judged"},
        {.name = "json", .kind = EK_OPT_SET, .offset = OWN(json), .help = "one JSON object"},
        {.name = "quiet",
         .letter = 'q',
         .kind = EK_OPT_SET,
         .offset = OWN(quiet),
         .help = "only the last line"},
        {.name = "rules",
         .kind = EK_OPT_SET,
         .offset = OWN(rules),
         .help = "print the rules with their sections, and read nothing"},
};

static const struct ek_command_spec spec = {
        .name = "judge",
        .usage = "FILE.pcapng|FILE.pcap...",
        .about =
                "Read captures and print every packet that breaks a rule of TCP, with its number in the "
                "file, the rule, and the RFC's section. A capture with directions (elko --pcap) is "
                "judged at the host that took it, one without at both ends.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .max_args = -1,
        .notes = "Exit codes: 0 nothing found, 1 usage, 2 violations, 4 a file could not be read.",
};

struct judge {
        const struct settings *set;
        struct sim_monitor *m;
        const char *file;
        elko_ip at[EK_TEXT_LIST_MAX];
        uint64_t first, last, packets, cut;
        bool any;
        unsigned violations; /* printed of this file */
};

static void print_where(const struct sim_monitor_violation *v)
{
        const char *where = sim_monitor_rule_where(v->rule);

        printf("%s%s", isdigit((unsigned char)where[0]) ? "RFC 9293 " : "", where);
}

static void print_json(const struct judge *j, const struct sim_monitor_violation *v)
{
        char local[EK_UTIL_ENDPOINT_TEXT], remote[EK_UTIL_ENDPOINT_TEXT];

        printf("%s{\"frame\":%" PRIu64 ",\"time\":%.6f,\"interface\":%u,\"local\":\"%s\","
               "\"remote\":\"%s\",\"rule\":\"%s\",\"where\":\"",
               j->violations > 0 ? "," : "", v->packet, (double)(v->now - j->first) / 1e9, v->host,
               ek_util_format_endpoint(&v->local, local),
               ek_util_format_endpoint(&v->remote, remote), sim_monitor_rule_name(v->rule));
        print_where(v);
        printf("\",\"text\":");
        ek_util_json_string(stdout, sim_monitor_rule_text(v->rule));
        printf(",\"figures\":");
        ek_util_json_string(stdout, v->text);
        printf("}");
}

static void report(void *ctx, const struct sim_monitor_violation *v)
{
        struct judge *j = ctx;
        char local[EK_UTIL_ENDPOINT_TEXT], remote[EK_UTIL_ENDPOINT_TEXT];

        if (j->set->json) {
                print_json(j, v);
        } else if (!j->set->quiet) {
                printf("%s: frame %" PRIu64 ", %.6f s, %s to %s: %s (", j->file, v->packet,
                       (double)(v->now - j->first) / 1e9, ek_util_format_endpoint(&v->local, local),
                       ek_util_format_endpoint(&v->remote, remote), sim_monitor_rule_name(v->rule));
                print_where(v);
                printf("): %s: %s\n", sim_monitor_rule_text(v->rule), v->text);
        }
        j->violations++;
}

static bool listed(const struct judge *j, const uint8_t *p, size_t at, size_t len)
{
        bool v6 = p[0] >> 4 == 6;
        elko_ip ip = {{0}};

        if (len < at + (v6 ? 16 : 4))
                return false;
        if (v6)
                memcpy(ip.b, p + at, 16);
        else
                ip = elko_ip_v4(p[at], p[at + 1], p[at + 2], p[at + 3]);
        for (unsigned i = 0; i < j->set->at.count; i++)
                if (memcmp(&ip, &j->at[i], sizeof ip) == 0)
                        return true;
        return false;
}

static void packet(void *ctx, const struct sim_capture_packet *p)
{
        struct judge *j = ctx;
        bool v6, sent = true, arrives = true;

        if (!j->any)
                j->first = p->now;
        j->any = true;
        if (p->now > j->last)
                j->last = p->now;
        j->packets++;
        j->cut += p->cut;
        if (p->data == NULL || p->cut)
                return;
        if (p->dir != SIM_CAPTURE_UNKNOWN) {
                sent = p->dir == SIM_CAPTURE_OUT;
                arrives = !sent;
        } else if (j->set->at.count > 0) {
                v6 = p->data[0] >> 4 == 6;
                sent = listed(j, p->data, v6 ? 8 : 12, p->len);
                arrives = listed(j, p->data, v6 ? 24 : 16, p->len);
        }
        if (sent)
                sim_monitor_sent(j->m, p->interface, p->data, p->len, p->now, p->number);
        if (arrives)
                sim_monitor_arrives(j->m, p->interface, p->data, p->len, p->now, p->number);
}

struct total {
        uint64_t files, packets, connections, violations, unreadable, cut;
};

static void one_file(const struct settings *set, const char *name, struct judge *j, struct total *t)
{
        struct sim_monitor_config c = {.report = report,
                                       .ctx = j,
                                       .slack_ns = set->slack_ns,
                                       .react_ns = set->react_ns,
                                       .prompt_ns = ELKO_MS(50),
                                       .no_time = set->no_time,
                                       .offload = set->offload,
                                       .linux_ways = !set->strict,
                                       .mid_stream = !set->whole,
                                       .mtu = (uint32_t)set->mtu,
                                       .endpoints_max = 1u << 16};
        FILE *f = fopen(name, "rbe");
        char why[160] = "";
        const struct sim_monitor_counts *n;

        if (f == NULL) {
                ek_util_error("judge: %s: %s", name, ek_util_errno_text(errno));
                t->unreadable++;
                return;
        }
        j->m = sim_monitor_create(&c);
        if (j->m == NULL) {
                ek_util_error("judge: out of memory");
                t->unreadable++;
                fclose(f);
                return;
        }
        j->file = name;
        j->any = false;
        j->first = j->last = j->packets = j->cut = 0;
        j->violations = 0;
        if (set->json) {
                printf("%s{\"file\":", t->files > 0 ? "," : "");
                ek_util_json_string(stdout, name);
                printf(",\"violations\":[");
        }
        if (!sim_capture_read(f, packet, j, why, sizeof why)) {
                ek_util_error("judge: %s: %s", name, why);
                t->unreadable++;
        }
        fclose(f);
        sim_monitor_finish(j->m, j->last);
        n = sim_monitor_counts(j->m);
        if (set->json)
                printf("],\"packets\":%" PRIu64 ",\"judged\":%" PRIu64 ",\"connections\":%" PRIu64
                       ",\"cut\":%" PRIu64 "}",
                       j->packets, n->packets_sent, n->endpoints, j->cut);
        if (j->cut > 0)
                ek_util_error("judge: %s: %" PRIu64
                              " packets are not complete in the file and were passed over; capture "
                              "with a snap length of 0",
                              name, j->cut);
        t->files++;
        t->packets += n->packets_sent;
        t->connections += n->endpoints;
        t->violations += n->violations;
        t->cut += j->cut;
        sim_monitor_destroy(j->m);
}

static int print_rules(void)
{
        for (int i = 0; i < SIM_RULES; i++) {
                struct sim_monitor_violation v = {.rule = (enum sim_monitor_rule)i};

                printf("%-16s %s (", sim_monitor_rule_name(v.rule), sim_monitor_rule_text(v.rule));
                print_where(&v);
                printf(")\n");
        }
        printf("%d rules\n", SIM_RULES);
        return EK_EXIT_OK;
}

int ek_cmd_judge(int argc, char **argv)
{
        struct ek_options options;
        struct settings set = {.slack_ns = ELKO_MS(50), .react_ns = ELKO_MS(50)};
        struct judge j = {.set = &set};
        struct total t = {0};

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        if (set.rules)
                return print_rules();
        if (options.arg_count == 0) {
                ek_util_error(
                        "judge: name at least one capture file; `elko judge --help` says more");
                return EK_EXIT_USAGE;
        }
        for (unsigned i = 0; i < set.at.count; i++)
                if (!elko_ip_parse(set.at.text[i], &j.at[i])) {
                        ek_util_error("judge: --at %s: this is no IPv4 or IPv6 address",
                                      set.at.text[i]);
                        return EK_EXIT_USAGE;
                }
        if (set.json)
                printf("{\"files\":[");
        for (int i = 0; i < options.arg_count; i++)
                one_file(&set, options.args[i], &j, &t);
        if (set.json)
                printf("],\"captures\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"connections\":%" PRIu64
                       ",\"violations\":%" PRIu64 "}\n",
                       t.files, t.packets, t.connections, t.violations);
        else
                printf("%" PRIu64 " captures, %" PRIu64 " packets judged, %" PRIu64
                       " connections, %" PRIu64 " violations\n",
                       t.files, t.packets, t.connections, t.violations);
        if (t.unreadable > 0)
                return EK_EXIT_FILE;
        return t.violations > 0 ? EK_EXIT_NETWORK : EK_EXIT_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a script and the command line say about the run as a whole: options, and sysctls, which are options of the
 * stack here. A sysctl that changes nothing that a script could see is taken and forgotten; one that asks for what
 * elko has not got makes the script unsupported.
 */
#include "drill/kernel.h"
#include "drill/runner.h"
#include "drill/sysctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

static bool bad_option(struct drill_run *r, const struct drill_option *o, const char *want)
{
        return drill_fail(r, o->where, "--%s needs %s", o->name, want);
}

static bool number(const char *text, double lo, double hi, double *out)
{
        char *end;

        if (text == NULL || *text == '\0')
                return false;
        *out = strtod(text, &end);
        return *end == '\0' && *out >= lo && *out <= hi;
}

static bool set_number(struct drill_run *r, const struct drill_option *o, double hi, double *out)
{
        return number(o->value, 0, hi, out) || bad_option(r, o, "a number");
}

bool drill_family_parse(const char *text, enum drill_family *out)
{
        static const struct {
                const char *name;
                enum drill_family family;
        } names[] = {{"v4", DRILL_V4},         {"ipv4", DRILL_V4},
                     {"v6", DRILL_V6},         {"ipv6", DRILL_V6},
                     {"mapped", DRILL_MAPPED}, {"ipv4-mapped-ipv6", DRILL_MAPPED}};

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strcmp(names[i].name, text) == 0) {
                        *out = names[i].family;
                        return true;
                }
        }
        return false;
}

static bool set_family(struct drill_run *r, const struct drill_option *o)
{
        if (o->value == NULL || !drill_family_parse(o->value, &r->c.family))
                return bad_option(r, o, "ipv4, ipv6 or ipv4-mapped-ipv6");
        return true;
}

static bool set_ip(struct drill_run *r, const struct drill_option *o, elko_ip *ip)
{
        if (o->value == NULL || !elko_ip_parse(o->value, ip))
                return bad_option(r, o, "an address");
        if (elko_ip_is_v4(ip) == (r->c.family == DRILL_V6))
                return bad_option(r, o, "an address of the script's family");
        return true;
}

static bool set_not_fatal(struct drill_run *r, const struct drill_option *o)
{
        const char *v = o->value != NULL ? o->value : "";

        r->c.packets_not_fatal = strstr(v, "packet") != NULL;
        r->c.calls_not_fatal = strstr(v, "syscall") != NULL;
        return r->c.packets_not_fatal || r->c.calls_not_fatal ||
               bad_option(r, o, "packet or syscall");
}

/* --name with a number into one of these. */
static bool set_numeric(struct drill_run *r, const struct drill_option *o, bool *known)
{
        double v;

        *known = true;
        if (strcmp(o->name, "tolerance_usecs") == 0) {
                if (!set_number(r, o, 1e12, &v))
                        return false;
                r->c.tolerance_us = (uint64_t)v;
        } else if (strcmp(o->name, "tolerance_percent") == 0) {
                return set_number(r, o, 1e6, &r->c.tolerance_percent);
        } else if (strcmp(o->name, "tcp_ts_tick_usecs") == 0) {
                if (!set_number(r, o, 1e6, &v))
                        return false;
                r->c.ts_tick_us = (uint32_t)v;
        } else if (strcmp(o->name, "mtu") == 0 || strcmp(o->name, "bind_port") == 0 ||
                   strcmp(o->name, "connect_port") == 0) {
                uint16_t *to = o->name[0] == 'm'   ? &r->c.mtu
                               : o->name[0] == 'b' ? &r->c.bind_port
                                                   : &r->c.connect_port;

                if (!set_number(r, o, 65535, &v))
                        return false;
                *to = (uint16_t)v;
        } else {
                *known = false;
        }
        return true;
}

static bool set_option(struct drill_run *r, const struct drill_option *o)
{
        /* Of the machine that packetdrill runs on, or of what it prints. */
        static const char *const idle[] = {"gateway_ip",   "netmask_ip", "speed",
                                           "mss",          "define",     "is_anyip",
                                           "code_format",  "verbose",    "debug",
                                           "code_sockopt", "ip_version", "send_omit_free"};
        bool known;

        if (!set_numeric(r, o, &known) || known)
                return r->outcome == DRILL_PASSED;
        if (strcmp(o->name, "local_ip") == 0)
                return set_ip(r, o, &r->c.local);
        if (strcmp(o->name, "remote_ip") == 0)
                return set_ip(r, o, &r->c.remote);
        if (strcmp(o->name, "tcp_ts_ecr_scaled") == 0)
                return r->c.ts_ecr_scaled = true;
        if (strcmp(o->name, "strict_segments") == 0)
                return r->c.strict_segments = true;
        if (strcmp(o->name, "dry_run") == 0)
                return r->c.dry_run = true;
        if (strcmp(o->name, "non_fatal") == 0)
                return set_not_fatal(r, o);
        if (strcmp(o->name, "init_scripts") == 0)
                return o->value == NULL || drill_command(r, o->value, o->where);
        if (strcmp(o->name, "code_command") == 0) {
                r->c.code_command = o->value;
                return true;
        }
        if (strcmp(o->name, "persona") == 0) /* set_persona() has taken it */
                return (o->value != NULL && elko_persona_find(o->value) != NULL) ||
                       bad_option(r, o, "linux, freebsd or rfc");
        for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
                if (strcmp(o->name, idle[i]) == 0)
                        return true;
        return drill_refuse(r, o->where, "unsupported: --%s", o->name);
}

static bool options_of(struct drill_run *r, const struct drill_option *o, bool families)
{
        for (; o != NULL; o = o->next)
                if (families ? strcmp(o->name, "ip_version") == 0 && !set_family(r, o)
                             : !set_option(r, o))
                        return false;
        return true;
}

/* Does any command of the script set a sysctl of FreeBSD's? */
static bool speaks_freebsd(const struct drill_script *s)
{
        if (s->init != NULL && strstr(s->init, "net.inet.") != NULL)
                return true;
        for (const struct drill_event *e = s->events; e != NULL; e = e->next)
                if (e->kind == DRILL_COMMAND && strstr(e->shell, "net.inet.") != NULL)
                        return true;
        return false;
}

/* An option of elko's own: what the script is written for. */
static const struct elko_persona *own_persona(const struct drill_script *s)
{
        for (const struct drill_option *o = s->options; o != NULL; o = o->next)
                if (strcmp(o->name, "persona") == 0 && o->value != NULL)
                        return elko_persona_find(o->value);
        return NULL;
}

static void set_persona(struct drill_run *r)
{
        struct elko_config *c = &r->c.stack;
        const struct elko_persona *p = r->set->persona;

        elko_config_default(c);
        memset(c->seed, 0x5a, sizeof(c->seed)); /* the same run, always */
        c->max_connections = 1024;
        c->max_half_open = 1024;
        c->max_time_wait = 1024;
        c->max_listeners = 256;
        r->c.persona_given = p != NULL;
        if (p == NULL)
                p = own_persona(r->s);
        if (p == NULL)
                p = elko_persona_find(speaks_freebsd(r->s) ? "freebsd" : "linux");
        elko_persona_apply(p, c);
        c->fastopen_cookies = 64;
        r->c.sockets.fastopen = ELKO_BSD_FASTOPEN_CLIENT; /* Linux's default */
        r->c.linux_buffers = strcmp(p->name, "linux") == 0;
}

bool drill_configure(struct drill_run *r)
{
        static const char *const local[] = {"192.168.0.1", "fd3d:a0b:17d6::1", "192.168.0.1"};
        static const char *const remote[] = {"192.0.2.1", "fd3d:fa7b:d17d::1", "192.0.2.1"};

        r->c = (struct drill_config){.bind_port = 8080,
                                     .connect_port = 8080,
                                     .tolerance_us = 4000,
                                     .tolerance_percent = 12.5,
                                     .code_command = "python3"};
        set_persona(r);
        if (!options_of(r, r->s->options, true) || !options_of(r, r->set->options, true))
                return false;
        if (r->set->family_given)
                r->c.family = r->set->family;
        /* An MTU of 1520 makes the MSS 1460 in all families, so that one script serves all. */
        r->c.mtu = r->c.family == DRILL_V6 ? 1520 : 1500;
        elko_ip_parse(local[r->c.family], &r->c.local);
        elko_ip_parse(remote[r->c.family], &r->c.remote);
        return options_of(r, r->s->options, false) && options_of(r, r->set->options, false);
}

/* ---- sysctls ---- */

/* Ways of naming that are of another path. */
static const char *plain_name(struct drill_run *r, const char *name)
{
        static const char proc[] = "/proc/sys/";
        char *p;

        if (strncmp(name, proc, strlen(proc)) != 0)
                return name;
        p = drill_copy(r->arena, name + strlen(proc), strlen(name + strlen(proc)));
        for (char *c = p; *c != '\0'; c++)
                if (*c == '/')
                        *c = '.';
        return p;
}

void drill_settings_now(const struct drill_run *r, struct elko_config *stack,
                        struct elko_bsd_defaults *sockets)
{
        *stack = r->c.stack;
        *sockets = r->c.sockets;
        if (r->c.linux_buffers)
                elko_bsd_linux_buffers(stack, sockets);
}

/* The stack is in use: what comes from now on goes by the new value. */
static bool change(struct drill_run *r, struct drill_where where, const char *name)
{
        struct elko_bsd_defaults sockets;
        struct elko_config stack;

        drill_settings_now(r, &stack, &sockets);
        if (!drill_sysctl_is_idle(name) && elko_stack_change(r->w.st, &stack) != ELKO_OK)
                return drill_refuse(
                        r, where,
                        "unsupported: sysctl %s now: handshakes are under way that have "
                        "announced what it was, or it is out of elko's range",
                        name);
        elko_bsd_set_defaults(r->w.bsd, &sockets);
        return true;
}

bool drill_sysctl(struct drill_run *r, struct drill_where where, const char *name,
                  const char *value)
{
        struct drill_tunables t = {&r->c.stack, &r->c.sockets};
        char why[DRILL_SYSCTL_WHY];

        name = plain_name(r, name);
        if (r->set->kernel)
                return drill_kernel_sysctl(name, value) ||
                       drill_refuse(r, where, "unsupported: the kernel does not take %s=%s", name,
                                    value);
        switch (drill_sysctl_set(&t, name, value, why)) {
        case DRILL_SYSCTL_OK: break;
        case DRILL_SYSCTL_BAD: return drill_fail(r, where, "%s", why);
        default: return drill_refuse(r, where, "unsupported: %s", why);
        }
        return !r->open || change(r, where, name);
}

const struct drill_define *drill_common_defines(enum drill_family family)
{
        static const struct drill_define v4[] = {{"CODE", "host_unreachable", &v4[1]},
                                                 {"TFO_COOKIE", "3021b9d889017eeb", &v4[2]},
                                                 {"CMSG_LEVEL_IP", "SOL_IP", &v4[3]},
                                                 {"CMSG_TYPE_RECVERR", "IP_RECVERR", NULL}};
        static const struct drill_define v6[] = {{"CODE", "address_unreachable", &v6[1]},
                                                 {"TFO_COOKIE", "c1d1e9742a47a9bc", &v6[2]},
                                                 {"CMSG_LEVEL_IP", "SOL_IPV6", &v6[3]},
                                                 {"CMSG_TYPE_RECVERR", "IPV6_RECVERR", NULL}};

        static const struct drill_define mapped[] = {{"CODE", "host_unreachable", &mapped[1]},
                                                     {"TFO_COOKIE", "3021b9d889017eeb", &mapped[2]},
                                                     {"CMSG_LEVEL_IP", "SOL_IPV6", &mapped[3]},
                                                     {"CMSG_TYPE_RECVERR", "IPV6_RECVERR", NULL}};

        return family == DRILL_V6 ? v6 : family == DRILL_MAPPED ? mapped : v4;
}

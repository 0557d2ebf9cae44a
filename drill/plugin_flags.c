/* SPDX-License-Identifier: MIT */
/*
 * The text of packetdrill's --so_flags: name=value with commas between them. The program tells a plug-in neither
 * addresses nor MTU, so whoever starts it says them twice:
 *
 *   local=ADDRESS/PREFIX   one for each family; default: 192.168.0.1/16 and fd3d:a0b:17d6::1/48
 *   mtu=N                  576..65535; default: 1500 for IPv4 and 1520 for IPv6, as the suites are run
 *   persona=NAME           linux (the default), freebsd or rfc: include/elko/persona.h
 *   tcp_NAME=VALUE         a sysctl (net.ipv4.tcp_NAME and net.inet.tcp.NAME are known, too)
 *   sysctls=DIR|no         where the system's sysctls are read: /proc/sys, or nowhere. Scripts set them by shell
 *                          commands, which run past the plug-in. Only the linux persona has them by default.
 *   verbose                tell on stderr which settings were taken over, and which elko has nothing for
 */
#include "drill/plugin.h"

#include <elko/persona.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_mtu(struct plug_config *c, const char *value)
{
        char *end;
        long n = strtol(value, &end, 10);

        if (*end != 0 || n < 576 || n > 65535)
                return false;
        c->mtu4 = (uint16_t)n;
        c->mtu6 = (uint16_t)(n < 1280 ? 1280 : n);
        return true;
}

static bool set_local(struct plug_config *c, const char *value)
{
        char *to = strchr(value, ':') != NULL ? c->local6 : c->local4;

        if (strlen(value) >= sizeof(c->local6))
                return false;
        memcpy(to, value, strlen(value) + 1);
        return true;
}

static bool set_persona(struct plug_config *c, const char *value)
{
        const struct elko_persona *p = elko_persona_find(value);

        if (p == NULL)
                return false;
        elko_persona_apply(p, &c->stack);
        c->linux_buffers = strcmp(value, "linux") == 0;
        if (!c->sysctls_given)
                c->sysctls = strcmp(value, "linux") == 0 ? "/proc/sys" : NULL;
        return true;
}

/* A setting is tried now, to see that it is one, and done when the stack is made. */
static bool keep_sysctl(struct plug_config *c, const char *name, char *value)
{
        struct elko_config stack = c->stack;
        struct elko_bsd_defaults sockets = {0};
        struct drill_tunables scratch = {&stack, &sockets};
        char why[DRILL_SYSCTL_WHY];
        enum drill_sysctl r = drill_sysctl_set(&scratch, name, value, why);

        if (r == DRILL_SYSCTL_UNKNOWN || r == DRILL_SYSCTL_BAD || c->n_settings == PLUG_SETTINGS)
                return false;
        c->setting[c->n_settings++] = value - strlen(name) - 1;
        value[-1] = '=';
        return true;
}

static bool set_one(struct plug_config *c, const char *name, char *value)
{
        if (strcmp(name, "local") == 0)
                return set_local(c, value);
        if (strcmp(name, "mtu") == 0)
                return set_mtu(c, value);
        if (strcmp(name, "persona") == 0)
                return set_persona(c, value);
        if (strcmp(name, "sysctls") == 0) {
                c->sysctls_given = true;
                c->sysctls = strcmp(value, "no") != 0 ? value : NULL;
                return true;
        }
        return keep_sysctl(c, name, value);
}

bool plug_read_flags(struct plug_config *c, const char *flags)
{
        char *rest = c->text, *word;

        *c = (struct plug_config){.local4 = "192.168.0.1/16",
                                  .local6 = "fd3d:a0b:17d6::1/48",
                                  .mtu4 = 1500,
                                  .mtu6 = 1520};
        elko_config_default(&c->stack);
        c->stack.fastopen_cookies = 64;
        c->sockets.fastopen = ELKO_BSD_FASTOPEN_CLIENT; /* Linux's default */
        set_persona(c, "linux");
        memset(c->stack.seed, 1, sizeof(c->stack.seed)); /* every run is the same */
        if (flags == NULL)
                return true;
        if (strlen(flags) >= sizeof(c->text)) {
                fprintf(stderr, "libelko-packetdrill: --so_flags: more than %zu characters\n",
                        sizeof(c->text) - 1);
                return false;
        }
        memcpy(c->text, flags, strlen(flags) + 1);
        while ((word = strsep(&rest, ",")) != NULL) {
                char *value = strchr(word, '=');

                if (word[0] == 0)
                        continue;
                if (strcmp(word, "verbose") == 0) {
                        c->verbose = true;
                        continue;
                }
                if (value != NULL)
                        *value++ = 0;
                if (value == NULL || !set_one(c, word, value)) {
                        fprintf(stderr,
                                "libelko-packetdrill: --so_flags: '%s%s%s' is not one of local=ADDRESS/PREFIX, "
                                "mtu=576..65535, persona=linux|freebsd|rfc, sysctls=DIR|no, verbose, or a sysctl with "
                                "a value\n",
                                word, value != NULL ? "=" : "", value != NULL ? value : "");
                        return false;
                }
        }
        return true;
}

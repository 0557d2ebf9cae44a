/* SPDX-License-Identifier: MIT */
/*
 * The text of packetdrill's --so_flags: name=value with commas between them. The program tells a plug-in neither
 * addresses nor MTU, so whoever starts it says them twice:
 *
 *   local=ADDRESS/PREFIX   one for each family; default: 192.168.0.1/16 and fd3d:a0b:17d6::1/48
 *   mtu=N                  576..65535; default: 1500 for IPv4 and 1520 for IPv6, as the suites are run
 *   persona=NAME           linux (the default), freebsd or rfc: include/elko/persona.h
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

        if (p != NULL)
                elko_persona_apply(p, &c->stack);
        return p != NULL;
}

static bool set_one(struct plug_config *c, const char *name, const char *value)
{
        if (strcmp(name, "local") == 0)
                return set_local(c, value);
        if (strcmp(name, "mtu") == 0)
                return set_mtu(c, value);
        if (strcmp(name, "persona") == 0)
                return set_persona(c, value);
        return false;
}

bool plug_read_flags(struct plug_config *c, const char *flags)
{
        char text[1024], *rest = text, *word;

        *c = (struct plug_config){.local4 = "192.168.0.1/16",
                                  .local6 = "fd3d:a0b:17d6::1/48",
                                  .mtu4 = 1500,
                                  .mtu6 = 1520};
        elko_config_default(&c->stack);
        set_persona(c, "linux");
        memset(c->stack.seed, 1, sizeof(c->stack.seed)); /* every run is the same */
        if (flags == NULL)
                return true;
        if (strlen(flags) >= sizeof(text)) {
                fprintf(stderr, "libelko-packetdrill: --so_flags: more than %zu characters\n",
                        sizeof(text) - 1);
                return false;
        }
        memcpy(text, flags, strlen(flags) + 1);
        while ((word = strsep(&rest, ",")) != NULL) {
                char *value = strchr(word, '=');

                if (word[0] == 0)
                        continue;
                if (value != NULL)
                        *value++ = 0;
                if (value == NULL || !set_one(c, word, value)) {
                        fprintf(stderr,
                                "libelko-packetdrill: --so_flags: '%s%s%s' is not one of local=ADDRESS/PREFIX, "
                                "mtu=576..65535, persona=linux|freebsd|rfc\n",
                                word, value != NULL ? "=" : "", value != NULL ? value : "");
                        return false;
                }
        }
        return true;
}

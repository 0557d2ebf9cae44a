/* SPDX-License-Identifier: MIT */
/*
 * The system's settings, taken over by the plug-in. Scripts set them by shell commands before their first system call;
 * the packetdrill program runs those natively, so they change the kernel of the network namespace that it runs in. They
 * are read from there when the script makes its first socket.
 *
 * All but two say what the script wants. The sizes of buffers differ from system to system (they follow its memory), so a
 * value that looks untouched, and was there before the script's first command, is not taken: the persona's stays.
 */
#include "drill/plugin.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALUE_MAX = 256 };

static const struct {
        const char *name;
        unsigned long least, first; /* as Linux starts */
} sizes[] = {{"rmem", 4096, 131072}, {"wmem", 4096, 16384}};

static char noted[2][VALUE_MAX];

/* The setting's text without its newline; false: the system has none of that name. */
static bool read_setting(const char *dir, const char *name, char value[VALUE_MAX])
{
        char path[512];
        ssize_t n;
        int fd;

        if (strncmp(name, "net.", 4) == 0) {
                snprintf(path, sizeof(path), "%s/%s", dir, name);
                for (char *c = path + strlen(dir); *c != '\0'; c++)
                        if (*c == '.')
                                *c = '/';
        } else {
                snprintf(path, sizeof(path), "%s/net/ipv4/tcp_%s", dir, name);
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        n = read(fd, value, VALUE_MAX - 1);
        close(fd);
        if (n < 0)
                return false;
        value[n] = '\0';
        value[strcspn(value, "\n")] = '\0';
        return true;
}

void plug_note_sysctls(const struct plug_config *c)
{
        for (size_t i = 0; i < 2; i++)
                if (c->sysctls == NULL || !read_setting(c->sysctls, sizes[i].name, noted[i]))
                        noted[i][0] = '\0';
}

static bool is_untouched(const char *name, const char *value)
{
        for (size_t i = 0; i < 2; i++) {
                char *end;

                if (strcmp(name, sizes[i].name) == 0)
                        return strcmp(value, noted[i]) == 0 &&
                               strtoul(value, &end, 10) == sizes[i].least &&
                               strtoul(end, NULL, 10) == sizes[i].first;
        }
        return false;
}

static void take(struct plug_config *c, const char *name, const char *value)
{
        struct drill_tunables t = {&c->stack, &c->sockets};
        struct elko_config before = c->stack;
        char why[DRILL_SYSCTL_WHY];
        bool taken = drill_sysctl_set(&t, name, value, why) == DRILL_SYSCTL_OK;

        if (taken && elko_stack_size(&c->stack, 1, 4096) == 0) { /* out of elko's range */
                c->stack = before;
                snprintf(why, sizeof(why), "elko's range is smaller");
                taken = false;
        }
        if (!taken) {
                if (c->verbose)
                        fprintf(stderr, "libelko-packetdrill: %s=%s is ignored: %s\n", name, value,
                                why);
        } else if (c->verbose) {
                fprintf(stderr, "libelko-packetdrill: %s=%s\n", name, value);
        }
}

void plug_take_sysctls(struct plug_config *c)
{
        char value[VALUE_MAX], full[64];
        const char *name;

        for (size_t i = 0; c->sysctls != NULL && (name = drill_sysctl_linux(i)) != NULL; i++) {
                if (!read_setting(c->sysctls, name, value) || is_untouched(name, value))
                        continue;
                snprintf(full, sizeof(full), "%s%s",
                         strncmp(name, "net.", 4) == 0 ? "" : "net.ipv4.tcp_", name);
                take(c, full, value);
        }
        if (c->sysctls != NULL && read_setting(c->sysctls, "congestion_control", value))
                take(c, "net.ipv4.tcp_congestion_control", value);
        for (unsigned i = 0; i < c->n_settings; i++) {
                char *eq = strchr(c->setting[i], '=');

                *eq = '\0';
                take(c, c->setting[i], eq + 1);
                *eq = '=';
        }
}

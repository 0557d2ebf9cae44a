/* SPDX-License-Identifier: MIT */
/*
 * elko info: look into a running elko.
 *
 * Theory: every network command answers on a Unix socket of its user (host/inspect.h); this command
 * asks one of them and copies the answer. It chooses by itself only when there is nothing to
 * choose.
 */
#include <errno.h>
#include <stdio.h>

#include "commands.h"
#include "host/inspect.h"
#include "options.h"
#include "util.h"

struct settings {
        uint64_t pid; /* EK_OPT_UNSET: the only one */
        bool json, list;
};

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "pid",
         .letter = 'p',
         .arg = "PID",
         .kind = EK_OPT_COUNT,
         .offset = OWN(pid),
         .min = 1,
         .max = 4194304,
         .help = "the process to look into; default: the only one that runs"},
        {.name = "list",
         .letter = 'l',
         .kind = EK_OPT_SET,
         .offset = OWN(list),
         .help = "print the process numbers of the running ones, nothing else"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "the answer as one JSON object"},
};

static const struct ek_command_spec spec = {
        .name = "info",
        .usage = "",
        .about =
                "Show the connections, listeners, memory and counters of an elko that runs now under the "
                "same user, in the manner of `ss -ti`.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .max_args = 0,
        .notes =
                "Exit codes: 0 shown, 1 usage (several run: choose one with --pid), 2 none runs or it does "
                "not answer.",
};

static int list(void)
{
        pid_t pids[ELKO_HOST_INSPECT_PIDS];
        size_t n = elko_host_inspect_list(pids, ELKO_HOST_INSPECT_PIDS);

        for (size_t i = 0; i < n && i < ELKO_HOST_INSPECT_PIDS; i++)
                printf("%ld\n", (long)pids[i]);
        return n > 0 ? EK_EXIT_OK : EK_EXIT_NETWORK;
}

/* Which ones there are, one to a line, with what they were started as. */
static void print_choice(void)
{
        pid_t pids[ELKO_HOST_INSPECT_PIDS];
        size_t n = elko_host_inspect_list(pids, ELKO_HOST_INSPECT_PIDS);

        for (size_t i = 0; i < n && i < ELKO_HOST_INSPECT_PIDS; i++) {
                char path[40];
                char line[160];
                size_t len = 0;
                FILE *file;

                snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pids[i]);
                file = fopen(path, "re");
                if (file != NULL) {
                        len = fread(line, 1, sizeof line - 1, file);
                        fclose(file);
                }
                for (size_t j = 0; j < len; j++)
                        if ((unsigned char)line[j] < 0x20)
                                line[j] = ' ';
                line[len] = '\0';
                fprintf(stderr, "  --pid %ld   %s\n", (long)pids[i], line);
        }
}

int ek_cmd_info(int argc, char **argv)
{
        struct ek_options options;
        struct settings set = {.pid = EK_OPT_UNSET};
        struct elko_drv_why why = {""};
        int error;

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        if (set.list)
                return list();
        error = elko_host_inspect_ask(set.pid != EK_OPT_UNSET ? (pid_t)set.pid : 0,
                                      set.json ? "json" : "text", stdout, &why);
        if (error == 0)
                return EK_EXIT_OK;
        ek_util_error("info: %s", why.text);
        if (error != -ENOTUNIQ)
                return EK_EXIT_NETWORK;
        print_choice();
        return EK_EXIT_USAGE;
}

/* SPDX-License-Identifier: MIT */
/*
 * elko bench: measurements. One file for each mode; this one only chooses.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "options.h"
#include "util.h"

struct mode {
        const char *name, *summary;
        int (*run)(int argc, char **argv);
};

static const struct mode modes[] = {
        {"memory", "bytes of an idle connection, a TIME-WAIT and a half-open entry",
         ek_bench_memory},
        {"bulk", "bulk transfer between two stacks in this process", ek_bench_bulk},
        {"flood", "SYNs from forged addresses while honest clients connect", ek_bench_flood},
        {"tb-server", "serve the benchmark client `tb` over a link", ek_bench_tb_server},
};

enum { MODE_COUNT = sizeof modes / sizeof modes[0] };

static void print_help(FILE *out)
{
        fprintf(out, "usage: elko bench MODE [options]\n\nModes:\n");
        for (size_t i = 0; i < MODE_COUNT; i++)
                fprintf(out, "  %-10s %s\n", modes[i].name, modes[i].summary);
        fprintf(out, "\n  elko bench MODE --help   the options of a mode\n");
}

int ek_cmd_bench(int argc, char **argv)
{
        const char *names[MODE_COUNT];
        const char *close;

        if (argc < 2) {
                print_help(stderr);
                return EK_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
                print_help(stdout);
                return EK_EXIT_OK;
        }
        for (size_t i = 0; i < MODE_COUNT; i++) {
                if (strcmp(argv[1], modes[i].name) == 0)
                        return modes[i].run(argc - 1, argv + 1);
                names[i] = modes[i].name;
        }
        close = ek_options_closest(argv[1], names, MODE_COUNT);
        ek_util_error("bench: there is no mode '%s'%s%s%s (`elko bench --help` lists them all)",
                      argv[1], close != NULL ? "; did you mean '" : "", close != NULL ? close : "",
                      close != NULL ? "'?" : "");
        return EK_EXIT_USAGE;
}

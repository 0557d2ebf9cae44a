/* SPDX-License-Identifier: MIT */
/*
 * The elko tool: one program, a table of subcommands.
 *
 * Theory: main() only chooses. Each command parses its own options, so `elko CMD --help` is the
 * command's own business, and a new one is a file and a line in commands.h.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <elko/elko.h>

#include "commands.h"
#include "options.h"
#include "util.h"

struct command {
        const char *name;
        const char *summary;
        int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define EK_X(name, summary) {#name, summary, ek_cmd_##name},
        EK_COMMAND_LIST(EK_X)
#undef EK_X
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
        fprintf(out, "elko %s: TCP/IP in user space\n\n", elko_version());
        fprintf(out, "usage: elko COMMAND [options] [arguments]\n\nCommands:\n");
        for (size_t i = 0; i < COMMAND_COUNT; i++)
                fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
        fprintf(out, "\n  elko COMMAND --help   the options and exit codes of a command\n"
                     "  elko --version        the version\n");
#ifndef ELKO_HAVE_HTTP_PARSER
        fprintf(out,
                "\nserve and get are left out of this build: libhttp-parser-dev was missing.\n");
#endif
}

static const struct command *find(const char *name)
{
        for (size_t i = 0; i < COMMAND_COUNT; i++)
                if (strcmp(commands[i].name, name) == 0)
                        return &commands[i];
        return NULL;
}

static int unknown(const char *name)
{
        const char *names[COMMAND_COUNT];
        const char *close;

        for (size_t i = 0; i < COMMAND_COUNT; i++)
                names[i] = commands[i].name;
        close = ek_options_closest(name, names, COMMAND_COUNT);
        if (close != NULL)
                ek_util_error(
                        "there is no command '%s'; did you mean '%s'? `elko --help` lists them all",
                        name, close);
        else
                ek_util_error("there is no command '%s'; `elko --help` lists them all", name);
        return EK_EXIT_USAGE;
}

/* `elko help CMD` is `elko CMD --help`. */
static int help_of(const char *name)
{
        const struct command *command = find(name);
        char word[32];
        char help[] = "--help";
        char *argv[] = {word, help, NULL};

        if (command == NULL)
                return unknown(name);
        snprintf(word, sizeof word, "%s", name);
        return command->run(2, argv);
}

/* What was printed must have arrived: a full disk is an error, not a success. */
static int finish(int code)
{
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        ek_util_error("standard output could not be written completely");
        return code != EK_EXIT_OK ? code : EK_EXIT_FILE;
}

int main(int argc, char **argv)
{
        const struct command *command;

        signal(SIGPIPE, SIG_IGN); /* a closed stdout is an error of write(), told as such */
        if (argc < 2) {
                print_help(stderr);
                return EK_EXIT_USAGE;
        }
        if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
                printf("elko %s\n", elko_version());
                return finish(EK_EXIT_OK);
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
            strcmp(argv[1], "help") == 0) {
                if (argc > 2 && argv[1][0] == 'h')
                        return finish(help_of(argv[2]));
                print_help(stdout);
                return finish(EK_EXIT_OK);
        }
        command = find(argv[1]);
        if (command == NULL)
                return unknown(argv[1]);
        return finish(command->run(argc - 1, argv + 1));
}

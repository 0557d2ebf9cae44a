/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_COMMANDS_H
#define EK_CLI_COMMANDS_H

/*
 * The subcommands. A command is int ek_cmd_NAME(int argc, char **argv) in cmd_NAME.c, with argv[0]
 * its name; it returns the exit code. To add one, add a line here.
 *      X(name, summary)
 */

#ifdef ELKO_HAVE_HTTP_PARSER
#define EK_HTTP_COMMANDS(X)                                                                        \
        X(serve, "serve a directory over HTTP")                                                    \
        X(get, "download a file over HTTP")
#else
#define EK_HTTP_COMMANDS(X)
#endif

#define EK_COMMAND_LIST(X)                                                                         \
        EK_HTTP_COMMANDS(X)                                                                        \
        X(connect, "open a connection and join it to stdin and stdout")                            \
        X(listen, "wait for a connection and join it to stdin and stdout")                         \
        X(ping, "send ICMP echo requests")                                                         \
        X(info, "show the live connections of a running elko")                                     \
        X(judge, "read captures, print what breaks the rules of TCP")                              \
        X(demo, "a connection between two stacks in this process, drawn from both ends")           \
        X(bench, "measure memory, bulk transfer, a SYN flood; serve a benchmark client")           \
        X(lab, "TCPs on bad paths, side by side: elko and this machine's kernel")                  \
        X(drill, "run packetdrill scripts in virtual time")                                        \
        X(sim, "run seeds of the deterministic simulator, and make failures small")

#define EK_X(name, summary) int ek_cmd_##name(int argc, char **argv);
EK_COMMAND_LIST(EK_X)
#undef EK_X

#endif

/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_BENCH_H
#define EK_CLI_BENCH_H

/* The modes of `elko bench`; argv[0] is the mode's name, the result is an exit code. */

int ek_bench_memory(int argc, char **argv);
int ek_bench_bulk(int argc, char **argv);
int ek_bench_flood(int argc, char **argv);
int ek_bench_tb_server(int argc, char **argv);

#endif

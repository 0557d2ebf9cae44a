/* SPDX-License-Identifier: MIT */
/*
 * write_seeds.c - the seeds as files, for fuzzers that start from a directory: `FUZZ_WRITE_SEEDS=DIR fuzz-NAME`.
 */
#include "fz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

bool fz_write_seeds(const char *dir)
{
        static uint8_t buf[FZ_SEED_MAX];
        char file[4096];
        size_t n;

        for (unsigned i = 0; (n = fz_seed(i, buf)) > 0; i++) {
                FILE *f;

                snprintf(file, sizeof(file), "%s/seed-%03u", dir, i);
                f = fopen(file, "wb");
                if (f == NULL || fwrite(buf, 1, n, f) != n || fclose(f) != 0) {
                        fprintf(stderr, "%s: %s\n", file, strerror(errno));
                        return false;
                }
        }
        return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        const char *dir = getenv("FUZZ_WRITE_SEEDS");

        (void)argc;
        (void)argv;
        if (dir != NULL)
                exit(fz_write_seeds(dir) ? 0 : 2);
        return 0;
}

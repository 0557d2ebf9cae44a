/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MINIMISE_H
#define ELKO_SIM_MINIMISE_H

/*
 * From a failed seed to the few harms that it takes.
 *
 * A script is the seed, for everything that is no harm, and the list of the decisions that may be carried
 * out. The list of all that were is the first script; delta debugging (Zeller, Hildebrandt 2002, ddmin)
 * takes away what is not needed, as long as the same rule breaks.
 */

#include <stdio.h>

#include "scenario.h"

struct sim_minimised {
        struct sim_decisions script; /* the caller frees it: sim_decisions_free() */
        uint32_t before;             /* decisions at first */
        uint32_t runs;
        struct sim_result result; /* of the last run, with the script */
};

/* The rule that a failure names: "I-30", "O1", ... into buf. */
void sim_rule_of(const char *failure, char *buf, size_t size);

/* False: the seed does not fail, or no memory. `opt` as for sim_scenario(); its script and record are not
 * used. */
bool sim_minimise(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                  struct sim_minimised *out);

/* The text form; one decision on a line. */
void sim_script_write(FILE *file, uint64_t seed, const struct sim_decisions *script,
                      const char *failure);

/* Returns NULL, or what is wrong with it. *line: in which line. */
const char *sim_script_read(FILE *file, uint64_t *seed, struct sim_decisions *script,
                            unsigned *line);

#endif

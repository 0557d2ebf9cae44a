/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_REPORT_H
#define EK_CLI_LAB_REPORT_H

/* Tables for people, one JSON object for programs (doc/LAB.md has its keys), and what fell short. */

#include "cli/lab_summary.h"

/* The table of one cell. */
void ek_lab_report_cell(FILE *out, const struct ek_lab_outcome *o);

/* Comparisons, and which of them are out of their bounds; returns how many are. */
unsigned ek_lab_report_floors(FILE *out, const struct ek_lab_outcome *o, size_t n);

/* One line. */
void ek_lab_report_json(FILE *out, const struct ek_lab_outcome *o, size_t n, bool in_virtual_time);

#endif

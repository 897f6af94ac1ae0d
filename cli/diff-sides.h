/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sides of a diff as the command line names them.
 */
#ifndef MEMPROF_CLI_DIFF_SIDES_H
#define MEMPROF_CLI_DIFF_SIDES_H

#include "cli/diff-options.h"
#include "src/host/files/operand.h"
#include "src/host/report/baseline.h"
#include "src/host/report/report-diff-text.h"

struct diff_sides {
    struct diff_side before, after; /* what they point at is below */
    struct operand operands[2];
    struct profile profiles[2]; /* the second is empty when both sides are moments of one file */
    struct baseline baseline;
};

/*
 * Read the files and find the moments: `count` operands, 1 or 2, or with a
 * baseline 1.  0, or -1 with `e` set; release in either case.
 */
int diff_sides_open(struct diff_sides *sides, const struct diff_choice *c, char **operands,
                    int count, struct error *e);
void diff_sides_release(struct diff_sides *sides);

/*
 * What the options mean for these sides.  0, or -1 with `e` set (ERROR_INPUT): the
 * order has no meaning at one of the moments, or the baseline does not hold it.
 */
int diff_sides_settle(const struct diff_sides *sides, const struct diff_choice *c,
                      struct view_options *options, struct error *e);

/* The domain that a program named and --domain asks for, which either side may have; or NULL. */
const char *diff_named_domain(const struct diff_choice *c);

#endif

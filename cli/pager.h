/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long text on a terminal goes through a pager, as git's does: the command in
 * $MEMPROF_PAGER or $PAGER, run by the shell, or less.  An empty one or "cat"
 * means none.  LESS=FRX and LV=-c are set where the user has not set them, so that
 * less keeps colours and ends by itself when all fits on the screen.
 */
#ifndef MEMPROF_CLI_PAGER_H
#define MEMPROF_CLI_PAGER_H

#include "src/host/error.h"
#include "src/host/text/strbuf.h"

#include <stdbool.h>

/*
 * Write the text to standard output, through a pager if that is a terminal and
 * `wanted`.  A pager that cannot be started is done without; one that ends before
 * it has read everything is no error.  0, or -1 with `e` set.
 */
int pager_write(const struct strbuf *text, bool wanted, struct error *e);

#endif

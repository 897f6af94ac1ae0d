/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FILE or FILE@SNAPSHOT on a command line.
 */
#ifndef MEMPROF_HOST_OPERAND_H
#define MEMPROF_HOST_OPERAND_H

#include "src/host/error.h"

struct operand {
    char *path;
    char *moment; /* what moment_find takes; NULL: none was named */
};

/*
 * Take the text apart.  A text that names an existing file is that file, even
 * with an @ in it; otherwise the last @ separates.  0, or -1 with `e` set: there
 * is nothing before or behind the @, or memory ran out.
 */
int operand_parse(struct operand *operand, const char *text, struct error *e);
void operand_release(struct operand *operand);

#endif

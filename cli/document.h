/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a command writes whole: there is the old one or the new one, never a part.
 */
#ifndef MEMPROF_CLI_DOCUMENT_H
#define MEMPROF_CLI_DOCUMENT_H

#include "src/host/error.h"

#include <stdio.h>

/* Write the document to `out`.  0, or -1 with `e` set. */
typedef int document_writer(FILE *out, void *context, struct error *e);

/*
 * What `write` writes becomes the file `path`, "-" standard output; a device or a pipe is
 * written to as it is.  0, or -1 with `e` set and the file as it was.
 */
int document_write(const char *path, document_writer *write, void *context, struct error *e);

#endif

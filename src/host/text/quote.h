/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command line that a POSIX shell reads back as the same arguments.
 */
#ifndef MEMPROF_HOST_QUOTE_H
#define MEMPROF_HOST_QUOTE_H

#include "src/host/text/strbuf.h"

/* `arguments`: `size` bytes of NUL-terminated strings, as in /proc/PID/cmdline. */
void quote_arguments(struct strbuf *out, const char *arguments, size_t size);

#endif

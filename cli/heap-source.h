/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profile that a question about live blocks is answered from: a file, or that of a
 * running program, which is searched first.
 */
#ifndef MEMPROF_CLI_HEAP_SOURCE_H
#define MEMPROF_CLI_HEAP_SOURCE_H

#include "src/host/recording/control.h"

#include <stdbool.h>

/* What is asked of a running program; see CONTROL_SEARCH. */
struct heap_question {
    uint64_t address; /* 0 none */
    uint32_t flags;   /* CONTROL_SEARCH_* */
    bool program;     /* a program is meant, whatever files there are: --pid */
};

/*
 * The file to read, in `path`: `what` itself where a file is meant by it, else the program of
 * that process id or name (NULL: the only one) is searched.  EXIT_FINE, or the exit status with
 * a line on stderr.
 */
int heap_source_find(const char *what, const struct heap_question *question,
                     char path[CONTROL_PATH_BYTES]);

/* Whether `what` means a file and no program. */
bool heap_source_is_file(const char *what);

#endif

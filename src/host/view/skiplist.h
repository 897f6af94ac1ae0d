/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which frames are allocators and their wrappers, so that a report can name
 * the line that asked for the memory and not the xmalloc it asked through.
 *
 * A pattern is a shell pattern (fnmatch, with no special treatment of slashes
 * or dots) with an optional prefix:
 *   PATTERN or function:PATTERN   the function's name: whole, or without return
 *                                 type, parameters and a clone's suffix
 *   file:PATTERN                  the source file: its path or its last part
 *   module:PATTERN                the executable or library: likewise
 *
 * After the last skiplist_add a list may be read by any number of threads.
 */
#ifndef MEMPROF_HOST_SKIPLIST_H
#define MEMPROF_HOST_SKIPLIST_H

#include "src/host/error.h"

#include <stdbool.h>
#include <stddef.h>

struct skip_patterns {
    char **globs;
    size_t count;
};

struct skiplist {
    bool builtin;                                   /* the built-in patterns are in force */
    struct skip_patterns functions, files, modules; /* those that were added */
};

void skiplist_init(struct skiplist *s, bool builtin);
void skiplist_release(struct skiplist *s);

/* 0, or -1 with `e` set: empty pattern, or out of memory. */
int skiplist_add(struct skiplist *s, const char *pattern, struct error *e);

/* Whether a frame with this name is skipped; "" never is. */
bool skiplist_has_function(const struct skiplist *s, const char *name);
bool skiplist_has_file(const struct skiplist *s, const char *path);
bool skiplist_has_module(const struct skiplist *s, const char *path);

/*
 * Call `take` with every pattern in force, prefix included, built-in ones first.
 * The text is valid during the call.
 */
void skiplist_each(const struct skiplist *s, void (*take)(void *context, const char *pattern),
                   void *context);

#endif

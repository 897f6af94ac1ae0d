/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sorts of wildcards in suppressions.  Both run in time proportional
 * to pattern and text, whatever they hold, and allocate nothing.
 */
#ifndef MEMPROF_HOST_SUPPRESS_PATTERN_H
#define MEMPROF_HOST_SUPPRESS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Valgrind's: the whole text, where `*` stands for anything and `?` for one byte. */
bool suppress_glob(const char *pattern, const char *text);

/* The same for the first `length` bytes of a text, among which is no NUL. */
bool suppress_glob_part(const char *pattern, const char *text, size_t length);

/* Whether the glob may match any part of the text: its first characters that are none of `*` and
 * `?` are in it. */
bool suppress_may_match(const char *pattern, const char *text);

/*
 * LeakSanitizer's: some part of the text, where `*` stands for anything, `^` at
 * the beginning for the text's beginning, and `$` for its end; what follows a
 * `$` means nothing.  An empty text matches nothing.  LeakSanitizer itself
 * looks only at the first place where the part before a `$` is found ("foo$"
 * misses "foofoo"); here any place counts.
 */
bool suppress_template(const char *pattern, const char *text);

/* How long a symbol's name is without its version (`@VERSION`); an `@` at the beginning is none. */
size_t suppress_unversioned(const char *name);

#endif

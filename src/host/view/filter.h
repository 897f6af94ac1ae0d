/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sites are looked at, by patterns as tracemalloc's filters take them.
 *
 * A pattern is
 *   PATTERN             the path of the source file (fnmatch(3); `*` also matches `/`)
 *   PATTERN:LINE        and its line
 *   :LINE               that line of any file
 *   function=PATTERN    module=PATTERN    domain=NAME    thread=PATTERN (name or number)
 * A pattern for a file or a module without a slash is matched against the last
 * part of the path, otherwise against the whole; one for a function against its
 * name with and without return type and parameters.  What is unknown is "".  A
 * pattern is about the one line that stands for the stack (linechoice.h), or with
 * `all_frames` about any line of any frame of it.
 *
 * A site passes if it matches any of the including patterns, or there are none,
 * and none of the excluding ones.
 */
#ifndef MEMPROF_HOST_FILTER_H
#define MEMPROF_HOST_FILTER_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/view/linechoice.h"

struct filter_rule;

struct filter {
    struct filter_rule *rules;
    size_t count;
    bool all_frames;
};

/* A filter that lets everything through. */
void filter_init(struct filter *f);
void filter_release(struct filter *f);

/* Add a pattern.  0, or -1 with `e` set (ERROR_INPUT: it makes no sense). */
int filter_add(struct filter *f, const char *pattern, bool include, struct error *e);

/* The pattern number `index` (from 0, below `count`) as it was given. */
const char *filter_pattern(const struct filter *f, size_t index, bool *include);

/* Whether a pattern is about a domain: the view is then not of the heap alone. */
bool filter_names_domain(const struct filter *f);

/*
 * Whether each site passes: p->site_count bytes from malloc, not 0 for yes.
 * `choices` are those of line_choices.  NULL with `e` set when memory runs out.
 */
uint8_t *filter_sites(const struct filter *f, const struct profile *p,
                      const struct line_choice *choices, struct error *e);

#endif

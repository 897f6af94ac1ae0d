/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is incomplete or a guess in what a profile says of leaks, a sentence each.
 */
#ifndef MEMPROF_HOST_LEAKNOTES_H
#define MEMPROF_HOST_LEAKNOTES_H

#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

/*
 * The sentences, `count` of them, the first `search` of which are about the search.  Each is
 * from malloc, as the array is.  NULL when memory runs out.
 */
char **leaknotes_make(const struct profile *p, uint32_t *count, uint32_t *search);

/* Why nothing was searched, without a full stop; NULL when a search told kinds apart. */
const char *leaknotes_unsearched(const struct profile *p);

/* "at exit", "at _exit", "when signal 11 (SIGSEGV) was about to end it", "when asked". */
void leaknotes_moment(struct strbuf *out, const struct profile *p);

#endif

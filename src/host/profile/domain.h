/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of domains: heap, mmap and ignored, and those that the program gave
 * its own (memprof_domain).
 */
#ifndef MEMPROF_HOST_DOMAIN_H
#define MEMPROF_HOST_DOMAIN_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

/* The domain's name, or "" where the profile does not say; not escaped. */
const char *domain_name(const struct profile *p, uint32_t domain);

/*
 * The domain of that name.  memprof's own names come before the program's.  0, or
 * -1 with `e` set (ERROR_INPUT), which says what there is.
 */
int domain_find(const struct profile *p, const char *name, uint32_t *domain, struct error *e);

#endif

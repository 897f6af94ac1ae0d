/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A made-up profile for tests and for the fuzzer's seeds: every table filled,
 * every field with a value of its own, small enough to damage at each byte.
 */
#ifndef MEMPROF_TESTS_SAMPLE_PROFILE_H
#define MEMPROF_TESTS_SAMPLE_PROFILE_H

#include "src/host/profile/profile.h"

/* `scale` stacks, at least 1.  false when memory runs out; release with profile_release. */
bool sample_profile_init(struct profile *p, uint32_t scale);

#endif

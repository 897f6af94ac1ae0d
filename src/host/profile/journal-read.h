/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a profile that was never finished: the groups of sections that its
 * checkpoints wrote (snapshot-format.h), up to the last that is whole.
 */
#ifndef MEMPROF_HOST_JOURNAL_READ_H
#define MEMPROF_HOST_JOURNAL_READ_H

#include "src/host/error.h"
#include "src/host/memory/buffer.h"
#include "src/host/profile/profile.h"

#include <stdbool.h>

/* Whether the sections that `file` is about to read are a journal's. */
bool journal_recognize(const struct view *file);

/*
 * Read the groups behind the file's header into `p`, fresh from profile_init.
 * It is `incomplete` and `unnamed`, and p->cut says how far it was read.
 * 0, or -1 with `e` set: no group is whole, or a whole one makes no sense.
 */
int journal_read(struct profile *p, struct view *file, const uint8_t *start, uint64_t size,
                 struct error *e);

#endif

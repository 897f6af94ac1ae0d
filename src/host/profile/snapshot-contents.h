/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contents of a run of sections, a whole finished file or a group of a
 * journal, taken into a profile as they come.
 */
#ifndef MEMPROF_HOST_SNAPSHOT_CONTENTS_H
#define MEMPROF_HOST_SNAPSHOT_CONTENTS_H

#include "src/host/profile/profile.h"
#include "src/host/profile/snapshot-section.h"

struct contents {
    struct profile *profile; /* receives the tables */
    uint64_t seen;           /* a bit for each type of section */
    char *strings;           /* the string table, from malloc; NULL none */
    size_t strings_bytes;
    struct profile_changes *changes; /* in the order of the file, from malloc */
    uint32_t change_count, change_room;
};

void contents_init(struct contents *c, struct profile *p);
void contents_release(struct contents *c);

/*
 * Take a section whose checksums are right.  Types unknown are passed over.
 * 0, or -1 with `e` set.
 */
int contents_take(struct contents *c, const struct snapshot_part *s, struct error *e);

static inline int contents_have(const struct contents *c, uint32_t type)
{
    return (c->seen >> type & 1) != 0;
}

#endif

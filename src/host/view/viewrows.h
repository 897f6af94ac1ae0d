/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of a view while they are gathered, found by what makes two sites one
 * row.  Only view.c, cumulative.c, courses.c and siterows.c use this.
 */
#ifndef MEMPROF_HOST_VIEWROWS_H
#define MEMPROF_HOST_VIEWROWS_H

#include "src/host/view/linechoice.h"
#include "src/host/view/view.h"

struct viewrow_key {
    uint64_t a, b, c;
};

struct viewrows {
    const struct profile *profile;
    struct view_row *rows;
    size_t count, room;
    struct viewrow_key *keys; /* of each row */
    uint64_t *heaviest;       /* weight of the row's heaviest part so far */
    uint32_t *table;          /* open addressing: row + 1, 0 empty */
    size_t mask;
};

/* Room for `room` rows; false when memory runs out.  Release in either case. */
bool viewrows_init(struct viewrows *r, const struct profile *p, size_t room);
void viewrows_release(struct viewrows *r);

/* The key of a line by the groupings that go by lines. */
struct viewrow_key viewrow_key_of_line(const struct profile *p, enum view_group group,
                                       struct line_choice choice);

/* The key of something known by its number: a thread, a stack, a class of sizes. */
struct viewrow_key viewrow_key_of_index(uint32_t index);

/* The class of sizes that all blocks of a site were of, or VIEW_MIXED_SIZES. */
uint32_t viewrow_size_class(const struct profile_stats *s);

/* The key of a site; `stats` are its numbers, `choice` the line of its stack. */
struct viewrow_key viewrow_key_of_site(const struct profile *p, enum view_group group,
                                       const struct profile_site *site,
                                       const struct profile_stats *stats,
                                       struct line_choice choice);

/* The index of the key's row, begun if there was none. */
size_t viewrows_row(struct viewrows *r, struct viewrow_key key);

/* Sum up stats; the smallest and largest of all. */
void viewrow_add_stats(struct profile_stats *sum, const struct profile_stats *more);

/*
 * A part of the row weighs `weight`: if none so far weighs more, its stack,
 * thread and place stand for the row from now on.
 */
void viewrows_represent(struct viewrows *r, size_t row, uint64_t weight,
                        const struct profile_site *site, struct line_choice place);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles made by hand, for tests of views and reports.  Every function fails
 * the running test when memory runs out.
 */
#ifndef MEMPROF_TESTS_PROFILE_MAKER_H
#define MEMPROF_TESTS_PROFILE_MAKER_H

#include "src/host/profile/profile.h"

/* An empty profile of /bin/app with the trie's roots; release with profile_release. */
void make_profile(struct profile *p);

uint32_t make_module(struct profile *p, const char *path, uint32_t flags);

/*
 * A frame with one line; make_inlined_into adds the function that the last
 * line of the newest frame is inlined into.
 */
uint32_t make_frame(struct profile *p, uint32_t module, const char *function, const char *file,
                    uint32_t line, uint64_t offset);
void make_inlined_into(struct profile *p, const char *function, const char *file, uint32_t line);

uint32_t make_node(struct profile *p, uint32_t parent, uint32_t frame);
uint32_t make_thread(struct profile *p, int64_t tid, const char *name);

/* A site with `blocks` blocks of `size` bytes: live, at the peak and in total, none temporary. */
struct profile_site *make_site(struct profile *p, uint32_t node, uint32_t thread, uint64_t blocks,
                               uint64_t size);

/* A row of the last search for leaks, which is there from the first of them on; add to it. */
struct profile_leak *make_leak(struct profile *p, uint32_t site, uint32_t kind, uint64_t blocks,
                               uint64_t size);

/* A range searched from; its index. */
uint32_t make_root(struct profile *p, uint32_t kind, const char *name);

/* A row of a moment's changes: what became live at the site, all of blocks of one size. */
struct profile_change make_change(uint32_t site, int64_t blocks, uint64_t size);

/* A snapshot, the newest, by the changes since the one before; its totals are their sums. */
void make_snapshot(struct profile *p, double seconds, const char *label,
                   const struct profile_change *changes, uint32_t count);

#endif

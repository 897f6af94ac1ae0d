/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile put together from the rows of others.  Rows are appended one by
 * one; nodes are told apart by parent and frame, so that a stack added twice is
 * there once.  Memory that runs out is remembered in `failed`, which callers
 * look at once, at the end; until then every function returns a valid index.
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_ASSEMBLY_H
#define MEMPROF_HOST_ASSEMBLY_H

#include "src/host/memory/intern.h"
#include "src/host/profile/profile.h"

struct assembly {
    struct profile *profile;
    /*
     * The first node below each node, 0 where there is none yet: most have no
     * other, and this is found without a search.
     */
    uint32_t *first_below;
    uint32_t first_room;
    struct intern further;   /* the nodes that are not first below theirs: by parent and frame */
    uint32_t *further_nodes; /* by number in `further`: the node */
    uint32_t further_room;
    uint32_t module_room, line_room, frame_room, node_room, site_room, thread_room, domain_room;
    uint32_t leak_room, root_room;
    bool failed;
};

/* `p` is fresh from profile_init; it gets the empty string and the roots of the stacks. */
void assembly_init(struct assembly *a, struct profile *p);

/* Gives up the means of building; the profile stays. */
void assembly_release(struct assembly *a);

string_id assembly_text(struct assembly *a, const char *text);

/* Append a row as it is: its strings and indices are already those of the new profile. */
uint32_t assembly_module(struct assembly *a, const struct profile_module *row);
uint32_t assembly_line(struct assembly *a, const struct profile_line *row);
uint32_t assembly_frame(struct assembly *a, const struct profile_frame *row);
uint32_t assembly_thread(struct assembly *a, const struct profile_thread *row);
uint32_t assembly_site(struct assembly *a, const struct profile_site *row);
uint32_t assembly_domain(struct assembly *a, const struct profile_domain *row);
uint32_t assembly_leak(struct assembly *a, const struct profile_leak *row);
uint32_t assembly_root(struct assembly *a, const struct profile_root *row);

/* The node with this parent and frame, appended if there is none. */
uint32_t assembly_node(struct assembly *a, uint32_t parent, uint32_t frame);

#endif

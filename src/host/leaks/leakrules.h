/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which suppression (suppress.h) matches a stack of a profile, for many stacks: what a frame's
 * lines mean to the rules is found out once, and a stack's lines are gone through only where
 * some frame of it is one that a rule asks for.
 */
#ifndef MEMPROF_HOST_LEAKRULES_H
#define MEMPROF_HOST_LEAKRULES_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/suppress/suppress.h"
#include "src/host/view/stacklines.h"

struct leakrules {
    const struct profile *profile;
    struct suppressions *rules;
    size_t words;       /* of a set of rules */
    uint64_t *by_frame; /* a set for each frame of the profile that was met, */
    uint8_t *met;
    uint64_t *by_kind; /* for each kind */
    uint64_t *any;     /* that ask for no line */
    uint64_t *set;     /* of the stack that is looked at */
    struct stacklines stack;
    struct suppress_frame *frames;
    size_t frame_room;
};

/* Profile and rules outlive it and stay as they are.  0, or -1 with `e` set: out of memory. */
int leakrules_init(struct leakrules *r, const struct profile *p, struct suppressions *rules,
                   struct error *e);
void leakrules_release(struct leakrules *r);

/*
 * The first rule for leaks of this kind that the stack of `node` matches, in `*rule`; NULL if
 * there is none.  0, or -1 with `e` set: out of memory.
 */
int leakrules_find(struct leakrules *r, uint32_t node, enum leak_kind kind,
                   struct suppress_rule **rule, struct error *e);

/*
 * The profile's leaks that no rule of `text` matches, in `*rest`, which is to be freed; `source`
 * is where the rules are from.  A mistake in them is passed over, with what is behind it.  0, or
 * -1 with `e` set: out of memory.
 */
int leakrules_apply(const struct profile *p, const char *text, const char *source,
                    struct profile_leak **rest, uint32_t *count, struct error *e);

#endif

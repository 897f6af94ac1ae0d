/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of one build as those of another: a folder in front of a path replaced
 * by another one, or taken away.  Whole components only: /src/app is in front of
 * /src/app/x.c and not of /src/apple/x.c.  Of several rules that fit, the one
 * with the longest folder is applied, once.
 */
#ifndef MEMPROF_HOST_PATHMAP_H
#define MEMPROF_HOST_PATHMAP_H

#include "src/host/error.h"
#include "src/host/text/strbuf.h"

struct pathmap_rule;

struct pathmap {
    struct pathmap_rule *rules;
    size_t count;
};

void pathmap_init(struct pathmap *m);
void pathmap_release(struct pathmap *m);

/* Take `folder` and the slash behind it away.  0, or -1 with `e` set (empty, or out of memory). */
int pathmap_add_strip(struct pathmap *m, const char *folder, struct error *e);

/* OLD=NEW: put NEW in OLD's place.  0, or -1 with `e` set (no `=`, or nothing before it). */
int pathmap_add_rule(struct pathmap *m, const char *rule, struct error *e);

/* Replace the contents of `out` by the path as the rules have it. */
void pathmap_apply(const struct pathmap *m, const char *path, struct strbuf *out);

#endif

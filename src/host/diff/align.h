/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of one function in two versions of it: which became which.  The
 * rules are those of match.h for places that are not of one build.
 */
#ifndef MEMPROF_HOST_ALIGN_H
#define MEMPROF_HOST_ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALIGN_NONE SIZE_MAX

struct align_text {
    const char *start; /* not NUL-terminated */
    size_t length;     /* 0: not known */
};

struct align_item {
    int64_t position; /* line, or offset where no line is known */
    uint32_t place;   /* the caller's number for it */
    uint32_t line;    /* 0 unknown */
    uint32_t name;    /* of several at one position, those of equal names pair */
    size_t pair;      /* result: index of its partner, or ALIGN_NONE */
    unsigned tier;    /* result for the old ones: enum match_tier */
};

struct align {
    struct align_item *olds, *news; /* by position, ascending */
    size_t old_count, new_count;    /* at least 1 */
    bool same_file;                 /* so that equal line numbers mean something */
    /* The text of line `number` of the file that the place is in, on that side. */
    struct align_text (*text)(void *context, bool is_new, uint32_t place, uint32_t number);
    void *context;
};

/* Fill in the results.  0, or -1 when memory ran out. */
int align_run(struct align *a);

#endif

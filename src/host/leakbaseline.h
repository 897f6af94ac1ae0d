/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known leaks: a file that is kept with the sources and says which leaks are no
 * news.
 *
 *     {"memprof_known_leaks": 1,
 *      "leaks": [{"fingerprint": "…", "kind": "definite", "records": 1,
 *                 "bytes": 64, "blocks": 2, "place": "parse() (src/parse.c:12)"}]}
 *
 * Leaks are recognised by their fingerprint (leakreport.h), of which a file may
 * hold several: `records` is how many were known, so that one more leak through
 * the same functions is new.  Bytes, blocks and place are for people.
 */
#ifndef MEMPROF_HOST_LEAKBASELINE_H
#define MEMPROF_HOST_LEAKBASELINE_H

#include "src/host/leakreport.h"

#include <stdio.h>

#define LEAKBASELINE_VERSION 1
#define LEAKBASELINE_BYTES_MAX (64u << 20)

struct leakbaseline_entry {
    char fingerprint[LEAK_FINGERPRINT];
    uint32_t records;
    uint32_t seen; /* of them, by leakbaseline_apply */
};

struct leakbaseline {
    struct leakbaseline_entry *entries; /* by fingerprint */
    uint32_t count;
};

void leakbaseline_init(struct leakbaseline *b);
void leakbaseline_release(struct leakbaseline *b);

/* 0, or -1 with `e` (ERROR_FORMAT when it is no such file) and `b` empty. */
int leakbaseline_read(struct leakbaseline *b, const char *path, struct error *e);

/*
 * Set `known` of each record of a finished report.  Of several records with one
 * fingerprint the largest are the known ones.  Returns how many entries of the
 * file no record has: they can be taken out.
 */
uint32_t leakbaseline_apply(struct leakbaseline *b, struct leak_report *r);

/* Write the report's records of some kinds, known or not, as a baseline.  0 or -1. */
int leakbaseline_write(FILE *out, const struct leak_report *r, uint32_t kinds, struct error *e);

#endif

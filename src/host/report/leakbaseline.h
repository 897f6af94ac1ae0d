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

#include "src/host/leaks/leakreport.h"

#include <jansson.h>
#include <stdio.h>

#define LEAKBASELINE_VERSION 1
#define LEAKBASELINE_BYTES_MAX (64u << 20)

struct leakbaseline_entry {
    char fingerprint[LEAK_FINGERPRINT];
    uint32_t records;
    uint32_t seen; /* of them, by the last leakbaseline_apply */
    bool shown;    /* a report had one */
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
 * Set `known` of each record of a finished report, which is that of one process.  Of several
 * records with one fingerprint the largest are the known ones.  Returns how many entries of
 * the file no record of this report or one before has: they can be taken out.
 */
uint32_t leakbaseline_apply(struct leakbaseline *b, struct leak_report *r);

/*
 * A baseline in the making, from the reports of a run's processes.  Each process is held
 * against the file by itself, so that of a leak which several have the number of records is
 * that of the process with most of them.
 */
struct leakbaseline_draft {
    struct leakbaseline_drafted {
        char fingerprint[LEAK_FINGERPRINT];
        uint32_t records;
        json_t *object; /* as it is written */
    } * entries;        /* by fingerprint */
    uint32_t count;
};

void leakbaseline_draft_init(struct leakbaseline_draft *d);
void leakbaseline_draft_release(struct leakbaseline_draft *d);

/* Take in a report's records of some kinds, known or not.  0, or -1 and `d` is as it was. */
int leakbaseline_draft_add(struct leakbaseline_draft *d, const struct leak_report *r,
                           uint32_t kinds, struct error *e);

/* How many records are known by it. */
uint64_t leakbaseline_draft_records(const struct leakbaseline_draft *d);

/* 0, or -1 with `e` set. */
int leakbaseline_write(FILE *out, const struct leakbaseline_draft *d, struct error *e);

#endif

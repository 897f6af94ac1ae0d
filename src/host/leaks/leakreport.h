/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished leak report: what was found, however it was found.  It is filled
 * by the search or from a profile, and written by report-leak-*.c.
 *
 * All strings belong to whoever fills the report in and outlive it; "" means
 * unknown, no pointer is NULL.  The array of records belongs to the report.
 */
#ifndef MEMPROF_HOST_LEAKREPORT_H
#define MEMPROF_HOST_LEAKREPORT_H

#include "src/host/error.h"
#include "src/host/graph/leakkind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEAK_FINGERPRINT 33 /* 32 hexadecimal digits and a NUL */
#define LEAK_ID 20          /* "3fa91c02" or "3fa91c02-12" */

/* One line of a stack, innermost first; an inlined function is a line of its own. */
struct leak_line {
    const char *function; /* readable */
    const char *file;     /* source file */
    const char *module;   /* path */
    uint32_t line;        /* 0 unknown */
    uint64_t address;     /* 0 unknown */
    bool inlined;         /* into the next line's function */
    uint64_t offset;      /* of a line without a function: from its module's start; else 0 */
};

struct leak_amount {
    uint64_t bytes, blocks;
};

/*
 * How long blocks have lived, as a collector with generations has it: young ones were
 * allocated since the last moment (profile.h), old ones have outlived LEAK_OLD or more.
 */
enum leak_age { LEAK_AGE_YOUNG = 0, LEAK_AGE_MIDDLE, LEAK_AGE_OLD, LEAK_AGES };
#define LEAK_OLD 3u

/* Blocks of one kind, allocated through one stack (and held by one weak region). */
struct leak_record {
    enum leak_kind kind;
    uint64_t bytes, blocks;
    uint64_t indirect_bytes, indirect_blocks; /* lost with them */
    uint64_t smallest, largest;               /* block sizes */
    uint64_t example;                         /* address of one block */
    double first_seconds, last_seconds;       /* when the first and the last were allocated */
    const char *thread;                       /* name of the one that allocated most bytes */
    uint32_t threads;                         /* how many allocated them; 0 unknown */
    const char *held_by;                      /* of LEAK_WEAK: the weak region */
    uint32_t cycle_blocks;                    /* the largest cycle they stand for; 0 none */
    const struct leak_line *const *stack;     /* innermost line first */
    uint32_t stack_count;
    uint32_t place;  /* the line of the stack to look at: past allocators' wrappers */
    uint32_t node;   /* the stack in the profile the report is of; 0 none */
    uint32_t origin; /* whoever fills the report in knows it by this; it stays with the record */
    uint64_t retained_bytes; /* what is held by them, themselves included; 0 unknown */
    struct leak_amount ages[LEAK_AGES];
    bool known; /* in the baseline (leakbaseline.h) */

    /* by leak_report_finish */
    char fingerprint[LEAK_FINGERPRINT];
    uint32_t ordinal; /* among records with this fingerprint, from 1 */
    char id[LEAK_ID]; /* for people to name it by; see leak_report_find */
};

struct leak_heap {
    uint64_t total_allocs, total_frees, total_bytes, peak_bytes, end_bytes, end_blocks;
};

struct leak_report {
    const char *command; /* shell-quoted */
    const char *program; /* base name */
    const char *version; /* memprof's */
    int64_t pid;
    int64_t started_unix;
    double seconds;
    double held_seconds; /* how long the search held the program still; negative: unknown */
    struct leak_heap heap;
    struct leak_amount kinds[LEAK_KINDS]; /* without what was suppressed; not only the records' */
    struct leak_amount suppressed;
    uint64_t suppressed_records;
    const char *const *notes; /* what was not complete, a sentence each */
    uint32_t note_count;

    /*
     * What the stacks consist of, each line once, so that what is made of a line can be kept
     * by its number here.  NULL: the lines lie elsewhere.
     */
    const struct leak_line *lines;
    uint32_t line_count;

    struct leak_record *records;
    uint32_t record_count, record_room;
};

/* The number of a line of a stack in `lines`; line_count where it lies elsewhere. */
static inline uint32_t leak_line_number(const struct leak_report *r, const struct leak_line *line)
{
    uintptr_t offset = (uintptr_t)line - (uintptr_t)r->lines;

    return offset < r->line_count * sizeof *line ? (uint32_t)(offset / sizeof *line)
                                                 : r->line_count;
}

void leak_report_init(struct leak_report *r);
void leak_report_release(struct leak_report *r);

/* Copy a record in.  0, or -1 with `e` set (out of memory). */
int leak_report_add(struct leak_report *r, const struct leak_record *record, struct error *e);

/*
 * Sort the records, most bytes (own and indirect) first, and give each its
 * fingerprint and ordinal.  To be called before anything is written.
 */
void leak_report_finish(struct leak_report *r);

/* Sort them again, after their numbers were changed; fingerprints and ids stay. */
void leak_report_sort(struct leak_report *r);

/*
 * A report with those records of `from` whose kind is in `kinds`; all else is the same, and
 * what it points at is from's.  0, or -1 with `e` set and `to` empty.
 */
int leak_report_select(struct leak_report *to, const struct leak_report *from, uint32_t kinds,
                       struct error *e);

/*
 * The record that an id names, NULL when none does.  An id is the first 8 digits of the
 * fingerprint; of several records with these the first has the digits alone or -1 behind
 * them, the others -2 and so on, in the report's order.
 */
const struct leak_record *leak_report_find(const struct leak_report *r, const char *id);

/* Whether a text has the form of an id: no address is meant by it unless it begins with 0x. */
bool leak_id_is(const char *text);

/*
 * The fingerprint of a leak: what stays the same while source lines move, files
 * and build directories are renamed, libraries get other versions and inlining
 * changes the addresses.  It is made of the kind and, from the innermost line to
 * main, of each function's qualified name (without parameters, return type and
 * compilers' suffixes) and its module's name (without folders and what follows
 * ".so").  A line without a function counts by its module; neighbours that come
 * to the same count once, so that depth of recursion does not matter.  FNV-1a,
 * 128 bits.
 */
void leak_fingerprint(const struct leak_record *record, char text[LEAK_FINGERPRINT]);

/* Records whose kind is in `kinds` and that no baseline knows. */
uint32_t leak_report_count(const struct leak_report *r, uint32_t kinds);

#endif

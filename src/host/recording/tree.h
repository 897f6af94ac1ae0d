/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process images of a run, as a tree: who executed or forked whom, how each ended and
 * its main numbers.  With more than one process they lie in one folder, each in a profile of
 * its own, beside TREE_FILE, which has this table: a line of JSON when an image begins and
 * another when it ends (memprof-tree(1)), so that it is right when memprof is killed.
 *
 * Not thread-safe.
 */
#ifndef MEMPROF_HOST_TREE_H
#define MEMPROF_HOST_TREE_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"

#include <stdbool.h>
#include <stdint.h>

#define TREE_FILE "processes.jsonl"
#define TREE_END_UNSEEN                                                                            \
    "its end was not seen: it ended, or executed another program, by a system call of its own"
#define TREE_NONE UINT32_MAX
#define TREE_ROWS_MAX (1u << 17) /* what comes beyond is counted */

struct tree_row {
    uint32_t image; /* its number, from 1: the row's index + 1 */
    uint32_t from;  /* the image that executed or forked it; 0: it was launched */
    int64_t pid;    /* 0: not known */
    bool forked;    /* it went on from a copy of that one's memory */
    bool ended;     /* the rest is known */
    bool withdrawn; /* it was to be executed, and was not: the row is not shown */
    char *program;  /* base name */
    char *file;     /* the profile, in the folder or absolute; NULL: none */
    char *reason;   /* why it was not recorded, or what is wrong with its numbers; NULL: nothing */
    bool recorded;
    enum exit_kind exit_kind;
    int32_t exit_value;
    double seconds;
    uint64_t unfollowed;     /* what it started and memprof could not be reached from */
    uint64_t forks;          /* by libc's fork */
    uint64_t quiet_children; /* of these, that called nothing of an allocator and have no row */
    /* Of the heap.  A forked child's `total` is without what it inherited. */
    uint64_t live_bytes, live_blocks, peak_bytes, peak_blocks, total_bytes, total_blocks;
    uint64_t inherited_bytes, inherited_blocks;
    bool searched;                    /* for leaks */
    uint64_t lost_bytes, lost_blocks; /* definitely and indirectly, without suppressed ones */
};

struct tree {
    struct tree_row *rows;
    uint32_t count, room;
    uint64_t left_out;    /* images that have no row */
    int file;             /* descriptor of TREE_FILE; -1: none is written */
    uint32_t written;     /* rows that have a line */
    struct error trouble; /* the first thing that kept it from being written */
};

void tree_init(struct tree *t);
void tree_release(struct tree *t);

/*
 * A new image; its index.  `program` is copied.  TREE_NONE: out of memory, or there are
 * TREE_ROWS_MAX; counted in left_out.
 */
uint32_t tree_add(struct tree *t, uint32_t from, int64_t pid, bool forked, const char *program);

/* Set a string of a row; NULL clears it.  false: out of memory. */
bool tree_set(char **to, const char *text);

/* Append to such a string, behind "; " where there is one.  false: out of memory. */
bool tree_append(char **to, const char *text);

/*
 * Take the reason from what is known at an image's end: what it started and is not recorded,
 * though all was to be followed (enum follow).
 */
void tree_note_unfollowed(char **reason, uint32_t follow, const struct profile *p);

/* Take the numbers of a finished image, and how it ended. */
void tree_take(struct tree_row *row, const struct profile *p);

/*
 * Begin the file in `folder`, with the rows there are.  0, or -1 with `e` set.  From then on
 * tree_write adds the line of a row, in the state it is in, after those of rows before it
 * that have none.
 */
int tree_open(struct tree *t, const char *folder, struct error *e);
void tree_write(struct tree *t, uint32_t index);

/* Remove that file; no more is written. */
void tree_unlink(struct tree *t, const char *folder);

/*
 * Read the file of a folder, whose last line may be cut.  0, or -1 with `e` set and `t` empty:
 * ERROR_FORMAT also where another line is no row, or rows are missing.
 */
int tree_read(struct tree *t, const char *folder, struct error *e);

/* A row as JSON, the keys of TREE_FILE (jansson's json_t); NULL: out of memory. */
struct json_t *tree_row_json(const struct tree_row *row);

/* Forked children that have no row, of all images. */
uint64_t tree_quiet(const struct tree *t);

/* Rows that are shown, processes, and images that lost memory. */
uint32_t tree_images(const struct tree *t);
uint32_t tree_processes(const struct tree *t);
uint32_t tree_leaking(const struct tree *t);

/*
 * The order to show rows in, and how many are: `order` has t->count places and gets the indices,
 * each image after the one it comes from; `depth`, by index, how far in.  An image that replaced
 * another one in its process stands as far in as that.
 */
uint32_t tree_order(const struct tree *t, uint32_t *order, uint32_t *depth);

#endif

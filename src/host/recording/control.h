/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other processes of the same user may ask of a running memprof, over the
 * socket where recorded processes say hello (server.h): one datagram with a
 * request, one with the answer.  Both have a fixed size, so that a length says
 * all there is to check, and strings that end with a NUL within their array.
 */
#ifndef MEMPROF_HOST_CONTROL_H
#define MEMPROF_HOST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_MAGIC 0x4d504354u /* "MPCT" */
#define CONTROL_VERSION 3u
#define CONTROL_LABEL_BYTES 256u
#define CONTROL_PATH_BYTES 4096u
#define CONTROL_TEXT_BYTES 480u

enum control_kind {
    CONTROL_LIST = 1, /* what is being profiled, and its numbers now */
    CONTROL_SNAPSHOT, /* take a snapshot; answered when it is written */
    CONTROL_BLOCK,    /* find the block that holds `address`; answered when its stack is written */
    CONTROL_POOLS,    /* look at the heap (heaplook.h); answered when that is written */
    CONTROL_SEARCH,   /* search for leaks (leaksearch.h); answered when that is written */
    CONTROL_DETACH,   /* detach from an attached program; answered when all is written */
    CONTROL_KINDS
};

/* What a CONTROL_SEARCH is to find out besides what is lost; see struct leaksearch_question. */
#define CONTROL_SEARCH_DUPLICATES 0x1u
#define CONTROL_SEARCH_CONTENTS 0x2u
#define CONTROL_SEARCH_RETAINED 0x4u
#define CONTROL_SEARCH_WHOLE_GRAPH 0x8u

struct control_request {
    uint32_t magic, version;
    uint32_t kind;    /* enum control_kind */
    uint32_t flags;   /* CONTROL_SEARCH_* */
    int64_t pid;      /* of the recorded program; CONTROL_LIST: the next above */
    uint64_t address; /* CONTROL_BLOCK; CONTROL_SEARCH: the block asked about, 0 none */
    char label[CONTROL_LABEL_BYTES];
};

enum control_status {
    CONTROL_OK = 0,
    CONTROL_NOTHING,      /* no program (or not that one) is being profiled here, not any more */
    CONTROL_NO_BLOCK,     /* no live block holds the address */
    CONTROL_FAILED,       /* `text` says why */
    CONTROL_NOT_ATTACHED, /* CONTROL_DETACH: memprof started the program and records it to its end
                           */
    CONTROL_VERSION_DIFFERS, /* the two are of different versions of memprof */
};

struct control_answer {
    uint32_t magic, version;
    uint32_t status; /* enum control_status */
    uint32_t number; /* of the snapshot, of the search; for CONTROL_LIST, snapshots so far */
    int64_t pid;     /* of the program */
    int64_t memprof; /* of memprof */
    double seconds;  /* since the program's image began */
    uint64_t live_bytes, live_blocks, peak_bytes, peak_blocks, total_bytes, total_blocks;
    uint64_t rss_bytes;
    uint64_t lost_bytes,
        lost_blocks; /* definitely and indirectly; SEARCH_NO_ANSWER: not searched */
    uint64_t block_start, block_size;
    uint32_t block_site; /* index into the profile's sites */
    uint32_t reserved;
    double first_seconds, last_seconds; /* first and last allocation of the block's site */
    char program[CONTROL_LABEL_BYTES];
    char file[CONTROL_PATH_BYTES]; /* absolute; "": the profile goes to no file */
    char text[CONTROL_TEXT_BYTES];
};

/* A request with magic and version set. */
struct control_request control_request_make(uint32_t kind);

/* Whether `size` bytes that were received are a request that can be served. */
bool control_request_valid(const void *bytes, size_t size);

/* Whether they begin as one does, whatever its version. */
bool control_request_meant(const void *bytes, size_t size);

/* The same for an answer; of another version of memprof it is not valid. */
bool control_answer_valid(const void *bytes, size_t size);

/* An empty answer of that status. */
void control_answer_init(struct control_answer *a, uint32_t status);

/* Copy a string into an array of an answer or request, cut if need be. */
void control_copy(char *to, size_t size, const char *from);

#endif

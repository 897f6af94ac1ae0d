/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A finished profile: everything a report, an export or a diff needs, as
 * plain arrays that refer to each other by index.  It is built from the
 * collector's model at the end of a run (profile-build.h) or read from a
 * .mprof file (snapshot.h), and looks the same either way: no pointers into
 * the target, no open files, no libdw handles.
 *
 * Ownership: every array and the string table belong to the profile and are
 * released by profile_release.  A profile is not changed while it is read, so
 * any number of threads may read one.
 *
 * Units: bytes, blocks (allocations), seconds since the process image began.
 */
#ifndef MEMPROF_HOST_PROFILE_H
#define MEMPROF_HOST_PROFILE_H

#include "src/host/memory/strings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A string is its index in the string table; 0 is "" and also means unknown. */
typedef uint32_t string_id;

enum domain {
    DOMAIN_HEAP = 0,    /* malloc and friends */
    DOMAIN_MMAP = 1,    /* mmap, mremap, brk by the program itself */
    DOMAIN_IGNORED = 2, /* heap blocks that the program said to leave out (memprof_ignore) */
    DOMAIN_BUILTIN      /* first of the domains a program may name itself */
};
#define DOMAINS_MAX 64u

enum exit_kind {
    EXIT_UNKNOWN = 0, /* the process was not seen to end */
    EXIT_STATUS,      /* exit_value is its exit status */
    EXIT_SIGNAL,      /* exit_value is the signal that ended it */
    EXIT_EXECUTED,    /* it replaced itself by another program (exec) */
    EXIT_DETACHED,    /* memprof detached from it, and it ran on */
};

struct profile_process {
    string_id program;    /* base name */
    string_id executable; /* full path */
    string_id command;    /* the arguments, shell-quoted, separated by spaces */
    string_id host;
    string_id memprof_version;
    string_id allocator; /* "pool", "pool-debug", or the file that its malloc is from; "" unknown */
    uint32_t merged; /* 0, or of how many profiles this is the sum (merge.h): no moment's peak */
    int64_t pid;
    int64_t started_unix; /* seconds since the epoch */
    double seconds;       /* how long the image ran */
    uint32_t exit_kind;
    int32_t exit_value;
    double attached_seconds; /* how old it was when memprof attached to it; 0: it started it */
    uint32_t own_malloc;     /* 1: what the executable calls of its own malloc is not recorded */
    uint32_t reserved;
};

struct profile_totals {
    uint64_t live_bytes, live_blocks; /* at the end */
    uint64_t peak_bytes, peak_blocks; /* at the moment of most live bytes */
    double peak_seconds;
    uint64_t total_bytes, total_blocks; /* ever allocated */
    uint64_t freed_bytes, freed_blocks;
    uint64_t temporary_bytes, temporary_blocks;
    uint64_t failed_blocks; /* allocations that returned NULL */
    uint64_t mmap_live_bytes, mmap_peak_bytes, mmap_total_bytes;
    uint64_t rss_peak_bytes; /* largest seen; 0 unknown */
    /* What memprof itself took; 0 unknown. */
    uint64_t own_target_bytes; /* in the process and shared with it, when last seen */
    uint64_t own_host_bytes;   /* in memprof, of all processes recorded together: largest seen */
};

/* What was lost, guessed or cut; anything nonzero is said by every report. */
struct profile_loss {
    uint64_t dropped;          /* events not recorded by --lossy or after the host fell behind */
    uint64_t bootstrap_blocks; /* allocated before recording could start */
    uint64_t bootstrap_bytes;
    uint64_t nested_blocks;    /* allocated or freed by a signal handler inside it */
    uint64_t unknown_frees;    /* frees of blocks never seen allocated (not a loss by itself) */
    uint64_t earlier_frees;    /* frees and reallocs of blocks from before memprof attached */
    uint64_t imports_missed;   /* places that could not be redirected: calls from there */
    uint64_t replaced_blocks;  /* an address handed out twice with no free between */
    uint64_t stacks_truncated; /* allocations whose stack could not be walked to its end */
    uint64_t stacks_lost;      /* allocations with no stack at all */
    uint64_t modules_lost;
    uint64_t damaged_records; /* unintelligible records found in the segment */
    uint64_t forked_children; /* and programs executed: not recorded, as far as it is known */
    uint64_t verified, verify_mismatch, verify_skipped; /* --verify-stacks */
    uint64_t slow_steps;
    uint64_t
        faults_dropped; /* found by --allocator=pool-debug and not kept, as there were too many */
};

struct profile_module {
    string_id path;
    uint64_t start, end; /* run-time range, end exclusive */
    uint64_t bias;
    uint32_t generation;
    uint32_t build_id_size;
    uint8_t build_id[32];
    uint32_t flags;
};
#define MODULE_UNLOADED 0x1u      /* gone by the end of the run */
#define MODULE_FILE_REPLACED 0x2u /* the file on disk is not the one that was mapped */
#define MODULE_FILE_MISSING 0x4u
#define MODULE_IS_OURS 0x8u /* memprof's own library */

/*
 * One distinct trie frame (see record.h for the tagged value) and what it
 * stands for: `line_count` consecutive entries of profile.lines, the innermost
 * inlined function first, the function that physically contains it last.
 * line_count is at least 1.
 */
struct profile_frame {
    uint64_t value;
    uint32_t module; /* index, or NO_MODULE */
    uint32_t first_line;
    uint32_t line_count;
};
#define NO_MODULE UINT32_MAX

struct profile_line {
    string_id function; /* demangled; "" when only an offset is known */
    string_id file;     /* path as the debug information has it, absolute where that is known */
    uint32_t line;      /* 0 unknown */
    uint32_t flags;
    uint64_t offset; /* from the symbol if function is set, else from the module's start */
};
#define LINE_INLINED 0x1u     /* inlined into the next entry */
#define LINE_FROM_SYMTAB 0x2u /* name from a symbol table: no debug information */

/*
 * The stack trie.  The first STACK_ROOTS nodes are the roots of record.h, with
 * frame NO_FRAME; every other node's parent has a smaller index.
 */
struct profile_node {
    uint32_t parent;
    uint32_t frame; /* index into frames */
};
#define NO_FRAME UINT32_MAX

struct profile_stats {
    uint64_t live_bytes, live_blocks;
    uint64_t peak_bytes, peak_blocks; /* of this site at the moment of the process's peak */
    uint64_t total_bytes, total_blocks;
    uint64_t temporary_bytes, temporary_blocks;
    uint64_t smallest, largest; /* sizes; smallest > largest when there was none */
};

/* What one thread allocated in one domain through one stack. */
struct profile_site {
    uint32_t node;
    uint32_t thread; /* index into threads */
    uint32_t domain;
    uint32_t reserved;
    double first_seconds, last_seconds; /* first and last allocation */
    struct profile_stats stats;
};

struct profile_thread {
    int64_t tid; /* 0: several ended threads folded together */
    string_id name;
    uint32_t reserved;
};

struct profile_sample {
    double seconds;
    uint64_t live_bytes, live_blocks;
    uint64_t rss_bytes; /* 0 unknown */
};

/*
 * A moment of the run whose numbers by site are kept: a snapshot that somebody
 * asked for, or a checkpoint, which memprof makes by itself every few seconds so
 * that a file that is cut short still tells something, and thins out as the run
 * goes on.  They are in the order of time.  The end of the run and its peak are
 * not in the list: the sites' own stats hold them.
 */
enum moment_kind {
    MOMENT_CHECKPOINT = 0,
    MOMENT_SNAPSHOT = 1,
};

enum moment_cause {
    MOMENT_BY_RUN = 0, /* memprof itself */
    MOMENT_BY_TIMER,   /* --snapshot-every */
    MOMENT_BY_COMMAND, /* memprof snapshot */
    MOMENT_BY_SIGNAL,  /* --snapshot-on-signal */
    MOMENT_BY_PROGRAM, /* memprof_snapshot() */
};

struct profile_moment {
    double seconds;
    uint64_t live_bytes, live_blocks; /* of the heap, as all of these but the last two */
    uint64_t peak_bytes, peak_blocks; /* up to then */
    uint64_t total_bytes, total_blocks;
    uint64_t temporary_bytes, temporary_blocks;
    uint64_t mmap_live_bytes;
    uint64_t rss_bytes; /* 0 unknown */
    /* On memprof's pools: arenas mapped; bytes of blocks in use, of free ones, and free pools. */
    uint64_t pool_arenas, pool_used_bytes, pool_free_bytes, pools_free;
    string_id label; /* 0 none */
    uint32_t kind;   /* enum moment_kind */
    uint32_t cause;  /* enum moment_cause */
    uint32_t number; /* of a snapshot, from 1 in the order they were taken; 0: a checkpoint */
};

/*
 * What happened to one site between a moment and the one before it (before the
 * first: nothing was): differences of its stats, modulo 2^64.  Sites by number,
 * ascending.  The difference of `smallest` is against UINT64_MAX at first.
 */
struct profile_change {
    uint32_t site;
    uint32_t reserved;
    struct profile_stats stats;
};

/* The changes of one moment as they lie in a file (changes.h). */
struct profile_changes {
    uint8_t *bytes;
    uint64_t size;
};

/* memprof_mark(): a point on the timeline. */
struct profile_mark {
    double seconds;
    uint64_t live_bytes, live_blocks;
    string_id label;
    uint32_t thread;
};

/*
 * Misuse of a block that --allocator=pool-debug found (guarded.h).  Nodes are 0 where a
 * stack is not known.
 */
struct profile_fault {
    double seconds; /* when it was noticed */
    uint64_t address, size;
    int64_t value;  /* of the wrong byte: its offset from the block's start; or the size given */
    uint32_t kind;  /* enum guarded_kind */
    uint32_t found; /* the wrong byte */
    uint32_t allocated_node, freed_node, noticed_node;
    uint32_t thread;
};

/*
 * The heap's live blocks at one moment, and the pools (src/shared/geometry.h, the profile
 * MODERN) that they lie in: of the end of the run, or of when memprof pools last asked.
 */
struct profile_heap {
    double seconds;
    uint64_t left_bytes, left_blocks;     /* of sizes that were too many to be kept in `sizes` */
    uint64_t pins_left;                   /* rows that were too many to be kept in `pins` */
    uint64_t arenas, arenas_empty;        /* mapped; of these, without a pool in use */
    uint64_t high_water, taken, returned; /* arenas: see struct arena_totals */
    uint64_t kept_bytes, pools_free, header_bytes, tail_bytes; /* see struct census */
    uint32_t number;    /* how often it was looked at so far; 0: never, and nothing is known */
    uint32_t allocator; /* enum target_allocator */
    uint32_t census;    /* 1: the pools' own count is in `classes` and above; 0: they had none */
    uint32_t reserved;
};

/* So many live blocks of one size of one site.  By site, then size. */
struct profile_size {
    uint64_t size, blocks;
    uint32_t site;
    uint32_t reserved;
};

/* A size class as the pools count it; the row's index is the class. */
struct profile_class {
    uint64_t pools, full, used, free;
};

/* A pool with live blocks, as their addresses tell; by address.  Its class is its largest block's.
 */
struct profile_pool {
    uint64_t address;
    uint32_t size_class, used; /* class; live blocks */
};

/* A pool in use at a snapshot, as the pools counted it.  By snapshot, then address. */
struct profile_snapshot_pool {
    uint64_t address;
    uint32_t snapshot; /* its number */
    uint32_t size_class, used;
    uint32_t reserved;
};

/* The blocks of one site in a pool that few blocks keep.  By pool. */
struct profile_pin {
    uint32_t pool, site; /* rows */
    uint32_t blocks, reserved;
};

/*
 * The last search for leaks (leaksearch.h): what of the live heap was reachable and what
 * lost, and as much of the graph of references as is kept.
 */
enum search_cause {
    SEARCH_NONE = 0,
    SEARCH_AT_EXIT,     /* exit, or the return of main */
    SEARCH_AT_EXIT_NOW, /* _exit */
    SEARCH_AT_QUICK_EXIT,
    SEARCH_AT_ABORT,
    SEARCH_AT_SIGNAL,  /* `signal` was about to end the program */
    SEARCH_BY_COMMAND, /* memprof leaks --pid and its like */
    SEARCH_BY_PROGRAM, /* memprof_leak_check() */
};

enum search_method {
    SEARCH_UNSTOPPED = 0, /* threads could not be stopped or memory not be read: nothing was
                           * searched, `why` says so, and all that is live counts as reachable */
    SEARCH_PTRACE,
    SEARCH_SIGNAL, /* a signal, and process_vm_readv */
};

enum search_graph {
    GRAPH_NONE = 0,
    GRAPH_PART,  /* what a question or the lost blocks need */
    GRAPH_WHOLE, /* every live block and every pointer to one */
};

/* What makes a search's result incomplete or a guess; reports say each. */
#define SEARCH_THREADS_MISSED 0x1u /* threads_missed did not stop: their stacks are roots whole */
#define SEARCH_MEMORY_MISSED 0x2u  /* unreadable_bytes of roots or blocks could not be read */
#define SEARCH_NO_MEMORY 0x4u      /* the host had no room for the copy: nothing was searched */
#define SEARCH_PARTIAL_RECORD                                                                      \
    0x8u                         /* recording was off for a time: unknown blocks may hold others */
#define SEARCH_ROWS_MERGED 0x10u /* too many rows: ages are not told apart */
#define SEARCH_AGES_SATURATED 0x20u /* ages are lower bounds */
#define SEARCH_BEFORE_LATER 0x40u   /* the program ran on after it and was not searched again */
#define SEARCH_EARLIER_BLOCKS                                                                      \
    0x100u /* blocks from before memprof attached are not told from roots: all memory is one */
#define SEARCH_OWN_MALLOC 0x200u    /* what the executable frees is not seen: see own_malloc */
#define SEARCH_REGIONS_MISSED 0x80u /* the program named more regions than are kept (regions.h) */

struct profile_search {
    double seconds;      /* when the program was stopped for it */
    double held_seconds; /* how long it was held still */
    uint32_t number;     /* searches so far; 0: there was none, and nothing else is known */
    uint32_t cause;      /* enum search_cause */
    uint32_t signal;     /* of SEARCH_AT_SIGNAL */
    uint32_t method;     /* enum search_method */
    uint32_t notes;      /* of SEARCH_* above */
    uint32_t graph;      /* enum search_graph */
    uint32_t contents;   /* bytes kept of each lost block's beginning; 0: none were asked for */
    uint32_t moments, snapshots; /* taken before it: no block has survived more */
    uint32_t threads, threads_missed;
    string_id why;          /* of SEARCH_UNSTOPPED; else what it did without, a sentence; "" */
    string_id suppressions; /* what the program's __lsan_default_suppressions() returned */
    uint32_t step;          /* bytes from one word that was looked at to the next; 0: 8 */
    uint64_t copied_bytes, root_bytes, unreadable_bytes;
    /* how words were read: as in leakgraph_options */
    uint64_t high_tags, compressed_base;
    uint32_t low_tags, past_end, compressed, compressed_shift;
    uint32_t duplicates; /* 1: blocks with equal contents were looked for */
    uint32_t reserved;
    uint64_t pointers_left_out; /* of a block's words that refer to one block the first is kept */
};

/*
 * Live blocks of one site, kind and age.  All live heap blocks are in some row; those
 * of DOMAIN_IGNORED in none.  By kind, then most bytes (own and indirect) first.
 */
struct profile_leak {
    uint32_t site;         /* index into sites */
    uint32_t kind;         /* enum leak_kind */
    uint32_t holder;       /* LEAK_WEAK: index into roots of the weak region; else 0 */
    uint32_t age;          /* moments (checkpoints and snapshots) since they were allocated */
    uint32_t survived;     /* snapshots among these */
    uint32_t cycle_blocks; /* LEAK_DEFINITE: of the largest cycle they stand for; 0 none */
    uint64_t blocks, bytes;
    uint64_t indirect_blocks, indirect_bytes; /* LEAK_DEFINITE: lost with them */
    uint64_t smallest, largest;
    uint64_t example;        /* address of the one that most is lost with, or of the largest */
    uint64_t retained_bytes; /* what they hold, own bytes included; 0: not found out */
};

/* A block of the kept graph, by address. */
struct profile_block {
    uint64_t address, size;
    uint64_t retained; /* bytes; 0: not found out */
    uint32_t site;
    uint32_t kind; /* enum leak_kind */
    uint32_t age, survived;
    uint32_t cycle; /* number of the cycle of lost blocks it is part of, from 1; 0 none */
    uint32_t reserved;
};

/*
 * A word of a block or a root that refers to a block of the graph, by address.  Of the words of
 * one block that refer to one other there are the first that counts as a pointer to its start and
 * the first to its inside.  `value` is the
 * address that it stands for (leakgraph_reference: that of `to`, and `into`): without high tags,
 * and of a compressed pointer the whole.
 */
struct profile_pointer {
    uint64_t address, value;
    string_id symbol; /* the global variable it lies in; 0: unknown or none */
    uint32_t offset;  /* from the symbol's start */
};

/* A range that was searched from, or (ROOT_WEAK) whose pointers hold nothing. */
struct profile_root {
    uint64_t start, size; /* size 0: `start` is the value itself */
    uint32_t kind;        /* enum leakgraph_root_kind (leakgraph.h) */
    uint32_t tid;         /* of a thread's stack, TLS, registers, keys, descriptor; else 0 */
    string_id name;       /* module's path, register's name, name of a region; "" */
    string_id thread;     /* the thread's name */
};

/* An address inside a block that counts as its start (leakgraph.h, heuristics); ascending. */
struct profile_exception {
    uint64_t address;
};

/* The first bytes of a lost block, zeros behind its end; see profile_search.contents. */
#define PROFILE_CONTENTS_BYTES 64u
struct profile_content {
    uint64_t address;
    uint64_t words[PROFILE_CONTENTS_BYTES / 8];
};

/* Live blocks of one site with the same size and bytes, found when that was asked for. */
struct profile_duplicate {
    uint64_t size, blocks; /* of blocks: two or more with the same contents */
    uint64_t example;      /* address of one */
    uint64_t hash;         /* of the contents: the same in rows of other sites */
    uint32_t site;
    uint32_t reserved;
};

/* A domain's own totals; the row's index is the domain. */
struct profile_domain {
    uint64_t live_bytes, live_blocks;
    uint64_t peak_bytes, peak_blocks; /* at this domain's own peak */
    uint64_t total_bytes, total_blocks;
    string_id name;
    uint32_t reserved;
};

/* The memprof that writes a file in the making (journal.h); pid 0 in a finished file. */
struct profile_writer {
    int64_t pid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat: tells it from a later process */
};

enum cut_kind {
    CUT_NONE = 0,
    CUT_SHORT,   /* the file ends before its end marker */
    CUT_DAMAGED, /* what follows the last part that is whole does not match its checksum */
};

/* How much of a file could be read; all of it but for CUT_NONE shows an earlier state. */
struct profile_cut {
    uint32_t kind;
    uint64_t offset;    /* the file is whole up to here */
    uint64_t file_size; /* of which this many bytes are there */
    double seconds;     /* into the run: the state that the profile shows */
};

struct profile {
    struct profile_process process;
    struct profile_totals totals;
    struct profile_loss loss;
    struct strings strings;
    struct profile_module *modules;
    struct profile_frame *frames;
    struct profile_line *lines;
    struct profile_node *nodes;
    struct profile_site *sites;
    struct profile_thread *threads;
    struct profile_sample *samples; /* the timeline, by time */
    struct profile_moment *moments;
    struct profile_changes *changes; /* one a moment */
    struct profile_mark *marks;
    struct profile_fault *faults;
    struct profile_domain *domains;
    struct profile_heap heap;
    struct profile_size *sizes;
    struct profile_class *classes;
    struct profile_pool *pools;
    struct profile_pin *pins;
    struct profile_snapshot_pool *snapshot_pools;
    struct profile_search search;
    struct profile_leak *leaks;
    struct profile_block *blocks;
    struct profile_pointer *pointers;
    struct profile_root *roots;
    struct profile_exception *exceptions;
    struct profile_content *contents;
    struct profile_duplicate *duplicates;
    uint32_t module_count, frame_count, line_count, node_count;
    uint32_t site_count, thread_count, sample_count;
    uint32_t moment_count; /* of moments and changes */
    uint32_t mark_count, fault_count, domain_count;
    uint32_t size_count, class_count, pool_count, pin_count, snapshot_pool_count;
    uint32_t leak_count, block_count, pointer_count, root_count, exception_count;
    uint32_t content_count, duplicate_count;
    struct profile_writer writer;
    struct profile_cut cut;
    bool incomplete; /* read from a file that is cut short, or the host ended early */
    bool unnamed;    /* no frame has been looked up yet: each has one line without names */
};

/* An empty profile with an empty string table; NULL-safe release. */
void profile_init(struct profile *p);
void profile_release(struct profile *p);

/* As if no search for leaks had been made. */
void profile_forget_search(struct profile *p);

/* The text of a string id; "" for 0 and for anything out of range. */
const char *profile_text(const struct profile *p, string_id id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format between the target and the host: what lies in the shared
 * segment and in which form.  Both processes are built from the same source
 * and must agree on SEGMENT_VERSION; nothing here is ever written to a file.
 *
 * One segment serves one process image.  It is a memfd that the host makes
 * and hands over by SCM_RIGHTS when the target says hello.  A memfd's pages
 * come into being when they are touched and do not count against the size of
 * /dev/shm, so that large sparse regions cost nothing until used and a full
 * tmpfs cannot raise SIGBUS in the target.
 *
 *   header page(s) | modules | module names | slots | trie buckets |
 *   trie nodes (sparse) | own ranges | chunks (sparse)
 *
 * The host never trusts what it reads here: every index and offset written by
 * the target is checked against the limits that the host itself put in its
 * own copy of `struct segment_layout`.
 */
#ifndef MEMPROF_SHARED_RECORD_H
#define MEMPROF_SHARED_RECORD_H

#include "src/shared/census.h"

#include <stdatomic.h>
#include <stdint.h>

#define SEGMENT_MAGIC 0x4d50524f46534547ull /* "MPROFSEG" */
#define SEGMENT_VERSION 18u

/* ------------------------------------------------------------- frames -- */

/*
 * A frame is a tagged 64-bit value, the key of one level of the stack trie.
 *   bits  0-47  program counter (a return address, or the interrupted
 *               instruction where FRAME_EXACT is set)
 *   bits 48-58  generation of the module at that address: 0 for the first
 *               one mapped there, 1 for what replaced it after a dlclose, …
 *   bits 59-62  kind of frame; 0 is a native program counter, the others are
 *               reserved for interpreters
 *   bit  63     FRAME_EXACT: look this address up as it is, not minus one
 */
#define FRAME_PC_BITS 48
#define FRAME_PC_MASK ((UINT64_C(1) << FRAME_PC_BITS) - 1)
#define FRAME_GENERATION_SHIFT 48
#define FRAME_GENERATION_MASK UINT64_C(0x7ff)
#define FRAME_KIND_SHIFT 59
#define FRAME_KIND_MASK UINT64_C(0xf)
#define FRAME_EXACT (UINT64_C(1) << 63)

static inline uint64_t frame_pc(uint64_t frame)
{
    return frame & FRAME_PC_MASK;
}
static inline uint32_t frame_generation(uint64_t frame)
{
    return (uint32_t)((frame >> FRAME_GENERATION_SHIFT) & FRAME_GENERATION_MASK);
}

/* ------------------------------------------------------------ records -- */

/*
 * A record is 1 to 6 words of 8 bytes in a chunk.
 *   word 0   bits 0-47 address, bits 48-55 RECORD_* flags, bits 56-63 kind
 * then, in this order, what the kind has:
 *   size|stack  low 32 bits size, high 32 bits stack id (trie node)
 *   big size    only with RECORD_BIG: the size's high 32 bits
 *   extra       one or two 64-bit values, by kind
 *   stamp       only with RECORD_STAMPED, else that of the record before: see stamp.h
 */
enum record_kind {
    RECORD_NONE = 0,
    RECORD_ALLOC = 1,         /* addr, size, stack: after the real call */
    RECORD_FREE = 2,          /* addr: before the real call */
    RECORD_REALLOC = 3,       /* new addr, size, stack; extra: old addr.  One record for a
                               * realloc that succeeded, made while the process has one thread */
    RECORD_REALLOC_BEGIN = 4, /* old addr: before the real call; the block leaves the model */
    RECORD_REALLOC_END = 5,   /* new addr, size, stack: the block that came back */
    RECORD_REALLOC_FAIL = 6,  /* old addr: nothing was freed; the block returns to the model
                               * as it was when this thread's last REALLOC_BEGIN took it */
    RECORD_FAILED = 7,        /* an allocation that returned NULL; size, stack */
    RECORD_MMAP = 8,          /* addr, size, stack */
    RECORD_MUNMAP = 9,        /* addr; extra: length */
    RECORD_MREMAP = 10,       /* new addr, new size, stack; extra: old addr, old size */
    RECORD_BREAK = 11,        /* addr: new program break, stack; extra: old program break */

    /* What the program says through memprof.h.  Numbers instead of an address where so said. */
    RECORD_TEXT = 12,           /* a piece of a text, see below */
    RECORD_SNAPSHOT = 13,       /* bytes of the text before it, its label; extra: clock */
    RECORD_MARK = 14,           /* the same for a mark */
    RECORD_CLEAR = 15,          /* forget all that was recorded */
    RECORD_RESET_PEAK = 16,     /* the peak is now */
    RECORD_QUERY = 17,          /* what (enum query); extra: sequence, see struct slot */
    RECORD_DOMAIN = 18,         /* bytes of the text before it, a name; extra: whose domain's */
    RECORD_DOMAIN_ALLOC = 19,   /* addr, size, stack; extra: domain */
    RECORD_DOMAIN_FREE = 20,    /* addr; extra: domain */
    RECORD_DOMAIN_REALLOC = 21, /* new addr, size, stack; extra: old addr | domain << 48 */
    RECORD_IGNORE = 22,         /* addr of a heap block to leave out from now on */
    RECORD_TRACING = 23,        /* 0: allocations are not recorded from here on; 1: again */

    RECORD_FAULT = 24, /* --allocator=pool-debug found memory misused, see below */

    /* addr, size (stack 0); extra: enum region_what */
    RECORD_REGION = 25,

    RECORD_FORK = 26, /* the number of a fork that this thread is about to make, see hello.fork */
    RECORD_KINDS
};

/* The domains that a program may have of its own; those below are profile.h's. */
#define RECORD_DOMAINS_FIRST 3u
#define RECORD_DOMAINS_END 64u

/* What RECORD_QUERY asks for. */
enum query {
    QUERY_TRACED = 0,   /* bytes live in the heap, and at its peak */
    QUERY_OVERHEAD = 1, /* bytes that memprof holds: of the segment, in the host */
};

/* What RECORD_REGION says of a range of memory; removal is of the range that begins there. */
enum region_what {
    REGION_ROOT_ADD = 0, /* pointers in it hold blocks, whatever else it is */
    REGION_ROOT_REMOVE,
    REGION_WEAK_ADD, /* pointers in it hold nothing */
    REGION_WEAK_REMOVE,
    REGION_WHATS
};

#define RECORD_STAMPED 0x01u /* a stamp ends the record */
#define RECORD_BIG 0x02u     /* a big-size word follows size|stack */
#define RECORD_ALIGNED 0x04u /* memalign family */
#define RECORD_PAUSED                                                                              \
    0x08u /* made while recording is off: count only if the old block was known                    \
           */
#define RECORD_MAX_WORDS 6u

#define RECORD_ADDRESS_MASK ((UINT64_C(1) << 48) - 1)
#define RECORD_FLAGS_SHIFT 48
#define RECORD_KIND_SHIFT 56

/* Words of a record without the flags' extra words; 0 for an unknown kind. */
static inline uint32_t record_base_words(uint32_t kind)
{
    static const uint8_t words[RECORD_KINDS] = {0, 2, 1, 3, 1, 2, 1, 2, 2, 2, 4, 3, 5, 2,
                                                2, 1, 1, 2, 2, 3, 2, 3, 1, 1, 4, 3, 1};

    return kind < RECORD_KINDS ? words[kind] : 0;
}
static inline uint32_t record_words(uint64_t word0)
{
    uint32_t flags = (uint32_t)(word0 >> RECORD_FLAGS_SHIFT) & 0xff;
    uint32_t base = record_base_words((uint32_t)(word0 >> RECORD_KIND_SHIFT));

    return base ? base + ((flags & RECORD_STAMPED) ? 1 : 0) + ((flags & RECORD_BIG) ? 1 : 0) : 0;
}
/* Kinds whose word 1 is size|stack.  MUNMAP has no stack, but its word 1 is a full length. */
static inline int record_has_size(uint32_t kind)
{
    return kind == RECORD_ALLOC || kind == RECORD_REALLOC || kind == RECORD_REALLOC_END ||
           kind == RECORD_FAILED || kind == RECORD_MMAP || kind == RECORD_MREMAP ||
           kind == RECORD_BREAK || kind == RECORD_DOMAIN_ALLOC || kind == RECORD_DOMAIN_REALLOC ||
           kind == RECORD_FAULT || kind == RECORD_REGION;
}

/*
 * A fault: the block's address, its size, the stack at which it was noticed, and
 *   extra 0  stack that allocated it, in the upper half stack that freed it; 0 where not known
 *   extra 1  bits 0-7 enum guarded_kind (guarded.h), bits 8-15 the byte that was found,
 *            bits 16-63 signed: its offset from the block's start, or the wrong size
 */

/*
 * A text travels in pieces, one RECORD_TEXT after the other in its thread's
 * stream, followed by the record that uses it.  The place of a piece's first
 * byte in the text stands where other records have an address; a piece is the
 * TEXT_PIECE_BYTES behind that, zeros after the end of the text.
 */
#define TEXT_BYTES_MAX 240u
#define TEXT_PIECE_BYTES 32u
_Static_assert(TEXT_PIECE_BYTES / 8 + 2 == RECORD_MAX_WORDS, "a piece fills a record");
_Static_assert(TEXT_BYTES_MAX % 8 == 0, "texts are read by words");

/* ------------------------------------------------------------- chunks -- */

/*
 * A chunk is owned by one thread at a time, which is its only writer.
 * `progress` is published with release order after the words it counts:
 * the number of committed words, shifted left by one; bit 0 is set while a
 * record is in flight, i.e. its stamp may already have been taken but the
 * record is not yet committed.
 */
#define CHUNK_BYTES 4096u
#define CHUNK_HEADER_BYTES 64u
#define CHUNK_WORDS ((CHUNK_BYTES - CHUNK_HEADER_BYTES) / 8)
#define CHUNK_NONE UINT32_MAX

struct chunk {
    _Atomic uint64_t progress;  /* committed words << 1 | in flight */
    _Atomic uint32_t successor; /* the owner's next chunk, CHUNK_NONE while it still writes here */
    _Atomic uint32_t next_free; /* free-list link; meaningless while owned */
    uint64_t opened;            /* clock when the owner took it; plain, before the first progress */
    uint64_t opened_stamp;      /* no stamp in the chunk is smaller */
    uint32_t slot;              /* the owner */
    uint32_t reserved[7];
    uint64_t words[CHUNK_WORDS];
};
_Static_assert(sizeof(struct chunk) == CHUNK_BYTES, "a chunk is one page");

/* -------------------------------------------------------------- slots -- */

/*
 * One slot per thread of the target.  A slot is taken by the thread at its
 * first record and given back by the host when it finds the thread gone:
 * there is no destructor in the target.  `life` is odd while the slot is
 * taken and grows by one at each taking and giving back.
 */
#define SLOT_NONE UINT32_MAX

struct slot {
    _Atomic uint32_t life;
    _Atomic uint32_t tid;         /* as the target's own namespace numbers it */
    _Atomic uint32_t first_chunk; /* set before life turns odd */
    _Atomic uint32_t next_free;
    _Atomic uint64_t
        unrecorded; /* events of this thread that could not be recorded (lossy, nested) */
    char name[16];  /* the thread's name when it took the slot, not always NUL-terminated */
    /* The host's answer to the thread's last question (memprof.h): numbers, then the sequence. */
    uint64_t answer[2];
    _Atomic uint32_t answered; /* futex: sequence of the question that `answer` is about */
    uint32_t reserved;
};
_Static_assert(sizeof(struct slot) == 64, "a slot is one cache line");

/* ------------------------------------------------------------ modules -- */

#define MODULE_BUILD_ID_MAX 32u

/* Written once by the target, then published by segment_header.modules_used. */
struct module_record {
    uint64_t start, end; /* mapped range, end exclusive */
    uint64_t bias;       /* run-time address minus address in the file's symbol table */
    uint32_t generation; /* as in the frames that lie in this module */
    uint32_t name;       /* offset into the module names, NUL-terminated; "" is the executable */
    uint32_t build_id_size;
    uint32_t reserved;
    uint8_t build_id[MODULE_BUILD_ID_MAX];
    uint64_t first_seen;        /* clock */
    _Atomic uint64_t gone_seen; /* clock when it was found unloaded, 0 while loaded */
};
_Static_assert(sizeof(struct module_record) == 88, "no hidden padding");

/* --------------------------------------------------------------- trie -- */

/*
 * Nodes are appended and never change; node ids are dense.  The first three
 * are roots that tell how a stack ended; a stack is the path from a node up
 * to its root, innermost frame first.
 */
#define STACK_ROOT_WHOLE 0u     /* the walk reached the outermost frame */
#define STACK_ROOT_TRUNCATED 1u /* the walk stopped: no unwind information, or it made no sense */
#define STACK_ROOT_LIMITED 2u   /* cut by --depth; the outer frames were not wanted */
#define STACK_ROOTS 3u

struct trie_node {
    uint64_t frame;
    uint32_t parent;
    uint32_t next; /* next node in the same hash bucket, 0 ends */
};
_Static_assert(sizeof(struct trie_node) == 16, "trie nodes pack to 16 bytes");

/* --------------------------------------------------------- own ranges -- */

/* A mapping of memprof's own in the target: see ownrange.h.  start 0 or 1: none. */
struct own_range {
    _Atomic uint64_t start; /* release: `end` is there */
    uint64_t end;
};

/* ------------------------------------------------------------- header -- */

/* Offsets from the start of the segment, sizes in items.  Fixed by the host. */
struct segment_layout {
    uint64_t segment_bytes;
    uint64_t modules_offset;
    uint64_t names_offset;
    uint64_t slots_offset;
    uint64_t buckets_offset;
    uint64_t nodes_offset;
    uint64_t own_ranges_offset;
    uint64_t chunks_offset;
    uint32_t modules_max;
    uint32_t names_bytes;
    uint32_t slots_max;
    uint32_t buckets; /* of the trie's first part, a power of two */
    uint32_t nodes_max;
    uint32_t own_ranges_max;
    uint32_t chunks_max;
    uint32_t far_buckets; /* behind them, for the rest: a power of two, or 0 */
};

enum segment_clock {
    CLOCK_TSC = 0,      /* the processor's invariant time-stamp counter */
    CLOCK_MONOTONIC_NS, /* clock_gettime(CLOCK_MONOTONIC), in nanoseconds */
};

enum unwinder {
    UNWINDER_AUTO = 0,
    UNWINDER_LIBUNWIND,
    UNWINDER_FP,
};

#define ALLOCATOR_NAME_BYTES 64u

/* What serves the program's requests. */
enum target_allocator {
    ALLOCATOR_NEXT = 0,   /* what would without memprof: libc, as a rule */
    ALLOCATOR_POOL,       /* small ones the pools (block.h) */
    ALLOCATOR_POOL_DEBUG, /* all with guards (guarded.h) */
};

/* When the target asks for a search for leaks. */
enum target_search {
    SEARCHES_ASKED = 0, /* only when the program does */
    SEARCHES_AT_END,    /* that, and when it ends in any way that can be seen coming */
};

/* Which processes beside the launched one are recorded. */
enum follow {
    FOLLOW_NONE = 0,
    FOLLOW_EXEC, /* programs that one of them executes */
    FOLLOW_ALL,  /* forked children as well */
};

/* What the host asks of the target; written before the segment is handed over. */
struct segment_settings {
    uint32_t clock;           /* enum segment_clock */
    uint32_t unwinder;        /* enum unwinder */
    uint32_t depth;           /* keep the innermost N frames; 0 keeps all */
    uint32_t verify_every;    /* compare each Nth stack with libunwind's; 0 never */
    uint32_t lossy;           /* drop instead of waiting when there is no free chunk */
    uint32_t snapshot_signal; /* a snapshot is asked for by this signal; 0 none */
    uint32_t paused;          /* record no allocation until the program calls memprof_start */
    uint32_t allocator;       /* enum target_allocator */
    uint32_t search;          /* enum target_search */
    uint32_t stop_signal;     /* threads stop and wait in its handler (stop.h); 0: ptrace will do */
    uint32_t follow;          /* enum follow */
    uint32_t image;           /* the number of this process image in its run, from 1 */
};

enum target_state {
    TARGET_CONNECTED = 0,
    TARGET_RECORDING = 1, /* entry points found, records flow */
    TARGET_REFUSED = 2,   /* it could not record; `refusal` says why */
};

enum target_refusal {
    REFUSAL_NONE = 0,
    REFUSAL_NO_ALLOCATOR = 1, /* no next malloc was found */
    REFUSAL_MAP = 2,          /* the segment could not be mapped (address-space limit) */
    REFUSAL_VERSION = 3,
    REFUSAL_LIBUNWIND = 4, /* libunwind was asked for and cannot be loaded */
};

/*
 * A thread that asks for a search, in the state that its caller has once the call returned.  What
 * lies below that stack pointer is ours, unless a signal's handler runs there: while the thread
 * waits its stack pointer is at most ASKER_FRAMES lower, and with a signal's frame (1.5 KiB on
 * x86-64, at least) it is lower than that, so that the host can tell; the handler that holds
 * threads can tell it of the stack that it came in on (STOP_ASKING).
 */
#define ASKERS 16u
#define ASKER_FRAMES 1024u
#define ASKER_WRITING (UINT64_C(1) << 32)
struct asker {
    _Atomic uint64_t asked; /* the number of its search; ASKER_WRITING: not complete */
    uint32_t tid, reserved;
    uint64_t stack_pointer; /* 0: not known */
    uint64_t registers[6];  /* as in `ending` */
};

#define ENDING_REGISTERS 15u

struct segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    struct segment_layout layout;
    struct segment_settings settings;

    /* Written by the target. */
    _Alignas(64) _Atomic uint32_t target_state;
    _Atomic uint32_t refusal;
    _Atomic uint32_t modules_used; /* release: the records below it are complete */
    _Atomic uint32_t names_used;
    _Atomic uint32_t slots_used; /* high-water mark */
    _Atomic uint32_t nodes_used; /* reserved ids; a node whose frame is 0 is not written yet */
    _Atomic uint32_t unfollowed; /* forked children and executed programs: not recorded */
    _Atomic uint32_t executed;   /* the process is about to replace its image, see below */
    _Atomic uint32_t snapshot_signals;   /* signals that asked for a snapshot so far */
    _Atomic uint32_t own_ranges_used;    /* high-water mark */
    _Atomic uint64_t private_bytes;      /* that the recorder holds beside the segment */
    _Atomic uint32_t forks;              /* announced by RECORD_FORK so far */
    _Atomic uint32_t forks_failed;       /* of these, that made no child */
    _Atomic uint32_t leaving;            /* how the process is about to end, see below */
    _Atomic uint32_t imports_redirected; /* 1: calls come here by redirected imports (imports.h) */
    _Atomic uint32_t imports_missed;     /* of these, what could not be redirected */
    /* The file that malloc is from without memprof, cut; "" the program's own.  NUL-terminated. */
    char next_allocator[ALLOCATOR_NAME_BYTES];

    /* Loss and self-check counters, written by the target with relaxed adds. */
    _Alignas(64) _Atomic uint64_t bootstrap_allocations; /* served before recording could start */
    _Atomic uint64_t bootstrap_bytes;
    /* The bootstrap heap's part that lies in the data of memprof's own module, start and end:
     * what the program was given there may hold pointers.  Written before TARGET_RECORDING. */
    uint64_t bootstrap_start, bootstrap_end;
    _Atomic uint64_t nested_unrecorded; /* allocations and frees by a handler inside our code */
    _Atomic uint64_t slotless_unrecorded;
    _Atomic uint64_t
        stacks_truncated;          /* walks that ended at STACK_ROOT_TRUNCATED: not allocations */
    _Atomic uint64_t stacks_lost;  /* trie full: the allocation has no stack */
    _Atomic uint64_t modules_lost; /* module table full */
    _Atomic uint64_t verified;     /* --verify-stacks: compared ... */
    _Atomic uint64_t verify_mismatch; /* ... and found different */
    _Atomic uint64_t verify_skipped;  /* ... and not comparable (libunwind itself stopped early) */
    _Atomic uint64_t slow_steps;      /* frames walked by the full interpreter, not by a rule */
    _Atomic uint64_t
        verify_frames[2]; /* an example: frame pcs of ours and libunwind's that differ */

    /*
     * On the pools: where in the target their state lies (struct arena_state), 0 if it does not
     * run on them; and what they held when the program ended, if it ended by itself.
     */
    _Alignas(64) _Atomic uint64_t pool_state;
    _Atomic uint32_t pool_census_taken; /* release: pool_census is complete */
    struct census pool_census;

    /*
     * Searches for leaks.  Who wants one adds 1 to `searches_asked`, rouses the host and waits
     * until `searches_done` has got there (signed distance) or the host is dead; several may wait
     * for one search.  At the program's end the fields of `ending` come first; once that search
     * is answered, `cause` is put back to 0, since the program may go on (abort's handler jumps).
     *
     * An answer to an end with `call` set is followed by another round, once: the target calls
     * that function, stores what it returned in ending.suppressions (`cause` still set) and asks
     * again.  The host only takes the text from there; it searches nothing and answers.
     */
    _Alignas(64) _Atomic uint32_t searches_asked; /* release: `ending` is complete */
    _Atomic uint32_t searches_done;               /* futex; release: the answer below is complete */
    /* The host's answer: definitely and indirectly lost; SEARCH_NO_ANSWER: nothing was searched. */
    uint64_t lost_bytes, lost_blocks;
    uint64_t call; /* the host's answer to an end: address of __lsan_default_suppressions, or 0 */
    struct ending {
        _Atomic uint32_t cause; /* enum ending_cause; 0: the program is not at its end */
        uint32_t signal;        /* that is about to end it */
        uint32_t tid;           /* the thread at the end */
        uint32_t register_count;
        /*
         * That thread when it first entered exit or its like: what lies below this stack
         * pointer is memprof's and the exit handlers', no longer the program's.  A stack pointer
         * of 0 says that this is not known: on other processors than x86-64.
         */
        uint64_t stack_pointer;
        /*
         * Those that calls preserve, rbx, rbp, r12 to r15; and if a signal came in there rax, rdx,
         * rcx, rsi, rdi, r8 to r11.
         */
        uint64_t registers[ENDING_REGISTERS];
        uint64_t suppressions; /* address of what __lsan_default_suppressions returned, or 0 */
        /* Where a signal came in: address of its vector registers in the signal's frame, as XSAVE
         * lays them out; else 0. */
        uint64_t extended;
    } ending;
    /*
     * Threads that wait for an answer, and where they called us: see struct asker.  An entry is
     * valid while `asked` is ahead of searches_done (signed distance of 32 bits), and may be taken
     * by another thread afterwards.
     */
    struct asker askers[ASKERS];
    /*
     * For settings.stop_signal: its handler waits, without a record and without touching errno,
     * as long as stop_held is what it was when the signal came in and is odd, in
     *     futex(&stop_held, FUTEX_WAIT, value, timeout, thread pointer, STOP_MAGIC)
     * whose arguments the host sees in /proc/PID/task/TID/syscall, the stack pointer beside
     * them; a thread that waits for a search it asked for says so by STOP_ASKING in the value, of
     * which the kernel takes 32 bits.  The registers lie in the signal frame on that stack.  The
     * wait is repeated every 20 ms, so that a dead host lets it go.  The signal must not be sent
     * unless stop_ready: the program may have taken it for itself, or its default action end the
     * program.
     */
    _Alignas(64) _Atomic uint32_t stop_held; /* futex; odd: threads are to stop */
    _Atomic uint32_t stop_ready;             /* that handler is in place */

    /* The turn that is under way.  See stamp.h. */
    _Alignas(64) _Atomic uint64_t stamps;
    /*
     * The stamp with which recording ended while threads of the program run on, 0 before.  What one
     * of them did after it saw that is not recorded, so that a record with a larger stamp may
     * contradict it (an address that was freed meanwhile): such records are not taken.
     */
    _Atomic uint64_t closed;
    /* The process may be reached by membarrier's expedited command.  Before TARGET_RECORDING. */
    _Atomic uint32_t barrier_registered;

    /* Waiting.  See ring.h. */
    _Alignas(64) _Atomic uint64_t
        free_chunks; /* tag << 32 | index of the first, CHUNK_NONE if none */
    _Alignas(64) _Atomic uint64_t free_slots;    /* the same for slots */
    _Alignas(64) _Atomic uint32_t chunks_handed; /* full chunks handed over since the start */
    _Atomic uint32_t host_wait;                  /* futex: 1 while the host sleeps */
    _Atomic uint32_t wake_at; /* host sleeps until chunks_handed reaches this (signed distance) */
    _Atomic uint32_t producers_waiting;
    _Atomic uint32_t space; /* futex: grows when chunks come free */
    uint32_t unannounced;   /* host: chunks freed while producers waited, since it last woke them */

    /*
     * A robust futex that the host's main thread holds as long as it lives
     * (src/host/recording/alive.h): the kernel sets FUTEX_OWNER_DIED in it whatever ends the host,
     * so that the target sees a dead host by a plain load, without a
     * descriptor, a signal or a process id that may be reused.
     */
    _Alignas(64) _Atomic uint32_t host_alive;
};

/* How a program ends, ending.cause.  The same numbers as in enum search_cause of profile.h. */
enum ending_cause {
    ENDING_NONE = 0,
    ENDING_EXIT,
    ENDING_EXIT_NOW,
    ENDING_QUICK_EXIT,
    ENDING_ABORT,
    ENDING_SIGNAL,
};

/*
 * segment_header.leaving: 0 not known, or one of these with the exit status or the signal's
 * number.  A process may change its mind; for one that is not the host's child it is all
 * there is to know.
 */
#define LEAVING_STATUS 0x10000u
#define LEAVING_SIGNAL 0x20000u
#define LEAVING_SILENT 0x40000u /* its end is seen or cannot be, its status is not told */
#define LEAVING_VALUE 0xffffu

/* segment_header.executed: 0, or one of these; 0 again if it is not executed after all. */
#define EXECUTED_HEARD 1u   /* what follows says hello */
#define EXECUTED_UNHEARD 2u /* it was to, but memprof cannot be reached from here */

#define STOP_MAGIC 0x4d505354u
#define STOP_ASKING (UINT64_C(1) << 32)
#define SEARCH_NO_ANSWER UINT64_MAX

/* ----------------------------------------------------------- hello -- */

/*
 * The handshake, one SOCK_SEQPACKET datagram each way over the socket named
 * by MEMPROF_SESSION.  The answer carries the segment's descriptor; an answer
 * with segment_bytes 0 says that this process is not to be recorded.
 *
 * MEMPROF_SESSION is IMAGE:PATH: the number of the image (settings.image) that executed
 * this one or was forked for it, 0 in the launched process, and where the socket is.
 *
 * A forked child says hello at its first call of an entry point.  Its segment begins as a
 * copy of what its parent's has of modules, stacks and own ranges, since all that the child
 * remembers refers to those, and the host begins its model with what was live in the parent
 * when that made the record of the fork.
 */
#define HELLO_MAGIC 0x4d50484cu
#define SESSION_ENVIRONMENT "MEMPROF_SESSION"
#define FORK_UNMARKED UINT32_MAX /* forked without a record of it: by a system call */

struct hello {
    uint32_t magic;
    uint32_t version;
    uint32_t pid; /* as the target sees it */
    uint32_t parent;
    uint32_t from; /* the image that executed this one, or of which it is a forked copy */
    uint32_t fork; /* 0: executed; else the number of the fork, or FORK_UNMARKED */
};
struct hello_answer {
    uint32_t magic;
    uint32_t version;
    uint64_t segment_bytes;
    uint32_t follow; /* enum follow, also where segment_bytes is 0 */
    uint32_t image;  /* what is executed by this process says that it comes from this one */
};

/*
 * A process that is about to execute `path`, or to have a child execute it, asks whether
 * the preload library can be loaded there: a program that it would keep from running, or
 * whose loader would complain of it, is better left alone.
 */
#define EXECUTE_MAGIC 0x4d504558u
#define EXECUTE_PATH_BYTES 4095u

struct execute_question {
    uint32_t magic;
    uint32_t version;
    uint32_t from;   /* the image that asks */
    uint32_t length; /* of the path that follows, as it was given; not NUL-terminated */
    uint32_t child;  /* 1: a child that is yet to be made will execute it, 0: the process itself */
    uint32_t fork;   /* as in hello, of a forked child that has not said hello; or FORK_UNMARKED */
};
struct execute_answer {
    uint32_t magic;
    uint32_t carry; /* 1: yes */
    uint32_t row;   /* what will not be recorded has this row in the tree, from 1; 0: none */
};

/*
 * It was not executed after all: what was heard of it with the question is taken back.  The answer
 * is a struct execute_answer, after which nothing of it is shown.
 */
#define EXECUTE_FAILED_MAGIC 0x4d504546u

struct execute_failure {
    uint32_t magic;
    uint32_t version;
    uint32_t from, fork; /* as in the question */
    uint32_t row;        /* as in its answer */
};

#endif

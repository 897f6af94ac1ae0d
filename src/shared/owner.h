/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners: whoever allocates from arenas does it as their owner, without a lock.  Each
 * thread has an owner of its own from its first allocation on.
 *
 * A block that is freed by another thread goes to its owner's inbox, a list to which
 * any thread adds by compare-and-swap and which the owner takes as a whole when it
 * next runs out of blocks.
 *
 * Ending threads: there is no destructor, since a thread may allocate and free until its last
 * instruction.  Its owner stays as it is, and is found to have no thread any more
 * when a new thread needs one (which takes it as it is) or another needs an arena
 * (which takes over its arenas).  A thread that knows that it will not allocate any
 * more may say so: owner_leave.
 *
 * fork: nothing here is ever locked.  In the child the owner of the thread that
 * called fork goes on.  The others stay where they are, as they may have been in
 * the middle of something: their blocks can be freed, their memory is not used again.
 */
#ifndef MEMPROF_SHARED_OWNER_H
#define MEMPROF_SHARED_OWNER_H

#include "src/shared/arena.h"
#include "src/shared/radix.h"

#define OWNER_BYTES 4096u /* with the descriptors of its first arenas */

struct owner {
    struct pool *used[POOL_CLASSES];  /* the pools of a class that are not full; or pool_none */
    struct pool *last[POOL_CLASSES];  /* the last of that list, if there is one */
    struct pool *spare[POOL_CLASSES]; /* see POOL_SPARE; or NULL */
    struct arena *by_free[ARENA_POOLS + 1]; /* arenas with that many free pools */
    uint64_t has_free;                      /* bit n - 1: by_free[n] is not empty */
    struct arena *unused;                   /* descriptors */
    uint32_t empty;                         /* arenas without a pool in use */
    uint32_t releases;                      /* pools given back, modulo 2^32 */

    /* Read by other threads. */
    _Alignas(64) _Atomic uint64_t holder; /* how often it was taken << 32 | thread, see owner.c */
    _Atomic uint64_t generation;          /* of processes, see owner.c */
    _Atomic(struct owner *) next;         /* of all owners ever */
    _Alignas(64) _Atomic(struct block *) inbox;
    _Alignas(64) struct arena_page page;
};

extern __thread struct owner *owner_mine __attribute__((tls_model("initial-exec")));

/* The calling thread's owner, taken or made if it has none.  NULL: no memory. */
struct owner *owner_take(void);

/* The calling thread gives up its owner; it may take one again. */
void owner_leave(void);

/* Free a block that belongs to another owner. */
void owner_send(struct owner *o, void *block);

/* Free what other threads have sent.  Whether there was anything. */
bool owner_collect(struct owner *o);

/*
 * Take over the arenas of owners whose threads have ended, looking at a few.  Whether
 * anything was taken.
 */
bool owner_inherit(struct owner *o);

/* After a fork, the owner of the thread that called it becomes one of this process. */
void owner_refresh(struct owner *o);

/* The next of all owners, in no particular order; NULL begins and ends. */
struct owner *owner_walk(const struct owner *o);

#endif

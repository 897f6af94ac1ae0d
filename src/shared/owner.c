/* SPDX-License-Identifier: Apache-2.0 */
#include "src/shared/owner.h"

#include "src/shared/rawcall.h"
#include "src/shared/sysmem.h"

#include <errno.h>

/*
 * The word `holder`: how often it changed hands in the upper half, so that a value
 * never comes back, and in the lower half who holds it.
 */
#define HOLDER_MASK UINT64_C(0xffffffff)
#define HOLDER_NOBODY UINT64_C(0)
#define HOLDER_HEIR UINT64_C(0xffffffff) /* somebody is taking over its arenas */

/* Owners looked at by who needs one or an arena, and system calls made for that. */
#define LOOKED_AT 64u
#define ASKED_FOR 8u

__thread struct owner *owner_mine __attribute__((tls_model("initial-exec")));

static _Atomic(struct owner *) owners;
static _Atomic(struct owner *) cursor; /* where the last look ended */
static _Atomic size_t owners_count;

/* --------------------------------------------------------- generations -- */

/*
 * A process and its forked children are told apart by a page that is zeroed by fork,
 * however it is made.  Owners of another generation than ours were held by threads
 * that this process does not have, which says nothing of the state they are in.
 */
struct process {
    _Atomic uint64_t generation; /* 0: not set yet, in this process */
    _Atomic uint32_t pid;
};

static _Atomic(struct process *) process;
static _Atomic uint64_t generations;

static struct process *process_page(void)
{
    /* acquire, and release below: the page is mapped */
    struct process *p = atomic_load_explicit(&process, memory_order_acquire), *fresh;

    if (p)
        return p;
    fresh = sysmem_map_wiped_on_fork();
    if (!fresh)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(&process, &p, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    sysmem_unmap(fresh, 4096);
    return p;
}

/* 0: cannot be told. */
static uint64_t generation_now(void)
{
    struct process *p = process_page();
    uint64_t now, fresh;

    if (!p)
        return 0;
    /* acquire: pairs with the exchange; the process id is there */
    now = atomic_load_explicit(&p->generation, memory_order_acquire);
    if (now)
        return now;
    /* relaxed: all threads of the process write the same */
    atomic_store_explicit(&p->pid, (uint32_t)rawcall(SYS_getpid, 0, 0, 0), memory_order_relaxed);
    /* relaxed: only a number that none before had */
    fresh = atomic_fetch_add_explicit(&generations, 1, memory_order_relaxed) + 1;
    if (atomic_compare_exchange_strong_explicit(&p->generation, &now, fresh, memory_order_acq_rel,
                                                memory_order_acquire))
        return fresh;
    return now;
}

static uint32_t thread_now(void)
{
    return (uint32_t)rawcall(SYS_gettid, 0, 0, 0);
}

/* The process id is the recorded one: a child that shares our memory (vfork) may ask, too. */
static bool thread_ended(uint32_t thread)
{
    struct process *p = process_page();

    return rawcall(SYS_tgkill, atomic_load_explicit(&p->pid, memory_order_relaxed), thread, 0) ==
           -ESRCH;
}

/* -------------------------------------------------------------- taking -- */

static uint64_t holder_next(uint64_t holder, uint64_t who)
{
    return ((holder >> 32) + 1) << 32 | who;
}

/*
 * Take `o` for `who` if nobody has it.  `asks` limits the system calls.  After true the
 * caller may do what the holder may: an owner that was left was released by its
 * thread, and a thread that ended did so before the kernel told us.
 */
static bool owner_seize(struct owner *o, uint64_t who, uint64_t generation, uint32_t *asks)
{
    /*
     * acquire, in this order: whoever holds it stores the holder before the
     * generation, so that a current generation never goes with a holder of before the fork
     */
    uint64_t its = atomic_load_explicit(&o->generation, memory_order_acquire);
    uint64_t holder = atomic_load_explicit(&o->holder, memory_order_acquire);
    uint64_t thread = holder & HOLDER_MASK;

    if (thread == HOLDER_HEIR)
        return false;
    if (thread != HOLDER_NOBODY) {
        if (!generation || its != generation || *asks == 0)
            return false;
        --*asks;
        if (!thread_ended((uint32_t)thread))
            return false;
    }
    /* acquire: what its last holder did; pairs with owner_put_down */
    return atomic_compare_exchange_strong_explicit(&o->holder, &holder, holder_next(holder, who),
                                                   memory_order_acquire, memory_order_relaxed);
}

/* release: what was done to it is seen by who takes it next */
static void owner_put_down(struct owner *o, uint64_t who)
{
    uint64_t holder = atomic_load_explicit(&o->holder, memory_order_relaxed);

    atomic_store_explicit(&o->holder, holder_next(holder, who), memory_order_release);
}

/* The next to be looked at, all in turn. */
static struct owner *look_at_next(void)
{
    /* acquire: what is found is initialised; two threads may well look at the same */
    struct owner *o = atomic_load_explicit(&cursor, memory_order_acquire);

    o = owner_walk(o);
    if (!o)
        o = owner_walk(NULL);
    atomic_store_explicit(&cursor, o, memory_order_release);
    return o;
}

static struct owner *owner_find(uint64_t generation, uint32_t thread)
{
    size_t count = atomic_load_explicit(&owners_count, memory_order_relaxed);
    uint32_t asks = ASKED_FOR;

    for (uint32_t i = 0; i < LOOKED_AT && i < count; i++) {
        struct owner *o = look_at_next();

        if (o && owner_seize(o, thread, generation, &asks))
            return o;
    }
    return NULL;
}

static struct owner *owner_make(uint32_t thread)
{
    struct owner *o = sysmem_map(OWNER_BYTES), *head;

    if (!o)
        return NULL;
    for (uint32_t class = 0; class < POOL_CLASSES; class ++)
        o->used[class] = &pool_none;
    arena_add_page(o, &o->page, OWNER_BYTES - offsetof(struct owner, page));
    atomic_store_explicit(&o->holder, (UINT64_C(1) << 32) | thread, memory_order_relaxed);
    atomic_fetch_add_explicit(&owners_count, 1, memory_order_relaxed);
    arena_note_kept(OWNER_BYTES);
    head = atomic_load_explicit(&owners, memory_order_relaxed);
    do {
        atomic_store_explicit(&o->next, head, memory_order_relaxed);
        /* release: who finds the owner finds it initialised */
    } while (!atomic_compare_exchange_weak_explicit(&owners, &head, o, memory_order_release,
                                                    memory_order_relaxed));
    return o;
}

struct owner *owner_take(void)
{
    uint64_t generation = generation_now();
    uint32_t thread = thread_now();
    struct owner *o = owner_mine;

    if (o)
        return o;
    o = owner_find(generation, thread);
    if (!o)
        o = owner_make(thread);
    if (!o)
        return NULL;
    /* release: not before the holder, see owner_seize */
    atomic_store_explicit(&o->generation, generation, memory_order_release);
    owner_mine = o;
    return o;
}

void owner_leave(void)
{
    struct owner *o = owner_mine;

    if (!o)
        return;
    owner_mine = NULL;
    owner_collect(o);
    pool_release_spares(o);
    arena_trim(o, 0);
    owner_put_down(o, HOLDER_NOBODY);
}

void owner_refresh(struct owner *o)
{
    uint64_t generation = generation_now();

    /* relaxed: our own */
    if (atomic_load_explicit(&o->generation, memory_order_relaxed) == generation)
        return;
    owner_put_down(o, thread_now());
    /* release: not before the holder, see owner_seize */
    atomic_store_explicit(&o->generation, generation, memory_order_release);
}

/* --------------------------------------------------------------- inbox -- */

void owner_send(struct owner *o, void *block)
{
    struct block *b = block, *head = atomic_load_explicit(&o->inbox, memory_order_relaxed);

    do {
        b->next = head;
        /* release: the link, and all that this thread did to the block, comes before */
    } while (!atomic_compare_exchange_weak_explicit(&o->inbox, &head, b, memory_order_release,
                                                    memory_order_relaxed));
}

/* Free the blocks that were sent to `from` as `o`; those of others are sent on. */
static bool collect_from(struct owner *o, struct owner *from)
{
    struct block *b, *next;

    /* relaxed: saves the exchange; what is sent a moment later is found the next time */
    if (!atomic_load_explicit(&from->inbox, memory_order_relaxed))
        return false;
    /* acquire: pairs with owner_send */
    b = atomic_exchange_explicit(&from->inbox, NULL, memory_order_acquire);
    for (; b; b = next) {
        struct owner *its = radix_find(b);

        next = b->next;
        if (its == o)
            pool_free(o, b);
        else
            owner_send(its, b);
    }
    return true;
}

bool owner_collect(struct owner *o)
{
    return collect_from(o, o);
}

bool owner_inherit(struct owner *o)
{
    size_t count = atomic_load_explicit(&owners_count, memory_order_relaxed);
    uint64_t generation = generation_now();
    uint32_t asks = ASKED_FOR;

    for (uint32_t i = 0; count > 1 && i < LOOKED_AT && i < count; i++) {
        struct owner *from = look_at_next();
        bool some;

        if (!from || from == o || !owner_seize(from, HOLDER_HEIR, generation, &asks))
            continue;
        some = arena_take_over(o, from);
        pool_take_over(o, from);
        some |= collect_from(o, from);
        owner_put_down(from, HOLDER_NOBODY);
        if (some)
            return true;
    }
    return false;
}

struct owner *owner_walk(const struct owner *o)
{
    /* acquire: pairs with owner_make */
    return o ? atomic_load_explicit(&o->next, memory_order_acquire)
             : atomic_load_explicit(&owners, memory_order_acquire);
}

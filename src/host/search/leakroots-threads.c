// SPDX-License-Identifier: Apache-2.0
/*
 * What belongs to threads.  A thread's stack block, as glibc makes it, is
 *
 *   guard | stack | static TLS | struct pthread
 *
 * of which only what is above the stack pointer is searched.  The stacks of ended threads
 * that glibc keeps for later ones are not: what lies there is stale.  A thread that has
 * ended but was not joined has its descriptor, with what it returned.
 */
#include "src/host/search/leakroots-parts.h"

#include "src/host/search/threadlayout.h"

#include <string.h>

#if defined(__x86_64__)
#define RED_ZONE 128u
#else
#define RED_ZONE 0u
#endif
#define PAGE_MASK UINT64_C(4095)
#define TLS_BELOW ((uint64_t)1 << 20) /* static TLS is looked for so far below the pointer */
#define STACK_ROUND 65536u /* a descriptor is aligned and its stack's end rounded by less */
#define OTHER_STACK (UINT64_C(16) << 20) /* a stack that a program makes is no larger */
#define LIST_MAX 100000u
#define VECTOR_MAX 4096u

/* A thread's descriptor and its stack block; [0, 0): not known, or the main thread's. */
struct descriptor {
    uint64_t address;
    uint64_t stack, stack_end;
};

struct thread_roots {
    struct rootfinder *finder;
    struct threadlayout layout;
};

static bool is_descriptor(const struct rootfinder *f, uint64_t at)
{
    uint64_t self[3];

    return (at & 7) == 0 && heapcopy_read(f->source->copy, at, self, sizeof(self)) &&
           self[0] == at && self[2] == at;
}

/*
 * `stackblock`, `stackblock_size` and `guardsize` of struct pthread, whose offsets are not
 * exported: three words that make a range of memory in which the descriptor lies, at the
 * end, and which is mapped from the guard on.
 */
static bool is_stack(const struct thread_roots *t, const struct descriptor *d,
                     const uint64_t words[3])
{
    const struct heap_mapping *m = heapcopy_mapping(t->finder->source->copy, d->address);
    uint64_t start = words[0], size = words[1], guard = words[2], end = start + size;

    return m && start != 0 && start < d->address && end > d->address && end <= m->end &&
           end - d->address <= t->layout.size + STACK_ROUND && guard < size &&
           (guard & PAGE_MASK) == 0 && start + guard >= m->start;
}

static void find_stack(const struct thread_roots *t, struct descriptor *d)
{
    uint64_t words[3];

    for (uint64_t at = d->address + 24; at + 24 <= d->address + t->layout.size; at += 8) {
        if (!heapcopy_read(t->finder->source->copy, at, words, sizeof(words)))
            return;
        if (is_stack(t, d, words)) {
            d->stack = words[0];
            d->stack_end = words[0] + words[1];
            return;
        }
    }
}

/* ---------------------------------------------------- thread-local storage -- */

/*
 * The dynamic thread vector: {length}, {generation}, then {block, what to free} for each
 * module with thread-local variables.  Vector and blocks come from calloc and malloc, the
 * vector being pointed to 16 bytes inside.
 */
static uint64_t add_vector(struct thread_roots *t, const struct descriptor *d, pid_t tid)
{
    struct rootfinder *f = t->finder;
    uint64_t vector, length, block, to_free, lowest = d->address;

    if (!rootfinder_word(f, d->address + 8, &vector) || !rootfinder_word(f, vector - 16, &length) ||
        length > VECTOR_MAX)
        return lowest;
    rootfinder_value(f, ROOT_TLS, tid, "", vector - 16);
    for (uint64_t i = 1; i <= length; i++) {
        if (!rootfinder_word(f, vector + 16 * i, &block) ||
            !rootfinder_word(f, vector + 16 * i + 8, &to_free))
            break;
        if (block == 0 || block == UINT64_MAX)
            continue;
        if (block < d->address && d->address - block < TLS_BELOW && to_free == 0)
            lowest = block < lowest ? block : lowest;
        else
            rootfinder_value(f, ROOT_TLS, tid, "", to_free ? to_free : block);
    }
    return lowest & ~UINT64_C(7);
}

static void add_descriptor(struct thread_roots *t, const struct descriptor *d, pid_t tid)
{
    uint64_t keys = d->address + t->layout.keys, keys_end = d->address + t->layout.keys_end;
    uint64_t end = d->address + t->layout.size;

    if (t->layout.keys_end) {
        rootfinder_add(t->finder, ROOT_DESCRIPTOR, tid, "", d->address, keys);
        rootfinder_add(t->finder, ROOT_KEY, tid, "", keys, keys_end);
        rootfinder_add(t->finder, ROOT_DESCRIPTOR, tid, "", keys_end, end);
    } else {
        rootfinder_add(t->finder, ROOT_DESCRIPTOR, tid, "", d->address, end);
    }
    rootfinder_take(t->finder, d->address, end);
    rootfinder_take(t->finder, d->stack, d->stack_end);
}

/* Returns where the thread-local variables begin: its stack ends there. */
static uint64_t add_storage(struct thread_roots *t, const struct descriptor *d, pid_t tid)
{
    uint64_t lowest = add_vector(t, d, tid);

    add_descriptor(t, d, tid);
    rootfinder_add(t->finder, ROOT_TLS, tid, "", lowest, d->address);
    rootfinder_take(t->finder, lowest, d->address);
    return lowest;
}

/* -------------------------------------------------------------- registers -- */

static void add_registers(struct thread_roots *t, const struct stopped_thread *s)
{
    for (uint32_t i = 0; i < s->register_count; i++)
        rootfinder_value(t->finder, ROOT_REGISTER, s->tid, s->names[i], s->registers[i]);
    for (uint32_t i = 0; i < s->extended_count; i++)
        rootfinder_value(t->finder, ROOT_REGISTER, s->tid, "vector registers", s->extended[i]);
}

/* ----------------------------------------------------------------- stacks -- */

static const struct heap_mapping *main_stack(const struct thread_roots *t)
{
    const struct heapcopy *copy = t->finder->source->copy;

    for (uint32_t i = 0; i < copy->mapping_count; i++)
        if (copy->mappings[i].kind == HEAP_MAPPING_STACK)
            return &copy->mappings[i];
    return NULL;
}

/* The whole of a stack whose pointer is not known. */
static void add_whole_stack(struct thread_roots *t, pid_t tid, uint64_t start, uint64_t end)
{
    if (start >= end)
        return;
    rootfinder_add(t->finder, ROOT_STACK, tid, "", start, end);
    rootfinder_take(t->finder, start, end);
    t->finder->roots->stacks_guessed++;
}

/* From where on the stack is the thread's own: what it uses below its stack pointer included. */
static uint64_t lowest(const struct stopped_thread *s)
{
    return s->stack_pointer - (s->calling ? 0 : RED_ZONE);
}

/*
 * It runs on a stack that is not the one it was given: a signal's, or one the program
 * made.  In a live block, the block is what it runs on; elsewhere it reaches to the end of
 * the mapping.  What it left on its own stack is held by all of that, since how much is not known.
 */
static void add_other_stack(struct thread_roots *t, const struct stopped_thread *s,
                            const struct descriptor *d)
{
    const struct heap_mapping *own = main_stack(t);
    const struct heap_mapping *m = heapcopy_mapping(t->finder->source->copy, s->stack_pointer);
    uint64_t block;

    if (rootfinder_block(t->finder, s->stack_pointer, OTHER_STACK, &block))
        rootfinder_value(t->finder, ROOT_STACK, s->tid, "", block);
    else if (m)
        rootfinder_add(t->finder, ROOT_STACK, s->tid, "", lowest(s), m->end);
    if (d->stack_end)
        add_whole_stack(t, s->tid, d->stack, d->address);
    else if (own && s->tid == t->finder->source->stopped->pid)
        add_whole_stack(t, s->tid, own->start, own->end);
}

static void add_stack(struct thread_roots *t, const struct stopped_thread *s,
                      const struct descriptor *d, uint64_t storage)
{
    const struct heap_mapping *m = heapcopy_mapping(t->finder->source->copy, s->stack_pointer);
    uint64_t from = lowest(s) & ~UINT64_C(7), block;

    if (s->stack_pointer >= d->stack && s->stack_pointer < d->stack_end) {
        rootfinder_add(t->finder, ROOT_STACK, s->tid, "", from, storage);
        /* one that the program allocated is searched as a block, and held by the thread */
        if (rootfinder_block(t->finder, d->stack, STACK_ROUND, &block))
            rootfinder_value(t->finder, ROOT_STACK, s->tid, "", block);
    } else if (m && m->kind == HEAP_MAPPING_STACK) {
        rootfinder_add(t->finder, ROOT_STACK, s->tid, "", from, m->end);
        rootfinder_take(t->finder, m->start, m->end);
    } else {
        add_other_stack(t, s, d);
    }
}

static void add_thread(struct thread_roots *t, const struct stopped_thread *s)
{
    struct descriptor d = {.address = s->thread_pointer};
    uint64_t storage = 0;

    add_registers(t, s);
    if (is_descriptor(t->finder, d.address)) {
        find_stack(t, &d);
        storage = add_storage(t, &d, s->tid);
    }
    add_stack(t, s, &d, storage);
}

/* ------------------------------------------------------------------ lists -- */

static const struct stopped_thread *thread_of(const struct thread_roots *t, uint64_t descriptor,
                                              uint32_t tid)
{
    const struct stopped *s = t->finder->source->stopped;

    for (uint32_t i = 0; i < s->count; i++)
        if (s->threads[i].missed ? (uint32_t)s->threads[i].tid == tid
                                 : s->threads[i].thread_pointer == descriptor)
            return &s->threads[i];
    return NULL;
}

/* A descriptor on one of the loader's lists of stacks. */
static void add_listed(struct thread_roots *t, uint64_t address, bool cached)
{
    struct descriptor d = {.address = address};
    const struct stopped_thread *s;
    uint64_t word = 0, storage;
    uint32_t tid = 0;

    if (!is_descriptor(t->finder, address))
        return;
    find_stack(t, &d);
    if (cached) {
        /* its vector is kept with it */
        add_vector(t, &d, 0);
        rootfinder_take(t->finder, d.stack, d.stack_end);
        return;
    }
    if (heapcopy_read(t->finder->source->copy, address + t->layout.tid, &tid, sizeof(tid)))
        word = tid;
    s = thread_of(t, address, (uint32_t)word);
    if (!s) {
        add_vector(t, &d, 0);
        add_descriptor(t, &d, 0);
    } else if (s->missed) {
        storage = add_storage(t, &d, s->tid);
        add_whole_stack(t, s->tid, d.stack, storage);
    }
}

static void walk_list(struct thread_roots *t, uint64_t head, bool cached)
{
    uint64_t node = head;

    for (uint32_t i = 0; i < LIST_MAX; i++) {
        if (!rootfinder_word(t->finder, node, &node) || node == head || node == 0)
            return;
        add_listed(t, node - t->layout.list, cached);
    }
}

static void find_layout(struct thread_roots *t)
{
    static const char *const libraries[] = {"libc.", "libpthread", "libc-"};
    struct rootmodule *library = NULL;
    uint64_t address;

    threadlayout_init(&t->layout);
    for (size_t i = 0; !library && i < sizeof(libraries) / sizeof(libraries[0]); i++)
        library =
            leakroots_module_with(t->finder, libraries[i], "_thread_db_sizeof_pthread", &address);
    if (library)
        threadlayout_read(&t->layout, &library->file);
}

void leakroots_threads(struct rootfinder *f)
{
    struct thread_roots t = {.finder = f};
    const struct stopped *s = f->source->stopped;
    const struct heap_mapping *own = main_stack(&t);

    find_layout(&t);
    for (uint32_t i = 0; i < s->count && !f->failed; i++)
        if (!s->threads[i].missed)
            add_thread(&t, &s->threads[i]);
        else if (own && s->threads[i].tid == s->pid)
            add_whole_stack(&t, s->pid, own->start, own->end);
    if (!f->loader_data || !t.layout.lists)
        return;
    walk_list(&t, f->loader_data + t.layout.stacks_used, false);
    walk_list(&t, f->loader_data + t.layout.stacks_user, false);
    walk_list(&t, f->loader_data + t.layout.stacks_user + 16, true);
}

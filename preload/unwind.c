/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/unwind.h"

#include "preload/modules.h"
#include "preload/rules.h"
#include "preload/session.h"
#include "preload/suffix.h"
#include "preload/verify.h"
#include "preload/walk.h"
#include "src/shared/stacktrie.h"
#include "src/shared/sysmem.h"

#include <string.h>

/* New frames that fit on the C stack; more go to the thread's overflow room. */
#define WALKED_INLINE 24u
/* walker.root when a rule is not enough */
#define WALK_NEEDS_REGISTERS STACK_ROOTS
/* A stack deeper than this is cut: 4 million frames would be 160 MB of cache. */
#define WALKED_MAX (4u << 20)

/* A walk under way. */
struct walker {
    struct thread *thread;
    struct walked_frame *frames; /* found so far, innermost first */
    uint32_t count, room;
    uint32_t checks; /* of `count`, those that are no frames */
    uint32_t max;    /* frames wanted */
    uint64_t pc;     /* key of the frame we are at */
    const uint64_t *slot;
    uint64_t sp; /* slot + 8, except behind a signal frame */
    uint64_t rbp;
    const uint64_t *rbp_slot;
    uint64_t limit;
    bool limit_known;
    bool behind_signal;
    uint32_t root;
};

/* ------------------------------------------------------------ one step -- */

/* Make the thread's overflow room larger, or there at all, with `count` frames in it. */
static bool overflow_grow(struct stack_cache *c, const struct walked_frame *frames, uint32_t count)
{
    uint32_t room = c->overflow_room ? c->overflow_room * 2 : 512;
    struct walked_frame *fresh;

    if (room > WALKED_MAX)
        return false;
    fresh = sysmem_map((size_t)room * sizeof(*fresh));
    if (!fresh)
        return false;
    if (count)
        memcpy(fresh, frames, count * sizeof(*fresh));
    if (c->overflow)
        sysmem_unmap(c->overflow, (size_t)c->overflow_room * sizeof(*fresh));
    c->overflow = fresh;
    c->overflow_room = room;
    return true;
}

static bool room_make(struct walker *w)
{
    struct stack_cache *c = &w->thread->cache;

    if (w->frames != c->overflow && c->overflow_room > w->count)
        memcpy(c->overflow, w->frames, w->count * sizeof(*w->frames));
    else if (!overflow_grow(c, w->frames, w->count))
        return false;
    w->frames = c->overflow;
    w->room = c->overflow_room;
    return true;
}

static inline bool walked_push(struct walker *w, const uint64_t *slot, uint64_t key, uint64_t rule)
{
    struct walked_frame *f;

    if (__builtin_expect(w->count == w->room, 0) && !room_make(w))
        return false;
    f = &w->frames[w->count++];
    f->slot = slot;
    f->key = key;
    f->rbp = w->rbp;
    f->rbp_slot = w->rbp_slot;
    f->rule = rule;
    return true;
}

/* Note a word that decided about the next step beside its return address and rbp. */
static bool walked_check(struct walker *w, const uint64_t *at)
{
    const uint64_t *rbp_slot = w->rbp_slot;
    bool ok;

    w->rbp_slot = NULL;
    ok = walked_push(w, at, *at, WALKED_CHECK);
    w->checks += ok;
    w->rbp_slot = rbp_slot;
    return ok;
}

static inline bool in_stack(const struct walker *w, uint64_t at)
{
    return at >= w->sp && at <= w->limit - 8 && (at & 7) == 0;
}

/* Go to the caller, whose return address lies just below `cfa`. */
static inline bool step_to(struct walker *w, uint64_t cfa, bool saved, uint64_t saved_at)
{
    if (__builtin_expect(cfa < w->sp + 8 || !in_stack(w, cfa - 8), 0))
        return false;
    if (saved) {
        if (__builtin_expect(!in_stack(w, saved_at), 0))
            return false;
        w->rbp_slot = (const uint64_t *)(uintptr_t)saved_at;
        w->rbp = *w->rbp_slot;
    } else {
        w->rbp_slot = NULL;
    }
    w->slot = (const uint64_t *)(uintptr_t)(cfa - 8);
    w->sp = cfa;
    if (!w->limit_known)
        w->limit = cfa + STACK_REACH;
    w->pc = *w->slot;
    w->behind_signal = false;
    return true;
}

static bool step_realigned(struct walker *w, uint64_t rule)
{
    uint64_t put_aside = w->rbp + (uint64_t)rule_cfa_offset(rule);

    if (!in_stack(w, put_aside) || !walked_check(w, (const uint64_t *)(uintptr_t)put_aside))
        return false;
    return step_to(w, *(const uint64_t *)(uintptr_t)put_aside, true,
                   w->rbp + (uint64_t)rule_rbp_offset(rule));
}

/*
 * Into what a signal interrupted.  The kernel leaves a ucontext at the handler's
 * stack pointer; its registers lie at fixed places (x86-64 ABI of Linux,
 * arch/x86/include/uapi/asm/sigcontext.h).
 */
#define UCONTEXT_RBP 120u
#define UCONTEXT_RSP 160u
#define UCONTEXT_RIP 168u

static bool step_signal(struct walker *w)
{
    const uint8_t *context = (const uint8_t *)(uintptr_t)w->sp;
    const uint64_t *rsp = (const void *)(context + UCONTEXT_RSP);

    if (!in_stack(w, w->sp + UCONTEXT_RIP) || !walked_check(w, rsp))
        return false;
    w->rbp_slot = (const void *)(context + UCONTEXT_RBP);
    w->rbp = *w->rbp_slot;
    w->slot = (const void *)(context + UCONTEXT_RIP);
    w->pc = *w->slot | FRAME_EXACT;
    w->sp = *rsp;
    w->limit = stack_limit(w->sp, &w->limit_known);
    w->behind_signal = true;
    return true;
}

static inline bool step(struct walker *w, uint64_t rule)
{
    uint64_t base, cfa;

    if (__builtin_expect(RULE_KIND(rule) > RULE_RBP, 0))
        return RULE_KIND(rule) == RULE_RBP_DEREF ? step_realigned(w, rule) : step_signal(w);
    base = RULE_KIND(rule) == RULE_RSP ? w->sp : w->rbp;
    cfa = base + (uint64_t)rule_cfa_offset(rule);
    return step_to(w, cfa, rule & RULE_RBP_SAVED, cfa + (uint64_t)rule_rbp_offset(rule));
}

/* -------------------------------------------------------------- joining -- */

/*
 * Whether the first `count` checks hold.  Innermost first, and no further than
 * the first that does not: only the words before it say that the next address
 * is still part of this stack.
 */
static inline bool checks_hold(const struct stack_check *c, uint32_t count)
{
    for (const struct stack_check *i = c + count; i > c; i--)
        if (__builtin_expect(*i[-1].at != i[-1].value, 0))
            return false;
    return true;
}

/*
 * Whether the walk has arrived at cached frame `*at - 1` or further out, with
 * everything outside of it unchanged.  Moves `*at` outwards past frames that lie
 * inside of where we are, and past those that turned out to have changed.
 */
static inline bool joins(const struct walker *w, const struct stack_cache *c, uint32_t *at)
{
    const struct cached_frame *f;
    uint32_t i = *at;

    while (i > 0 && c->frames[i - 1].slot < w->slot)
        i--;
    *at = i;
    if (i == 0)
        return false;
    f = &c->frames[i - 1];
    if (f->slot != w->slot || f->key != w->pc || w->behind_signal || (f->flags & FRAME_NO_JOIN) ||
        ((f->flags & FRAME_NEEDS_RBP) && f->rbp != w->rbp))
        return false;
    if (checks_hold(c->checks, f->below))
        return true;
    *at = i - 1;
    return false;
}

/* -------------------------------------------------------------- keeping -- */

/* Frames and checks share one mapping: frames first, then two checks for each of them and some. */
static size_t cache_bytes(uint32_t frames)
{
    return (size_t)frames * (sizeof(struct cached_frame) + 2 * sizeof(struct stack_check));
}

static bool cache_grow(struct stack_cache *c, uint32_t frames, uint32_t checks)
{
    uint32_t capacity = c->capacity;
    struct stack_check *fresh_checks;
    struct cached_frame *fresh;

    while (capacity < frames || capacity * 2 < checks)
        capacity *= 2;
    fresh = sysmem_map(cache_bytes(capacity));
    if (!fresh)
        return false;
    fresh_checks = (struct stack_check *)(fresh + capacity);
    if (c->count) {
        memcpy(fresh, c->frames, c->count * sizeof(*fresh));
        memcpy(fresh_checks, c->checks, c->checks_room * sizeof(*fresh_checks));
        if (c->capacity)
            sysmem_unmap(c->frames, cache_bytes(c->capacity));
    }
    c->frames = fresh;
    c->checks = fresh_checks;
    c->capacity = capacity;
    c->checks_room = capacity * 2;
    return true;
}

static inline void check_push(struct stack_check *checks, uint32_t *n, const uint64_t *at,
                              uint64_t value)
{
    checks[*n].at = at;
    checks[*n].value = value;
    ++*n;
}

/* How many checks belong to cached frame `kept` (counted from 1) and those outside of it. */
static uint32_t checks_of(const struct stack_cache *c, uint32_t kept)
{
    const struct cached_frame *f;

    if (kept == 0)
        return 0;
    f = &c->frames[kept - 1];
    return f->below + 1 + f->rbp_checked;
}

/*
 * Put the frames of a walk inside the `kept` outer ones: which of them need rbp
 * follows from the outer ones, so this goes outermost first.
 */
static bool cache_extend(struct walker *w, struct stack_cache *c, uint32_t kept)
{
    uint32_t n = checks_of(c, kept);
    bool needs = kept && (c->frames[kept - 1].flags & FRAME_NEEDS_RBP);
    uint32_t at = kept;

    if (kept + w->count > c->capacity || n + 2 * w->count > c->checks_room) {
        c->count = kept; /* what cache_grow keeps */
        if (!cache_grow(c, kept + w->count, n + 2 * w->count)) {
            c->count = 0;
            return false;
        }
    }
    for (uint32_t i = w->count; i > 0; i--) {
        const struct walked_frame *from = &w->frames[i - 1];
        struct cached_frame *to = &c->frames[at];

        if (from->rule == WALKED_CHECK) {
            check_push(c->checks, &n, from->slot, from->key);
            continue;
        }
        needs = rule_uses_rbp(from->rule) ||
                (needs && !(from->rule & RULE_RBP_SAVED) && RULE_KIND(from->rule) == RULE_RSP);
        to->slot = from->slot;
        to->key = from->key;
        to->rbp = from->rbp;
        to->below = n;
        to->rbp_checked = needs && from->rbp_slot;
        to->flags = (needs ? FRAME_NEEDS_RBP : 0) | (from->key & FRAME_EXACT ? FRAME_NO_JOIN : 0);
        check_push(c->checks, &n, from->slot, from->key & ~FRAME_EXACT);
        if (to->rbp_checked)
            check_push(c->checks, &n, from->rbp_slot, from->rbp);
        at++;
    }
    c->count = at;
    return true;
}

/* ------------------------------------------------------------ capturing -- */

static uint64_t trie_frame(uint64_t key, uint64_t rule)
{
    return (key & (FRAME_PC_MASK | FRAME_EXACT)) | rule_generation(rule) << FRAME_GENERATION_SHIFT;
}

/*
 * Walk until the cached stack is joined or the stack ends.  Returns how many of
 * the cached frames stay.  w->root tells how it ended if none do.
 */
static uint32_t walk(struct walker *w, const struct stack_cache *c)
{
    uint32_t join = c->count;

    for (;;) {
        uint64_t rule;

        if (joins(w, c, &join))
            return join;
        if (__builtin_expect(w->count - w->checks >= w->max, 0)) {
            w->root = STACK_ROOT_LIMITED;
            return 0;
        }
        if (__builtin_expect(frame_pc(w->pc) < 4096 || (w->pc & ~FRAME_EXACT) > FRAME_PC_MASK, 0)) {
            /* a zero ends the stack of a thread or fiber on purpose */
            w->root = w->pc == 0 ? STACK_ROOT_WHOLE : STACK_ROOT_TRUNCATED;
            walked_check(w, w->slot);
            return 0;
        }
        rule = rule_get(w->pc);
        if (__builtin_expect(rule == RULE_NONE, 0))
            rule = rule_make(w->pc);
        if (!walked_push(w, w->slot, w->pc, rule) || RULE_KIND(rule) == RULE_STOP)
            break;
        if (__builtin_expect(RULE_KIND(rule) == RULE_END, 0)) {
            w->root = STACK_ROOT_WHOLE;
            return 0;
        }
        if (RULE_KIND(rule) == RULE_FULL) {
            w->root = WALK_NEEDS_REGISTERS;
            return 0;
        }
        if (__builtin_expect(!step(w, rule), 0))
            break;
    }
    w->root = STACK_ROOT_TRUNCATED;
    return 0;
}

/* Give each new frame its trie node, outermost first. */
static uint32_t nodes_assign(struct walker *w, struct stack_cache *c, uint32_t kept)
{
    uint32_t node = kept ? c->frames[kept - 1].node : w->root;
    uint32_t count = c->count - kept;
    uint64_t frames[WALKED_INLINE];

    if (count == 0)
        return node;
    if (count > WALKED_INLINE || count == 1) {
        uint32_t at = kept;

        for (uint32_t i = w->count; i > 0; i--) {
            if (w->frames[i - 1].rule == WALKED_CHECK)
                continue;
            node = stacktrie_child(&session.segment, node,
                                   trie_frame(w->frames[i - 1].key, w->frames[i - 1].rule));
            if (node == 0)
                return 0;
            c->frames[at++].node = node;
        }
        return node;
    }
    for (uint32_t i = w->count, at = 0; i > 0; i--)
        if (w->frames[i - 1].rule != WALKED_CHECK)
            frames[at++] = trie_frame(w->frames[i - 1].key, w->frames[i - 1].rule);
    return suffix_nodes(node, frames, count, &c->frames[kept]);
}

static uint32_t stack_lost(struct stack_cache *c)
{
    c->count = 0;
    atomic_fetch_add_explicit(&segment_header(&session.segment)->stacks_lost, 1,
                              memory_order_relaxed);
    return STACK_ROOT_TRUNCATED;
}

/* Put a whole stack, innermost frame first, into the trie. */
static uint32_t path_insert(const struct walk *w)
{
    uint32_t node = w->root;

    for (uint32_t i = w->count; i > 0; i--) {
        node = stacktrie_child(&session.segment, node, w->frames[i - 1]);
        if (node == 0)
            return 0;
    }
    return node;
}

static bool walk_with(struct walk *w, const uint64_t *frame, uint32_t unwinder)
{
    w->count = 0;
    /* before our constructor ran it is not loaded yet */
    if (unwinder == UNWINDER_LIBUNWIND && walk_by_libunwind(w, &frame[1]))
        return true;
    if (unwinder == UNWINDER_FP)
        return walk_by_frame_pointers(w, frame);
    return walk_by_registers(w, &frame[1]);
}

/* A walk that does not use the cache, with the thread's overflow room for its frames. */
static uint32_t capture_walked(struct thread *t, const uint64_t *frame, uint32_t unwinder)
{
    struct stack_cache *c = &t->cache;
    uint32_t node = 0;
    struct walk w;

    c->count = 0;
    if (!c->overflow && !overflow_grow(c, NULL, 0))
        return stack_lost(c);
    for (;;) {
        w.frames = (uint64_t *)(void *)c->overflow;
        w.room = (uint32_t)(c->overflow_room * sizeof(*c->overflow) / sizeof(uint64_t));
        if (session.depth && session.depth < w.room)
            w.room = session.depth;
        if (!walk_with(&w, frame, unwinder))
            return stack_lost(c);
        if (w.root != STACK_ROOT_LIMITED || w.count == session.depth)
            break;
        if (!overflow_grow(c, NULL, 0))
            return stack_lost(c);
    }
    node = path_insert(&w);
    return node ? node : stack_lost(c);
}

/* The common case: rules, joined to the cached stack. */
static uint32_t capture_cached(struct thread *t, const uint64_t *frame)
{
    struct walked_frame inline_frames[WALKED_INLINE];
    struct stack_cache *c = &t->cache;
    struct walker w = {
        .thread = t,
        .frames = inline_frames,
        .room = WALKED_INLINE,
        .pc = frame[1],
        .slot = &frame[1],
        .sp = (uint64_t)(uintptr_t)&frame[2],
        .rbp = frame[0],
        .rbp_slot = &frame[0],
        .max = session.depth ? session.depth : UINT32_MAX,
    };
    uint32_t kept, node;

    if (session.depth)
        c->count = 0; /* a cut stack has no outer frames to join */

    w.limit = stack_limit(w.sp, &w.limit_known);
    kept = walk(&w, c);
    if (kept && w.count == 0)
        return c->frames[kept - 1].node; /* what lies further in stays: it may be joined again */
    if (__builtin_expect(w.root == WALK_NEEDS_REGISTERS, 0))
        return capture_walked(t, frame, UNWINDER_AUTO);
    if (!cache_extend(&w, c, kept))
        return stack_lost(c);
    node = nodes_assign(&w, c, kept);
    if (__builtin_expect(node == 0, 0))
        return stack_lost(c);
    if (kept == 0 && w.root == STACK_ROOT_TRUNCATED)
        atomic_fetch_add_explicit(&segment_header(&session.segment)->stacks_truncated, 1,
                                  memory_order_relaxed);
    return node;
}

static bool loader_was_active(struct stack_cache *c)
{
    /* acquire: pairs with modules_note_caller */
    uint32_t events = atomic_load_explicit(&loader_events, memory_order_acquire);

    if (__builtin_expect(c->loader_events == events, 1))
        return false;
    c->loader_events = events;
    return true;
}

uint32_t stack_capture(struct thread *t, const uint64_t *frame)
{
    uint32_t node;

    if (__builtin_expect(loader_was_active(&t->cache), 0)) {
        modules_revalidate();
        t->cache.count = 0; /* it may have frames of a module that is gone */
    }
    if (__builtin_expect(session.unwinder != UNWINDER_AUTO, 0))
        node = capture_walked(t, frame, session.unwinder);
    else
        node = capture_cached(t, frame);
    if (__builtin_expect(session.verify_every != 0, 0))
        verify_stack(t, frame, node);
    return node;
}

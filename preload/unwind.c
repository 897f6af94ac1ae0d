/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/unwind.h"

#include "preload/modules.h"
#include "preload/own.h"
#include "preload/rules.h"
#include "preload/session.h"
#include "preload/suffix.h"
#include "preload/thread.h"
#include "preload/verify.h"
#include "preload/walk.h"
#include "src/shared/stacktrie.h"

#include <string.h>

/* New frames that fit on the C stack; more go to the thread's overflow room. */
#define WALKED_INLINE 24u
/* walker.root when a rule is not enough */
#define WALK_NEEDS_REGISTERS STACK_ROOTS
/* A stack deeper than this is cut: 4 million frames would be 160 MB of cache. */
#define WALKED_MAX (4u << 20)

/* Where a walk is: the frame it has come to. */
struct place {
    uint64_t key; /* program counter, with FRAME_EXACT */
    const uint64_t *slot;
    uint64_t sp; /* slot + 8, except behind a signal frame */
    uint64_t rbp;
};

/* A walk under way. */
struct walker {
    struct thread *thread;
    struct walked_frame *frames; /* found so far, innermost first */
    uint32_t count, room;
    uint32_t checks; /* of `count`, those that are no frames */
    uint32_t root;   /* how it ended, if it did not join the cached stack */
    uint64_t limit;  /* no stack beyond this */
    uint64_t hash;   /* of the frames found so far, suffix.h */
    bool plain;      /* only rules that go by rsp, and no checks */
    struct place at;
};

/* ------------------------------------------------------ what is rare -- */

/* Make the thread's overflow room larger, or there at all, with `count` frames in it. */
static bool overflow_grow(struct stack_cache *c, const struct walked_frame *frames, uint32_t count)
{
    uint32_t room = c->overflow_room ? c->overflow_room * 2 : 512;
    struct walked_frame *fresh, *old;
    uint32_t had;

    if (room > WALKED_MAX)
        return false;
    fresh = own_map((size_t)room * sizeof(*fresh));
    if (!fresh)
        return false;
    if (count)
        memcpy(fresh, frames, count * sizeof(*fresh));
    /* in this order, since a jump out of a signal handler may end this anywhere */
    old = c->overflow;
    had = c->overflow_room;
    c->overflow = fresh;
    c->overflow_room = room;
    if (old)
        own_unmap(old, (size_t)had * sizeof(*fresh));
    return true;
}

/* More room for frames; false if there is none or no more are wanted. */
static bool room_make(struct walker *w)
{
    struct stack_cache *c = &w->thread->cache;

    if (session.depth && w->count - w->checks >= session.depth) {
        w->root = STACK_ROOT_LIMITED;
        return false;
    }
    if (w->frames != c->overflow && c->overflow_room > w->count)
        memcpy(c->overflow, w->frames, w->count * sizeof(*w->frames));
    else if (!overflow_grow(c, w->frames, w->count))
        return false;
    w->frames = c->overflow;
    w->room = c->overflow_room;
    if (session.depth && session.depth + w->checks < w->room)
        w->room = session.depth + w->checks;
    return true;
}

/* Note a word that decided about the next step beside its return address and rbp. */
static bool check_note(struct walker *w, const uint64_t *at)
{
    if (w->count == w->room && !room_make(w))
        return false;
    w->frames[w->count++] = (struct walked_frame){.slot = at, .key = *at, .rule = WALKED_CHECK};
    w->checks++;
    return true;
}

static bool in_stack(const struct walker *w, uint64_t at)
{
    return at >= w->at.sp && at <= w->limit - 8;
}

/* The stack was realigned, and the CFA put aside. */
static bool step_realigned(struct walker *w, uint64_t rule)
{
    uint64_t aside = w->at.rbp + (uint64_t)rule_cfa_offset(rule);
    uint64_t saved = w->at.rbp + (uint64_t)rule_rbp_offset(rule);
    uint64_t cfa;

    if (!in_stack(w, aside) || !in_stack(w, saved) ||
        !check_note(w, (const uint64_t *)(uintptr_t)aside))
        return false;
    cfa = *(const uint64_t *)(uintptr_t)aside;
    if (cfa <= w->at.sp || !in_stack(w, cfa - 8))
        return false;
    /* its own check, since cache_extend cannot tell from the rule where it lies */
    if (!check_note(w, (const uint64_t *)(uintptr_t)saved))
        return false;
    w->at.rbp = *(const uint64_t *)(uintptr_t)saved;
    w->at.slot = (const uint64_t *)(uintptr_t)(cfa - 8);
    w->at.sp = cfa;
    w->at.key = *w->at.slot;
    return true;
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
    const uint8_t *context = (const uint8_t *)(uintptr_t)w->at.sp;
    const uint64_t *rsp = (const void *)(context + UCONTEXT_RSP);
    const uint64_t *rbp = (const void *)(context + UCONTEXT_RBP);
    bool known;

    if (!in_stack(w, w->at.sp + UCONTEXT_RIP) || !check_note(w, rbp) || !check_note(w, rsp))
        return false;
    w->at.rbp = *rbp;
    w->at.slot = (const void *)(context + UCONTEXT_RIP);
    w->at.key = *w->at.slot | FRAME_EXACT;
    w->at.sp = *rsp;
    w->limit = stack_limit(w->at.sp, &known);
    return true;
}

/* A rule that is not the common kind. */
static __attribute__((noinline)) bool step_rarely(struct walker *w, uint64_t rule)
{
    switch (RULE_KIND(rule)) {
    case RULE_RBP_DEREF:
        return step_realigned(w, rule);
    case RULE_SIGNAL:
        return step_signal(w);
    case RULE_END:
        w->root = STACK_ROOT_WHOLE;
        return false;
    case RULE_FULL:
        w->root = WALK_NEEDS_REGISTERS;
        return false;
    default:
        /* the loader's first instructions have no unwind information, and no caller either */
        if (w->at.sp == session.stack_end)
            w->root = STACK_ROOT_WHOLE;
        return false;
    }
}

/* A stack that is not the thread's own is longer than was assumed, or the CFA makes no sense. */
static __attribute__((noinline)) bool limit_move(struct walker *w, uint64_t sp, uint64_t cfa)
{
    bool known;

    w->limit = stack_limit(sp, &known);
    return cfa >= sp + 8 && cfa <= w->limit;
}

/* -------------------------------------------------------------- joining -- */

/* Whether a walk that has come to cached frame `f` may take the cached frames from there on. */
static inline bool joins(const struct stack_cache *c, const struct cached_frame *f, uint64_t rbp)
{
    return (!(f->checks & FRAME_RBP_MATTERS) || f->rbp == rbp) &&
           stack_checks_hold(c->checks, f->checks & FRAME_CHECKS_BELOW);
}

/* -------------------------------------------------------------- keeping -- */

/* Sentinel, frames, sentinel, then two checks for each frame, in one mapping. */
static size_t cache_bytes(uint32_t frames)
{
    return (frames + 2) * sizeof(struct cached_frame) +
           (size_t)frames * 2 * sizeof(struct stack_check);
}

void stack_cache_place(struct stack_cache *c, void *memory, uint32_t frames)
{
    c->frames = (struct cached_frame *)memory + 1;
    c->frames[-1].slot = (const uint64_t *)UINTPTR_MAX;
    c->checks = (struct stack_check *)(c->frames + frames + 1);
    c->capacity = frames;
    c->checks_room = frames * 2;
}

static bool cache_grow(struct stack_cache *c, uint32_t frames, uint32_t checks)
{
    uint32_t capacity = c->capacity;
    struct stack_cache old = *c;
    void *fresh;

    while (capacity < frames || capacity * 2 < checks)
        capacity *= 2;
    fresh = own_map(cache_bytes(capacity));
    if (!fresh)
        return false;
    stack_cache_place(c, fresh, capacity);
    if (old.count) {
        memcpy(c->frames, old.frames, old.count * sizeof(*c->frames));
        memcpy(c->checks, old.checks, old.checks_room * sizeof(*c->checks));
    }
    if (!old.fixed)
        own_unmap(old.frames - 1, cache_bytes(old.capacity));
    c->fixed = false;
    return true;
}

/* How many checks belong to cached frame `kept` (counted from 1) and those outside of it. */
static uint32_t checks_of(const struct stack_cache *c, uint32_t kept)
{
    uint32_t checks = (c->frames + kept - 1)->checks; /* the sentinel's is not looked at */

    return kept ? (checks & FRAME_CHECKS_BELOW) + 1 + !!(checks & FRAME_RBP_CHECKED) : 0;
}

/*
 * Whether walking outwards from a frame with this rule uses rbp as it is in the
 * frame: for the step itself, or because the step leaves it for one further out.
 */
static inline bool uses_rbp(uint64_t rule, bool outer_does)
{
    return rule_uses_rbp(rule) | (outer_does & ((rule & (RULE_RBP_SAVED | 7)) == RULE_RSP));
}

/* Room for so many more frames, with their checks, behind the `kept` ones. */
static inline bool cache_room(struct stack_cache *c, uint32_t kept, uint32_t more)
{
    uint32_t checks = checks_of(c, kept) + 1 + 2 * more; /* one for rbp_check_again */

    if (__builtin_expect(kept + more <= c->capacity && checks <= c->checks_room, 1))
        return true;
    c->count = kept; /* what cache_grow keeps */
    return cache_grow(c, kept + more, checks);
}

static inline void check_push(struct stack_check *checks, uint32_t *n, const uint64_t *at,
                              uint64_t value)
{
    checks[*n].at = at;
    checks[*n].value = value;
    ++*n;
}

/*
 * Where the step from `inner` to frame `f` restored rbp from, if it did so by a
 * rule.  NULL: f is the innermost.
 */
static bool rbp_check(struct stack_cache *c, const struct walked_frame *inner,
                      const struct walked_frame *f, uint32_t *n)
{
    int64_t words;

    if (!inner) /* the caller of the entry point, which saved it below the return address */
        words = -1;
    else if (RULE_KIND(inner->rule) <= RULE_RBP && (inner->rule & RULE_RBP_SAVED))
        words = rule_rbp_offset(inner->rule) / 8 + 1; /* from the CFA to the slot below it */
    else
        return false;
    check_push(c->checks, n, f->slot + words, f->rbp);
    return true;
}

/*
 * Where the rbp of the innermost kept frame is restored from depends on the frame
 * inside of it, and that is another one now.
 */
static void rbp_check_again(const struct walker *w, struct stack_cache *c, uint32_t kept)
{
    struct cached_frame *f = c->frames + kept - 1;
    const struct walked_frame joined = {.slot = f->slot, .rbp = f->rbp};
    uint32_t n = (f->checks & FRAME_CHECKS_BELOW) + 1;

    f->checks &= ~FRAME_RBP_CHECKED;
    if (rbp_check(c, w->frames + w->count - 1, &joined, &n))
        f->checks |= FRAME_RBP_CHECKED;
}

/*
 * Put the frames of a walk inside the `kept` outer ones: which of them need rbp
 * follows from the outer ones, so this goes outermost first.
 */
static void cache_extend(const struct walker *w, struct stack_cache *c, uint32_t kept)
{
    bool matters = kept && (c->frames[kept - 1].checks & FRAME_RBP_MATTERS);
    struct cached_frame *to = c->frames + kept;
    uint32_t n;

    if (matters)
        rbp_check_again(w, c, kept);
    n = checks_of(c, kept);
    for (const struct walked_frame *from = w->frames + w->count; from-- > w->frames;) {
        if (from->rule == WALKED_CHECK) {
            check_push(c->checks, &n, from->slot, from->key);
            continue;
        }
        matters = uses_rbp(from->rule, matters);
        to->slot = from->slot;
        to->key = from->key & FRAME_EXACT ? 0 : from->key;
        to->rbp = from->rbp;
        to->checks = n | (matters ? FRAME_RBP_MATTERS : 0);
        check_push(c->checks, &n, from->slot, from->key & ~FRAME_EXACT);
        if (matters && rbp_check(c, from == w->frames ? NULL : from - 1, from, &n))
            to->checks |= FRAME_RBP_CHECKED;
        to++;
    }
    to->slot = NULL;
    c->count = (uint32_t)(to - c->frames);
}

/*
 * The same where no frame's rbp matters and every frame has one check, as in code
 * that keeps no frame pointers, following the path from `node` on the way.
 * Returns whether that path is this stack's.
 */
static bool cache_extend_plainly(const struct walker *w, struct stack_cache *c, uint32_t kept,
                                 uint32_t node, uint32_t parent)
{
    const struct trie_node *nodes = segment_node(&session.segment, 0);
    struct cached_frame *to = c->frames + kept + w->count;
    uint32_t n = checks_of(c, kept) + w->count;
    const struct walked_frame *from = w->frames;
    uint64_t differs = 0;

    to->slot = NULL;
    c->count = kept + w->count;
    for (uint32_t i = w->count; i > 0; i--, from++) {
        to--;
        n--;
        to->slot = from->slot;
        to->key = from->key;
        to->rbp = from->rbp;
        to->checks = n;
        c->checks[n].at = from->slot;
        c->checks[n].value = from->key;
        differs |= nodes[node].frame ^ rule_frame(from->key, from->rule);
        to->node = node;
        node = nodes[node].parent;
    }
    return differs == 0 && node == parent;
}

/* ------------------------------------------------------------ capturing -- */

/* The word where a return address should be is none. */
static void stop_at_word(struct walker *w, const struct place *at)
{
    /* threads and fibers are begun with a zero there */
    w->root = at->key == 0 ? STACK_ROOT_WHOLE : STACK_ROOT_TRUNCATED;
    check_note(w, at->slot);
}

/*
 * Where a new walk's frames lie is mostly where the last one's did.  Taking the
 * address from there, once it was compared, lets the processor go on to the next
 * frame before the rule of this one has arrived: the comparison is predicted,
 * while the sum would have to be waited for.
 */
static inline const uint64_t *same_slot(const struct cached_frame *f)
{
    const uint64_t *slot = f->slot;

    __asm__("" : "+r"(slot)); /* or the compiler would use the computed one, being equal */
    return slot;
}

/*
 * Walk until the cached stack is joined or the stack ends.  Returns how many of
 * the cached frames stay.  w->root tells how it ended if none do.
 */
static uint32_t walk(struct walker *w, const struct stack_cache *c)
{
    const struct cached_frame *near = c->frames + c->count; /* not further in than we are */
    struct place at = w->at;
    uint64_t hash = 0;
    uint64_t kinds = 0; /* of all rules, or-ed: just RULE_RSP if nothing else was met */

    w->root = STACK_ROOT_TRUNCATED;
    for (;;) {
        struct walked_frame *f;
        uint64_t rule, cfa;

        while (near[-1].slot <= at.slot)
            near--;
        if (near->slot == at.slot) {
            at.slot = same_slot(near);
            if (near->key == at.key && joins(c, near, at.rbp)) {
                w->hash = hash;
                w->plain = (kinds & 7) == RULE_RSP;
                return (uint32_t)(near + 1 - c->frames);
            }
        }
        rule = rule_get(at.key);
        if (__builtin_expect(rule == RULE_NONE, 0)) {
            if (!rule_key_valid(at.key)) {
                stop_at_word(w, &at);
                break;
            }
            rule = rule_make(at.key);
        }
        if (__builtin_expect(w->count == w->room, 0) && !room_make(w))
            break;
        f = &w->frames[w->count++];
        f->slot = at.slot;
        f->key = at.key;
        f->rule = rule;
        f->rbp = at.rbp;
        hash = suffix_hash(hash, at.key);
        kinds |= rule;
        if (__builtin_expect(RULE_KIND(rule) > RULE_RBP, 0)) {
            w->at = at;
            if (!step_rarely(w, rule))
                break;
            at = w->at;
            continue;
        }
        cfa = (RULE_KIND(rule) == RULE_RSP ? at.sp : at.rbp) + (uint64_t)rule_cfa_offset(rule);
        if (__builtin_expect(cfa - at.sp - 8 > w->limit - at.sp - 8, 0) &&
            !limit_move(w, at.sp, cfa))
            break;
        if (rule & RULE_RBP_SAVED)
            at.rbp = *(const uint64_t *)(uintptr_t)(cfa + (uint64_t)rule_rbp_offset(rule));
        at.slot = (const uint64_t *)(uintptr_t)(cfa - 8);
        at.sp = cfa;
        at.key = *at.slot;
    }
    w->hash = hash;
    w->plain = false;
    return 0;
}

/* Take what was walked into the cache, and find its trie nodes.  0: no memory, or the trie is full.
 */
static uint32_t walk_settle(const struct walker *w, struct stack_cache *c, uint32_t kept)
{
    uint32_t parent = kept ? c->frames[kept - 1].node : w->root;
    uint32_t frames = w->count - w->checks;
    uint32_t guess;

    if (frames == 0)
        return parent;
    guess = suffix_guess(parent, w->hash, frames);
    if (!cache_room(c, kept, w->count))
        return 0;
    if (w->plain && !(kept && (c->frames[kept - 1].checks & FRAME_RBP_MATTERS))) {
        if (cache_extend_plainly(w, c, kept, guess, parent) && guess)
            return guess;
    } else {
        cache_extend(w, c, kept);
        if (guess && suffix_follow(guess, parent, w->frames, frames, c->frames + kept))
            return guess;
    }
    return suffix_make(parent, w->frames, frames, w->hash, c->frames + kept);
}

static uint32_t stack_lost(struct stack_cache *c)
{
    stack_cache_forget(c);
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

/* What libunwind itself maps is no event, nor one of a signal handler's. */
static bool walk_by_other(struct walk *w, const uint64_t *frame)
{
    uint32_t busy = local.busy;
    bool whole;

    local.busy = BUSY_CALLING;
    whole = walk_by_libunwind(w, &frame[1]);
    local.busy = busy;
    return whole;
}

static bool walk_with(struct walk *w, const uint64_t *frame, uint32_t unwinder)
{
    w->count = 0;
    /* before our constructor ran it is not loaded yet */
    if (unwinder == UNWINDER_LIBUNWIND && walk_by_other(w, frame))
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

    stack_cache_forget(c);
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

/* The memo, unless the innermost frame is the cached one: then the walk ends where it begins. */
static inline uint32_t memo_glance(struct thread *t, uint64_t key, const uint64_t *slot)
{
    const struct stack_cache *c = &t->cache;
    const struct cached_frame *last = c->frames + c->count - 1; /* or the sentinel */

    if (!t->memo.memo || (last->slot == slot && last->key == key))
        return 0;
    return memo_find(&t->memo, c, key, slot);
}

/* The common case: rules, joined to the cached stack. */
static uint32_t capture_cached(struct thread *t, const uint64_t *frame)
{
    struct walked_frame inline_frames[WALKED_INLINE];
    struct stack_cache *c = &t->cache;
    struct walker w;
    uint32_t kept, node;
    bool known;

    if (session.depth)
        stack_cache_forget(c); /* a cut stack has no outer frames to join */

    w.thread = t;
    w.frames = inline_frames;
    w.count = w.checks = 0;
    w.room = session.depth && session.depth < WALKED_INLINE ? session.depth : WALKED_INLINE;
    w.at.key = frame[1];
    w.at.slot = &frame[1];
    w.at.sp = (uint64_t)(uintptr_t)&frame[2];
    w.at.rbp = frame[0];
    w.limit = stack_limit(w.at.sp, &known);
    node = memo_glance(t, w.at.key, w.at.slot);
    if (node)
        return node;
    kept = walk(&w, c);
    if (kept && w.count == 0)
        return c->frames[kept - 1].node; /* what lies further in stays: it may be joined again */
    if (__builtin_expect(w.root == WALK_NEEDS_REGISTERS, 0))
        return capture_walked(t, frame, UNWINDER_AUTO);
    node = walk_settle(&w, c, kept);
    if (kept && w.plain && w.checks == 0 && node &&
        !(c->frames[kept - 1].checks & FRAME_RBP_MATTERS))
        memo_keep(&t->memo, c, w.frames, w.count, kept - 1, node);
    if (__builtin_expect(node == 0, 0))
        return stack_lost(c);
    if (kept == 0 && w.root == STACK_ROOT_TRUNCATED)
        atomic_fetch_add_explicit(&segment_header(&session.segment)->stacks_truncated, 1,
                                  memory_order_relaxed);
    return node;
}

/* The loader was active since this thread's last walk: what is kept may be of a module that is
 * gone. */
static void loader_catch_up(struct thread *t, uint32_t events)
{
    if (modules_revalidate())
        t->cache.loader_events = events; /* else once more before the next walk */
    memo_forget(&t->memo);
    stack_cache_forget(&t->cache);
}

uint32_t stack_capture(struct thread *t, const uint64_t *frame)
{
    /* acquire: pairs with modules_note_caller */
    uint32_t events = atomic_load_explicit(&loader_events, memory_order_acquire);
    uint32_t node;

    if (__builtin_expect(t->cache.loader_events != events, 0))
        loader_catch_up(t, events);
    if (__builtin_expect(session.unwinder != UNWINDER_AUTO, 0))
        node = capture_walked(t, frame, session.unwinder);
    else
        node = capture_cached(t, frame);
    if (__builtin_expect(session.verify_every != 0, 0))
        verify_stack(t, frame, node);
    return node;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/memo.h"

#include "preload/own.h"

#include <stdatomic.h>
#include <string.h>

#define MEMOS_MAX 16u       /* threads that get one: a megabyte in all */
#define WALKS_TO_GET 4096u  /* walks after which a thread gets one */
#define WINDOW 1024u        /* walks between judgements */
#define HITS_WANTED 128u    /* of WINDOW, or it rests */
#define REST (16u * WINDOW) /* walks */

static _Atomic uint32_t memos; /* given out, or asked for in vain */

static void memo_take(struct memo_user *u)
{
    /* relaxed: only a count */
    if (atomic_fetch_add_explicit(&memos, 1, memory_order_relaxed) < MEMOS_MAX)
        u->memo = own_map(sizeof(*u->memo));
    u->denied = u->memo == NULL;
}

/* Once in a while: is it worth the looking? */
static void judge(struct memo_user *u)
{
    if (u->hits < HITS_WANTED)
        u->rest = REST;
    u->walks = u->hits = 0;
}

uint32_t memo_find(struct memo_user *u, const struct stack_cache *c, uint64_t key,
                   const uint64_t *slot)
{
    const struct memo_entry *e;
    const struct cached_frame *f;

    if (!u->memo || u->rest)
        return 0;
    e = memo_entry(u->memo, key, slot);
    if (e->key != key || e->slot != slot || e->join >= c->count)
        return 0;
    f = &c->frames[e->join];
    if (f->node != e->parent || f->slot != e->join_slot || (f->checks & FRAME_RBP_MATTERS))
        return 0;
    /* innermost first, and no further than the first that differs: see unwind.c */
    for (uint32_t i = 0; i < e->count; i++)
        if (*e->checks[i].at != e->checks[i].value)
            return 0;
    if (!stack_checks_hold(c->checks, f->checks & FRAME_CHECKS_BELOW))
        return 0;
    u->hits++;
    if (++u->walks == WINDOW)
        judge(u);
    return e->node;
}

void memo_keep(struct memo_user *u, const struct stack_cache *c, const struct walked_frame *frames,
               uint32_t count, uint32_t join, uint32_t node)
{
    struct memo_entry *e;

    if (u->rest) {
        u->rest--;
        return;
    }
    u->walks++;
    if (!u->memo) {
        if (u->walks >= WALKS_TO_GET && !u->denied)
            memo_take(u);
        return;
    }
    if (u->walks >= WINDOW)
        judge(u);
    if (count > MEMO_FRAMES || c->frames[join].key == 0)
        return;
    e = memo_entry(u->memo, frames[0].key, frames[0].slot);
    e->key = frames[0].key;
    e->slot = frames[0].slot;
    e->node = node;
    e->join = join;
    e->join_slot = c->frames[join].slot;
    e->parent = c->frames[join].node;
    e->count = count;
    for (uint32_t i = 1; i < count; i++)
        e->checks[i - 1] = (struct stack_check){.at = frames[i].slot, .value = frames[i].key};
    e->checks[count - 1] =
        (struct stack_check){.at = c->frames[join].slot, .value = c->frames[join].key};
}

void memo_forget(struct memo_user *u)
{
    if (u->memo)
        memset(u->memo, 0, sizeof(*u->memo));
}

void memos_forget(void)
{
    /* relaxed: only a count */
    atomic_store_explicit(&memos, 0, memory_order_relaxed);
}

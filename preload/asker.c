/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/asker.h"

#include "preload/session.h"
#include "preload/thread.h"
#include "preload/walk.h"
#include "src/shared/rawcall.h"

/* Whether nobody waits for that search any more, or nobody ever did. */
static bool is_over(const struct segment_header *h, uint64_t asked)
{
    /* relaxed: only whether an entry may be taken again */
    uint32_t done = atomic_load_explicit(&h->searches_done, memory_order_relaxed);

    return asked != ASKER_WRITING && (int32_t)(done - (uint32_t)asked) >= 0;
}

static struct asker *claim(struct segment_header *h)
{
    for (uint32_t i = 0; i < ASKERS; i++) {
        struct asker *a = &h->askers[i];
        uint64_t asked = atomic_load_explicit(&a->asked, memory_order_relaxed);

        /* acquire: what is written to the entry comes after what its last owner did */
        if (is_over(h, asked) &&
            atomic_compare_exchange_strong_explicit(&a->asked, &asked, ASKER_WRITING,
                                                    memory_order_acquire, memory_order_relaxed))
            return a;
    }
    return NULL;
}

/* Our own code must not be taken for the program's while the walk looks for modules. */
static void walk_to_caller(const uint64_t *frame, struct walk_state *state)
{
    uint32_t was = local.busy;

    local.busy = BUSY_RECORDING;
    walk_out_of(NULL, 0, &frame[1], state);
    local.busy = was;
}

void asker_note(const uint64_t *frame)
{
    struct segment_header *h = segment_header(&session.segment);
    struct walk_state state;
    struct asker *a;

    walk_to_caller(frame, &state);
    a = claim(h);
    if (!a)
        return;
    a->tid = (uint32_t)rawcall(SYS_gettid, 0, 0, 0);
    a->stack_pointer = state.stack_pointer;
    for (unsigned i = 0; i < 6; i++)
        a->registers[i] = state.registers[i];
    /*
     * The number asked for next, or an earlier one where others ask meanwhile: the entry is over
     * then before the answer comes.  Relaxed load: any number does; release store: the entry is
     * complete.
     */
    atomic_store_explicit(
        &a->asked, atomic_load_explicit(&h->searches_asked, memory_order_relaxed) + UINT64_C(1),
        memory_order_release);
}

bool asker_waits(uint64_t stack_pointer)
{
    struct segment_header *h = segment_header(&session.segment);
    uint32_t tid = (uint32_t)rawcall(SYS_gettid, 0, 0, 0);

    for (uint32_t i = 0; i < ASKERS; i++) {
        const struct asker *a = &h->askers[i];
        /* relaxed: this thread wrote its own */
        uint64_t asked = atomic_load_explicit(&a->asked, memory_order_relaxed);

        if (asked != ASKER_WRITING && !is_over(h, asked) && a->tid == tid &&
            a->stack_pointer - stack_pointer - 1 < ASKER_FRAMES)
            return true;
    }
    return false;
}

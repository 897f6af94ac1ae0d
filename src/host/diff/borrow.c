// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/borrow.h"

#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

/* How much is known of a frame: nothing, its function, its line. */
static int knowledge(const struct profile *p, uint32_t frame)
{
    const struct profile_line *line = &p->lines[p->frames[frame].first_line];

    return line->line ? 2 : line->function ? 1 : 0;
}

/*
 * Which instruction of its module the frame is; all zero where that cannot be
 * said: a frame that was read from a report has no address in its module.
 */
static struct intern_key instruction(const struct places *places, uint32_t frame)
{
    const struct profile *p = places->profile;
    uint64_t value = p->frames[frame].value, pc = frame_pc(value);
    uint32_t module = p->frames[frame].module;
    const struct profile_module *m;

    if (module >= p->module_count)
        return (struct intern_key){0};
    m = &p->modules[module];
    if (m->build_id_size == 0 || m->start >= m->end || pc < m->start || pc > m->end)
        return (struct intern_key){0};
    value &= ~(FRAME_PC_MASK | (FRAME_GENERATION_MASK << FRAME_GENERATION_SHIFT));
    return (struct intern_key){places->module_paths[module], pc - m->bias, value};
}

static bool is_known(struct intern_key key)
{
    return key.a || key.b || key.c;
}

/* The old frame's instruction as one of the new side's module. */
static struct intern_key paired_instruction(const struct places *before, const struct places *after,
                                            const struct pairing *pairing, uint32_t frame)
{
    struct intern_key key = instruction(before, frame);
    uint32_t module = before->profile->frames[frame].module, partner;

    if (!is_known(key))
        return key;
    partner = pairing->modules[module];
    if (!pairing_same_build(before->profile, module, after->profile, partner))
        return (struct intern_key){0};
    key.a = after->module_paths[partner];
    return key;
}

static void compare_frames(struct borrow *b, const struct profile *p, uint32_t before,
                           const struct profile *q, uint32_t after)
{
    int old_knows = knowledge(p, before), new_knows = knowledge(q, after);

    if (!pairing_same_build(p, p->frames[before].module, q, q->frames[after].module))
        return;
    if (old_knows < new_knows)
        b->of_old[before] = after;
    else if (new_knows < old_knows)
        b->of_new[after] = before;
}

static bool fill(struct borrow *b, const struct places *before, const struct places *after,
                 const struct pairing *pairing)
{
    const struct profile *p = before->profile, *q = after->profile;
    uint32_t *frames = malloc(((size_t)q->frame_count + 1) * sizeof *frames);
    struct intern known;
    bool ok = frames != NULL;

    intern_init(&known);
    for (uint32_t f = 0; ok && f < q->frame_count; f++) {
        struct intern_key key = instruction(after, f);
        uint32_t number = is_known(key) ? intern_add(&known, key, NULL) : 0;

        ok = number != INTERN_NONE;
        if (ok && is_known(key))
            frames[number] = f;
    }
    for (uint32_t f = 0; ok && f < p->frame_count; f++) {
        struct intern_key key = paired_instruction(before, after, pairing, f);
        uint32_t number = is_known(key) ? intern_find(&known, key) : INTERN_NONE;

        if (number != INTERN_NONE)
            compare_frames(b, p, f, q, frames[number]);
    }
    intern_release(&known);
    free(frames);
    return ok;
}

int borrow_init(struct borrow *b, const struct places *before, const struct places *after,
                const struct pairing *pairing, struct error *e)
{
    size_t olds = before->profile->frame_count, news = after->profile->frame_count;

    *b = (struct borrow){.of_old = malloc((olds + 1) * sizeof *b->of_old),
                         .of_new = malloc((news + 1) * sizeof *b->of_new)};
    if (b->of_old && b->of_new) {
        memset(b->of_old, 0xff, olds * sizeof *b->of_old);
        memset(b->of_new, 0xff, news * sizeof *b->of_new);
        if (fill(b, before, after, pairing))
            return 0;
    }
    borrow_release(b);
    return error_set(e, ERROR_MEMORY, "out of memory while comparing");
}

void borrow_release(struct borrow *b)
{
    free(b->of_old);
    free(b->of_new);
    *b = (struct borrow){0};
}

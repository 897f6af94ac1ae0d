// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/profile-maker.h"

#include "src/host/profile/changes.h"
#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `*items` with room for one more item of `size` bytes; returns the new one, zeroed. */
static void *grow(void **items, uint32_t *count, size_t size)
{
    char *grown = realloc(*items, (*count + 1) * size);

    assert_non_null(grown);
    *items = grown;
    memset(grown + *count * size, 0, size);
    return grown + (*count)++ * size;
}

#define GROW(p, name) grow((void **)&(p)->name##s, &(p)->name##_count, sizeof *(p)->name##s)

static string_id make_string(struct profile *p, const char *text)
{
    uint32_t id = strings_add(&p->strings, text);

    assert_int_not_equal(id, UINT32_MAX);
    return id;
}

void make_profile(struct profile *p)
{
    profile_init(p);
    make_string(p, "");
    p->process.program = make_string(p, "app");
    p->process.executable = make_string(p, "/bin/app");
    p->process.command = make_string(p, "app 'two words'");
    p->process.pid = 4242;
    p->process.seconds = 0.43;
    p->process.exit_kind = EXIT_STATUS;
    for (uint32_t i = 0; i < STACK_ROOTS; i++)
        ((struct profile_node *)GROW(p, node))->frame = NO_FRAME;
}

uint32_t make_module(struct profile *p, const char *path, uint32_t flags)
{
    struct profile_module *m = GROW(p, module);

    m->path = make_string(p, path);
    m->flags = flags;
    return p->module_count - 1;
}

static void make_line(struct profile *p, const char *function, const char *file, uint32_t line,
                      uint64_t offset)
{
    struct profile_line *l = GROW(p, line);

    l->function = make_string(p, function);
    l->file = make_string(p, file);
    l->line = line;
    l->offset = offset;
}

uint32_t make_frame(struct profile *p, uint32_t module, const char *function, const char *file,
                    uint32_t line, uint64_t offset)
{
    struct profile_frame *f = GROW(p, frame);

    f->value = 0x400000 + p->frame_count;
    f->module = module;
    f->first_line = p->line_count;
    f->line_count = 1;
    make_line(p, function, file, line, offset);
    return p->frame_count - 1;
}

void make_inlined_into(struct profile *p, const char *function, const char *file, uint32_t line)
{
    p->lines[p->line_count - 1].flags |= LINE_INLINED;
    make_line(p, function, file, line, 0);
    p->frames[p->frame_count - 1].line_count++;
}

uint32_t make_node(struct profile *p, uint32_t parent, uint32_t frame)
{
    struct profile_node *n = GROW(p, node);

    n->parent = parent;
    n->frame = frame;
    return p->node_count - 1;
}

uint32_t make_thread(struct profile *p, int64_t tid, const char *name)
{
    struct profile_thread *t = GROW(p, thread);

    t->tid = tid;
    t->name = make_string(p, name);
    return p->thread_count - 1;
}

struct profile_site *make_site(struct profile *p, uint32_t node, uint32_t thread, uint64_t blocks,
                               uint64_t size)
{
    struct profile_site *s = GROW(p, site);

    s->node = node;
    s->thread = thread;
    s->stats = (struct profile_stats){.live_bytes = blocks * size,
                                      .live_blocks = blocks,
                                      .peak_bytes = blocks * size,
                                      .peak_blocks = blocks,
                                      .total_bytes = blocks * size,
                                      .total_blocks = blocks,
                                      .smallest = size,
                                      .largest = size};
    return s;
}

struct profile_leak *make_leak(struct profile *p, uint32_t site, uint32_t kind, uint64_t blocks,
                               uint64_t size)
{
    struct profile_leak *l = GROW(p, leak);

    p->search.number = 1;
    p->search.cause = SEARCH_AT_EXIT;
    p->search.method = SEARCH_PTRACE;
    l->site = site;
    l->kind = kind;
    l->blocks = blocks;
    l->bytes = blocks * size;
    l->smallest = l->largest = size;
    l->example = 0x10000 + p->leak_count * 0x1000u;
    return l;
}

uint32_t make_root(struct profile *p, uint32_t kind, const char *name)
{
    struct profile_root *r = GROW(p, root);

    r->kind = kind;
    r->name = make_string(p, name);
    return p->root_count - 1;
}

struct profile_change make_change(uint32_t site, int64_t blocks, uint64_t size)
{
    uint64_t count = (uint64_t)blocks, allocated = blocks > 0 ? count : 0;

    return (struct profile_change){.site = site,
                                   .stats = {.live_bytes = count * size,
                                             .live_blocks = count,
                                             .total_bytes = allocated * size,
                                             .total_blocks = allocated,
                                             .smallest = size - UINT64_MAX,
                                             .largest = size}};
}

void make_snapshot(struct profile *p, double seconds, const char *label,
                   const struct profile_change *changes, uint32_t count)
{
    const struct profile_moment *last = p->moment_count ? &p->moments[p->moment_count - 1] : NULL;
    uint32_t changes_count = p->moment_count;
    struct profile_moment m = last ? *last : (struct profile_moment){0};
    struct profile_changes *packed;
    struct error e;

    m.seconds = seconds;
    m.label = make_string(p, label);
    m.kind = MOMENT_SNAPSHOT;
    m.cause = MOMENT_BY_COMMAND;
    m.number++;
    for (uint32_t i = 0; i < count; i++) {
        m.live_bytes += changes[i].stats.live_bytes;
        m.live_blocks += changes[i].stats.live_blocks;
        m.total_bytes += changes[i].stats.total_bytes;
        m.total_blocks += changes[i].stats.total_blocks;
    }
    *(struct profile_moment *)GROW(p, moment) = m;
    packed = grow((void **)&p->changes, &changes_count, sizeof *packed);
    assert_int_equal(changes_encode(packed, changes, count, &e), 0);
}

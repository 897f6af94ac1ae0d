// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/profile-check.h"

#include "src/host/profile/search-check.h"
#include "src/shared/geometry.h"
#include "src/shared/guarded.h"
#include "src/shared/record.h"

static bool process_valid(const struct profile *p, uint32_t strings)
{
    const struct profile_process *process = &p->process;
    const string_id ids[] = {process->program, process->executable,      process->command,
                             process->host,    process->memprof_version, process->allocator};

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] && ids[i] >= strings)
            return false;
    return process->exit_kind <= EXIT_DETACHED;
}

static bool cut_valid(const struct profile *p)
{
    return p->cut.kind == CUT_NONE ||
           (p->cut.kind <= CUT_DAMAGED && p->incomplete && p->cut.offset <= p->cut.file_size);
}

/* Each of these says whether row `i` of a table is valid in itself, with so many strings. */
typedef bool row_valid(const struct profile *p, uint32_t i, uint32_t strings);

static bool string_valid(string_id id, uint32_t strings)
{
    return id == 0 || id < strings;
}

static bool module_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_module *m = &p->modules[i];

    return string_valid(m->path, strings) && m->start <= m->end &&
           m->build_id_size <= sizeof m->build_id;
}

static bool line_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    return string_valid(p->lines[i].function, strings) && string_valid(p->lines[i].file, strings);
}

static bool thread_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    return string_valid(p->threads[i].name, strings);
}

/* Snapshots are numbered upwards, checkpoints not at all. */
static bool moment_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_moment *m = &p->moments[i];

    return string_valid(m->label, strings) && m->cause <= MOMENT_BY_PROGRAM &&
           (m->kind == MOMENT_CHECKPOINT ? m->number == 0
                                         : m->kind == MOMENT_SNAPSHOT && m->number != 0);
}

static bool mark_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    return string_valid(p->marks[i].label, strings);
}

static bool domain_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    return i < DOMAINS_MAX && string_valid(p->domains[i].name, strings);
}

/* And these whether it refers to rows that are there. */
static bool frame_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_frame *f = &p->frames[i];

    (void)strings;
    return (f->module < p->module_count || f->module == NO_MODULE) && f->line_count >= 1 &&
           f->line_count <= PROFILE_FRAME_LINES_MAX && f->first_line < p->line_count &&
           f->line_count <= p->line_count - f->first_line;
}

static bool node_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_node *n = &p->nodes[i];

    (void)strings;
    if (p->node_count < STACK_ROOTS)
        return false;
    if (i < STACK_ROOTS)
        return n->parent <= i && n->frame == NO_FRAME;
    return n->parent < i && n->frame < p->frame_count;
}

static bool site_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    return p->sites[i].node < p->node_count && p->sites[i].thread < p->thread_count &&
           p->sites[i].domain < DOMAINS_MAX;
}

static bool mark_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    return p->marks[i].thread < p->thread_count;
}

static bool fault_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    return p->faults[i].kind >= 1 && p->faults[i].kind < GUARDED_KINDS;
}

static bool fault_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_fault *f = &p->faults[i];

    (void)strings;
    return f->allocated_node < p->node_count && f->freed_node < p->node_count &&
           f->noticed_node < p->node_count && f->thread < p->thread_count;
}

static bool size_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    return p->sizes[i].site < p->site_count;
}

static bool class_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)p;
    (void)strings;
    return i < POOL_CLASSES;
}

static bool pool_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_pool *pool = &p->pools[i];

    (void)strings;
    return pool->size_class < POOL_CLASSES && pool->address % POOL_BYTES == 0 &&
           pool->used <= POOL_BYTES / POOL_STEP && (i == 0 || pool[-1].address < pool->address);
}

static bool snapshot_pool_valid(const struct profile *p, uint32_t i, uint32_t strings)
{
    const struct profile_snapshot_pool *pool = &p->snapshot_pools[i];

    (void)strings;
    return pool->snapshot && pool->size_class < POOL_CLASSES && pool->address % POOL_BYTES == 0 &&
           pool->used <= geometry_capacity((uintptr_t)pool->address, pool->size_class) &&
           (i == 0 || pool[-1].snapshot < pool->snapshot ||
            (pool[-1].snapshot == pool->snapshot && pool[-1].address < pool->address));
}

static bool pin_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    return p->pins[i].pool < p->pool_count && p->pins[i].site < p->site_count;
}

static bool moment_joined(const struct profile *p, uint32_t i, uint32_t strings)
{
    (void)strings;
    if (!p->changes || !p->changes[i].bytes)
        return false;
    for (uint32_t before = i; p->moments[i].number && before-- > 0;)
        if (p->moments[before].number)
            return p->moments[before].number < p->moments[i].number;
    return true;
}

struct table {
    const char *name;
    row_valid *valid;
    size_t count; /* offset of the table's size in struct profile */
};

#define TABLE(name, valid)                                                                         \
    {                                                                                              \
#name, valid, offsetof(struct profile, name##_count)                                       \
    }

static const struct table in_themselves[] = {
    TABLE(module, module_valid), TABLE(line, line_valid),
    TABLE(thread, thread_valid), TABLE(moment, moment_valid),
    TABLE(mark, mark_valid),     TABLE(domain, domain_valid),
    TABLE(fault, fault_valid),   TABLE(class, class_valid),
    TABLE(pool, pool_valid),     TABLE(snapshot_pool, snapshot_pool_valid),
};

static const struct table joined[] = {
    TABLE(frame, frame_joined), TABLE(node, node_joined),     TABLE(site, site_joined),
    TABLE(mark, mark_joined),   TABLE(moment, moment_joined), TABLE(fault, fault_joined),
    TABLE(size, size_joined),   TABLE(pin, pin_joined),
};

static int check(const struct profile *p, const struct table *tables, size_t count,
                 uint32_t strings, struct error *e)
{
    for (size_t t = 0; t < count; t++) {
        uint32_t rows = *(const uint32_t *)(const void *)((const char *)p + tables[t].count);

        for (uint32_t i = 0; i < rows; i++)
            if (!tables[t].valid(p, i, strings))
                return error_set(e, ERROR_FORMAT, "%s %u refers to something that is not there",
                                 tables[t].name, i);
    }
    return 0;
}

int profile_check_rows(const struct profile *p, uint32_t strings, struct error *e)
{
    if (!process_valid(p, strings))
        return error_set(e, ERROR_FORMAT, "the process refers to strings that are not there");
    if (!cut_valid(p))
        return error_set(e, ERROR_FORMAT, "what it says of being cut makes no sense");
    return check(p, in_themselves, sizeof in_themselves / sizeof *in_themselves, strings, e);
}

static int check_sharing(const struct profile *p, struct error *e)
{
    uint64_t referred = 0, rows = (uint64_t)p->line_count + p->frame_count;

    for (uint32_t i = 0; i < p->frame_count; i++)
        referred += p->frames[i].line_count;
    if (referred <= rows * PROFILE_LINES_SHARED)
        return 0;
    return error_set(e, ERROR_FORMAT, "its frames repeat their lines without end");
}

int profile_check(const struct profile *p, struct error *e)
{
    if (profile_check_rows(p, p->strings.count, e) != 0)
        return -1;
    if (check(p, joined, sizeof joined / sizeof *joined, p->strings.count, e) != 0 ||
        search_check(p, p->site_count, p->strings.count, e) != 0)
        return -1;
    return check_sharing(p, e);
}

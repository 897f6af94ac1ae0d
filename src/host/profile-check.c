// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile-check.h"

#include "src/shared/record.h"

static bool string_valid(const struct profile *p, string_id id)
{
    return id == 0 || id < p->strings.count;
}

static bool process_valid(const struct profile *p)
{
    const struct profile_process *process = &p->process;

    return string_valid(p, process->program) && string_valid(p, process->executable) &&
           string_valid(p, process->command) && string_valid(p, process->host) &&
           string_valid(p, process->memprof_version) && process->exit_kind <= EXIT_EXECUTED;
}

static bool module_valid(const struct profile *p, uint32_t i)
{
    const struct profile_module *m = &p->modules[i];

    return string_valid(p, m->path) && m->start <= m->end && m->build_id_size <= sizeof m->build_id;
}

static bool line_valid(const struct profile *p, uint32_t i)
{
    return string_valid(p, p->lines[i].function) && string_valid(p, p->lines[i].file);
}

static bool frame_valid(const struct profile *p, uint32_t i)
{
    const struct profile_frame *f = &p->frames[i];

    return (f->module < p->module_count || f->module == NO_MODULE) && f->line_count >= 1 &&
           f->line_count <= PROFILE_FRAME_LINES_MAX && f->first_line < p->line_count &&
           f->line_count <= p->line_count - f->first_line;
}

static bool node_valid(const struct profile *p, uint32_t i)
{
    const struct profile_node *n = &p->nodes[i];

    if (p->node_count < STACK_ROOTS)
        return false;
    if (i < STACK_ROOTS)
        return n->parent <= i && n->frame == NO_FRAME;
    return n->parent < i && n->frame < p->frame_count;
}

static bool site_valid(const struct profile *p, uint32_t i)
{
    return p->sites[i].node < p->node_count && p->sites[i].thread < p->thread_count;
}

static bool thread_valid(const struct profile *p, uint32_t i)
{
    return string_valid(p, p->threads[i].name);
}

static const struct {
    const char *name;
    bool (*valid)(const struct profile *p, uint32_t i);
    size_t count; /* offset of the table's size in struct profile */
} tables[] = {
    {"module", module_valid, offsetof(struct profile, module_count)},
    {"line", line_valid, offsetof(struct profile, line_count)},
    {"frame", frame_valid, offsetof(struct profile, frame_count)},
    {"node", node_valid, offsetof(struct profile, node_count)},
    {"site", site_valid, offsetof(struct profile, site_count)},
    {"thread", thread_valid, offsetof(struct profile, thread_count)},
};

int profile_check(const struct profile *p, struct error *e)
{
    if (!process_valid(p))
        return error_set(e, ERROR_FORMAT, "the process refers to strings that are not there");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
        uint32_t count = *(const uint32_t *)(const void *)((const char *)p + tables[t].count);

        for (uint32_t i = 0; i < count; i++)
            if (!tables[t].valid(p, i))
                return error_set(e, ERROR_FORMAT, "%s %u refers to something that is not there",
                                 tables[t].name, i);
    }
    return 0;
}

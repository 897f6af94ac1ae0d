// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/merge.h"

#include "src/host/profile/merge-search.h"
#include "src/shared/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The profile being added, with its rows as rows of the result. */
struct source {
    struct merge *merge;
    const struct profile *from;
    uint32_t *modules, *frames, *nodes, *threads, *domains;
};

static string_id copy_text(struct merge *m, const struct profile *from, string_id id)
{
    return id ? assembly_text(&m->assembly, profile_text(from, id)) : 0;
}

static uint32_t intern(struct merge *m, struct intern *table, struct intern_key key, bool *added)
{
    uint32_t number = intern_add(table, key, added);

    if (number != INTERN_NONE)
        return number;
    m->assembly.failed = true;
    return 0;
}

/* ----------------------------------------------------------- modules -- */

static struct intern_key module_key(const struct profile_module *row)
{
    struct intern_key key = {row->path, 0, 1};

    /* Build IDs are hashes: 16 bytes of one tell builds apart. */
    if (row->build_id_size >= 16) {
        memcpy(&key, row->build_id, 16);
        key.c = 0;
    }
    return key;
}

static void add_modules(struct source *s)
{
    struct merge *m = s->merge;

    for (uint32_t i = 0; i < s->from->module_count && !m->assembly.failed; i++) {
        struct profile_module row = s->from->modules[i];
        bool added;

        row.path = copy_text(m, s->from, row.path);
        s->modules[i] = intern(m, &m->modules, module_key(&row), &added);
        if (added)
            assembly_module(&m->assembly, &row);
    }
}

/* ------------------------------------------------------------ frames -- */

/*
 * The frame's address as it would be in the process that the module's row comes
 * from: only the offset matters, but it stays one that can be looked up later.
 */
static uint64_t moved_value(const struct source *s, const struct profile_frame *frame)
{
    const struct profile_module *here = &s->from->modules[frame->module];
    const struct profile_module *there = &s->merge->profile->modules[s->modules[frame->module]];
    uint64_t pc = frame_pc(frame->value) - here->bias + there->bias;

    return (frame->value & ~(FRAME_PC_MASK | (FRAME_GENERATION_MASK << FRAME_GENERATION_SHIFT))) |
           (uint64_t)(there->generation & FRAME_GENERATION_MASK) << FRAME_GENERATION_SHIFT |
           (pc & FRAME_PC_MASK);
}

static uint32_t copy_lines(struct source *s, const struct profile_frame *frame)
{
    uint32_t first = s->merge->profile->line_count;

    for (uint32_t i = 0; i < frame->line_count; i++) {
        struct profile_line row = s->from->lines[frame->first_line + i];

        row.function = copy_text(s->merge, s->from, row.function);
        row.file = copy_text(s->merge, s->from, row.file);
        assembly_line(&s->merge->assembly, &row);
    }
    return first;
}

/* Code outside any module is known by its name alone, else only within its process. */
static struct intern_key frame_key(const struct source *s, const struct profile_frame *frame,
                                   uint64_t value)
{
    const struct profile_line *line = &s->from->lines[frame->first_line];

    if (frame->module != NO_MODULE)
        return (struct intern_key){s->modules[frame->module], value, 0};
    if (line->function)
        return (struct intern_key){copy_text(s->merge, s->from, line->function), line->offset, 1};
    return (struct intern_key){s->merge->profile->process.merged, value, 2};
}

static void add_frame(struct source *s, uint32_t index)
{
    struct merge *m = s->merge;
    const struct profile_frame *frame = &s->from->frames[index];
    struct profile_frame row = *frame, *known;
    bool added, named = s->from->lines[frame->first_line].function != 0;

    if (frame->module != NO_MODULE) {
        row.module = s->modules[frame->module];
        row.value = moved_value(s, frame);
    }
    s->frames[index] = intern(m, &m->frames, frame_key(s, frame, row.value), &added);
    if (m->assembly.failed)
        return;
    if (added) {
        row.first_line = copy_lines(s, frame);
        assembly_frame(&m->assembly, &row);
        return;
    }
    known = &m->profile->frames[s->frames[index]];
    if (named && m->profile->lines[known->first_line].function == 0) {
        known->first_line = copy_lines(s, frame);
        known->line_count = frame->line_count;
    }
}

/* ------------------------------------------------------------- rows -- */

static void add_nodes(struct source *s)
{
    const struct profile *p = s->from;

    for (uint32_t n = 0; n < p->node_count && !s->merge->assembly.failed; n++)
        s->nodes[n] = n < STACK_ROOTS
                          ? n
                          : assembly_node(&s->merge->assembly, s->nodes[p->nodes[n].parent],
                                          s->frames[p->nodes[n].frame]);
}

static void add_threads(struct source *s)
{
    const char *program = profile_text(s->from, s->from->process.program);
    struct strbuf name;

    strbuf_init(&name);
    for (uint32_t i = 0; i < s->from->thread_count && !s->merge->assembly.failed; i++) {
        struct profile_thread row = s->from->threads[i];

        strbuf_clear(&name);
        if (!s->from->process.merged) /* else that is done already */
            strbuf_addf(&name, "%s/", program);
        strbuf_add(&name, profile_text(s->from, row.name));
        row.name = assembly_text(&s->merge->assembly, strbuf_text(&name));
        s->threads[i] = assembly_thread(&s->merge->assembly, &row);
        s->merge->assembly.failed |= name.failed;
    }
    strbuf_release(&name);
}

static void add_domain_numbers(struct profile_domain *to, const struct profile_domain *from)
{
    to->live_bytes += from->live_bytes;
    to->live_blocks += from->live_blocks;
    to->peak_bytes += from->peak_bytes;
    to->peak_blocks += from->peak_blocks;
    to->total_bytes += from->total_bytes;
    to->total_blocks += from->total_blocks;
}

/* memprof's own domains have fixed numbers, those of programs go by name. */
static void add_domains(struct source *s)
{
    struct profile *u = s->merge->profile;

    for (uint32_t i = 0; i < s->from->domain_count && !s->merge->assembly.failed; i++) {
        struct profile_domain row = s->from->domains[i];
        uint32_t found = i < DOMAIN_BUILTIN ? i : DOMAIN_BUILTIN;

        row.name = copy_text(s->merge, s->from, row.name);
        while (i >= DOMAIN_BUILTIN && found < u->domain_count && u->domains[found].name != row.name)
            found++;
        if (found < u->domain_count)
            add_domain_numbers(&u->domains[found], &row);
        else
            found = assembly_domain(&s->merge->assembly, &row);
        s->domains[i] = found;
    }
}

static int add_sites(struct source *s, struct error *e)
{
    for (uint32_t i = 0; i < s->from->site_count && !s->merge->assembly.failed; i++) {
        struct profile_site row = s->from->sites[i];

        row.node = s->nodes[row.node];
        row.thread = s->threads[row.thread];
        if (row.domain < s->from->domain_count)
            row.domain = s->domains[row.domain];
        assembly_site(&s->merge->assembly, &row);
    }
    if (s->merge->profile->domain_count > DOMAINS_MAX)
        return error_set(e, ERROR_INPUT,
                         "the programs together have more than %u domains: merge fewer profiles",
                         DOMAINS_MAX);
    return 0;
}

/* ----------------------------------------------------------- numbers -- */

static void add_totals(struct profile_totals *to, const struct profile_totals *from)
{
    to->live_bytes += from->live_bytes;
    to->live_blocks += from->live_blocks;
    to->peak_bytes += from->peak_bytes;
    to->peak_blocks += from->peak_blocks;
    to->total_bytes += from->total_bytes;
    to->total_blocks += from->total_blocks;
    to->freed_bytes += from->freed_bytes;
    to->freed_blocks += from->freed_blocks;
    to->temporary_bytes += from->temporary_bytes;
    to->temporary_blocks += from->temporary_blocks;
    to->failed_blocks += from->failed_blocks;
    to->mmap_live_bytes += from->mmap_live_bytes;
    to->mmap_peak_bytes += from->mmap_peak_bytes;
    to->mmap_total_bytes += from->mmap_total_bytes;
    to->rss_peak_bytes += from->rss_peak_bytes;
    to->own_target_bytes += from->own_target_bytes;
    /* one memprof may have recorded them all */
    if (from->own_host_bytes > to->own_host_bytes)
        to->own_host_bytes = from->own_host_bytes;
}

_Static_assert(sizeof(struct profile_totals) == 18 * 8, "a total is not added up");
_Static_assert(sizeof(struct profile_loss) == 18 * 8, "a loss is not added up");

static void add_loss(struct profile_loss *to, const struct profile_loss *from)
{
    to->dropped += from->dropped;
    to->bootstrap_blocks += from->bootstrap_blocks;
    to->bootstrap_bytes += from->bootstrap_bytes;
    to->nested_blocks += from->nested_blocks;
    to->unknown_frees += from->unknown_frees;
    to->earlier_frees += from->earlier_frees;
    to->imports_missed += from->imports_missed;
    to->replaced_blocks += from->replaced_blocks;
    to->stacks_truncated += from->stacks_truncated;
    to->stacks_lost += from->stacks_lost;
    to->modules_lost += from->modules_lost;
    to->damaged_records += from->damaged_records;
    to->forked_children += from->forked_children;
    to->verified += from->verified;
    to->verify_mismatch += from->verify_mismatch;
    to->verify_skipped += from->verify_skipped;
    to->slow_steps += from->slow_steps;
    to->faults_dropped += from->faults_dropped;
}

/* ----------------------------------------------------------- process -- */

static void end_command(struct merge *m)
{
    if (m->last_repeated > 1)
        strbuf_addf(&m->commands, " (%" PRIu32 " times)", m->last_repeated);
}

static void add_command(struct merge *m, const struct profile *from)
{
    string_id command = copy_text(m, from, from->process.command);

    if (m->profile->process.merged && command == m->last_command) {
        m->last_repeated++;
        return;
    }
    end_command(m);
    if (m->profile->process.merged)
        strbuf_add(&m->commands, "; ");
    strbuf_add(&m->commands, profile_text(from, from->process.command));
    m->last_command = command;
    m->last_repeated = 1;
}

static bool is_bad_end(const struct profile_process *process)
{
    return process->exit_kind != EXIT_STATUS || process->exit_value != 0;
}

/* Of the ends, the first that is not a plain exit with 0. */
static void add_process(struct merge *m, const struct profile *from)
{
    struct profile_process *to = &m->profile->process;
    const struct profile_process *process = &from->process;
    string_id program = copy_text(m, from, process->program);
    string_id host = copy_text(m, from, process->host);
    uint32_t merged = process->merged ? process->merged : 1;

    add_command(m, from);
    if (to->merged == 0) {
        *to = *process;
        to->program = m->program = program;
        to->host = m->host = host;
        to->executable = copy_text(m, from, process->executable);
        to->memprof_version = copy_text(m, from, process->memprof_version);
        to->allocator = copy_text(m, from, process->allocator);
        to->merged = merged;
        return;
    }
    m->program = program == m->program ? program : 0;
    m->host = host == m->host ? host : 0;
    if (to->executable != copy_text(m, from, process->executable))
        to->executable = 0;
    if (to->allocator != copy_text(m, from, process->allocator))
        to->allocator = 0;
    if (process->started_unix < to->started_unix)
        to->started_unix = process->started_unix;
    if (process->seconds > to->seconds)
        to->seconds = process->seconds;
    if (!is_bad_end(to) && is_bad_end(process)) {
        to->exit_kind = process->exit_kind;
        to->exit_value = process->exit_value;
    }
    if (process->attached_seconds > to->attached_seconds)
        to->attached_seconds = process->attached_seconds;
    to->own_malloc |= process->own_malloc;
    to->merged += merged;
    to->pid = 0;
}

static void add_lost(struct merge_lost *lost, const struct profile *from)
{
    lost->samples += from->sample_count;
    lost->marks += from->mark_count;
    lost->faults += from->fault_count;
    lost->heaps += from->heap.number != 0;
    for (uint32_t i = 0; i < from->moment_count; i++)
        lost->snapshots += from->moments[i].kind == MOMENT_SNAPSHOT;
}

/* ------------------------------------------------------------- whole -- */

static uint32_t *numbers(struct merge *m, uint32_t count)
{
    uint32_t *rows = calloc((size_t)count + 1, sizeof *rows);

    m->assembly.failed |= !rows;
    return rows;
}

void merge_init(struct merge *m, struct profile *p)
{
    *m = (struct merge){.profile = p};
    assembly_init(&m->assembly, p);
    intern_init(&m->modules);
    intern_init(&m->frames);
    strbuf_init(&m->commands);
}

int merge_add(struct merge *m, const struct profile *from, struct error *e)
{
    struct source s = {.merge = m,
                       .from = from,
                       .modules = numbers(m, from->module_count),
                       .frames = numbers(m, from->frame_count),
                       .nodes = numbers(m, from->node_count),
                       .threads = numbers(m, from->thread_count),
                       .domains = numbers(m, from->domain_count)};
    int result = 0;

    if (!m->assembly.failed) {
        add_modules(&s);
        for (uint32_t i = 0; i < from->frame_count && !m->assembly.failed; i++)
            add_frame(&s, i);
        add_nodes(&s);
        add_threads(&s);
        add_domains(&s);
        merge_search_add(m, from, m->profile->site_count);
        result = add_sites(&s, e);
        add_totals(&m->profile->totals, &from->totals);
        add_loss(&m->profile->loss, &from->loss);
        add_process(m, from);
        add_lost(&m->lost, from);
        m->profile->incomplete |= from->incomplete;
    }
    free(s.modules);
    free(s.frames);
    free(s.nodes);
    free(s.threads);
    free(s.domains);
    if (m->assembly.failed)
        return error_set(e, ERROR_MEMORY, "out of memory while merging");
    return result;
}

int merge_finish(struct merge *m, struct error *e)
{
    struct profile_process *process = &m->profile->process;
    struct strbuf name;

    end_command(m);
    merge_search_finish(m);
    process->command = assembly_text(&m->assembly, strbuf_text(&m->commands));
    process->program = m->program;
    process->host = m->host;
    strbuf_init(&name);
    if (m->program == 0) {
        strbuf_addf(&name, "%" PRIu32 " processes", process->merged);
        process->program = assembly_text(&m->assembly, strbuf_text(&name));
    }
    m->assembly.failed |= m->commands.failed || name.failed;
    strbuf_release(&name);
    return m->assembly.failed ? error_set(e, ERROR_MEMORY, "out of memory while merging") : 0;
}

void merge_release(struct merge *m)
{
    assembly_release(&m->assembly);
    intern_release(&m->modules);
    intern_release(&m->frames);
    strbuf_release(&m->commands);
}

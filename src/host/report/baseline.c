// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/baseline.h"

#include "src/host/profile/assembly.h"
#include "src/host/report/report-json.h"
#include "src/shared/record.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AMOUNT_MAX (INT64_MAX / 4)

struct reader {
    struct baseline *baseline;
    struct assembly assembly;
    struct intern modules, frames, threads;
    int64_t bytes, blocks; /* of all rows */
    const char *problem;   /* why the file is refused; the first one counts */
};

/* ------------------------------------------------------------ values -- */

static void refuse(struct reader *r, const char *problem)
{
    if (!r->problem)
        r->problem = problem;
}

static json_t *member(struct reader *r, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        refuse(r, key);
    return value;
}

/* A number of bytes or blocks. */
static uint64_t number(struct reader *r, const json_t *object, const char *key)
{
    json_t *value = member(r, object, key);

    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        refuse(r, key);
    return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

/* A number that is not known at every moment: then it is null. */
static uint64_t number_or_null(struct reader *r, const json_t *object, const char *key)
{
    return json_is_null(member(r, object, key)) ? 0 : number(r, object, key);
}

/* A name: null is unknown. */
static string_id name(struct reader *r, const json_t *object, const char *key)
{
    json_t *value = member(r, object, key);

    if (value && !json_is_string(value) && !json_is_null(value))
        refuse(r, key);
    return json_is_string(value) ? assembly_text(&r->assembly, json_string_value(value)) : 0;
}

static const char *word(struct reader *r, const json_t *object, const char *key)
{
    const char *text = json_string_value(member(r, object, key));

    if (!text)
        refuse(r, key);
    return text ? text : "";
}

static uint32_t intern(struct reader *r, struct intern *table, struct intern_key key, bool *added)
{
    uint32_t index = intern_add(table, key, added);

    if (index != INTERN_NONE)
        return index;
    r->assembly.failed = true;
    return 0;
}

/* ------------------------------------------------------------ frames -- */

static uint32_t module_of(struct reader *r, string_id path, bool *added)
{
    struct profile_module module = {.path = path};
    uint32_t index = intern(r, &r->modules, (struct intern_key){path, 0, 0}, added);

    if (*added)
        assembly_module(&r->assembly, &module);
    return index;
}

static uint32_t take_module(struct reader *r, const json_t *place)
{
    string_id path = name(r, place, "module");
    bool added;

    return path ? module_of(r, path, &added) : NO_MODULE;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_build_id(struct profile_module *m, const char *text)
{
    size_t length = strlen(text);

    if (length == 0 || length % 2 || length / 2 > sizeof m->build_id)
        return false;
    for (size_t i = 0; i < length; i++) {
        int value = digit(text[i]);

        if (value < 0)
            return false;
        m->build_id[i / 2] = (uint8_t)(m->build_id[i / 2] << 4 | value);
    }
    m->build_id_size = (uint32_t)(length / 2);
    return true;
}

/* One build for each path; a path that had two is of no known one. */
static void take_build(struct reader *r, const json_t *json)
{
    const json_t *text = member(r, json, "build_id");
    string_id path = name(r, json, "path");
    struct profile_module read = {0}, *module;
    bool added;
    uint32_t index;

    if (text && !json_is_null(text) &&
        (!json_is_string(text) || !read_build_id(&read, json_string_value(text))))
        refuse(r, "build_id");
    if (path == 0 || r->problem)
        return;
    index = module_of(r, path, &added);
    if (r->assembly.failed)
        return;
    module = &r->baseline->profile.modules[index];
    if (!added && (module->build_id_size != read.build_id_size ||
                   memcmp(module->build_id, read.build_id, sizeof read.build_id) != 0))
        read = (struct profile_module){0};
    module->build_id_size = read.build_id_size;
    memcpy(module->build_id, read.build_id, sizeof read.build_id);
}

/* Reports of before had no list of them. */
static void take_modules(struct reader *r, const json_t *document)
{
    json_t *list = json_object_get(document, "modules");

    if (list && !json_is_array(list))
        refuse(r, "modules");
    for (size_t i = 0; i < json_array_size(list) && !r->problem && !r->assembly.failed; i++)
        take_build(r, json_array_get(list, i));
}

static uint64_t take_offset(struct reader *r, const json_t *frame)
{
    const char *text = word(r, frame, "offset");
    char *end;
    uint64_t offset = strtoull(text, &end, 16);

    if (end == text || *end)
        refuse(r, "offset");
    return offset;
}

static uint32_t take_line_number(struct reader *r, const json_t *place)
{
    json_t *value = member(r, place, "line");
    uint64_t line;

    if (json_is_null(value))
        return 0;
    line = number(r, place, "line");
    if (line > UINT32_MAX)
        refuse(r, "line");
    return (uint32_t)line;
}

/* A line of a stack as a frame of its own. */
static uint32_t take_frame(struct reader *r, const json_t *json)
{
    struct profile_line line = {.function = name(r, json, "function"),
                                .file = name(r, json, "file"),
                                .line = take_line_number(r, json),
                                .offset = take_offset(r, json)};
    struct profile_frame frame = {.module = take_module(r, json), .line_count = 1};
    bool added;
    uint32_t index = intern(r, &r->frames,
                            (struct intern_key){(uint64_t)frame.module << 32 | line.function,
                                                (uint64_t)line.file << 32 | line.line, line.offset},
                            &added);

    if (added) {
        frame.first_line = assembly_line(&r->assembly, &line);
        frame.value = index;
        assembly_frame(&r->assembly, &frame);
    }
    return index;
}

static bool same_value(const json_t *x, const json_t *y, const char *key)
{
    return json_equal(json_object_get(x, key), json_object_get(y, key));
}

/* What the row is about may lie behind functions that were passed over for it. */
static size_t innermost(const struct reader *r, const json_t *row, const json_t *stack)
{
    bool lines = r->baseline->group == VIEW_LINE, functions = r->baseline->group == VIEW_FUNCTION;
    size_t count = json_array_size(stack);

    for (size_t i = 0; i < count; i++) {
        const json_t *frame = json_array_get(stack, i);

        if (!same_value(row, frame, "module"))
            continue;
        if ((lines || functions) && !same_value(row, frame, "function"))
            continue;
        if (r->baseline->group == VIEW_FILE && !same_value(row, frame, "file"))
            continue;
        if (!lines || (same_value(row, frame, "file") && same_value(row, frame, "line")))
            return i;
    }
    return 0;
}

static uint32_t take_stack(struct reader *r, const json_t *row)
{
    json_t *stack = member(r, row, "traceback");
    uint32_t node = json_is_false(json_object_get(row, "traceback_whole")) ? STACK_ROOT_TRUNCATED
                                                                           : STACK_ROOT_WHOLE;
    size_t first = 0;

    if (!json_is_array(stack))
        refuse(r, "traceback");
    if (r->baseline->group != VIEW_TRACEBACK && r->baseline->group != VIEW_THREAD)
        first = innermost(r, row, stack);
    for (size_t i = json_array_size(stack); i-- > first && !r->problem;)
        node = assembly_node(&r->assembly, node, take_frame(r, json_array_get(stack, i)));
    return node;
}

/* -------------------------------------------------------------- rows -- */

static void set_amount(struct profile_stats *s, enum view_order order, uint64_t bytes,
                       uint64_t blocks)
{
    switch (order) {
    case VIEW_BY_PEAK:
        s->peak_bytes = bytes;
        s->peak_blocks = blocks;
        return;
    case VIEW_BY_LIVE:
        s->live_bytes = bytes;
        s->live_blocks = blocks;
        return;
    case VIEW_BY_TEMPORARY:
        s->temporary_bytes = bytes;
        s->temporary_blocks = blocks;
        return;
    case VIEW_BY_TOTAL:
    case VIEW_BY_COUNT:
    case VIEW_BY_AVERAGE:
        break;
    }
    s->total_bytes = bytes;
    s->total_blocks = blocks;
}

static void take_stats(struct reader *r, const json_t *row, struct profile_stats *s)
{
    bool sized = json_is_integer(json_object_get(row, "smallest"));

    s->live_bytes = number(r, row, "live_bytes");
    s->live_blocks = number(r, row, "live_blocks");
    s->peak_bytes = number_or_null(r, row, "peak_bytes");
    s->peak_blocks = number_or_null(r, row, "peak_blocks");
    s->total_bytes = number_or_null(r, row, "total_bytes");
    s->total_blocks = number_or_null(r, row, "total_blocks");
    s->temporary_bytes = number_or_null(r, row, "temporary_bytes");
    s->temporary_blocks = number_or_null(r, row, "temporary_blocks");
    s->smallest = sized ? number(r, row, "smallest") : UINT64_MAX;
    s->largest = sized ? number(r, row, "largest") : 0;
    set_amount(s, r->baseline->order, number(r, row, "size"), number(r, row, "count"));
    /* Sums of rows, and their differences, must fit. */
    if (__builtin_add_overflow(r->bytes, number(r, row, "size"), &r->bytes) ||
        r->bytes > AMOUNT_MAX)
        refuse(r, "size");
    if (__builtin_add_overflow(r->blocks, number(r, row, "count"), &r->blocks) ||
        r->blocks > AMOUNT_MAX)
        refuse(r, "count");
}

static uint32_t take_thread(struct reader *r, const json_t *row)
{
    json_t *json = json_object_get(row, "thread"), *tid;
    struct profile_thread thread = {0};
    bool added;
    uint32_t index;

    if (json && !json_is_null(json)) {
        tid = member(r, json, "tid");
        if (!json_is_integer(tid))
            refuse(r, "tid");
        thread.tid = json_integer_value(tid);
        thread.name = name(r, json, "name");
    }
    index =
        intern(r, &r->threads, (struct intern_key){(uint64_t)thread.tid, thread.name, 0}, &added);
    if (added)
        assembly_thread(&r->assembly, &thread);
    return index;
}

static void add_note(struct baseline *b, const char *note)
{
    size_t used = strlen(b->note);

    snprintf(b->note + used, sizeof b->note - used, "%s%s", used ? "; " : "", note);
}

/* What the rows are of, where that is not a whole run. */
static void note_view(struct baseline *b, const json_t *view)
{
    const json_t *snapshot = json_object_get(view, "snapshot");
    const json_t *number = json_object_get(snapshot, "number");
    const char *label = json_string_value(json_object_get(snapshot, "label"));
    char note[64];

    snprintf(note, sizeof note, "the baseline is of snapshot %lld",
             (long long)json_integer_value(number));
    if (json_is_integer(number))
        add_note(b, note);
    else if (label && strcmp(label, "peak") == 0)
        add_note(b, "the baseline is of the peak");
    if (json_array_size(json_object_get(view, "include")) ||
        json_array_size(json_object_get(view, "exclude")))
        add_note(b, "the baseline holds only what its filters let through");
}

static uint32_t site_domain(const struct baseline *b)
{
    return b->domain == DOMAIN_MMAP ? DOMAIN_MMAP : DOMAIN_HEAP;
}

static void take_row(struct reader *r, const json_t *row)
{
    struct profile_site site = {.node = take_stack(r, row),
                                .thread = take_thread(r, row),
                                .domain = site_domain(r->baseline)};

    take_stats(r, row, &site.stats);
    assembly_site(&r->assembly, &site);
}

/* Rows that top did not write: they have no place, but belong to the sum. */
static void take_rest(struct reader *r, const json_t *view)
{
    uint64_t rows = number(r, view, "rest_rows");
    struct profile_site site = {.node = STACK_ROOT_WHOLE, .domain = site_domain(r->baseline)};
    struct profile_thread thread = {0};
    char note[112];
    bool added;

    if (rows == 0)
        return;
    site.thread = intern(r, &r->threads, (struct intern_key){0, 0, 0}, &added);
    if (added)
        assembly_thread(&r->assembly, &thread);
    site.stats.smallest = UINT64_MAX;
    set_amount(&site.stats, r->baseline->order, number(r, view, "rest_size"),
               number(r, view, "rest_count"));
    assembly_site(&r->assembly, &site);
    r->baseline->cut = true;
    snprintf(note, sizeof note,
             rows == 1 ? "%llu row of the baseline was left out of it (-t): it has no stack"
                       : "%llu rows of the baseline were left out of it (-t): they are one row, "
                         "(no stack)",
             (unsigned long long)rows);
    add_note(r->baseline, note);
}

/* --------------------------------------------------------- the whole -- */

static void take_view(struct reader *r, const json_t *view)
{
    static const uint32_t domains[] = {DOMAIN_HEAP, DOMAIN_MMAP, VIEW_ALL_DOMAINS};
    static const char *const domain_words[] = {"heap", "mmap", "all"};
    const char *group = word(r, view, "group_by"), *order = word(r, view, "by");
    const char *domain = word(r, view, "domain");
    size_t found = 0;

    for (unsigned i = VIEW_LINE; i <= VIEW_TRACEBACK; i++)
        if (strcmp(group, view_group_word((enum view_group)i)) == 0) {
            r->baseline->group = (enum view_group)i;
            found |= 1;
        }
    for (unsigned i = VIEW_BY_PEAK; i <= VIEW_BY_AVERAGE; i++)
        if (strcmp(order, view_order_word((enum view_order)i)) == 0) {
            r->baseline->order = (enum view_order)i;
            found |= 2;
        }
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(domain, domain_words[i]) == 0) {
            r->baseline->domain = domains[i];
            found |= 4;
        }
    if (!(found & 1))
        refuse(r, "group_by");
    if (!(found & 2))
        refuse(r, "by");
    if (!(found & 4))
        refuse(r, "domain");
    if (json_is_true(json_object_get(view, "cumulative")))
        refuse(r, "cumulative");
    note_view(r->baseline, view);
}

static void take_process(struct reader *r, const json_t *process, struct profile_process *to)
{
    json_t *status = json_object_get(process, "exit_status");
    json_t *signal = json_object_get(process, "signal");

    to->program = name(r, process, "program");
    to->executable = name(r, process, "executable");
    to->command = name(r, process, "command");
    to->host = name(r, process, "host");
    to->memprof_version = name(r, process, "memprof_version");
    to->allocator = name(r, process, "allocator");
    to->pid = json_integer_value(json_object_get(process, "pid"));
    to->started_unix = json_integer_value(json_object_get(process, "started_unix"));
    to->seconds = json_number_value(json_object_get(process, "seconds"));
    to->exit_kind = json_is_integer(status)                              ? EXIT_STATUS
                    : json_is_integer(signal)                            ? EXIT_SIGNAL
                    : json_is_true(json_object_get(process, "executed")) ? EXIT_EXECUTED
                    : json_is_true(json_object_get(process, "detached")) ? EXIT_DETACHED
                                                                         : EXIT_UNKNOWN;
    to->attached_seconds = json_number_value(json_object_get(process, "attached_seconds"));
    to->own_malloc = json_is_true(json_object_get(process, "own_malloc"));
    to->exit_value = (int32_t)json_integer_value(json_is_integer(status) ? status : signal);
}

static void take_document(struct reader *r, const json_t *document)
{
    struct profile *p = &r->baseline->profile;
    json_t *view, *stats;

    if (number(r, document, "schema_version") != REPORT_JSON_SCHEMA)
        refuse(r, "schema_version");
    view = member(r, document, "view");
    stats = member(r, document, "stats");
    if (!json_is_array(stats))
        refuse(r, "stats");
    if (r->problem)
        return;
    take_view(r, view);
    take_process(r, member(r, document, "process"), &p->process);
    p->loss.dropped = number(r, member(r, document, "totals"), "dropped");
    p->incomplete = json_is_true(json_object_get(json_object_get(document, "loss"), "incomplete"));
    take_modules(r, document);
    for (size_t i = 0; i < json_array_size(stats) && !r->problem && !r->assembly.failed; i++)
        take_row(r, json_array_get(stats, i));
    if (!r->problem)
        take_rest(r, view);
}

/* The document; NULL with `e` set. */
static json_t *load(const char *path, struct error *e)
{
    FILE *in = fopen(path, "re");
    struct stat status = {0};
    json_error_t problem;
    json_t *document;

    if (!in) {
        error_set(e, ERROR_SYSTEM, "cannot read %s", path);
        return NULL;
    }
    if (fstat(fileno(in), &status) == 0 && S_ISDIR(status.st_mode)) {
        fclose(in);
        errno = EISDIR;
        error_set(e, ERROR_SYSTEM, "cannot read %s", path);
        return NULL;
    }
    if (status.st_size > (off_t)BASELINE_BYTES_MAX) {
        fclose(in);
        error_set(e, ERROR_FORMAT, "%s is larger than any baseline: write fewer rows (-t)", path);
        return NULL;
    }
    document = json_loadf(in, JSON_REJECT_DUPLICATES, &problem);
    fclose(in);
    if (!document && *problem.text == '\0') /* what jansson leaves where memory ran out */
        error_set(e, ERROR_MEMORY, "out of memory while reading %s", path);
    else if (!document)
        error_set(e, ERROR_FORMAT, "%s is no JSON (line %d: %s): make one with memprof top --json",
                  path, problem.line, problem.text);
    return document;
}

static int build(struct reader *r, const json_t *document, const char *path, struct error *e)
{
    assembly_init(&r->assembly, &r->baseline->profile);
    take_document(r, document);
    assembly_release(&r->assembly);
    intern_release(&r->modules);
    intern_release(&r->frames);
    intern_release(&r->threads);
    if (r->problem)
        return error_set(e, ERROR_FORMAT,
                         "%s is no baseline (see \"%s\" in it): make one with memprof top --by "
                         "live --json",
                         path, r->problem);
    return r->assembly.failed ? error_set(e, ERROR_MEMORY, "out of memory while reading %s", path)
                              : 0;
}

void baseline_init(struct baseline *b)
{
    *b = (struct baseline){.domain = DOMAIN_HEAP};
    profile_init(&b->profile);
}

void baseline_release(struct baseline *b)
{
    profile_release(&b->profile);
}

int baseline_read(struct baseline *b, const char *path, struct error *e)
{
    struct reader r = {.baseline = b};
    json_t *document = load(path, e);
    int result;

    baseline_init(b);
    if (!document)
        return -1;
    result = build(&r, document, path, e);
    json_decref(document);
    if (result != 0) {
        baseline_release(b);
        baseline_init(b);
    }
    return result;
}

/* ------------------------------------------------------------- check -- */

static bool shows_group(enum view_group from, const struct view_options *options)
{
    enum view_group to = options->group;

    if (options->cumulative)
        return from == VIEW_TRACEBACK;
    if (from == to)
        return true;
    switch (from) {
    case VIEW_TRACEBACK:
    case VIEW_LINE:
        return to == VIEW_LINE || to == VIEW_FUNCTION || to == VIEW_FILE || to == VIEW_MODULE;
    case VIEW_FUNCTION:
        return to == VIEW_MODULE;
    default:
        return false;
    }
}

/* What was allocated is never nothing, so that such a file has every row and all its numbers. */
static bool shows_order(const struct baseline *b, enum view_order to)
{
    bool all =
        b->order == VIEW_BY_TOTAL || b->order == VIEW_BY_COUNT || b->order == VIEW_BY_AVERAGE;
    bool wants_total = to == VIEW_BY_TOTAL || to == VIEW_BY_COUNT || to == VIEW_BY_AVERAGE;

    return b->order == to || (all && (wants_total || !b->cut));
}

int baseline_check(const struct baseline *b, const struct view_options *options, struct error *e)
{
    if (!shows_group(b->group, options))
        return error_set(e, ERROR_INPUT,
                         "the baseline has a row for each %s: make one with memprof top -g %s "
                         "--json",
                         view_group_word(b->group),
                         options->cumulative ? "traceback" : view_group_word(options->group));
    if (!shows_order(b, options->order))
        return error_set(e, ERROR_INPUT,
                         "the baseline was made --by %s: make one with memprof top --by %s --json",
                         view_order_word(b->order), view_order_word(options->order));
    if (b->domain != options->domain)
        return error_set(e, ERROR_INPUT,
                         "the baseline is of another --domain: make one of the same");
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/profile-symbolize.h"

#include "src/host/files/filefaults.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_A_FRAME 64u

struct namer {
    struct profile *p;
    struct symbolizer *symbolizer;
    struct profile_line *lines; /* the new ones */
    struct profile_frame *frames;
    uint32_t line_count, line_room;
    uint8_t *modules; /* enum module_names */
    bool here;        /* this is the host where the process ran */
    bool failed;      /* out of memory */
};

static bool is_here(const struct profile *p)
{
    char host[256] = "";

    gethostname(host, sizeof host - 1);
    return *host && !strcmp(host, profile_text(p, p->process.host));
}

/* -------------------------------------------------------------- modules -- */

static bool is_vdso(const char *path)
{
    return !strcmp(path, "[vdso]") || !strcmp(path, "linux-vdso.so.1");
}

/* The change time cannot be set back. */
static bool is_unchanged(const struct namer *n, const char *path)
{
    struct stat status;

    return n->here && !stat(path, &status) && status.st_ctime < n->p->process.started_unix;
}

static int add_module(struct namer *n, uint32_t i, struct error *e)
{
    struct profile_module module = n->p->modules[i];
    const char *path = profile_text(n->p, module.path);
    bool known = module.build_id_size || is_unchanged(n, path);

    if (is_vdso(path))
        known = module.build_id_size || n->here;
    module.flags = 0;
    /* without a path nothing is opened, but the modules' numbers stay the profile's */
    if (symbolizer_add_module(n->symbolizer, &module, known ? path : "", 0, e) < 0)
        return -1;
    n->modules[i] = MODULE_FOUND;
    if (!known)
        n->modules[i] = MODULE_UNIDENTIFIABLE;
    else if (module.flags & MODULE_FILE_REPLACED)
        n->modules[i] = MODULE_OTHER;
    else if (module.flags & MODULE_FILE_MISSING)
        n->modules[i] = MODULE_NOT_FOUND;
    return 0;
}

/* --------------------------------------------------------------- frames -- */

enum quality {
    NAMELESS,
    HAS_FUNCTION,
    HAS_LINE,
};

static enum quality quality(bool function, bool file)
{
    if (file)
        return HAS_LINE;
    return function ? HAS_FUNCTION : NAMELESS;
}

static enum quality quality_now(const struct profile *p, const struct profile_frame *f)
{
    const struct profile_line *last;

    if (!f->line_count)
        return NAMELESS;
    last = &p->lines[f->first_line + f->line_count - 1];
    return quality(last->function != 0, last->file != 0);
}

static string_id text(struct namer *n, const char *s)
{
    uint32_t id = strings_add(&n->p->strings, s);

    if (id != UINT32_MAX)
        return id;
    n->failed = true;
    return 0;
}

static void add_line(struct namer *n, const struct profile_line *line)
{
    uint32_t room = n->line_room ? n->line_room * 2 : 1024;

    if (n->line_count == n->line_room) {
        struct profile_line *lines = reallocarray(n->lines, room, sizeof *lines);

        if (!lines) {
            n->failed = true;
            return;
        }
        n->lines = lines;
        n->line_room = room;
    }
    n->lines[n->line_count++] = *line;
}

static void keep_lines(struct namer *n, const struct profile_frame *f)
{
    for (uint32_t i = 0; i < f->line_count && !n->failed; i++)
        add_line(n, &n->p->lines[f->first_line + i]);
}

static void take_lines(struct namer *n, const struct symbol_line *found, size_t count)
{
    for (size_t i = 0; i < count && !n->failed; i++) {
        struct profile_line line = {.function = text(n, found[i].function),
                                    .file = text(n, found[i].file),
                                    .line = found[i].line,
                                    .flags = found[i].flags,
                                    .offset = found[i].offset};

        add_line(n, &line);
    }
}

/* What was there stays unless more is known now: also of two equally good ones. */
static void name_frame(struct namer *n, uint32_t i)
{
    const struct profile_frame *f = &n->p->frames[i];
    struct symbol_line found[LINES_A_FRAME];
    int module = f->module == NO_MODULE ? -1 : (int)f->module;
    size_t count = symbolizer_lookup(n->symbolizer, module, f->value, found, LINES_A_FRAME);
    enum quality before = quality_now(n->p, f), after;

    after = quality(*found[count - 1].function != '\0', *found[count - 1].file != '\0');
    n->frames[i] = *f;
    n->frames[i].first_line = n->line_count;
    if (after > before || !f->line_count || (after == HAS_LINE && count > f->line_count))
        take_lines(n, found, count);
    else
        keep_lines(n, f);
    n->frames[i].line_count = n->line_count - n->frames[i].first_line;
    /* a debug file of the module's build ID serves as well as the module */
    if (f->module != NO_MODULE && after > NAMELESS)
        n->modules[f->module] = MODULE_FOUND;
}

static void count_names(const struct profile *p, uint32_t *functions, uint32_t *lines)
{
    *functions = *lines = 0;
    for (uint32_t i = 0; i < p->frame_count; i++) {
        const struct profile_frame *f = &p->frames[i];

        if (!f->line_count)
            continue;
        *functions += p->lines[f->first_line + f->line_count - 1].function != 0;
        *lines += quality_now(p, f) == HAS_LINE;
    }
}

static void forget_unused(struct namer *n)
{
    uint8_t *used = calloc((size_t)n->p->module_count + 1, 1);

    if (!used) {
        n->failed = true;
        return;
    }
    for (uint32_t i = 0; i < n->p->frame_count; i++)
        if (n->p->frames[i].module != NO_MODULE)
            used[n->p->frames[i].module] = 1;
    for (uint32_t i = 0; i < n->p->module_count; i++)
        if (!used[i])
            n->modules[i] = MODULE_UNUSED;
    free(used);
}

static int name_all(struct namer *n, struct error *e)
{
    struct profile *p = n->p;

    n->modules = calloc((size_t)p->module_count + 1, sizeof *n->modules);
    n->frames = calloc((size_t)p->frame_count + 1, sizeof *n->frames);
    if (!n->modules || !n->frames)
        return error_set(e, ERROR_MEMORY, "out of memory for names");
    for (uint32_t i = 0; i < p->module_count; i++)
        if (add_module(n, i, e) != 0)
            return -1;
    for (uint32_t i = 0; i < p->frame_count && !n->failed; i++)
        name_frame(n, i);
    forget_unused(n);
    return n->failed ? error_set(e, ERROR_MEMORY, "out of memory for names") : 0;
}

static void replace_lines(struct namer *n)
{
    free(n->p->lines);
    free(n->p->frames);
    n->p->lines = n->lines;
    n->p->line_count = n->line_count;
    n->p->frames = n->frames;
    n->p->unnamed = false;
    n->lines = NULL;
    n->frames = NULL;
}

int profile_symbolize(struct profile *p, const struct symbolizer_options *options,
                      struct symbolize_tally *tally, struct error *e)
{
    struct namer n = {.p = p, .here = is_here(p)};
    struct symbolize_tally t = {.frames = p->frame_count};
    int result;

    n.symbolizer = symbolizer_new(options, e);
    if (!n.symbolizer)
        return -1;
    count_names(p, &t.functions_before, &t.lines_before);
    filefaults_begin(); /* files of modules are mapped, and others may cut them */
    result = name_all(&n, e);
    filefaults_end();
    if (result == 0) {
        replace_lines(&n);
        count_names(p, &t.functions_after, &t.lines_after);
        if (tally) {
            *tally = t;
            tally->modules = n.modules;
            n.modules = NULL;
        }
    }
    free(n.modules);
    free(n.lines);
    free(n.frames);
    symbolizer_free(n.symbolizer);
    return result;
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/symbolize.h"

#include "src/host/files/filefaults.h"
#include "src/host/symbols/binaries.h"
#include "src/host/symbols/perfmap.h"
#include "src/shared/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DEBUG_DIR "/usr/lib/debug"

struct module {
    struct binary *binary; /* NULL: no file was found, and no build ID to find another by */
    uint64_t start, end, bias;
    uint32_t generation;
};

struct symbolizer {
    struct symbolizer_options options; /* with copies of the texts */
    struct debugfile_places places;
    struct demangler *demangler;
    pthread_mutex_t lock; /* of the two lists, where symbolizer_prepare meets their owner */
    struct module *modules;
    size_t module_count, module_room;
    struct binary **binaries; /* modules mapped from one file share it */
    size_t binary_count, binary_room;
    struct perfmap perfmap;
    bool perfmap_read;
};

/* NULL stays NULL; -1: out of memory. */
static int copy_text(const char **copy, const char *text)
{
    *copy = text ? strdup(text) : NULL;
    return text && !*copy ? -1 : 0;
}

/* All folders with debug files, in the order in which they are searched; -1: out of memory. */
static int join_debug_dirs(const char **joined, const struct symbolizer_options *options)
{
    const char *own = options->debug_dir ? options->debug_dir : "";
    const char *root = options->sysroot;
    char *text;

    if (asprintf(&text, "%s%s%s%s%s", own, *own ? ":" : "", root ? root : "",
                 root ? DEFAULT_DEBUG_DIR ":" : "", DEFAULT_DEBUG_DIR) < 0)
        text = NULL;
    *joined = text;
    return text ? 0 : -1;
}

static int copy_options(struct symbolizer *s, const struct symbolizer_options *options)
{
    struct symbolizer_options *o = &s->options;

    o->debuginfod = options->debuginfod;
    o->keep_mangled = options->keep_mangled;
    o->thorough = options->thorough;
    o->shared = options->shared;
    if (join_debug_dirs(&o->debug_dir, options) || copy_text(&o->sysroot, options->sysroot) ||
        copy_text(&o->perf_map, options->perf_map))
        return -1;
    s->places = (struct debugfile_places){o->debug_dir, o->debuginfod, o->thorough};
    return 0;
}

struct symbolizer *symbolizer_new(const struct symbolizer_options *options, struct error *e)
{
    struct symbolizer *s = calloc(1, sizeof *s);

    if (s)
        pthread_mutex_init(&s->lock, NULL);
    if (s && !copy_options(s, options)) {
        s->demangler = demangler_new(options->keep_mangled);
        if (s->demangler)
            return s;
    }
    symbolizer_free(s);
    error_set(e, ERROR_MEMORY, "out of memory for the symbolizer");
    return NULL;
}

void symbolizer_free(struct symbolizer *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->binary_count; i++)
        if (s->options.shared)
            binaries_give(s->options.shared, s->binaries[i]);
        else
            binary_free(s->binaries[i]);
    free(s->binaries);
    free(s->modules);
    perfmap_release(&s->perfmap);
    demangler_free(s->demangler);
    free((char *)s->options.debug_dir);
    free((char *)s->options.sysroot);
    free((char *)s->options.perf_map);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* -------------------------------------------------------------- modules -- */

static int make_room_for_module(struct symbolizer *s)
{
    size_t room = s->module_room ? s->module_room * 2 : 16;
    struct module *modules;

    if (s->module_count < s->module_room)
        return 0;
    modules = reallocarray(s->modules, room, sizeof *modules);
    if (!modules || s->module_count >= INT32_MAX)
        return -1;
    s->modules = modules;
    s->module_room = room;
    return 0;
}

static int make_room_for_binary(struct symbolizer *s)
{
    size_t room = s->binary_room ? s->binary_room * 2 : 16;
    struct binary **binaries;

    if (s->binary_count < s->binary_room)
        return 0;
    binaries = reallocarray(s->binaries, room, sizeof(struct binary *));
    if (!binaries)
        return -1;
    s->binaries = binaries;
    s->binary_room = room;
    return 0;
}

static bool is_vdso(const char *path)
{
    return !strcmp(path, "[vdso]") || !strcmp(path, "linux-vdso.so.1");
}

/* Keep a binary that was just made; NULL, and it is freed, if there is no room. */
static struct binary *keep(struct symbolizer *s, struct binary *b)
{
    bool kept;

    if (!b)
        return NULL;
    pthread_mutex_lock(&s->lock);
    kept = !make_room_for_binary(s);
    if (kept)
        s->binaries[s->binary_count++] = b;
    pthread_mutex_unlock(&s->lock);
    if (kept)
        return b;
    binary_free(b);
    return NULL;
}

static struct binary *binary_for(struct symbolizer *s, struct modfile *file, const char *path,
                                 const struct buildid *id)
{
    struct binary *known;

    for (size_t i = 0; file->fd >= 0 && i < s->binary_count; i++)
        if (binary_is(s->binaries[i], file, id))
            return s->binaries[i];
    known = s->options.shared ? binaries_take(s->options.shared, file, id) : NULL;
    return keep(s, known ? known : binary_new(file, path, id));
}

/* -1: out of memory. */
static int find_binary(struct symbolizer *s, struct profile_module *m, const char *path, pid_t pid,
                       struct binary **binary)
{
    struct modfile_request request = {
        .path = path, .sysroot = s->options.sysroot, .pid = pid, .start = m->start, .end = m->end};
    struct modfile file;

    buildid_set(&request.id, m->build_id, m->build_id_size);
    if (is_vdso(path)) {
        *binary = keep(s, binary_new_vdso(&request.id));
        return *binary ? 0 : -1;
    }
    modfile_open(&file, &request);
    if (file.replaced)
        m->flags |= MODULE_FILE_REPLACED;
    else if (file.fd < 0)
        m->flags |= MODULE_FILE_MISSING;
    if (file.fd < 0 && !request.id.size)
        return 0;
    *binary = binary_for(s, &file, path, &request.id);
    modfile_release(&file);
    return *binary ? 0 : -1;
}

int symbolizer_add_module(struct symbolizer *s, struct profile_module *m, const char *path,
                          pid_t pid, struct error *e)
{
    struct module module = {NULL, m->start, m->end, m->bias, m->generation};
    int number = -1;

    if (find_binary(s, m, path, pid, &module.binary))
        return error_set(e, ERROR_MEMORY, "out of memory for module %s", path);
    pthread_mutex_lock(&s->lock);
    if (!make_room_for_module(s)) {
        number = (int)s->module_count++;
        s->modules[number] = module;
    }
    pthread_mutex_unlock(&s->lock);
    return number < 0 ? error_set(e, ERROR_MEMORY, "out of memory for module %s", path) : number;
}

/* --------------------------------------------------------------- lookup -- */

static bool lookup_perfmap(struct symbolizer *s, uint64_t pc, uint64_t shown,
                           struct symbol_line *line)
{
    const char *name;
    uint64_t start;

    if (!s->options.perf_map)
        return false;
    if (!s->perfmap_read) {
        s->perfmap_read = true;
        perfmap_read(&s->perfmap, s->options.perf_map);
    }
    name = perfmap_find(&s->perfmap, pc, &start);
    if (!name)
        return false;
    *line = (struct symbol_line){
        .function = name, .file = "", .flags = LINE_FROM_SYMTAB, .offset = shown - start};
    return true;
}

/* The module of a frame, as modmap_find has it; false: none that could be read. */
static bool find_module(struct symbolizer *s, uint64_t frame, uint64_t pc, struct module *found)
{
    uint32_t generation = frame_generation(frame);
    bool held = false;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->module_count && !held; i++) {
        *found = s->modules[i];
        held = pc >= found->start && pc < found->end && found->generation == generation;
    }
    pthread_mutex_unlock(&s->lock);
    return held && found->binary;
}

void symbolizer_prepare(struct symbolizer *s, uint64_t frame)
{
    uint64_t shown = frame_pc(frame), pc = frame & FRAME_EXACT ? shown : shown - 1;
    struct symbol_line lines[1];
    struct module m;

    if (!find_module(s, frame, pc, &m))
        return;
    /* the program runs, and may well write to its modules' files */
    filefaults_begin();
    binary_lookup(m.binary, &s->places, s->demangler, pc - m.bias, shown - m.bias, lines, 1);
    filefaults_end();
}

/* The n'th file, or NULL. */
static struct binary *binary_number(struct symbolizer *s, size_t n)
{
    struct binary *b;

    pthread_mutex_lock(&s->lock);
    b = n < s->binary_count ? s->binaries[n] : NULL;
    pthread_mutex_unlock(&s->lock);
    return b;
}

void symbolizer_forget_changed(struct symbolizer *s)
{
    struct binary *b;

    for (size_t i = 0; (b = binary_number(s, i)); i++)
        binary_forget_changed(b);
}

size_t symbolizer_lookup(struct symbolizer *s, int module, uint64_t frame,
                         struct symbol_line *lines, size_t max)
{
    uint64_t shown = frame_pc(frame), pc = frame & FRAME_EXACT ? shown : shown - 1;
    const struct module *m = NULL;
    size_t used = 0;

    if (!max)
        return 0;
    if (module >= 0 && (size_t)module < s->module_count)
        m = &s->modules[module];
    if (m && m->binary)
        used = binary_lookup(m->binary, &s->places, s->demangler, pc - m->bias, shown - m->bias,
                             lines, max);
    if (used || (!m && lookup_perfmap(s, pc, shown, lines)))
        return used ? used : 1;
    lines[0] =
        (struct symbol_line){.function = "", .file = "", .offset = shown - (m ? m->start : 0)};
    return 1;
}

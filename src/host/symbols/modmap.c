/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/symbols/modmap.h"

#include "src/host/process/procinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_directory(pid_t pid, char *path, size_t size)
{
    char link[48];
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
    length = readlink(link, path, size - 1);
    path[length > 0 ? length : 0] = '\0';
}

int modmap_init(struct modmap *m, const struct segment *segment, pid_t pid, const char *program,
                const char *preload, const struct symbolizer_options *options, struct error *e)
{
    memset(m, 0, sizeof(*m));
    m->segment = segment;
    m->pid = pid;
    m->symbolizer = symbolizer_new(options, e);
    if (!m->symbolizer)
        return -1;
    snprintf(m->ours, sizeof(m->ours), "%s", preload);
    procinfo_executable(pid, m->executable, sizeof(m->executable));
    if (!m->executable[0])
        snprintf(m->executable, sizeof(m->executable), "%s", program);
    read_directory(pid, m->directory, sizeof(m->directory));
    return 0;
}

void modmap_release(struct modmap *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        free(m->modules[i].path);
    free(m->modules);
    symbolizer_free(m->symbolizer);
    memset(m, 0, sizeof(*m));
}

/* The loader's name for a module, made absolute.  NULL: out of memory. */
static char *resolve(const struct modmap *m, const char *name)
{
    char *path;

    if (!name[0])
        return strdup(m->executable);
    if (name[0] == '/' || !strchr(name, '/') || !m->directory[0])
        return strdup(name);
    return asprintf(&path, "%s/%s", m->directory, name) < 0 ? NULL : path;
}

/* A module's name in the segment, copied: the target may change it any time. */
static char *copy_name(const struct segment *s, uint32_t offset)
{
    uint32_t room;

    if (offset >= s->layout.names_bytes)
        return strdup("?");
    room = s->layout.names_bytes - offset;
    return strndup(segment_names(s) + offset, room < PATH_MAX ? room : PATH_MAX);
}

static bool reserve(struct modmap *m)
{
    uint32_t room = m->room ? m->room * 2 : 32;
    struct modmap_module *modules;

    if (m->count < m->room)
        return true;
    modules = realloc(m->modules, room * sizeof(*modules));
    if (!modules)
        return false;
    m->modules = modules;
    m->room = room;
    return true;
}

static void copy_record(struct profile_module *to, const struct module_record *from)
{
    memset(to, 0, sizeof(*to));
    to->start = from->start;
    to->end = from->end < to->start ? to->start : from->end;
    to->bias = from->bias;
    to->generation = from->generation;
    to->build_id_size = from->build_id_size;
    if (to->build_id_size > sizeof(to->build_id))
        to->build_id_size = 0;
    memcpy(to->build_id, from->build_id, to->build_id_size);
}

static bool add(struct modmap *m, const struct module_record *record)
{
    struct modmap_module *module;
    char *name;

    if (!reserve(m))
        return false;
    module = &m->modules[m->count];
    copy_record(&module->module, record);
    name = copy_name(m->segment, record->name);
    module->path = name ? resolve(m, name) : NULL;
    free(name);
    if (!module->path)
        return false;
    if (strcmp(module->path, m->ours) == 0)
        module->module.flags |= MODULE_IS_OURS;
    if (symbolizer_add_module(m->symbolizer, &module->module, module->path, m->pid, NULL) < 0) {
        free(module->path);
        return false;
    }
    m->count++;
    return true;
}

void modmap_update(struct modmap *m)
{
    /* acquire: the records below it are complete */
    uint32_t used =
        atomic_load_explicit(&segment_header(m->segment)->modules_used, memory_order_acquire);

    if (used > m->segment->layout.modules_max)
        used = m->segment->layout.modules_max;
    while (m->count < used && !m->failed)
        m->failed = !add(m, segment_module(m->segment, m->count));
}

void modmap_finish(struct modmap *m)
{
    m->pid = 0;
    modmap_update(m);
    for (uint32_t i = 0; i < m->count; i++)
        /* relaxed: the process is gone */
        if (atomic_load_explicit(&segment_module(m->segment, i)->gone_seen, memory_order_relaxed))
            m->modules[i].module.flags |= MODULE_UNLOADED;
}

static bool holds(const struct profile_module *module, uint64_t pc, uint32_t generation)
{
    return pc >= module->start && pc < module->end && module->generation == generation;
}

uint32_t modmap_find(struct modmap *m, uint64_t frame)
{
    uint32_t generation = frame_generation(frame);
    uint64_t pc = frame_pc(frame) - ((frame & FRAME_EXACT) ? 0 : 1);

    if (m->last_found < m->count && holds(&m->modules[m->last_found].module, pc, generation))
        return m->last_found;
    for (uint32_t i = 0; i < m->count; i++)
        if (holds(&m->modules[i].module, pc, generation))
            return m->last_found = i;
    return NO_MODULE;
}

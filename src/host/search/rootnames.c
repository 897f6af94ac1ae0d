// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/rootnames.h"

#include "src/host/files/filefaults.h"
#include "src/host/graph/leakgraph.h"
#include "src/host/symbols/elfsymtab.h"
#include "src/host/symbols/modfile.h"
#include "src/host/text/demangle.h"

#include <stdlib.h>
#include <string.h>

/* The variables of the module that is just being looked at: pointers come by address. */
struct open_module {
    uint32_t index; /* NO_MODULE: none */
    struct modfile file;
    struct elfsymtab objects;
    bool known;
};

struct naming {
    struct profile *p;
    const struct modmap *map;
    struct demangler *demangler;
    struct open_module open;
};

/* -------------------------------------------------------------- one module -- */

static void close_module(struct open_module *m)
{
    if (m->known)
        elfsymtab_release(&m->objects);
    if (m->index != NO_MODULE)
        modfile_release(&m->file);
    *m = (struct open_module){.index = NO_MODULE};
}

static void open_module(struct naming *n, uint32_t index)
{
    const struct modmap_module *from = &n->map->modules[index];
    struct modfile_request request = {
        .path = from->path, .start = from->module.start, .end = from->module.end};

    if (n->open.index == index)
        return;
    close_module(&n->open);
    buildid_set(&request.id, from->module.build_id, from->module.build_id_size);
    n->open.index = index;
    modfile_open(&n->open.file, &request);
    n->open.known = n->open.file.fd >= 0 && elfsymtab_open(&n->open.objects, n->open.file.fd);
}

static uint32_t module_of(const struct modmap *map, uint64_t address)
{
    for (uint32_t i = map->count; i > 0; i--) {
        const struct profile_module *m = &map->modules[i - 1].module;

        if (address >= m->start && address < m->end && !(m->flags & MODULE_UNLOADED))
            return i - 1;
    }
    return NO_MODULE;
}

/* ------------------------------------------------------------ all pointers -- */

/* false: out of memory. */
static bool name_pointer(struct naming *n, struct profile_pointer *pointer)
{
    uint32_t index = module_of(n->map, pointer->address), id;
    struct elfsymtab_entry found;
    uint64_t address;

    if (index == NO_MODULE)
        return true;
    open_module(n, index);
    address = pointer->address - n->map->modules[index].module.bias;
    if (!n->open.known || !elfsymtab_find(&n->open.objects, address, &found))
        return true;
    id = strings_add(&n->p->strings, demangler_name(n->demangler, found.name));
    if (id == UINT32_MAX)
        return false;
    pointer->symbol = id;
    pointer->offset = (uint32_t)(address - found.start);
    return true;
}

static int by_start(const void *x, const void *y)
{
    const struct profile_root *a = x, *b = y;

    return a->start < b->start ? -1 : a->start > b->start;
}

/* The roots that are modules' data, by address.  NULL: out of memory. */
static struct profile_root *globals(const struct profile *p, uint32_t *count)
{
    struct profile_root *rows = calloc((size_t)p->root_count + 1, sizeof(*rows));

    *count = 0;
    for (uint32_t i = 0; rows && i < p->root_count; i++)
        if (p->roots[i].kind == ROOT_GLOBAL || p->roots[i].kind == ROOT_WEAK)
            rows[(*count)++] = p->roots[i];
    if (*count)
        qsort(rows, *count, sizeof(*rows), by_start);
    return rows;
}

static bool name_all(struct naming *n, const struct profile_root *rows, uint32_t count)
{
    struct profile *p = n->p;
    uint32_t at = 0;

    for (uint32_t i = 0; i < p->pointer_count; i++) {
        uint64_t address = p->pointers[i].address;

        while (at < count && rows[at].start + rows[at].size <= address)
            at++;
        if (at < count && address >= rows[at].start && !name_pointer(n, &p->pointers[i]))
            return false;
    }
    return true;
}

int root_names(struct profile *p, const struct modmap *map, struct error *e)
{
    struct naming n = {.p = p, .map = map, .open.index = NO_MODULE};
    struct profile_root *rows;
    uint32_t count;
    bool done;

    if (!p->pointer_count)
        return 0;
    rows = globals(p, &count);
    n.demangler = demangler_new(false);
    filefaults_begin(); /* names are read where the module's file is mapped */
    done = rows && n.demangler && name_all(&n, rows, count);
    filefaults_end();
    close_module(&n.open);
    if (n.demangler)
        demangler_free(n.demangler);
    free(rows);
    return done ? 0 : error_set(e, ERROR_MEMORY, "out of memory while naming the roots");
}

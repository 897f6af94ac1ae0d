// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/elfsymtab.h"

#include "src/host/files/filefaults.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- opening -- */

static Elf_Scn *section_of_type(Elf *elf, unsigned type, GElf_Shdr *header)
{
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
        if (gelf_getshdr(section, header) && header->sh_type == type)
            return section;
    return NULL;
}

static bool load_names(struct elfsymtab *o, size_t index)
{
    Elf_Scn *section = elf_getscn(o->elf, index);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

    if (!data || !data->d_buf)
        return false;
    o->names = data->d_buf;
    o->names_size = data->d_size;
    /* a table that does not end a string would be read beyond its end */
    while (o->names_size && o->names[o->names_size - 1])
        o->names_size--;
    return o->names_size > 0;
}

static bool load(struct elfsymtab *o, unsigned type)
{
    GElf_Shdr header;
    Elf_Scn *section = section_of_type(o->elf, type, &header);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

    if (!data || !data->d_buf || !load_names(o, header.sh_link))
        return false;
    o->symbols = data->d_buf;
    o->count = data->d_size / sizeof(*o->symbols);
    return o->count > 0;
}

bool elfsymtab_of(struct elfsymtab *o, Elf *elf)
{
    bool loaded;

    *o = (struct elfsymtab){.elf = elf};
    filefaults_begin();
    loaded = load(o, SHT_SYMTAB) || load(o, SHT_DYNSYM);
    filefaults_end();
    if (loaded)
        return true;
    elfsymtab_release(o);
    return false;
}

static Elf *open_elf(int fd)
{
    Elf *elf;

    filefaults_begin();
    elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    filefaults_end();
    return elf;
}

bool elfsymtab_open(struct elfsymtab *o, int fd)
{
    Elf *elf;

    memset(o, 0, sizeof(*o));
    if (elf_version(EV_CURRENT) == EV_NONE)
        return false;
    elf = open_elf(fd);
    if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 &&
        elfsymtab_of(o, elf)) {
        o->own = elf;
        return true;
    }
    elf_end(elf);
    return false;
}

void elfsymtab_release(struct elfsymtab *o)
{
    elf_end(o->own);
    free(o->rows);
    memset(o, 0, sizeof(*o));
}

static const char *name_of(const struct elfsymtab *o, const Elf64_Sym *symbol)
{
    return symbol->st_name < o->names_size ? o->names + symbol->st_name : "";
}

static bool is_defined(const Elf64_Sym *symbol)
{
    return symbol->st_shndx != SHN_UNDEF && symbol->st_shndx != SHN_ABS &&
           symbol->st_size <= UINT64_MAX - symbol->st_value;
}

static struct elfsymtab_entry object_of(const struct elfsymtab *o, const Elf64_Sym *symbol)
{
    return (struct elfsymtab_entry){symbol->st_value, symbol->st_size, name_of(o, symbol)};
}

/* ------------------------------------------------------------- by address -- */

static bool is_variable(const struct elfsymtab *o, const Elf64_Sym *symbol)
{
    return is_defined(symbol) && symbol->st_size && *name_of(o, symbol) &&
           ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT;
}

/* Of two at one place the one with the larger range comes first, so that the last fits best. */
static int by_start(const void *x, const void *y)
{
    const struct elfsymtab_entry *a = x, *b = y;

    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return strcmp(b->name, a->name);
}

static void sort(struct elfsymtab *o)
{
    size_t count = 0;

    o->sorted = true;
    filefaults_begin();
    for (size_t i = 0; i < o->count; i++)
        count += is_variable(o, &o->symbols[i]);
    o->rows = calloc(count + 1, sizeof(*o->rows));
    for (size_t i = 0; o->rows && i < o->count; i++)
        if (is_variable(o, &o->symbols[i]))
            o->rows[o->row_count++] = object_of(o, &o->symbols[i]);
    if (o->row_count)
        qsort(o->rows, o->row_count, sizeof(*o->rows), by_start);
    filefaults_end();
}

bool elfsymtab_find(struct elfsymtab *o, uint64_t address, struct elfsymtab_entry *found)
{
    size_t low = 0, high;

    if (!o->sorted)
        sort(o);
    for (high = o->row_count; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (o->rows[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    /* Variables do not lie in each other, but for aliases of the same one. */
    if (!low || address - o->rows[low - 1].start >= o->rows[low - 1].size)
        return false;
    *found = o->rows[low - 1];
    return true;
}

/* ---------------------------------------------------------------- by name -- */

static bool is_named(const char *name, const char *wanted)
{
    size_t length = strlen(wanted);

    return strncmp(name, wanted, length) == 0 && (name[length] == '\0' || name[length] == '@');
}

static bool next_variable(const struct elfsymtab *o, const char *name, size_t *at,
                          struct elfsymtab_entry *found)
{
    for (size_t i = *at; i < o->count; i++) {
        const Elf64_Sym *symbol = &o->symbols[i];

        if (is_defined(symbol) && ELF64_ST_TYPE(symbol->st_info) == STT_OBJECT &&
            is_named(name_of(o, symbol), name)) {
            *found = object_of(o, symbol);
            *at = i + 1;
            return true;
        }
    }
    return false;
}

bool elfsymtab_variable(const struct elfsymtab *o, const char *name, size_t *at,
                        struct elfsymtab_entry *found)
{
    bool there;

    filefaults_begin();
    there = next_variable(o, name, at, found);
    filefaults_end();
    return there;
}

static bool is_function(const Elf64_Sym *symbol)
{
    return is_defined(symbol) && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
}

static bool find_function(const struct elfsymtab *o, const char *name,
                          struct elfsymtab_entry *found)
{
    for (size_t i = 0; i < o->count; i++)
        if (is_function(&o->symbols[i]) && is_named(name_of(o, &o->symbols[i]), name)) {
            *found = object_of(o, &o->symbols[i]);
            return true;
        }
    return false;
}

bool elfsymtab_function(const struct elfsymtab *o, const char *name, struct elfsymtab_entry *found)
{
    bool there;

    filefaults_begin();
    there = find_function(o, name, found);
    filefaults_end();
    return there;
}

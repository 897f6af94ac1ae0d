// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/dwarfunit.h"

#include "src/host/symbols/diescan.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define DEEPEST_SCOPE 256
#define MOST_INLINED (1u << 20) /* of one function */

/* ---------------------------------------------------------- functions -- */

static void find_sections(Elf *elf, struct diescan_sections *s)
{
    size_t names;

    memset(s, 0, sizeof *s);
    if (!elf || elf_getshdrstrndx(elf, &names))
        return;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        const char *name;
        Elf_Data *data;
        bool info, abbrev;

        name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (!name || strncmp(name, name[1] == 'z' ? ".zdebug_" : ".debug_", name[1] == 'z' ? 8 : 7))
            continue;
        name += name[1] == 'z' ? 8 : 7;
        info = !strcmp(name, "info") || !strcmp(name, "info.dwo");
        abbrev = !strcmp(name, "abbrev") || !strcmp(name, "abbrev.dwo");
        /* libdw has decompressed it in place by now */
        data = info || abbrev ? elf_rawdata(section, NULL) : NULL;
        if (!data || !data->d_buf)
            continue;
        *(info ? &s->info : &s->abbrev) = data->d_buf;
        *(info ? &s->info_size : &s->abbrev_size) = data->d_size;
    }
}

static int add_function(void *context, uint64_t offset)
{
    struct dwarfunit *u = context;
    struct dwarf_function *f;
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;

    if (u->count == u->room) {
        size_t room = u->room ? u->room * 2 : 64;
        struct dwarf_function *functions = reallocarray(u->functions, room, sizeof *functions);

        if (!functions)
            return 1;
        u->functions = functions;
        u->room = room;
    }
    f = &u->functions[u->count];
    memset(f, 0, sizeof *f);
    if (!dwarf_offdie(dwarf_cu_getdwarf(u->code.cu), offset, &f->die))
        return 0;
    while ((at = dwarf_ranges(&f->die, at, &base, &low, &high)) > 0) {
        if (low && rangemap_add(&u->map, low, high, (uint32_t)u->count))
            return 1;
        if (low && !f->low)
            f->low = low;
    }
    u->count += f->low ? 1 : 0;
    return 0;
}

static int index_functions(struct dwarfunit *u)
{
    struct diescan_sections sections;
    uint64_t header = dwarf_dieoffset(&u->code) - dwarf_cuoffset(&u->code);

    find_sections(dwarf_getelf(dwarf_cu_getdwarf(u->code.cu)), &sections);
    /* a damaged unit keeps what was found before the damage */
    if (sections.info && sections.abbrev &&
        diescan_functions(&sections, header, add_function, u) > 0)
        return -1;
    return rangemap_seal(&u->map);
}

struct dwarfunit *dwarfunit_new(const Dwarf_Die *die)
{
    struct dwarfunit *u = calloc(1, sizeof *u);
    Dwarf_Half version;
    Dwarf_Die split;
    uint8_t type;

    if (!u)
        return NULL;
    u->lines = *die;
    u->code = *die;
    if (!dwarf_cu_info(die->cu, &version, &type, NULL, &split, NULL, NULL, NULL) &&
        type == DW_UT_skeleton && split.cu)
        u->code = split;
    if (!index_functions(u))
        return u;
    dwarfunit_free(u);
    return NULL;
}

static void files_release(struct dwarf_files *f)
{
    for (size_t i = 0; f->joined && i < f->count; i++)
        free(f->joined[i]);
    free(f->joined);
}

void dwarfunit_free(struct dwarfunit *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->count; i++) {
        free(u->functions[i].inlined);
        rangemap_release(&u->functions[i].map);
    }
    free(u->functions);
    rangemap_release(&u->map);
    files_release(&u->line_files);
    files_release(&u->call_files);
    free(u);
}

struct dwarf_function *dwarfunit_function(struct dwarfunit *u, uint64_t address)
{
    const struct range *r = rangemap_find(&u->map, address, NULL);

    return r ? &u->functions[r->value] : NULL;
}

/* ------------------------------------------------------- inlined calls -- */

static int add_inlined(struct dwarf_function *f, Dwarf_Die *die, uint32_t outer)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t at = 0;

    if (f->inlined_count >= MOST_INLINED)
        return -1;
    if (f->inlined_count == f->inlined_room) {
        size_t room = f->inlined_room ? f->inlined_room * 2 : 16;
        struct dwarf_inlined *inlined = reallocarray(f->inlined, room, sizeof *inlined);

        if (!inlined)
            return -1;
        f->inlined = inlined;
        f->inlined_room = room;
    }
    f->inlined[f->inlined_count] = (struct dwarf_inlined){*die, outer};
    while ((at = dwarf_ranges(die, at, &base, &low, &high)) > 0)
        if (low && rangemap_add(&f->map, low, high, (uint32_t)f->inlined_count))
            return -1;
    f->inlined_count++;
    return 0;
}

static bool is_scope(int tag)
{
    return tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine ||
           tag == DW_TAG_try_block || tag == DW_TAG_catch_block || tag == DW_TAG_with_stmt;
}

/* Collect below `parent`; -1 ends the walk, what was collected stays. */
static int collect_inlined(struct dwarf_function *f, Dwarf_Die *parent, uint32_t outer, int depth)
{
    Dwarf_Die child;

    if (depth > DEEPEST_SCOPE || dwarf_child(parent, &child))
        return 0;
    do {
        int tag = dwarf_tag(&child);
        uint32_t inner = outer;

        if (!is_scope(tag))
            continue;
        if (tag == DW_TAG_inlined_subroutine) {
            if (add_inlined(f, &child, outer))
                return -1;
            inner = (uint32_t)f->inlined_count;
        }
        if (collect_inlined(f, &child, inner, depth + 1))
            return -1;
    } while (dwarf_siblingof(&child, &child) == 0);
    return 0;
}

size_t dwarfunit_inlined(struct dwarf_function *f, uint64_t address, struct dwarf_inlined **chain,
                         size_t max)
{
    uint32_t index = 0;
    size_t used = 0;

    if (!f->expanded) {
        f->expanded = true;
        collect_inlined(f, &f->die, 0, 0);
        if (rangemap_seal(&f->map))
            return 0;
    }
    /* inner ones come after those they lie in, so the greatest index is the innermost */
    for (const struct range *r = rangemap_find(&f->map, address, NULL); r;
         r = rangemap_find(&f->map, address, r))
        if (r->value + 1 > index)
            index = r->value + 1;
    for (; index && used < max; index = f->inlined[index - 1].outer)
        chain[used++] = &f->inlined[index - 1];
    return used;
}

/* ------------------------------------------------------ lines and names -- */

static const char *get_text(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static char *join(const char *folder, const char *name)
{
    size_t folder_length = strlen(folder), name_size = strlen(name) + 1;
    char *joined = malloc(folder_length + 1 + name_size);

    if (!joined)
        return NULL;
    memcpy(joined, folder, folder_length);
    joined[folder_length] = '/';
    memcpy(joined + folder_length + 1, name, name_size);
    return joined;
}

/* The name of file `number`: libdw leaves it relative where the line table's folders are. */
static const char *file_name(struct dwarfunit *u, struct dwarf_files *f, size_t number)
{
    const char *name = f->files ? dwarf_filesrc(f->files, number, NULL, NULL) : NULL;
    const char *folder;

    if (!name)
        return "";
    if (name[0] == '/' || number >= f->count)
        return name;
    if (!f->joined)
        f->joined = calloc(f->count, sizeof(char *));
    if (f->joined && !f->joined[number]) {
        folder = get_text(&u->lines, DW_AT_comp_dir);
        f->joined[number] = folder && folder[0] == '/' ? join(folder, name) : NULL;
    }
    return f->joined && f->joined[number] ? f->joined[number] : name;
}

struct source_place dwarfunit_line(struct dwarfunit *u, uint64_t address)
{
    struct source_place place = {"", 0};
    Dwarf_Line *line = dwarf_getsrc_die(&u->lines, address);
    size_t file;
    int number;

    if (!line || dwarf_line_file(line, &u->line_files.files, &file))
        return place;
    if (!u->line_files.count)
        dwarf_getsrcfiles(&u->lines, &u->line_files.files, &u->line_files.count);
    place.file = file_name(u, &u->line_files, file);
    if (!dwarf_lineno(line, &number) && number > 0)
        place.line = (uint32_t)number;
    return place;
}

static bool get_number(Dwarf_Die *die, unsigned name, Dwarf_Word *value)
{
    Dwarf_Attribute attribute;

    return dwarf_attr(die, name, &attribute) && !dwarf_formudata(&attribute, value);
}

static void read_call_files(struct dwarfunit *u)
{
    struct dwarf_files *f = &u->call_files;

    u->call_files_read = true;
    if (dwarf_getsrcfiles(&u->code, &f->files, &f->count) &&
        dwarf_getsrcfiles(&u->lines, &f->files, &f->count))
        f->files = NULL;
}

struct source_place dwarfunit_call(struct dwarfunit *u, struct dwarf_inlined *call)
{
    struct source_place place = {"", 0};
    Dwarf_Word number;

    if (!u->call_files_read)
        read_call_files(u);
    if (get_number(&call->die, DW_AT_call_file, &number))
        place.file = file_name(u, &u->call_files, number);
    if (get_number(&call->die, DW_AT_call_line, &number) && number <= INT32_MAX)
        place.line = (uint32_t)number;
    return place;
}

void dwarfunit_names(Dwarf_Die *die, const char **plain, const char **linkage)
{
    *plain = get_text(die, DW_AT_name);
    *linkage = get_text(die, DW_AT_linkage_name);
    if (!*linkage)
        *linkage = get_text(die, DW_AT_MIPS_linkage_name);
}

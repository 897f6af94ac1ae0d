// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/binary.h"

#include "src/host/symbols/cuindex.h"
#include "src/host/symbols/dwarfunit.h"
#include "src/host/symbols/elfsymbols.h"

#include <elfutils/libdwelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define DEEPEST_INLINING 64

struct binary {
    struct modfile file;
    struct buildid id;
    bool loaded, symbols_loaded;
    bool vdso, c_library;
    void *image;                       /* owned copy of the vdso */
    struct debugfile main, debug, alt; /* the file, its debug file, what dwz shares */
    struct elfsymbols symbols;
    Dwarf *dwarf, *alt_dwarf;
    struct cuindex units;
    struct dwarfunit **read_units; /* by index into units; NULL until asked */
};

static struct binary *binary_alloc(const struct buildid *id)
{
    struct binary *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    b->id = *id;
    b->file.fd = -1;
    debugfile_init(&b->main);
    debugfile_init(&b->debug);
    debugfile_init(&b->alt);
    return b;
}

static bool is_c_library(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    return !strncmp(name, "libc.so.", 8) || !strncmp(name, "ld-linux", 8);
}

struct binary *binary_new(struct modfile *file, const char *path, const struct buildid *id)
{
    struct binary *b = binary_alloc(id);

    if (!b)
        return NULL;
    b->c_library = is_c_library(path);
    b->file = *file;
    file->fd = -1;
    return b;
}

struct binary *binary_new_vdso(const struct buildid *id)
{
    struct binary *b = binary_alloc(id);

    if (b)
        b->vdso = true;
    return b;
}

/* All that was read. */
static void unload(struct binary *b)
{
    for (size_t i = 0; b->read_units && i < b->units.count; i++)
        dwarfunit_free(b->read_units[i]);
    free(b->read_units);
    cuindex_release(&b->units);
    elfsymbols_release(&b->symbols);
    dwarf_end(b->dwarf);
    dwarf_end(b->alt_dwarf);
    debugfile_release(&b->alt);
    debugfile_release(&b->debug);
    debugfile_release(&b->main);
    free(b->image);
}

void binary_free(struct binary *b)
{
    if (!b)
        return;
    unload(b);
    modfile_release(&b->file);
    free(b);
}

bool binary_forget_changed(struct binary *b)
{
    struct modfile now = {.fd = b->main.fd, .st = b->file.st};

    if (b->main.fd < 0 || !modfile_changed(&now))
        return false;
    unload(b);
    b->loaded = b->symbols_loaded = false;
    b->image = NULL;
    b->dwarf = b->alt_dwarf = NULL;
    b->read_units = NULL;
    debugfile_init(&b->main);
    debugfile_init(&b->debug);
    debugfile_init(&b->alt);
    return true;
}

bool binary_is(const struct binary *b, const struct modfile *file, const struct buildid *id)
{
    const struct stat *x = &b->file.st, *y = &file->st;

    return !b->vdso && x->st_ino == y->st_ino && x->st_dev == y->st_dev &&
           x->st_size == y->st_size && x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
           x->st_mtim.tv_nsec == y->st_mtim.tv_nsec && buildid_equal(&b->id, id);
}

bool binary_was_read(const struct binary *b)
{
    return !b->vdso && (b->symbols_loaded || b->read_units);
}

static uint64_t debug_bytes(const struct debugfile *f)
{
    struct stat status;

    return f->fd >= 0 && fstat(f->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}

uint64_t binary_bytes(const struct binary *b)
{
    return (uint64_t)b->file.st.st_size + debug_bytes(&b->debug) + debug_bytes(&b->alt);
}

/* -------------------------------------------------------------- loading -- */

/* The end of what the image's headers speak of: its sections, or its segments. */
static size_t image_size(const uint8_t *image)
{
    Elf64_Ehdr header;
    uint64_t end;

    memcpy(&header, image, sizeof header);
    end = header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize;
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;

        memcpy(&segment, image + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD && segment.p_offset + segment.p_filesz > end)
            end = segment.p_offset + segment.p_filesz;
    }
    return end;
}

/* A profile may come from another kernel. */
static bool is_the_vdso_of(Elf *elf, const struct buildid *id)
{
    const void *bytes;
    ssize_t size = elf ? dwelf_elf_gnu_build_id(elf, &bytes) : 0;
    struct buildid ours = {.size = 0};

    if (size > 0)
        buildid_set(&ours, bytes, (size_t)size);
    return !id->size || buildid_equal(&ours, id);
}

static void load_vdso(struct binary *b)
{
    const uint8_t *image = (const uint8_t *)getauxval(AT_SYSINFO_EHDR);
    size_t size;

    if (!image || memcmp(image, ELFMAG, SELFMAG) || image[EI_CLASS] != ELFCLASS64)
        return;
    size = image_size(image);
    b->image = malloc(size);
    if (!b->image)
        return;
    memcpy(b->image, image, size);
    elf_version(EV_CURRENT);
    b->main.elf = elf_memory(b->image, size);
    if (!is_the_vdso_of(b->main.elf, &b->id)) {
        elf_end(b->main.elf);
        b->main.elf = NULL;
    }
}

static void load_dwarf(struct binary *b, const struct debugfile_places *places, struct debugfile *f)
{
    debugfile_hide_unwanted(f->elf);
    b->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
    if (!b->dwarf)
        return;
    if (!debugfile_find_alternate(&b->alt, places, b->dwarf, f->fd)) {
        b->alt_dwarf = dwarf_begin_elf(b->alt.elf, DWARF_C_READ, NULL);
        if (b->alt_dwarf)
            dwarf_setalt(b->dwarf, b->alt_dwarf);
    }
    if (!cuindex_build(&b->units, b->dwarf) && b->units.count)
        b->read_units = calloc(b->units.count, sizeof(struct dwarfunit *));
}

/* The recorder could not read an ID where it was mapped, but the file may have one. */
static void take_id(const struct binary *b, struct buildid *id)
{
    const void *bytes;
    ssize_t size = b->id.size || !b->main.elf ? 0 : dwelf_elf_gnu_build_id(b->main.elf, &bytes);

    *id = b->id;
    if (size > 0)
        buildid_set(id, bytes, (size_t)size);
}

static void load(struct binary *b, const struct debugfile_places *places)
{
    struct buildid id;

    b->loaded = true;
    if (b->vdso) {
        load_vdso(b);
    } else if (b->file.fd >= 0 && !modfile_changed(&b->file)) {
        debugfile_open(&b->main, b->file.fd);
        b->file.fd = -1;
    }
    take_id(b, &id);
    if (b->main.elf && debugfile_has_dwarf(b->main.elf)) {
        load_dwarf(b, places, &b->main);
        return;
    }
    if (!debugfile_find(&b->debug, places, &id, b->main.elf, b->main.fd) &&
        debugfile_has_dwarf(b->debug.elf) &&
        (places->thorough || !b->c_library || !debugfile_is_compressed(b->debug.elf)))
        load_dwarf(b, places, &b->debug);
}

/* The full table, wherever it is; else what the dynamic linker needs. */
static const struct elfsymbols *symbols_of(struct binary *b)
{
    if (b->symbols_loaded)
        return &b->symbols;
    b->symbols_loaded = true;
    if (b->main.elf && !elfsymbols_load(&b->symbols, b->main.elf, SHT_SYMTAB))
        return &b->symbols;
    if (b->debug.elf && !elfsymbols_load(&b->symbols, b->debug.elf, SHT_SYMTAB))
        return &b->symbols;
    if (b->main.elf)
        elfsymbols_load(&b->symbols, b->main.elf, SHT_DYNSYM);
    return &b->symbols;
}

/* --------------------------------------------------------------- lookup -- */

static size_t lookup_symbol(struct binary *b, struct demangler *d, uint64_t address, uint64_t shown,
                            struct symbol_line *line)
{
    struct elf_symbol symbol;

    if (!elfsymbols_find(symbols_of(b), address, &symbol))
        return 0;
    *line = (struct symbol_line){.function = demangler_name(d, symbol.name),
                                 .file = "",
                                 .flags = LINE_FROM_SYMTAB,
                                 .offset = shown - symbol.value};
    return 1;
}

static struct dwarfunit *unit_at(struct binary *b, uint64_t address)
{
    long index = b->read_units ? cuindex_find(&b->units, address) : -1;

    if (index < 0)
        return NULL;
    if (!b->read_units[index])
        b->read_units[index] = dwarfunit_new(&b->units.units[index]);
    return b->read_units[index];
}

static const char *inlined_name(struct demangler *d, struct dwarf_inlined *inlined)
{
    const char *plain, *linkage;

    dwarfunit_names(&inlined->die, &plain, &linkage);
    return linkage && demangle_is_mangled(linkage) ? demangler_name(d, linkage) : plain;
}

/*
 * The name of a function that has code.  The symbol table knows better than the
 * debugging information in two cases: C++ compiled with -g1 has no qualified
 * names, and a libc calls its functions __libc_malloc inside and malloc outside.
 */
static const char *function_name(struct binary *b, struct demangler *d, struct dwarf_function *f)
{
    const char *plain, *linkage;
    struct elf_symbol symbol;

    dwarfunit_names(&f->die, &plain, &linkage);
    if (linkage && demangle_is_mangled(linkage))
        return demangler_name(d, linkage);
    if (elfsymbols_at(symbols_of(b), f->low, &symbol) &&
        (!plain || demangle_is_mangled(symbol.name) || (plain[0] == '_' && !symbol.local)))
        return demangler_name(d, symbol.name);
    return plain ? plain : "";
}

/* A function of which there is no entry: assembly, or debugging information cut to lines. */
static size_t lookup_line_only(struct binary *b, struct demangler *d, uint64_t address,
                               uint64_t shown, struct source_place place, struct symbol_line *line)
{
    if (!lookup_symbol(b, d, address, shown, line)) {
        if (!*place.file)
            return 0;
        *line = (struct symbol_line){.function = ""};
    }
    line->file = place.file;
    line->line = place.line;
    return 1;
}

static size_t lookup_dwarf(struct binary *b, struct demangler *d, uint64_t address, uint64_t shown,
                           struct symbol_line *lines, size_t max)
{
    struct dwarfunit *u = unit_at(b, address);
    struct dwarf_inlined *chain[DEEPEST_INLINING];
    struct dwarf_function *f;
    struct source_place place;
    size_t inlined, used = 0;

    if (!u)
        return 0;
    place = dwarfunit_line(u, address);
    f = dwarfunit_function(u, address);
    if (!f)
        return lookup_line_only(b, d, address, shown, place, lines);
    inlined = dwarfunit_inlined(f, address, chain, DEEPEST_INLINING);
    for (size_t i = 0; i < inlined; i++) {
        const char *name = inlined_name(d, chain[i]);

        /* without a name the line is told as the caller's; the last place is the function's */
        if (!name || used + 1 >= max)
            continue;
        lines[used++] = (struct symbol_line){
            .function = name, .file = place.file, .line = place.line, .flags = LINE_INLINED};
        place = dwarfunit_call(u, chain[i]);
    }
    lines[used++] = (struct symbol_line){.function = function_name(b, d, f),
                                         .file = place.file,
                                         .line = place.line,
                                         .offset = shown - f->low};
    return used;
}

size_t binary_lookup(struct binary *b, const struct debugfile_places *places, struct demangler *d,
                     uint64_t address, uint64_t shown, struct symbol_line *lines, size_t max)
{
    size_t used;

    if (!b->loaded)
        load(b, places);
    used = lookup_dwarf(b, d, address, shown, lines, max);
    return used ? used : lookup_symbol(b, d, address, shown, lines);
}

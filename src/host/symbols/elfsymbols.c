// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/elfsymbols.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_HIDDEN 0x8000 /* bit of a .gnu.version entry: not the default version */

void elfsymbols_init(struct elfsymbols *s)
{
    memset(s, 0, sizeof *s);
}

void elfsymbols_release(struct elfsymbols *s)
{
    rangemap_release(&s->map);
    elfsymbols_init(s);
}

static const char *name_of(const struct elfsymbols *s, const Elf64_Sym *symbol)
{
    return symbol->st_name < s->names_size ? s->names + symbol->st_name : "";
}

static bool is_function(const struct elfsymbols *s, const Elf64_Sym *symbol)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    const char *name = name_of(s, symbol);

    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || !*name)
        return false;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        return true;
    /* labels of assembly code, but not the mapping symbols ($x, $d) of AArch64 */
    return type == STT_NOTYPE && symbol->st_value != 0 && name[0] != '$';
}

static bool is_default_version(const struct elfsymbols *s, const Elf64_Sym *symbol)
{
    size_t index = (size_t)(symbol - s->symbols);
    const char *at;

    if (s->versions)
        return index < s->versions_count && !(s->versions[index] & VERSION_HIDDEN);
    at = strchr(name_of(s, symbol), '@');
    return !at || at[1] == '@';
}

static size_t underscores(const char *name)
{
    return strspn(name, "_");
}

/* Positive if x is the better name of code that both begin. */
static int compare_names(const struct elfsymbols *s, const Elf64_Sym *x, const Elf64_Sym *y)
{
    const char *xn = name_of(s, x), *yn = name_of(s, y);
    unsigned xb = ELF64_ST_BIND(x->st_info), yb = ELF64_ST_BIND(y->st_info);
    size_t xl = strcspn(xn, "@"), yl = strcspn(yn, "@");

    if ((xb == STB_LOCAL) != (yb == STB_LOCAL))
        return xb == STB_LOCAL ? -1 : 1;
    if (underscores(xn) != underscores(yn))
        return underscores(xn) < underscores(yn) ? 1 : -1;
    if ((xb == STB_WEAK) != (yb == STB_WEAK))
        return xb == STB_WEAK ? -1 : 1;
    if (is_default_version(s, x) != is_default_version(s, y))
        return is_default_version(s, x) ? 1 : -1;
    if (xl != yl)
        return xl < yl ? 1 : -1;
    return strcmp(yn, xn);
}

/* Positive if x tells more than y of an address that both hold. */
static int compare(const struct elfsymbols *s, const Elf64_Sym *x, const Elf64_Sym *y)
{
    bool x_label = ELF64_ST_TYPE(x->st_info) == STT_NOTYPE;
    bool y_label = ELF64_ST_TYPE(y->st_info) == STT_NOTYPE;

    if (!x->st_size != !y->st_size)
        return x->st_size ? 1 : -1;
    if (x->st_value != y->st_value)
        return x->st_value > y->st_value ? 1 : -1;
    if (x_label != y_label)
        return x_label ? -1 : 1;
    return compare_names(s, x, y);
}

static void fill(const struct elfsymbols *s, const Elf64_Sym *symbol, struct elf_symbol *found)
{
    found->name = name_of(s, symbol);
    found->value = symbol->st_value;
    found->local = ELF64_ST_BIND(symbol->st_info) == STB_LOCAL;
}

bool elfsymbols_find(const struct elfsymbols *s, uint64_t address, struct elf_symbol *found)
{
    const Elf64_Sym *best = NULL;

    for (const struct range *r = rangemap_find(&s->map, address, NULL); r;
         r = rangemap_find(&s->map, address, r))
        if (!best || compare(s, &s->symbols[r->value], best) > 0)
            best = &s->symbols[r->value];
    if (best)
        fill(s, best, found);
    return best != NULL;
}

bool elfsymbols_at(const struct elfsymbols *s, uint64_t address, struct elf_symbol *found)
{
    const Elf64_Sym *best = NULL;

    for (const struct range *r = rangemap_find(&s->map, address, NULL); r && r->low == address;
         r = rangemap_find(&s->map, address, r))
        if (!best || compare(s, &s->symbols[r->value], best) > 0)
            best = &s->symbols[r->value];
    if (best)
        fill(s, best, found);
    return best != NULL;
}

/* ------------------------------------------------------------- loading -- */

static Elf_Scn *section_of_type(Elf *elf, unsigned type, GElf_Shdr *header)
{
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section))
        if (gelf_getshdr(section, header) && header->sh_type == type)
            return section;
    return NULL;
}

static bool load_names(struct elfsymbols *s, Elf *elf, size_t index)
{
    Elf_Scn *section = elf_getscn(elf, index);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

    if (!data || !data->d_buf || !data->d_size)
        return false;
    s->names = data->d_buf;
    s->names_size = data->d_size;
    /* a table that does not end a string would be read beyond its end */
    while (s->names_size && s->names[s->names_size - 1])
        s->names_size--;
    return s->names_size > 0;
}

static void load_versions(struct elfsymbols *s, Elf *elf)
{
    GElf_Shdr header;
    Elf_Scn *section = section_of_type(elf, SHT_GNU_versym, &header);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;

    if (!data || !data->d_buf)
        return;
    s->versions = data->d_buf;
    s->versions_count = data->d_size / sizeof *s->versions;
}

static int add_sized(struct elfsymbols *s, size_t *sizeless)
{
    *sizeless = 0;
    for (size_t i = 0; i < s->count; i++) {
        const Elf64_Sym *symbol = &s->symbols[i];

        if (!is_function(s, symbol))
            continue;
        if (!symbol->st_size)
            ++*sizeless;
        else if (symbol->st_size <= UINT64_MAX - symbol->st_value &&
                 rangemap_add(&s->map, symbol->st_value, symbol->st_value + symbol->st_size,
                              (uint32_t)i))
            return -1;
    }
    return 0;
}

static uint64_t section_end(Elf *elf, size_t index)
{
    Elf_Scn *section = elf_getscn(elf, index);
    GElf_Shdr header;

    if (!section || !gelf_getshdr(section, &header) || header.sh_size > UINT64_MAX - header.sh_addr)
        return 0;
    return header.sh_addr + header.sh_size;
}

/* Walk down from the last symbol, remembering where the next one of the section begins. */
static int add_sizeless_sorted(struct elfsymbols *s, Elf *elf, const struct rangemap *sorted)
{
    size_t sections;
    uint64_t *next, *last;
    int status = 0;

    if (elf_getshdrnum(elf, &sections) || !sections || sections > SHN_LORESERVE)
        return 0;
    next = calloc(sections, 2 * sizeof *next); /* beginning of the next higher symbol */
    if (!next)
        return -1;
    last = next + sections; /* value of the symbol last met */
    for (size_t i = 0; i < sections; i++)
        last[i] = section_end(elf, i);
    for (size_t i = sorted->count; i-- > 0 && !status;) {
        const Elf64_Sym *symbol = &s->symbols[sorted->ranges[i].value];
        size_t home = symbol->st_shndx;

        if (home >= sections)
            continue;
        if (symbol->st_value != last[home]) {
            next[home] = last[home];
            last[home] = symbol->st_value;
        }
        if (!symbol->st_size)
            status = rangemap_add(&s->map, symbol->st_value, next[home],
                                  (uint32_t)(symbol - s->symbols));
    }
    free(next);
    return status;
}

static int add_sizeless(struct elfsymbols *s, Elf *elf)
{
    struct rangemap sorted; /* where each begins, for its order */
    int status = 0;

    rangemap_init(&sorted);
    for (size_t i = 0; i < s->count && !status; i++)
        if (s->symbols[i].st_value != UINT64_MAX && is_function(s, &s->symbols[i]))
            status = rangemap_add(&sorted, s->symbols[i].st_value, s->symbols[i].st_value + 1,
                                  (uint32_t)i);
    if (!status)
        status = rangemap_seal(&sorted);
    if (!status)
        status = add_sizeless_sorted(s, elf, &sorted);
    rangemap_release(&sorted);
    return status;
}

int elfsymbols_load(struct elfsymbols *s, Elf *elf, unsigned type)
{
    GElf_Shdr header;
    Elf_Scn *section = section_of_type(elf, type, &header);
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL;
    size_t sizeless;

    elfsymbols_init(s);
    if (!data || !data->d_buf || !load_names(s, elf, header.sh_link))
        return -1;
    s->symbols = data->d_buf;
    s->count = data->d_size / sizeof *s->symbols;
    if (s->count > UINT32_MAX)
        s->count = UINT32_MAX;
    if (type == SHT_DYNSYM)
        load_versions(s, elf);
    if (!add_sized(s, &sizeless) && (!sizeless || !add_sizeless(s, elf)) && !rangemap_seal(&s->map))
        return 0;
    elfsymbols_release(s);
    return -1;
}

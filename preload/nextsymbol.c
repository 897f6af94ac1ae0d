/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/nextsymbol.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HIDDEN_VERSION 0x8000u /* in DT_VERSYM: kept for programs that were linked long ago */
#define WORD_BITS (8 * sizeof(ElfW(Addr)))

struct quest {
    const char *name;
    uint32_t hash;
    bool past_us;
    bool before_us; /* of firstsymbol_find: where it was found */
    uintptr_t value;
};

/* What a module says of its symbols. */
struct dynamic {
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Half) * versions; /* NULL: none */
    const uint32_t *hash;        /* buckets, offset, Bloom words, shift; then the tables */
};

static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;

    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

/* The loader relocates these addresses in place, but for the kernel's module, which is read-only.
 */
static const void *at(const struct dl_phdr_info *module, ElfW(Addr) value)
{
    return (const void *)(value < module->dlpi_addr ? module->dlpi_addr + value : value);
}

static bool read_dynamic(const struct dl_phdr_info *module, struct dynamic *d)
{
    const ElfW(Dyn) *entry = NULL;

    for (unsigned i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(module->dlpi_addr + module->dlpi_phdr[i].p_vaddr);
    *d = (struct dynamic){0};
    for (; entry && entry->d_tag != DT_NULL; entry++)
        switch (entry->d_tag) {
        case DT_SYMTAB:
            d->symbols = at(module, entry->d_un.d_ptr);
            break;
        case DT_STRTAB:
            d->names = at(module, entry->d_un.d_ptr);
            break;
        case DT_VERSYM:
            d->versions = at(module, entry->d_un.d_ptr);
            break;
        case DT_GNU_HASH:
            d->hash = at(module, entry->d_un.d_ptr);
            break;
        }
    return d->symbols && d->names && d->hash;
}

static bool is_definition(const struct dynamic *d, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &d->symbols[index];

    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
           !(d->versions && d->versions[index] & HIDDEN_VERSION) &&
           strcmp(d->names + symbol->st_name, name) == 0;
}

/* The symbol by which the module defines it; NULL: it does not. */
static const ElfW(Sym) * definition(const struct dynamic *d, const struct quest *q)
{
    uint32_t buckets = d->hash[0], first = d->hash[1], words = d->hash[2], shift = d->hash[3];
    const ElfW(Addr) *bloom = (const void *)(d->hash + 4);
    const uint32_t *bucket = (const void *)(bloom + words), *chain = bucket + buckets;
    ElfW(Addr) word;

    if (buckets == 0 || words == 0)
        return NULL;
    word = bloom[q->hash / WORD_BITS % words];
    if (!(word >> q->hash % WORD_BITS & word >> (q->hash >> shift) % WORD_BITS & 1))
        return NULL;
    for (uint32_t i = bucket[q->hash % buckets]; i >= first; i++) {
        uint32_t hash = chain[i - first];

        if ((hash | 1) == (q->hash | 1) && is_definition(d, i, q->name))
            return &d->symbols[i];
        if (hash & 1)
            break;
    }
    return NULL;
}

static bool module_holds(const struct dl_phdr_info *module, uintptr_t address)
{
    for (unsigned i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD &&
            address - module->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

bool module_is_ours(const struct dl_phdr_info *module)
{
    return module_holds(module, (uintptr_t)gnu_hash);
}

/* The loader's own data; a program that was started by naming the loader has no AT_BASE. */
extern void *__libc_stack_end;

bool module_is_loader(const struct dl_phdr_info *module)
{
    return module_holds(module, (uintptr_t)&__libc_stack_end);
}

static int visit(struct dl_phdr_info *module, size_t size, void *quest)
{
    struct quest *q = quest;
    struct dynamic d;

    (void)size;
    if (!q->past_us) {
        q->past_us = module_is_ours(module);
        return 0;
    }
    return read_dynamic(module, &d) && definition(&d, q);
}

void *nextsymbol_find(const char *name)
{
    struct quest q = {.name = name, .hash = gnu_hash(name)};

    return dl_iterate_phdr(visit, &q) == 1 ? dlsym(RTLD_NEXT, name) : NULL;
}

static int visit_first(struct dl_phdr_info *module, size_t size, void *quest)
{
    struct quest *q = quest;
    const ElfW(Sym) * symbol;
    struct dynamic d;

    (void)size;
    if (module_is_ours(module)) {
        q->past_us = true;
        return 0;
    }
    symbol = module_is_loader(module) || !read_dynamic(module, &d) ? NULL : definition(&d, q);
    if (!symbol || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
        return 0;
    q->value = module->dlpi_addr + symbol->st_value;
    q->before_us = !q->past_us;
    return 1;
}

void *firstsymbol_find(const char *name, bool *before_us)
{
    struct quest q = {.name = name, .hash = gnu_hash(name)};

    dl_iterate_phdr(visit_first, &q);
    if (before_us)
        *before_us = q.before_us;
    return (void *)q.value;
}

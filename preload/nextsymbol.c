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

static bool defines(const struct dynamic *d, const struct quest *q)
{
    uint32_t buckets = d->hash[0], first = d->hash[1], words = d->hash[2], shift = d->hash[3];
    const ElfW(Addr) *bloom = (const void *)(d->hash + 4);
    const uint32_t *bucket = (const void *)(bloom + words), *chain = bucket + buckets;
    ElfW(Addr) word;

    if (buckets == 0 || words == 0)
        return false;
    word = bloom[q->hash / WORD_BITS % words];
    if (!(word >> q->hash % WORD_BITS & word >> (q->hash >> shift) % WORD_BITS & 1))
        return false;
    for (uint32_t i = bucket[q->hash % buckets]; i >= first; i++) {
        uint32_t hash = chain[i - first];

        if ((hash | 1) == (q->hash | 1) && is_definition(d, i, q->name))
            return true;
        if (hash & 1)
            break;
    }
    return false;
}

static bool is_us(const struct dl_phdr_info *module)
{
    uintptr_t here = (uintptr_t)gnu_hash;

    for (unsigned i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];

        if (segment->p_type == PT_LOAD &&
            here - module->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return true;
    }
    return false;
}

static int visit(struct dl_phdr_info *module, size_t size, void *quest)
{
    struct quest *q = quest;
    struct dynamic d;

    (void)size;
    if (!q->past_us) {
        q->past_us = is_us(module);
        return 0;
    }
    return read_dynamic(module, &d) && defines(&d, q);
}

void *nextsymbol_find(const char *name)
{
    struct quest q = {name, gnu_hash(name), false};

    return dl_iterate_phdr(visit, &q) == 1 ? dlsym(RTLD_NEXT, name) : NULL;
}

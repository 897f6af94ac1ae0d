/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/nextsymbol.h"

#include "preload/dynamic.h"

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

static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;

    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

static bool is_definition(const struct dynamic *d, uint32_t index, const char *name)
{
    const ElfW(Sym) *symbol = &d->symbols[index];

    return symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
           !(d->versions && d->versions[index] & HIDDEN_VERSION) &&
           strcmp(d->names + symbol->st_name, name) == 0;
}

static const ElfW(Sym) * look_up(const struct dynamic *d, const struct quest *q)
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

/* The symbol by which the module defines it; NULL: it does not. */
static const ElfW(Sym) * definition(const struct dl_phdr_info *module, const struct quest *q)
{
    struct dynamic d;

    return dynamic_read(module, &d) && d.hash ? look_up(&d, q) : NULL;
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

    (void)size;
    if (!q->past_us) {
        q->past_us = module_is_ours(module);
        return 0;
    }
    return definition(module, q) != NULL;
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

    (void)size;
    if (module_is_ours(module)) {
        q->past_us = true;
        return 0;
    }
    symbol = module_is_loader(module) ? NULL : definition(module, q);
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

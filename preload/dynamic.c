/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/dynamic.h"

#include <elf.h>

/* The loader relocates these addresses in place, but for the kernel's module, which is read-only.
 */
static const void *at(const struct dl_phdr_info *module, ElfW(Addr) value)
{
    return (const void *)(value < module->dlpi_addr ? module->dlpi_addr + value : value);
}

static void take(const struct dl_phdr_info *module, const ElfW(Dyn) * entry, struct dynamic *d)
{
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
    case DT_RELA:
        d->tables[0] = at(module, entry->d_un.d_ptr);
        break;
    case DT_RELASZ:
        d->sizes[0] = entry->d_un.d_val;
        break;
    case DT_JMPREL:
        d->tables[1] = at(module, entry->d_un.d_ptr);
        break;
    case DT_PLTRELSZ:
        d->sizes[1] = entry->d_un.d_val;
        break;
    }
}

bool dynamic_read(const struct dl_phdr_info *module, struct dynamic *d)
{
    const ElfW(Dyn) *entry = NULL;

    for (unsigned i = 0; i < module->dlpi_phnum; i++)
        if (module->dlpi_phdr[i].p_type == PT_DYNAMIC)
            entry = (const void *)(module->dlpi_addr + module->dlpi_phdr[i].p_vaddr);
    *d = (struct dynamic){0};
    for (; entry && entry->d_tag != DT_NULL; entry++)
        take(module, entry, d);
    return d->symbols && d->names;
}

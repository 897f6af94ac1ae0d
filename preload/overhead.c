/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/overhead.h"

#include "preload/session.h"
#include "src/shared/arena.h"
#include "src/shared/sysmem.h"

#include <elf.h>
#include <link.h>

#define PAGE UINT64_C(4096)

/* The linker's: this library's ELF header, where it is mapped. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* The pages of the segments that can be written, zeroed ones included. */
static uint64_t data_bytes(void)
{
    const ElfW(Ehdr) *header = &__ehdr_start;
    const ElfW(Phdr) *p = (const void *)((const char *)header + header->e_phoff);
    uint64_t bytes = 0;

    for (unsigned i = 0; i < header->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && (p[i].p_flags & PF_W))
            bytes += ((p[i].p_vaddr + p[i].p_memsz + PAGE - 1) & -PAGE) - (p[i].p_vaddr & -PAGE);
    return bytes;
}

uint64_t overhead_bytes(void)
{
    struct arena_totals arenas;

    arena_totals(&arenas);
    return sysmem_private_bytes() - arenas.mapped * ARENA_BYTES + data_bytes();
}

void overhead_note(void)
{
    /* relaxed: a statistic; of two that note at a time either may be the last */
    atomic_store_explicit(&segment_header(&session.segment)->private_bytes, overhead_bytes(),
                          memory_order_relaxed);
}

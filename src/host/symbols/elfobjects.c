// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/elfobjects.h"

#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

#define PAGE_MASK UINT64_C(4095)

bool elfobjects_open(struct elfobjects *o, const char *path)
{
    GElf_Ehdr header;

    elf_version(EV_CURRENT);
    /* O_NONBLOCK: what is at the path now may be a FIFO */
    *o = (struct elfobjects){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (o->fd < 0)
        return false;
    o->elf = elf_begin(o->fd, ELF_C_READ_MMAP, NULL);
    if (o->elf && elf_kind(o->elf) == ELF_K_ELF && gelf_getclass(o->elf) == ELFCLASS64 &&
        gelf_getehdr(o->elf, &header)) {
        elfsymtab_of(&o->symbols, o->elf); /* without any it has no variables */
        return true;
    }
    elfobjects_release(o);
    return false;
}

void elfobjects_release(struct elfobjects *o)
{
    elfsymtab_release(&o->symbols);
    elf_end(o->elf);
    if (o->fd >= 0)
        close(o->fd);
    *o = (struct elfobjects){.fd = -1};
}

/* ------------------------------------------------------------ segments -- */

static bool segment(const struct elfobjects *o, size_t i, GElf_Phdr *header)
{
    return gelf_getphdr(o->elf, (int)i, header) != NULL;
}

bool elfobjects_place(const struct elfobjects *o, uint64_t offset, uint64_t address, uint64_t *bias,
                      uint64_t *start, uint64_t *end)
{
    uint64_t low = UINT64_MAX, high = 0;
    bool found = false;
    GElf_Phdr p;
    size_t count;

    if (elf_getphdrnum(o->elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!segment(o, i, &p) || p.p_type != PT_LOAD)
            continue;
        if (offset >= (p.p_offset & ~PAGE_MASK) && offset < p.p_offset + p.p_filesz &&
            (!found || (p.p_flags & PF_W))) {
            /* of two that share a page of the file the writable one is what is asked about */
            *bias = address - (p.p_vaddr - p.p_offset + offset);
            found = true;
        }
        low = p.p_vaddr < low ? p.p_vaddr : low;
        high = p.p_vaddr + p.p_memsz > high ? p.p_vaddr + p.p_memsz : high;
    }
    if (!found)
        return false;
    *start = (low & ~PAGE_MASK) + *bias;
    *end = ((high + PAGE_MASK) & ~PAGE_MASK) + *bias;
    return true;
}

bool elfobjects_read(const struct elfobjects *o, uint64_t address, void *to, size_t size)
{
    GElf_Phdr p;
    size_t count;

    if (elf_getphdrnum(o->elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (segment(o, i, &p) && p.p_type == PT_LOAD && address >= p.p_vaddr &&
            address - p.p_vaddr < p.p_filesz && size <= p.p_filesz - (address - p.p_vaddr))
            return pread(o->fd, to, size, (off_t)(p.p_offset + (address - p.p_vaddr))) ==
                   (ssize_t)size;
    return false;
}

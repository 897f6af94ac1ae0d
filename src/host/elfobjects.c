// SPDX-License-Identifier: Apache-2.0
#include "src/host/elfobjects.h"

#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

#define PAGE_MASK UINT64_C(4095)

bool elfobjects_open(struct elfobjects *o, const char *path)
{
    GElf_Ehdr header;

    elf_version(EV_CURRENT);
    *o = (struct elfobjects){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (o->fd < 0)
        return false;
    o->elf = elf_begin(o->fd, ELF_C_READ_MMAP, NULL);
    if (o->elf && elf_kind(o->elf) == ELF_K_ELF && gelf_getclass(o->elf) == ELFCLASS64 &&
        gelf_getehdr(o->elf, &header))
        return true;
    elfobjects_release(o);
    return false;
}

void elfobjects_release(struct elfobjects *o)
{
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

/* ------------------------------------------------------------- symbols -- */

/* Calls `visit` for each variable from place `from` on until it returns true. */
static bool each(const struct elfobjects *o, uint64_t from,
                 bool (*visit)(void *context, uint64_t place, const struct elfobject *object),
                 void *context)
{
    Elf_Scn *section = NULL;
    uint64_t place = 0;
    GElf_Shdr header;
    GElf_Sym symbol;
    Elf_Data *data;
    size_t count;

    while ((section = elf_nextscn(o->elf, section))) {
        if (!gelf_getshdr(section, &header) ||
            (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM) ||
            header.sh_entsize == 0)
            continue;
        data = elf_getdata(section, NULL);
        count = data ? data->d_size / header.sh_entsize : 0;
        for (size_t i = 0; i < count; i++, place++) {
            struct elfobject object;

            if (place < from || !gelf_getsym(data, (int)i, &symbol) ||
                symbol.st_shndx == SHN_UNDEF || GELF_ST_TYPE(symbol.st_info) != STT_OBJECT)
                continue;
            object = (struct elfobject){elf_strptr(o->elf, header.sh_link, symbol.st_name),
                                        symbol.st_value, symbol.st_size};
            if (object.name && visit(context, place, &object))
                return true;
        }
    }
    return false;
}

struct search {
    const char *name;
    uint64_t address, place;
    struct elfobject *found;
};

/* A name of the symbol table may have its version behind it. */
static bool is_named(void *context, uint64_t place, const struct elfobject *object)
{
    struct search *s = context;
    size_t length = strlen(s->name);

    if (strncmp(object->name, s->name, length) != 0 ||
        (object->name[length] != '\0' && object->name[length] != '@'))
        return false;
    s->place = place;
    *s->found = *object;
    return true;
}

static bool holds(void *context, uint64_t place, const struct elfobject *object)
{
    struct search *s = context;

    (void)place;
    if (s->address < object->value || s->address - object->value >= object->size)
        return false;
    *s->found = *object;
    return true;
}

bool elfobjects_named(const struct elfobjects *o, const char *name, uint64_t *at,
                      struct elfobject *found)
{
    struct search s = {.name = name, .found = found};

    if (!each(o, *at, is_named, &s))
        return false;
    *at = s.place + 1;
    return true;
}

bool elfobjects_at(const struct elfobjects *o, uint64_t address, struct elfobject *found)
{
    struct search s = {.address = address, .found = found};

    return each(o, 0, holds, &s);
}

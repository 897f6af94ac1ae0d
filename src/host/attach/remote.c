// SPDX-License-Identifier: Apache-2.0
#include "src/host/attach/remote.h"

#include "src/host/memory/growing.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define VERSION_HIDDEN 0x8000u

bool remote_read(pid_t pid, uint64_t address, void *to, size_t size)
{
    struct iovec here = {to, size}, there = {(void *)(uintptr_t)address, size};

    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

bool remote_write(pid_t pid, uint64_t address, const void *from, size_t size)
{
    struct iovec here = {(void *)(uintptr_t)from, size}, there = {(void *)(uintptr_t)address, size};

    return process_vm_writev(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* ------------------------------------------------------------- modules -- */

static bool is_mapped_file(int fd, uint64_t inode)
{
    struct stat status;

    return fstat(fd, &status) == 0 && status.st_ino == inode;
}

static int opened_before(const struct remote *before, const struct remote_module *m)
{
    for (uint32_t i = 0; before && i < before->count; i++) {
        const struct remote_module *b = &before->modules[i];

        if (b->start == m->start && b->inode == m->inode && b->fd >= 0)
            return fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
    }
    return -1;
}

/* The file behind a mapping, -1 if it cannot be had.  O_NONBLOCK: by now it may be a FIFO. */
static int open_file(pid_t pid, struct remote_module *m, uint64_t map_end)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, m->path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && is_mapped_file(fd, m->inode))
        return fd;
    if (fd >= 0)
        close(fd);
    m->replaced = true;
    snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, m->start,
             map_end); /* for root alone */
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The first byte of the file lies at m->start. */
static bool find_bias(struct remote_module *m)
{
    size_t count;

    if (elf_kind(m->elf) != ELF_K_ELF || elf_getphdrnum(m->elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(m->elf, (int)i, &segment) && segment.p_type == PT_LOAD) {
            m->bias = m->start - (segment.p_vaddr - segment.p_offset);
            return true;
        }
    }
    return false;
}

static void open_module(pid_t pid, struct remote_module *m, uint64_t map_end,
                        const struct remote *before)
{
    m->fd = open_file(pid, m, map_end);
    if (m->fd < 0)
        m->fd = opened_before(before, m);
    m->elf = m->fd >= 0 ? elf_begin(m->fd, ELF_C_READ, NULL) : NULL;
    if (m->elf && !find_bias(m)) {
        elf_end(m->elf);
        m->elf = NULL;
    }
}

static void strip_deleted(char *path)
{
    static const char mark[] = " (deleted)";
    size_t length = strlen(path);

    path[strcspn(path, "\n")] = '\0';
    length = strlen(path);
    if (length > sizeof(mark) - 1 && strcmp(path + length - (sizeof(mark) - 1), mark) == 0)
        path[length - (sizeof(mark) - 1)] = '\0';
}

/* One line of the map.  false: out of memory. */
static bool take_line(struct remote *r, char *line, const struct remote *before)
{
    uint64_t start, end, offset, inode;
    struct remote_module *last = r->count ? &r->modules[r->count - 1] : NULL;
    char *path = strchr(line, '/');

    if (!path || sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %" SCNu64, &start, &end,
                        &offset, &inode) != 4)
        return true;
    strip_deleted(path);
    if (last && last->inode == inode && strcmp(last->path, path) == 0 && offset != 0) {
        last->end = end;
        return true;
    }
    if (offset != 0)
        return true;
    if (!growing_reserve(&r->modules, r->count, sizeof(*r->modules)))
        return false;
    last = &r->modules[r->count];
    *last = (struct remote_module){
        .path = strdup(path), .start = start, .end = end, .inode = inode, .fd = -1};
    if (!last->path)
        return false;
    r->count++;
    open_module(r->pid, last, end, before);
    return true;
}

int remote_open(struct remote *r, pid_t pid, struct error *e)
{
    return remote_open_again(r, pid, NULL, e);
}

int remote_open_again(struct remote *r, pid_t pid, const struct remote *before, struct error *e)
{
    char path[48], *line = NULL;
    bool fine = true;
    size_t room = 0;
    FILE *maps;

    *r = (struct remote){.pid = pid};
    elf_version(EV_CURRENT);
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    maps = fopen(path, "re");
    if (!maps)
        return error_set(e, errno == ENOENT ? ERROR_INPUT : ERROR_SYSTEM,
                         "cannot read the memory map of process %d", (int)pid);
    while (fine && getline(&line, &room, maps) > 0)
        fine = take_line(r, line, before);
    free(line);
    fclose(maps);
    if (fine)
        return 0;
    remote_release(r);
    return error_set(e, ERROR_MEMORY, "out of memory");
}

void remote_release(struct remote *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        elf_end(r->modules[i].elf);
        if (r->modules[i].fd >= 0)
            close(r->modules[i].fd);
        free(r->modules[i].path);
    }
    free(r->modules);
    *r = (struct remote){.pid = r->pid};
}

const struct remote_module *remote_at(const struct remote *r, uint64_t address)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (address >= r->modules[i].start && address < r->modules[i].end)
            return &r->modules[i];
    return NULL;
}

/* ------------------------------------------------------------- symbols -- */

static Elf_Scn *section_of(Elf *elf, unsigned type, GElf_Shdr *header)
{
    Elf_Scn *section = NULL;

    while ((section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, header) && header->sh_type == type)
            return section;
    return NULL;
}

static bool is_default(Elf_Data *versions, int index)
{
    GElf_Versym version;

    return !versions || !gelf_getversym(versions, index, &version) || !(version & VERSION_HIDDEN);
}

bool remote_symbol(const struct remote_module *m, const char *name, uint64_t *address,
                   uint64_t *size)
{
    GElf_Shdr header, other;
    Elf_Scn *section = m->elf ? section_of(m->elf, SHT_DYNSYM, &header) : NULL, *versym;
    Elf_Data *data = section ? elf_getdata(section, NULL) : NULL, *versions;
    bool found = false;
    GElf_Sym symbol;

    if (!data)
        return false;
    versym = section_of(m->elf, SHT_GNU_versym, &other);
    versions = versym ? elf_getdata(versym, NULL) : NULL;
    for (int i = 0; gelf_getsym(data, i, &symbol); i++) {
        const char *text = elf_strptr(m->elf, header.sh_link, symbol.st_name);

        if (symbol.st_shndx == SHN_UNDEF || !text || strcmp(text, name) != 0 ||
            (found && !is_default(versions, i)))
            continue;
        *address = m->bias + symbol.st_value;
        *size = symbol.st_size;
        found = true;
    }
    return found;
}

const struct remote_module *remote_with(const struct remote *r, const char *name)
{
    uint64_t address, size;

    for (uint32_t i = 0; i < r->count; i++)
        if (remote_symbol(&r->modules[i], name, &address, &size))
            return &r->modules[i];
    return NULL;
}

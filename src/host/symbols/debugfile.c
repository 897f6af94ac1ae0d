// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/debugfile.h"

#include "src/host/symbols/debuginfod.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void debugfile_init(struct debugfile *f)
{
    f->fd = -1;
    f->elf = NULL;
}

void debugfile_release(struct debugfile *f)
{
    elf_end(f->elf);
    if (f->fd >= 0)
        close(f->fd);
    debugfile_init(f);
}

static bool is_native(Elf *elf)
{
    GElf_Ehdr header;

    return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
           header.e_ident[EI_CLASS] == ELFCLASS64 &&
           header.e_ident[EI_DATA] ==
               (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB);
}

int debugfile_open(struct debugfile *f, int fd)
{
    debugfile_init(f);
    if (fd < 0)
        return -1;
    elf_version(EV_CURRENT);
    f->fd = fd;
    f->elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    if (f->elf && is_native(f->elf))
        return 0;
    debugfile_release(f);
    return -1;
}

/* The sections that answer no question of ours, and may be a third of the whole. */
static bool is_unwanted(const char *name)
{
    static const char *const unwanted[] = {
        ".debug_loc",      ".debug_loclists", ".debug_macro", ".debug_macinfo", ".debug_aranges",
        ".debug_pubnames", ".debug_pubtypes", ".debug_names", ".debug_frame",
    };

    for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
        if (!strcmp(name, unwanted[i]))
            return true;
    return false;
}

void debugfile_hide_unwanted(Elf *elf)
{
    size_t names;

    if (elf_getshdrstrndx(elf, &names))
        return;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        const char *name;

        name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (name && is_unwanted(name)) {
            header.sh_type = SHT_NOBITS;
            gelf_update_shdr(section, &header);
        }
    }
}

/* The section .debug_info, which old tools call .zdebug_info when they compress it. */
static bool find_info(Elf *elf, bool *compressed)
{
    size_t names;

    if (elf_getshdrstrndx(elf, &names))
        return false;
    for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
        GElf_Shdr header;
        const char *name;

        if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
            continue;
        name = elf_strptr(elf, names, header.sh_name);
        *compressed = (header.sh_flags & SHF_COMPRESSED) || (name && !strcmp(name, ".zdebug_info"));
        if (name && (!strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info")))
            return true;
    }
    return false;
}

bool debugfile_has_dwarf(Elf *elf)
{
    bool compressed;

    return find_info(elf, &compressed);
}

bool debugfile_is_compressed(Elf *elf)
{
    bool compressed;

    return find_info(elf, &compressed) && compressed;
}

static bool has_id(Elf *elf, const struct buildid *id)
{
    const void *bytes;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &bytes);
    struct buildid found;

    if (size <= 0)
        return false;
    buildid_set(&found, bytes, (size_t)size);
    return buildid_equal(&found, id);
}

static int open_with_id(struct debugfile *f, const char *path, const struct buildid *id)
{
    if (debugfile_open(f, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)))
        return -1;
    if (has_id(f->elf, id))
        return 0;
    debugfile_release(f);
    return -1;
}

/* The next folder of a list; NULL behind the last.  Those too long for a path are passed over. */
static const char *next_folder(const char **list, char *folder, size_t size)
{
    while (**list) {
        size_t length = strcspn(*list, ":");

        if (length && length < size) {
            memcpy(folder, *list, length);
            folder[length] = '\0';
        }
        *list += length + ((*list)[length] == ':');
        if (length && length < size)
            return folder;
    }
    return NULL;
}

static int find_by_id_in(struct debugfile *f, const char *debug_dir, const struct buildid *id)
{
    char path[PATH_MAX];
    int used = snprintf(path, sizeof path, "%s/.build-id/%02x/", debug_dir, id->bytes[0]);

    if (id->size < 2 || used < 0 || (size_t)used + 2 * BUILDID_MAX + sizeof ".debug" > sizeof path)
        return -1;
    for (uint32_t i = 1; i < id->size; i++)
        used += snprintf(path + used, 3, "%02x", id->bytes[i]);
    strcpy(path + used, ".debug");
    return open_with_id(f, path, id);
}

static int find_by_id(struct debugfile *f, const char *debug_dirs, const struct buildid *id)
{
    char folder[PATH_MAX];

    while (next_folder(&debug_dirs, folder, sizeof folder))
        if (!find_by_id_in(f, folder, id))
            return 0;
    return -1;
}

/* --------------------------------------------------------- debug links -- */

/* The CRC-32 of .gnu_debuglink (that of zlib and IEEE 802.3), a byte at a time. */
static void crc_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
}

static bool has_crc(int fd, uint32_t wanted)
{
    uint32_t table[256], crc = UINT32_MAX;
    uint8_t buffer[65536];
    off_t at = 0;
    ssize_t got;

    crc_table(table);
    while ((got = pread(fd, buffer, sizeof buffer, at)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            crc = table[(crc ^ buffer[i]) & 0xff] ^ crc >> 8;
        at += got;
    }
    return got == 0 && ~crc == wanted;
}

struct debug_link {
    const char *name; /* a file name without folders */
    uint32_t crc;
    const struct buildid *id;
    struct stat module; /* a link may name the module itself */
};

static int try_link(struct debugfile *f, const char *path, const struct debug_link *link)
{
    struct stat st;
    const void *bytes;

    if (debugfile_open(f, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)))
        return -1;
    if (!fstat(f->fd, &st) &&
        (st.st_ino != link->module.st_ino || st.st_dev != link->module.st_dev)) {
        if (link->id->size && dwelf_elf_gnu_build_id(f->elf, &bytes) > 0) {
            if (has_id(f->elf, link->id))
                return 0;
        } else if (has_crc(f->fd, link->crc)) {
            return 0;
        }
    }
    debugfile_release(f);
    return -1;
}

/* The folder of an open file, as the kernel knows it now. */
static int folder_of(int fd, char *folder, size_t size)
{
    char link[64], *slash;
    ssize_t length;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, folder, size - 1);
    if (length <= 0 || (size_t)length >= size - 1)
        return -1;
    folder[length] = '\0';
    slash = strrchr(folder, '/');
    if (!slash || *folder != '/')
        return -1;
    *slash = '\0';
    return 0;
}

static int find_by_link(struct debugfile *f, const char *debug_dirs, struct debug_link *link,
                        int module_fd)
{
    char folder[PATH_MAX], debug_dir[PATH_MAX], path[3 * PATH_MAX];

    if (fstat(module_fd, &link->module) || folder_of(module_fd, folder, sizeof folder))
        return -1;
    snprintf(path, sizeof path, "%s/%s", folder, link->name);
    if (!try_link(f, path, link))
        return 0;
    snprintf(path, sizeof path, "%s/.debug/%s", folder, link->name);
    if (!try_link(f, path, link))
        return 0;
    while (next_folder(&debug_dirs, debug_dir, sizeof debug_dir)) {
        snprintf(path, sizeof path, "%s%s/%s", debug_dir, folder, link->name);
        if (!try_link(f, path, link))
            return 0;
    }
    return -1;
}

int debugfile_find(struct debugfile *f, const struct debugfile_places *places,
                   const struct buildid *id, Elf *module, int module_fd)
{
    struct debug_link link = {.id = id};

    debugfile_init(f);
    if (id->size && !find_by_id(f, places->debug_dirs, id))
        return 0;
    if (module && module_fd >= 0) {
        link.name = dwelf_elf_gnu_debuglink(module, &link.crc);
        if (link.name && *link.name && !strchr(link.name, '/') &&
            !find_by_link(f, places->debug_dirs, &link, module_fd))
            return 0;
    }
    if (places->debuginfod && id->size)
        return debugfile_open(f, debuginfod_fetch(id));
    return -1;
}

int debugfile_find_alternate(struct debugfile *f, const struct debugfile_places *places,
                             Dwarf *dwarf, int fd)
{
    char folder[PATH_MAX], path[2 * PATH_MAX];
    const char *name, *slash;
    const void *bytes;
    ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes);
    struct buildid id;

    debugfile_init(f);
    if (size <= 0)
        return -1;
    buildid_set(&id, bytes, (size_t)size);
    if (!find_by_id(f, places->debug_dirs, &id))
        return 0;
    if (*name == '/') {
        if (!open_with_id(f, name, &id))
            return 0;
    } else if (fd >= 0 && !folder_of(fd, folder, sizeof folder)) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        if (!open_with_id(f, path, &id))
            return 0;
    }
    slash = strrchr(name, '/');
    for (const char *list = places->debug_dirs; next_folder(&list, folder, sizeof folder);) {
        snprintf(path, sizeof path, "%s/.dwz/%s", folder, slash ? slash + 1 : name);
        if (!open_with_id(f, path, &id))
            return 0;
    }
    return places->debuginfod ? debugfile_open(f, debuginfod_fetch(&id)) : -1;
}

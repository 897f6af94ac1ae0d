// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/buildid.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

#define PROGRAM_HEADERS_READ 64
#define NOTES_READ 4096

void buildid_set(struct buildid *id, const void *bytes, size_t size)
{
    memset(id, 0, sizeof *id);
    id->size = size < BUILDID_MAX ? (uint32_t)size : BUILDID_MAX;
    memcpy(id->bytes, bytes, id->size);
}

bool buildid_equal(const struct buildid *a, const struct buildid *b)
{
    return a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

static uint64_t padded(uint64_t size, uint64_t alignment)
{
    return alignment == 8 ? (size + 7) & ~UINT64_C(7) : (size + 3) & ~UINT64_C(3);
}

static bool find_in_notes(struct buildid *id, const uint8_t *notes, size_t size, uint64_t alignment)
{
    size_t at = 0;

    while (size - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        uint64_t name, value;

        memcpy(&note, notes + at, sizeof note);
        name = at + sizeof note;
        value = name + padded(note.n_namesz, alignment);
        if (value > size || note.n_descsz > size - value)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            !memcmp(notes + name, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU)) {
            buildid_set(id, notes + value, note.n_descsz);
            return true;
        }
        at = value + padded(note.n_descsz, alignment);
        if (at > size)
            return false;
    }
    return false;
}

static bool find_in_segment(struct buildid *id, int fd, const Elf64_Phdr *segment)
{
    uint8_t notes[NOTES_READ];
    size_t want = segment->p_filesz < sizeof notes ? segment->p_filesz : sizeof notes;
    ssize_t got;

    if (segment->p_type != PT_NOTE || segment->p_offset > INT64_MAX)
        return false;
    got = pread(fd, notes, want, (off_t)segment->p_offset);
    return got > 0 && find_in_notes(id, notes, (size_t)got, segment->p_align);
}

int buildid_read(struct buildid *id, int fd)
{
    Elf64_Ehdr header;
    Elf64_Phdr segments[PROGRAM_HEADERS_READ];
    size_t count;
    ssize_t got;

    memset(id, 0, sizeof *id);
    if (pread(fd, &header, sizeof header, 0) != sizeof header ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_ident[EI_DATA] != NATIVE_DATA)
        return -1;
    if (header.e_phentsize != sizeof *segments || header.e_phoff > INT64_MAX)
        return 0;
    count = header.e_phnum < PROGRAM_HEADERS_READ ? header.e_phnum : PROGRAM_HEADERS_READ;
    got = pread(fd, segments, count * sizeof *segments, (off_t)header.e_phoff);
    count = got > 0 ? (size_t)got / sizeof *segments : 0;
    for (size_t i = 0; i < count; i++)
        if (find_in_segment(id, fd, &segments[i]))
            return 0;
    return 0;
}

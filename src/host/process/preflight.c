// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/preflight.h"

#include "src/host/files/lookup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#endif

#define SCRIPT_LINE 256 /* as much of a #! line as Linux reads */
#define SCRIPT_LEVELS 4 /* interpreters that are scripts themselves, as Linux allows */

static enum preflight_verdict refuse(enum preflight_verdict verdict, struct error *why,
                                     const char *path, const char *reason)
{
    error_set(why, ERROR_REFUSED, "%s %s", path, reason);
    return verdict;
}

/* Which of the three ways in which an execve of the file will fail. */
static int execute_errno(int number)
{
    if (number == ENOENT || number == ENOTDIR)
        return ENOENT;
    return number == ENOEXEC || number == ELOOP ? ENOEXEC : EACCES;
}

static enum preflight_verdict cannot_execute(int number, struct error *why, const char *path)
{
    errno = number;
    error_set(why, ERROR_SYSTEM, "cannot execute %s", path);
    if (why)
        why->saved_errno = execute_errno(number);
    return execute_errno(number) == ENOENT ? PREFLIGHT_NOT_FOUND : PREFLIGHT_NOT_EXECUTABLE;
}

/* ------------------------------------------------------------ privileges -- */

/* Whether executing a file with these modes changes who we are. */
static bool changes_identity(const struct stat *status)
{
    if (status->st_mode & S_ISUID && status->st_uid != getuid())
        return true;
    /* without the group's x bit, setgid once meant mandatory locking */
    return status->st_mode & S_ISGID && status->st_mode & S_IXGRP && status->st_gid != getgid();
}

/* Root gains nothing from a file's capabilities. */
static bool gains_capabilities(const char *path)
{
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool is_privileged(const char *path, const struct stat *status)
{
    struct statvfs mount;

    if (!changes_identity(status) && !gains_capabilities(path))
        return false;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return false;
    return statvfs(path, &mount) != 0 || !(mount.f_flag & ST_NOSUID);
}

static enum preflight_verdict check_privileges(const char *path, const struct stat *status,
                                               struct error *why)
{
    if (!is_privileged(path, status))
        return PREFLIGHT_OK;
    return refuse(PREFLIGHT_PRIVILEGED, why, path,
                  "runs with privileges of its own (setuid, setgid or capabilities): "
                  "nothing can be preloaded into it");
}

/* ------------------------------------------------------------------- ELF -- */

/* What a program file tells of itself. */
struct facts {
    char interpreter[256]; /* the loader it asks for, "" none */
    bool is_loader;        /* glibc's own, which heeds LD_PRELOAD for what it then runs */
    bool needs_sanitizer;
    bool has_sanitizer; /* linked in */
    bool has_malloc;    /* defines and exports it */
};

static void read_interpreter(int fd, const GElf_Phdr *segment, struct facts *facts)
{
    size_t length = sizeof facts->interpreter - 1;
    ssize_t n;

    if (segment->p_filesz < length)
        length = (size_t)segment->p_filesz;
    n = pread(fd, facts->interpreter, length, (off_t)segment->p_offset);
    facts->interpreter[n > 0 ? n : 0] = '\0';
}

static void read_segments(int fd, Elf *elf, struct facts *facts)
{
    size_t count;

    if (elf_getphdrnum(elf, &count) != 0 || count > INT_MAX)
        return;
    for (int i = 0; i < (int)count; i++) {
        GElf_Phdr segment;

        if (gelf_getphdr(elf, i, &segment) && segment.p_type == PT_INTERP)
            read_interpreter(fd, &segment, facts);
    }
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Those that replace malloc and insist on coming first. */
static bool is_sanitizer_library(const char *name)
{
    return starts_with(name, "libasan.so") || starts_with(name, "libhwasan.so") ||
           starts_with(name, "libtsan.so") || starts_with(name, "libclang_rt.asan") ||
           starts_with(name, "libclang_rt.hwasan") || starts_with(name, "libclang_rt.tsan");
}

static void read_dynamic(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, struct facts *facts)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn entry;

    for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL; i++) {
        const char *name = NULL;

        if (entry.d_tag == DT_NEEDED || entry.d_tag == DT_SONAME)
            name = elf_strptr(elf, header->sh_link, (size_t)entry.d_un.d_val);
        if (!name)
            continue;
        if (entry.d_tag == DT_NEEDED && is_sanitizer_library(name))
            facts->needs_sanitizer = true;
        if (entry.d_tag == DT_SONAME && starts_with(name, "ld-linux"))
            facts->is_loader = true;
    }
}

static bool is_sanitizer_symbol(const char *name)
{
    return strcmp(name, "__asan_init") == 0 || strcmp(name, "__hwasan_init") == 0 ||
           strcmp(name, "__tsan_init") == 0 || strcmp(name, "__msan_init") == 0;
}

static void read_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, struct facts *facts)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym symbol;

    for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
        const char *name;

        if (symbol.st_shndx == SHN_UNDEF)
            continue;
        name = elf_strptr(elf, header->sh_link, symbol.st_name);
        if (name && strcmp(name, "malloc") == 0)
            facts->has_malloc = true;
        if (name && is_sanitizer_symbol(name))
            facts->has_sanitizer = true;
    }
}

static void read_facts(int fd, Elf *elf, struct facts *facts)
{
    Elf_Scn *section = NULL;

    read_segments(fd, elf, facts);
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;

        if (!gelf_getshdr(section, &header))
            continue;
        if (header.sh_type == SHT_DYNAMIC)
            read_dynamic(elf, section, &header, facts);
        if (header.sh_type == SHT_DYNSYM)
            read_symbols(elf, section, &header, facts);
    }
}

static enum preflight_verdict judge_loader(const char *path, const struct facts *facts,
                                           struct error *why)
{
    if (!facts->interpreter[0])
        return refuse(PREFLIGHT_STATIC, why, path,
                      "is statically linked: it uses no shared malloc that could be recorded");
    if (strstr(facts->interpreter, "ld-musl"))
        return refuse(PREFLIGHT_OTHER_LIBC, why, path,
                      "is built for musl; memprof records programs that use glibc");
    if (access(facts->interpreter, F_OK) != 0) {
        errno = ENOENT;
        error_set(why, ERROR_SYSTEM, "cannot execute %s: its loader %s", path, facts->interpreter);
        return PREFLIGHT_NOT_FOUND;
    }
    return PREFLIGHT_OK;
}

static enum preflight_verdict judge_facts(const char *path, const struct facts *facts,
                                          struct error *why)
{
    enum preflight_verdict verdict = PREFLIGHT_OK;

    if (facts->is_loader)
        return PREFLIGHT_OK;
    verdict = judge_loader(path, facts, why);
    if (verdict != PREFLIGHT_OK)
        return verdict;
    if (facts->needs_sanitizer || facts->has_sanitizer)
        return refuse(PREFLIGHT_SANITIZED, why, path,
                      "is built with a sanitizer that replaces malloc: profile a build without");
    if (facts->has_malloc)
        return refuse(PREFLIGHT_OWN_ALLOCATOR, why, path,
                      "has a malloc of its own built in: what it calls there itself is not seen");
    return PREFLIGHT_OK;
}

static enum preflight_verdict check_elf(const char *path, int fd, struct error *why)
{
    struct facts facts = {0};
    Elf *elf;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return PREFLIGHT_OK;
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf)
        read_facts(fd, elf, &facts);
    elf_end(elf);
    return judge_facts(path, &facts, why);
}

static enum preflight_verdict check_machine(const char *path, const unsigned char *start,
                                            size_t size, struct error *why)
{
    Elf64_Ehdr header;

    if (size < sizeof header)
        return cannot_execute(ENOEXEC, why, path);
    memcpy(&header, start, sizeof header); /* the first fields are the same in 32 bits */
    if (header.e_ident[EI_CLASS] == ELFCLASS32)
        return refuse(PREFLIGHT_OTHER_MACHINE, why, path,
                      "is a 32-bit program; this memprof records 64-bit ones");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OWN_MACHINE)
        return refuse(PREFLIGHT_OTHER_MACHINE, why, path, "is built for another kind of processor");
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
        return cannot_execute(ENOEXEC, why, path);
    return PREFLIGHT_OK;
}

/* --------------------------------------------------------------- scripts -- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The program that `env` runs: what follows its options and assignments. */
static char *env_program(char *words)
{
    char *rest = words;
    char *word;

    while ((word = strsep(&rest, " \t")))
        if (*word && *word != '-' && !strchr(word, '='))
            return word;
    return NULL;
}

/* The program a #! line leads to, to be freed; NULL with `why` set. */
static char *script_interpreter(const char *path, char *line, struct error *why)
{
    char *end = line + strcspn(line, "\n");
    char *rest, *program, *found;

    *end = '\0';
    rest = line + 2 + strspn(line + 2, " \t");
    program = strsep(&rest, " \t");
    if (!*program) {
        cannot_execute(ENOEXEC, why, path);
        return NULL;
    }
    if (strcmp(base_name(program), "env") == 0 && rest) {
        char *named = env_program(rest);

        program = named ? named : program;
        return program_lookup(program, why);
    }
    found = strdup(program);
    if (!found)
        error_set(why, ERROR_MEMORY, "out of memory");
    return found;
}

/* ------------------------------------------------------------------ files -- */

static enum preflight_verdict check_file(const char *path, int levels, struct error *why);

static enum preflight_verdict check_script(const char *path, char *line, int levels,
                                           struct error *why)
{
    struct error local = {0};
    char *program;
    enum preflight_verdict verdict;

    if (levels == 0)
        return cannot_execute(ELOOP, why, path);
    program = script_interpreter(path, line, &local);
    if (!program) {
        if (why)
            *why = local;
        return local.saved_errno == ENOENT ? PREFLIGHT_NOT_FOUND : PREFLIGHT_NOT_EXECUTABLE;
    }
    verdict = check_file(program, levels - 1, why);
    free(program);
    return verdict;
}

/* The kernel ignores setuid on scripts, so that only what runs in the end counts. */
static enum preflight_verdict check_binary(const char *path, int fd, const struct stat *status,
                                           const char *start, size_t size, struct error *why)
{
    enum preflight_verdict verdict = check_machine(path, (const unsigned char *)start, size, why);

    if (verdict == PREFLIGHT_OK)
        verdict = check_privileges(path, status, why);
    return verdict == PREFLIGHT_OK ? check_elf(path, fd, why) : verdict;
}

static enum preflight_verdict check_content(const char *path, int fd, const struct stat *status,
                                            int levels, struct error *why)
{
    char start[SCRIPT_LINE + 1];
    ssize_t size = pread(fd, start, sizeof start - 1, 0);

    if (size < 0)
        return cannot_execute(errno, why, path);
    start[size] = '\0';
    if (starts_with(start, "#!"))
        return check_script(path, start, levels, why);
    if (size >= SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0)
        return check_binary(path, fd, status, start, (size_t)size, why);
    return cannot_execute(ENOEXEC, why, path);
}

static enum preflight_verdict check_file(const char *path, int levels, struct error *why)
{
    struct stat status;
    enum preflight_verdict verdict;
    int fd;

    if (stat(path, &status) != 0)
        return cannot_execute(errno, why, path);
    if (S_ISDIR(status.st_mode))
        return cannot_execute(EISDIR, why, path);
    if (!S_ISREG(status.st_mode) || access(path, X_OK) != 0)
        return cannot_execute(EACCES, why, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) /* may be executed but not read */
        return check_privileges(path, &status, why);
    verdict = check_content(path, fd, &status, levels, why);
    close(fd);
    return verdict;
}

enum preflight_verdict preflight_check(const char *path, struct error *why)
{
    return check_file(path, SCRIPT_LEVELS, why);
}

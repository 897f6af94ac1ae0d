// SPDX-License-Identifier: Apache-2.0
/* What stands in the way of attaching, as far as it can be told before anything is done. */
#include "src/host/attach/attaching-parts.h"

#include "src/host/attach/inject.h"
#include "src/host/process/procinfo.h"
#include "src/host/process/stop-parts.h"

#include <dirent.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/kcmp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool attaching_sees(pid_t pid, const char *file)
{
    char path[4200];
    struct stat here, there;

    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, file);
    return stat(file, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

bool attaching_confined(pid_t tid)
{
    return procinfo_status(tid, "Seccomp", 10) != 0;
}

enum confinement attaching_confinement(pid_t pid)
{
    uint32_t confined = 0, free = 0;
    struct dirent *entry;
    char path[48];
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    tasks = opendir(path);
    while (tasks && (entry = readdir(tasks))) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (tid > 0)
            *(attaching_confined(tid) ? &confined : &free) += 1;
    }
    if (tasks)
        closedir(tasks);
    return confined == 0 ? CONFINED_NONE : free == 0 ? CONFINED_ALL : CONFINED_SOME;
}

/* Between vfork and exec a child runs in its parent's memory. */
static pid_t shares_memory_with(pid_t pid)
{
    pid_t parent = (pid_t)procinfo_status(pid, "PPid", 10);

    return parent > 0 && syscall(SYS_kcmp, pid, parent, KCMP_VM, 0, 0) == 0 ? parent : 0;
}

/* ------------------------------------------------------------ what it is -- */

static enum attaching_verdict check_exists(pid_t pid, struct error *e)
{
    struct stat status;
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (pid <= 0 || stat(path, &status) != 0) {
        error_set(e, ERROR_INPUT, "there is no process %d", (int)pid);
        return ATTACHING_NO_PROCESS;
    }
    if (procinfo_start_ticks(pid) == 0) {
        error_set(e, ERROR_INPUT, "process %d has ended, though its parent has not noticed",
                  (int)pid);
        return ATTACHING_NO_PROCESS;
    }
    return ATTACHING_OK;
}

static enum attaching_verdict check_kind(pid_t pid, struct error *e)
{
    pid_t group = (pid_t)procinfo_status(pid, "Tgid", 10);

    if (group != 0 && group != pid) {
        error_set(e, ERROR_REFUSED, "%d is a thread of process %d: name that", (int)pid,
                  (int)group);
        return ATTACHING_REFUSED;
    }
    if (procinfo_is_kernel_thread(pid)) {
        error_set(e, ERROR_REFUSED, "process %d is a thread of the kernel, not a program",
                  (int)pid);
        return ATTACHING_REFUSED;
    }
    return ATTACHING_OK;
}

static enum attaching_verdict check_owner(pid_t pid, struct error *e)
{
    uid_t owner = (uid_t)procinfo_status(pid, "Uid", 10);
    const struct passwd *user;

    if (owner == geteuid())
        return ATTACHING_OK;
    user = getpwuid(owner);
    error_set(e, ERROR_REFUSED,
              "process %d belongs to %s: memprof records processes of its own user, so run it as "
              "that one",
              (int)pid, user ? user->pw_name : "another user");
    return ATTACHING_NOT_YOURS;
}

/* ----------------------------------------------------------- the library -- */

/* A file that is cut off would crash the process when its loader reads it. */
static bool is_whole(Elf *elf, uint64_t size)
{
    size_t count;

    if (elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &count) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (!gelf_getphdr(elf, (int)i, &segment) ||
            (segment.p_type == PT_LOAD &&
             (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)))
            return false;
    }
    return count != 0;
}

static bool is_recorder(Elf *elf)
{
    static const char *const names[] = {"memprof_attach", "memprof_detach", "memprof_release",
                                        "memprof_attachment"};
    const struct remote_module m = {.elf = elf};
    uint64_t address, size;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!remote_symbol(&m, names[i], &address, &size))
            return false;
    return true;
}

static int check_library(const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    bool sound;
    Elf *elf;

    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "cannot read %s", path);
    elf_version(EV_CURRENT);
    elf = fstat(fd, &status) == 0 ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
    sound = elf && is_whole(elf, (uint64_t)status.st_size) && is_recorder(elf);
    elf_end(elf);
    close(fd);
    return sound ? 0
                 : error_set(e, ERROR_REFUSED,
                             "%s is damaged or of another version: install memprof again", path);
}

/* ----------------------------------------------------------- the program -- */

static bool is_32_bits(const struct remote *r)
{
    GElf_Ehdr header;

    for (uint32_t i = 0; i < r->count; i++)
        if (r->modules[i].elf && gelf_getehdr(r->modules[i].elf, &header) &&
            (header.e_type == ET_EXEC || header.e_type == ET_DYN))
            return header.e_ident[EI_CLASS] == ELFCLASS32;
    return false;
}

/* There libc and the loader are one library, which goes by any of several names. */
static bool is_musl(const struct remote *r)
{
    const struct remote_module *libc = remote_with(r, "__libc_start_main");

    return libc && !remote_with(r, "_rtld_global") && strstr(libc->path, ".so");
}

static bool is_unreadable(const struct remote_module *m, const char *name)
{
    const char *slash = strrchr(m->path, '/');

    return m->replaced && !m->elf && slash && strncmp(slash + 1, name, strlen(name)) == 0;
}

/* What can no longer be read of what has to be known: libc or the loader. */
static const char *unreadable(const struct remote *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (is_unreadable(&r->modules[i], "libc.so") || is_unreadable(&r->modules[i], "libc-") ||
            is_unreadable(&r->modules[i], "ld-") || is_unreadable(&r->modules[i], "libpthread"))
            return r->modules[i].path;
    return NULL;
}

/* By a library that can no longer be asked, since another took its place on disk. */
static bool is_recorded_unseen(const struct remote *r)
{
    bool library = false, segment = false;

    for (uint32_t i = 0; i < r->count; i++) {
        library |= is_unreadable(&r->modules[i], "libmemprof-preload.so");
        segment |= strstr(r->modules[i].path, "memfd:memprof") != NULL;
    }
    return library && segment;
}

/* What the modules of the process tell. */
static int check_modules(const struct remote *r, struct error *e)
{
    int pid = (int)r->pid;

    if (is_32_bits(r))
        return error_set(e, ERROR_REFUSED,
                         "process %d runs a 32-bit program; this memprof records 64-bit ones", pid);
    if (is_musl(r))
        return error_set(e, ERROR_REFUSED,
                         "process %d runs a program built for musl; memprof records programs "
                         "that use glibc",
                         pid);
    if (unreadable(r))
        return error_set(e, ERROR_REFUSED,
                         "process %d runs %s, which was replaced or removed since: start the "
                         "program again to record it",
                         pid, unreadable(r));
    if (is_recorded_unseen(r))
        return error_set(e, ERROR_REFUSED,
                         "process %d is being recorded already, by a memprof that another version "
                         "has taken the place of",
                         pid);
    if (!remote_with(r, "_rtld_global"))
        return error_set(e, ERROR_REFUSED,
                         "process %d runs a statically linked program: there is no loader that "
                         "could load the recorder",
                         pid);
    if (remote_with(r, "__asan_init") || remote_with(r, "__tsan_init") ||
        remote_with(r, "__hwasan_init") || remote_with(r, "__msan_init"))
        return error_set(e, ERROR_REFUSED,
                         "process %d runs a program built with a sanitizer that replaces malloc: "
                         "profile a build without",
                         pid);
    if (!remote_with(r, "dlopen") && !remote_with(r, "__libc_dlopen_mode"))
        return error_set(e, ERROR_REFUSED, "process %d has no dlopen that could load the recorder",
                         pid);
    if (!inject_way_back(r))
        return error_set(e, ERROR_REFUSED,
                         "the libc of process %d has no code to return from a signal handler that "
                         "memprof knows",
                         pid);
    return 0;
}

/* What the kernel lets us do with it, or would do to it. */
static int check_permissions(const struct attaching *a, struct error *e)
{
    pid_t parent = shares_memory_with(a->pid);

    if (attaching_confinement(a->pid) != CONFINED_NONE)
        return error_set(e, ERROR_REFUSED,
                         "process %d has confined itself by a filter of system calls (seccomp), "
                         "which might end it for what loading the recorder takes",
                         (int)a->pid);
    if (!stop_can_trace(a->pid))
        return stop_refused(a->pid, e);
    if (parent)
        return error_set(e, ERROR_REFUSED,
                         "process %d runs in the memory of its parent, process %d (vfork): name "
                         "that, or try again later",
                         (int)a->pid, (int)parent);
    if (!attaching_sees(a->pid, a->library))
        return error_set(e, ERROR_REFUSED,
                         "process %d does not see %s: it runs in another root directory or "
                         "container; run memprof there",
                         (int)a->pid, a->library);
    return 0;
}

static int check_process(const struct attaching *a, struct error *e)
{
    struct remote r;
    int result;

    if (!inject_possible())
        return error_set(e, ERROR_REFUSED,
                         "attaching works on x86-64 only: start the program with "
                         "memprof run");
    if (a->pid == getpid())
        return error_set(e, ERROR_REFUSED, "process %d is this memprof itself", (int)a->pid);
    if (check_permissions(a, e) != 0 || check_library(a->library, e) != 0 ||
        remote_open(&r, a->pid, e) != 0)
        return -1;
    result = check_modules(&r, e);
    remote_release(&r);
    return result;
}

/* Its libraries, or the program itself, may not be there yet. */
static bool has_just_begun(pid_t pid)
{
    uint64_t ticks = procinfo_start_ticks(pid), a_second = (uint64_t)sysconf(_SC_CLK_TCK);
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return ticks != 0 && (uint64_t)now.tv_sec * a_second < ticks + a_second;
}

enum attaching_verdict attaching_check(const struct attaching *a, struct error *e)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    enum attaching_verdict verdict = check_exists(a->pid, e);
    struct error why = {0};
    int refused;

    if (verdict == ATTACHING_OK)
        verdict = check_kind(a->pid, e);
    if (verdict == ATTACHING_OK)
        verdict = check_owner(a->pid, e);
    if (verdict != ATTACHING_OK)
        return verdict;
    while ((refused = check_process(a, &why)) != 0 && has_just_begun(a->pid))
        nanosleep(&pause, NULL);
    if (refused == 0)
        return ATTACHING_OK;
    if (procinfo_start_ticks(a->pid) == 0) {
        error_set(e, ERROR_INPUT, "process %d ended meanwhile", (int)a->pid);
        return ATTACHING_NO_PROCESS;
    }
    if (e)
        *e = why;
    return ATTACHING_REFUSED;
}

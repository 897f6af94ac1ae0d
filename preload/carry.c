/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/carry.h"

#include "preload/confinement.h"
#include "preload/connect.h"
#include "preload/environment.h"
#include "preload/session.h"
#include "preload/thread.h"
#include "src/shared/rawcall.h"
#include "src/shared/record.h"
#include "src/shared/sysmem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PRELOAD "LD_PRELOAD="
#define DESCRIPTORS "/proc/self/fd/"
#define DESCRIPTOR_PATH_BYTES (sizeof(DESCRIPTORS) + 12)

/* Linux's limits of what a program is executed with, and what is left for what we cannot know. */
#define STRINGS_LEAST ((size_t)128 << 10)
#define STRINGS_MOST ((size_t)6 << 20)
#define STRING_LONGEST ((size_t)128 << 10) /* each, NUL included */
#define STRINGS_SPARE ((size_t)8 << 10)

/* ------------------------------------------------------------- whether -- */

bool carry_wanted(void)
{
    if (!environment_library()[0] || !environment_session()[0])
        return false;
    return session.follow != FOLLOW_NONE || (session_recording() && session_here());
}

/* In a forked child that was not heard of the segment is its parent's, whose child this is. */
void carry_missed(int more)
{
    if (session.segment.base)
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->unfollowed, (uint32_t)more,
                                  memory_order_relaxed);
}

static bool can_be(const char *path, int mode)
{
    return rawcall(SYS_faccessat, AT_FDCWD, path, mode) == 0;
}

/* Shells try every folder of PATH so.  Other errors depend on more than access looks at. */
static bool is_absent(const char *path)
{
    return rawcall(SYS_faccessat, AT_FDCWD, path, F_OK) == -ENOENT;
}

/* What execve takes: a folder has x bits, too. */
static bool is_program(const char *path)
{
    struct stat status; /* the kernel's and libc's are the same */

    return can_be(path, X_OK) &&
           rawcall6(SYS_newfstatat, AT_FDCWD, (long)path, (long)&status, 0, 0, 0) == 0 &&
           S_ISREG(status.st_mode);
}

/*
 * A process that has confined itself may not be allowed to ask; it is recorded as it was.
 * Where the root was changed the loader would complain of a library that is not there.
 */
bool carry_allowed(struct carry_question *q, const char *path)
{
    enum host_word word = HOST_SILENT;

    if (confined())
        return session_recording() && session_here();
    if (!path || is_absent(path))
        return false;
    if (can_be(environment_library(), R_OK))
        word = host_asked(environment_session(), session.image, path, q->child, &q->row);
    q->missed = word == HOST_SILENT && can_be(path, X_OK);
    if (q->missed)
        carry_missed(1);
    q->heard = word != HOST_SILENT;
    return word == HOST_ALLOWS;
}

void carry_failed(const struct carry_question *q)
{
    /* a forked child that was not heard of before: it may say hello yet, or be a quiet one */
    uint32_t fork = q->child || !local.fork ? FORK_UNMARKED : local.fork;

    if (q->missed)
        carry_missed(-1);
    if (q->heard && (q->row || fork != FORK_UNMARKED))
        host_told_failure(environment_session(), session.image, fork, q->row);
}

static const char *value_in(char *const *e, const char *name)
{
    for (; e && *e; e++)
        if (strncmp(*e, name, strlen(name)) == 0)
            return *e + strlen(name);
    return NULL;
}

/* `folder` of `length` bytes and `file` as one path; false: it is too long. */
static bool join(char path[EXECUTE_PATH_BYTES + 1], const char *folder, size_t length,
                 const char *file)
{
    size_t rest = strlen(file);

    if (length + rest + 1 > EXECUTE_PATH_BYTES)
        return false;
    memcpy(path, folder, length);
    if (length)
        path[length++] = '/';
    memcpy(path + length, file, rest + 1);
    return true;
}

bool carry_allowed_by_search(struct carry_question *q, const char *file)
{
    const char *folder = value_in(environ, "PATH=");
    char path[EXECUTE_PATH_BYTES + 1];

    if (!file || strchr(file, '/'))
        return carry_allowed(q, file);
    for (folder = folder ? folder : "/bin:/usr/bin"; folder;) {
        const char *end = strchrnul(folder, ':');

        if (join(path, folder, (size_t)(end - folder), file) && is_program(path))
            return carry_allowed(q, path);
        folder = *end ? end + 1 : NULL;
    }
    return false;
}

static char *append(char *to, const char *text)
{
    size_t length = strlen(text);

    memcpy(to, text, length + 1);
    return to + length;
}

static char *append_number(char *to, uint32_t number)
{
    if (number >= 10)
        to = append_number(to, number / 10);
    *to++ = (char)('0' + number % 10);
    *to = '\0';
    return to;
}

/* The descriptor's entry in /proc; false: it is none. */
static bool descriptor_path(char path[DESCRIPTOR_PATH_BYTES], int fd)
{
    if (fd < 0)
        return false;
    append_number(append(path, DESCRIPTORS), (uint32_t)fd);
    return true;
}

bool carry_allowed_descriptor(struct carry_question *q, int fd)
{
    char path[DESCRIPTOR_PATH_BYTES];

    return descriptor_path(path, fd) && carry_allowed(q, path);
}

static bool is_link(int folder, const char *path)
{
    char first;

    return rawcall6(SYS_readlinkat, folder, (long)path, (long)&first, 1, 0, 0) >= 0;
}

bool carry_allowed_at(struct carry_question *q, int folder, const char *path, int flags)
{
    char at[DESCRIPTOR_PATH_BYTES], whole[EXECUTE_PATH_BYTES + 1];

    if (!path || (!*path && flags & AT_EMPTY_PATH))
        return carry_allowed_descriptor(q, folder);
    if (flags & AT_SYMLINK_NOFOLLOW && is_link(folder, path))
        return false; /* which fails */
    if (*path == '/' || folder == AT_FDCWD)
        return carry_allowed(q, path);
    return descriptor_path(at, folder) && join(whole, at, strlen(at), path) &&
           carry_allowed(q, whole);
}

/* --------------------------------------------------------- the environment -- */

void carry_measure(struct carried *c, char *const *from)
{
    const char *theirs = value_in(from, PRELOAD);

    *c = (struct carried){.from = from};
    while (from && from[c->count])
        c->count++;
    c->bytes = (c->count + 3) * sizeof(char *) + strlen(environment_library()) +
               strlen(environment_session()) + (theirs ? strlen(theirs) : 0) + 64;
}

static bool is_preload(const char *entry)
{
    return strncmp(entry, PRELOAD, strlen(PRELOAD)) == 0;
}

static bool is_session(const char *entry)
{
    return strncmp(entry, SESSION_ENVIRONMENT "=", strlen(SESSION_ENVIRONMENT "=")) == 0;
}

static char *preload_text(char *text, const char *theirs)
{
    text = append(append(text, PRELOAD), environment_library());
    if (theirs && *theirs)
        text = append(append(text, ":"), theirs);
    return text + 1;
}

/* LD_PRELOAD with our library first, in its place or behind all, and MEMPROF_SESSION. */
static void fill(struct carried *c)
{
    char **to = c->envp, *text = (char *)(to + c->count + 3);
    bool placed = false;

    c->preload = text;
    c->session = preload_text(text, value_in(c->from, PRELOAD));
    text = append_number(append(c->session, SESSION_ENVIRONMENT "="), session.image);
    append(append(text, ":"), environment_session());
    for (size_t i = 0; i < c->count; i++) {
        if (is_preload(c->from[i]) && !placed) {
            *to++ = c->preload;
            placed = true;
        } else if (!is_preload(c->from[i]) && !is_session(c->from[i])) {
            *to++ = c->from[i];
        }
    }
    if (!placed)
        *to++ = c->preload;
    *to++ = c->session;
    *to = NULL;
}

void carry_place(struct carried *c, void *memory)
{
    c->mapped = !memory;
    c->envp = memory ? memory : sysmem_map(c->bytes);
    if (c->envp)
        fill(c);
}

/* As Linux reckons (fs/exec.c, bprm_stack_limits): a quarter of the stack's limit, within bounds.
 */
static size_t room_for_strings(void)
{
    struct rlimit stack = {0};

    if (rawcall6(SYS_prlimit64, 0, RLIMIT_STACK, 0, (long)&stack, 0, 0) != 0 ||
        stack.rlim_cur / 4 <= STRINGS_LEAST)
        return STRINGS_LEAST;
    return stack.rlim_cur / 4 < STRINGS_MOST ? (size_t)stack.rlim_cur / 4 : STRINGS_MOST;
}

bool carry_fits(const struct carried *c, size_t arguments)
{
    size_t bytes = arguments + STRINGS_SPARE;

    for (char **e = c->envp; *e; e++)
        bytes += strlen(*e) + 1 + sizeof(*e);
    if (strlen(c->preload) >= STRING_LONGEST)
        return false;
    return bytes <= STRINGS_LEAST || (!confined() && bytes <= room_for_strings());
}

void carry_release(struct carried *c)
{
    if (c->mapped && c->envp)
        sysmem_unmap(c->envp, c->bytes);
    c->envp = NULL;
}

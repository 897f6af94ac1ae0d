// SPDX-License-Identifier: Apache-2.0
#include "src/host/attaching.h"

#include "src/host/inject.h"
#include "src/host/loaderlocks.h"
#include "src/host/procinfo.h"
#include "src/host/safepoint.h"
#include "src/host/signalname.h"
#include "src/host/stop-parts.h"
#include "src/shared/attachment.h"
#include "src/shared/clock.h"
#include "src/shared/record.h"

#include <dlfcn.h>
#include <errno.h>
#include <gelf.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_FIRST_NS 500000
#define PAUSE_MOST_NS 20000000
#define LEAVE_NS UINT64_C(2000000000) /* for all threads to be out of the library at once */
#define LIBC_DLOPEN_FLAG 0x80000000u  /* of __libc_dlopen_mode: as if called by dlopen */

/* ----------------------------------------------------------- beforehand -- */

static long status_field(pid_t pid, const char *name)
{
    char path[48], line[256];
    size_t length = strlen(name);
    long value = 0;
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "re");
    while (status && fgets(line, sizeof(line), status))
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            value = strtol(line + length + 1, NULL, 10);
    if (status)
        fclose(status);
    return value;
}

/* Whether the process sees the same file by this path. */
static bool sees(pid_t pid, const char *file)
{
    char path[4200];
    struct stat here, there;

    snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, file);
    return stat(file, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

static enum attaching_verdict check_owner(pid_t pid, struct error *e)
{
    const struct passwd *user;
    struct stat status;
    char path[48];

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (pid <= 0 || stat(path, &status) != 0 || procinfo_start_ticks(pid) == 0) {
        error_set(e, ERROR_INPUT, "there is no process %d", (int)pid);
        return ATTACHING_NO_PROCESS;
    }
    if (status_field(pid, "Uid") == (long)geteuid())
        return ATTACHING_OK;
    user = getpwuid((uid_t)status_field(pid, "Uid"));
    error_set(e, ERROR_REFUSED,
              "process %d belongs to %s: memprof records processes of its own user, so run it as "
              "that one",
              (int)pid, user ? user->pw_name : "another user");
    return ATTACHING_NOT_YOURS;
}

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
    if (status_field(a->pid, "Seccomp") != 0)
        return error_set(e, ERROR_REFUSED,
                         "process %d has confined itself by a filter of system calls (seccomp), "
                         "which might end it for what loading the recorder takes",
                         (int)a->pid);
    if (!stop_can_trace(a->pid))
        return stop_refused(a->pid, e);
    if (!sees(a->pid, a->library))
        return error_set(e, ERROR_REFUSED,
                         "process %d does not see %s: it runs in another root directory or "
                         "container; run memprof there",
                         (int)a->pid, a->library);
    if (remote_open(&r, a->pid, e) != 0)
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
    enum attaching_verdict verdict = check_owner(a->pid, e);
    struct error why = {0};
    int refused;

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

/* -------------------------------------------------------- at a safe point -- */

/* What the tracer works with. */
struct work {
    const struct attaching *a;
    struct error *e;
    uint64_t until_ns;
    struct remote remote;
    struct safepoint safepoint;
    const struct remote_module *library; /* in `remote`; NULL: not loaded */
    uint64_t way_back;
    bool opened;
};

static void work_close(struct work *w)
{
    if (w->opened) {
        safepoint_release(&w->safepoint);
        remote_release(&w->remote);
    }
    w->opened = false;
}

static int ended(const struct work *w)
{
    return error_set(w->e, ERROR_INPUT, "process %d ended meanwhile", (int)w->a->pid);
}

/* Read what is loaded now. */
static int work_open(struct work *w)
{
    int result;

    work_close(w);
    w->library = NULL;
    if (remote_open(&w->remote, w->a->pid, w->e) != 0)
        return -1;
    if (w->remote.count == 0 || /* without memory: it is ending */
        safepoint_open(&w->safepoint, &w->remote, w->a->library, w->e) != 0) {
        result = w->remote.count == 0 ? ended(w) : -1;
        remote_release(&w->remote);
        return result;
    }
    w->opened = true;
    w->way_back = inject_way_back(&w->remote);
    for (uint32_t i = 0; i < w->remote.count; i++)
        if (strcmp(w->remote.modules[i].path, w->a->library) == 0 && w->remote.modules[i].elf)
            w->library = &w->remote.modules[i];
    return 0;
}

static bool may_call(struct work *w, const struct stopped_thread *t, bool waiting)
{
    struct user_regs_struct r;

    return t->state == STOP_HELD && t->signal == 0 && inject_registers(t->tid, &r) &&
           inject_waits(&r) == waiting && safepoint_at(&w->safepoint, t->tid, &r);
}

/* A thread at a safe point, one that waits in a system call rather than one that runs. */
static struct stopped_thread *choose(struct work *w, struct stopped *s)
{
    for (int waiting = 1; waiting >= 0; waiting--)
        for (uint32_t i = 0; i < s->count; i++)
            if (may_call(w, &s->threads[i], waiting))
                return &s->threads[i];
    return NULL;
}

/* Let all go but one, which is put first. */
static void keep_only(struct stopped *s, struct stopped_thread *chosen)
{
    struct stopped_thread first = *chosen;
    uint32_t count = s->count;

    *chosen = s->threads[0];
    s->threads[0] = first;
    for (uint32_t i = 1; i < count; i++)
        if (s->threads[i].state == STOP_HELD) {
            struct stopped one = {.threads = &s->threads[i], .count = 1};

            stop_let_go(&one);
            s->threads[i].state = STOP_GONE;
        }
}

static void let_all_go(struct stopped *s)
{
    stop_let_go(s);
    stop_release(s);
}

static int stop_here(struct work *w, struct stopped *s)
{
    *s = (struct stopped){.pid = w->a->pid, .how = STOP_BY_PTRACE, .began_ns = stop_now_ns()};
    if (stop_all_here(s, w->e) == 0)
        return 0;
    stop_release(s);
    if (w->e && w->e->kind == ERROR_REFUSED)
        stop_refused(w->a->pid, w->e);
    return -1;
}

static void pause_a_while(uint64_t *ns)
{
    const struct timespec t = {.tv_nsec = (long)*ns};

    nanosleep(&t, NULL);
    *ns = *ns * 2 < PAUSE_MOST_NS ? *ns * 2 : PAUSE_MOST_NS;
}

/* What it says beside is how the process was left. */
static int crashed(const struct work *w, pid_t tid, const struct inject_call *call)
{
    bool freed = loaderlocks_release(&w->remote, tid, call);
    const char *name = signal_name(*call->crash);

    return error_set(w->e, ERROR_REFUSED,
                     "%s raised %s in process %d, which goes on without%s: install memprof again",
                     w->a->library, name ? name : "a signal", (int)w->a->pid,
                     freed ? "" : ", but may wait for ever where it loads libraries");
}

/* What became of a call, as an error.  1: not begun, another thread or moment may do. */
static int result_of(const struct work *w, pid_t tid, const struct inject_call *call,
                     enum inject_result result)
{
    switch (result) {
    case INJECT_RETURNED:
        return 0;
    case INJECT_NOT_BEGUN:
        return 1;
    case INJECT_LATE:
        return error_set(w->e, ERROR_REFUSED,
                         "process %d did not come to an end of loading the recorder in %.1f s: "
                         "another thread holds the loader's lock, or it is very slow (--timeout)",
                         (int)w->a->pid, (double)w->a->timeout_ns * 1e-9);
    case INJECT_CRASHED:
        return crashed(w, tid, call);
    case INJECT_ENDED:
        break;
    }
    return ended(w);
}

/* Have a thread at a safe point make the call, in the time there is. */
static int call_safely(struct work *w, struct inject_call *call)
{
    uint64_t pause = PAUSE_FIRST_NS;
    struct stopped_thread *chosen;
    int result = 1, crash = 0;
    struct stopped s;

    call->crash = &crash;
    call->way_back = w->way_back;
    call->until_ns = w->until_ns;
    while (result == 1) {
        if (stop_here(w, &s) != 0)
            return -1;
        chosen = choose(w, &s);
        if (chosen) {
            keep_only(&s, chosen);
            pid_t tid = s.threads[0].tid;

            result = result_of(w, tid, call, inject_call(tid, call));
        }
        let_all_go(&s);
        if (result != 1)
            break;
        if (procinfo_start_ticks(w->a->pid) == 0)
            return ended(w);
        if (clock_monotonic_ns() > w->until_ns)
            return error_set(w->e, ERROR_REFUSED,
                             "in %.1f s no thread of process %d was seen outside of the allocator, "
                             "the loader and signal handlers: try again (--timeout)",
                             (double)w->a->timeout_ns * 1e-9, (int)w->a->pid);
        pause_a_while(&pause);
    }
    return result;
}

/* ------------------------------------------------------------- the library -- */

static int call_library(struct work *w, const char *function, const char *text)
{
    struct inject_call call = {.text = text};
    uint64_t size;

    if (!w->library || !remote_symbol(w->library, function, &call.function, &size))
        return error_set(w->e, ERROR_REFUSED, "%s has no %s: it is of another version of memprof",
                         w->a->library, function);
    return call_safely(w, &call);
}

static bool read_attachment(const struct work *w, struct attachment *a, uint64_t *at)
{
    uint64_t size;

    return w->library && remote_symbol(w->library, "memprof_attachment", at, &size) &&
           size >= sizeof(*a) && remote_read(w->a->pid, *at, a, sizeof(*a)) &&
           a->magic == ATTACHMENT_MAGIC && a->version == SEGMENT_VERSION;
}

/* Why the loader did not load it, in its own words. */
static int not_loaded(struct work *w)
{
    const struct remote_module *libc = remote_with(&w->remote, "dlerror");
    struct inject_call call = {0};
    struct error ignored = {0}, *e = w->e;
    uint64_t size, text = 0;
    char words[240] = "";

    call.result = &text;
    w->e = &ignored;
    if (libc && remote_symbol(libc, "dlerror", &call.function, &size) &&
        call_safely(w, &call) == 0 && text)
        for (size_t i = 0; i + 1 < sizeof(words) && remote_read(w->a->pid, text + i, &words[i], 1);
             i++)
            if (!words[i])
                break;
    w->e = e;
    words[sizeof(words) - 1] = '\0';
    return error_set(e, ERROR_REFUSED, "process %d cannot load the recorder: %s", (int)w->a->pid,
                     *words ? words : "its loader does not say why");
}

static int load(struct work *w)
{
    struct inject_call call = {.text = w->a->library, .argument = RTLD_NOW};
    const struct remote_module *with = remote_with(&w->remote, "dlopen");
    uint64_t size;

    if (with) {
        remote_symbol(with, "dlopen", &call.function, &size);
    } else {
        with = remote_with(&w->remote, "__libc_dlopen_mode");
        call.argument |= LIBC_DLOPEN_FLAG;
        if (!with || !remote_symbol(with, "__libc_dlopen_mode", &call.function, &size))
            return error_set(w->e, ERROR_REFUSED, "process %d has no dlopen", (int)w->a->pid);
    }
    if (call_safely(w, &call) != 0 || work_open(w) != 0)
        return -1;
    return w->library ? 0 : not_loaded(w);
}

/* ------------------------------------------------------------ leaving it -- */

/* Whether the thread can have nothing of the session in its hands. */
static bool is_outside(const struct work *w, const struct stopped_thread *t,
                       const struct attachment *a)
{
    struct user_regs_struct r;
    uint32_t busy = 0;

    if (t->state == STOP_GONE)
        return true;
    if (t->state != STOP_HELD || !inject_registers(t->tid, &r) ||
        inject_counter(&r) - w->library->start < w->library->end - w->library->start)
        return false;
    return t->thread_pointer == 0 ||
           (remote_read(w->a->pid, t->thread_pointer + (uint64_t)a->local_offset + a->busy_offset,
                        &busy, sizeof(busy)) &&
            busy == 0);
}

static bool all_outside(const struct work *w, const struct stopped *s, const struct attachment *a)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!is_outside(w, &s->threads[i], a))
            return false;
    return true;
}

static void forget_states(const struct work *w, const struct stopped *s, const struct attachment *a)
{
    static const char zeros[256];

    for (uint32_t i = 0; i < s->count && a->local_bytes <= sizeof(zeros); i++)
        if (s->threads[i].state == STOP_HELD && s->threads[i].thread_pointer)
            remote_write(w->a->pid, s->threads[i].thread_pointer + (uint64_t)a->local_offset, zeros,
                         a->local_bytes);
}

/* Nothing that memprof_release does waits for anybody: any thread with a stack will do. */
static bool release_now(const struct work *w, const struct stopped *s)
{
    struct inject_call call = {.way_back = w->way_back,
                               .until_ns = clock_monotonic_ns() + LEAVE_NS};
    enum inject_result result = INJECT_NOT_BEGUN;
    uint64_t size;

    if (!remote_symbol(w->library, "memprof_release", &call.function, &size))
        return false;
    for (uint32_t i = 0; i < s->count && result == INJECT_NOT_BEGUN; i++)
        if (s->threads[i].state == STOP_HELD && s->threads[i].signal == 0)
            result = inject_call(s->threads[i].tid, &call);
    return result == INJECT_RETURNED;
}

/* After memprof_detach.  false: some thread was always inside. */
static bool release(struct work *w)
{
    uint64_t until = clock_monotonic_ns() + LEAVE_NS, at, pause = PAUSE_FIRST_NS;
    struct attachment a;
    bool released = false;
    struct stopped s;

    if (!read_attachment(w, &a, &at))
        return false;
    while (!released) {
        if (stop_here(w, &s) != 0)
            return false;
        if (all_outside(w, &s, &a)) {
            forget_states(w, &s, &a);
            released = release_now(w, &s);
            let_all_go(&s);
            return released;
        }
        let_all_go(&s);
        if (clock_monotonic_ns() > until)
            return false;
        pause_a_while(&pause);
    }
    return released;
}

/* ---------------------------------------------------------------- attach -- */

/* In words what state the library is in that does not record. */
static int refused_by(const struct work *w, const struct attachment *a)
{
    int pid = (int)w->a->pid;
    uint32_t state = a->state; /* of a copy, which nobody else writes */

    switch (state) {
    case ATTACHMENT_RECORDED:
        return error_set(w->e, ERROR_REFUSED, "process %d is being recorded already", pid);
    case ATTACHMENT_NO_MALLOC:
        return error_set(w->e, ERROR_REFUSED, "process %d has no malloc to record", pid);
    case ATTACHMENT_LEFT:
        return error_set(w->e, ERROR_REFUSED,
                         "a thread of process %d is still inside the recorder of an earlier "
                         "memprof: try again later",
                         pid);
    case ATTACHMENT_REFUSED:
        return error_set(w->e, ERROR_REFUSED,
                         "the recorder gave up in process %d: no room for its memory (ulimit -v?), "
                         "or libunwind was asked for and cannot be loaded",
                         pid);
    default:
        return error_set(w->e, ERROR_REFUSED,
                         "the recorder in process %d could not connect to memprof", pid);
    }
}

static int connect_library(struct work *w, struct attachment *a)
{
    uint64_t at;

    if (call_library(w, "memprof_attach", w->a->socket) != 0)
        return -1;
    if (!read_attachment(w, a, &at))
        return procinfo_start_ticks(w->a->pid)
                   ? error_set(w->e, ERROR_REFUSED, "%s is of another version of memprof",
                               w->a->library)
                   : ended(w);
    return 0;
}

static int attach(struct work *w)
{
    struct attachment a;

    if (work_open(w) != 0 || (!w->library && load(w) != 0) || connect_library(w, &a) != 0)
        return -1;
    if (a.state == ATTACHMENT_LEFT) {
        if (call_library(w, "memprof_detach", NULL) != 0)
            return -1;
        release(w);
        if (connect_library(w, &a) != 0)
            return -1;
    }
    return a.state == ATTACHMENT_RECORDING ? 0 : refused_by(w, &a);
}

/* --------------------------------------------------------------- threads -- */

struct tracer {
    struct work work;
    enum attaching_left left;
    int result;
};

static void *begin(void *context)
{
    struct tracer *t = context;

    t->result = attach(&t->work);
    work_close(&t->work);
    return NULL;
}

/* The program may not be called any more: what is left is its memory. */
static void close_gate(const struct work *w)
{
    const uint32_t closed = 0;
    struct attachment a;
    uint64_t at;

    if (read_attachment(w, &a, &at))
        remote_write(w->a->pid, at + (uint64_t)a.gate_offset, &closed, sizeof(closed));
}

static enum attaching_left leave(struct work *w)
{
    if (work_open(w) != 0)
        return procinfo_start_ticks(w->a->pid) ? ATTACHING_REDIRECTED : ATTACHING_ENDED;
    if (status_field(w->a->pid, "Seccomp") != 0 || call_library(w, "memprof_detach", NULL) != 0) {
        close_gate(w);
        return procinfo_start_ticks(w->a->pid) ? ATTACHING_REDIRECTED : ATTACHING_ENDED;
    }
    if (release(w))
        return ATTACHING_CLEAN;
    return procinfo_start_ticks(w->a->pid) ? ATTACHING_SEGMENT : ATTACHING_ENDED;
}

static void *end(void *context)
{
    struct tracer *t = context;

    t->left = leave(&t->work);
    work_close(&t->work);
    return NULL;
}

/* Signals to this process are for its other threads. */
static int in_a_thread(void *(*body)(void *), struct tracer *t)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, body, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno != 0)
        return error_set(t->work.e, ERROR_SYSTEM, "cannot start the thread that attaches");
    pthread_join(thread, NULL);
    return 0;
}

int attaching_begin(const struct attaching *a, struct error *e)
{
    struct error why = {0};
    struct tracer t = {
        .work = {.a = a, .e = e ? e : &why, .until_ns = clock_monotonic_ns() + a->timeout_ns}};

    return in_a_thread(begin, &t) == 0 ? t.result : -1;
}

enum attaching_left attaching_end(const struct attaching *a)
{
    struct error why = {0};
    struct tracer t = {
        .work = {.a = a, .e = &why, .until_ns = clock_monotonic_ns() + a->timeout_ns}};

    return in_a_thread(end, &t) == 0 ? t.left : ATTACHING_REDIRECTED;
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/attach/attaching-parts.h"

#include "src/host/attach/inject.h"
#include "src/host/attach/loaderlocks.h"
#include "src/host/attach/safepoint.h"
#include "src/host/process/procinfo.h"
#include "src/host/process/stop-parts.h"
#include "src/host/text/signalname.h"
#include "src/shared/attachment.h"
#include "src/shared/clock.h"
#include "src/shared/record.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
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
#define PAUSE_LONGEST_NS 500000000 /* behind an attempt that took long */
#define STOP_FIRST_NS UINT64_C(50000000)
#define LEAVE_NS UINT64_C(2000000000)       /* for another thread to be out of the library */
#define LEAVE_MOST_NS UINT64_C(60000000000) /* for all of them at once */
#define LIBC_DLOPEN_FLAG 0x80000000u        /* of __libc_dlopen_mode: as if called by dlopen */

/* -------------------------------------------------------- at a safe point -- */

/* What the tracer works with. */
struct work {
    const struct attaching *a;
    struct error *e;
    uint64_t until_ns;
    uint64_t wait_ns; /* for all threads to stop, while the first of them stand still already */
    bool unstopped;   /* some had not by then, the last time */
    pid_t caller;     /* that made the last call */
    bool same_caller; /* no other thread will do: errors of the loader are a thread's own */
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
    if (remote_open_again(&w->remote, w->a->pid, &w->a->modules, w->e) != 0)
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

    return t->state == STOP_HELD && t->signal == 0 && !attaching_confined(t->tid) &&
           inject_registers(t->tid, &r) && inject_waits(&r) == waiting &&
           safepoint_at(&w->safepoint, t->tid, &r);
}

/* A thread at a safe point, one that waits in a system call rather than one that runs. */
static struct stopped_thread *choose(struct work *w, struct stopped *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->threads[i].tid == w->caller &&
            (may_call(w, &s->threads[i], true) || may_call(w, &s->threads[i], false)))
            return &s->threads[i];
    for (int waiting = 1; waiting >= 0 && !w->same_caller; waiting--)
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

/* 0; 1: not now; -1 with an error. */
static int stop_here(struct work *w, struct stopped *s)
{
    *s = (struct stopped){
        .pid = w->a->pid, .how = STOP_BY_PTRACE, .wait_ns = w->wait_ns, .began_ns = stop_now_ns()};
    if (stop_all_here(s, w->e) == 0)
        return 0;
    stop_release(s);
    if (w->e->kind == ERROR_REFUSED && w->unstopped)
        return 1; /* the last tracer has not quite ended */
    if (w->e->kind == ERROR_REFUSED)
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

/* Signals to this process are for its other threads. */
static int in_a_thread(void *(*body)(void *), void *context, struct error *e)
{
    pthread_t thread;
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (errno != 0)
        return error_set(e, ERROR_SYSTEM, "cannot start the thread that attaches");
    pthread_join(thread, NULL);
    return 0;
}

/*
 * One that waits uninterruptibly does not stop before that is over: then it would, for as long as
 * it has a tracer, and whoever waits for what it holds with it.
 */
static bool all_stopped(struct work *w, const struct stopped *s)
{
    w->unstopped = false;
    for (uint32_t i = 0; i < s->count; i++)
        w->unstopped |= s->threads[i].state == STOP_ASKED;
    if (w->unstopped && w->wait_ns < STOP_WAIT_NS)
        w->wait_ns *= 2;
    return !w->unstopped;
}

/* An attempt at a call. */
struct attempt {
    struct work *work;
    struct inject_call *call;
    int result; /* 0, -1 with an error, 1: not begun */
};

static void *attempt(void *context)
{
    struct attempt *t = context;
    struct stopped_thread *chosen;
    struct stopped s;

    t->result = stop_here(t->work, &s);
    if (t->result != 0)
        return NULL;
    t->result = 1;
    chosen = all_stopped(t->work, &s) ? choose(t->work, &s) : NULL;
    if (chosen) {
        pid_t tid = chosen->tid;

        t->work->caller = tid;
        keep_only(&s, chosen);
        t->result = result_of(t->work, tid, t->call, inject_call(tid, t->call));
    }
    let_all_go(&s);
    return NULL;
}

/* Whether another thread wants no more of it: 0, or -1 with an error. */
static int asked_to_give_up(const struct work *w)
{
    /* relaxed: nothing else is handed over with it */
    switch (atomic_load_explicit(&w->a->give_up, memory_order_relaxed)) {
    case ATTACHING_INTERRUPTED:
        return error_set(w->e, ERROR_REFUSED, "interrupted before process %d was recorded",
                         (int)w->a->pid);
    case ATTACHING_EXECUTED:
        return error_set(w->e, ERROR_REFUSED,
                         "process %d executed another program meanwhile: try again",
                         (int)w->a->pid);
    default:
        return 0;
    }
}

static int out_of_time(const struct work *w)
{
    double seconds = (double)w->a->timeout_ns * 1e-9;
    int pid = (int)w->a->pid;

    if (w->unstopped)
        return error_set(w->e, ERROR_REFUSED,
                         "in %.1f s a thread of process %d could not be stopped: it waits for a "
                         "child that it made by vfork, or for a device: try again (--timeout)",
                         seconds, pid);
    return error_set(w->e, ERROR_REFUSED,
                     "in %.1f s no thread of process %d was seen outside of the allocator, "
                     "the loader and signal handlers: try again (--timeout)",
                     seconds, pid);
}

/* Have a thread at a safe point make the call, in the time there is. */
static int call_safely(struct work *w, struct inject_call *call)
{
    struct attempt t = {.work = w, .call = call};
    uint64_t pause = PAUSE_FIRST_NS;
    int crash = 0;

    call->crash = &crash;
    call->way_back = w->way_back;
    call->until_ns = w->until_ns;
    for (;;) {
        if (in_a_thread(attempt, &t, w->e) != 0)
            return -1;
        if (t.result != 1)
            return t.result;
        if (procinfo_start_ticks(w->a->pid) == 0)
            return ended(w);
        if (asked_to_give_up(w) != 0)
            return -1;
        if (clock_monotonic_ns() > w->until_ns)
            return out_of_time(w);
        pause_a_while(&pause);
    }
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

static bool ignores(pid_t pid, int signal)
{
    return procinfo_status(pid, "SigIgn", 16) >> (signal - 1) & 1;
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
    w->same_caller = true;
    if (libc && !ignores(w->a->pid, SIGTRAP) &&
        remote_symbol(libc, "dlerror", &call.function, &size) && call_safely(w, &call) == 0 && text)
        for (size_t i = 0; i + 1 < sizeof(words) && remote_read(w->a->pid, text + i, &words[i], 1);
             i++)
            if (!words[i])
                break;
    w->e = e;
    w->same_caller = false;
    words[sizeof(words) - 1] = '\0';
    return error_set(e, ERROR_REFUSED, "process %d cannot load the recorder: %s", (int)w->a->pid,
                     *words ? words : "its loader does not say why");
}

/*
 * The loader knows what it has loaded by name, and would give us a library that was replaced on
 * disk since and can no longer be read.  Another name of the same file it looks up.
 */
static void name_library(const struct work *w, char *name, size_t room)
{
    size_t length = 0;

    for (uint32_t i = 0; i < w->remote.count; i++)
        if (strcmp(w->remote.modules[i].path, w->a->library) == 0 && length + 2 < room / 2)
            length += (size_t)snprintf(name + length, room - length, "/.");
    snprintf(name + length, room - length, "%s", w->a->library);
}

static int load(struct work *w)
{
    char name[2 * PATH_MAX];
    struct inject_call call = {.text = name, .argument = RTLD_NOW};
    const struct remote_module *with = remote_with(&w->remote, "dlopen");
    uint64_t size;

    name_library(w, name, sizeof(name));
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

static uint32_t count_inside(const struct work *w, const struct stopped *s,
                             const struct attachment *a)
{
    uint32_t inside = 0;

    for (uint32_t i = 0; i < s->count; i++)
        inside += !is_outside(w, &s->threads[i], a);
    return inside;
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
                               .until_ns = clock_monotonic_ns() + LEAVE_MOST_NS};
    enum inject_result result = INJECT_NOT_BEGUN;
    uint64_t size;

    if (!remote_symbol(w->library, "memprof_release", &call.function, &size))
        return false;
    for (uint32_t i = 0; i < s->count && result == INJECT_NOT_BEGUN; i++)
        if (s->threads[i].state == STOP_HELD && s->threads[i].signal == 0 &&
            !attaching_confined(s->threads[i].tid))
            result = inject_call(s->threads[i].tid, &call);
    return result == INJECT_RETURNED;
}

/* An attempt at giving back the session's memory. */
struct letting_go {
    struct work *work;
    const struct attachment *attachment;
    uint32_t inside; /* threads, at this attempt */
    bool over, released;
};

static void *let_go_of_session(void *context)
{
    struct letting_go *l = context;
    struct stopped s;
    int result = stop_here(l->work, &s);

    l->inside = UINT32_MAX;
    if (result != 0) {
        l->over = result < 0;
        return NULL;
    }
    l->inside = count_inside(l->work, &s, l->attachment);
    if (all_stopped(l->work, &s) && l->inside == 0) {
        forget_states(l->work, &s, l->attachment);
        l->released = release_now(l->work, &s);
        l->over = true;
    }
    let_all_go(&s);
    return NULL;
}

/*
 * After memprof_detach.  false: some thread was always inside.  A thread leaves once it is given a
 * processor, which many threads on a busy machine wait for longer than for LEAVE_NS: time counts
 * from when the last one left.  They get as much of it as stopping them takes, at least.
 */
static bool release(struct work *w)
{
    uint64_t begun = clock_monotonic_ns(), now = begun, left_ns = begun, at, pause = PAUSE_FIRST_NS;
    uint32_t least = UINT32_MAX;
    struct attachment a;
    struct letting_go l = {.work = w, .attachment = &a};

    if (!read_attachment(w, &a, &at))
        return false;
    while (in_a_thread(let_go_of_session, &l, w->e) == 0 && !l.over &&
           now - begun < LEAVE_MOST_NS) {
        uint64_t took = clock_monotonic_ns() - now;

        if (l.inside < least) {
            least = l.inside;
            left_ns = now + took;
        }
        if (now + took - left_ns >= LEAVE_NS)
            break;
        if (pause < took)
            pause = took < PAUSE_LONGEST_NS ? took : PAUSE_LONGEST_NS;
        pause_a_while(&pause);
        now = clock_monotonic_ns();
    }
    return l.released;
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

    if (!attaching_sees(w->a->pid, w->a->socket))
        return error_set(w->e, ERROR_REFUSED,
                         "process %d does not see %s, as it has a folder of its own there: set "
                         "MEMPROF_RUNTIME_DIR to one that both see",
                         (int)w->a->pid, w->a->socket);
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

/* ---------------------------------------------------------------- detach -- */

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
    if (attaching_confinement(w->a->pid) == CONFINED_ALL ||
        call_library(w, "memprof_detach", NULL) != 0) {
        close_gate(w);
        return procinfo_start_ticks(w->a->pid) ? ATTACHING_REDIRECTED : ATTACHING_ENDED;
    }
    if (release(w))
        return ATTACHING_CLEAN;
    return procinfo_start_ticks(w->a->pid) ? ATTACHING_SEGMENT : ATTACHING_ENDED;
}

static void work_init(struct work *w, const struct attaching *a, struct error *e)
{
    *w = (struct work){
        .a = a, .e = e, .until_ns = clock_monotonic_ns() + a->timeout_ns, .wait_ns = STOP_FIRST_NS};
}

int attaching_begin(struct attaching *a, struct error *e)
{
    struct error why = {0};
    struct work w;
    int result;

    work_init(&w, a, e ? e : &why);
    result = attach(&w);
    if (result == 0) {
        a->modules = w.remote;
        w.remote = (struct remote){.pid = a->pid};
    }
    work_close(&w);
    return result;
}

enum attaching_left attaching_end(const struct attaching *a)
{
    struct error why = {0};
    enum attaching_left left;
    struct work w;

    work_init(&w, a, &why);
    left = leave(&w);
    work_close(&w);
    return left;
}

void attaching_release(struct attaching *a)
{
    remote_release(&a->modules);
}

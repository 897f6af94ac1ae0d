// SPDX-License-Identifier: Apache-2.0
#include "src/host/process/stop-parts.h"

#include "src/host/process/procinfo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS 50000

uint64_t stop_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void stop_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

/* ------------------------------------------------------------- threads -- */

/* `hint`: where it lies if the list comes in the order it came in the last time. */
static bool known(const struct stopped *s, pid_t tid, uint32_t *hint)
{
    if (*hint < s->count && s->threads[*hint].tid == tid) {
        ++*hint;
        return true;
    }
    for (uint32_t i = 0; i < s->count; i++)
        if (s->threads[i].tid == tid) {
            *hint = i + 1;
            return true;
        }
    return false;
}

static struct stopped_thread *append(struct stopped *s, pid_t tid)
{
    uint32_t room = s->room ? s->room * 2 : 64;
    struct stopped_thread *threads;

    if (s->count == s->room) {
        threads = reallocarray(s->threads, room, sizeof(*threads));
        if (!threads)
            return NULL;
        s->threads = threads;
        s->room = room;
    }
    memset(&s->threads[s->count], 0, sizeof(*s->threads));
    s->threads[s->count].tid = tid;
    return &s->threads[s->count++];
}

int stop_list(struct stopped *s,
              bool (*ask)(struct stopped *s, struct stopped_thread *t, struct error *e),
              struct error *e)
{
    struct stopped_thread *t;
    struct dirent *entry;
    uint32_t hint = 0;
    int found = 0;
    char path[64];
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)s->pid);
    tasks = opendir(path);
    if (!tasks)
        return error_set(e, ERROR_INPUT, "process %d has ended", (int)s->pid);
    while (found >= 0 && (entry = readdir(tasks))) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (tid <= 0 || known(s, tid, &hint))
            continue;
        t = append(s, tid);
        if (!t)
            found = error_set(e, ERROR_MEMORY, "out of memory");
        else
            found = ask(s, t, e) ? found + 1 : -1;
    }
    closedir(tasks);
    return found;
}

/* Whether some thread may still stop. */
static bool look_at_all(struct stopped *s, void (*look)(struct stopped *, struct stopped_thread *))
{
    bool open = false;

    for (uint32_t i = 0; i < s->count; i++) {
        struct stopped_thread *t = &s->threads[i];

        if (t->state == STOP_ASKED || t->state == STOP_BLOCKED)
            look(s, t);
        open |= t->state == STOP_ASKED ||
                (t->state == STOP_BLOCKED && stop_now_ns() - s->began_ns < STOP_BLOCKED_NS);
    }
    return open;
}

int stop_all(struct stopped *s,
             bool (*ask)(struct stopped *s, struct stopped_thread *t, struct error *e),
             void (*look)(struct stopped *s, struct stopped_thread *t), struct error *e)
{
    bool late = false;
    int found;

    do {
        found = stop_list(s, ask, e);
        if (found < 0)
            return -1;
        while (look_at_all(s, look) && !late) {
            stop_pause();
            late = stop_now_ns() - s->began_ns > (s->wait_ns ? s->wait_ns : STOP_WAIT_NS);
        }
        /* who was not held yet may have made more */
    } while (found > 0 && !late);
    return 0;
}

/* Those that ended are nobody's roots. */
static void leave_out_the_gone(struct stopped *s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->threads[i].state == STOP_GONE) {
            free(s->threads[i].extended);
            continue;
        }
        s->threads[i].missed = s->threads[i].state != STOP_HELD;
        s->missed += s->threads[i].missed;
        s->threads[kept++] = s->threads[i];
    }
    s->count = kept;
}

static void mark_the_ending(struct stopped *s)
{
    const struct ending *ending = s->segment ? &segment_header(s->segment)->ending : NULL;

    /* acquire: the registers were written before the cause */
    if (!ending || atomic_load_explicit(&ending->cause, memory_order_acquire) == 0 ||
        ending->stack_pointer == 0)
        return;
    for (uint32_t i = 0; i < s->count; i++) {
        struct stopped_thread *t = &s->threads[i];

        if (t->tid != (pid_t)ending->tid)
            continue;
        stop_registers_given(t, ending->stack_pointer, ending->registers, ending->register_count);
        if (ending->extended)
            stop_registers_in_frame(t, s->pid, ending->extended);
        t->ending = true;
    }
}

/* In our own frames, not in a signal's handler that came in there: see struct asker. */
static bool is_asking(const struct stopped_thread *t, const struct asker *a)
{
    return t->tid == (pid_t)a->tid && !t->missed && !t->ending &&
           (t->asking || a->stack_pointer - t->stack_pointer - 1 < ASKER_FRAMES);
}

static void mark_the_asking(struct stopped *s)
{
    struct segment_header *h = s->segment ? segment_header(s->segment) : NULL;

    for (uint32_t k = 0; h && k < ASKERS; k++) {
        const struct asker *a = &h->askers[k];
        /* acquire: the entry is complete */
        uint64_t asked = atomic_load_explicit(&a->asked, memory_order_acquire);
        /* relaxed: this process writes it */
        uint32_t done = atomic_load_explicit(&h->searches_done, memory_order_relaxed);

        if (asked == ASKER_WRITING || (int32_t)(done - (uint32_t)asked) >= 0)
            continue;
        for (uint32_t i = 0; i < s->count; i++) {
            if (!is_asking(&s->threads[i], a))
                continue;
            stop_registers_given(&s->threads[i], a->stack_pointer, a->registers,
                                 sizeof(a->registers) / sizeof(a->registers[0]));
            s->threads[i].calling = true;
        }
    }
}

/* ---------------------------------------------------------- permission -- */

static pid_t tracer_of(pid_t pid)
{
    return (pid_t)procinfo_status(pid, "TracerPid", 10);
}

bool stop_can_trace(pid_t pid)
{
    char path[64];
    int memory;

    /* A filter of system calls answers before anyone looks for the process, which is none. */
    if (ptrace(PTRACE_PEEKUSER, -1, NULL, NULL) == -1 && errno != ESRCH)
        return false;
    if (tracer_of(pid) != 0)
        return false;
    /* the kernel asks here what it would ask a tracer, Yama's rules among it */
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    if (memory >= 0)
        close(memory);
    return memory >= 0;
}

/* Documentation/admin-guide/LSM/Yama.rst of the kernel */
const char *stop_yama(char scope)
{
    switch (scope) {
    case '1':
        return "/proc/sys/kernel/yama/ptrace_scope is 1: only its ancestors and root may; start it "
               "with memprof run, or have root set 0";
    case '2':
        return "/proc/sys/kernel/yama/ptrace_scope is 2: only root may; start it with memprof run";
    case '3':
        return "/proc/sys/kernel/yama/ptrace_scope is 3: nobody may until the system is booted "
               "again; start it with memprof run";
    default:
        return "the rules of a container or a security module, or it has changed its user or "
               "forbids it by prctl; start it with memprof run";
    }
}

static char yama_scope(void)
{
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = file ? fgetc(file) : '0';

    if (file)
        fclose(file);
    return (char)scope;
}

int stop_refused(pid_t pid, struct error *e)
{
    pid_t tracer = tracer_of(pid);
    char name[32] = "";

    if (tracer == 0)
        return error_set(e, ERROR_REFUSED,
                         "the system does not let memprof stop process %d by ptrace: %s", (int)pid,
                         stop_yama(yama_scope()));
    procinfo_thread_name(tracer, tracer, name, sizeof(name));
    return error_set(e, ERROR_REFUSED, "process %d is being traced by another process, %d (%s)",
                     (int)pid, (int)tracer, name);
}

/* ----------------------------------------------------------- the calls -- */

static void forget(struct stopped *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        free(s->threads[i].extended);
    s->count = s->missed = 0;
}

static int hold(struct stopped *s, enum stop_how how, struct error *e)
{
    struct error why = {.kind = ERROR_NONE};

    s->how = how;
    if ((how == STOP_BY_PTRACE ? stop_by_ptrace(s, &why) : stop_by_signal(s, &why)) == 0)
        return 0;
    forget(s);
    if (why.kind == ERROR_REFUSED && how == STOP_BY_PTRACE)
        return stop_refused(s->pid, e);
    if (e)
        *e = why;
    return -1;
}

int stop_threads(struct stopped *s, pid_t pid, const struct segment *segment, enum stop_how how,
                 struct error *e)
{
    bool signal = segment && segment_header(segment)->settings.stop_signal != 0;
    struct error why = {.kind = ERROR_NONE};
    int result = -1;

    *s = (struct stopped){.pid = pid, .segment = segment, .began_ns = stop_now_ns()};
    if (how != STOP_BY_SIGNAL)
        result = hold(s, STOP_BY_PTRACE, &why);
    if (how == STOP_BY_SIGNAL ||
        (result != 0 && how == STOP_AUTO && signal && why.kind == ERROR_REFUSED))
        result = hold(s, STOP_BY_SIGNAL, &why);
    if (result != 0) {
        stop_release(s);
        if (e)
            *e = why;
        return -1;
    }
    leave_out_the_gone(s);
    if (s->count == 0) {
        stop_resume(s);
        stop_release(s);
        return error_set(e, ERROR_INPUT, "process %d has ended", (int)pid);
    }
    mark_the_ending(s);
    mark_the_asking(s);
    return 0;
}

void stop_resume(struct stopped *s)
{
    if (s->ended_ns != 0)
        return;
    if (s->how == STOP_BY_PTRACE)
        stop_resume_ptrace(s);
    else
        stop_resume_signal(s);
    s->ended_ns = stop_now_ns();
}

void stop_release(struct stopped *s)
{
    forget(s);
    free(s->threads);
    s->threads = NULL;
    s->room = 0;
}

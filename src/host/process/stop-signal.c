// SPDX-License-Identifier: Apache-2.0
/*
 * Holding threads by a signal whose handler waits (record.h, stop_held): where ptrace
 * is not allowed, or another tracer is there.  That a thread has got there is seen in
 * /proc/PID/task/TID/syscall, whose fields are those of proc(5).
 */
#include "src/host/process/stop-parts.h"

#include "src/host/process/procinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The text of a thread's file in /proc, NUL-terminated; false: it cannot be read, errno is set. */
static bool read_file(pid_t pid, pid_t tid, const char *name, char *text, size_t size)
{
    char path[96];
    ssize_t length;
    int file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    length = read(file, text, size - 1);
    close(file);
    if (length < 0)
        return false;
    text[length] = '\0';
    return true;
}

static bool blocks(pid_t pid, pid_t tid, uint32_t signal)
{
    uint64_t mask = 0;
    char text[4096], *line;

    if (!read_file(pid, tid, "status", text, sizeof(text)))
        return false;
    line = strstr(text, "\nSigBlk:");
    if (line)
        mask = strtoull(line + strlen("\nSigBlk:"), NULL, 16);
    return mask >> (signal - 1) & 1;
}

/* The thread at the program's end waits for our answer, and its registers are known. */
static bool at_end(const struct stopped *s, pid_t tid)
{
    const struct ending *ending = &segment_header(s->segment)->ending;

    /* acquire: tid was written before the cause */
    return atomic_load_explicit(&ending->cause, memory_order_acquire) != 0 &&
           (pid_t)ending->tid == tid && ending->stack_pointer != 0;
}

static bool ask(struct stopped *s, struct stopped_thread *t, struct error *e)
{
    (void)e;
    if (at_end(s, t->tid))
        t->state = STOP_HELD;
    /* sent all the same it would come at another time, or to a sigwait for all signals */
    else if (blocks(s->pid, t->tid, s->signal))
        t->state = STOP_BLOCKED;
    else if (syscall(SYS_tgkill, s->pid, t->tid, s->signal) != 0)
        t->state = STOP_GONE;
    else
        t->state = STOP_ASKED;
    return true;
}

static void look(struct stopped *s, struct stopped_thread *t)
{
    uint32_t value = atomic_load_explicit(&segment_header(s->segment)->stop_held,
                                          memory_order_relaxed); /* only we write it */
    uint64_t argument[6], stack_pointer, counter;
    char text[512];
    long call;

    if (t->state == STOP_BLOCKED) {
        ask(s, t, NULL);
        return;
    }
    if (procinfo_start_ticks(t->tid) == 0) {
        t->state = STOP_GONE;
        return;
    }
    if (!read_file(s->pid, t->tid, "syscall", text, sizeof(text)))
        return;
    if (sscanf(text,
               "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
               " %" SCNx64 " %" SCNx64,
               &call, &argument[0], &argument[1], &argument[2], &argument[3], &argument[4],
               &argument[5], &stack_pointer, &counter) != 9)
        return;
    if (call != SYS_futex || (uint32_t)argument[5] != STOP_MAGIC || (uint32_t)argument[2] != value)
        return;
    t->stack_pointer = stack_pointer;
    t->thread_pointer = argument[4];
    t->asking = (argument[2] & STOP_ASKING) != 0;
    t->state = STOP_HELD;
}

int stop_by_signal(struct stopped *s, struct error *e)
{
    struct segment_header *header = s->segment ? segment_header(s->segment) : NULL;
    char text[512];

    s->signal = header ? header->settings.stop_signal : 0;
    if (s->signal == 0 || s->signal > 64)
        return error_set(e, ERROR_REFUSED, "process %d was not prepared to be stopped by a signal",
                         (int)s->pid);
    if (atomic_load_explicit(&header->stop_ready, memory_order_acquire) == 0)
        return error_set(e, ERROR_REFUSED,
                         "process %d handles the signal itself that was to stop it (%u)",
                         (int)s->pid, s->signal);
    if (!read_file(s->pid, s->pid, "syscall", text, sizeof(text)) && errno != ENOENT &&
        errno != ESRCH)
        return error_set(e, ERROR_REFUSED,
                         "the system does not let memprof see the threads of process %d (%s)",
                         (int)s->pid, strerror(errno));
    /* release: odd before any signal is sent; the kernel orders the rest */
    atomic_fetch_add_explicit(&header->stop_held, 1, memory_order_release);
    if (stop_all(s, ask, look, e) == 0)
        return 0;
    stop_resume_signal(s);
    return -1;
}

void stop_resume_signal(struct stopped *s)
{
    struct segment_header *header = segment_header(s->segment);

    /* release: what was read of the target was read before it runs on */
    atomic_fetch_add_explicit(&header->stop_held, 1, memory_order_release);
    syscall(SYS_futex, &header->stop_held, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

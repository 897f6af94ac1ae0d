// SPDX-License-Identifier: Apache-2.0
#include "src/host/files/filefaults.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static __thread unsigned reading;
static __thread sigset_t before;
static uintptr_t page_bytes;

/* mmap is a bare system call, so that a handler may call it. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t page = (uintptr_t)info->si_addr & ~(page_bytes - 1);
    int saved = errno;

    (void)context;
    if (info->si_code <= 0) { /* sent by somebody */
        signal(number, SIG_DFL);
        raise(number);
    } else if (!reading || info->si_code != BUS_ADRERR ||
               mmap((void *)page, page_bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        signal(number, SIG_DFL); /* it happens again */
    errno = saved;
}

static void install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESTART};

    page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

/* A fault while its signal is held back ends the process, and threads hold all back. */
void filefaults_begin(void)
{
    sigset_t fault;

    pthread_once(&installed, install);
    if (reading++)
        return;
    sigemptyset(&fault);
    sigaddset(&fault, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &fault, &before);
}

void filefaults_end(void)
{
    if (--reading == 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

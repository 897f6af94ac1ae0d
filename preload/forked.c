/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/forked.h"

#include "preload/confinement.h"
#include "preload/connect.h"
#include "preload/entry.h"
#include "preload/environment.h"
#include "src/shared/sysmem.h"

#include <errno.h>
#include <pthread.h>

static void announce(void)
{
    struct thread *t = thread_self();
    uint32_t number;

    if (!t)
        return;
    /* relaxed: only a number; the record brings it to the host */
    number = 1 + atomic_fetch_add_explicit(&segment_header(&session.segment)->forks, 1,
                                           memory_order_relaxed);
    if (emit(t, RECORD_FORK, 0, number, false, 0, 0, NULL, 0))
        local.fork = number;
}

/*
 * What other threads do between this and the fork itself is not in the child's account.  A
 * child that forks before its own first event is recorded from here on, so that there is a
 * stream in which its fork can stand.
 */
static void before_fork(void)
{
    if (!session_open())
        session_enter(); /* this process may be such a child itself */
    local.fork = FORK_UNMARKED;
    if (!session_open() || local.busy != BUSY_NO || !session_here())
        return;
    local.guard = FRAME;
    local.guard_return = FRAME[1];
    local.busy = BUSY_RECORDING;
    announce();
    local.busy = BUSY_NO;
    if (local.fork == FORK_UNMARKED)
        return;
    local.fork_errno = errno;
    errno = 0;
}

/*
 * libc does not say here whether there is a child: only errno, which before_fork cleared, tells.
 * libc gives the program the errno of a fork that failed, whatever handlers leave.
 */
static void in_parent(void)
{
    uint32_t number = local.fork;

    local.fork = FORK_UNMARKED;
    if (number == FORK_UNMARKED)
        return;
    if (errno == 0)
        errno = local.fork_errno;
    else
        /* relaxed: a statistic */
        atomic_fetch_add_explicit(&segment_header(&session.segment)->forks_failed, 1,
                                  memory_order_relaxed);
}

static void in_child(void)
{
    if (local.fork != FORK_UNMARKED && errno == 0)
        errno = local.fork_errno;
}

void forked_watch(void)
{
    local.fork = FORK_UNMARKED;
    pthread_atfork(before_fork, in_parent, in_child);
}

enum forked_outcome forked_rejoin(void)
{
    uint32_t number = local.fork ? local.fork : FORK_UNMARKED;
    struct host_answer answer = {0};
    void *memory;

    if (session.follow != FOLLOW_ALL || confined())
        return FORKED_UNHEARD;
    memory = host_connect(environment_session(), session.image, number, &answer);
    local.fork = FORK_UNMARKED;
    if (answer.image) {
        session.follow = answer.follow;
        session.image = answer.image;
    }
    if (!memory)
        return answer.image ? FORKED_DECLINED : FORKED_UNHEARD;
    if (session_rejoin(memory, answer.bytes))
        return FORKED_RECORDED;
    sysmem_unmap_shared(memory, answer.bytes);
    return FORKED_DECLINED;
}

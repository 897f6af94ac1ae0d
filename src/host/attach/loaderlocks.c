/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/attach/loaderlocks.h"

#include <pthread.h>
#include <stdlib.h>

#define STATE_MOST (UINT64_C(1) << 20) /* bytes; it has some thousand */

/* How often the thread has to unlock what may be a mutex: 0 if it is none of its. */
static uint32_t held(const pthread_mutex_t *m, pid_t tid)
{
    return m->__data.__kind == PTHREAD_MUTEX_RECURSIVE_NP && m->__data.__owner == tid &&
                   m->__data.__lock != 0
               ? m->__data.__count
               : 0;
}

static bool unlock(pid_t tid, struct inject_call *call, uint64_t mutex, uint32_t times)
{
    call->first = mutex;
    for (; times; times--)
        if (inject_call(tid, call) != INJECT_RETURNED)
            return false;
    return true;
}

bool loaderlocks_release(const struct remote *r, pid_t tid, const struct inject_call *like)
{
    struct inject_call call = {.way_back = like->way_back, .until_ns = like->until_ns};
    const struct remote_module *loader = remote_with(r, "_rtld_global"),
                               *threads = remote_with(r, "pthread_mutex_unlock");
    uint64_t state, size, ignored;
    bool fine = true;
    uint8_t *copy;

    if (!loader || !threads || !remote_symbol(loader, "_rtld_global", &state, &size) ||
        !remote_symbol(threads, "pthread_mutex_unlock", &call.function, &ignored) ||
        size > STATE_MOST)
        return false;
    copy = malloc(size);
    fine = copy && remote_read(r->pid, state, copy, size);
    for (uint64_t at = 0; fine && at + sizeof(pthread_mutex_t) <= size;
         at += _Alignof(pthread_mutex_t))
        fine = unlock(tid, &call, state + at, held((const pthread_mutex_t *)(copy + at), tid));
    free(copy);
    return fine;
}

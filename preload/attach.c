// SPDX-License-Identifier: Apache-2.0
#include "preload/entry.h"
#include "preload/session.h"
#include "preload/thread.h"
#include "src/shared/attachment.h"

#include <stddef.h>

/* Not bound by its exported name, which another copy of this library may have, too. */
static struct attachment attachment = {
    .magic = ATTACHMENT_MAGIC,
    .version = SEGMENT_VERSION,
    .local_bytes = sizeof(struct thread_local_state),
    .busy_offset = offsetof(struct thread_local_state, busy),
};
extern struct attachment memprof_attachment
    __attribute__((alias("attachment"), visibility("default")));

ENTRY void memprof_attach(const char *socket);
ENTRY void memprof_detach(void);
ENTRY void memprof_release(void);

static void set_state(uint32_t state)
{
    attachment.gate_offset = (char *)&gate - (char *)&attachment;
    attachment.local_offset = (char *)&local - (char *)__builtin_thread_pointer();
    /* release: all that the state stands for comes before */
    atomic_store_explicit(&attachment.state, state, memory_order_release);
}

void memprof_attach(const char *socket)
{
    set_state(session_attach(socket));
}

void memprof_detach(void)
{
    session_detach();
    set_state(ATTACHMENT_DETACHED);
}

void memprof_release(void)
{
    session_release();
    set_state(ATTACHMENT_RELEASED);
}

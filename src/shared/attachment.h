/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host finds of memprof's library in a process that was not started with it, and that
 * it has loaded the library into (memprof attach).  The library exports, by these names,
 *
 *   struct attachment memprof_attachment
 *   void memprof_attach(const char *socket)   connect to the host at `socket` and record
 *   void memprof_detach(void)                 stop recording, and restore what was redirected
 *   void memprof_release(void)                give back the session's memory
 *
 * The host has a thread of the process call these, with nothing of the allocator or the loader
 * under way in it; other threads run meanwhile, but not during memprof_release.  The state says
 * what came of a call.  Where no call can be made any more, writing 0 to the gate ends recording.
 * Before memprof_release no thread may be inside an entry point, and every thread's state must have
 * been zeroed: `local_bytes` at `local_offset` from its thread pointer. A thread is inside if its
 * program counter lies in the library's code or the 32-bit number at `busy_offset` in that state is
 * not 0.
 *
 * The library stays loaded: threads and pointers of the program's may lead into it for ever.
 */
#ifndef MEMPROF_SHARED_ATTACHMENT_H
#define MEMPROF_SHARED_ATTACHMENT_H

#include <stdatomic.h>
#include <stdint.h>

#define ATTACHMENT_MAGIC 0x4d504154u /* "MPAT" */

enum attachment_state {
    ATTACHMENT_NONE = 0,  /* no session was ever begun by memprof_attach */
    ATTACHMENT_RECORDING, /* memprof_attach: records flow */
    ATTACHMENT_RECORDED,  /* memprof_attach: another memprof is recording the process */
    ATTACHMENT_LEFT,      /* memprof_attach: what is left of an earlier session must go first */
    ATTACHMENT_NO_MALLOC, /* memprof_attach: no module defines the allocator's functions */
    ATTACHMENT_NO_ANSWER, /* memprof_attach: the host does not answer, or not with a segment */
    ATTACHMENT_REFUSED,   /* memprof_attach: the segment's header says why */
    ATTACHMENT_DETACHED,  /* memprof_detach */
    ATTACHMENT_RELEASED,  /* memprof_release: as if there had been no session */
};

struct attachment {
    uint32_t magic;
    uint32_t version;       /* SEGMENT_VERSION */
    _Atomic uint32_t state; /* enum attachment_state; release: what it stands for is done */
    uint32_t local_bytes;
    int64_t local_offset;
    uint32_t busy_offset;
    uint32_t reserved;
    int64_t gate_offset; /* from this structure: 32 bits that are 0 while nothing is recorded */
};

#endif

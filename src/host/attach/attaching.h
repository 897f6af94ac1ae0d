/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting memprof's library into a process that runs, and out of it again: the host's side of
 * src/shared/attachment.h.
 *
 * Both calls stop the process's threads by ptrace, look for one at a safe point
 * (safepoint.h), let the others run on and have that one call the loader or the library
 * (inject.h); while none is at one, or a thread does not stop, all run on and are stopped again a
 * little later.  Both may be called by any thread; a thread of their own is the tracer, another one
 * each time, since the kernel lets go of all that a tracer holds when it ends.  Whatever ends this
 * process meanwhile, the other goes on.
 */
#ifndef MEMPROF_HOST_ATTACHING_H
#define MEMPROF_HOST_ATTACHING_H

#include "src/host/attach/remote.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct attaching {
    pid_t pid;
    const char *library; /* path of memprof's, as this process and that one see it */
    const char *socket;  /* of the server; not for detaching */
    uint64_t timeout_ns;
    struct remote modules;    /* attaching_begin's: files may be replaced before attaching_end */
    _Atomic uint32_t give_up; /* enum attaching_reason: attaching_begin returns at the next moment
                                 at which the process is as it was */
};

/* Why another thread has attaching_begin give up. */
enum attaching_reason {
    ATTACHING_GO_ON = 0,
    ATTACHING_INTERRUPTED,
    ATTACHING_EXECUTED, /* the process runs another program now */
};

/* What stands in the way of attaching, as far as it can be told before. */
enum attaching_verdict {
    ATTACHING_OK = 0,
    ATTACHING_NO_PROCESS,
    ATTACHING_NOT_YOURS,
    ATTACHING_REFUSED,
};

/* For anything but ATTACHING_OK `e` is one line that says why. */
enum attaching_verdict attaching_check(const struct attaching *a, struct error *e);

/*
 * Load the library unless it is there and have it connect to the server, which must be served
 * meanwhile.  0: it has, and records.  -1 with `e` set: it does not; the library may have been
 * loaded, and does nothing.
 */
int attaching_begin(struct attaching *a, struct error *e);

/* How the process was left. */
enum attaching_left {
    ATTACHING_CLEAN = 0,  /* as it was, but for the library, of which nothing is called */
    ATTACHING_SEGMENT,    /* some thread did not leave the library: the session's memory stays */
    ATTACHING_REDIRECTED, /* no thread came to a safe point, or all may be ended by seccomp for
                             what they call: calls go through the library */
    ATTACHING_ENDED,      /* it has ended */
};

/* Stop recording.  Records committed before are in the segment; none follows. */
enum attaching_left attaching_end(const struct attaching *a);

void attaching_release(struct attaching *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/snapshot-signal.h"

#include "preload/disposition.h"
#include "preload/session.h"
#include "src/shared/ring.h"

#include <signal.h>
#include <stddef.h>

/*
 * Counts and wakes the host, no more, so that it may interrupt anything, the
 * recorder too; neither call touches errno.  A child that is not recorded does
 * nothing: it has the handler because its parent does.
 */
static void ask(int number)
{
    (void)number;
    if (!session_open() || !session_here())
        return;
    /* release: not before what this thread recorded last */
    atomic_fetch_add_explicit(&segment_header(&session.segment)->snapshot_signals, 1,
                              memory_order_release);
    ring_rouse(&session.segment);
}

void snapshot_signal_watch(int number)
{
    /* on the alternate stack where there is one: the thread's own may be small (Go) */
    static const struct cover cover = {
        .action = {.sa_handler = ask, .sa_flags = SA_RESTART | SA_ONSTACK}};

    disposition_cover(number, &cover);
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/searchanswer.h"

#include "src/host/profile/profile.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)ENDING_EXIT == (int)SEARCH_AT_EXIT &&
                   (int)ENDING_EXIT_NOW == (int)SEARCH_AT_EXIT_NOW &&
                   (int)ENDING_QUICK_EXIT == (int)SEARCH_AT_QUICK_EXIT &&
                   (int)ENDING_ABORT == (int)SEARCH_AT_ABORT &&
                   (int)ENDING_SIGNAL == (int)SEARCH_AT_SIGNAL,
               "target and profile number ends alike");

void search_answer(const struct segment *s, uint32_t asked, uint64_t lost_bytes,
                   uint64_t lost_blocks)
{
    struct segment_header *h = segment_header(s);
    uint32_t done = atomic_load_explicit(&h->searches_done, memory_order_relaxed);

    h->lost_bytes = lost_bytes;
    h->lost_blocks = lost_blocks;
    /* release: who sees that it is done sees the numbers */
    while ((int32_t)(asked - done) > 0 &&
           !atomic_compare_exchange_weak_explicit(&h->searches_done, &done, asked,
                                                  memory_order_release, memory_order_relaxed))
        ;
    syscall(SYS_futex, &h->searches_done, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

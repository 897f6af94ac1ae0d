/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/alive.h"

#include "src/shared/record.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE                                                                                       \
    4096u /* before each segment, for its link: all words lie at one distance from theirs */

static struct robust_list_head held = {
    .list = {.next = &held.list},
    .futex_offset = PAGE + offsetof(struct segment_header, host_alive),
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list */

static struct robust_list *link_of(void *base)
{
    return (struct robust_list *)(void *)((char *)base - PAGE);
}

void *alive_map(int fd, uint64_t bytes)
{
    char *room = mmap(NULL, PAGE + bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int failure;

    if (room == MAP_FAILED)
        return room;
    if (mmap(room + PAGE, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
        MAP_FAILED)
        return room + PAGE;
    failure = errno;
    munmap(room, PAGE + bytes);
    errno = failure;
    return MAP_FAILED;
}

int alive_hold(void *base)
{
    struct segment_header *h = base;
    struct robust_list *link = link_of(base);

    if (syscall(SYS_set_robust_list, &held, sizeof(held)) != 0)
        return errno;
    /* relaxed: the program sees none of this before the descriptor is handed over */
    atomic_store_explicit(&h->host_alive, (uint32_t)gettid(), memory_order_relaxed);
    pthread_mutex_lock(&lock);
    link->next = held.list.next;
    /* the kernel may look at any moment: the link is whole before it is found */
    atomic_signal_fence(memory_order_release);
    held.list.next = link;
    pthread_mutex_unlock(&lock);
    return 0;
}

static void let_go(const struct robust_list *link)
{
    struct robust_list *at = &held.list;

    pthread_mutex_lock(&lock);
    while (at->next != link && at->next != &held.list)
        at = at->next;
    if (at->next == link)
        at->next = link->next;
    pthread_mutex_unlock(&lock);
}

void alive_unmap(void *base, uint64_t bytes)
{
    let_go(link_of(base));
    munmap((char *)base - PAGE, PAGE + bytes);
}

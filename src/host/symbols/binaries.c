// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/binaries.h"

#include <string.h>

void binaries_init(struct binaries *b)
{
    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
}

void binaries_release(struct binaries *b)
{
    for (unsigned i = 0; i < b->count; i++)
        binary_free(b->idle[i].binary);
    pthread_mutex_destroy(&b->lock);
    b->count = 0;
}

static struct binary *remove_at(struct binaries *b, unsigned at)
{
    struct binary *binary = b->idle[at].binary;

    b->bytes -= b->idle[at].bytes;
    b->count--;
    memmove(&b->idle[at], &b->idle[at + 1], (b->count - at) * sizeof(b->idle[0]));
    return binary;
}

struct binary *binaries_take(struct binaries *b, const struct modfile *file,
                             const struct buildid *id)
{
    struct binary *found = NULL;

    if (file->fd < 0)
        return NULL;
    pthread_mutex_lock(&b->lock);
    for (unsigned i = b->count; i > 0 && !found; i--)
        if (binary_is(b->idle[i - 1].binary, file, id))
            found = remove_at(b, i - 1);
    pthread_mutex_unlock(&b->lock);
    if (found && binary_forget_changed(found)) { /* only its name is what it was */
        binary_free(found);
        return NULL;
    }
    return found;
}

void binaries_give(struct binaries *b, struct binary *binary)
{
    struct binary *gone[BINARIES_MAX];
    unsigned count = 0;
    uint64_t bytes = binary_bytes(binary);

    if (!binary_was_read(binary) || bytes > BINARIES_BYTES || binary_forget_changed(binary)) {
        binary_free(binary);
        return;
    }
    pthread_mutex_lock(&b->lock);
    while (b->count == BINARIES_MAX || b->bytes + bytes > BINARIES_BYTES)
        gone[count++] = remove_at(b, 0);
    b->idle[b->count++] = (struct binaries_idle){binary, bytes};
    b->bytes += bytes;
    pthread_mutex_unlock(&b->lock);
    while (count)
        binary_free(gone[--count]);
}

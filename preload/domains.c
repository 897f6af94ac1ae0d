/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/domains.h"

#include "src/shared/record.h"

#include <stdatomic.h>
#include <string.h>

struct name {
    size_t length;
    char bytes[TEXT_BYTES_MAX];
};

/*
 * A name is written where nobody looks yet, and then linked to the first free
 * number.  Whoever loses the race for a number to the same name leaves its copy
 * unused: hence some to spare.
 */
#define NAMES_MAX (2 * RECORD_DOMAINS_END)

static struct name names[NAMES_MAX];
static _Atomic uint32_t names_taken;
static const struct name *_Atomic numbers[RECORD_DOMAINS_END];
static _Atomic bool told[RECORD_DOMAINS_END];

static struct name *name_copy(const char *bytes, size_t length)
{
    uint32_t i = atomic_load_explicit(&names_taken, memory_order_relaxed);

    do {
        if (i >= NAMES_MAX)
            return NULL;
        /* relaxed: the name is published with its number */
    } while (!atomic_compare_exchange_weak_explicit(&names_taken, &i, i + 1, memory_order_relaxed,
                                                    memory_order_relaxed));
    names[i].length = length;
    memcpy(names[i].bytes, bytes, length);
    return &names[i];
}

static bool name_is(const struct name *n, const char *bytes, size_t length)
{
    return n->length == length && memcmp(n->bytes, bytes, length) == 0;
}

int domain_number(const char *name, size_t length)
{
    const struct name *copy = NULL;

    for (uint32_t i = RECORD_DOMAINS_FIRST; i < RECORD_DOMAINS_END; i++) {
        /* acquire: pairs with the exchange below; the name is written */
        const struct name *n = atomic_load_explicit(&numbers[i], memory_order_acquire);

        if (!n) {
            if (!copy)
                copy = name_copy(name, length);
            if (!copy)
                return -1;
            /* release: the name is written; acquire: that of who was first */
            if (atomic_compare_exchange_strong_explicit(&numbers[i], &n, copy, memory_order_release,
                                                        memory_order_acquire))
                return (int)i;
        }
        if (name_is(n, name, length))
            return (int)i;
    }
    return -1;
}

bool domain_exists(int domain)
{
    return domain >= (int)RECORD_DOMAINS_FIRST && domain < (int)RECORD_DOMAINS_END &&
           /* relaxed: only whether there is one */
           atomic_load_explicit(&numbers[domain], memory_order_relaxed) != NULL;
}

bool domain_told(int domain)
{
    /* relaxed: two threads that tell it both do no harm */
    return atomic_load_explicit(&told[domain], memory_order_relaxed);
}

void domain_note_told(int domain)
{
    atomic_store_explicit(&told[domain], true, memory_order_relaxed);
}

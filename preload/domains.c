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
 * number.  Whoever loses the race for a number to the same name gives its copy
 * back: more of them than numbers, for those who race.
 */
#define NAMES_MAX (4 * RECORD_DOMAINS_END)

static struct name names[NAMES_MAX];
static _Atomic uint64_t names_taken[NAMES_MAX / 64]; /* a bit each */
static const struct name *_Atomic numbers[RECORD_DOMAINS_END];
static _Atomic bool told[RECORD_DOMAINS_END];

/* NAMES_MAX if there is none. */
static uint32_t name_take(void)
{
    for (uint32_t i = 0; i < NAMES_MAX / 64; i++) {
        uint64_t taken = atomic_load_explicit(&names_taken[i], memory_order_relaxed);

        while (~taken) {
            uint32_t bit = (uint32_t)__builtin_ctzll(~taken);

            /* acquire: after the last use by who gave it back */
            if (atomic_compare_exchange_weak_explicit(&names_taken[i], &taken,
                                                      taken | UINT64_C(1) << bit,
                                                      memory_order_acquire, memory_order_relaxed))
                return i * 64 + bit;
        }
    }
    return NAMES_MAX;
}

static struct name *name_copy(const char *bytes, size_t length)
{
    uint32_t i = name_take();

    if (i == NAMES_MAX)
        return NULL;
    names[i].length = length;
    memcpy(names[i].bytes, bytes, length);
    return &names[i];
}

static void name_give_back(const struct name *copy)
{
    uint32_t i = (uint32_t)(copy - names);

    /* release: pairs with name_take */
    atomic_fetch_and_explicit(&names_taken[i / 64], ~(UINT64_C(1) << i % 64), memory_order_release);
}

static bool name_is(const struct name *n, const char *bytes, size_t length)
{
    return n->length == length && memcmp(n->bytes, bytes, length) == 0;
}

/* The number's name; `*copy` (made from the `length` bytes if it is NULL) becomes it if it has
 * none.
 */
static const struct name *number_claim(uint32_t i, struct name **copy, const char *name,
                                       size_t length)
{
    /* acquire: pairs with the exchange below; the name is written */
    const struct name *n = atomic_load_explicit(&numbers[i], memory_order_acquire);

    if (n)
        return n;
    if (!*copy)
        *copy = name_copy(name, length);
    /* release: the name is written; acquire: that of who was first */
    if (!*copy || !atomic_compare_exchange_strong_explicit(
                      &numbers[i], &n, *copy, memory_order_release, memory_order_acquire))
        return n;
    n = *copy;
    *copy = NULL;
    return n;
}

int domain_number(const char *name, size_t length)
{
    struct name *copy = NULL;
    int number = -1;

    for (uint32_t i = RECORD_DOMAINS_FIRST; i < RECORD_DOMAINS_END && number < 0; i++) {
        const struct name *n = number_claim(i, &copy, name, length);

        if (!n)
            break; /* more than NAMES_MAX threads at once */
        if (name_is(n, name, length))
            number = (int)i;
    }
    if (copy)
        name_give_back(copy);
    return number;
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

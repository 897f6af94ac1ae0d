// SPDX-License-Identifier: Apache-2.0
// operator new in all its forms, and containers; each counted once.
#include "tally.h"

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct alignas(128) wide {
    char bytes[256];
};

struct counted {
    long value[5];
    ~counted()
    {
        KEEP(this);
    }
};

NOINLINE static void use_new(struct tally *t)
{
    for (int i = 0; i < 10; i++) {
        char *p = new char[700];
        KEEP(p);
        tally_took(t, 700);
        delete[] p;
        tally_gave(t, 700);
    }
    KEEP(new counted);
    tally_took(t, sizeof(counted));
    // An array of objects with a destructor carries a cookie: its element count.
    counted *many = new counted[3];
    KEEP(many);
    tally_took(t, sizeof(std::size_t) + 3 * sizeof(counted));
    delete[] many;
    tally_gave(t, sizeof(std::size_t) + 3 * sizeof(counted));
    char *quiet = new (std::nothrow) char[33];
    KEEP(quiet);
    tally_took(t, 33);
    ::operator delete[](quiet, std::nothrow);
    tally_gave(t, 33);
}

NOINLINE static void use_aligned_new(struct tally *t)
{
    wide *p = new wide;
    KEEP(p);
    tally_took(t, sizeof(wide));
    delete p;
    tally_gave(t, sizeof(wide));
    KEEP(new wide[2]);
    tally_took(t, 2 * sizeof(wide));
}

NOINLINE static void use_vector(struct tally *t)
{
    auto *v = new std::vector<long>;
    tally_took(t, sizeof *v);
    v->reserve(100);
    tally_took(t, 100 * sizeof(long));
    v->reserve(1000);
    tally_took(t, 1000 * sizeof(long)); // before the old one goes
    tally_gave(t, 100 * sizeof(long));
    KEEP(v);
}

NOINLINE static void use_failing_new(struct tally *)
{
    volatile std::size_t huge = (std::size_t)1 << 62;
    int caught = 0;

    try {
        KEEP(::operator new(huge));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    caught += ::operator new(huge, std::nothrow) == nullptr;
    say("caught", caught);
}

static void state(const char *prefix, void (*use)(struct tally *))
{
    struct tally t = {};

    use(&t);
    tally_say_flow(&t, prefix);
}

int main()
{
    state("in.use_new.", use_new);
    state("in.use_aligned_new.", use_aligned_new);
    state("in.use_vector.", use_vector);
    use_failing_new(nullptr);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
/*
 * A C++ library for a C program: its constructor waits for a thread that
 * allocates, and its blocks are aligned, and its failures exceptions.
 */
#include <cstdint>
#include <cstdlib>
#include <new>
#include <pthread.h>

struct alignas(256) wide {
    char bytes[256];
};

static void *allocate(void *)
{
    return new int(7);
}

__attribute__((constructor)) static void begin()
{
    pthread_t thread;

    if (pthread_create(&thread, nullptr, allocate, nullptr) == 0)
        pthread_join(thread, nullptr);
}

static bool throws(size_t bytes)
{
    try {
        char *volatile block = new char[bytes];
        delete[] block;
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

/* 100 blocks of 256 bytes that stay. */
__attribute__((noinline)) static bool wide_blocks()
{
    bool aligned = true;

    for (int i = 0; i < 100; i++) {
        wide *volatile w = new wide;
        aligned = aligned && reinterpret_cast<uintptr_t>(w) % 256 == 0;
    }
    return aligned;
}

/* Whether all was as the language says. */
extern "C" bool cxx_plugin()
{
    bool aligned = wide_blocks();

    return throws(SIZE_MAX / 4) && aligned;
}

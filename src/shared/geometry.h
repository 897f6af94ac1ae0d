/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The geometry of the small-object allocator: how large arenas, pools and blocks
 * are.  One table with two profiles, both CPython's (Objects/obmalloc.c: up to
 * 3.9, and with radix tree since 3.10):
 *
 *   CLASSIC  arenas of 256 KiB, 64 pools of 4 KiB, 64 size classes in steps of 8
 *   MODERN   arenas of 1 MiB, 64 pools of 16 KiB, 32 size classes in steps of 16
 *
 * A program is compiled for one of them: -DPOOL_GEOMETRY=CLASSIC, or MODERN, which is
 * the default since C programs may rely on blocks aligned to 16 bytes.  The table
 * itself is there in every program, for views that lay blocks out in either way.
 */
#ifndef MEMPROF_SHARED_GEOMETRY_H
#define MEMPROF_SHARED_GEOMETRY_H

#include <stddef.h>
#include <stdint.h>

#ifndef POOL_GEOMETRY
#define POOL_GEOMETRY MODERN
#endif

/*
 * X(profile, arena bits, pool bits, bits of a step, size classes, colours): sizes are powers of
 * two.
 *
 * Headers of pools at equal offsets would all compete for the same few lines of a
 * cache (that halved the speed of a churn through 10,000 blocks), so that they are
 * set off by a line more from pool to pool, `colours` times; blocks lie before and
 * behind.  In this they differ from their models, whose headers come first.
 */
#define GEOMETRIES(X)                                                                              \
    X(CLASSIC, 18, 12, 3, 64, 64)                                                                  \
    X(MODERN, 20, 14, 4, 32, 64)

struct geometry {
    const char *name;
    uint32_t arena_bytes;
    uint32_t pool_bytes;
    uint32_t step; /* between block sizes; also the alignment of every block */
    uint32_t classes;
    uint32_t largest; /* request in bytes that is served; larger ones are passed on */
};

enum geometry_profile {
#define GEOMETRY_NAME(profile, arena, pool, step, classes, colours) GEOMETRY_##profile,
    GEOMETRIES(GEOMETRY_NAME)
#undef GEOMETRY_NAME
        GEOMETRY_PROFILES
};

static const struct geometry geometries[GEOMETRY_PROFILES] = {
#define GEOMETRY_ROW(profile, arena, pool, step, classes, colours)                                 \
    {#profile, 1u << (arena), 1u << (pool), 1u << (step), (classes), (classes) << (step)},
    GEOMETRIES(GEOMETRY_ROW)
#undef GEOMETRY_ROW
};

enum {
#define GEOMETRY_BITS(profile, arena, pool, step, classes, colours)                                \
    GEOMETRY_ARENA_BITS_##profile = (arena), GEOMETRY_POOL_BITS_##profile = (pool),                \
    GEOMETRY_STEP_BITS_##profile = (step), GEOMETRY_CLASSES_##profile = (classes),                 \
    GEOMETRY_COLOURS_##profile = (colours),
    GEOMETRIES(GEOMETRY_BITS)
#undef GEOMETRY_BITS
};

/* The profile that this program is compiled for. */
#define GEOMETRY_PASTE(what, profile) GEOMETRY_##what##_##profile
#define GEOMETRY_OF(what, profile) GEOMETRY_PASTE(what, profile)
#define ARENA_BITS GEOMETRY_OF(ARENA_BITS, POOL_GEOMETRY)
#define POOL_BITS GEOMETRY_OF(POOL_BITS, POOL_GEOMETRY)
#define STEP_BITS GEOMETRY_OF(STEP_BITS, POOL_GEOMETRY)
#define POOL_CLASSES GEOMETRY_OF(CLASSES, POOL_GEOMETRY)

#define POOL_COLOURS GEOMETRY_OF(COLOURS, POOL_GEOMETRY)
#define COLOUR_BYTES 64u

#define ARENA_BYTES ((size_t)1 << ARENA_BITS)
#define POOL_BYTES ((size_t)1 << POOL_BITS)
#define POOL_HEADER_BYTES ((size_t)48)
#define POOL_STEP ((size_t)1 << STEP_BITS)
#define ARENA_POOLS (1u << (ARENA_BITS - POOL_BITS))
#define BLOCK_LARGEST ((size_t)POOL_CLASSES << STEP_BITS)

/* Addresses of user space on x86-64 and AArch64, unless larger ones are asked for. */
#define ADDRESS_BITS 48

#define GEOMETRY_CHECK(profile, arena, pool, step, classes, colours)                               \
    _Static_assert((arena) > (pool) && (pool) >= 12, "pools are pages, arenas have several");      \
    _Static_assert((arena) - (pool) <= 6, "the free pools of an arena are counted in 64 bits");    \
    _Static_assert((1u << (step)) >= sizeof(void *), "a free block holds a link");                 \
    _Static_assert(POOL_HEADER_BYTES % (1u << (step)) == 0, "the first block is aligned");         \
    _Static_assert(((colours) & ((colours)-1)) == 0 && (colours)*COLOUR_BYTES <= 1u << (pool),     \
                   "a header of any colour lies in its pool");                                     \
    _Static_assert(COLOUR_BYTES % (1u << (step)) == 0 && COLOUR_BYTES >= POOL_HEADER_BYTES,        \
                   "blocks before and behind a header are aligned");                               \
    _Static_assert(((1u << (pool)) - POOL_HEADER_BYTES) / ((classes) << (step)) >= 4,              \
                   "a pool holds several of the largest blocks");                                  \
    _Static_assert(((1u << (pool)) - POOL_HEADER_BYTES) >> (step) < UINT16_MAX,                    \
                   "blocks of a pool are counted in 16 bits");                                     \
    _Static_assert((classes) < 255, "a class fits a byte, with one value to spare");               \
    _Static_assert((ADDRESS_BITS - (arena)) % 2 == 0, "the radix tree has two equal levels");
GEOMETRIES(GEOMETRY_CHECK)
#undef GEOMETRY_CHECK

/* The class of a request of 1 to BLOCK_LARGEST bytes, and the bytes that its blocks have. */
static inline uint32_t geometry_class(size_t size)
{
    return (uint32_t)((size - 1) >> STEP_BITS);
}
static inline uint32_t geometry_block_bytes(uint32_t class)
{
    return (class + 1) << STEP_BITS;
}
/* Bytes of a pool that lie before its header, by the pool's address. */
static inline uint32_t geometry_colour(uintptr_t base)
{
    return (uint32_t)(base >> POOL_BITS) % POOL_COLOURS * COLOUR_BYTES;
}
/* Blocks of a class before the header, and in all, of the pool at `base`. */
static inline uint32_t geometry_before(uintptr_t base, uint32_t class)
{
    return geometry_colour(base) / geometry_block_bytes(class);
}
static inline uint32_t geometry_capacity(uintptr_t base, uint32_t class)
{
    size_t behind = POOL_BYTES - POOL_HEADER_BYTES - geometry_colour(base);

    return geometry_before(base, class) + (uint32_t)(behind / geometry_block_bytes(class));
}

#endif

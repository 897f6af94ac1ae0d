/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much more may be used than before: a share of what was used before, or an
 * amount.
 */
#ifndef MEMPROF_HOST_GROWTH_H
#define MEMPROF_HOST_GROWTH_H

#include "src/host/error.h"

#include <stdbool.h>
#include <stdint.h>

enum growth_kind {
    GROWTH_SHARE,  /* 5%, 0.5% */
    GROWTH_BYTES,  /* 1MiB, 200k, 512B */
    GROWTH_NUMBER, /* 1000: bytes or blocks, whatever is compared */
};

struct growth_limit {
    enum growth_kind kind;
    uint64_t value; /* bytes or blocks; of a share the millionth parts of a percent */
};

/*
 * Read a limit: digits with an optional fraction, then %, or B, K, KB, KiB and
 * so on up to T (powers of 1024, in any case), or nothing.  0, or -1 with `e`
 * set (ERROR_INPUT).
 */
int growth_parse(struct growth_limit *limit, const char *text, struct error *e);

/*
 * Whether `now` is more over `before` than the limit allows.  Exactly at the
 * limit is allowed.  From 0 any growth is over any share.
 */
bool growth_exceeds(const struct growth_limit *limit, uint64_t before, uint64_t now);

#endif

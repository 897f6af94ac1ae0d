/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make the checksums of a mutated profile right again, so that the fuzzer gets
 * behind them: a file that fails its checksum tests nothing else.
 */
#ifndef MEMPROF_TESTS_RESEAL_H
#define MEMPROF_TESTS_RESEAL_H

#include <stddef.h>
#include <stdint.h>

/* Works on what can be made out of `size` bytes, in place. */
void reseal(uint8_t *bytes, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many words of live blocks will be kept by a search for leaks (keptwords.h), guessed from
 * a few hundred blocks of the running process: memory for so many is made before it is held.
 */
#ifndef MEMPROF_HOST_WORDGUESS_H
#define MEMPROF_HOST_WORDGUESS_H

#include "src/host/model/livetable.h"

#include <sys/types.h>

/*
 * The number of words in all live blocks whose value lies between the lowest and the highest
 * of the blocks that were looked at; two a block where the process's memory cannot be read.
 */
uint64_t wordguess(const struct livetable *live, pid_t pid);

#endif

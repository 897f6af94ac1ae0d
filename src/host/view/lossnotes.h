/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a profile does not hold, in words for people: each an indented line that begins
 * with "note:", appended to a string.
 */
#ifndef MEMPROF_HOST_LOSSNOTES_H
#define MEMPROF_HOST_LOSSNOTES_H

#include "src/host/profile/profile.h"
#include "src/host/text/strbuf.h"

/*
 * One line when the file does not hold the whole run: it is still being written, was never
 * finished, was cut, or is damaged.
 */
void lossnotes_cut(struct strbuf *out, const struct profile *p);

/*
 * That, and a line for each number in profile.loss that is not 0, and for --verify-stacks.
 * `exact`: all digits of numbers of bytes.
 */
void lossnotes_add(struct strbuf *out, const struct profile *p, bool exact);

#endif

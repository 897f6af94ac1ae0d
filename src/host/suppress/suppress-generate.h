/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ready suppressions for a stack, in both syntaxes.  What is written is read
 * back by suppress.h as a rule that matches this stack.
 */
#ifndef MEMPROF_HOST_SUPPRESS_GENERATE_H
#define MEMPROF_HOST_SUPPRESS_GENERATE_H

#include "src/host/suppress/suppress.h"
#include "src/host/text/strbuf.h"

/*
 * For Valgrind: at most 24 frames from the innermost on, for leaks of this
 * kind.  `name` is what the rule is called.  A function is named by its symbol;
 * where only the readable name of a C++ function is known, by a pattern over
 * the names in it (_ZN3app4Pool3getE*), which is as wide as overloads are; a
 * frame without a function by its module.
 */
void suppress_generate_valgrind(struct strbuf *out, const char *name, enum leak_kind kind,
                                const struct suppress_frame *frames, uint32_t count);

/*
 * For LeakSanitizer: one line for the innermost frame with a function from frame `place` on,
 * which is the first one that is no allocator's nor the standard library's; without any there
 * for the innermost function, and without functions for the innermost module.  That matches
 * wherever the function is in a stack, and all that is called from it: a rule for an
 * allocator's function would match every leak.  Nothing is written when no frame has a name;
 * false then.
 */
bool suppress_generate_lsan(struct strbuf *out, const struct suppress_frame *frames, uint32_t count,
                            uint32_t place);

#endif

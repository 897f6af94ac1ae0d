/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A leak in words, the same in every format.
 */
#ifndef MEMPROF_HOST_LEAKTEXT_H
#define MEMPROF_HOST_LEAKTEXT_H

#include "src/host/leaks/leakreport.h"
#include "src/host/text/strbuf.h"

/* "definitely lost", "held by a weak region only" and so on. */
const char *leak_kind_words(enum leak_kind kind);

/* A sentence on what the kind means, for who meets the word the first time. */
const char *leak_kind_meaning(enum leak_kind kind);

/* "1,024 bytes in 2 blocks definitely lost, and 64 bytes in 1 block below them" */
void leak_text_summary(struct strbuf *out, const struct leak_record *record);

/* "allocated in parse() (src/parse.c:12)", the innermost line if `at` is NULL. */
void leak_text_place(struct strbuf *out, const struct leak_record *record,
                     const struct leak_line *at);

/* "parse() (src/parse.c:12) in libfoo.so"; "libfoo.so+0x1f3a4" without a function */
void leak_text_line(struct strbuf *out, const struct leak_line *line);

/* "3 leaks, 1,024 bytes in 5 blocks" over the records of some kinds that are not known. */
void leak_text_totals(struct strbuf *out, const struct leak_report *r, uint32_t kinds);

/*
 * `text` for formats that take neither what is no UTF-8 (U+FFFD instead) nor
 * control characters, U+FFFE and U+FFFF (XML 1.0 has no way to say them; \xNN
 * instead), nor what turns the direction of writing (\uNNNN).  Newlines and tabs
 * stay when `lines` is set.
 */
void leak_text_clean(struct strbuf *out, const char *text, bool lines);

#endif

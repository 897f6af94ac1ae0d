/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing string.  When memory runs out it stops growing and says so in
 * `failed`, which callers look at once, at the end.
 */
#ifndef MEMPROF_HOST_STRBUF_H
#define MEMPROF_HOST_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
    char *text; /* NUL-terminated, or NULL while empty: use strbuf_text */
    size_t length, room;
    bool failed;
};

void strbuf_init(struct strbuf *b);
void strbuf_release(struct strbuf *b);
void strbuf_clear(struct strbuf *b); /* keeps the memory */

void strbuf_add(struct strbuf *b, const char *text);
void strbuf_add_length(struct strbuf *b, const char *text, size_t length);
void strbuf_addf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Never NULL; valid until the next addition. */
const char *strbuf_text(const struct strbuf *b);

#endif

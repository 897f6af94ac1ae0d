/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) written as text, for documents of which a tree of values (jsonvalue.h)
 * would take most of the time.  What is written is what jansson writes with JSON_COMPACT.
 *
 * When memory runs out the string's `failed` says so.
 */
#ifndef MEMPROF_HOST_JSONTEXT_H
#define MEMPROF_HOST_JSONTEXT_H

#include "src/host/text/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A string in quotes as of jsonvalue_text: unknown ("") is null, what is no UTF-8 is U+FFFD. */
void jsontext_string(struct strbuf *out, const char *s);

/* The key of a member and its colon, with a comma before it unless it follows a '{'. */
void jsontext_key(struct strbuf *out, const char *key);

void jsontext_number(struct strbuf *out, uint64_t n);
void jsontext_real(struct strbuf *out, double value);
void jsontext_bool(struct strbuf *out, bool value);

/* "0x1f4" in quotes */
void jsontext_address(struct strbuf *out, uint64_t address);

/* A member: key and value.  A value of jansson's is given up; NULL is memory that ran out. */
void jsontext_set(struct strbuf *out, const char *key, json_t *value);
void jsontext_set_string(struct strbuf *out, const char *key, const char *s);
void jsontext_set_number(struct strbuf *out, const char *key, uint64_t n);
void jsontext_set_number_or_null(struct strbuf *out, const char *key, uint64_t n); /* 0: null */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making JSON values (jansson) in reports.  Every function returns NULL when
 * memory runs out, and takes NULL for a value that could not be made, so that one
 * look at the end is enough.
 */
#ifndef MEMPROF_HOST_JSONVALUE_H
#define MEMPROF_HOST_JSONVALUE_H

#include "src/host/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A JSON string; bytes that are no UTF-8 become U+FFFD, since JSON has no way
 * to say them.  Unknown ("") is null.
 */
json_t *jsonvalue_text(const char *s);

/* No number of ours comes near 2^63: jansson's integers are signed. */
json_t *jsonvalue_number(uint64_t n);

/* "0x1f4" */
json_t *jsonvalue_address(uint64_t value);

/* An object being filled.  One failure fails it and whatever holds it. */
struct jsonobject {
    json_t *json;
    bool failed;
};

struct jsonobject jsonobject_begin(void);
void jsonobject_set(struct jsonobject *o, const char *key, json_t *value);

/* The finished object, to be owned by the caller. */
json_t *jsonobject_end(struct jsonobject *o);

/* Append a value; NULL when that failed or there is none, the list then being gone. */
json_t *jsonlist_append(json_t *list, json_t *value);

/* Write a finished document, which is given up, and flush.  0, or -1 with `e` set. */
int jsonvalue_write(FILE *out, json_t *document, struct error *e);

/*
 * For documents whose values are written one by one, since all at once would take much
 * memory: a value, and a member of the outermost object with the comma behind it.  The
 * value is given up.  false when it is NULL or could not be written.
 */
bool jsonvalue_write_piece(FILE *out, json_t *value);
bool jsonvalue_write_member(FILE *out, const char *key, json_t *value);

/* Flush a document all of which was made (`ok`) or not.  0, or -1 with `e` set. */
int jsonvalue_end(FILE *out, bool ok, struct error *e);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/jsonvalue.h"

#include "src/host/text/strbuf.h"
#include "src/host/text/utf8.h"

#include <inttypes.h>

json_t *jsonvalue_text(const char *s)
{
    struct strbuf repaired;
    json_t *value;

    if (*s == '\0')
        return json_null();
    value = json_string(s);
    if (value)
        return value;
    strbuf_init(&repaired);
    while (*s) {
        uint32_t code;
        size_t length = utf8_decode(s, &code);

        if (length)
            strbuf_add_length(&repaired, s, length);
        else
            strbuf_add(&repaired, "\xef\xbf\xbd");
        s += length ? length : 1;
    }
    value = repaired.failed ? NULL : json_string(strbuf_text(&repaired));
    strbuf_release(&repaired);
    return value;
}

json_t *jsonvalue_number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

json_t *jsonvalue_address(uint64_t value)
{
    return json_sprintf("0x%" PRIx64, value);
}

struct jsonobject jsonobject_begin(void)
{
    json_t *json = json_object();

    return (struct jsonobject){json, !json};
}

void jsonobject_set(struct jsonobject *o, const char *key, json_t *value)
{
    if (json_object_set_new(o->json, key, value) != 0)
        o->failed = true;
}

json_t *jsonobject_end(struct jsonobject *o)
{
    if (!o->failed)
        return o->json;
    json_decref(o->json);
    return NULL;
}

json_t *jsonlist_append(json_t *list, json_t *value)
{
    /* takes the value in any case, also without a list */
    if (json_array_append_new(list, value) == 0)
        return list;
    json_decref(list);
    return NULL;
}

int jsonvalue_write(FILE *out, json_t *document, struct error *e)
{
    bool ok = document && json_dumpf(document, out, JSON_INDENT(1)) == 0;

    json_decref(document);
    fputc('\n', out);
    return jsonvalue_end(out, ok, e);
}

bool jsonvalue_write_piece(FILE *out, json_t *value)
{
    bool ok = value && json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY) == 0;

    json_decref(value);
    return ok;
}

bool jsonvalue_write_member(FILE *out, const char *key, json_t *value)
{
    fprintf(out, "  \"%s\": ", key);
    if (!jsonvalue_write_piece(out, value))
        return false;
    fputs(",\n", out);
    return true;
}

int jsonvalue_end(FILE *out, bool ok, struct error *e)
{
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the JSON report");
    return ok ? 0 : error_set(e, ERROR_MEMORY, "out of memory while writing the JSON report");
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/jsontext.h"

#include "src/host/text/utf8.h"

#include <string.h>

/* ----------------------------------------------------------------- strings -- */

/* The letter that stands for a character behind a backslash; 0: it has none. */
static char short_escape(unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = c ? strchr(from, c) : NULL;

    return found ? to[found - from] : '\0';
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void add_ascii(struct strbuf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    char letter = short_escape(c);

    if (letter)
        strbuf_add_length(out, (const char[]){'\\', letter}, 2);
    else
        strbuf_add_length(out, (const char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]},
                          6);
}

void jsontext_string(struct strbuf *out, const char *s)
{
    if (*s == '\0') {
        strbuf_add(out, "null");
        return;
    }
    strbuf_add(out, "\"");
    while (*s) {
        size_t plain = 0, length;
        uint32_t code;

        while (is_plain((unsigned char)s[plain]))
            plain++;
        strbuf_add_length(out, s, plain);
        s += plain;
        if (*s == '\0')
            break;
        length = utf8_decode(s, &code);
        if (length == 1)
            add_ascii(out, (unsigned char)*s);
        else if (length)
            strbuf_add_length(out, s, length);
        else
            strbuf_add(out, "\xef\xbf\xbd");
        s += length ? length : 1;
    }
    strbuf_add(out, "\"");
}

/* ----------------------------------------------------------------- numbers -- */

void jsontext_number(struct strbuf *out, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    strbuf_add_length(out, digits + at, sizeof digits - at);
}

/* jansson's way, whatever the locale says. */
void jsontext_real(struct strbuf *out, double value)
{
    json_t *real = json_real(value);
    char text[64];
    size_t length = real ? json_dumpb(real, text, sizeof text, JSON_ENCODE_ANY) : 0;

    json_decref(real);
    if (length == 0 || length > sizeof text)
        out->failed = true;
    else
        strbuf_add_length(out, text, length);
}

void jsontext_bool(struct strbuf *out, bool value)
{
    strbuf_add(out, value ? "true" : "false");
}

void jsontext_address(struct strbuf *out, uint64_t address)
{
    char digits[16];
    size_t at = sizeof digits;

    do
        digits[--at] = "0123456789abcdef"[address & 15];
    while (address >>= 4);
    strbuf_add(out, "\"0x");
    strbuf_add_length(out, digits + at, sizeof digits - at);
    strbuf_add(out, "\"");
}

/* ----------------------------------------------------------------- members -- */

void jsontext_key(struct strbuf *out, const char *key)
{
    if (out->length && out->text[out->length - 1] != '{')
        strbuf_add(out, ",");
    strbuf_add(out, "\"");
    strbuf_add(out, key);
    strbuf_add(out, "\":");
}

static int append(const char *text, size_t length, void *out)
{
    strbuf_add_length(out, text, length);
    return 0;
}

void jsontext_set(struct strbuf *out, const char *key, json_t *value)
{
    jsontext_key(out, key);
    if (!value || json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        out->failed = true;
    json_decref(value);
}

void jsontext_set_string(struct strbuf *out, const char *key, const char *s)
{
    jsontext_key(out, key);
    jsontext_string(out, s);
}

void jsontext_set_number(struct strbuf *out, const char *key, uint64_t n)
{
    jsontext_key(out, key);
    jsontext_number(out, n);
}

void jsontext_set_number_or_null(struct strbuf *out, const char *key, uint64_t n)
{
    if (n) {
        jsontext_set_number(out, key, n);
        return;
    }
    jsontext_key(out, key);
    strbuf_add(out, "null");
}

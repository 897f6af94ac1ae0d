// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leakreport.h"

#include "src/host/text/cxxname.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_DIGITS ((size_t)8) /* of the fingerprint */

void leak_report_init(struct leak_report *r)
{
    *r = (struct leak_report){.command = "", .program = "", .version = "", .held_seconds = -1};
}

void leak_report_release(struct leak_report *r)
{
    free(r->records);
    leak_report_init(r);
}

int leak_report_add(struct leak_report *r, const struct leak_record *record, struct error *e)
{
    if (r->record_count == r->record_room) {
        uint32_t room = r->record_room ? r->record_room * 2 : 64;
        struct leak_record *larger =
            room > r->record_room ? reallocarray(r->records, room, sizeof *larger) : NULL;

        if (!larger)
            return error_set(e, ERROR_MEMORY, "out of memory for a report of %u leaks",
                             r->record_count);
        r->records = larger;
        r->record_room = room;
    }
    r->records[r->record_count++] = *record;
    return 0;
}

/* ------------------------------------------------------------ fingerprints -- */

typedef unsigned __int128 hash128;

/* FNV-1a's constants for 128 bits (draft-eastlake-fnv). */
static const hash128 fnv_basis =
    (hash128)UINT64_C(0x6c62272e07bb0142) << 64 | UINT64_C(0x62b821756295c58d);
static const hash128 fnv_prime = (hash128)UINT64_C(0x1000000) << 64 | UINT64_C(0x13b);

static hash128 hash_bytes(hash128 hash, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * fnv_prime;
    return hash;
}

/* "libfoo.so.1.2" is libfoo.so wherever it lies. */
static hash128 hash_module(hash128 hash, const char *module)
{
    const char *slash = strrchr(module, '/'), *name = slash ? slash + 1 : module;
    const char *so = strstr(name, ".so");
    size_t length = so && (so[3] == '.' || so[3] == '\0') ? (size_t)(so - name) + 3 : strlen(name);

    return hash_bytes(hash, name, length);
}

/* The separators are bytes that no name has. */
static hash128 hash_line(const struct leak_line *line)
{
    struct cxxname name = cxxname_parse(line->function);
    size_t version = strcspn(line->function + name.start, "@");
    size_t length = name.end - name.start;
    hash128 hash = fnv_basis;

    hash = hash_bytes(hash, line->function + name.start, version < length ? version : length);
    return hash_module(hash_bytes(hash, "\0", 1), line->module);
}

/* What lies outside main is libc's, and differs with its version. */
static bool is_outermost(const struct leak_line *line)
{
    return strcmp(line->function, "main") == 0;
}

/* What a line adds to fingerprints. */
struct line_print {
    hash128 hash;
    bool outermost;
};

static struct line_print line_print(const struct leak_line *line)
{
    return (struct line_print){hash_line(line), is_outermost(line)};
}

/* Those of all lines of a report, from malloc; NULL without memory or lines. */
static struct line_print *line_prints(const struct leak_report *r)
{
    struct line_print *prints =
        r->line_count ? reallocarray(NULL, r->line_count, sizeof *prints) : NULL;

    for (uint32_t i = 0; prints && i < r->line_count; i++)
        prints[i] = line_print(&r->lines[i]);
    return prints;
}

static void write_hash(char text[LEAK_FINGERPRINT], hash128 hash)
{
    for (unsigned i = 0; i < LEAK_FINGERPRINT - 1; i++)
        text[i] = "0123456789abcdef"[(unsigned)(hash >> (124 - 4 * i)) & 15];
    text[LEAK_FINGERPRINT - 1] = '\0';
}

/* `prints` are those of r's lines, or NULL. */
static void make_fingerprint(const struct leak_record *record, const struct leak_report *r,
                             const struct line_print *prints, char text[LEAK_FINGERPRINT])
{
    const char *kind = leak_kind_name(record->kind);
    hash128 hash = hash_bytes(fnv_basis, kind, strlen(kind)), before = 0;

    for (uint32_t i = 0; i < record->stack_count; i++) {
        uint32_t number = prints ? leak_line_number(r, record->stack[i]) : 0;
        struct line_print line =
            prints && number < r->line_count ? prints[number] : line_print(record->stack[i]);

        if (i == 0 || line.hash != before)
            hash = hash_bytes(hash, (const char *)&line.hash, sizeof line.hash);
        before = line.hash;
        if (line.outermost)
            break;
    }
    write_hash(text, hash);
}

void leak_fingerprint(const struct leak_record *record, char text[LEAK_FINGERPRINT])
{
    make_fingerprint(record, NULL, NULL, text);
}

/* ---------------------------------------------------------------- finishing -- */

static int by_bytes(const void *a, const void *b)
{
    const struct leak_record *left = a, *right = b;
    uint64_t left_bytes = left->bytes + left->indirect_bytes;
    uint64_t right_bytes = right->bytes + right->indirect_bytes;

    if (left_bytes != right_bytes)
        return left_bytes > right_bytes ? -1 : 1;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->blocks != right->blocks)
        return left->blocks > right->blocks ? -1 : 1;
    return strcmp(left->fingerprint, right->fingerprint);
}

/* Records whose fingerprints begin alike together, in the order they have. */
struct numbered {
    const char *fingerprint;
    uint32_t index;
};

static int by_fingerprint(const void *a, const void *b)
{
    const struct numbered *left = a, *right = b;
    int order = strcmp(left->fingerprint, right->fingerprint);

    return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

static int by_digits(const void *a, const void *b)
{
    const struct numbered *left = a, *right = b;
    int order = strncmp(left->fingerprint, right->fingerprint, ID_DIGITS);

    return order ? order : left->index < right->index ? -1 : left->index > right->index;
}

static void set_number(struct leak_record *record, uint32_t number, size_t digits)
{
    if (digits != ID_DIGITS)
        record->ordinal = number;
    else if (number == 1)
        snprintf(record->id, LEAK_ID, "%.*s", (int)ID_DIGITS, record->fingerprint);
    else
        snprintf(record->id, LEAK_ID, "%.*s-%" PRIu32, (int)ID_DIGITS, record->fingerprint, number);
}

/* Without memory to sort in, by comparing each with all before it. */
static void number_slowly(struct leak_report *r, size_t digits)
{
    for (uint32_t i = 0; i < r->record_count; i++) {
        uint32_t number = 1;

        for (uint32_t k = 0; k < i; k++)
            number += strncmp(r->records[i].fingerprint, r->records[k].fingerprint, digits) == 0;
        set_number(&r->records[i], number, digits);
    }
}

/* Give each record its number among those whose fingerprints have the same first `digits`. */
static void number_records(struct leak_report *r, size_t digits)
{
    struct numbered *all = reallocarray(NULL, r->record_count, sizeof *all);
    uint32_t number = 0;

    if (!all) {
        number_slowly(r, digits);
        return;
    }
    for (uint32_t i = 0; i < r->record_count; i++)
        all[i] = (struct numbered){r->records[i].fingerprint, i};
    qsort(all, r->record_count, sizeof *all, digits == ID_DIGITS ? by_digits : by_fingerprint);
    for (uint32_t i = 0; i < r->record_count; i++) {
        bool same = i && strncmp(all[i].fingerprint, all[i - 1].fingerprint, digits) == 0;

        number = same ? number + 1 : 1;
        set_number(&r->records[all[i].index], number, digits);
    }
    free(all);
}

void leak_report_sort(struct leak_report *r)
{
    if (r->record_count)
        qsort(r->records, r->record_count, sizeof *r->records, by_bytes);
}

int leak_report_select(struct leak_report *to, const struct leak_report *from, uint32_t kinds,
                       struct error *e)
{
    *to = *from;
    to->records = NULL;
    to->record_count = to->record_room = 0;
    for (uint32_t i = 0; i < from->record_count; i++) {
        if (!(kinds & LEAK_KIND_BIT(from->records[i].kind)))
            continue;
        if (leak_report_add(to, &from->records[i], e) != 0) {
            leak_report_release(to);
            return -1;
        }
    }
    return 0;
}

void leak_report_finish(struct leak_report *r)
{
    struct line_print *prints;

    if (r->record_count == 0)
        return;
    prints = line_prints(r);
    for (uint32_t i = 0; i < r->record_count; i++)
        make_fingerprint(&r->records[i], r, prints, r->records[i].fingerprint);
    free(prints);
    leak_report_sort(r);
    number_records(r, LEAK_FINGERPRINT - 1);
    number_records(r, ID_DIGITS);
}

/* ---------------------------------------------------------------------- ids -- */

bool leak_id_is(const char *text)
{
    size_t digits = strspn(text, "0123456789abcdef");
    const char *rest = text + ID_DIGITS;

    if (digits != ID_DIGITS)
        return false;
    return *rest == '\0' ||
           (*rest == '-' && rest[1] >= '1' && rest[1] <= '9' && strlen(rest) <= 10 &&
            rest[1 + strspn(rest + 1, "0123456789")] == '\0');
}

const struct leak_record *leak_report_find(const struct leak_report *r, const char *id)
{
    char first[ID_DIGITS + 1];

    if (!leak_id_is(id))
        return NULL;
    memcpy(first, id, ID_DIGITS);
    first[ID_DIGITS] = '\0';
    if (strcmp(id + ID_DIGITS, "-1") == 0)
        id = first;
    for (uint32_t i = 0; i < r->record_count; i++)
        if (strcmp(r->records[i].id, id) == 0)
            return &r->records[i];
    return NULL;
}

uint32_t leak_report_count(const struct leak_report *r, uint32_t kinds)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < r->record_count; i++)
        count += (kinds & LEAK_KIND_BIT(r->records[i].kind)) && !r->records[i].known;
    return count;
}

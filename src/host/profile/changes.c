// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/changes.h"

#include "src/host/memory/buffer.h"
#include "src/host/profile/columns.h"
#include "src/host/profile/snapshot-section.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/*
 * A thousand snapshots of 50,000 stacks of which 4,200 change from one to the next
 * (make-series): level 6 makes 23.7 MB, 12 23.4 MB in half as much time again, 19
 * 23.1 MB in two and a half times as much.
 */
#define COMPRESSION_LEVEL 6
#define VARINT_MOST 10u
/* From here on a column has blocks of its own, with a code of its own: 10 to 15 % less. */
#define ROWS_FOR_BLOCKS 512u

enum {
    SITE,
    TOTAL_BLOCKS,
    LIVE_BLOCKS,
    SIZE,
    TOTAL_BYTES,
    LIVE_BYTES,
    TEMPORARY_BLOCKS,
    TEMPORARY_BYTES,
    PEAK_BLOCKS,
    PEAK_BYTES,
    SMALLEST,
    LARGEST
};

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory for the changes of a snapshot");
}

static int damaged(struct error *e)
{
    return error_set(e, ERROR_FORMAT,
                     "the profile is damaged: the changes of a snapshot are not "
                     "what they should be");
}

void changes_release(struct profile_changes *changes)
{
    free(changes->bytes);
    *changes = (struct profile_changes){NULL, 0};
}

int changes_copy(struct profile_changes *to, const struct profile_changes *from, struct error *e)
{
    *to = (struct profile_changes){malloc(from->size ? (size_t)from->size : 1), from->size};
    if (!to->bytes) {
        to->size = 0;
        return out_of_memory(e);
    }
    if (from->size)
        memcpy(to->bytes, from->bytes, (size_t)from->size);
    return 0;
}

void changes_add(struct profile_stats *to, const struct profile_stats *difference)
{
    to->live_bytes += difference->live_bytes;
    to->live_blocks += difference->live_blocks;
    to->peak_bytes += difference->peak_bytes;
    to->peak_blocks += difference->peak_blocks;
    to->total_bytes += difference->total_bytes;
    to->total_blocks += difference->total_blocks;
    to->temporary_bytes += difference->temporary_bytes;
    to->temporary_blocks += difference->temporary_blocks;
    to->smallest += difference->smallest;
    to->largest += difference->largest;
}

/* -------------------------------------------------------------- packing -- */

/* Rounded towards 0, by what the number is with its sign. */
static uint64_t signed_quotient(uint64_t dividend, uint64_t divisor)
{
    bool negative = dividend >> 63 != divisor >> 63;
    uint64_t n = dividend >> 63 ? 0 - dividend : dividend;
    uint64_t d = divisor >> 63 ? 0 - divisor : divisor;

    return negative ? 0 - n / d : n / d;
}

static uint64_t block_size(const struct profile_stats *s)
{
    if (s->total_blocks)
        return signed_quotient(s->total_bytes, s->total_blocks);
    if (s->live_blocks)
        return signed_quotient(s->live_bytes, s->live_blocks);
    return s->peak_blocks ? signed_quotient(s->peak_bytes, s->peak_blocks) : 0;
}

/* One row's values of the columns but the first. */
static void pack_row(uint64_t *value, const struct profile_stats *s, uint32_t flags)
{
    uint64_t size = block_size(s);

    value[TOTAL_BLOCKS] = s->total_blocks;
    value[LIVE_BLOCKS] = s->live_blocks - (flags & CHANGES_LIVE_BY_TOTAL ? s->total_blocks : 0);
    value[SIZE] = size;
    value[TOTAL_BYTES] = s->total_bytes - size * s->total_blocks;
    value[LIVE_BYTES] = s->live_bytes - size * s->live_blocks;
    value[TEMPORARY_BLOCKS] = s->temporary_blocks;
    value[TEMPORARY_BYTES] = s->temporary_bytes - size * s->temporary_blocks;
    value[PEAK_BLOCKS] = s->peak_blocks - (flags & CHANGES_PEAK_BY_LIVE ? s->live_blocks : 0);
    value[PEAK_BYTES] = s->peak_bytes - (flags & CHANGES_PEAK_BY_LIVE ? s->live_bytes : 0) -
                        size * value[PEAK_BLOCKS];
    value[SMALLEST] = s->smallest;
    value[LARGEST] = s->largest - (s->smallest ? s->smallest - 1 : 0);
}

static void unpack_row(struct profile_stats *s, const uint64_t *value, uint32_t flags)
{
    uint64_t size = value[SIZE];

    s->total_blocks = value[TOTAL_BLOCKS];
    s->live_blocks = value[LIVE_BLOCKS] + (flags & CHANGES_LIVE_BY_TOTAL ? s->total_blocks : 0);
    s->total_bytes = value[TOTAL_BYTES] + size * s->total_blocks;
    s->live_bytes = value[LIVE_BYTES] + size * s->live_blocks;
    s->temporary_blocks = value[TEMPORARY_BLOCKS];
    s->temporary_bytes = value[TEMPORARY_BYTES] + size * s->temporary_blocks;
    s->peak_blocks = value[PEAK_BLOCKS] + (flags & CHANGES_PEAK_BY_LIVE ? s->live_blocks : 0);
    s->peak_bytes = value[PEAK_BYTES] + (flags & CHANGES_PEAK_BY_LIVE ? s->live_bytes : 0) +
                    size * value[PEAK_BLOCKS];
    s->smallest = value[SMALLEST];
    s->largest = value[LARGEST] + (s->smallest ? s->smallest - 1 : 0);
}

/* Which predictions come true more often. */
static uint32_t choose_flags(const struct profile_change *rows, uint32_t count)
{
    uint32_t live_zero = 0, live_total = 0, peak_zero = 0, peak_live = 0;

    for (uint32_t i = 0; i < count; i++) {
        const struct profile_stats *s = &rows[i].stats;

        live_zero += s->live_blocks == 0;
        live_total += s->live_blocks == s->total_blocks;
        peak_zero += s->peak_blocks == 0 && s->peak_bytes == 0;
        peak_live += s->peak_blocks == s->live_blocks && s->peak_bytes == s->live_bytes;
    }
    return (live_total > live_zero ? CHANGES_LIVE_BY_TOTAL : 0) |
           (peak_live > peak_zero ? CHANGES_PEAK_BY_LIVE : 0);
}

/* The rows as columns of numbers; sets the bits of those that are not all zeros. */
static uint32_t make_columns(uint64_t *columns, const struct profile_change *rows, uint32_t count)
{
    uint32_t flags = choose_flags(rows, count);
    uint64_t any[CHANGES_COLUMNS] = {0}, value[CHANGES_COLUMNS];

    for (uint32_t i = 0; i < count; i++) {
        value[SITE] = i ? rows[i].site - rows[i - 1].site - 1 : rows[i].site;
        pack_row(value, &rows[i].stats, flags);
        for (uint32_t c = 0; c < CHANGES_COLUMNS; c++) {
            columns[(size_t)c * count + i] = c == SITE ? value[c] : columns_zigzag(value[c]);
            any[c] |= value[c];
        }
    }
    for (uint32_t c = 0; c < CHANGES_COLUMNS; c++)
        flags |= any[c] ? 1u << c : 0;
    return flags;
}

/* ends[c] receives where column c ends in `raw`. */
static void put_columns(struct buffer *raw, size_t *ends, const uint64_t *columns, uint32_t count,
                        uint32_t flags)
{
    buffer_put_varint(raw, flags);
    for (uint32_t c = 0; c < CHANGES_COLUMNS; c++) {
        if (flags & 1u << c)
            buffer_put_varints(raw, columns + (size_t)c * count, count);
        ends[c] = raw->used;
    }
}

/* The size of one frame, or 0: it did not work or gains nothing. */
static size_t compress(void *packed, size_t room, const struct buffer *raw, const size_t *ends,
                       bool blocks)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_outBuffer out = {packed, room, 0};
    ZSTD_inBuffer in = {raw->bytes, 0, 0};
    bool fine = context != NULL;

    fine = fine &&
           !ZSTD_isError(
               ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, COMPRESSION_LEVEL)) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, raw->used));
    for (uint32_t c = 0; fine && c < CHANGES_COLUMNS; c++) {
        bool last = c + 1 == CHANGES_COLUMNS;

        in.size = ends[c];
        if (last || (blocks && in.size > in.pos))
            fine = ZSTD_compressStream2(context, &out, &in, last ? ZSTD_e_end : ZSTD_e_flush) == 0;
    }
    ZSTD_freeCCtx(context);
    return fine && out.pos < raw->used ? section_pad(packed, out.pos, raw->used) : 0;
}

static int put_changes(struct buffer *to, uint32_t count, const struct buffer *raw,
                       const size_t *ends, struct error *e)
{
    size_t room = ZSTD_compressBound(raw->used) + 64 * CHANGES_COLUMNS, n;
    uint8_t *packed = malloc(room + section_pad_room(raw->used));
    uint8_t encoding;

    if (!packed)
        return out_of_memory(e);
    n = compress(packed, room, raw, ends, count >= ROWS_FOR_BLOCKS);
    encoding = n ? SNAPSHOT_ZSTD : SNAPSHOT_STORED;
    buffer_put(to, &encoding, 1);
    buffer_put_varint(to, count);
    buffer_put_varint(to, raw->used);
    if (n)
        buffer_put(to, packed, n);
    else
        buffer_put(to, raw->bytes, raw->used);
    free(packed);
    return to->failed ? out_of_memory(e) : 0;
}

int changes_encode(struct profile_changes *to, const struct profile_change *rows, uint32_t count,
                   struct error *e)
{
    uint64_t *columns = malloc(((size_t)count * CHANGES_COLUMNS + 1) * sizeof *columns);
    size_t ends[CHANGES_COLUMNS];
    struct buffer raw, packed;
    uint32_t flags;
    int result = -1;

    *to = (struct profile_changes){NULL, 0};
    buffer_init(&raw);
    buffer_init(&packed);
    if (columns) {
        flags = make_columns(columns, rows, count);
        put_columns(&raw, ends, columns, count, flags);
        if (!(flags & ((1u << CHANGES_COLUMNS) - 1)))
            count = 0;
    }
    if (!columns || raw.failed)
        out_of_memory(e);
    else
        result = put_changes(&packed, count, &raw, ends, e);
    buffer_release(&raw);
    free(columns);
    if (result == 0) {
        /* many are kept at once: give back what the buffer has too much */
        uint8_t *less = realloc(packed.bytes, packed.used);

        *to = (struct profile_changes){less ? less : packed.bytes, packed.used};
    } else {
        buffer_release(&packed);
    }
    return result;
}

/* ------------------------------------------------------------ unpacking -- */

struct header {
    uint8_t encoding;
    uint64_t rows, raw_bytes;
    const uint8_t *content;
    size_t content_bytes;
};

static bool read_header(struct header *h, const void *bytes, uint64_t size)
{
    const uint8_t *start = bytes;
    struct view v = {start, start + size, false};
    const uint8_t *encoding = view_take(&v, 1);

    h->encoding = encoding ? *encoding : 0;
    h->rows = view_varint(&v);
    h->raw_bytes = view_varint(&v);
    h->content = v.at;
    h->content_bytes = view_left(&v);
    /* a row takes a byte at least: what a file makes a reader do is bounded by its size */
    if (v.failed || h->rows > UINT32_MAX || h->raw_bytes == 0 || h->rows > h->raw_bytes ||
        h->raw_bytes > VARINT_MOST * (1 + h->rows * CHANGES_COLUMNS))
        return false;
    if (h->encoding == SNAPSHOT_STORED)
        return h->raw_bytes == h->content_bytes;
    return h->encoding == SNAPSHOT_ZSTD && snapshot_ratio_allowed(h->raw_bytes, h->content_bytes);
}

int changes_check(const void *bytes, uint64_t size, struct error *e)
{
    struct header h;

    return read_header(&h, bytes, size) ? 0 : damaged(e);
}

/* What unpacking needs, kept from one moment's changes to the next. */
struct unpacker {
    ZSTD_DCtx *context;
    uint8_t *raw;
    uint64_t *columns; /* one after another, `count` numbers each */
    size_t raw_room, columns_room;
    uint32_t count, flags;
};

static void unpacker_release(struct unpacker *u)
{
    ZSTD_freeDCtx(u->context);
    free(u->raw);
    free(u->columns);
}

static bool unpacker_reserve(struct unpacker *u, const struct header *h)
{
    size_t numbers = (size_t)h->rows * CHANGES_COLUMNS + 1;

    if (h->encoding == SNAPSHOT_ZSTD && !u->context)
        u->context = ZSTD_createDCtx();
    if (u->raw_room < h->raw_bytes) {
        free(u->raw);
        u->raw_room = (size_t)h->raw_bytes;
        u->raw = malloc(u->raw_room);
    }
    if (u->columns_room < numbers) {
        free(u->columns);
        u->columns_room = numbers;
        u->columns = reallocarray(NULL, numbers, sizeof *u->columns);
    }
    if (u->raw && u->columns && (u->context || h->encoding != SNAPSHOT_ZSTD))
        return true;
    if (!u->raw)
        u->raw_room = 0;
    if (!u->columns)
        u->columns_room = 0;
    return false;
}

/* A column's numbers; one byte each is by far the usual case, eight at a time. */
static void take_column(struct view *v, uint64_t *column, uint32_t count)
{
    uint32_t i = 0;

    while (i < count) {
        uint64_t word;

        if (count - i >= sizeof word && view_left(v) >= sizeof word &&
            (memcpy(&word, v->at, sizeof word), !(word & UINT64_C(0x8080808080808080)))) {
            for (size_t k = 0; k < sizeof word; k++)
                column[i++] = v->at[k];
            v->at += sizeof word;
        } else {
            column[i++] = view_varint(v);
        }
    }
}

/* false: the content is not as long as its columns. */
static bool take_columns(struct unpacker *u, const uint8_t *raw, size_t size)
{
    struct view v = {raw, raw + size, false};
    uint64_t word = view_varint(&v);

    u->flags = (uint32_t)word;
    if (word >= CHANGES_PEAK_BY_LIVE * 2)
        return false;
    for (uint32_t c = 0; c < CHANGES_COLUMNS && !v.failed; c++) {
        uint64_t *column = u->columns + (size_t)c * u->count;

        if (u->flags & 1u << c)
            take_column(&v, column, u->count);
        else
            memset(column, 0, u->count * sizeof *column);
    }
    return !v.failed && view_left(&v) == 0;
}

/* The gaps between sites become the sites.  false: one is out of range. */
static bool take_sites(struct unpacker *u, uint32_t sites)
{
    uint64_t site = 0;

    for (uint32_t i = 0; i < u->count; i++) {
        uint64_t gap = u->columns[i];

        if (gap >= sites || site + gap >= sites)
            return false;
        site += gap;
        u->columns[i] = site++;
    }
    return true;
}

static int unpack(struct unpacker *u, const struct profile_changes *from, uint32_t sites,
                  struct error *e)
{
    const uint8_t *content;
    struct header h;

    /* no more rows than sites: what is asked for is bounded by what the profile holds */
    if (!read_header(&h, from->bytes, from->size) || h.rows > sites)
        return damaged(e);
    if (!unpacker_reserve(u, &h))
        return out_of_memory(e);
    u->count = (uint32_t)h.rows;
    content = h.content;
    if (h.encoding == SNAPSHOT_ZSTD) {
        size_t n = ZSTD_decompressDCtx(u->context, u->raw, (size_t)h.raw_bytes, h.content,
                                       h.content_bytes);

        if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
            return error_set(e, ERROR_MEMORY, "out of memory while reading a snapshot");
        if (ZSTD_isError(n) || n != h.raw_bytes)
            return damaged(e);
        content = u->raw;
    }
    if (!take_columns(u, content, (size_t)h.raw_bytes) || !take_sites(u, sites))
        return damaged(e);
    return 0;
}

/* What is unpacked says of row `i`. */
static void unpacked_row(const struct unpacker *u, uint32_t i, struct profile_stats *stats)
{
    uint64_t value[CHANGES_COLUMNS];

    for (uint32_t c = 1; c < CHANGES_COLUMNS; c++)
        value[c] = columns_unzigzag(u->columns[(size_t)c * u->count + i]);
    unpack_row(stats, value, u->flags);
}

int changes_decode(const struct profile_changes *from, uint32_t sites, struct profile_change **rows,
                   uint32_t *count, struct error *e)
{
    struct unpacker u = {.count = 0};
    int result = unpack(&u, from, sites, e);

    *rows = NULL;
    *count = 0;
    if (result == 0) {
        *rows = reallocarray(NULL, (size_t)u.count + 1, sizeof **rows);
        result = *rows ? 0 : out_of_memory(e);
    }
    if (result == 0) {
        *count = u.count;
        for (uint32_t i = 0; i < u.count; i++) {
            (*rows)[i].site = (uint32_t)u.columns[i];
            (*rows)[i].reserved = 0;
            unpacked_row(&u, i, &(*rows)[i].stats);
        }
    }
    unpacker_release(&u);
    return result;
}

int changes_sum(struct profile_stats *stats, uint32_t sites, const struct profile_changes *from,
                uint32_t count, struct error *e)
{
    struct unpacker u = {.count = 0};
    int result = 0;

    for (uint32_t m = 0; m < count && result == 0; m++) {
        result = unpack(&u, &from[m], sites, e);
        for (uint32_t i = 0; result == 0 && i < u.count; i++) {
            struct profile_stats difference;

            unpacked_row(&u, i, &difference);
            changes_add(&stats[u.columns[i]], &difference);
        }
    }
    unpacker_release(&u);
    return result;
}

/* -------------------------------------------------------------- merging -- */

static bool is_nothing(const struct profile_stats *s)
{
    return !(s->live_bytes | s->live_blocks | s->peak_bytes | s->peak_blocks | s->total_bytes |
             s->total_blocks | s->temporary_bytes | s->temporary_blocks | s->smallest | s->largest);
}

static uint32_t merge_rows(struct profile_change *to, const struct profile_change *a,
                           uint32_t a_count, const struct profile_change *b, uint32_t b_count)
{
    uint32_t i = 0, k = 0, n = 0;

    while (i < a_count || k < b_count) {
        if (k == b_count || (i < a_count && a[i].site < b[k].site)) {
            to[n++] = a[i++];
        } else if (i == a_count || b[k].site < a[i].site) {
            to[n++] = b[k++];
        } else {
            to[n] = a[i++];
            changes_add(&to[n].stats, &b[k++].stats);
            n += !is_nothing(&to[n].stats);
        }
    }
    return n;
}

int changes_merge(struct profile_changes *to, const struct profile_changes *earlier,
                  const struct profile_changes *later, struct error *e)
{
    struct profile_change *a = NULL, *b = NULL, *merged = NULL;
    uint32_t a_count, b_count;
    int result = -1;

    *to = (struct profile_changes){NULL, 0};
    if (changes_decode(earlier, UINT32_MAX, &a, &a_count, e) == 0 &&
        changes_decode(later, UINT32_MAX, &b, &b_count, e) == 0) {
        merged = malloc(((size_t)a_count + b_count + 1) * sizeof *merged);
        result = merged ? changes_encode(to, merged, merge_rows(merged, a, a_count, b, b_count), e)
                        : out_of_memory(e);
    }
    free(a);
    free(b);
    free(merged);
    return result;
}

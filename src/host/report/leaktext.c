// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/leaktext.h"

#include "src/host/text/units.h"
#include "src/host/text/utf8.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *words, *meaning;
} kinds[LEAK_KINDS] = {
    [LEAK_REACHABLE] = {"still reachable",
                        "A pointer to the block is left; it was not freed before the end."},
    [LEAK_POSSIBLE] = {"possibly lost",
                       "Only pointers into the middle of the block are left: it is lost, unless "
                       "the program works with such pointers on purpose."},
    [LEAK_WEAK] = {"held by a weak region only",
                   "Nothing but a cache or list that was declared weak refers to the block."},
    [LEAK_DEFINITE] = {"definitely lost",
                       "No pointer to the block is left: nobody can free it any more."},
    [LEAK_INDIRECT] = {"indirectly lost",
                       "Only blocks that are lost themselves refer to the block."},
};

const char *leak_kind_words(enum leak_kind kind)
{
    return (unsigned)kind < LEAK_KINDS ? kinds[kind].words : "";
}

const char *leak_kind_meaning(enum leak_kind kind)
{
    return (unsigned)kind < LEAK_KINDS ? kinds[kind].meaning : "";
}

static void add_amount(struct strbuf *out, uint64_t bytes, uint64_t blocks)
{
    char count[UNITS_TEXT];

    strbuf_addf(out, "%s %s in ", units_count(count, bytes), bytes == 1 ? "byte" : "bytes");
    strbuf_addf(out, "%s %s", units_count(count, blocks), blocks == 1 ? "block" : "blocks");
}

void leak_text_summary(struct strbuf *out, const struct leak_record *record)
{
    add_amount(out, record->bytes, record->blocks);
    if (record->kind == LEAK_WEAK && *record->held_by)
        strbuf_addf(out, " held by %s only", record->held_by);
    else
        strbuf_addf(out, " %s", leak_kind_words(record->kind));
    if (record->indirect_blocks) {
        strbuf_add(out, ", and ");
        add_amount(out, record->indirect_bytes, record->indirect_blocks);
        strbuf_add(out, record->blocks == 1 ? " below it" : " below them");
    }
    if (record->cycle_blocks)
        strbuf_addf(out, ", in a cycle of %" PRIu32 " blocks that refer to each other",
                    record->cycle_blocks);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* An address is another one in every run: a place that has no name is one of its module. */
static bool is_offset(const struct leak_line *line)
{
    return *line->function == '\0' && *line->module && line->offset;
}

/* A readable C++ name has its parameters; others are shown as calls. */
static void add_function(struct strbuf *out, const struct leak_line *line)
{
    if (is_offset(line))
        strbuf_addf(out, "%s+0x%" PRIx64, base_name(line->module), line->offset);
    else if (*line->function == '\0' && *line->module && line->address == 0)
        strbuf_add(out, base_name(line->module));
    else if (*line->function == '\0')
        strbuf_addf(out, "0x%" PRIx64, line->address);
    else
        strbuf_addf(out, "%s%s", line->function, strchr(line->function, '(') ? "" : "()");
}

static void add_source(struct strbuf *out, const struct leak_line *line)
{
    if (*line->file == '\0')
        return;
    strbuf_addf(out, " (%s", line->file);
    if (line->line)
        strbuf_addf(out, ":%" PRIu32, line->line);
    strbuf_add(out, ")");
}

void leak_text_line(struct strbuf *out, const struct leak_line *line)
{
    add_function(out, line);
    add_source(out, line);
    if (*line->module && !is_offset(line))
        strbuf_addf(out, " in %s", base_name(line->module));
}

void leak_text_place(struct strbuf *out, const struct leak_record *record,
                     const struct leak_line *at)
{
    if (!at && record->stack_count)
        at = record->stack[0];
    if (!at) {
        strbuf_add(out, "allocated at an unknown place");
        return;
    }
    strbuf_add(out, "allocated in ");
    add_function(out, at);
    add_source(out, at);
}

void leak_text_totals(struct strbuf *out, const struct leak_report *r, uint32_t wanted)
{
    uint64_t bytes = 0, blocks = 0;
    uint32_t leaks = leak_report_count(r, wanted);
    char count[UNITS_TEXT];

    for (uint32_t i = 0; i < r->record_count; i++) {
        if (!(wanted & LEAK_KIND_BIT(r->records[i].kind)) || r->records[i].known)
            continue;
        bytes += r->records[i].bytes;
        blocks += r->records[i].blocks;
    }
    if (leaks == 0) {
        strbuf_add(out, "no leaks");
        return;
    }
    strbuf_addf(out, "%s %s, ", units_count(count, leaks), leaks == 1 ? "leak" : "leaks");
    add_amount(out, bytes, blocks);
}

/* Turns the direction of what follows, so that a line reads as another one. */
static bool turns_direction(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool is_forbidden(uint32_t code, bool lines)
{
    if (lines && (code == '\n' || code == '\t'))
        return false;
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfffe || code == 0xffff;
}

/* How many bytes are ASCII that stays: nearly all of most texts. */
static size_t plain_length(const char *text, bool lines)
{
    size_t n = 0;

    while ((text[n] >= 0x20 && text[n] < 0x7f) || (lines && (text[n] == '\n' || text[n] == '\t')))
        n++;
    return n;
}

void leak_text_clean(struct strbuf *out, const char *text, bool lines)
{
    while (*text) {
        size_t length = plain_length(text, lines);
        uint32_t code;

        if (length) {
            strbuf_add_length(out, text, length);
            text += length;
            continue;
        }
        length = utf8_decode(text, &code);

        if (length == 0)
            strbuf_add(out, "\xef\xbf\xbd");
        else if (turns_direction(code))
            strbuf_addf(out, "\\u%04" PRIx32, code);
        else if (is_forbidden(code, lines))
            strbuf_addf(out, "\\x%02" PRIx32, code);
        else
            strbuf_add_length(out, text, length);
        text += length ? length : 1;
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings.h"

#include "src/host/findings/findings-parts.h"
#include "src/host/view/linechoice.h"
#include "src/host/view/location.h"

#include <stdlib.h>
#include <string.h>

const char *finding_kind_word(enum finding_kind kind)
{
    static const char *const words[FINDING_KINDS] = {
        [FINDING_LOST_PATH] = "lost-on-error-path",
        [FINDING_LOST] = "lost",
        [FINDING_CYCLE] = "cycle",
        [FINDING_GROWS] = "grows",
        [FINDING_CHURN] = "churn",
        [FINDING_COPY] = "temporary-copy",
        [FINDING_ROUNDING] = "rounding",
        [FINDING_RESERVE] = "over-reserve",
        [FINDING_PINNED] = "pinned-pages",
        [FINDING_MAPPED] = "not-heap",
    };

    return words[kind];
}

/* ----------------------------------------------------------------- commands -- */

static const char *command_of(enum finding_kind kind)
{
    static const char *const commands[FINDING_KINDS] = {
        [FINDING_LOST_PATH] = "leaks",
        [FINDING_LOST] = "leaks",
        [FINDING_CYCLE] = "leaks",
        [FINDING_GROWS] = "growth -g traceback",
        [FINDING_CHURN] = "top --by temporary -g traceback",
        [FINDING_COPY] = "top --snapshot peak -g traceback",
        [FINDING_ROUNDING] = "pools -g line --by waste",
        [FINDING_RESERVE] = "top --snapshot peak -g traceback",
        [FINDING_PINNED] = "stat",
        [FINDING_MAPPED] = "top --domain mmap -g traceback",
    };

    return commands[kind];
}

/* Of these kinds the command takes filters. */
static bool takes_include(enum finding_kind kind)
{
    return kind == FINDING_GROWS || kind == FINDING_CHURN || kind == FINDING_COPY ||
           kind == FINDING_RESERVE;
}

/* In single quotes where a shell would read more than a word into it. */
static void add_word(struct strbuf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:=,+@%";

    if (*word && word[strspn(word, plain)] == '\0') {
        strbuf_add(out, word);
        return;
    }
    strbuf_add(out, "'");
    for (; *word; word++) {
        if (*word == '\'')
            strbuf_add(out, "'\\''");
        else
            strbuf_add_length(out, word, 1);
    }
    strbuf_add(out, "'");
}

void finding_command(struct strbuf *out, const struct profile *p, const struct finding *f,
                     const char *path)
{
    const struct profile_line *line = f->row.line < p->line_count ? &p->lines[f->row.line] : NULL;
    struct strbuf place;

    strbuf_init(&place);
    if (f->command_of_line && line && line->line && line->file)
        strbuf_addf(&place, "%s:%u", location_base(profile_text(p, line->file)), line->line);
    else if (f->command_of_line && line && line->function)
        strbuf_addf(&place, "function=%s", profile_text(p, line->function));
    strbuf_addf(out, "memprof %s ", f->command);
    if (place.length) {
        strbuf_add(out, "--include ");
        add_word(out, strbuf_text(&place));
        strbuf_add(out, " ");
    }
    add_word(out, path);
    out->failed |= place.failed;
    strbuf_release(&place);
}

/* ------------------------------------------------------------------- making -- */

struct finding *finding_add(struct findings_making *m, enum finding_kind kind, uint64_t bytes,
                            double confidence, const struct view_row *row)
{
    struct findings *f = m->findings;
    struct finding *finding;

    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 16;
        struct finding *items = reallocarray(f->items, room, sizeof *items);

        if (!items) {
            error_set(m->error, ERROR_MEMORY, "out of memory while looking for findings");
            return NULL;
        }
        f->items = items;
        f->room = room;
    }
    finding = &f->items[f->count++];
    *finding = (struct finding){.kind = kind,
                                .bytes = bytes,
                                .cost = bytes,
                                .confidence = confidence,
                                .command = command_of(kind),
                                .command_of_line = takes_include(kind)};
    if (row)
        finding->row = *row;
    else
        finding->row = (struct view_row){.line = VIEW_NO_LINE, .frame = NO_FRAME};
    strbuf_init(&finding->text);
    return finding;
}

void finding_place(struct strbuf *out, const struct profile *p, const struct view_row *row)
{
    location_row(out, p, VIEW_LINE, row, 0);
}

static int by_cost(const void *left, const void *right)
{
    const struct finding *x = left, *y = right;

    if (x->cost != y->cost)
        return x->cost < y->cost ? 1 : -1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->row.node < y->row.node ? -1 : x->row.node > y->row.node;
}

static bool is_loss(enum finding_kind kind)
{
    return kind == FINDING_LOST || kind == FINDING_LOST_PATH || kind == FINDING_CYCLE;
}

/* What is lost grows as well; once is enough. */
static bool is_repetition(const struct findings *f, const struct finding *one)
{
    for (size_t i = 0; one->kind == FINDING_GROWS && i < f->count; i++)
        if (is_loss(f->items[i].kind) && one->row.line != VIEW_NO_LINE &&
            f->items[i].row.line == one->row.line)
            return true;
    return false;
}

static void drop_repetitions(struct findings *f)
{
    for (size_t i = f->count; i-- > 0;) {
        if (!is_repetition(f, &f->items[i]))
            continue;
        strbuf_release(&f->items[i].text);
        f->items[i] = f->items[--f->count];
    }
}

static int find_all(struct findings_making *m)
{
    const struct view_options rising = {
        .skip = m->skip, .choices = m->choices, .min_bytes = FINDINGS_RISE};
    const struct view_options lines = {
        .skip = m->skip, .choices = m->choices, .order = VIEW_BY_TOTAL};

    if (view_build(&m->heap, m->profile, &lines, m->error) != 0 ||
        courses_find(&m->courses, m->profile, &rising, m->error) != 0)
        return -1;
    if (findings_of_leaks(m) != 0 || findings_of_growth(m) != 0 || findings_of_churn(m) != 0 ||
        findings_of_peak(m) != 0 || findings_of_sizes(m) != 0 || findings_of_pages(m) != 0)
        return -1;
    return findings_of_mappings(m);
}

int findings_make(struct findings *f, const struct profile *p, const struct skiplist *skip,
                  const struct line_choice *choices, struct suppressions *suppressions,
                  struct error *e)
{
    struct linechoices chosen;
    struct error local;
    struct findings_making m = {.findings = f,
                                .profile = p,
                                .skip = skip,
                                .suppressions = suppressions,
                                .error = e ? e : &local};
    int result;

    *f = (struct findings){0};
    if (linechoices_init(&chosen, choices, p, skip)) {
        m.choices = chosen.by_node;
        result = find_all(&m);
    } else {
        result = error_set(e, ERROR_MEMORY, "out of memory while looking for findings");
    }
    linechoices_release(&chosen);
    view_release(&m.heap);
    courses_release(&m.courses);
    for (size_t i = 0; result == 0 && i < f->count; i++)
        if (f->items[i].text.failed)
            result = error_set(e, ERROR_MEMORY, "out of memory while looking for findings");
    if (result != 0) {
        findings_release(f);
        return -1;
    }
    drop_repetitions(f);
    if (f->count)
        qsort(f->items, f->count, sizeof *f->items, by_cost);
    return 0;
}

void findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        strbuf_release(&f->items[i].text);
    free(f->items);
    *f = (struct findings){0};
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/leaks/leaknotes.h"

#include "src/host/graph/leakkind.h"
#include "src/host/text/signalname.h"
#include "src/host/text/units.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What reports of other things say of the whole profile: each line of it is a sentence here. */
#define NOTE "  note: "

struct notes {
    char **list;
    uint32_t count, room;
    bool failed;
};

static void add(struct notes *n, const char *text, size_t length)
{
    if (n->count == n->room) {
        uint32_t room = n->room ? n->room * 2 : 8;
        char **larger = reallocarray(n->list, room, sizeof *larger);

        if (!larger) {
            n->failed = true;
            return;
        }
        n->list = larger;
        n->room = room;
    }
    n->list[n->count] = strndup(text, length);
    if (n->list[n->count])
        n->count++;
    else
        n->failed = true;
}

static void add_text(struct notes *n, struct strbuf *text)
{
    if (text->failed)
        n->failed = true;
    else if (text->length)
        add(n, text->text, text->length);
    strbuf_clear(text);
}

const char *leaknotes_unsearched(const struct profile *p)
{
    if (p->search.number == 0)
        return "the profile has no search for leaks";
    if (p->search.method != SEARCH_UNSTOPPED)
        return NULL;
    return p->search.why ? profile_text(p, p->search.why)
                         : "the program could not be stopped or its memory not be read";
}

void leaknotes_moment(struct strbuf *out, const struct profile *p)
{
    static const char *const words[] = {
        [SEARCH_NONE] = "",
        [SEARCH_AT_EXIT] = "at exit",
        [SEARCH_AT_EXIT_NOW] = "at _exit",
        [SEARCH_AT_QUICK_EXIT] = "at quick_exit",
        [SEARCH_AT_ABORT] = "at abort",
        [SEARCH_AT_SIGNAL] = "before a signal ended it",
        [SEARCH_BY_COMMAND] = "when asked to",
        [SEARCH_BY_PROGRAM] = "when the program asked to",
    };
    const struct profile_search *s = &p->search;
    const char *name = signal_name((int)s->signal);

    if (s->cause == SEARCH_AT_SIGNAL && name)
        strbuf_addf(out, "before %s ended it", name);
    else if (s->cause < sizeof words / sizeof *words)
        strbuf_add(out, words[s->cause]);
}

static void add_unsearched(struct notes *n, struct strbuf *text, const struct profile *p)
{
    const char *why = leaknotes_unsearched(p);

    if (!why)
        return;
    strbuf_addf(text, "nothing was searched, so all that was live counts as reachable: %s", why);
    add_text(n, text);
}

static void add_missed(struct notes *n, struct strbuf *text, const struct profile_search *s)
{
    char count[UNITS_TEXT];

    if (s->notes & SEARCH_THREADS_MISSED) {
        strbuf_addf(text,
                    "%" PRIu32 " of %" PRIu32 " thread%s did not stop for the search: what %s "
                    "stack held at any time counts as held",
                    s->threads_missed, s->threads, s->threads == 1 ? "" : "s",
                    s->threads_missed == 1 ? "its" : "their");
        add_text(n, text);
    }
    if (s->notes & SEARCH_MEMORY_MISSED) {
        strbuf_addf(text,
                    "%s of memory could not be read: what only that refers to is taken for lost",
                    units_bytes(count, s->unreadable_bytes, false));
        add_text(n, text);
    }
}

static void add_flags(struct notes *n, struct strbuf *text, const struct profile_search *s)
{
    static const struct {
        uint32_t flag;
        const char *words;
    } flags[] = {
        {SEARCH_NO_MEMORY, "memprof had no room for a copy of the program's memory"},
        {SEARCH_PARTIAL_RECORD, "recording was off for a time: blocks that memprof does not know "
                                "may hold others, which are then taken for lost"},
        {SEARCH_EARLIER_BLOCKS, "what was allocated before memprof attached is not known: pointers "
                                "found anywhere in memory but in recorded blocks count, those in "
                                "freed memory too, so that some leaks may not be seen"},
        {SEARCH_OWN_MALLOC, "what the executable frees by its own malloc is not seen: such blocks "
                            "are taken for lost"},
        {SEARCH_ROWS_MERGED, "there were too many rows: ages are not told apart"},
        {SEARCH_AGES_SATURATED, "there were too many moments: ages are lower bounds"},
        {SEARCH_REGIONS_MISSED, "the program named more root and weak regions than memprof keeps: "
                                "the rest count for nothing"},
        {SEARCH_BEFORE_LATER, "the program ran on after this search and was not searched again"},
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!(s->notes & flags[i].flag))
            continue;
        strbuf_add(text, flags[i].words);
        add_text(n, text);
    }
}

/* Of each kind that --contents keeps bytes of. */
static uint64_t lost_blocks(const struct profile *p)
{
    uint64_t blocks = 0;

    for (uint32_t i = 0; i < p->leak_count; i++)
        if (p->leaks[i].kind == LEAK_DEFINITE || p->leaks[i].kind == LEAK_INDIRECT ||
            p->leaks[i].kind == LEAK_POSSIBLE)
            blocks += p->leaks[i].blocks;
    return blocks;
}

static void add_contents(struct notes *n, struct strbuf *text, const struct profile *p)
{
    char kept[UNITS_TEXT], all[UNITS_TEXT];
    uint64_t lost = p->search.contents ? lost_blocks(p) : 0;

    if (lost <= p->content_count)
        return;
    strbuf_addf(text, "contents were kept of %s of %s lost blocks",
                units_count(kept, p->content_count), units_count(all, lost));
    add_text(n, text);
}

/* What the search did without. */
static void add_without(struct notes *n, struct strbuf *text, const struct profile *p)
{
    if (p->search.method == SEARCH_UNSTOPPED || !p->search.why)
        return;
    strbuf_add(text, profile_text(p, p->search.why));
    add_text(n, text);
}

/* Lines of another report that are notes. */
static void add_lines(struct notes *n, const char *lines)
{
    size_t prefix = strlen(NOTE);

    while (*lines) {
        size_t length = strcspn(lines, "\n");

        if (strncmp(lines, NOTE, prefix) == 0)
            add(n, lines + prefix, length - prefix);
        lines += length + (lines[length] == '\n');
    }
}

char **leaknotes_make(const struct profile *p, uint32_t *count, uint32_t *search)
{
    struct notes n = {0};
    struct strbuf text;

    strbuf_init(&text);
    add_unsearched(&n, &text, p);
    if (p->search.number) {
        add_missed(&n, &text, &p->search);
        add_flags(&n, &text, &p->search);
        add_without(&n, &text, p);
        add_contents(&n, &text, p);
    }
    *search = n.count;
    lossnotes_add(&text, p, false);
    n.failed |= text.failed;
    add_lines(&n, strbuf_text(&text));
    strbuf_release(&text);
    *count = n.count;
    if (!n.failed)
        return n.list ? n.list : calloc(1, sizeof *n.list);
    for (uint32_t i = 0; i < n.count; i++)
        free(n.list[i]);
    free(n.list);
    return NULL;
}

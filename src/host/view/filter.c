// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/filter.h"

#include "src/host/profile/domain.h"
#include "src/host/text/cxxname.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/location.h"
#include "src/host/view/view.h"
#include "src/shared/record.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum subject { SUBJECT_FILE = 0, SUBJECT_FUNCTION, SUBJECT_MODULE, SUBJECT_DOMAIN, SUBJECT_THREAD };

struct filter_rule {
    enum subject subject;
    bool include;
    bool any_file; /* ":LINE" */
    bool by_base;  /* the pattern is about the last part of a path */
    uint32_t line; /* 0 any */
    char *pattern;
    char *given; /* as filter_add was called */
};

void filter_init(struct filter *f)
{
    *f = (struct filter){0};
}

static void rule_release(struct filter_rule *rule)
{
    free(rule->pattern);
    free(rule->given);
}

void filter_release(struct filter *f)
{
    for (size_t i = 0; i < f->count; i++)
        rule_release(&f->rules[i]);
    free(f->rules);
    filter_init(f);
}

/* ------------------------------------------------------------- patterns -- */

static const struct {
    const char *word;
    enum subject subject;
} words[] = {
    {"function", SUBJECT_FUNCTION},
    {"module", SUBJECT_MODULE},
    {"domain", SUBJECT_DOMAIN},
    {"thread", SUBJECT_THREAD},
};

/* What follows the word and `mark`, or NULL. */
static const char *behind(const char *pattern, const char *word, char mark)
{
    size_t length = strlen(word);

    return strncmp(pattern, word, length) == 0 && pattern[length] == mark ? pattern + length + 1
                                                                          : NULL;
}

/* Cut ":LINE" off a file's pattern of `*length` bytes. */
static int take_line(struct filter_rule *rule, const char *pattern, size_t *length, struct error *e)
{
    const char *colon = strrchr(pattern, ':');
    unsigned long long line;
    char *end;

    if (!colon || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return 0;
    errno = 0;
    line = strtoull(colon + 1, &end, 10);
    if (colon[1] == '\0' || errno || line == 0 || line > UINT32_MAX)
        return error_set(e, ERROR_INPUT, "the pattern '%s' needs a line's number behind its colon",
                         pattern);
    rule->line = (uint32_t)line;
    rule->any_file = colon == pattern;
    *length = (size_t)(colon - pattern);
    return 0;
}

/* --skip writes function:NAME; as a file's name it would silently match nothing. */
static int refuse_colon_form(const char *pattern, struct error *e)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *rest = behind(pattern, words[i].word, ':');

        if (rest)
            return error_set(e, ERROR_INPUT, "the pattern '%s' is to be written %s=%s", pattern,
                             words[i].word, rest);
    }
    return 0;
}

static int parse(struct filter_rule *rule, const char *pattern, struct error *e)
{
    const char *rest = pattern;
    size_t length;

    if (refuse_colon_form(pattern, e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof *words && rest == pattern; i++) {
        rest = behind(pattern, words[i].word, '=');
        if (rest)
            rule->subject = words[i].subject;
        else
            rest = pattern;
    }
    length = strlen(rest);
    if (rule->subject == SUBJECT_FILE && take_line(rule, rest, &length, e) != 0)
        return -1;
    if (length == 0 && !rule->any_file)
        return error_set(e, ERROR_INPUT, "the pattern '%s' is empty", pattern);
    rule->pattern = strndup(rest, length);
    rule->given = strdup(pattern);
    if (!rule->pattern || !rule->given)
        return error_set(e, ERROR_MEMORY, "out of memory");
    rule->by_base = !strchr(rule->pattern, '/');
    return 0;
}

int filter_add(struct filter *f, const char *pattern, bool include, struct error *e)
{
    struct filter_rule rule = {.include = include}, *grown;

    if (parse(&rule, pattern, e) != 0) {
        rule_release(&rule);
        return -1;
    }
    grown = realloc(f->rules, (f->count + 1) * sizeof *grown);
    if (!grown) {
        rule_release(&rule);
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    f->rules = grown;
    f->rules[f->count++] = rule;
    return 0;
}

const char *filter_pattern(const struct filter *f, size_t index, bool *include)
{
    *include = f->rules[index].include;
    return f->rules[index].given;
}

bool filter_names_domain(const struct filter *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->rules[i].subject == SUBJECT_DOMAIN)
            return true;
    return false;
}

/* ------------------------------------------------------------- matching -- */

/* A name may hold characters that mean something in a pattern: it always matches itself. */
static bool matches(const char *pattern, const char *text)
{
    return strcmp(pattern, text) == 0 || fnmatch(pattern, text, 0) == 0;
}

static bool matches_path(const struct filter_rule *rule, const char *path)
{
    return matches(rule->pattern, rule->by_base ? location_base(path) : path);
}

/* By the whole name, or by that without return type and parameters. */
static bool matches_function(const struct filter_rule *rule, const char *name)
{
    struct cxxname parts = cxxname_parse(name);
    struct strbuf plain;
    bool found;

    if (matches(rule->pattern, name))
        return true;
    strbuf_init(&plain);
    strbuf_add_length(&plain, name + parts.start, parts.end - parts.start);
    found = matches(rule->pattern, strbuf_text(&plain));
    strbuf_release(&plain);
    return found;
}

static bool matches_text(const struct filter_rule *rule, const char *text)
{
    return rule->subject == SUBJECT_FUNCTION ? matches_function(rule, text)
                                             : matches_path(rule, text);
}

static bool matches_thread(const struct filter_rule *rule, const struct profile *p, uint32_t thread)
{
    char number[24];

    if (thread >= p->thread_count)
        return false;
    snprintf(number, sizeof number, "%" PRId64, p->threads[thread].tid);
    return matches(rule->pattern, profile_text(p, p->threads[thread].name)) ||
           matches(rule->pattern, number);
}

/* One rule at work on one profile. */
struct match {
    const struct filter_rule *rule;
    const struct profile *profile;
    uint8_t *answers; /* by string: 0 not yet asked, 1 no, 2 yes */
    uint8_t *nodes;   /* whether the rule applies to the stack */
    uint8_t *frames;  /* whether it applies to a line of the frame */
};

static bool string_matches(struct match *m, string_id id)
{
    if (id >= m->profile->strings.count)
        return matches_text(m->rule, "");
    if (m->answers[id] == 0)
        m->answers[id] = matches_text(m->rule, profile_text(m->profile, id)) ? 2 : 1;
    return m->answers[id] == 2;
}

/* A line and its frame; either may be out of range: there is no such thing, nothing is known. */
static bool place_matches(struct match *m, uint32_t index, uint32_t frame)
{
    const struct profile *p = m->profile;
    const struct profile_line *line = index < p->line_count ? &p->lines[index] : NULL;
    uint32_t module;

    switch (m->rule->subject) {
    case SUBJECT_MODULE:
        module = view_frame_module(p, frame);
        return string_matches(m, module == NO_MODULE ? 0 : p->modules[module].path);
    case SUBJECT_FUNCTION:
        return string_matches(m, line ? line->function : 0);
    default:
        if (m->rule->line && (!line || line->line != m->rule->line))
            return false;
        return m->rule->any_file || string_matches(m, line ? line->file : 0);
    }
}

static bool frame_matches(struct match *m, uint32_t index)
{
    const struct profile_frame *frame = &m->profile->frames[index];

    if (view_frame_is_ours(m->profile, index))
        return false;
    for (uint32_t i = 0; i < frame->line_count; i++)
        if (place_matches(m, frame->first_line + i, index))
            return true;
    return false;
}

/* A node comes behind its parent: what applies to a caller's stack applies to its own. */
static void match_all_frames(struct match *m)
{
    const struct profile *p = m->profile;

    for (uint32_t f = 0; f < p->frame_count; f++)
        m->frames[f] = frame_matches(m, f);
    for (uint32_t n = 0; n < p->node_count; n++) {
        const struct profile_node *node = &p->nodes[n];

        if (n < STACK_ROOTS || node->frame >= p->frame_count)
            m->nodes[n] = place_matches(m, NO_CHOICE, NO_FRAME);
        else
            m->nodes[n] =
                m->frames[node->frame] || (node->parent >= STACK_ROOTS && m->nodes[node->parent]);
    }
}

static bool match_init(struct match *m, const struct filter_rule *rule, const struct profile *p)
{
    *m = (struct match){.rule = rule,
                        .profile = p,
                        .answers = calloc((size_t)p->strings.count + 1, 1),
                        .nodes = calloc((size_t)p->node_count + 1, 1),
                        .frames = calloc((size_t)p->frame_count + 1, 1)};
    return m->answers && m->nodes && m->frames;
}

static void match_release(struct match *m)
{
    free(m->answers);
    free(m->nodes);
    free(m->frames);
}

static bool site_matches(const struct match *m, const struct profile_site *site)
{
    if (m->rule->subject == SUBJECT_DOMAIN)
        return matches(m->rule->pattern, domain_name(m->profile, site->domain));
    if (m->rule->subject == SUBJECT_THREAD)
        return matches_thread(m->rule, m->profile, site->thread);
    return site->node < m->profile->node_count && m->nodes[site->node];
}

/* Set `bit` of every site that the rule is about.  false when memory runs out. */
static bool apply(const struct filter *f, const struct filter_rule *rule, const struct profile *p,
                  const struct line_choice *choices, uint8_t bit, uint8_t *sites)
{
    struct match m;
    bool ready = match_init(&m, rule, p);

    if (ready && f->all_frames)
        match_all_frames(&m);
    for (uint32_t n = 0; ready && !f->all_frames && n < p->node_count; n++)
        m.nodes[n] = place_matches(&m, choices[n].line, choices[n].frame);
    for (uint32_t i = 0; ready && i < p->site_count; i++)
        if (site_matches(&m, &p->sites[i]))
            sites[i] |= bit;
    match_release(&m);
    return ready;
}

uint8_t *filter_sites(const struct filter *f, const struct profile *p,
                      const struct line_choice *choices, struct error *e)
{
    enum { INCLUDED = 1, EXCLUDED = 2 };
    uint8_t *sites = calloc((size_t)p->site_count + 1, 1);
    bool includes = false, ready = sites != NULL;

    for (size_t r = 0; r < f->count && ready; r++) {
        includes |= f->rules[r].include;
        ready =
            apply(f, &f->rules[r], p, choices, f->rules[r].include ? INCLUDED : EXCLUDED, sites);
    }
    if (!ready) {
        free(sites);
        error_set(e, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < p->site_count; i++)
        sites[i] = !(sites[i] & EXCLUDED) && (!includes || (sites[i] & INCLUDED));
    return sites;
}

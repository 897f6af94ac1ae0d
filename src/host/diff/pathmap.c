// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/pathmap.h"

#include <stdlib.h>
#include <string.h>

struct pathmap_rule {
    char *from; /* without slashes at its end, but for "/" itself */
    char *to;   /* NULL: nothing, not even the slash behind `from` */
    size_t length;
};

void pathmap_init(struct pathmap *m)
{
    *m = (struct pathmap){0};
}

void pathmap_release(struct pathmap *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free(m->rules[i].from);
        free(m->rules[i].to);
    }
    free(m->rules);
    pathmap_init(m);
}

static char *copy_folder(const char *text, size_t length)
{
    while (length > 1 && text[length - 1] == '/')
        length--;
    return strndup(text, length);
}

static int add(struct pathmap *m, const char *from, size_t from_length, const char *to,
               struct error *e)
{
    struct pathmap_rule *rules = realloc(m->rules, (m->count + 1) * sizeof *rules);
    struct pathmap_rule rule = {.from = copy_folder(from, from_length)};

    if (rules)
        m->rules = rules;
    if (to)
        rule.to = copy_folder(to, strlen(to));
    if (!rules || !rule.from || (to && !rule.to)) {
        free(rule.from);
        free(rule.to);
        return error_set(e, ERROR_MEMORY, "out of memory");
    }
    rule.length = strlen(rule.from);
    m->rules[m->count++] = rule;
    return 0;
}

int pathmap_add_strip(struct pathmap *m, const char *folder, struct error *e)
{
    if (*folder == '\0')
        return error_set(e, ERROR_INPUT, "the folder to strip is empty");
    return add(m, folder, strlen(folder), NULL, e);
}

int pathmap_add_rule(struct pathmap *m, const char *rule, struct error *e)
{
    const char *equals = strchr(rule, '=');

    if (!equals || equals == rule)
        return error_set(e, ERROR_INPUT, "'%s' is not OLD=NEW, two folders", rule);
    /* An empty NEW is what --strip-prefix means. */
    return add(m, rule, (size_t)(equals - rule), equals[1] ? equals + 1 : NULL, e);
}

static bool fits(const struct pathmap_rule *rule, const char *path)
{
    if (strncmp(path, rule->from, rule->length) != 0)
        return false;
    return rule->from[rule->length - 1] == '/' || path[rule->length] == '/' ||
           path[rule->length] == '\0';
}

void pathmap_apply(const struct pathmap *m, const char *path, struct strbuf *out)
{
    const struct pathmap_rule *best = NULL;
    const char *rest = path;

    for (size_t i = 0; i < m->count; i++)
        if (fits(&m->rules[i], path) && (!best || m->rules[i].length > best->length))
            best = &m->rules[i];
    strbuf_clear(out);
    if (best) {
        rest += best->length;
        rest += strspn(rest, "/");
    }
    if (best && best->to) {
        strbuf_add(out, best->to);
        if (*rest && best->to[strlen(best->to) - 1] != '/')
            strbuf_add(out, "/");
    }
    /* A path that is the folder itself keeps its name rather than becoming unknown. */
    strbuf_add(out, best && !best->to && *rest == '\0' ? path : rest);
}

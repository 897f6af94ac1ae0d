// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/siterows.h"

#include "src/host/memory/intern.h"
#include "src/host/view/viewrows.h"

#include <stdlib.h>

static struct intern_key key_of(const struct siterows *s, const struct profile *p,
                                enum view_group group, const struct profile_site *site)
{
    struct viewrow_key key =
        viewrow_key_of_site(p, group, site, &site->stats, s->choices[site->node]);

    return (struct intern_key){key.a, key.b, key.c};
}

static bool number(struct siterows *s, const struct profile *p, enum view_group group)
{
    struct intern keys;
    bool fine = true;

    intern_init(&keys);
    for (uint32_t i = 0; i < p->site_count && fine; i++) {
        bool added;
        uint32_t row = intern_add(&keys, key_of(s, p, group, &p->sites[i]), &added);

        fine = row != INTERN_NONE;
        s->row_of[i] = row;
        if (fine && added)
            siterows_represent(s, p, i);
    }
    s->count = keys.count;
    intern_release(&keys);
    return fine;
}

int siterows_init(struct siterows *s, const struct profile *p, enum view_group group,
                  const struct skiplist *skip, struct error *e)
{
    *s = (struct siterows){.choices = line_choices(p, skip),
                           .row_of = calloc((size_t)p->site_count + 1, sizeof *s->row_of),
                           .rows = calloc((size_t)p->site_count + 1, sizeof *s->rows)};
    if (s->choices && s->row_of && s->rows && number(s, p, group))
        return 0;
    siterows_release(s);
    return error_set(e, ERROR_MEMORY, "out of memory for the rows of %u sites", p->site_count);
}

void siterows_release(struct siterows *s)
{
    free(s->choices);
    free(s->row_of);
    free(s->rows);
    *s = (struct siterows){.count = 0};
}

void siterows_represent(struct siterows *s, const struct profile *p, uint32_t site)
{
    struct view_row *row = &s->rows[s->row_of[site]];
    struct line_choice choice = s->choices[p->sites[site].node];

    row->node = p->sites[site].node;
    row->thread = p->sites[site].thread;
    row->line = choice.line == NO_CHOICE ? VIEW_NO_LINE : choice.line;
    row->frame = choice.frame;
}

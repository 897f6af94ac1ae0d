// SPDX-License-Identifier: Apache-2.0
#include "cli/family-reports.h"

#include "src/host/leaks/leakrules.h"
#include "src/host/profile/profile-check.h"

#include <stdlib.h>

void family_reports_release(struct family_reports *f)
{
    if (!f->count)
        return;
    merge_release(&f->merge);
    profile_release(&f->profile);
    f->count = 0;
}

/* Without what the program suppresses itself: its rules are not for the others. */
static void add_without_suppressed(struct family_reports *f, const struct profile *p)
{
    const char *own = profile_text(p, p->search.suppressions);
    struct profile rest = *p;

    if (!*own) {
        (void)!merge_add(&f->merge, p, &f->trouble);
        return;
    }
    if (leakrules_apply(p, own, LEAK_OWN_SUPPRESSIONS, &rest.leaks, &rest.leak_count,
                        &f->trouble) != 0)
        return;
    rest.search.suppressions = 0;
    (void)!merge_add(&f->merge, &rest, &f->trouble);
    free(rest.leaks);
}

void family_reports_add(struct family_reports *f, const struct profile *p)
{
    if (f->trouble.kind != ERROR_NONE)
        return;
    if (!f->count) {
        profile_init(&f->profile);
        merge_init(&f->merge, &f->profile);
    }
    f->count++;
    if (profile_check(p, &f->trouble) == 0)
        add_without_suppressed(f, p);
}

static void make_known(struct leak_report *r, uint32_t kinds)
{
    for (uint32_t i = 0; i < r->record_count; i++)
        r->records[i].known |= (kinds & LEAK_KIND_BIT(r->records[i].kind)) != 0;
}

int family_reports_write(struct family_reports *f, struct leak_output *o,
                         const struct view_choice *view, uint32_t fail_kinds, struct error *e)
{
    struct leaks leaks;
    int result;

    if (f->trouble.kind != ERROR_NONE) {
        *e = f->trouble;
        return -1;
    }
    if (merge_finish(&f->merge, e) != 0 ||
        leak_output_make(o, &f->profile, view, fail_kinds, &leaks, e) != 0)
        return -1;
    if (f->all_known)
        make_known(&leaks.report, fail_kinds);
    result = leak_output_write(o, &leaks, &f->profile, fail_kinds, e);
    leaks_release(&leaks);
    return result;
}

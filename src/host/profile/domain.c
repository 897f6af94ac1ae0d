// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/domain.h"

#include "src/host/text/strbuf.h"

#include <string.h>

static const char *const builtin[DOMAIN_BUILTIN] = {"heap", "mmap", "ignored"};

const char *domain_name(const struct profile *p, uint32_t domain)
{
    if (domain < DOMAIN_BUILTIN)
        return builtin[domain];
    return domain < p->domain_count ? profile_text(p, p->domains[domain].name) : "";
}

int domain_find(const struct profile *p, const char *name, uint32_t *domain, struct error *e)
{
    uint32_t count = p->domain_count > DOMAIN_BUILTIN ? p->domain_count : DOMAIN_BUILTIN;
    struct strbuf known;
    int result;

    for (*domain = 0; *domain < count; ++*domain)
        if (*name && strcmp(name, domain_name(p, *domain)) == 0)
            return 0;
    strbuf_init(&known);
    for (uint32_t i = 0; i < count; i++)
        if (*domain_name(p, i))
            strbuf_addf(&known, "%s%s", i ? ", " : "", domain_name(p, i));
    result = error_set(e, ERROR_INPUT, "the profile has no domain '%s'; it has: %s", name,
                       strbuf_text(&known));
    strbuf_release(&known);
    return result;
}

// SPDX-License-Identifier: Apache-2.0
/* An auditing library (LD_AUDIT, rtld-audit(7)) that watches everything and allocates. */
#define _GNU_SOURCE
#include <link.h>
#include <stdint.h>
#include <stdlib.h>

unsigned la_version(unsigned version)
{
    free(malloc(100));
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}

unsigned la_objopen(struct link_map *map, Lmid_t namespace, uintptr_t *cookie)
{
    (void)map;
    (void)namespace;
    (void)cookie;
    free(malloc(100));
    return LA_FLG_BINDTO | LA_FLG_BINDFROM;
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/checkpoint.h"

#include "src/host/search/leaksearch.h"

#include <stdlib.h>

void checkpoint_release(struct checkpoint *c)
{
    profile_release(&c->part);
    leaksearch_release(c->search);
    c->search = NULL;
    free(c->changes);
    c->changes = NULL;
    c->change_count = 0;
}

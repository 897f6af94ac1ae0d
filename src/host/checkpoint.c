// SPDX-License-Identifier: Apache-2.0
#include "src/host/checkpoint.h"

#include <stdlib.h>

void checkpoint_release(struct checkpoint *c)
{
    profile_release(&c->part);
    free(c->changes);
    c->changes = NULL;
    c->change_count = 0;
}

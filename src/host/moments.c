// SPDX-License-Identifier: Apache-2.0
#include "src/host/moments.h"

#include <stdlib.h>
#include <string.h>

int moment_find(const struct profile *p, const char *text, struct moment *moment, struct error *e)
{
    (void)p;
    *moment = (struct moment){MOMENT_AT_EXIT, 0};
    if (!text || !*text || strcmp(text, "exit") == 0)
        return 0;
    if (strcmp(text, "peak") == 0) {
        moment->place = MOMENT_AT_PEAK;
        return 0;
    }
    return error_set(e, ERROR_INPUT, "the profile has no snapshot %s", text);
}

int moment_stats(const struct profile *p, struct moment moment, struct profile_stats **stats,
                 struct error *e)
{
    *stats = calloc((size_t)p->site_count + 1, sizeof **stats);
    if (!*stats)
        return error_set(e, ERROR_MEMORY, "out of memory");
    for (uint32_t i = 0; i < p->site_count; i++) {
        const struct profile_stats *from = &p->sites[i].stats;

        if (moment.place == MOMENT_AT_PEAK)
            (*stats)[i] = (struct profile_stats){.live_bytes = from->peak_bytes,
                                                 .live_blocks = from->peak_blocks,
                                                 .smallest = from->smallest,
                                                 .largest = from->largest};
        else
            (*stats)[i] = *from;
    }
    return 0;
}

double moment_seconds(const struct profile *p, struct moment moment)
{
    if (moment.place == MOMENT_AT_PEAK)
        return p->totals.peak_seconds;
    return moment.place == MOMENT_LISTED ? p->moments[moment.index].seconds : p->process.seconds;
}

void moment_name(struct strbuf *out, const struct profile *p, struct moment moment)
{
    (void)p;
    strbuf_add(out, moment.place == MOMENT_AT_PEAK ? "the peak" : "exit");
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/findings/findings-parts.h"
#include "src/host/pools/pools.h"
#include "src/host/text/units.h"
#include "src/shared/record.h"

#define WASTE_BYTES (UINT64_C(1) << 20)
#define WASTE_PERCENT 10u /* of the peak */
#define WASTE_OF_LINE 25u /* percent of what the line's blocks take */
#define RESERVE_BYTES (UINT64_C(8) << 20)
#define RESERVE_PERCENT 25u /* of the peak that was never resident */
#define USE_SECONDS 0.1     /* after the peak, in which what is used has been touched */
#define STILL_PERCENT 90u
#define SURE 0.9
#define SURE_OF_RESERVE 0.8
#define UNSURE_OF_RESERVE 0.5 /* several lines may be meant */

/* What one block of the line takes at least, by glibc's rules, for what it asked for. */
static uint64_t wasted_at_peak(const struct profile_stats *s)
{
    uint64_t size = s->peak_blocks ? s->peak_bytes / s->peak_blocks : 0;

    /* of several sizes only the header is certain */
    if (s->smallest != s->largest)
        return s->peak_blocks * 8;
    return s->peak_blocks * (pools_chunk_bytes(size) - size);
}

static void word_rounding(struct finding *f, const struct profile_stats *s, uint64_t wasted)
{
    char blocks[UNITS_TEXT], bytes[UNITS_TEXT], taken[UNITS_TEXT], asked[UNITS_TEXT];

    units_count(blocks, s->peak_blocks);
    if (s->smallest == s->largest)
        strbuf_addf(&f->text, "at the peak %s blocks of %s byte%s each took %s", blocks,
                    units_count(bytes, s->largest), s->largest == 1 ? "" : "s",
                    units_count(taken, pools_chunk_bytes(s->largest)));
    else
        strbuf_addf(&f->text, "at the peak %s blocks of %s bytes on average had headers of 8 each",
                    blocks, units_count(bytes, s->peak_bytes / s->peak_blocks));
    strbuf_addf(&f->text,
                ", %s of headers and rounding beside the %s asked for: allocate many at once, or "
                "take them from a pool of their own",
                units_bytes(bytes, wasted, false), units_bytes(asked, s->peak_bytes, false));
}

static int find_rounding(struct findings_making *m)
{
    for (size_t i = 0; i < m->heap.row_count; i++) {
        const struct view_row *row = &m->heap.rows[i];
        uint64_t wasted = wasted_at_peak(&row->stats);
        struct finding *f;

        if (wasted < WASTE_BYTES ||
            !finding_share(wasted, m->profile->totals.peak_bytes, WASTE_PERCENT) ||
            !finding_share(wasted, row->stats.peak_bytes + wasted, WASTE_OF_LINE))
            continue;
        f = finding_add(m, FINDING_ROUNDING, wasted, SURE, row);
        if (!f)
            return -1;
        word_rounding(f, &row->stats, wasted);
    }
    return 0;
}

/* When most of the peak was still live and there had been time to use it. */
static bool tells_use(const struct profile_totals *t, double seconds, uint64_t live, uint64_t rss)
{
    return rss && seconds >= t->peak_seconds + USE_SECONDS &&
           finding_share(live, t->peak_bytes, STILL_PERCENT);
}

/* What was live then and cannot have been resident: it was never touched. */
static uint64_t never_used(const struct profile *p)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < p->moment_count; i++) {
        const struct profile_moment *m = &p->moments[i];

        if (tells_use(&p->totals, m->seconds, m->live_bytes, m->rss_bytes)) {
            uint64_t never = m->live_bytes > m->rss_bytes ? m->live_bytes - m->rss_bytes : 0;

            least = never < least ? never : least;
        }
    }
    return least == UINT64_MAX ? 0 : least;
}

static const struct view_row *most_at_peak(const struct view *heap)
{
    const struct view_row *most = NULL;

    for (size_t i = 0; i < heap->row_count; i++)
        if (!most || heap->rows[i].stats.peak_bytes > most->stats.peak_bytes)
            most = &heap->rows[i];
    return most;
}

/* What was swapped out looks the same: the confidence is not higher for that. */
static int find_reserve(struct findings_making *m)
{
    const struct profile_totals *t = &m->profile->totals;
    const struct view_row *most = most_at_peak(&m->heap);
    uint64_t never = never_used(m->profile);
    char untouched[UNITS_TEXT], live[UNITS_TEXT];
    struct finding *f;

    if (never < RESERVE_BYTES || !finding_share(never, t->peak_bytes, RESERVE_PERCENT))
        return 0;
    f = finding_add(m, FINDING_RESERVE, never,
                    most && most->stats.peak_bytes >= never ? SURE_OF_RESERVE : UNSURE_OF_RESERVE,
                    most);
    if (!f)
        return -1;
    strbuf_addf(&f->text,
                "at least %s of the heap, whose peak was %s, stayed unused after it: so much less "
                "was resident; most of the peak is allocated here",
                units_bytes(untouched, never, false), units_bytes(live, t->peak_bytes, false));
    return 0;
}

int findings_of_sizes(struct findings_making *m)
{
    uint32_t allocator = m->profile->heap.allocator;
    bool glibc = allocator != ALLOCATOR_POOL && allocator != ALLOCATOR_POOL_DEBUG;

    if (glibc && find_rounding(m) != 0)
        return -1;
    return find_reserve(m);
}

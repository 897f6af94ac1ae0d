/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a profile is worth a person's time, in words: each finding with the line to
 * change, what it costs, how sure it is, and the command that shows more.  Thresholds
 * are chosen so that there are few of them, and none where nothing can be gained;
 * memprof-findings(1) documents each.
 */
#ifndef MEMPROF_HOST_FINDINGS_H
#define MEMPROF_HOST_FINDINGS_H

#include "src/host/error.h"
#include "src/host/profile/profile.h"
#include "src/host/suppress/suppress.h"
#include "src/host/text/strbuf.h"
#include "src/host/view/view.h"

enum finding_kind {
    FINDING_LOST_PATH = 0, /* lost, but most blocks of the line are freed */
    FINDING_LOST,
    FINDING_CYCLE, /* lost, held by a cycle of blocks */
    FINDING_GROWS,
    FINDING_CHURN,
    FINDING_COPY, /* at the peak, and gone soon after */
    FINDING_ROUNDING,
    FINDING_RESERVE, /* allocated and never touched */
    FINDING_PINNED,  /* pages kept by few blocks */
    FINDING_MAPPED,  /* memory that is not heap */
    FINDING_KINDS
};

struct finding {
    enum finding_kind kind;
    uint64_t bytes;       /* lost, grown, made and thrown away, saved at the peak, ... */
    uint64_t cost;        /* what it is sorted by */
    double confidence;    /* 0 to 1 */
    struct view_row row;  /* the place: node, line and frame; line VIEW_NO_LINE: none */
    struct strbuf text;   /* a sentence without a full stop */
    const char *command;  /* without "memprof", the options of the place and the file */
    bool command_of_line; /* it takes --include FILE:LINE */
};

struct findings {
    struct finding *items; /* the most costly first */
    size_t count, room;
    uint64_t small_losses; /* bytes that are lost, too few at a line for a finding */
};

/*
 * `skip` and `choices` as in view_options.  What `suppressions` match is not lost for it, where it
 * is loaded already; NULL: the built-in rules and the program's own.  0, or -1 with `e` set and `f`
 * empty.
 */
int findings_make(struct findings *f, const struct profile *p, const struct skiplist *skip,
                  const struct line_choice *choices, struct suppressions *suppressions,
                  struct error *e);
void findings_release(struct findings *f);

/* "lost-on-error-path", "lost", "cycle", "grows" and so on, as in JSON. */
const char *finding_kind_word(enum finding_kind kind);

/*
 * The command that shows more of a finding in the profile at `path`, quoted for a shell:
 * "memprof top --by temporary -g traceback --include load.c:20 app.mprof".
 */
void finding_command(struct strbuf *out, const struct profile *p, const struct finding *f,
                     const char *path);

#endif

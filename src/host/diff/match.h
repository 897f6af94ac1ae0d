/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which place of one profile is which place of another: across processes,
 * layouts, hosts, paths and builds.  Addresses are never compared.
 *
 * Where the module is the same build in both, a place is the same if function,
 * file and line are, or function and offset without debug information, or the
 * module's offset alone without names.  Places of one build that differ are
 * different places: nothing is guessed.  (A frame that only one side has a name
 * for is left to borrow.h.)
 *
 * Otherwise the places of a function (same module, same name) are paired, per
 * source file, in this order:
 *   by line      the line has the same number, and the function's lines as a
 *                whole did not move by some other distance; where the sources of
 *                both sides can be read, the text is the same too; without
 *                debug information, the offset in the function is the same
 *   by text      the text of the line is the same; of several, the one nearest
 *                to where the function moved
 *   by function  the others, in the order of their lines, unless their texts are
 *                known and have less than half in common
 * A place whose line, read in the other side's source, is still there is not
 * paired with another one: it was just not used in that run.
 * Where the function lies in another file than before, the last two apply.
 */
#ifndef MEMPROF_HOST_MATCH_H
#define MEMPROF_HOST_MATCH_H

#include "src/host/diff/pairing.h"

enum match_tier {
    MATCH_BY_LINE = 0, /* from the surest to the least sure */
    MATCH_BY_TEXT,
    MATCH_BY_FUNCTION,
    MATCH_BY_OFFSET, /* of a module without a name for the place and without a build ID */
    MATCH_NOT,
};
#define MATCH_TIERS 5

struct match {
    struct pairing pairing;
    uint32_t *pairs; /* by old place: the new place, or NO_PLACE */
    uint8_t *tiers;  /* by old place: enum match_tier */
};

/*
 * Both sides' names are in `shared`.  Reads source files, where there are any,
 * for the texts of lines.  0, or -1 with `e` set (out of memory).
 */
int match_init(struct match *match, const struct places *before, const struct places *after,
               const struct strings *shared, struct error *e);
void match_release(struct match *match);

#endif

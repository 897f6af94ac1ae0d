/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that come in pieces (RECORD_TEXT) from several threads at a time: each is
 * gathered until the record that uses it.  There are few at once, since a thread
 * sends a text and its user in one go.
 *
 * What comes is not trusted.  A text whose pieces do not fit together is lost.
 */
#ifndef MEMPROF_HOST_TEXTS_H
#define MEMPROF_HOST_TEXTS_H

#include "src/shared/record.h"

#include <stdbool.h>
#include <stddef.h>

struct texts_entry {
    const void *thread; /* NULL: unused */
    uint32_t length;    /* bytes so far, a multiple of TEXT_PIECE_BYTES */
    char bytes[TEXT_BYTES_MAX + TEXT_PIECE_BYTES];
};

struct texts {
    struct texts_entry *entries;
    uint32_t count;
};

void texts_init(struct texts *t);
void texts_release(struct texts *t);

/*
 * The piece that begins at byte `start` of the text that `thread` (any pointer
 * that tells threads apart) is sending; 0 begins a text.  false: it does not
 * follow the piece before, or memory ran out; the text is lost.
 */
bool texts_piece(struct texts *t, const void *thread, uint64_t start, const uint64_t *words);

/*
 * Take the text that `thread` sent, `length` bytes of it, as a string in `text`.
 * It ends before the first byte that is 0, and bytes that are not UTF-8 are
 * replaced by '?'.  false: it did not come whole; `text` is then "".
 */
bool texts_take(struct texts *t, const void *thread, uint64_t length,
                char text[TEXT_BYTES_MAX + 1]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing text that comes from elsewhere on a terminal.  A symbol, file or
 * thread name may hold escape sequences that would repaint the screen; such
 * characters are shown (\n, \x1b, \u202e) instead of sent.
 */
#ifndef MEMPROF_HOST_ESCAPE_H
#define MEMPROF_HOST_ESCAPE_H

#include "src/host/text/strbuf.h"

#define ESCAPE_PIECE 16

/*
 * Take one character off `*text` and write its safe form, NUL-terminated, to
 * `piece`.  Returns false at the end of the text.  `columns` receives what the
 * form takes on a terminal.
 */
bool escape_next(const char **text, char piece[ESCAPE_PIECE], unsigned *columns);

/* Append the safe form of the whole text. */
void escape_text(struct strbuf *out, const char *text);

/* Columns that the safe form of the text takes. */
size_t escape_columns(const char *text);

#endif

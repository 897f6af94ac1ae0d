/* SPDX-License-Identifier: Apache-2.0 */
/* What the example projects test: a list of words. */
#ifndef WORDS_H
#define WORDS_H

struct word {
    struct word *next;
    char text[32];
};

/* A new word in front of the others; NULL when it is too long. */
struct word *word_add(struct word *words, const char *text);
unsigned word_count(const struct word *words);
void words_free(struct word *words);

#endif

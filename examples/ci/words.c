// SPDX-License-Identifier: Apache-2.0
#include "words.h"

#include <stdlib.h>
#include <string.h>

struct word *word_add(struct word *words, const char *text)
{
    struct word *word = malloc(sizeof(*word));

    if (!word)
        return NULL;
    if (strlen(text) >= sizeof(word->text))
        return NULL; /* the mistake: `word` is lost */
    strcpy(word->text, text);
    word->next = words;
    return word;
}

unsigned word_count(const struct word *words)
{
    unsigned count = 0;

    for (; words; words = words->next)
        count++;
    return count;
}

void words_free(struct word *words)
{
    while (words) {
        struct word *next = words->next;

        free(words);
        words = next;
    }
}

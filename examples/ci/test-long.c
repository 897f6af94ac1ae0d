// SPDX-License-Identifier: Apache-2.0
/* A test that passes, and loses 40 bytes on the way. */
#include "words.h"

#include <stddef.h>

int main(void)
{
    struct word *words = word_add(NULL, "one");
    struct word *none = word_add(words, "a word that is longer than the others by far");
    int failed = none != NULL || word_count(words) != 1;

    words_free(words);
    return failed;
}

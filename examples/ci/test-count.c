// SPDX-License-Identifier: Apache-2.0
/* A test that passes, with and without memprof. */
#include "words.h"

#include <stddef.h>

int main(void)
{
    struct word *words = word_add(word_add(NULL, "one"), "two");
    int failed = word_count(words) != 2;

    words_free(words);
    return failed;
}

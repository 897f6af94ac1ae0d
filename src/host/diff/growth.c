// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/growth.h"

#include <string.h>
#include <strings.h>

#define MILLION 1000000u
#define WHOLE_MAX (UINT64_C(1) << 40) /* of the number as written; keeps products in 64 bits */

/* The number in millionths.  Digits behind the sixth must be 0: they could not be honoured. */
static const char *read_millionths(const char *text, uint64_t *millionths)
{
    uint64_t whole = 0, part = 0, worth = MILLION;

    if (*text < '0' || *text > '9')
        return NULL;
    for (; *text >= '0' && *text <= '9'; text++) {
        whole = whole * 10 + (uint64_t)(*text - '0');
        if (whole >= WHOLE_MAX)
            return NULL;
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            worth /= 10;
            if (worth == 0 && *text != '0')
                return NULL;
            part += worth * (uint64_t)(*text - '0');
        }
    }
    *millionths = whole * MILLION + part;
    return text;
}

/* The power of two that a unit stands for; -1: none. */
static int unit_shift(const char *unit)
{
    static const char letters[] = "KMGT";
    const char *letter;

    if (strcasecmp(unit, "B") == 0)
        return 0;
    for (letter = letters; *letter; letter++)
        if (strncasecmp(unit, letter, 1) == 0 &&
            (unit[1] == '\0' || strcasecmp(unit + 1, "B") == 0 || strcasecmp(unit + 1, "iB") == 0))
            return 10 * (int)(letter - letters + 1);
    return -1;
}

/* `millionths` of 2^shift; a fraction of a byte is cut off. */
static bool scale(uint64_t millionths, int shift, uint64_t *value)
{
    unsigned __int128 product = (unsigned __int128)millionths << shift;

    product /= MILLION;
    *value = (uint64_t)product;
    return product <= INT64_MAX;
}

int growth_parse(struct growth_limit *limit, const char *text, struct error *e)
{
    uint64_t millionths = 0;
    const char *unit = read_millionths(text, &millionths);
    int shift = unit && *unit ? unit_shift(unit) : 0;

    limit->kind = GROWTH_NUMBER;
    if (unit && strcmp(unit, "%") == 0) {
        *limit = (struct growth_limit){GROWTH_SHARE, millionths};
        return 0;
    }
    if (unit && *unit)
        limit->kind = GROWTH_BYTES;
    if (unit && shift >= 0 && scale(millionths, shift, &limit->value))
        return 0;
    return error_set(e, ERROR_INPUT, "'%s' is no limit of growth; write 5%%, 1MiB or 1000", text);
}

bool growth_exceeds(const struct growth_limit *limit, uint64_t before, uint64_t now)
{
    uint64_t more = now - before;

    if (now <= before)
        return false;
    if (limit->kind != GROWTH_SHARE)
        return more > limit->value;
    return before == 0 ||
           (unsigned __int128)more * 100 * MILLION > (unsigned __int128)before * limit->value;
}

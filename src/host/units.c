// SPDX-License-Identifier: Apache-2.0
#include "src/host/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *units_count(char text[UNITS_TEXT], uint64_t count)
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;

    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *units_bytes(char text[UNITS_TEXT], uint64_t bytes, bool exact)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    const size_t last = sizeof units / sizeof *units - 1;
    double value = (double)bytes;
    size_t unit = 0;

    if (exact || bytes < 1024) {
        units_count(text, bytes);
        strcat(text, " B");
        return text;
    }
    /* The thresholds are those of the printed number: 1023.6 KiB would print as 1024. */
    while (unit < last && value >= 1023.5) {
        value /= 1024;
        unit++;
    }
    if (value < 1)
        value = 1;
    snprintf(text, UNITS_TEXT, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

const char *units_share(char text[UNITS_TEXT], uint64_t part, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;

    if (part > 0 && percent < 0.05)
        strcpy(text, "<0.1 %");
    else
        snprintf(text, UNITS_TEXT, "%.1f %%", percent);
    return text;
}

const char *units_seconds(char text[UNITS_TEXT], double seconds)
{
    snprintf(text, UNITS_TEXT, seconds < 99.995 ? "%.2f s" : "%.0f s", seconds);
    return text;
}

// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

const char *units_rate(char text[UNITS_TEXT], double rate, bool exact)
{
    double size = rate < 0 ? -rate : rate;
    char amount[UNITS_TEXT];

    if (size < 9.95 || !(size < 9e18)) /* also what is no number */
        snprintf(text, UNITS_TEXT, size < 9.95 ? "%.1f B/s" : "%.3g B/s", rate);
    else
        snprintf(text, UNITS_TEXT, "%s%.30s/s", rate < 0 ? "-" : "",
                 units_bytes(amount, (uint64_t)(size + 0.5), exact));
    return text;
}

/* The power of 1024 that a unit stands for, or -1. */
static int unit_power(const char *unit)
{
    static const char *const units[] = {"B", "K", "M", "G", "T"};

    if (*unit == '\0')
        return 0;
    for (int i = 0; i < (int)(sizeof units / sizeof *units); i++)
        if (strncasecmp(unit, units[i], 1) == 0 &&
            (unit[1] == '\0' || (i > 0 && strcasecmp(unit + 1, "iB") == 0)))
            return i;
    return -1;
}

bool units_parse_bytes(const char *text, uint64_t *bytes)
{
    size_t whole = strspn(text, "0123456789"), fraction = 0;
    uint64_t value, unit, part = 0, scale = 1;
    int power;

    if (text[whole] == '.')
        fraction = 1 + strspn(text + whole + 1, "0123456789");
    power = unit_power(text + whole + fraction + (text[whole + fraction] == ' '));
    if (whole == 0 || fraction == 1 || power < 0 || (fraction && power == 0))
        return false;
    errno = 0;
    value = strtoull(text, NULL, 10);
    unit = UINT64_C(1) << (10 * power);
    /* Six digits are more than anybody writes. */
    for (size_t i = 1; i < fraction && i <= 6; i++, scale *= 10)
        part = part * 10 + (uint64_t)(text[whole + i] - '0');
    if (errno || value > (UINT64_C(1) << 63) / unit)
        return false;
    *bytes = value * unit + part * unit / scale;
    return *bytes <= UINT64_C(1) << 63;
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

const char *units_time(char text[UNITS_TEXT], double seconds)
{
    if (seconds >= 9.9995 || seconds < 0)
        return units_seconds(text, seconds);
    snprintf(text, UNITS_TEXT, "%.3f s", seconds);
    return text;
}

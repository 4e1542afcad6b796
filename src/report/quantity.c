#include "report/quantity.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

void put_decimal(struct buffer *ret, double value, unsigned decimals)
{
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++)
        scale *= 10;
    if (!(fabs(value) < 1e15)) {
        buffer_put_byte(ret, '?');
        return;
    }
    uint64_t scaled = (uint64_t)(fabs(value) * (double)scale + 0.5);
    if (value < 0 && scaled > 0)
        buffer_put_byte(ret, '-');
    buffer_printf(ret, "%" PRIu64, scaled / scale);
    if (decimals > 0)
        buffer_printf(ret, ".%0*" PRIu64, (int)decimals, scaled % scale);
}

/* Three digits that count, of a value below 1000. */
static void put_three(struct buffer *ret, double value)
{
    put_decimal(ret, value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

void put_duration(struct buffer *ret, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    if (ns == 0) {
        buffer_put_text(ret, "0 s");
    } else if (ns < 100 * NS_PER_MS) {
        put_three(ret, seconds * 1e3);
        buffer_put_text(ret, " ms");
    } else if (seconds < 59.95) {
        put_three(ret, seconds);
        buffer_put_text(ret, " s");
    } else {
        uint64_t s = ns / NS_PER_S + (ns % NS_PER_S >= NS_PER_S / 2);
        if (s < 3600)
            buffer_printf(ret, "%" PRIu64 ":%02" PRIu64, s / 60, s % 60);
        else
            buffer_printf(ret, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600, s / 60 % 60,
                          s % 60);
    }
}

void put_interval(struct buffer *ret, uint64_t ns)
{
    if (ns >= NS_PER_S && ns < 60 * NS_PER_S && ns % NS_PER_S == 0)
        buffer_printf(ret, "%" PRIu64 " s", ns / NS_PER_S);
    else if (ns > 0 && ns < NS_PER_S && ns % NS_PER_MS == 0)
        buffer_printf(ret, "%" PRIu64 " ms", ns / NS_PER_MS);
    else
        put_duration(ret, ns);
}

void put_bytes(struct buffer *ret, uint64_t bytes)
{
    static const char units[][4] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1000) {
        buffer_printf(ret, "%" PRIu64 " B", bytes);
        return;
    }
    double value = (double)bytes;
    unsigned unit = 0;
    while (value >= 999.5) {
        value /= 1024;
        unit++;
    }
    put_three(ret, value);
    buffer_printf(ret, " %s", units[unit]);
}

static void put_prefixed(struct buffer *ret, double value, const char *unit)
{
    static const char *const prefixes[] = {"m", "", "k", "M", "G", "T"};
    size_t i = 0;
    for (value *= 1e3; value >= 999.5 && i + 1 < sizeof prefixes / sizeof prefixes[0]; i++)
        value /= 1e3;
    put_three(ret, value);
    buffer_printf(ret, " %s%s", prefixes[i], unit);
}

void put_energy(struct buffer *ret, double joules)
{
    put_prefixed(ret, joules, "J");
}

void put_mass(struct buffer *ret, double grams)
{
    put_prefixed(ret, grams, "g");
}

void put_count(struct buffer *ret, uint64_t count)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            buffer_put_byte(ret, ',');
        buffer_put_byte(ret, (uint8_t)digits[i]);
    }
}

void put_time(struct buffer *cell, uint64_t ns)
{
    if (ns == 0 || ns >= 1000000)
        put_duration(cell, ns);
    else if (ns < 1000)
        buffer_printf(cell, "%u ns", (unsigned)ns);
    else {
        put_decimal(cell, (double)ns / 1000, ns < 10000 ? 2 : ns < 100000 ? 1 : 0);
        buffer_put_text(cell, " us");
    }
}

void put_percent(struct buffer *ret, double share)
{
    double percent = share * 100;
    if (percent > 0 && percent < 0.1)
        buffer_put_text(ret, "<0.1");
    else
        put_decimal(ret, percent, percent < 9.95 ? 1 : 0);
    buffer_put_text(ret, " %");
}

void put_local_time(struct buffer *ret, uint64_t real_ns)
{
    time_t seconds = (time_t)(real_ns / NS_PER_S);
    struct tm tm;
    char text[64];
    if (localtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &tm) > 0)
        buffer_put_text(ret, text);
}

void put_rfc3339(struct buffer *ret, uint64_t real_ns)
{
    time_t seconds = (time_t)(real_ns / NS_PER_S);
    struct tm tm;
    char text[64];
    if (gmtime_r(&seconds, &tm) != NULL &&
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) > 0)
        buffer_printf(ret, "%s.%09" PRIu64 "Z", text, real_ns % NS_PER_S);
}

void put_signal(struct buffer *ret, int number)
{
    const char *name = sigabbrev_np(number);
    if (name != NULL)
        buffer_printf(ret, "SIG%s", name);
    else
        buffer_printf(ret, "signal %d", number);
}

#include "base/number.h"

#include <string.h>

#include "base/clock.h"

bool text_take_literal(struct text *t, const char *literal)
{
    size_t n = strlen(literal);
    if ((size_t)(t->end - t->at) < n || memcmp(t->at, literal, n) != 0)
        return false;
    t->at += n;
    return true;
}

bool parse_u64(const char *s, uint64_t *ret)
{
    struct text t = text_of(s, strlen(s));
    uint64_t v;
    if (!text_take_u64(&t, &v) || t.at != t.end)
        return false;
    *ret = v;
    return true;
}

/* Nanoseconds in the unit at the cursor; 0 where it is none. */
static uint64_t take_unit_ns(struct text *t)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},
                 {"us", NS_PER_US},
                 {"ms", NS_PER_MS},
                 {"s", NS_PER_S},
                 {"m", 60 * NS_PER_S},
                 {"min", 60 * NS_PER_S},
                 {"h", 3600 * NS_PER_S},
                 {"d", 86400 * NS_PER_S}};
    size_t n = (size_t)(t->end - t->at);
    if (n == 0)
        return NS_PER_S;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == n && memcmp(units[i].name, t->at, n) == 0)
            return units[i].ns;
    return 0;
}

/* ".25" as 25 hundredths; what is finer than nanos is dropped. False: there are no digits. */
static bool take_fraction(struct text *t, uint64_t *numerator, uint64_t *denominator)
{
    bool any = false;
    *numerator = 0;
    *denominator = 1;
    if (!text_take_literal(t, "."))
        return false;
    for (; t->at < t->end && (unsigned char)(*t->at - '0') <= 9; t->at++) {
        any = true;
        if (*denominator < NS_PER_S) {
            *numerator = *numerator * 10 + (uint64_t)(*t->at - '0');
            *denominator *= 10;
        }
    }
    return any;
}

bool parse_decimal(const char *s, double *ret)
{
    struct text t = text_of(s, strlen(s));
    uint64_t whole = 0, numerator, denominator;
    bool has_whole = text_take_u64(&t, &whole);
    bool has_fraction = take_fraction(&t, &numerator, &denominator);
    if ((!has_whole && !has_fraction) || t.at != t.end)
        return false;
    *ret = (double)whole + (double)numerator / (double)denominator;
    return true;
}

bool parse_duration_ns(const char *s, uint64_t *ret_ns)
{
    struct text t = text_of(s, strlen(s));
    uint64_t whole = 0, numerator, denominator;
    bool has_whole = text_take_u64(&t, &whole);
    bool has_fraction = take_fraction(&t, &numerator, &denominator);
    if (!has_whole && !has_fraction)
        return false;
    uint64_t unit = take_unit_ns(&t);
    const uint64_t limit = UINT64_C(100) * 366 * 86400 * NS_PER_S;
    if (unit == 0 || whole > limit / unit)
        return false;
    __extension__ typedef unsigned __int128 wide;
    uint64_t ns = whole * unit + (uint64_t)((wide)numerator * unit / denominator);
    if (ns > limit)
        return false;
    *ret_ns = ns;
    return true;
}

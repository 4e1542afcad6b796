#include "base/calendar.h"

#include <time.h>

#include "base/clock.h"

static bool same_clock_face(const struct tm *a, const struct tm *b)
{
    return a->tm_min == b->tm_min && a->tm_hour == b->tm_hour && a->tm_mday == b->tm_mday;
}

/* Whether clocks showed at both moments, an hour apart, the same. */
static bool same_name(time_t a, time_t b)
{
    struct tm first = {0}, second = {0};
    localtime_r(&a, &first);
    localtime_r(&b, &second);
    return same_clock_face(&first, &second);
}

uint64_t calendar_later_ns(uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / NS_PER_S);
    return same_name(seconds, seconds + 3600) ? time_ns + 3600 * NS_PER_S : time_ns;
}

/* Exactly `digits` digits, at most `max`. */
static bool take_field(struct text *t, int digits, int max, int *ret)
{
    *ret = 0;
    for (; digits > 0; digits--, t->at++) {
        if (t->at == t->end || *t->at < '0' || *t->at > '9')
            return false;
        *ret = *ret * 10 + (*t->at - '0');
    }
    return *ret <= max;
}

/* ".123456" to nanoseconds, as many digits as there are. */
static bool take_fraction(struct text *t, uint64_t *ret_ns)
{
    uint64_t unit = NS_PER_S;
    *ret_ns = 0;
    if (!text_take_literal(t, "."))
        return true;
    const char *from = t->at;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
        unit /= 10;
        *ret_ns += unit * (uint64_t)(*t->at - '0');
    }
    return t->at > from;
}

/* "Z", "+02:00", "+0200"; nothing: local time, and *ret_told stays false. */
static bool take_offset(struct text *t, bool *ret_told, int *ret_s)
{
    int hours, minutes, sign;
    if (t->at == t->end)
        return true;
    *ret_told = true;
    *ret_s = 0;
    if (text_take_literal(t, "Z"))
        return true;
    sign = *t->at == '+' ? 1 : *t->at == '-' ? -1 : 0;
    t->at++;
    if (sign == 0 || !take_field(t, 2, 23, &hours))
        return false;
    text_take_literal(t, ":");
    if (!take_field(t, 2, 59, &minutes))
        return false;
    *ret_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool take_date(struct text *t, struct tm *ret)
{
    return take_field(t, 4, 9999, &ret->tm_year) && text_take_literal(t, "-") &&
           take_field(t, 2, 12, &ret->tm_mon) && text_take_literal(t, "-") &&
           take_field(t, 2, 31, &ret->tm_mday) && ret->tm_mon > 0 && ret->tm_mday > 0;
}

static bool take_time_of_day(struct text *t, struct tm *ret)
{
    return take_field(t, 2, 23, &ret->tm_hour) && text_take_literal(t, ":") &&
           take_field(t, 2, 59, &ret->tm_min) && text_take_literal(t, ":") &&
           take_field(t, 2, 60, &ret->tm_sec);
}

/* mktime(3) is free to choose of two moments of one name, and does: so it is asked for neither. */
static time_t local_seconds(struct tm *tm)
{
    time_t seconds = mktime(tm);
    return seconds > 0 && same_name(seconds, seconds - 3600) ? seconds - 3600 : seconds;
}

bool calendar_parse(struct text t, uint64_t *ret_ns)
{
    struct tm tm = {.tm_isdst = -1};
    uint64_t fraction_ns;
    bool told = false;
    int offset_s = 0;
    if (!take_date(&t, &tm) || (!text_take_literal(&t, " ") && !text_take_literal(&t, "T")) ||
        !take_time_of_day(&t, &tm) || !take_fraction(&t, &fraction_ns) ||
        !take_offset(&t, &told, &offset_s) || t.at != t.end)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = told ? timegm(&tm) - offset_s : local_seconds(&tm);
    if (seconds < 2 * 86400 || (uint64_t)seconds > CALENDAR_END_NS / NS_PER_S)
        return false;
    *ret_ns = (uint64_t)seconds * NS_PER_S + fraction_ns;
    return true;
}

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "format/log_line.h"

#define TIME_MAX_S UINT64_C(8000000000)                      /* the year 2223 */
#define SPAN_MAX_NS (UINT64_C(100) * 366 * 86400 * NS_PER_S) /* of a process: 100 years */

/* ---- time ---- */

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

uint64_t log_line_later_ns(uint64_t time_ns)
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

/* mktime(3) is free to choose of two moments of one name, and does: so it is asked for neither. */
static bool take_local_time(struct text t, uint64_t *ret_ns)
{
    struct tm tm = {.tm_isdst = -1};
    uint64_t fraction_ns;
    bool read = take_field(&t, 4, 9999, &tm.tm_year) && text_take_literal(&t, "-") &&
                take_field(&t, 2, 12, &tm.tm_mon) && text_take_literal(&t, "-") &&
                take_field(&t, 2, 31, &tm.tm_mday) &&
                (text_take_literal(&t, " ") || text_take_literal(&t, "T")) &&
                take_field(&t, 2, 23, &tm.tm_hour) && text_take_literal(&t, ":") &&
                take_field(&t, 2, 59, &tm.tm_min) && text_take_literal(&t, ":") &&
                take_field(&t, 2, 60, &tm.tm_sec) && take_fraction(&t, &fraction_ns);
    if (!read || t.at != t.end || tm.tm_mon == 0 || tm.tm_mday == 0)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t seconds = mktime(&tm);
    if (seconds < 2 * 86400 || (uint64_t)seconds > TIME_MAX_S)
        return false;
    if (same_name(seconds, seconds - 3600))
        seconds -= 3600;
    *ret_ns = (uint64_t)seconds * NS_PER_S + fraction_ns;
    return true;
}

/* ---- values ---- */

static const struct place {
    const char *outer, *key; /* outer "": of the line's own object */
    enum log_line_field field;
    uint64_t scale, max;
} places[] = {
    {"memory_info", "rss", LOG_LINE_RSS, 1, UINT64_MAX},
    {"memory_info", "vms", LOG_LINE_VMS, 1, UINT64_MAX},
    {"memory_info", "pfaults", LOG_LINE_FAULTS, 1, UINT64_MAX},
    {"memory_info", "pageins", LOG_LINE_MAJOR_FAULTS, 1, UINT64_MAX},
    {"cpu_times", "user", LOG_LINE_USER, NS_PER_S, UINT64_MAX},
    {"cpu_times", "system", LOG_LINE_SYSTEM, NS_PER_S, UINT64_MAX},
    {"cpu_times", "children_user", LOG_LINE_CHILDREN_USER, NS_PER_S, UINT64_MAX},
    {"cpu_times", "children_system", LOG_LINE_CHILDREN_SYSTEM, NS_PER_S, UINT64_MAX},
    {"cpu_times", "iowait", LOG_LINE_IOWAIT, NS_PER_S, UINT64_MAX},
    {"", "elapsed_time", LOG_LINE_ELAPSED, NS_PER_S, SPAN_MAX_NS},
    {"", "pid", LOG_LINE_PID, 1, INT_MAX},
};

static const struct place *place_of(const struct json_value *value)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (value->depth == (places[i].outer[0] == '\0' ? 1 : 2) &&
            json_is(value->key, places[i].key) && json_is(value->outer, places[i].outer))
            return &places[i];
    return NULL;
}

static bool is_null(const struct json_value *value)
{
    return value->type == JSON_WORD && json_is(value->text, "null");
}

/* NULL, or what is wrong with it. */
static const char *take_number(const struct json_value *value, const struct place *place,
                               struct log_line *ret)
{
    uint64_t number;
    if (value->type != JSON_NUMBER)
        return "not a number where one should be";
    if (!json_scaled(value->text, place->scale, &number) || number > place->max ||
        (place->field == LOG_LINE_PID && number == 0))
        return "a number that cannot be";
    ret->value[place->field] = number;
    ret->known |= UINT32_C(1) << place->field;
    return NULL;
}

static const char *take_value(const struct json_value *value, struct buffer *scratch,
                              struct log_line *ret)
{
    const struct place *place = place_of(value);
    if (is_null(value))
        return NULL;
    if (place != NULL)
        return take_number(value, place, ret);
    if (value->depth != 1 || value->type != JSON_STRING)
        return NULL;
    if (json_is(value->key, "timestamp") && !take_local_time(value->text, &ret->time_ns))
        return "a timestamp that is no time";
    if (json_is(value->key, "label")) {
        buffer_clear(scratch);
        json_string_put(scratch, value->text);
    }
    return NULL;
}

/* ---- lines ---- */

/* Where the object begins that follows a marker; NULL for none. */
static const char *find_object(const char *line, size_t n, enum log_line_kind *ret)
{
    const char *marker = memmem(line, n, LOG_LINE_MARKER, sizeof LOG_LINE_MARKER - 1);
    if (marker == NULL)
        return NULL;
    marker += sizeof LOG_LINE_MARKER - 1;
    struct text t = {marker, line + n};
    *ret = text_take_literal(&t, "-START")  ? LOG_LINE_FIRST
           : text_take_literal(&t, "-STOP") ? LOG_LINE_LAST
                                            : LOG_LINE_NEXT;
    return memchr(t.at, '{', (size_t)(t.end - t.at));
}

static int refuse(struct log_line_error *error, const char *message, const char *at,
                  const char *line)
{
    *error = (struct log_line_error){(size_t)(at - line), message};
    return -EPROTO;
}

int log_line_parse(const char *line, size_t n, struct buffer *scratch, struct log_line *ret,
                   struct log_line_error *error)
{
    struct log_line found = {0};
    const char *object = find_object(line, n, &found.kind);
    if (object == NULL)
        return 0;
    struct json_reader reader = json_read((struct text){object, line + n});
    struct json_value value;
    int r;
    buffer_clear(scratch);
    while ((r = json_next(&reader, &value)) == 1) {
        const char *wrong = take_value(&value, scratch, &found);
        if (wrong != NULL)
            return refuse(error, wrong, value.text.at, line);
    }
    if (r < 0)
        return refuse(error, reader.text.at == line + n ? "cut off" : "not JSON", reader.text.at,
                      line);
    if (found.time_ns == 0)
        return refuse(error, "no timestamp", object, line);
    if (scratch->failed)
        return -ENOMEM;
    found.label = (struct span){scratch->data, scratch->len};
    *ret = found;
    return 1;
}

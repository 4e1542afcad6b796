#include <errno.h>
#include <limits.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "format/log_line.h"

#define SPAN_MAX_NS (UINT64_C(100) * 366 * 86400 * NS_PER_S) /* of a process: 100 years */

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
    if (json_is(value->key, "timestamp") && !calendar_parse(value->text, &ret->time_ns))
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

/*
 * Fields: what one may ask to see of a table, and how a choice of them is read. Used by every table
 * and by live rows; knows neither recordings nor formats.
 */
#ifndef TACHO_EXPORT_FIELDS_H
#define TACHO_EXPORT_FIELDS_H

#include <tacho/recording.h>

#include "export/cell.h"
#include "format/metric.h"

#define FIELDS_MAX 256
#define FIELD_NAME_BYTES 64

/*
 * Units and helps are borrowed: from the catalogue of metrics, from a recording, or static. `code`
 * and `type` are what the table that offers the field makes of it.
 */
struct field {
    char name[FIELD_NAME_BYTES]; /* letters, digits and underscores */
    const char *unit;            /* as exported: "s" where the metric has ns */
    const char *help;            /* "" where nothing is known */
    uint16_t code;
    uint8_t type; /* enum cell_type */
    bool by_default;
};

struct field_list {
    size_t n;
    struct field fields[FIELDS_MAX];
};

/*
 * Adds `field` under the name `prefix``name`. Leaves out what comes twice, names that would need
 * quoting, and what exceeds FIELDS_MAX.
 */
void field_list_add(struct field_list *list, const char *prefix, const char *name,
                    const struct field *field);

/* The fields chosen, as columns of a table. Not to be moved: columns point at the names. */
struct field_choice {
    size_t n;
    struct field fields[FIELDS_MAX];
    struct column columns[FIELDS_MAX];
};

/*
 * Chooses by a list "rss,cpu_percent"; "default" and "all" in it stand for what they say, NULL for
 * "default". Each field comes once, where it is named first. 0, or -EINVAL with a message that
 * names what comes nearest.
 */
int field_choice_parse(const struct field_list *list, const char *names, struct field_choice *ret,
                       struct tacho_error *error);

/* Whether `name` is one of the `n` names. */
bool name_among(const char *name, const char *const *names, size_t n);

/* How a metric's unit is exported. */
enum cell_type field_type_of_unit(const char *unit);
const char *field_unit_of(const char *unit);

/*
 * The metrics of one kind of entity, by position in `value` arrays: those of a recording, whatever
 * made it, or with NULL those of this build. What this build knows and the recording has not
 * follows at positions of METRICS_MAX and more; it is always missing.
 */
struct metric_field {
    const char *name, *unit, *help;
    unsigned position;
    bool cumulative;
};
struct metric_list {
    size_t n;
    struct metric_field metrics[2 * METRICS_MAX];
};
void metric_list_of(const struct tacho_recording *rec, unsigned kind, struct metric_list *ret);

/* Position of a metric by name; METRICS_MAX when it is not there. */
unsigned metric_list_find(const struct metric_list *list, const char *name);

#endif

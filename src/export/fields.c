#include "export/fields.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEAREST_MAX 3

static bool is_plain_name(const char *name)
{
    return name[0] != '\0' &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
               '\0';
}

static const struct field *find(const struct field_list *list, const char *name, size_t n)
{
    for (size_t i = 0; i < list->n; i++)
        if (strlen(list->fields[i].name) == n && memcmp(list->fields[i].name, name, n) == 0)
            return &list->fields[i];
    return NULL;
}

void field_list_add(struct field_list *list, const char *prefix, const char *name,
                    const struct field *field)
{
    if (list->n == FIELDS_MAX)
        return;
    struct field *added = &list->fields[list->n];
    *added = *field;
    int n = snprintf(added->name, sizeof added->name, "%s%s", prefix, name);
    if (n >= (int)sizeof added->name || !is_plain_name(added->name) ||
        find(list, added->name, (size_t)n) != NULL)
        return;
    list->n++;
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions and replacements that make one name of the other. */
static unsigned distance(const char *a, size_t a_n, const char *b)
{
    unsigned row[FIELD_NAME_BYTES + 1];
    size_t b_n = strlen(b);
    for (unsigned j = 0; j <= b_n; j++)
        row[j] = j;
    for (size_t i = 0; i < a_n; i++) {
        unsigned diagonal = row[0];
        row[0]++;
        for (size_t j = 0; j < b_n; j++) {
            unsigned above = row[j + 1];
            row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[b_n];
}

#define UNLIKE_MAX 3

/* How unlike: the distance, while that is small for the length; a name that holds the other comes
 * last. */
static unsigned unlikeness(const char *name, size_t n, const char *other)
{
    char asked[FIELD_NAME_BYTES];
    if (n >= sizeof asked)
        return UINT32_MAX;
    memcpy(asked, name, n);
    asked[n] = '\0';
    unsigned d = distance(name, n, other);
    if (d <= (n < 4 ? 1 : n < 8 ? 2 : UNLIKE_MAX))
        return d;
    bool holds = n > 2 && (strstr(other, asked) != NULL || strstr(asked, other) != NULL);
    return holds ? UNLIKE_MAX : UINT32_MAX;
}

static int unknown_field(const struct field_list *list, const char *name, size_t n,
                         struct tacho_error *error)
{
    size_t used = 0;
    char nearest[NEAREST_MAX * (FIELD_NAME_BYTES + 2)] = "";
    unsigned found = 0;
    for (unsigned d = 0; d <= UNLIKE_MAX && found < NEAREST_MAX; d++) {
        for (size_t i = 0; i < list->n && found < NEAREST_MAX; i++) {
            if (unlikeness(name, n, list->fields[i].name) != d)
                continue;
            used += (size_t)snprintf(nearest + used, sizeof nearest - used, "%s%s",
                                     found++ > 0 ? ", " : "", list->fields[i].name);
        }
    }
    if (error != NULL) {
        int shown = n < FIELD_NAME_BYTES ? (int)n : FIELD_NAME_BYTES;
        *error = (struct tacho_error){.code = -EINVAL};
        snprintf(error->message, sizeof error->message, "unknown field '%.*s'%s%s%s", shown, name,
                 found > 0 ? "; nearest: " : "", nearest,
                 found > 0 ? "" : "; --fields help lists all");
    }
    return -EINVAL;
}

static void choose(struct field_choice *choice, const struct field *field)
{
    for (size_t i = 0; i < choice->n; i++)
        if (strcmp(choice->fields[i].name, field->name) == 0)
            return;
    struct field *chosen = &choice->fields[choice->n];
    *chosen = *field;
    choice->columns[choice->n++] =
        (struct column){.name = chosen->name, .n = (uint32_t)strlen(chosen->name)};
}

static bool choose_set(const struct field_list *list, const char *name, size_t n,
                       struct field_choice *choice)
{
    bool all = n == 3 && memcmp(name, "all", 3) == 0;
    if (!all && !(n == 7 && memcmp(name, "default", 7) == 0))
        return false;
    for (size_t i = 0; i < list->n; i++)
        if (all || list->fields[i].by_default)
            choose(choice, &list->fields[i]);
    return true;
}

int field_choice_parse(const struct field_list *list, const char *names, struct field_choice *ret,
                       struct tacho_error *error)
{
    ret->n = 0;
    if (names == NULL)
        names = "default";
    for (;;) {
        size_t n = strcspn(names, ",");
        const struct field *field = find(list, names, n);
        if (field != NULL)
            choose(ret, field);
        else if (!choose_set(list, names, n, ret))
            return unknown_field(list, names, n, error);
        if (names[n] == '\0')
            return 0;
        names += n + 1;
    }
}

static const struct {
    const char *unit, *exported;
    enum cell_type type;
} units[] = {
    {"ns", "s", CELL_SECONDS},
    {"1/1000", "", CELL_THOUSANDTHS},
    {"letter", "letter", CELL_LETTER},
};

bool name_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

enum cell_type field_type_of_unit(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].unit, unit) == 0)
            return units[i].type;
    return CELL_NUMBER;
}

const char *field_unit_of(const char *unit)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].unit, unit) == 0)
            return units[i].exported;
    return unit;
}

static const struct metric *known_metric(const struct kind_info *info, const char *name)
{
    for (unsigned m = 0; info != NULL && m < info->metric_count; m++)
        if (strcmp(info->metrics[m].name, name) == 0)
            return &info->metrics[m];
    return NULL;
}

unsigned metric_list_find(const struct metric_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->metrics[i].name, name) == 0)
            return list->metrics[i].position;
    return METRICS_MAX;
}

void metric_list_of(const struct tacho_recording *rec, unsigned kind, struct metric_list *ret)
{
    const struct kind_info *info = kind_info(kind);
    ret->n = 0;
    unsigned recorded = rec == NULL ? 0 : tacho_metric_count(rec, kind);
    for (unsigned m = 0; m < recorded && m < METRICS_MAX; m++) {
        const struct tacho_metric *metric = tacho_metric(rec, kind, m);
        if (metric == NULL || metric->name == NULL)
            continue;
        const struct metric *known = known_metric(info, metric->name);
        ret->metrics[ret->n++] = (struct metric_field){.name = metric->name,
                                                       .unit = metric->unit,
                                                       .help = known == NULL ? "" : known->help,
                                                       .position = m,
                                                       .cumulative = metric->cumulative};
    }
    for (unsigned m = 0; info != NULL && m < info->metric_count; m++) {
        const struct metric *metric = &info->metrics[m];
        if (metric_list_find(ret, metric->name) != METRICS_MAX)
            continue;
        ret->metrics[ret->n++] = (struct metric_field){.name = metric->name,
                                                       .unit = metric->unit,
                                                       .help = metric->help,
                                                       .position = rec == NULL ? m : METRICS_MAX,
                                                       .cumulative = metric->cumulative};
    }
}

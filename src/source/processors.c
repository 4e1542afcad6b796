#include "source/processors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "source/key_lines.h"

#define CPUINFO_CAP ((size_t)256 * 1024)
#define PROCESSORS_LISTED_MAX 65536

/* ---- the model ---- */

static void text_copy(char ret[HOST_TEXT_CAP], struct text text)
{
    size_t n = (size_t)(text.end - text.at);
    if (n >= HOST_TEXT_CAP)
        n = HOST_TEXT_CAP - 1;
    memcpy(ret, text.at, n);
    ret[n] = '\0';
}

/* The value of the first line "key<blanks>: value"; false where there is none. */
static bool cpuinfo_value(struct text t, const char *key, struct text *ret)
{
    do {
        struct text line = t;
        if (!text_take_literal(&line, key))
            continue;
        text_skip_blanks(&line);
        if (!text_take_literal(&line, ":"))
            continue;
        text_skip_blanks(&line);
        const char *newline = memchr(line.at, '\n', (size_t)(line.end - line.at));
        if (newline == NULL || newline == line.at)
            continue;
        *ret = (struct text){line.at, newline};
        return true;
    } while (text_skip_past_newline(&t));
    return false;
}

/* 64-bit ARM gives only numbers; these are the parts met in servers and boards. */
static const struct {
    const char *implementer, *part, *name;
} arm_parts[] = {
    {"0x41", "0xd03", "ARM Cortex-A53"},   {"0x41", "0xd08", "ARM Cortex-A72"},
    {"0x41", "0xd0b", "ARM Cortex-A76"},   {"0x41", "0xd0c", "ARM Neoverse-N1"},
    {"0x41", "0xd40", "ARM Neoverse-V1"},  {"0x41", "0xd49", "ARM Neoverse-N2"},
    {"0x41", "0xd4f", "ARM Neoverse-V2"},  {"0x41", "0xd83", "ARM Neoverse-V3AE"},
    {"0x41", "0xd84", "ARM Neoverse-V3"},  {"0x46", "0x001", "Fujitsu A64FX"},
    {"0x43", "0x0af", "Cavium ThunderX2"}, {"0x48", "0xd01", "HiSilicon Kunpeng 920"},
    {"0xc0", "0xac3", "Ampere-1"},         {"0xc0", "0xac4", "Ampere-1A"},
};

static bool text_is(struct text t, const char *word)
{
    return text_take_literal(&t, word) && t.at == t.end;
}

static void arm_model_put(struct text implementer, struct text part, char ret[HOST_TEXT_CAP])
{
    for (size_t i = 0; i < ARRAY_LEN(arm_parts); i++)
        if (text_is(implementer, arm_parts[i].implementer) && text_is(part, arm_parts[i].part)) {
            text_copy(ret, text_of(arm_parts[i].name, strlen(arm_parts[i].name)));
            return;
        }
    char model[HOST_TEXT_CAP] = "ARM implementer ";
    size_t at = strlen(model);
    const struct text pieces[] = {implementer, text_of(" part ", 6), part};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        size_t n = (size_t)(pieces[i].end - pieces[i].at);
        if (n > sizeof model - at)
            n = sizeof model - at;
        memcpy(model + at, pieces[i].at, n);
        at += n;
    }
    text_copy(ret, text_of(model, at));
}

/*
 * x86 and others say "model name", 32-bit ARM "Hardware", MIPS "cpu model", POWER "cpu", RISC-V
 * "uarch".
 */
void processor_model_parse(const char *text, size_t n, char ret[HOST_TEXT_CAP])
{
    static const char *const keys[] = {"model name", "Hardware", "cpu model", "cpu", "uarch"};
    struct text t = text_of(text, n), value, implementer;
    ret[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (cpuinfo_value(t, keys[i], &value)) {
            text_copy(ret, value);
            return;
        }
    if (cpuinfo_value(t, "CPU part", &value) && cpuinfo_value(t, "CPU implementer", &implementer))
        arm_model_put(implementer, value, ret);
}

/* Of a large machine's cpuinfo the first part is enough, but that "Hardware" stands at the end. */
static int model_read(const struct source_root *root, struct host_facts *facts)
{
    _free_ char *text = malloc(CPUINFO_CAP);
    if (text == NULL)
        return -ENOMEM;
    ssize_t n = source_read_at(root->proc_fd, "cpuinfo", text, CPUINFO_CAP);
    processor_model_parse(text, n > 0 ? (size_t)n : 0, facts->cpu_model);
    return 0;
}

/* ---- the places ---- */

int processor_list_parse(const char *text, size_t n, struct processor_place **ret, size_t *ret_n)
{
    struct text t = text_of(text, n);
    _free_ struct processor_place *places = NULL;
    size_t n_places = 0;
    uint64_t next = 0; /* the lowest that may follow */
    do {
        uint64_t first, last;
        if (!text_take_u64(&t, &first))
            return -EPROTO;
        last = first;
        if (text_take_literal(&t, "-") && !text_take_u64(&t, &last))
            return -EPROTO;
        if (first < next || last < first || last >= PROCESSORS_LISTED_MAX)
            return -EPROTO;
        next = last + 1;
        size_t grown_n = n_places + (size_t)(next - first);
        struct processor_place *grown = realloc(places, grown_n * sizeof *places);
        if (grown == NULL)
            return -ENOMEM;
        places = grown;
        for (; first < next; first++)
            places[n_places++] = (struct processor_place){.processor = (uint32_t)first};
    } while (text_take_literal(&t, ","));
    if (t.at == t.end || *t.at != '\n')
        return -EPROTO;
    *ret = STEAL(places);
    *ret_n = n_places;
    return 0;
}

/*
 * Core and package of one processor. A virtual machine's package may be -1: then it is one
 * package.
 */
static bool place_read(const struct source_root *root, struct processor_place *place)
{
    char name[80];
    uint64_t core, package;
    snprintf(name, sizeof name, "devices/system/cpu/cpu%u/topology/core_id", place->processor);
    if (source_number_at(root->sys_fd, name, &core) != 0 || core > UINT32_MAX)
        return false;
    snprintf(name, sizeof name, "devices/system/cpu/cpu%u/topology/physical_package_id",
             place->processor);
    int rc = source_number_at(root->sys_fd, name, &package);
    if (rc == -EPROTO)
        package = 0;
    else if (rc != 0 || package > UINT32_MAX)
        return false;
    place->core = (uint32_t)core;
    place->package = (uint32_t)package;
    return true;
}

static int compare_places(const void *a, const void *b)
{
    const struct processor_place *left = a, *right = b;
    if (left->package != right->package)
        return left->package < right->package ? -1 : 1;
    return (left->core > right->core) - (left->core < right->core);
}

/* Sorts a copy, so that the threads of a core and the cores of a package stand together. */
static int places_count(struct host_facts *facts)
{
    size_t n = facts->processors;
    _free_ struct processor_place *sorted = malloc(n * sizeof *sorted);
    if (sorted == NULL)
        return -ENOMEM;
    memcpy(sorted, facts->place, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare_places);
    for (size_t i = 0; i < n; i++) {
        facts->cores += i == 0 || compare_places(&sorted[i - 1], &sorted[i]) != 0;
        facts->packages += i == 0 || sorted[i - 1].package != sorted[i].package;
    }
    return 0;
}

static int places_read(const struct source_root *root, struct host_facts *facts)
{
    char text[4096];
    _free_ struct processor_place *places = NULL;
    size_t n_places;
    ssize_t n = root->sys_fd < 0
                    ? -ENOENT
                    : source_read_at(root->sys_fd, "devices/system/cpu/online", text, sizeof text);
    int rc = n < 0 ? (int)n : processor_list_parse(text, (size_t)n, &places, &n_places);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0) {
        long online = root->procfs ? sysconf(_SC_NPROCESSORS_ONLN) : 0;
        facts->processors = online > 0 ? (uint32_t)online : 0;
        return 0;
    }
    facts->processors = (uint32_t)n_places;
    for (size_t i = 0; i < n_places; i++)
        if (!place_read(root, &places[i]))
            return 0;
    facts->place = STEAL(places);
    return places_count(facts);
}

int processors_read(const struct source_root *root, struct host_facts *facts)
{
    int rc = model_read(root, facts);
    if (rc == 0)
        rc = places_read(root, facts);
    if (rc != 0)
        host_facts_done(facts);
    return rc;
}

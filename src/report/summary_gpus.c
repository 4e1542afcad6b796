/* GPUs in the terminal's and the JSON summary: what each did, and which processes held them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "report/columns.h"
#include "report/quantity.h"
#include "report/summary_parts.h"

#define GPUS_SHOWN 16
#define HOLDERS_SHOWN 6
#define INDENT 2

static const struct columns gpu_columns = {
    .count = 9,
    .column = {{"busy", false, 0},
               {"at most", false, 6},
               {"memory", false, 0},
               {"of", false, 5},
               {"energy", false, 1},
               {"power", false, 2},
               {"heat", false, 3},
               {"throttled", false, 4},
               {"GPU", true, 0}},
};

static const struct columns holder_columns = {
    .count = 4,
    .column = {{"GPU memory", false, 0},
               {"at most busy", false, 2},
               {"pid", false, 1},
               {"command", true, 0}},
};

static void put_scaled(struct buffer *ret, uint64_t value, double unit, const char *name)
{
    double v = (double)value / unit;
    if (value == GPU_UNKNOWN) {
        buffer_put_byte(ret, '-');
        return;
    }
    put_decimal(ret, v, v < 10 ? 2 : v < 100 ? 1 : 0);
    buffer_printf(ret, " %s", name);
}

static void put_joules(struct buffer *ret, uint64_t uj)
{
    if (uj == GPU_UNKNOWN)
        buffer_put_byte(ret, '-');
    else
        put_energy(ret, (double)uj / 1e6);
}

static void put_share(struct buffer *ret, double share)
{
    if (isnan(share))
        buffer_put_byte(ret, '-');
    else
        put_percent(ret, share);
}

static void put_bytes_or_dash(struct buffer *ret, uint64_t bytes)
{
    if (bytes == GPU_UNKNOWN)
        buffer_put_byte(ret, '-');
    else
        put_bytes(ret, bytes);
}

static void put_throttled(struct buffer *ret, const struct gpu_row *gpu)
{
    if (gpu->throttled_ns == GPU_UNKNOWN) {
        buffer_put_byte(ret, '-');
    } else if (gpu->throttle_reasons == 0) {
        buffer_put_text(ret, "no");
    } else {
        put_duration(ret, gpu->throttled_ns);
        const char *word;
        for (unsigned i = 0; (word = gpu_throttle_word(gpu->throttle_reasons, i)) != NULL; i++)
            buffer_printf(ret, ", %s", word);
    }
}

static void put_gpu(struct columns *table, const struct gpu_row *gpu)
{
    bool bad = gpu->ecc_uncorrected != GPU_UNKNOWN && gpu->ecc_uncorrected > 0;
    struct buffer *cell = columns_add(table, bad ? INK_BAD : INK_PLAIN);
    put_share(&cell[0], gpu->utilization);
    put_share(&cell[1], gpu->peak_utilization);
    put_bytes_or_dash(&cell[2], gpu->peak_memory_bytes);
    put_bytes_or_dash(&cell[3], gpu->memory_bytes);
    put_joules(&cell[4], gpu->energy_uj);
    put_scaled(&cell[5], gpu->peak_power_mw, 1e3, "W");
    if (gpu->peak_temperature_c == GPU_UNKNOWN)
        buffer_put_byte(&cell[6], '-');
    else
        buffer_printf(&cell[6], "%u C", (unsigned)gpu->peak_temperature_c);
    put_throttled(&cell[7], gpu);
    buffer_printf(&cell[8], "%s  %s", gpu->number, gpu->name != NULL ? gpu->name : "");
    if (bad) {
        buffer_put_text(&cell[8], "; memory errors: ");
        put_count(&cell[8], gpu->ecc_uncorrected);
    }
}

/* ---- who held their memory ---- */

static uint64_t held_by(const struct summary *s, size_t row)
{
    const struct process_row *p = &s->rows[row];
    return (p->known >> PROCESS_GPU_MEMORY & 1) != 0 ? p->value[PROCESS_GPU_MEMORY] : 0;
}

/* The one that held most of those that held less than `row` did, or as much and come later. */
static size_t next_holder(const struct summary *s, size_t row)
{
    size_t best = SUMMARY_NOBODY;
    for (size_t i = 0; i < s->row_count; i++) {
        uint64_t held = held_by(s, i);
        bool after =
            row == SUMMARY_NOBODY || held < held_by(s, row) || (held == held_by(s, row) && i > row);
        if (held > 0 && after && (best == SUMMARY_NOBODY || held > held_by(s, best)))
            best = i;
    }
    return best;
}

static void put_holders(const struct page *page, const struct summary *s)
{
    size_t row = next_holder(s, SUMMARY_NOBODY);
    struct columns *table = row == SUMMARY_NOBODY ? NULL : columns_new(page, &holder_columns);
    if (table == NULL)
        return;
    for (size_t n = 0; n < HOLDERS_SHOWN && row != SUMMARY_NOBODY; n++) {
        const struct tacho_process *p = tacho_process(s->rec, row);
        const struct process_row *r = &s->rows[row];
        struct buffer *cell = columns_add(table, INK_PLAIN);
        put_bytes(&cell[0], held_by(s, row));
        put_share(&cell[1], (r->known >> PROCESS_GPU_UTILIZATION & 1) != 0
                                ? (double)r->value[PROCESS_GPU_UTILIZATION] / 1000
                                : NAN);
        if (p->pid != 0)
            buffer_printf(&cell[2], "%d", p->pid);
        put_command_line(&cell[3], p);
        row = next_holder(s, row);
    }
    page_end_line(page);
    page_line(page, INK_STRONG, 0, "On GPUs", 7);
    columns_put(page, table, INDENT);
    free(table);
}

void summary_put_gpus(const struct page *page, const struct summary *s)
{
    struct columns *table = s->gpus.count == 0 ? NULL : columns_new(page, &gpu_columns);
    if (table == NULL)
        return;
    for (size_t i = 0; i < s->gpus.count && i < GPUS_SHOWN; i++)
        put_gpu(table, &s->gpus.row[i]);
    struct buffer words = {0};
    buffer_put_text(&words, "GPUs, with what others do on them");
    if (s->gpus.count > GPUS_SHOWN) {
        buffer_put_text(&words, ", the first of ");
        put_count(&words, s->gpus.count);
    }
    page_end_line(page);
    page_line(page, INK_STRONG, 0, words.data, words.len);
    columns_put(page, table, INDENT);
    free(table);
    buffer_done(&words);
    put_holders(page, s);
}

/* ---- for programs ---- */

static void put_one(struct json *j, const struct gpu_row *gpu)
{
    struct text t = text_of(gpu->number, strlen(gpu->number));
    uint64_t index;
    const char *word;
    bool throttle_known = gpu->throttled_ns != GPU_UNKNOWN;
    double energy = gpu->energy_uj == GPU_UNKNOWN ? NAN : (double)gpu->energy_uj / 1e6;
    double power = gpu->peak_power_mw == GPU_UNKNOWN ? NAN : (double)gpu->peak_power_mw / 1e3;
    json_begin(j, NULL, '{');
    json_number(j, "index", text_take_u64(&t, &index) && t.at == t.end ? index : GPU_UNKNOWN);
    json_text(j, "name", gpu->name);
    json_real(j, "mean_utilization", gpu->utilization);
    json_real(j, "peak_utilization", gpu->peak_utilization);
    json_number(j, "memory_bytes", gpu->memory_bytes);
    json_number(j, "peak_memory_bytes", gpu->peak_memory_bytes);
    json_number(j, "peak_target_memory_bytes", gpu->peak_target_bytes);
    json_number(j, "peak_unmapped_memory_bytes", gpu->peak_unmapped_bytes);
    json_real(j, "energy_j", energy);
    json_real(j, "peak_power_w", power);
    json_number(j, "peak_temperature_c", gpu->peak_temperature_c);
    json_seconds(j, "throttled_s", gpu->throttled_ns);
    if (throttle_known) {
        json_begin(j, "throttle_reasons", '[');
        for (unsigned i = 0; (word = gpu_throttle_word(gpu->throttle_reasons, i)) != NULL; i++)
            json_text(j, NULL, word);
        json_end(j, ']');
    } else {
        json_null(j, "throttle_reasons");
    }
    json_number(j, "uncorrected_errors", gpu->ecc_uncorrected);
    json_end(j, '}');
}

void json_put_gpus(struct json *j, const struct summary *s)
{
    if (s->gpus.count == 0) {
        json_null(j, "gpu");
        return;
    }
    json_begin(j, "gpu", '[');
    for (size_t i = 0; i < s->gpus.count; i++)
        put_one(j, &s->gpus.row[i]);
    json_end(j, ']');
}

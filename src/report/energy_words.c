#include "report/energy_words.h"

#include <math.h>

#include "base/clock.h"
#include "report/quantity.h"

#define JOULES_A_UJ 1e-6

static bool is_known(const struct summary *s)
{
    return s->energy.total_uj != SUMMARY_UNKNOWN;
}

static double total_joules(const struct summary *s)
{
    return (double)s->energy.total_uj * JOULES_A_UJ;
}

static double mean_watts(const struct summary *s)
{
    return total_joules(s) / ((double)s->energy.span_ns / (double)NS_PER_S);
}

bool energy_is_estimated(const struct summary *s)
{
    return !isnan(s->energy.joules_per_cpu_s);
}

void put_energy_of_cpu(struct buffer *ret, const struct summary *s, uint64_t cpu_ns)
{
    double joules = energy_of_cpu(&s->energy, cpu_ns);
    if (isnan(joules)) {
        buffer_put_byte(ret, '-');
        return;
    }
    buffer_put_byte(ret, '~');
    put_energy(ret, joules);
}

static void put_estimate(const struct page *page, const struct summary *s)
{
    struct buffer words = {0};
    double joules = energy_of_cpu(&s->energy, s->cpu.total_ns);
    if (!isnan(joules)) {
        put_energy_of_cpu(&words, s, s->cpu.total_ns);
        buffer_put_text(&words, " of it the job's, by its share of the CPU time in use");
        page_more(page, INK_FAINT, &words);
    }
    if (!isnan(s->energy.carbon_g_per_kwh)) {
        buffer_clear(&words);
        put_mass(&words, energy_carbon_g(&s->energy, total_joules(s)));
        buffer_put_text(&words, " of CO2");
        if (!isnan(joules)) {
            buffer_put_text(&words, ", ~");
            put_mass(&words, energy_carbon_g(&s->energy, joules));
            buffer_put_text(&words, " of it the job's");
        }
        page_more(page, INK_FAINT, &words);
    }
    page->out->failed |= words.failed;
    buffer_done(&words);
}

void energy_put_text(const struct page *page, const struct summary *s)
{
    struct buffer figure = {0}, words = {0};
    if (!is_known(s))
        return;
    put_energy(&figure, total_joules(s));
    buffer_put_text(&words, "by the machine's processors and their memory, ");
    put_decimal(&words, mean_watts(s), 1);
    buffer_put_text(&words, " W on average");
    page_figure(page, "Energy", &figure, &words);
    put_estimate(page, s);
    page->out->failed |= figure.failed || words.failed;
    buffer_done(&figure);
    buffer_done(&words);
}

/* ---- for programs ---- */

static void put_domains(struct json *j, const struct energy_use *e)
{
    json_begin(j, "domains", '[');
    for (size_t i = 0; i < e->domains; i++) {
        uint64_t first = e->domain[i].first_uj, last = e->domain[i].last_uj;
        json_begin(j, NULL, '{');
        json_text(j, "name", e->domain[i].name);
        json_real(j, "joules", last >= first ? (double)(last - first) * JOULES_A_UJ : NAN);
        json_end(j, '}');
    }
    json_end(j, ']');
}

void json_put_energy(struct json *j, const struct summary *s)
{
    const struct energy_use *e = &s->energy;
    double joules = energy_of_cpu(e, s->cpu.total_ns);
    if (!is_known(s)) {
        json_null(j, "energy");
        return;
    }
    json_begin(j, "energy", '{');
    json_real(j, "total_j", total_joules(s));
    json_real(j, "mean_w", mean_watts(s));
    json_real(j, "joules_per_cpu_s", e->joules_per_cpu_s);
    json_real(j, "job_j", joules);
    put_domains(j, e);
    if (isnan(e->carbon_g_per_kwh)) {
        json_null(j, "carbon");
    } else {
        json_begin(j, "carbon", '{');
        json_real(j, "g_per_kwh", e->carbon_g_per_kwh);
        json_real(j, "total_g", energy_carbon_g(e, total_joules(s)));
        json_real(j, "job_g", energy_carbon_g(e, joules));
        json_end(j, '}');
    }
    json_end(j, '}');
}

void json_put_energy_of_cpu(struct json *j, const struct summary *s, uint64_t cpu_ns)
{
    json_real(j, "energy_j", energy_of_cpu(&s->energy, cpu_ns));
}

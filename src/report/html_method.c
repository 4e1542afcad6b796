/* The end of the page: how it was measured, what is not known, what measuring took. */
#include "report/html_parts.h"
#include "report/quantity.h"
#include "report/receipt.h"
#include "report/summary_parts.h"

static void put_fact(struct buffer *ret, const char *name, struct buffer *words)
{
    if (words->len == 0)
        return;
    buffer_printf(ret, "<dt>%s</dt><dd>", name);
    html_words(ret, words);
    html_put(ret, "</dd>\n");
}

static void put_text_fact(struct buffer *ret, const char *name, const char *text)
{
    struct buffer words = {0};
    if (text != NULL)
        buffer_put_text(&words, text);
    put_fact(ret, name, &words);
    buffer_done(&words);
}

struct unknowns {
    struct buffer *ret;
    bool any;
};

static void put_unknown(void *user, const struct buffer *words)
{
    struct unknowns *u = user;
    html_put(u->ret, u->any ? "<li>" : "<dt>Not known</dt><dd><ul><li>");
    html_text(u->ret, words->data, words->len);
    html_put(u->ret, "</li>\n");
    u->ret->failed |= words->failed;
    u->any = true;
}

static void put_machine(struct buffer *ret, const struct summary *s)
{
    struct buffer words = {0};
    const char *model = tacho_fact_text(s->rec, "cpu_model", NULL);
    if (s->processors != SUMMARY_UNKNOWN) {
        put_count(&words, s->processors);
        buffer_put_text(&words, s->processors == 1 ? " processor" : " processors");
        if (model != NULL)
            buffer_printf(&words, " (%s)", model);
    }
    if (s->memory_total_bytes != SUMMARY_UNKNOWN) {
        buffer_put_text(&words, words.len > 0 ? ", " : "");
        put_bytes(&words, s->memory_total_bytes);
        buffer_put_text(&words, " of memory");
    }
    put_fact(ret, "Machine", &words);
    buffer_done(&words);
}

void html_put_method(struct buffer *ret, const struct summary *s)
{
    struct buffer words = {0};
    struct unknowns unknowns = {.ret = ret};
    html_section(ret, "method", "Method and limits");
    html_put(ret, "<dl>\n");
    put_receipt(&words, s);
    put_fact(ret, "Processes", &words);
    html_put(ret, "<dt>Samples</dt><dd>");
    html_number(ret, "completeness.ticks", s->completeness.ticks, put_count);
    html_put(ret, s->completeness.ticks == 1 ? " tick" : " ticks");
    if (s->interval_ns != SUMMARY_UNKNOWN) {
        html_put(ret, ", one every ");
        put_interval(ret, s->interval_ns);
    }
    html_put(ret,
             ". Between two, curves show what was used on average; what rises and falls within "
             "one is not seen. CPU time of processes that ended is the kernel's own account "
             "where it gave one.</dd>\n");
    summary_each_unknown(s, put_unknown, &unknowns);
    html_put(ret, unknowns.any ? "</ul></dd>\n" : "");
    put_recorder_cost(&words, s);
    put_fact(ret, "Cost", &words);
    put_machine(ret, s);
    put_text_fact(ret, "Kernel", tacho_fact_text(s->rec, "kernel", NULL));
    put_text_fact(ret, "Recorded by", tacho_fact_text(s->rec, "recorder_version", NULL));
    html_put(ret, "</dl>\n");
    html_section_end(ret);
    buffer_done(&words);
}

#include "report/html_page.h"

#include <errno.h>

#include "config.h"
#include "report/embedded.h"
#include "report/html_parts.h"
#include "report/summary_parts.h"

#define NS_PER_SECOND UINT64_C(1000000000)

static void put_embedded(struct buffer *ret, const char *element, const struct embedded *what)
{
    buffer_printf(ret, "<%s>", element);
    buffer_put(ret, what->text, what->bytes);
    buffer_printf(ret, "</%s>\n", element);
}

void html_put_begin(struct buffer *ret, struct buffer *title)
{
    html_put(ret, HTML_PAGE_BEGIN "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    buffer_printf(ret,
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                  "script-src '%s'; style-src '%s'; img-src data:; base-uri 'none'; "
                  "form-action 'none'\">\n",
                  page_script.hash, page_style.hash);
    html_put(ret, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                  "<meta name=\"color-scheme\" content=\"light dark\">\n"
                  "<meta name=\"generator\" content=\"tacho " TACHO_VERSION "\">\n<title>");
    html_words(ret, title);
    html_put(ret, "</title>\n");
    put_embedded(ret, "style", &page_style);
    /* It waits for the page to be there; at the end it would wait for long tables to be laid out. */
    put_embedded(ret, "script", &page_script);
    html_put(ret, "</head>\n<body>\n");
}

/* Empty, for the script to draw in. */
static void put_picture_section(struct buffer *ret, const char *id, const char *heading)
{
    html_section(ret, id, heading);
    html_put(ret, "<noscript><p>Drawn with JavaScript.</p></noscript>\n"
                  "<div class=\"picture\"></div>\n");
    html_section_end(ret);
}

void html_put_charts_section(struct buffer *ret)
{
    html_section(ret, "charts", "Over time");
    html_put(ret, "<noscript><p>Drawn with JavaScript.</p></noscript>\n"
                  "<div class=\"controls\"></div>\n<div class=\"pictures\"></div>\n");
    html_section_end(ret);
}

struct counts {
    size_t charts, threads;
};

static void put_pictures(struct buffer *ret, const struct summary *s, struct counts counts)
{
    if (counts.charts > 0) {
        html_section(ret, "charts", "Over time");
        html_put(ret, "<noscript><p>Drawn with JavaScript.</p></noscript>\n"
                      "<div class=\"controls\"></div>\n<div class=\"pictures\"></div>\n");
        html_section_end(ret);
    }
    if (s->row_count > 0)
        put_picture_section(ret, "process-lanes", "Processes over time");
    if (counts.threads > 0)
        put_picture_section(ret, "scope-lanes", "Scopes over time");
}

/* What the script is given. */
static int put_drawn(struct json *j, struct pack *pack, const struct summary *s,
                     const struct scopes *scopes, struct counts *ret)
{
    struct html_texts texts = {0};
    json_begin(j, NULL, '{');
    json_number(j, "version", 1);
    json_seconds(j, "to_s", s->wall_ns);
    json_seconds(j, "started_unix_s", s->started_real_ns);
    int r = json_put_own_charts(j, pack, s, &ret->charts);
    json_put_labels(j, pack, &texts, s);
    json_put_process_columns(j, pack, &texts, s);
    if (r == 0)
        r = json_put_threads(j, pack, &texts, s, scopes, &ret->threads);
    html_put(&texts.json, texts.count == 0 ? "[]" : "]");
    struct packed packed = pack_bytes(pack, texts.json.data, texts.json.len);
    pack_cut(pack);
    json_packed(j, "texts", &packed);
    json_end(j, '}');
    pack->failed |= texts.json.failed;
    buffer_done(&texts.json);
    return r;
}

void html_put_end(struct buffer *ret, const struct buffer *drawn, const struct pack *pack)
{
    html_put(ret, "</main>\n<script type=\"application/json\" id=\"page\">");
    buffer_put(ret, drawn->data, drawn->len);
    html_put(ret, "</script>\n");
    buffer_put(ret, pack->blocks.data, pack->blocks.len);
    html_put(ret, "</body>\n</html>\n");
    ret->failed |= pack->failed || drawn->failed;
}

int html_put_page(struct buffer *ret, const struct summary *s, const struct scopes *scopes)
{
    struct buffer drawn = {0};
    struct json j = {.out = &drawn, .flat = true};
    struct pack pack = {0};
    struct html_tree tree = {0};
    struct counts counts = {0};
    int r = put_drawn(&j, &pack, s, scopes, &counts);
    if (r == 0)
        r = html_tree_make(s, &tree);
    if (r == 0) {
        struct buffer title = {0};
        put_summary_title(&title, s);
        html_put_begin(ret, &title);
        buffer_done(&title);
        html_put_head(ret, s, scopes);
        put_pictures(ret, s, counts);
        html_put_categories(ret, s, scopes);
        html_put_scopes(ret, scopes);
        html_put_processes(ret, s, &tree);
        html_put_labels(ret, s);
        html_put_method(ret, s);
        html_put_end(ret, &drawn, &pack);
        r = ret->failed ? -ENOMEM : 0;
    }
    html_tree_done(&tree);
    pack_done(&pack);
    buffer_done(&drawn);
    return r;
}

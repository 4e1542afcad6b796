#include "report/plot_look.h"

#include "base/cleanup.h"
#include "config.h"

#define PNG_SCALE 3       /* 300 dots an inch at 14 cm */
#define CM_PER_UNIT 0.025 /* so that PLOT_WIDTH is 14 cm */

/* Contrast of 5.2 to 1 and more on white. */
static const char *const colours[PLOT_COLOURS] = {"#0072B2", "#B34A00", "#00795A", "#A64D83",
                                                  "#8A5A00"};

const char *plot_colour(size_t i)
{
    return colours[i % PLOT_COLOURS];
}

unsigned plot_dash(size_t i)
{
    static const unsigned dashes[] = {1, 2, 4, 5};
    return dashes[i / PLOT_COLOURS % ARRAY_LEN(dashes)];
}

void plot_put_head(struct buffer *ret, const char *name, const char *title)
{
    buffer_printf(ret,
                  "# %s, by tacho %s. To change the picture edit this, and in this folder run:\n"
                  "#     gnuplot %s.plt\n",
                  title, TACHO_VERSION, name);
}

void plot_put_settings(struct buffer *ret)
{
    buffer_put_text(ret, "reset\n"
                         "set encoding utf8\n"
                         "set datafile separator tab\n"
                         "set border 3 linecolor rgb '#444444'\n"
                         "set tics nomirror out scale 0.5\n"
                         "set grid ytics linetype 1 linecolor rgb '#dddddd' linewidth 0.5\n"
                         "set style fill solid 0.85 noborder\n"
                         "set key above left horizontal Left reverse samplen 1.2 width 1\n"
                         "known(c) = valid(c) ? column(c) : 0\n");
}

static void put_format(struct buffer *ret, unsigned format, unsigned height)
{
    switch (format) {
    case PLOT_SVG:
        buffer_printf(ret,
                      "    if (format eq 'svg') { set terminal svg noenhanced size %d,%u "
                      "font 'Helvetica,13' background rgb '#ffffff' }\n",
                      PLOT_WIDTH, height);
        break;
    case PLOT_PNG:
        buffer_printf(ret,
                      "    if (format eq 'png') { set terminal pngcairo noenhanced size %d,%u "
                      "font 'Sans,9' fontscale %d linewidth %d background rgb '#ffffff' }\n",
                      PNG_SCALE * PLOT_WIDTH, PNG_SCALE * height, PNG_SCALE, PNG_SCALE);
        break;
    case PLOT_PDF:
        buffer_printf(
            ret,
            "    if (format eq 'pdf') { set terminal pdfcairo noenhanced size %.1fcm,%.1fcm "
            "font 'Sans,9' }\n",
            CM_PER_UNIT * PLOT_WIDTH, CM_PER_UNIT * height);
        break;
    default: break;
    }
}

void plot_begin_formats(struct buffer *ret, const char *name, unsigned formats, unsigned height)
{
    static const char *const names[] = {"svg", "png", "pdf"};
    buffer_put_text(ret, "do for [format in '");
    for (unsigned i = 0, any = 0; i < ARRAY_LEN(names); i++)
        if ((formats >> i & 1) != 0)
            buffer_printf(ret, "%s%s", any++ > 0 ? " " : "", names[i]);
    buffer_put_text(ret, "'] {\n");
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if ((formats >> i & 1) != 0)
            put_format(ret, 1u << i, height);
    buffer_printf(ret, "    set output '%s.'.format\n", name);
}

void plot_end_formats(struct buffer *ret)
{
    buffer_put_text(ret, "}\nset output\n");
}

/* export/: cells as csv, tsv and jsonl; numbers exact, hostile texts harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <string.h>

#include "export/digits.h"
#include "export/export_format.h"
#include "export/moment.h"

static struct buffer out;

static int clean_up(void **state)
{
    buffer_done(&out);
    return 0;
}

static struct cell text(const char *s)
{
    return cell_text(s, strlen(s));
}

/* A row of one format as text. */
static const char *row(const struct export_format *format, const struct cell *cells, size_t n)
{
    static const struct column columns[] = {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}};
    buffer_clear(&out);
    format->row(&out, columns, cells, n);
    buffer_put_byte(&out, 0);
    assert_false(out.failed);
    return (const char *)out.data;
}

#define ROW(format, ...)                               \
    row(&(format), (const struct cell[]){__VA_ARGS__}, \
        sizeof((const struct cell[]){__VA_ARGS__}) / sizeof(struct cell))

static const char *digits(enum cell_type type, uint64_t number)
{
    static char bytes[DIGITS_MAX + 1];
    struct cell cell = cell_number(type, number);
    char *end = digits_write_cell(bytes, &cell);
    assert_true(end <= bytes + DIGITS_MAX);
    *end = '\0';
    return bytes;
}

static void writes_numbers_exactly(void **state)
{
    assert_string_equal(digits(CELL_NUMBER, 0), "0");
    assert_string_equal(digits(CELL_NUMBER, 9), "9");
    assert_string_equal(digits(CELL_NUMBER, 10), "10");
    assert_string_equal(digits(CELL_NUMBER, 100), "100");
    assert_string_equal(digits(CELL_NUMBER, 12345), "12345");
    assert_string_equal(digits(CELL_NUMBER, UINT64_MAX), "18446744073709551615");
    assert_string_equal(digits(CELL_HUNDREDTHS, 7), "0.07");
    assert_string_equal(digits(CELL_HUNDREDTHS, 10000), "100.00");
    assert_string_equal(digits(CELL_THOUSANDTHS, 1500), "1.500");
    assert_string_equal(digits(CELL_LETTER, 'R'), "R");
    assert_string_equal(digits(CELL_MISSING, 5), "");
}

static void writes_seconds_to_the_nanosecond(void **state)
{
    assert_string_equal(digits(CELL_SECONDS, 0), "0.000000");
    assert_string_equal(digits(CELL_SECONDS, 100000000), "0.100000");
    assert_string_equal(digits(CELL_SECONDS, 1), "0.000000001");
    assert_string_equal(digits(CELL_SECONDS, 12345678901), "12.345678901");
    assert_string_equal(digits(CELL_SECONDS, 1000), "0.000001");
    assert_string_equal(digits(CELL_SECONDS, UINT64_MAX), "18446744073.709551615");
}

static void writes_instants(void **state)
{
    assert_string_equal(digits(CELL_INSTANT, 0), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(digits(CELL_INSTANT, UINT64_C(951782399999999999)),
                        "2000-02-28T23:59:59.999999Z");
    assert_string_equal(digits(CELL_INSTANT, UINT64_C(951782400000000000)),
                        "2000-02-29T00:00:00.000000Z");
    assert_string_equal(digits(CELL_INSTANT, UINT64_C(1735689599000001000)),
                        "2024-12-31T23:59:59.000001Z");
    assert_string_equal(digits(CELL_INSTANT, UINT64_MAX), "2554-07-21T23:34:33.709551Z");
}

static void tells_moments(void **state)
{
    struct cell before = moment_cell(MOMENT_ELAPSED, 5000000000, 3500000000, 0);
    assert_string_equal(ROW(export_csv, before), "-1.500000\r\n");
    struct cell at_start = moment_cell(MOMENT_ELAPSED, 5, 5, 0);
    assert_string_equal(ROW(export_csv, at_start), "0.000000\r\n");
    assert_string_equal(ROW(export_csv, moment_cell(MOMENT_EPOCH, 5, 6, 1735689599000000000)),
                        "1735689599.000000\r\n");
    assert_int_equal(moment_cell(MOMENT_RFC3339, 5, 6, 0).type, CELL_MISSING);
    enum moment_style style;
    assert_true(moment_style_parse("rfc3339", &style));
    assert_int_equal(style, MOMENT_RFC3339);
    assert_false(moment_style_parse("", &style));
}

static void csv_quotes_as_rfc_4180(void **state)
{
    assert_string_equal(ROW(export_csv, text("plain"), cell_number(CELL_NUMBER, 7)), "plain,7\r\n");
    assert_string_equal(ROW(export_csv, text("a,b"), text("say \"hi\"")),
                        "\"a,b\",\"say \"\"hi\"\"\"\r\n");
    assert_string_equal(ROW(export_csv, text("two\nlines"), text("cr\rtab\t")),
                        "\"two\nlines\",\"cr\rtab\t\"\r\n");
    assert_string_equal(ROW(export_csv, text(" edge"), text("edge ")), "\" edge\",\"edge \"\r\n");
    assert_string_equal(ROW(export_csv, text("a b")), "a b\r\n");
}

static void csv_tells_missing_from_empty(void **state)
{
    assert_string_equal(ROW(export_csv, cell_missing(), text(""), cell_missing()), ",\"\",\r\n");
    /* A line without anything is skipped by most readers, and the row with it. */
    assert_string_equal(ROW(export_csv, cell_missing()), "\"\"\r\n");
    assert_int_equal(cell_text(NULL, 0).type, CELL_MISSING);
}

static void csv_makes_utf8_of_anything(void **state)
{
    assert_string_equal(ROW(export_csv, text("caf\xC3\xA9")), "\"caf\xC3\xA9\"\r\n");
    assert_string_equal(ROW(export_csv, text("\xFFx")), "\"\xEF\xBF\xBDx\"\r\n");
    assert_string_equal(ROW(export_csv, text("\x1B[31m")), "\"\xEF\xBF\xBD[31m\"\r\n");
    assert_string_equal(ROW(export_csv, text("\xC2\x9B")), "\"\xEF\xBF\xBD\"\r\n");
    assert_string_equal(ROW(export_csv, text("cut \xE2\x82")), "\"cut \xEF\xBF\xBD\"\r\n");
}

static void tsv_keeps_a_row_on_a_line(void **state)
{
    assert_string_equal(ROW(export_tsv, text("a\tb\nc\rd\\e"), cell_missing(), text("x")),
                        "a\\tb\\nc\\rd\\\\e\t\tx\n");
    assert_string_equal(ROW(export_tsv, text("q\"\x01"), cell_number(CELL_SECONDS, 1500000000)),
                        "q\"\xEF\xBF\xBD\t1.500000\n");
}

static void jsonl_writes_objects(void **state)
{
    assert_string_equal(ROW(export_jsonl, cell_number(CELL_NUMBER, 7), cell_missing(),
                            text("a\"\n\x1B\xFF"), cell_number(CELL_LETTER, 'S')),
                        "{\"a\":7,\"b\":null,\"c\":\"a\\\"\\n\\u001b\xEF\xBF\xBD\",\"d\":\"S\"}\n");
    assert_string_equal(
        ROW(export_jsonl, cell_number(CELL_SECONDS, 1), cell_number(CELL_INSTANT, 0)),
        "{\"a\":0.000000001,\"b\":\"1970-01-01T00:00:00.000000Z\"}\n");
}

static void heads_name_the_columns(void **state)
{
    static const struct column columns[] = {{"time", 4}, {"rss", 3}};
    buffer_clear(&out);
    export_csv.begin(&out, columns, 2);
    export_tsv.begin(&out, columns, 2);
    export_jsonl.begin(&out, columns, 2);
    buffer_put_byte(&out, 0);
    assert_string_equal((const char *)out.data, "time,rss\r\ntime\trss\n");
}

static void finds_formats(void **state)
{
    assert_ptr_equal(export_format_find("csv"), &export_csv);
    assert_null(export_format_find("xls"));
    for (size_t i = 0; export_format_name(i) != NULL; i++)
        assert_non_null(export_format_find(export_format_name(i)));
}

static void ignores_the_locale(void **state)
{
    const char *was = setlocale(LC_ALL, "de_DE.UTF-8");
    assert_string_equal(digits(CELL_SECONDS, 1500000000), "1.500000");
    assert_string_equal(digits(CELL_HUNDREDTHS, 123456), "1234.56");
    if (was != NULL)
        setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_numbers_exactly),
        cmocka_unit_test(writes_seconds_to_the_nanosecond),
        cmocka_unit_test(writes_instants),
        cmocka_unit_test(tells_moments),
        cmocka_unit_test(csv_quotes_as_rfc_4180),
        cmocka_unit_test(csv_tells_missing_from_empty),
        cmocka_unit_test(csv_makes_utf8_of_anything),
        cmocka_unit_test(tsv_keeps_a_row_on_a_line),
        cmocka_unit_test(jsonl_writes_objects),
        cmocka_unit_test(heads_name_the_columns),
        cmocka_unit_test(finds_formats),
        cmocka_unit_test(ignores_the_locale),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}

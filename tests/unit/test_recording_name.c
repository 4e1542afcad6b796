/* What recordings are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/recording_name.h"

#define STAMP_CHARS 15

/* The name without its stamp and pid, which are checked. */
static const char *name_of(const char *of, const struct rank *rank, const char *host)
{
    static char name[256], left[600];
    char end[32];
    recording_name_on(of, rank, host, name, sizeof name);
    int n = snprintf(end, sizeof end, "-%d.tacho", (int)getpid());
    size_t at = strlen(name) - (size_t)n;
    assert_string_equal(name + at, end);
    name[at] = '\0';
    const char *stamp = name;
    while (strspn(stamp, "0123456789T") != STAMP_CHARS)
        assert_int_not_equal(*stamp++, '\0');
    snprintf(left, sizeof left, "%.*sSTAMP%s", (int)(stamp - name), name, stamp + STAMP_CHARS);
    return left;
}

static struct rank rank_of(uint64_t rank, uint64_t size, const char *job)
{
    struct rank r = {rank, size, RANK_UNKNOWN, RANK_UNKNOWN, "", "pmi"};
    memcpy(r.job, job, strnlen(job, sizeof r.job - 1));
    return r;
}

static void names_commands(void **state)
{
    const struct rank none = {RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, RANK_UNKNOWN, "", NULL};
    assert_string_equal(name_of("/usr/bin/a b", &none, "host"), "tacho-a_b-STAMP");
    assert_string_equal(name_of("/", &none, "host"), "tacho-_-STAMP");
}

static void names_ranks(void **state)
{
    struct rank r = rank_of(3, 4, "12.0");
    assert_string_equal(name_of("heat", &r, "n1.site.org"), "tacho-heat-STAMP-12.0-n1-r3");
    r = rank_of(3, 1000, "");
    assert_string_equal(name_of("heat", &r, "n1"), "tacho-heat-STAMP-n1-r003");
    r = rank_of(7, RANK_UNKNOWN, "../a\n@b");
    assert_string_equal(name_of("heat", &r, "n1"), "tacho-heat-STAMP-.._a__b-n1-r7");
}

static void long_names_keep_what_tells_ranks_apart(void **state)
{
    char word[500];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    struct rank r = rank_of(INT32_MAX - 1, INT32_MAX, word);
    const char *name = name_of(word, &r, word);
    assert_non_null(strstr(name, "-r2147483646"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_commands),
        cmocka_unit_test(names_ranks),
        cmocka_unit_test(long_names_keep_what_tells_ranks_apart),
    };
    return cmocka_run_group_tests_name("recording_name", tests, NULL, NULL);
}

/* export/folder: many files that are written by turns. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "export/folder.h"

static char where[] = "/tmp/tacho-folder-XXXXXX";
static char content[4096];

static const char *read_back(const struct folder *folder, const char *name)
{
    int fd = openat(folder->fd, name, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, content, sizeof content - 1);
    assert_true(n >= 0);
    close(fd);
    content[n] = '\0';
    return content;
}

static void put(struct folder *folder, int file, const char *text)
{
    buffer_put_text(folder_out(folder, file), text);
    assert_int_equal(folder_put(folder, file), 0);
}

static void test_numbers_are_given_again(void **state)
{
    struct folder folder;
    (void)state;
    assert_int_equal(folder_open(&folder, AT_FDCWD, where, false), 0);
    int first = folder_make(&folder, "first"), second = folder_make(&folder, "second");
    put(&folder, first, "1\n");
    put(&folder, second, "2\n");
    assert_string_equal(read_back(&folder, "first"), "");
    assert_int_equal(folder_flush(&folder), 0);
    assert_string_equal(read_back(&folder, "second"), "2\n");
    put(&folder, first, "11\n");
    assert_int_equal(folder_finish(&folder, first), 0);
    assert_string_equal(read_back(&folder, "first"), "1\n11\n");
    assert_int_equal(folder_make(&folder, "third"), first);
    assert_int_equal(folder_make(&folder, "fourth"), second + 1);
    put(&folder, first, "3\n");
    put(&folder, second, "22\n");
    assert_int_equal(folder_close(&folder), 0);
    assert_int_equal(folder_open(&folder, AT_FDCWD, where, false), 0);
    assert_string_equal(read_back(&folder, "first"), "1\n11\n");
    assert_string_equal(read_back(&folder, "second"), "2\n22\n");
    assert_string_equal(read_back(&folder, "third"), "3\n");
    assert_int_equal(folder_make(&folder, "third"), -EEXIST);
    assert_true(folder.refused);
    folder_close(&folder);
}

static void test_whole_files(void **state)
{
    struct folder folder;
    struct buffer text = {0};
    (void)state;
    assert_int_equal(folder_open(&folder, AT_FDCWD, where, false), 0);
    buffer_put_text(&text, "sh\n");
    assert_int_equal(folder_write(&folder, "command", &text, false), 0);
    assert_int_equal(folder_write(&folder, "command", &text, false), -EEXIST);
    buffer_clear(&text);
    buffer_put_text(&text, "make\n");
    assert_int_equal(folder_write(&folder, "command", &text, true), 0);
    assert_string_equal(read_back(&folder, "command"), "make\n");
    assert_int_equal(folder_write(&folder, "../command", &text, false), -EINVAL);
    assert_int_equal(faccessat(folder.fd, "unfinished", F_OK, 0), -1);
    buffer_done(&text);
    folder_close(&folder);
}

/* No more than 10 bytes fit into a file: of the second line nothing is left. */
static void test_a_torn_line_is_taken_back(void **state)
{
    struct folder folder;
    struct rlimit before, limit;
    (void)state;
    assert_int_equal(folder_open(&folder, AT_FDCWD, where, false), 0);
    int file = folder_make(&folder, "torn");
    put(&folder, file, "12345\n");
    assert_int_equal(folder_flush(&folder), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    put(&folder, file, "67890\n");
    int r = folder_flush(&folder);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(r, -EFBIG);
    assert_true(folder.refused);
    assert_string_equal(read_back(&folder, "torn"), "12345\n");
    folder_close(&folder);
}

static int make_place(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    return mkdtemp(where) == NULL ? -1 : 0;
}

static int remove_place(void **state)
{
    static const char *const names[] = {"first", "second", "third", "fourth", "command", "torn"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", where, names[i]);
        unlink(path);
    }
    return rmdir(where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_given_again),
        cmocka_unit_test(test_whole_files),
        cmocka_unit_test(test_a_torn_line_is_taken_back),
    };
    return cmocka_run_group_tests(tests, make_place, remove_place);
}

/* record/block_file: created safely, whole blocks or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "record/block_file.h"

static char dir[64], path[96], other[96];

static int begin(void **state)
{
    strcpy(dir, "/tmp/tacho-block-file-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/a.tacho", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    return 0;
}

static int clean_up(void **state)
{
    unlink(path);
    rmdir(path);
    unlink(other);
    return rmdir(dir);
}

static void make_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "wx");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void assert_content(const char *name, const char *text)
{
    char bytes[256];
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, n);
}

static mode_t mode_of(const char *name)
{
    struct stat st;
    assert_int_equal(lstat(name, &st), 0);
    return st.st_mode;
}

static void create(bool replace)
{
    struct block_file file;
    assert_int_equal(block_file_create(&file, path, replace), 0);
    assert_int_equal(block_file_append(&file, "new", 3, 1), 0);
    assert_int_equal(block_file_close(&file), 0);
    assert_int_equal(file.fd, -1);
    assert_content(path, "new");
    assert_true(S_ISREG(mode_of(path)));
}

/* Refused, with nothing done to what is there. */
static void assert_refused(bool replace, int error)
{
    struct block_file file = {.fd = -7, .bytes = 8};
    mode_t mode = mode_of(path);
    assert_int_equal(block_file_create(&file, path, replace), error);
    assert_int_equal(file.fd, -7);
    assert_int_equal(file.bytes, 8);
    assert_int_equal(mode_of(path), mode);
}

/* ---- creating ---- */

static void only_its_owner_reads_it(void **state)
{
    struct block_file file;
    mode_t mask = umask(0);
    assert_int_equal(block_file_create(&file, path, false), 0);
    umask(mask);
    assert_int_equal(mode_of(path), S_IFREG | 0600);
    assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(file.bytes, 0);
    assert_int_equal(file.error, 0);
    assert_int_equal(block_file_close(&file), 0);
}

static void nothing_is_overwritten_unasked(void **state)
{
    make_file(path, "precious");
    assert_refused(false, -EEXIST);
    assert_content(path, "precious");
}

static void a_link_is_not_followed(void **state)
{
    assert_int_equal(symlink(other, path), 0);
    assert_refused(false, -EEXIST);
    assert_int_equal(access(other, F_OK), -1);
    make_file(other, "precious");
    assert_refused(false, -EEXIST);
    assert_content(other, "precious");
}

static void replacing_takes_the_name_alone(void **state)
{
    create(true); /* with nothing there */
    create(true);
    assert_int_equal(link(path, other), 0);
    struct block_file file;
    assert_int_equal(block_file_create(&file, path, true), 0);
    assert_int_equal(block_file_close(&file), 0);
    assert_content(path, "");
    assert_content(other, "new");
}

static void replacing_a_link_spares_its_target(void **state)
{
    make_file(other, "precious");
    assert_int_equal(symlink(other, path), 0);
    create(true);
    assert_content(other, "precious");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink(other, path), 0);
    create(true);
    assert_int_equal(access(other, F_OK), -1);
}

static void no_directory_is_replaced(void **state)
{
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(true, -EISDIR);
    assert_refused(false, -EEXIST);
}

static void no_pipe_is_replaced(void **state)
{
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(true, -EEXIST);
    assert_refused(false, -EEXIST);
}

static void no_directory_to_be_in(void **state)
{
    struct block_file file;
    char nowhere[128];
    snprintf(nowhere, sizeof nowhere, "%s/nowhere/a.tacho", dir);
    assert_int_equal(block_file_create(&file, nowhere, false), -ENOENT);
    assert_int_equal(block_file_create(&file, nowhere, true), -ENOENT);
    make_file(other, "");
    snprintf(nowhere, sizeof nowhere, "%s/a.tacho", other);
    assert_int_equal(block_file_create(&file, nowhere, false), -ENOTDIR);
}

/* ---- failing ---- */

/* Runs `body` where no file may grow, and no signal tells so. */
static void in_child(void (*body)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGXFSZ, SIG_IGN);
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void limit_file_bytes(rlim_t bytes)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, RLIM_INFINITY}), 0);
}

static void append_over_the_limit(void)
{
    struct block_file file;
    assert_int_equal(block_file_create(&file, path, false), 0);
    assert_int_equal(block_file_append(&file, "whole block|", 12, 1), 0);
    limit_file_bytes(17);
    assert_int_equal(block_file_append(&file, "this one is cut|", 16, 2), -EFBIG);
    assert_int_equal(file.error, -EFBIG);
    assert_int_equal(file.error_ns, 2);
    assert_int_equal(file.bytes, 12);
    assert_false(file.torn);
    assert_content(path, "whole block|");
    assert_int_equal(block_file_append(&file, "this one is cut|", 16, 3), -EFBIG);
    assert_int_equal(file.error_ns, 2);
    assert_content(path, "whole block|");
    assert_int_equal(block_file_append(&file, "fits|", 5, 4), 0);
    assert_int_equal(file.error, 0);
    assert_int_equal(block_file_append(&file, "x", 1, 5), -EFBIG);
    assert_int_equal(file.error_ns, 5);
    limit_file_bytes(RLIM_INFINITY);
    assert_int_equal(block_file_append(&file, "and on|", 7, 6), 0);
    assert_int_equal(file.bytes, 24);
    assert_int_equal(block_file_close(&file), 0);
    assert_content(path, "whole block|fits|and on|");
}

static void what_does_not_fit_is_taken_back(void **state)
{
    in_child(append_over_the_limit);
}

/* Its rest stays where it cannot be cut off, and the next block begins behind it. */
static void append_to_what_cannot_shrink(void)
{
    struct block_file file;
    char bytes[64];
    assert_int_equal(
        block_file_adopt(&file, memfd_create("blocks", MFD_CLOEXEC | MFD_ALLOW_SEALING)), 0);
    assert_int_equal(fcntl(file.fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    assert_int_equal(block_file_append(&file, "whole|", 6, 1), 0);
    limit_file_bytes(10);
    assert_int_equal(block_file_append(&file, "torn block|", 11, 2), -EFBIG);
    assert_true(file.torn);
    limit_file_bytes(RLIM_INFINITY);
    assert_int_equal(block_file_append(&file, "next|", 5, 3), 0);
    assert_false(file.torn);
    assert_int_equal(file.bytes, 15);
    assert_int_equal(pread(file.fd, bytes, sizeof bytes, 0), 15);
    assert_memory_equal(bytes, "whole|tornnext|", 15);
    assert_int_equal(block_file_close(&file), 0);
}

static void what_cannot_be_taken_back_is_passed(void **state)
{
    in_child(append_to_what_cannot_shrink);
}

static void closing_tells_the_last_error(void **state)
{
    struct block_file file;
    assert_int_equal(block_file_adopt(&file, open("/dev/full", O_WRONLY | O_CLOEXEC)), 0);
    assert_int_equal(block_file_append(&file, "x", 1, 1), -ENOSPC);
    assert_int_equal(block_file_close(&file), -ENOSPC);
    assert_int_equal(file.fd, -1);
}

/* The program closed all descriptors it did not know, and opened a file of its own. */
static void another_file_by_its_number(void **state)
{
    struct block_file file;
    char text[8] = "";
    assert_int_equal(block_file_create(&file, path, false), 0);
    assert_int_equal(block_file_append(&file, "mine", 4, 1), 0);
    int fd = open(other, O_RDWR | O_CREAT, 0600);
    assert_int_equal(write(fd, "other", 5), 5);
    assert_int_equal(dup2(fd, file.fd), file.fd);
    assert_int_equal(block_file_append(&file, "mine", 4, 2), -EBADF);
    assert_int_equal(block_file_close(&file), -EBADF);
    assert_int_equal(pread(fd, text, sizeof text, 0), 5);
    assert_string_equal(text, "other");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_its_owner_reads_it),
        TEST(nothing_is_overwritten_unasked),
        TEST(a_link_is_not_followed),
        TEST(replacing_takes_the_name_alone),
        TEST(replacing_a_link_spares_its_target),
        TEST(no_directory_is_replaced),
        TEST(no_pipe_is_replaced),
        TEST(no_directory_to_be_in),
        TEST(what_does_not_fit_is_taken_back),
        TEST(what_cannot_be_taken_back_is_passed),
        TEST(closing_tells_the_last_error),
        TEST(another_file_by_its_number),
    };
    return cmocka_run_group_tests_name("block_file", tests, NULL, NULL);
}

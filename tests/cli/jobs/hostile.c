/*
 * Marks and processes with the names that its arguments say, each as hexadecimal digits: a label, a
 * scope, a counter and a child of each name. For test_plot.py.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tacho/tacho.h>

#define NAME_MAX_BYTES 4096

static size_t decode(const char *hex, char name[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (; hex[0] != '\0' && hex[1] != '\0' && n + 1 < NAME_MAX_BYTES; hex += 2) {
        char digits[] = {hex[0], hex[1], '\0'};
        name[n++] = (char)strtol(digits, NULL, 16);
    }
    name[n] = '\0';
    return n;
}

static void run_child(const char *name)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NAME, name);
        while (clock() < CLOCKS_PER_SEC / 50)
            ;
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char name[NAME_MAX_BYTES];
        size_t n = decode(argv[i], name);
        tacho_label_text(name, n);
        tacho_begin(name, name);
        tacho_counter(name, (double)n);
        run_child(name);
        tacho_counter(name, 0.5);
        tacho_end();
    }
    return 0;
}

/*
 * libtacho-functions: which scopes begin and end, whatever becomes of the calls. This file is compiled
 * with -finstrument-functions; what stands in for libtacho here writes down what it is told.
 */
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tacho/tacho.h>

#include "functions/function_places.h"

#define PLAIN __attribute__((no_instrument_function))
#define CALL __attribute__((noinline))
#define HERE() __asm__ volatile("" ::: "memory")
#define DEEP 20000

int tacho_marking;

static __thread struct tacho_place *open_place[DEEP];
static __thread int opens, begun, wrong; /* wrong: ends of what is not the innermost */
static __thread char said[256];          /* a letter for a begin, "." for an end */

static void a(void), b(void), c(void);

PLAIN static void say(char letter)
{
    size_t n = strlen(said);
    if (n + 1 < sizeof said)
        said[n] = letter;
}

PLAIN static char letter_of(const struct tacho_place *place)
{
    void (*const functions[])(void) = {a, b, c};
    for (size_t i = 0; i < 3; i++)
        if (tacho_function_place((const void *)functions[i]) == place)
            return (char)('a' + i);
    return '?';
}

PLAIN void tacho_place_begin(struct tacho_place *place)
{
    begun++;
    if (opens < DEEP)
        open_place[opens] = place;
    opens++;
    say(letter_of(place));
}

PLAIN void tacho_place_end(struct tacho_place *place)
{
    opens--;
    if (opens < 0 || (opens < DEEP && open_place[opens] != place))
        wrong++;
    say('.');
}

PLAIN static int begin(void **state)
{
    memset(said, 0, sizeof said);
    opens = begun = wrong = 0;
    tacho_marking = 1;
    return 0;
}

PLAIN static void expect(const char *text)
{
    tacho_marking = 0;
    assert_string_equal(said, text);
    assert_int_equal(opens, 0);
    assert_int_equal(wrong, 0);
}

/* ---- calls ---- */

static PLAIN void nothing(void) {}

/* What each function does when it is called. */
static void (*in_a)(void), (*in_b)(void), (*in_c)(void);

static CALL void a(void)
{
    in_a();
    HERE();
}

static CALL void b(void)
{
    in_b();
    HERE();
}

static CALL void c(void)
{
    in_c();
    HERE();
}

PLAIN static void test_calls_nest(void **state)
{
    in_a = b;
    in_b = c;
    in_c = nothing;
    a();
    c();
    expect("abc...c.");
}

static int left;
PLAIN static void again(void)
{
    if (left-- > 0)
        a();
}

PLAIN static void test_recursion(void **state)
{
    in_a = again;
    left = 3;
    a();
    expect("aaaa....");
}

static inline __attribute__((always_inline)) void inlined(int depth)
{
    HERE();
    if (depth > 0)
        c();
}

static CALL void around(void)
{
    inlined(0);
    inlined(1);
    HERE();
}

/* They share a place on the stack with what they are inlined into, and are not over when it calls. */
PLAIN static void test_inlined(void **state)
{
    in_c = nothing;
    around();
    expect("??.?c...");
    assert_int_equal(begun, 4);
}

static CALL void with_alloca(size_t n)
{
    char *room = alloca(n);
    memset(room, 1, n);
    __asm__ volatile("" ::"r"(room) : "memory");
    c();
}

PLAIN static void test_alloca(void **state)
{
    in_c = nothing;
    with_alloca(3000);
    expect("?c..");
}

/* Their last act is a jump to the hook, from a stack that is already their caller's. */
static CALL void jumping(int n)
{
    if (n == 0)
        return;
    jumping(n - 1);
    c();
}

static CALL void short_one(void) {}

static CALL void caller(void)
{
    short_one();
    c();
    short_one();
    c();
}

PLAIN static void test_exits_by_jumps(void **state)
{
    in_c = nothing;
    caller();
    jumping(2);
    expect("??.c.?.c..???.c..c..");
}

/* ---- marking begins and ends in the middle ---- */

PLAIN static void turn_on(void)
{
    tacho_marking = 1;
}

PLAIN static void turn_off(void)
{
    tacho_marking = 0;
}

PLAIN static void b_turns_off(void)
{
    b();
    turn_off();
}

PLAIN static void test_ends_after_marking(void **state)
{
    in_a = b_turns_off;
    in_b = nothing;
    a();
    expect("ab..");
}

PLAIN static void on_and_b(void)
{
    turn_on();
    b();
}

PLAIN static void test_begun_before_marking(void **state)
{
    in_a = on_and_b;
    in_b = c;
    in_c = nothing;
    turn_off();
    a();
    expect("bc..");
}

PLAIN static void off_and_b(void)
{
    turn_off();
    b();
    c();
}

/* b is not recorded, though it ends while all is; a is, and c, which b calls. */
PLAIN static void test_off_and_on(void **state)
{
    in_a = off_and_b;
    in_b = turn_on;
    in_c = nothing;
    a();
    expect("ac..");
}

PLAIN static void off_and_again(void)
{
    turn_off();
    if (left-- > 0)
        a();
    turn_on();
}

PLAIN static void test_recursion_off_and_on(void **state)
{
    in_a = off_and_again;
    left = 3;
    a();
    expect("a.");
}

/* ---- calls that are left ---- */

static jmp_buf back;

PLAIN static void jump(void)
{
    longjmp(back, 1);
}

PLAIN static void jumps_twice(void)
{
    for (volatile int i = 0; i < 2; i++)
        if (setjmp(back) == 0)
            b();
}

PLAIN static void test_longjmp(void **state)
{
    in_a = jumps_twice;
    in_b = c;
    in_c = jump;
    a();
    expect("abc..bc...");
}

PLAIN static void test_longjmp_from_one_place(void **state)
{
    in_a = jumps_twice;
    in_b = jump;
    a();
    expect("ab.b..");
}

/* Again and again from within the same frame, with another function inlined there. */
static inline __attribute__((always_inline)) void inlined_jump(void)
{
    b();
}

static CALL void jumps_inlined(void)
{
    for (volatile int i = 0; i < 2; i++)
        if (setjmp(back) == 0)
            inlined_jump();
}

PLAIN static void test_longjmp_out_of_inlined(void **state)
{
    in_b = jump;
    jumps_inlined();
    expect("??b..?b...");
}

PLAIN static void jumps_then_c(void)
{
    if (setjmp(back) == 0)
        b();
    in_c = nothing;
    c();
}

PLAIN static void test_longjmp_then_another(void **state)
{
    in_a = jumps_then_c;
    in_b = jump;
    a();
    expect("ab.c..");
}

/* Whoever is left is over when what called it exits, though it was not recorded itself. */
PLAIN static void test_longjmp_over_marking(void **state)
{
    turn_off();
    in_a = on_and_b;
    in_b = c;
    in_c = jump;
    if (setjmp(back) == 0)
        a();
    in_c = nothing;
    c();
    expect("bc..c.");
}

/* ---- depth ---- */

PLAIN static void test_deep(void **state)
{
    in_a = again;
    left = DEEP - 1;
    a();
    assert_int_equal(begun, DEEP);
    turn_off();
    assert_int_equal(opens, 0);
    assert_int_equal(wrong, 0);
}

/* ---- threads and signals ---- */

PLAIN static void *thread(void *result)
{
    for (int i = 0; i < 100; i++)
        a();
    *(int *)result = opens == 0 && wrong == 0 ? begun : -1;
    return NULL;
}

PLAIN static void test_threads(void **state)
{
    pthread_t threads[4];
    int result[4];
    in_a = b;
    in_b = nothing;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread, &result[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(result[i], 200);
    }
    expect("");
}

CALL static void handler(int number)
{
    c();
}

PLAIN static void raise_it(void)
{
    raise(SIGUSR1);
}

PLAIN static void test_signal_on_its_own_stack(void **state)
{
    static char room[65536];
    sigaltstack(&(stack_t){.ss_sp = room, .ss_size = sizeof room}, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL);
    in_a = raise_it;
    in_c = nothing;
    a();
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    expect("a?c...");
}

/* ---- places ---- */

PLAIN static void test_names(void **state)
{
    tacho_marking = 0;
    const struct tacho_place *place = tacho_function_place((const void *)a);
    assert_ptr_equal(place, tacho_function_place((const void *)a));
    assert_null(place->category);
    unsigned long at;
    char id[64], path[1024], self[1024] = {0};
    assert_int_equal(sscanf(place->name, "@0x%lx %63s %1023s", &at, id, path), 3);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    assert_string_equal(path, self);
    assert_true(strcmp(id, "-") == 0 || strlen(id) == 16);
    const struct tacho_place *other = tacho_function_place((const void *)strtoul);
    assert_int_equal(sscanf(other->name, "@0x%lx %63s %1023s", &at, id, path), 3);
    assert_non_null(strstr(path, "libc"));
    assert_string_equal(tacho_function_place((const void *)64)->name, "@0x40 - ");
}

/* Last: it leaves no room. */
PLAIN static void test_too_many(void **state)
{
    tacho_marking = 0;
    size_t own = 0;
    for (uintptr_t i = 1; i <= 200000; i++)
        own +=
            strcmp(tacho_function_place((const void *)(i * 16))->name, "(too many functions)") != 0;
    assert_in_range(own, 50000, 65536);
}

#define CASE(test) cmocka_unit_test_setup(test, begin)

PLAIN int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_calls_nest),
        CASE(test_recursion),
        CASE(test_inlined),
        CASE(test_alloca),
        CASE(test_exits_by_jumps),
        CASE(test_ends_after_marking),
        CASE(test_begun_before_marking),
        CASE(test_off_and_on),
        CASE(test_recursion_off_and_on),
        CASE(test_longjmp),
        CASE(test_longjmp_from_one_place),
        CASE(test_longjmp_out_of_inlined),
        CASE(test_longjmp_then_another),
        CASE(test_longjmp_over_marking),
        CASE(test_deep),
        CASE(test_threads),
        CASE(test_signal_on_its_own_stack),
        CASE(test_names),
        CASE(test_too_many),
    };
    return cmocka_run_group_tests_name("functions", tests, NULL, NULL);
}

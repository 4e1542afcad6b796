/*
 * Compiled with -finstrument-functions by test_functions.py, which knows how often each function is called.
 * FUNCTIONS_LIBRARY makes the shared library of it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>

void shared(int n);

#ifdef FUNCTIONS_LIBRARY

static void hidden(void)
{
    __asm__ volatile("");
}

void shared(int n)
{
    for (int i = 0; i < n; i++)
        hidden();
}

#else

static jmp_buf back;

static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static void step(void)
{
    __asm__ volatile("");
}

static void jumps(void)
{
    longjmp(back, 1);
}

static void *work(void *steps)
{
    for (int i = 0; i < *(int *)steps; i++)
        step();
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int steps[2] = {1000, 234};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &steps[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    shared(7);
    printf("%d\n", fib(10));
    for (volatile int i = 0; i < 5; i++)
        if (setjmp(back) == 0)
            jumps();
    return 0;
}

#endif

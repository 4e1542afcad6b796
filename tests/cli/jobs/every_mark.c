/* Uses all that <tacho/tacho.h> has for marks: as C, and as C++. Ends with 0. */
#include <tacho/tacho.h>

static int whole_function(void)
{
    TACHO_FUNCTION();
    return 1;
}

static int whole_function_of_a_kind(void)
{
    TACHO_FUNCTION("Core computation");
    return 1;
}

static int scopes(int n)
{
    int sum = 0;
    TACHO_SCOPE("plain");
    TACHO_SCOPE("with a category", "I/O");
    for (int i = 0; i < n; i++) {
        TACHO_SCOPE("in a loop");
        TACHO_SCOPE_CPU("its CPU");
        TACHO_SCOPE_CPU("its CPU, with a category", "Core computation");
        if (i == 1)
            continue;
        sum += whole_function() + whole_function_of_a_kind();
    }
    return sum;
}

static int evaluated;

static double value(void)
{
    evaluated++;
    return 0.5;
}

static void messages(int n)
{
    if (n > 0)
        TACHO_LABEL("no values");
    else
        TACHO_LABEL("%d and %s", n, "text");
    if (n > 0)
        TACHO_COUNTER("residual", value());
    else
        TACHO_COUNTER("steps", n);
}

static void functions(int n)
{
    static struct tacho_place place = {"by hand", "I/O", 0, 0};
    tacho_thread_name("main");
    tacho_begin("begun", "I/O");
    tacho_begin("begun", NULL);
    tacho_label("%d of %d", n, n);
    tacho_label_text("100 %s of all", 11);
    tacho_counter("steps", n);
    tacho_end();
    tacho_end();
    tacho_place_begin(&place);
    tacho_place_begin_cpu(&place);
    tacho_place_counter(&place, 1.5);
    tacho_place_end_cpu(&place);
    tacho_place_end(&place);
}

int main(void)
{
    int sum = scopes(3);
    messages(1);
    messages(-1);
    functions(3);
    return sum == 4 && evaluated == (tacho_is_marking() != 0) ? 0 : 1;
}

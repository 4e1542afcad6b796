/* Uses all that <tacho/tacho.hpp> has. Ends with 0. */
#include <stdexcept>
#include <tacho/tacho.hpp>
#include <type_traits>
#include <utility>

static_assert(!std::is_copy_constructible<tacho::scope>::value, "a scope has one end");
static_assert(!std::is_copy_constructible<tacho::scope_cpu>::value, "a scope has one end");
static_assert(std::is_nothrow_move_constructible<tacho::scope>::value, "may be returned");
static_assert(std::is_nothrow_move_constructible<tacho::scope_cpu>::value, "may be returned");

static tacho::scope step(int i)
{
    return tacho::scope{"step " + std::to_string(i), "Core computation"};
}

static void deep(int depth)
{
    tacho::scope scope{"deep", "Recursion"};
    TACHO_SCOPE("by macro");
    tacho::scope_cpu with_cpu{std::string("deep, with CPU")};
    if (depth == 0)
        throw std::runtime_error("far down");
    deep(depth - 1);
}

static bool unwinds()
{
    tacho::scope scope{"tries"};
    try {
        deep(3);
    } catch (const std::runtime_error &) {
        tacho::scope caught{"catches"};
        return true;
    }
    return false;
}

static void names()
{
    const std::string name("of strings"), category("I/O");
    tacho::scope a{name, category}, b{name}, c{name, "I/O"};
    tacho::scope_cpu d{name, category}, e{name, "I/O"}, f{"literal"}, g{"literal", "I/O"};
}

static void ends_early()
{
    tacho::scope first{"first"};
    first.end();
    first.end();
    tacho::scope_cpu second{"second"};
    second.end();
    tacho::scope moved{"moved"};
    tacho::scope to{std::move(moved)};
    tacho::scope_cpu moved_cpu{"moved, with CPU"};
    tacho::scope_cpu to_cpu{std::move(moved_cpu)};
}

/* Its own recording, for which it needs the name of a file; whether all went as it should. */
static bool records_itself(const char *path)
{
    tacho_options how = tacho::options();
    how.path = path;
    tacho::recording first{how};
    tacho::recording second{std::string(path)};
    tacho::scope scope{"in its own recording"};
    bool once = first.status() == 0 && second.status() != 0 && second.stop() != 0;
    scope.end();
    return once && first.stop() == 0 && first.stop() != 0;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return records_itself(argv[1]) ? 0 : 1;
    tacho::thread_name("main");
    tacho::thread_name(std::string("main"));
    for (int i = 0; i < 2; i++)
        auto scope = step(i);
    bool unwound = unwinds();
    names();
    ends_early();
    tacho::scope after{"after"};
    tacho::label("100 %s of it");
    tacho::label(std::string("and ") + (tacho::marking() ? "more" : "nothing"));
    tacho::counter("residual", 0.5);
    tacho::counter(std::string("steps"), 2);
    return unwound ? 0 : 1;
}

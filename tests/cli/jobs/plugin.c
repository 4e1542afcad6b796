/* A plugin that marks. */
#include <tacho/tacho.h>

void plugin_mark(void);
__attribute__((visibility("default"))) void plugin_mark(void)
{
    TACHO_SCOPE("in plugin", "I/O");
}

/* Where SQLite was not there when this was built. */
#include "export/export_format.h"

const struct export_format export_sqlite = {.name = "sqlite",
                                            .absent = "-Dsqlite=enabled (libsqlite3-dev)"};

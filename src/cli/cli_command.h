/* Between main.c and cli.c. */
#ifndef TACHO_CLI_CLI_COMMAND_H
#define TACHO_CLI_CLI_COMMAND_H

/* From now on messages are those of this command. `name` is kept. */
void cli_set_command(const char *name);

#endif

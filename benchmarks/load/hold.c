/* Opens connections, has `depth` messages echoed on each, prints "ready", and keeps them until stdin ends. */
#include "load.h"

#include <stdio.h>
#include <unistd.h>

static uint64_t missing;

static void on_echo(struct connection *connection) {
  (void)connection;
  missing--;
  if (missing == 0) loop_ends = true;
}

static void receive_echoes(struct connection *connection) { receive_some(connection, on_echo); }

void run_hold(void) {
  struct connection *connections = open_connections();
  missing = (uint64_t)options.connections * (uint64_t)options.depth;
  for (int i = 0; i < options.connections; i++) {
    connections[i].may_send = (uint64_t)options.depth;
    send_some(&connections[i]);
  }
  if (missing > 0) loop(receive_echoes, NULL);
  printf("ready\n");
  fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

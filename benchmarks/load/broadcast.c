/*
 * Broadcast: the server sends what it gets to everybody in the room. A sender sends its next message when it has got one
 * of each sender, so the members stay in step. Deliveries are counted.
 */
#include "load.h"

static void on_delivery(struct connection *connection) {
  uint64_t senders = (uint64_t)options.senders;
  if (connection->index / options.rooms >= options.senders) return;
  if ((connection->received + 1) % senders == 0) connection->may_send++;
}

static void receive_deliveries(struct connection *connection) {
  receive_some(connection, on_delivery);
  if (connection->may_send > 0) send_some(connection);
}

static int step(double time) {
  advance_window(time);
  return 50;
}

void run_broadcast(void) {
  int members = options.connections / options.rooms;
  if (options.senders == 0 || options.senders > members) options.senders = members;
  struct connection *connections = open_connections();
  plan_window();
  for (int i = 0; i < options.senders * options.rooms; i++) {
    connections[i].may_send = 1;
    send_some(&connections[i]);
  }
  loop(figures.until, receive_deliveries, step);
  print_figures(now());
}

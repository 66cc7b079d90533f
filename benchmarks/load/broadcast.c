/*
 * Broadcast: the server sends what it gets to everybody in the room. A sender sends its next message when it has got one
 * of each sender, so the members stay in step. Deliveries are counted.
 *
 * To 500 of whom all send, one such round is 250,000 deliveries, a second or more for some servers: the measured window
 * begins and ends with a round, or half of one would decide.
 */
#include "load.h"

#include <math.h>

static uint64_t deliveries, deliveries_of_round;
static double ends_from; /* with the first round that ends at this time or later */

static void end_round(double time) {
  if (!figures.running) {
    advance_window(time);
    ends_from = figures.until;
    figures.until = INFINITY;
  } else if (time >= ends_from) {
    print_figures(time);
    loop_ends = true;
  }
}

static void on_delivery(struct connection *connection) {
  bool sends = connection->index / options.rooms < options.senders;
  if (sends && (connection->received + 1) % (uint64_t)options.senders == 0) connection->may_send++;
  deliveries++;
  if (deliveries % deliveries_of_round == 0 && !loop_ends) end_round(now());
}

static void receive_deliveries(struct connection *connection) {
  receive_some(connection, on_delivery);
  if (connection->may_send > 0) send_some(connection);
}

void run_broadcast(void) {
  int members = options.connections / options.rooms;
  if (options.senders == 0 || options.senders > members) options.senders = members;
  deliveries_of_round = (uint64_t)options.senders * (uint64_t)members * (uint64_t)options.rooms;
  struct connection *connections = open_connections();
  plan_window();
  for (int i = 0; i < options.senders * options.rooms; i++) {
    connections[i].may_send = 1;
    send_some(&connections[i]);
  }
  loop(receive_deliveries, NULL);
}

/*
 * Echo. Closed loop: every connection keeps `depth` messages under way. Open loop: messages leave by the clock, at
 * `rate` a second over all connections, whether or not earlier ones have come back; the latency of each counts from when
 * it was due, so a server that stalls is charged for all that wait behind the stall.
 */
#include "load.h"

#include <errno.h>

static struct connection *connections;
static double batch_time; /* of the last read: one clock reading for all its messages */

/* ---- closed loop ---- */

static void on_echo(struct connection *connection) {
  double *sent_at = &connection->sent_at[connection->received % (uint64_t)options.depth];
  if (figures.running) note_latency(batch_time - *sent_at);
  *sent_at = batch_time; /* the next one takes its place */
  connection->may_send++;
}

static void receive_echoes(struct connection *connection) {
  batch_time = now();
  receive_some(connection, on_echo);
  send_some(connection);
}

static int step_closed(double time) {
  advance_window(time);
  return 50;
}

void run_echo(void) {
  connections = open_connections();
  plan_window();
  for (int i = 0; i < options.connections; i++) {
    struct connection *connection = &connections[i];
    connection->sent_at = allocate((size_t)options.depth * sizeof(double));
    for (int k = 0; k < options.depth; k++) connection->sent_at[k] = now();
    connection->may_send = (uint64_t)options.depth;
    send_some(connection);
  }
  loop(receive_echoes, step_closed);
  print_figures(now());
}

/* ---- open loop ---- */

static double began;
static uint64_t scheduled, answered;
static double gives_up;

static double due(uint64_t number) { return began + (double)number / options.rate; }

/* Message k of connection i is number k * connections + i of all. */
static void on_answer(struct connection *connection) {
  uint64_t number = connection->received * (uint64_t)options.connections + (uint64_t)connection->index;
  double time = due(number);
  if (figures.until > 0 && time >= figures.from) note_latency(batch_time - time);
  answered++;
}

static void receive_answers(struct connection *connection) {
  batch_time = now();
  receive_some(connection, on_answer);
}

/* Never sleeps: a timer would wake us 50 us late, and the core is ours. */
static int step_open(double time) {
  advance_window(time);
  while (due(scheduled) <= time) {
    struct connection *connection = &connections[scheduled % (uint64_t)options.connections];
    connection->may_send++;
    scheduled++;
    send_some(connection);
  }
  return 0;
}

static int step_drain(double time) {
  if (answered == scheduled || time >= gives_up) loop_ends = true;
  return 1;
}

static void note_unanswered(void) {
  double time = now();
  for (int i = 0; i < options.connections; i++) {
    for (uint64_t k = connections[i].received;; k++) {
      uint64_t number = k * (uint64_t)options.connections + (uint64_t)i;
      if (number >= scheduled) break;
      if (due(number) >= figures.from) note_latency(time - due(number));
      figures.unanswered++;
    }
  }
}

void run_rate(void) {
  errno = 0;
  if (options.rate <= 0) fail("--rate must be above 0");
  connections = open_connections();
  plan_window();
  began = now();
  loop(receive_answers, step_open);
  double end = now();
  /* What comes late has its latency, but is no throughput. */
  struct figures window = figures;
  gives_up = end + 5;
  figures.running = false;
  loop(receive_answers, step_drain);
  note_unanswered();
  window.unanswered = figures.unanswered;
  figures = window;
  print_figures(end);
}

/*
 * Handshakes: connect, upgrade, close with 1000, wait for the server's close frame and its FIN, and again. `connections`
 * of them are under way all the time. A message in the figures is one such life; its latency is that of the 101.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_RESPONSE = 4096 };
enum stage { CONNECTING, AWAITING_RESPONSE, AWAITING_END };

struct life {
  enum stage stage;
  double began;
  int length;
  char response[MAX_RESPONSE];
};

static struct connection *connections;
static struct life *lives;
static int next_index;

static void begin(struct connection *connection) {
  struct life *life = &lives[connection - connections];
  *life = (struct life){.stage = CONNECTING, .began = now()};
  connection->index = next_index++;
  connection->fd = connect_socket(connection->index % 4000000, false);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

static void send_request(struct connection *connection) {
  char request[1024];
  int length = format_request(request, sizeof request, connection->index);
  if (write(connection->fd, request, (size_t)length) != length) fail("write");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void read_response(struct connection *connection, struct life *life) {
  static const uint8_t close_frame[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8}; /* 1000, masked with zeros */
  ssize_t count = read(connection->fd, life->response + life->length, (size_t)(MAX_RESPONSE - 1 - life->length));
  if (count < 0 && errno == EAGAIN) return;
  errno = count < 0 ? errno : 0;
  if (count <= 0) fail("the server closed during the handshake");
  life->length += (int)count;
  if (strstr(life->response, "\r\n\r\n") == NULL) return;
  if (!is_accepted(life->response)) fail_about("refused", life->response);
  if (figures.running) note_latency(now() - life->began);
  life->stage = AWAITING_END;
  if (write(connection->fd, close_frame, sizeof close_frame) != sizeof close_frame) fail("write");
}

static void read_end(struct connection *connection) {
  uint8_t rest[256];
  ssize_t count = read(connection->fd, rest, sizeof rest);
  if (count > 0 || (count < 0 && errno == EAGAIN)) return;
  close(connection->fd);
  if (figures.running) figures.messages++;
  begin(connection);
}

static int step(double time) {
  advance_window(time);
  return 50;
}

void run_handshakes(void) {
  connections = allocate((size_t)options.connections * sizeof *connections);
  lives = allocate((size_t)options.connections * sizeof *lives);
  plan_window();
  for (int i = 0; i < options.connections; i++) begin(&connections[i]);
  struct epoll_event events[64];
  for (double time = now(); !window_is_over(time); time = now()) {
    int count = epoll_wait(epoll, events, 64, step(time));
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      struct life *life = &lives[connection - connections];
      if (life->stage == CONNECTING) {
        life->stage = AWAITING_RESPONSE;
        send_request(connection);
      } else if (life->stage == AWAITING_RESPONSE) {
        read_response(connection, life);
      } else {
        read_end(connection);
      }
    }
  }
  print_figures(now());
}

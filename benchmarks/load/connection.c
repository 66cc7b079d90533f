/* Connections: opening handshake, frames out, frames in. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, MAX_EVENTS = 256, MAX_SLACK = 1024, PER_ADDRESS = 20000 };

int epoll;
bool loop_ends;

/* ---- opening handshake ---- */

int connect_socket(int index, bool wait) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)options.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in source = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / PER_ADDRESS))};
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | (wait ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0) fail("bind");
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) fail("connect");
  return fd;
}

int format_request(char *request, size_t room, int index) {
  char path[256];
  if (options.rooms > 1)
    snprintf(path, sizeof path, "/room-%d", index % options.rooms);
  else
    snprintf(path, sizeof path, "%s", options.path);
  return snprintf(request, room,
                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                  path, options.port,
                  options.compress ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
}

/* The key of each request is the one of RFC 6455, 1.3, so is the answer. */
bool is_accepted(const char *response) {
  return strncmp(response, "HTTP/1.1 101", 12) == 0 && strstr(response, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL;
}

static void shake_hands(struct connection *connection) {
  char request[1024], response[4096];
  int length = format_request(request, sizeof request, connection->index);
  if (write(connection->fd, request, (size_t)length) != length) fail("write");
  size_t received = 0;
  errno = 0;
  while (received < 4 || memcmp(response + received - 4, "\r\n\r\n", 4) != 0) {
    if (received == sizeof response - 1) fail("the response is too long");
    if (read(connection->fd, response + received, 1) != 1) fail("the server closed during the handshake");
    received++;
  }
  response[received] = 0;
  if (!is_accepted(response)) fail_about("refused", response);
  prepare_frames(response);
}

struct connection *open_connections(void) {
  struct connection *connections = allocate((size_t)options.connections * sizeof *connections);
  for (int i = 0; i < options.connections; i++) {
    struct connection *connection = &connections[i];
    connection->index = i;
    connection->fd = connect_socket(i, true);
    shake_hands(connection);
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    if (options.compress) {
      connection->payload = allocate(longest_message + MAX_SLACK);
      connection->inflater = allocate(sizeof *connection->inflater);
      if (inflateInit2(connection->inflater, -15) != Z_OK) fail("inflateInit2");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
  }
  return connections;
}

/* ---- out ---- */

static void wait_for_room(struct connection *connection, bool wait) {
  if (connection->waits_for_room == wait) return;
  connection->waits_for_room = wait;
  struct epoll_event event = {.events = EPOLLIN | (wait ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* As many messages in one write as lie behind each other. */
void send_some(struct connection *connection) {
  while (connection->may_send > 0) {
    const struct round *round = round_of(connection->sent);
    size_t first = connection->sent % message_count, last = first + connection->may_send;
    if (last > message_count) last = message_count;
    const uint8_t *from = round->bytes + round->start[first] + connection->written;
    ssize_t count = write(connection->fd, from, (size_t)(round->bytes + round->start[last] - from));
    if (count < 0) {
      if (errno != EAGAIN) fail("write");
      wait_for_room(connection, true);
      return;
    }
    if (figures.running) figures.bytes_out += (uint64_t)count;
    size_t end = round->start[first] + connection->written + (size_t)count;
    while (first < last && round->start[first + 1] <= end) {
      first++;
      connection->sent++;
      connection->may_send--;
    }
    connection->written = end - round->start[first];
  }
  wait_for_room(connection, false);
}

/* ---- in ---- */

/* Reads a header byte by byte; true when it is complete. */
static bool take_header(struct connection *connection, uint8_t byte) {
  uint8_t *header = connection->header;
  header[connection->header_length++] = byte;
  if (connection->header_length < 2) return false;
  int size = header[1] == 126 ? 4 : header[1] == 127 ? 10 : 2;
  if (connection->header_length < size) return false;
  uint64_t length = header[1];
  if (size > 2) {
    length = 0;
    for (int i = 2; i < size; i++) length = length << 8 | header[i];
  }
  errno = 0;
  if ((header[0] & 0x0f) == 8) fail("the server sent a close frame");
  if ((header[0] & 0x0f) != 1 || (header[0] & 0x80) == 0) fail("expected a text message in one frame");
  if (length > longest_message + MAX_SLACK - 4) fail("a message is too long");
  connection->compressed = (header[0] & 0x40) != 0;
  if (connection->compressed && connection->inflater == NULL) fail("a compressed frame that was not negotiated");
  connection->payload_left = length;
  connection->payload_length = 0;
  connection->header_length = 0;
  return true;
}

static const struct bytes *expected_by(const struct connection *connection) {
  return &messages[connection->received % message_count];
}

static void take_payload(struct connection *connection, const uint8_t *part, size_t length) {
  if (connection->compressed) {
    memcpy(connection->payload + connection->payload_length, part, length);
  } else {
    const struct bytes *expected = expected_by(connection);
    errno = 0;
    if (connection->payload_length + length > expected->length ||
        memcmp(expected->data + connection->payload_length, part, length) != 0)
      fail("a message differs");
  }
  connection->payload_length += length;
  connection->payload_left -= length;
}

static void check_compressed(struct connection *connection) {
  static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
  static uint8_t *text;
  if (text == NULL) text = allocate(longest_message + 1);
  z_stream *inflater = connection->inflater;
  memcpy(connection->payload + connection->payload_length, tail, sizeof tail);
  inflater->next_in = connection->payload;
  inflater->avail_in = (uInt)(connection->payload_length + sizeof tail);
  inflater->next_out = text;
  inflater->avail_out = (uInt)longest_message + 1;
  int status = inflate(inflater, Z_SYNC_FLUSH);
  errno = 0;
  if ((status != Z_OK && status != Z_BUF_ERROR) || inflater->avail_in > 0) fail("a message does not inflate");
  const struct bytes *expected = expected_by(connection);
  if (longest_message + 1 - inflater->avail_out != expected->length ||
      memcmp(text, expected->data, expected->length) != 0)
    fail("a message differs");
}

static void end_message(struct connection *connection, void (*on_message)(struct connection *)) {
  errno = 0;
  if (connection->compressed)
    check_compressed(connection);
  else if (connection->payload_length != expected_by(connection)->length)
    fail("a message is too short");
  if (figures.running) {
    figures.messages++;
    figures.compressed += connection->compressed;
  }
  on_message(connection);
  connection->received++;
}

void receive_some(struct connection *connection, void (*on_message)(struct connection *)) {
  static uint8_t buffer[READ_BYTES];
  ssize_t count = read(connection->fd, buffer, sizeof buffer);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) fail("the server closed a connection");
  if (figures.running) figures.bytes_in += (uint64_t)count;
  size_t at = 0;
  while (at < (size_t)count) {
    if (connection->payload_left == 0) {
      if (take_header(connection, buffer[at++]) && connection->payload_left == 0) end_message(connection, on_message);
      continue;
    }
    size_t part = (size_t)count - at;
    if (part > connection->payload_left) part = connection->payload_left;
    take_payload(connection, buffer + at, part);
    at += part;
    if (connection->payload_left == 0) end_message(connection, on_message);
  }
}

/* ---- events ---- */

void loop(void (*receive)(struct connection *), int (*step)(double time)) {
  struct epoll_event events[MAX_EVENTS];
  for (loop_ends = false; !loop_ends;) {
    double time = now();
    if (window_is_over(time)) return;
    int wait = step == NULL ? 50 : step(time);
    int count = epoll_wait(epoll, events, MAX_EVENTS, wait);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if ((events[i].events & EPOLLOUT) != 0) send_some(connection);
      if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) receive(connection);
    }
  }
}

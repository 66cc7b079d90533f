/*
 * Closed-loop load on a WebSocket echo server: every connection keeps `depth` messages under way, checks each echo
 * byte by byte, and sends the next one when it has come. Linux (epoll, /proc). With --compress it speaks
 * permessage-deflate with context takeover, as a browser does.
 *
 * cc -O2 -o echo-load echo-load.c -lz
 *
 * Messages come from a file, one a line. Sending costs next to nothing: frames are compressed and masked once, before
 * the first connection. The first round over the file begins with an empty window; all later rounds find the previous
 * round in theirs, which is the same bytes each time, so one compressed round serves for ever. The file must be longer
 * than the window (32 KiB) for that.
 *
 * Prints one line of JSON. CPU time is that of the process given by --pid, all threads, inside the measured window.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { MAX_EVENTS = 256, READ_BYTES = 1 << 18, MAX_HEADER = 10, MASK_BYTES = 4 };

struct bytes {
  uint8_t *data;
  size_t length;
};

struct options {
  int port, connections, depth;
  double seconds, warm_up;
  const char *path, *file;
  bool compress, hold;
  int pid;
};

struct connection {
  int fd;
  uint64_t sent, echoed;     /* messages */
  double *sent_at;           /* ring of `depth` times */
  size_t written;            /* bytes of message `sent` - 1 that the kernel has */
  uint64_t to_send;          /* messages that may be sent */
  bool waits_for_room;
  uint8_t header[MAX_HEADER];
  int header_length;
  uint64_t payload_left;
  uint8_t *payload;
  size_t payload_length;
  bool compressed;
  z_stream *inflater;
};

static struct options options = {
    .port = 8080, .connections = 64, .depth = 1, .seconds = 3, .warm_up = 1, .path = "/"};

static struct bytes *messages;
static size_t message_count, longest_message;
static struct bytes *first_round, *later_rounds; /* one masked frame for each message */

static uint8_t *scratch; /* an echo, inflated */
static bool measuring;
static uint64_t measured, bytes_in, bytes_out, compressed_echoes;
static double *latencies;
static size_t latency_count, latency_room;

static void fail(const char *what) {
  fprintf(stderr, "echo-load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static void *allocate(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- messages and frames ---- */

static void read_messages(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  while ((length = getline(&line, &room, file)) > 0) {
    if (line[length - 1] == '\n') length--;
    messages = realloc(messages, (message_count + 1) * sizeof *messages);
    if (messages == NULL) fail("out of memory");
    struct bytes *message = &messages[message_count++];
    message->data = allocate((size_t)length + 1);
    message->length = (size_t)length;
    memcpy(message->data, line, (size_t)length);
    if (message->length > longest_message) longest_message = message->length;
  }
  free(line);
  fclose(file);
  if (message_count == 0) fail("the file has no message");
}

/* A masked text frame (RFC 6455, 5.2). */
static struct bytes make_frame(const uint8_t *payload, size_t length, bool compressed) {
  static const uint8_t key[MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
  struct bytes frame = {allocate(length + MAX_HEADER + MASK_BYTES), 2};
  frame.data[0] = (uint8_t)(0x81 | (compressed ? 0x40 : 0));
  if (length < 126) {
    frame.data[1] = (uint8_t)(0x80 | length);
  } else if (length < 65536) {
    frame.data[1] = 0x80 | 126;
    frame.data[frame.length++] = (uint8_t)(length >> 8);
    frame.data[frame.length++] = (uint8_t)length;
  } else {
    frame.data[1] = 0x80 | 127;
    for (int shift = 56; shift >= 0; shift -= 8) frame.data[frame.length++] = (uint8_t)((uint64_t)length >> shift);
  }
  memcpy(frame.data + frame.length, key, MASK_BYTES);
  frame.length += MASK_BYTES;
  for (size_t i = 0; i < length; i++) frame.data[frame.length + i] = payload[i] ^ key[i % MASK_BYTES];
  frame.length += length;
  return frame;
}

static void make_plain_frames(void) {
  first_round = allocate(message_count * sizeof *first_round);
  for (size_t i = 0; i < message_count; i++)
    first_round[i] = make_frame(messages[i].data, messages[i].length, false);
  later_rounds = first_round;
}

static struct bytes *compress_round(z_stream *deflater, bool alone) {
  struct bytes *frames = allocate(message_count * sizeof *frames);
  size_t room = deflateBound(deflater, longest_message) + 16;
  uint8_t *out = allocate(room);
  for (size_t i = 0; i < message_count; i++) {
    if (alone) deflateReset(deflater);
    deflater->next_in = messages[i].data;
    deflater->avail_in = (uInt)messages[i].length;
    deflater->next_out = out;
    deflater->avail_out = (uInt)room;
    if (deflate(deflater, Z_SYNC_FLUSH) != Z_OK || deflater->avail_in > 0) fail("deflate");
    frames[i] = make_frame(out, room - deflater->avail_out - 4, true); /* without 00 00 ff ff */
  }
  free(out);
  return frames;
}

/* Browsers compress with zlib at level 6 and memLevel 8 or 9. */
static void make_compressed_frames(int window_bits, bool alone) {
  z_stream deflater = {0};
  if (window_bits == 8) window_bits = 9;
  if (deflateInit2(&deflater, 6, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail("deflateInit2");
  first_round = compress_round(&deflater, alone);
  later_rounds = compress_round(&deflater, alone);
  deflateEnd(&deflater);
}

static const struct bytes *frame_of(uint64_t number) {
  return number < message_count ? &first_round[number] : &later_rounds[number % message_count];
}

/* ---- opening handshake ---- */

static int number_behind(const char *text, const char *name, int otherwise) {
  const char *at = strcasestr(text, name);
  return at == NULL ? otherwise : atoi(at + strlen(name));
}

/* Compresses the messages as the first answer wants them. */
static void prepare_frames(const char *response) {
  if (!options.compress) {
    make_plain_frames();
    return;
  }
  if (strcasestr(response, "permessage-deflate") == NULL) fail("the server has not accepted compression");
  make_compressed_frames(number_behind(response, "client_max_window_bits=", 15),
                         strcasestr(response, "client_no_context_takeover") != NULL);
}

static void shake_hands(int fd) {
  char request[1024], response[4096];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        options.path, options.port,
                        options.compress ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
  if (write(fd, request, (size_t)length) != length) fail("write");
  size_t received = 0;
  while (received < 4 || memcmp(response + received - 4, "\r\n\r\n", 4) != 0) {
    if (received == sizeof response - 1) fail("the response is too long");
    if (read(fd, response + received, 1) != 1) fail("the server closed during the handshake");
    received++;
  }
  response[received] = 0;
  if (strncmp(response, "HTTP/1.1 101", 12) != 0) {
    fprintf(stderr, "echo-load: %.60s\n", response);
    exit(1);
  }
  if (first_round == NULL) prepare_frames(response);
}

static void open_connection(struct connection *connection, int index, int epoll) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)options.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  /* 127.0.0.x as the source: one address has ports for 28,000 connections only. */
  struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)index / 20000)};
  int one = 1;
  connection->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(connection->fd, (struct sockaddr *)&source, sizeof source) != 0) fail("bind");
  if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  shake_hands(connection->fd);
  fcntl(connection->fd, F_SETFL, O_NONBLOCK);
  connection->sent_at = allocate((size_t)options.depth * sizeof *connection->sent_at);
  connection->payload = allocate(longest_message + 1024);
  if (options.compress) {
    connection->inflater = allocate(sizeof *connection->inflater);
    if (inflateInit2(connection->inflater, -15) != Z_OK) fail("inflateInit2");
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event);
}

/* ---- out ---- */

static void wait_for_room(struct connection *connection, int epoll, bool wait) {
  if (connection->waits_for_room == wait) return;
  connection->waits_for_room = wait;
  struct epoll_event event = {.events = EPOLLIN | (wait ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void send_some(struct connection *connection, int epoll) {
  while (connection->to_send > 0) {
    const struct bytes *frame = frame_of(connection->sent);
    if (connection->written == 0)
      connection->sent_at[connection->sent % (uint64_t)options.depth] = now();
    ssize_t count = write(connection->fd, frame->data + connection->written, frame->length - connection->written);
    if (count < 0) {
      if (errno != EAGAIN) fail("write");
      wait_for_room(connection, epoll, true);
      return;
    }
    if (measuring) bytes_out += (uint64_t)count;
    connection->written += (size_t)count;
    if (connection->written < frame->length) continue;
    connection->written = 0;
    connection->sent++;
    connection->to_send--;
  }
  wait_for_room(connection, epoll, false);
}

/* ---- in ---- */

static size_t inflate_echo(struct connection *connection) {
  static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
  z_stream *inflater = connection->inflater;
  if (inflater == NULL) fail("a compressed frame that was not negotiated");
  inflater->next_out = scratch;
  inflater->avail_out = (uInt)longest_message + 1;
  memcpy(connection->payload + connection->payload_length, tail, sizeof tail);
  inflater->next_in = connection->payload;
  inflater->avail_in = (uInt)(connection->payload_length + sizeof tail);
  int status = inflate(inflater, Z_SYNC_FLUSH);
  if ((status != Z_OK && status != Z_BUF_ERROR) || inflater->avail_in > 0) fail("an echo does not inflate");
  return longest_message + 1 - inflater->avail_out;
}

static void take_echo(struct connection *connection) {
  const struct bytes *expected = &messages[connection->echoed % message_count];
  const uint8_t *echo = connection->payload;
  size_t length = connection->payload_length;
  if (connection->compressed) {
    length = inflate_echo(connection);
    echo = scratch;
  }
  errno = 0;
  if (length != expected->length || memcmp(echo, expected->data, length) != 0) fail("an echo differs");
  if (measuring) {
    measured++;
    compressed_echoes += connection->compressed;
    if (latency_count < latency_room)
      latencies[latency_count++] = now() - connection->sent_at[connection->echoed % (uint64_t)options.depth];
  }
  connection->echoed++;
  if (!options.hold) connection->to_send++;
}

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
  if ((header[0] & 0x0f) != 1 || (header[0] & 0x80) == 0) fail("expected a text message in one frame");
  if (length > longest_message + 1000) fail("an echo is too long");
  connection->compressed = (header[0] & 0x40) != 0;
  connection->payload_left = length;
  connection->payload_length = 0;
  connection->header_length = 0;
  return true;
}

static void receive_some(struct connection *connection, int epoll) {
  static uint8_t buffer[READ_BYTES];
  ssize_t count = read(connection->fd, buffer, sizeof buffer);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) fail("the server closed a connection");
  if (measuring) bytes_in += (uint64_t)count;
  size_t at = 0;
  while (at < (size_t)count) {
    if (connection->payload_left == 0) {
      if (take_header(connection, buffer[at++]) && connection->payload_left == 0) take_echo(connection);
      continue;
    }
    size_t part = (size_t)count - at;
    if (part > connection->payload_left) part = connection->payload_left;
    memcpy(connection->payload + connection->payload_length, buffer + at, part);
    connection->payload_length += part;
    connection->payload_left -= part;
    at += part;
    if (connection->payload_left == 0) take_echo(connection);
  }
  send_some(connection, epoll);
}

/* ---- figures ---- */

/* Seconds of CPU, user and system, of all threads. */
static double cpu_seconds(void) {
  if (options.pid == 0) return 0;
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", options.pid);
  FILE *file = fopen(path, "r");
  if (file == NULL || fgets(text, sizeof text, file) == NULL) fail(path);
  fclose(file);
  unsigned long user, system;
  const char *behind_name = strrchr(text, ')');
  if (behind_name == NULL ||
      sscanf(behind_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
    fail("cannot read the CPU time");
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static double percentile(double share) {
  return latency_count == 0 ? 0 : latencies[(size_t)((double)(latency_count - 1) * share)] * 1e6;
}

static void print_result(double seconds, double cpu) {
  qsort(latencies, latency_count, sizeof *latencies, by_size);
  printf("{\"messages\":%llu,\"seconds\":%.3f,\"cpuSeconds\":%.2f,\"bytesIn\":%llu,\"bytesOut\":%llu,"
         "\"compressedEchoes\":%llu,\"p50\":%.0f,\"p99\":%.0f}\n",
         (unsigned long long)measured, seconds, cpu, (unsigned long long)bytes_in, (unsigned long long)bytes_out,
         (unsigned long long)compressed_echoes, percentile(0.5), percentile(0.99));
}

static void run(struct connection *connections, int epoll) {
  struct epoll_event events[MAX_EVENTS];
  double start = now(), measure_from = start + options.warm_up, end = measure_from + options.seconds, cpu = 0;
  for (int i = 0; i < options.connections; i++) {
    connections[i].to_send = (uint64_t)options.depth;
    send_some(&connections[i], epoll);
  }
  for (int waiting = options.connections; waiting > 0;) {
    double time = now();
    if (!options.hold && time >= end) break;
    if (!options.hold && !measuring && time >= measure_from) {
      measuring = true;
      measure_from = time;
      cpu = cpu_seconds();
    }
    int count = epoll_wait(epoll, events, MAX_EVENTS, 50);
    for (int i = 0; i < count; i++) {
      struct connection *connection = events[i].data.ptr;
      if ((events[i].events & EPOLLOUT) != 0) send_some(connection, epoll);
      if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0) {
        receive_some(connection, epoll);
        if (options.hold && connection->echoed > 0) {
          waiting--;
          epoll_ctl(epoll, EPOLL_CTL_DEL, connection->fd, NULL);
        }
      }
    }
  }
  if (!options.hold) print_result(now() - measure_from, cpu_seconds() - cpu);
}

static const struct option LONG_OPTIONS[] = {{"port", required_argument, NULL, 'p'},
                                             {"path", required_argument, NULL, 'u'},
                                             {"connections", required_argument, NULL, 'c'},
                                             {"depth", required_argument, NULL, 'd'},
                                             {"seconds", required_argument, NULL, 's'},
                                             {"warm-up", required_argument, NULL, 'w'},
                                             {"messages", required_argument, NULL, 'f'},
                                             {"pid", required_argument, NULL, 'P'},
                                             {"compress", no_argument, NULL, 'z'},
                                             {"hold", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

static void read_options(int argc, char **argv) {
  int option;
  while ((option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1) {
    switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'u': options.path = optarg; break;
      case 'c': options.connections = atoi(optarg); break;
      case 'd': options.depth = atoi(optarg); break;
      case 's': options.seconds = atof(optarg); break;
      case 'w': options.warm_up = atof(optarg); break;
      case 'f': options.file = optarg; break;
      case 'P': options.pid = atoi(optarg); break;
      case 'z': options.compress = true; break;
      case 'h': options.hold = true; break;
      default: exit(2);
    }
  }
  if (options.file == NULL || options.connections < 1 || options.depth < 1) {
    fprintf(stderr,
            "usage: echo-load --port N --messages FILE [--path PATH] [--connections N] [--depth N] [--compress]\n"
            "                 [--warm-up S] [--seconds S] [--pid N]   closed loop, one line of JSON\n"
            "       echo-load ... --hold   one echo on each connection, \"ready\", then open until stdin ends\n");
    exit(2);
  }
  if (options.hold) options.depth = 1;
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  read_messages(options.file);
  latency_room = 1 << 22;
  latencies = allocate(latency_room * sizeof *latencies);
  scratch = allocate(longest_message + 1);
  int epoll = epoll_create1(0);
  struct connection *connections = allocate((size_t)options.connections * sizeof *connections);
  for (int i = 0; i < options.connections; i++) open_connection(&connections[i], i, epoll);
  if (options.hold) {
    run(connections, epoll);
    printf("ready\n");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
  }
  run(connections, epoll);
  return 0;
}

/* Load on a WebSocket server, from one thread: Linux (epoll, CPU clocks of other processes). See main.c for its use. */
#ifndef LOAD_H
#define LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct options {
  const char *mode, *path, *file;
  int port, connections, depth, senders, rooms;
  double seconds, warm_up, rate;
  bool compress;
  int pid;
};

extern struct options options;

/* ---- figures.c ---- */

void fail(const char *what) __attribute__((noreturn)); /* says errno too, unless it is 0 */
void fail_about(const char *what, const char *value) __attribute__((noreturn));
void *allocate(size_t size); /* zeroed */
double now(void);            /* seconds, monotonic */

struct figures {
  bool running;       /* inside the measured window */
  double from, until; /* the window; it lasts until something has come */
  double cpu;         /* of the server, at its start, then inside it */
  uint64_t messages, bytes_in, bytes_out, compressed, unanswered;
};

extern struct figures figures;

void plan_window(void);      /* after the warm-up that begins now */
void advance_window(double time); /* starts the window when it is time */
bool window_is_over(double time);
void note_latency(double seconds);
void print_figures(double time); /* ends the window: one line of JSON */

/* ---- frames.c ---- */

struct bytes {
  uint8_t *data;
  size_t length;
};

/* Frames of all messages, one behind the other, so that many go out in one write. */
struct round {
  uint8_t *bytes;
  size_t *start; /* message_count + 1 */
};

extern struct bytes *messages;
extern size_t message_count, longest_message;

void read_messages(const char *path);
void prepare_frames(const char *response); /* compressed as the server's answer wants them */
const struct round *round_of(uint64_t number);

/* ---- connection.c ---- */

enum { MAX_HEADER = 10 };

struct connection {
  int fd, index;
  uint64_t sent, received; /* messages */
  uint64_t may_send;       /* messages that may go out now */
  size_t written;          /* bytes of message `sent` that the kernel has */
  bool waits_for_room;
  uint8_t header[MAX_HEADER];
  int header_length;
  bool compressed; /* the message that is coming in */
  uint64_t payload_left;
  size_t payload_length; /* bytes of it so far */
  uint8_t *payload;      /* of compressed ones only */
  z_stream *inflater;
  double *sent_at; /* ring of `depth` times, of echoes in a closed loop */
};

extern int epoll;

struct connection *open_connections(void);
int connect_socket(int index, bool wait); /* from 127.0.0.x: one address has ports for 28,000 connections */
int format_request(char *request, size_t room, int index);
bool is_accepted(const char *response);
void send_some(struct connection *connection);
/* Reads once; calls back for each whole message, whose content has been checked. */
void receive_some(struct connection *connection, void (*on_message)(struct connection *));

/* ---- the modes ---- */

void run_echo(void);       /* echo.c: closed loop */
void run_rate(void);       /* echo.c: open loop */
void run_hold(void);       /* hold.c */
void run_broadcast(void);  /* broadcast.c */
void run_handshakes(void); /* handshakes.c */

/* Calls `receive` for connections with input until the window is over. `step` runs before each wait, may be NULL, and
   returns the longest wait in ms. */
void loop(void (*receive)(struct connection *), int (*step)(double time));
extern bool loop_ends; /* set by a callback */

#endif

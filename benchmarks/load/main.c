/*
 * Load on a WebSocket server. Every message that comes back is checked byte by byte.
 *
 *     cc -O2 -o load *.c -lz
 *     load echo       --depth N         closed loop, N messages under way on each connection
 *     load rate       --rate N          open loop, N messages a second over all connections
 *     load broadcast  --senders N       in each room, 0: everybody; --rooms N spreads the connections over paths /room-0…
 *     load handshakes                   N connections under way that open and close
 *     load hold       --depth N         N echoes on each connection, "ready", then open until stdin ends
 *
 * All but hold take --warm-up and --seconds and print one line of JSON. CPU time is that of the process given by --pid,
 * all threads, inside the measured window. With --compress it speaks permessage-deflate with context takeover, as a
 * browser does.
 */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { GRACE_SECONDS = 120 };

struct options options = {
    .port = 8080, .connections = 64, .depth = 1, .rooms = 1, .seconds = 3, .warm_up = 1, .path = "/"};

static const struct {
  const char *name;
  void (*run)(void);
} MODES[] = {{"echo", run_echo},
             {"rate", run_rate},
             {"broadcast", run_broadcast},
             {"handshakes", run_handshakes},
             {"hold", run_hold}};

static const struct option LONG_OPTIONS[] = {{"port", required_argument, NULL, 'p'},
                                             {"path", required_argument, NULL, 'u'},
                                             {"connections", required_argument, NULL, 'c'},
                                             {"depth", required_argument, NULL, 'd'},
                                             {"rate", required_argument, NULL, 'r'},
                                             {"senders", required_argument, NULL, 'n'},
                                             {"rooms", required_argument, NULL, 'R'},
                                             {"seconds", required_argument, NULL, 's'},
                                             {"warm-up", required_argument, NULL, 'w'},
                                             {"messages", required_argument, NULL, 'f'},
                                             {"pid", required_argument, NULL, 'P'},
                                             {"compress", no_argument, NULL, 'z'},
                                             {NULL, 0, NULL, 0}};

static void read_options(int argc, char **argv) {
  int option;
  while ((option = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1) {
    switch (option) {
      case 'p': options.port = atoi(optarg); break;
      case 'u': options.path = optarg; break;
      case 'c': options.connections = atoi(optarg); break;
      case 'd': options.depth = atoi(optarg); break;
      case 'r': options.rate = atof(optarg); break;
      case 'n': options.senders = atoi(optarg); break;
      case 'R': options.rooms = atoi(optarg); break;
      case 's': options.seconds = atof(optarg); break;
      case 'w': options.warm_up = atof(optarg); break;
      case 'f': options.file = optarg; break;
      case 'P': options.pid = atoi(optarg); break;
      case 'z': options.compress = true; break;
      default: exit(2);
    }
  }
  options.mode = optind < argc ? argv[optind] : "";
  errno = 0;
  if (options.connections < 1) fail("--connections must be at least 1");
  if (options.rooms < 1) fail("--rooms must be at least 1");
  if (options.depth < (strcmp(options.mode, "hold") == 0 ? 0 : 1)) fail("--depth must be at least 1");
}

static void allow_many_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  allow_many_files();
  signal(SIGPIPE, SIG_IGN);
  alarm((unsigned)(options.warm_up + options.seconds) + GRACE_SECONDS); /* whatever happens, it ends */
  epoll = epoll_create1(0);
  if (strcmp(options.mode, "handshakes") != 0) {
    if (options.file == NULL) fail("--messages is missing");
    read_messages(options.file);
  }
  for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
    if (strcmp(options.mode, MODES[i].name) != 0) continue;
    MODES[i].run();
    return 0;
  }
  fail_about("no such mode", options.mode);
}

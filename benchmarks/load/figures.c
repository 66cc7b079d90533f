/* What is measured: messages and bytes in a window of time, the server's CPU time in it, latencies. */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_LATENCIES = 1 << 23 };

struct figures figures;
static double *latencies;
static size_t latency_count;
static clockid_t server_clock;

void fail(const char *what) {
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

void fail_about(const char *what, const char *value) {
  fprintf(stderr, "load: %s: %.80s\n", what, value);
  exit(1);
}

void *allocate(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

static double read_clock(clockid_t clock) {
  struct timespec time;
  if (clock_gettime(clock, &time) != 0) fail("clock_gettime");
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double now(void) { return read_clock(CLOCK_MONOTONIC); }

/* User and system time of all its threads: what /proc/PID/stat has, in nanoseconds instead of ticks of 10 ms. */
static double cpu_seconds(void) { return options.pid == 0 ? 0 : read_clock(server_clock); }

void plan_window(void) {
  if (options.pid != 0 && (errno = clock_getcpuclockid(options.pid, &server_clock)) != 0) fail("the server's clock");
  latencies = allocate(MAX_LATENCIES * sizeof *latencies);
  figures.from = now() + options.warm_up;
}

void advance_window(double time) {
  if (figures.running || time < figures.from) return;
  figures.running = true;
  figures.from = time;
  figures.until = time + options.seconds;
  figures.cpu = cpu_seconds();
}

bool window_is_over(double time) { return figures.running && time >= figures.until && figures.messages > 0; }

void note_latency(double seconds) {
  if (latency_count < MAX_LATENCIES) latencies[latency_count++] = seconds;
}

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static double percentile(double share) {
  return latency_count == 0 ? 0 : latencies[(size_t)((double)(latency_count - 1) * share)] * 1e6;
}

void print_figures(double time) {
  double cpu = cpu_seconds() - figures.cpu;
  qsort(latencies, latency_count, sizeof *latencies, by_size);
  printf("{\"messages\":%llu,\"seconds\":%.4f,\"cpuSeconds\":%.5f,\"bytesIn\":%llu,\"bytesOut\":%llu,"
         "\"compressed\":%llu,\"unanswered\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n",
         (unsigned long long)figures.messages, time - figures.from, cpu, (unsigned long long)figures.bytes_in,
         (unsigned long long)figures.bytes_out, (unsigned long long)figures.compressed,
         (unsigned long long)figures.unanswered, percentile(0.5), percentile(0.99), percentile(0.999));
}

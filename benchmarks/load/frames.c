/*
 * Messages and their frames. Messages come from a file, one a line. Sending costs next to nothing: frames are compressed
 * and masked once, before the first connection.
 *
 * With compression, the first round over the file begins with an empty window; all later rounds find the previous round
 * in theirs, which is the same bytes each time, so one compressed round serves for ever. The file must be longer than
 * the window (32 KiB) for that.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MASK_BYTES = 4, WISHED_MESSAGES = 1024, WISHED_BYTES = 1 << 18 };

struct bytes *messages;
size_t message_count, longest_message;

static struct round first_round, later_rounds;

static void add_message(struct bytes message) {
  messages = realloc(messages, (message_count + 1) * sizeof *messages);
  if (messages == NULL) fail("out of memory");
  messages[message_count++] = message;
  if (message.length > longest_message) longest_message = message.length;
}

void read_messages(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  char *line = NULL;
  size_t room = 0, total = 0;
  ssize_t length;
  while ((length = getline(&line, &room, file)) > 0) {
    if (line[length - 1] == '\n') length--;
    struct bytes message = {allocate((size_t)length + 1), (size_t)length};
    memcpy(message.data, line, (size_t)length);
    add_message(message);
    total += (size_t)length;
  }
  free(line);
  fclose(file);
  errno = 0;
  if (message_count == 0) fail("the file has no message");
  if (options.compress) return;
  /* A short file is repeated, so that many messages lie behind each other. */
  size_t distinct = message_count, copied = total;
  while (message_count < WISHED_MESSAGES && copied < WISHED_BYTES) {
    struct bytes message = messages[message_count % distinct];
    add_message(message);
    copied += message.length;
  }
}

/* Appends a masked text frame (RFC 6455, 5.2) and returns its end. */
static uint8_t *put_frame(uint8_t *at, const uint8_t *payload, size_t length, bool compressed) {
  static const uint8_t key[MASK_BYTES] = {0x37, 0xfa, 0x21, 0x3d};
  *at++ = (uint8_t)(0x81 | (compressed ? 0x40 : 0));
  if (length < 126) {
    *at++ = (uint8_t)(0x80 | length);
  } else if (length < 65536) {
    *at++ = 0x80 | 126;
    *at++ = (uint8_t)(length >> 8);
    *at++ = (uint8_t)length;
  } else {
    *at++ = 0x80 | 127;
    for (int shift = 56; shift >= 0; shift -= 8) *at++ = (uint8_t)((uint64_t)length >> shift);
  }
  memcpy(at, key, MASK_BYTES);
  at += MASK_BYTES;
  for (size_t i = 0; i < length; i++) at[i] = payload[i] ^ key[i % MASK_BYTES];
  return at + length;
}

static struct round empty_round(size_t longest_payload) {
  size_t frame = longest_payload + MAX_HEADER + MASK_BYTES;
  return (struct round){allocate(message_count * frame), allocate((message_count + 1) * sizeof(size_t))};
}

static void make_plain_frames(void) {
  first_round = empty_round(longest_message);
  uint8_t *at = first_round.bytes;
  for (size_t i = 0; i < message_count; i++) {
    at = put_frame(at, messages[i].data, messages[i].length, false);
    first_round.start[i + 1] = (size_t)(at - first_round.bytes);
  }
  later_rounds = first_round;
}

static struct round compress_round(z_stream *deflater, bool alone) {
  size_t room = deflateBound(deflater, longest_message) + 16;
  struct round round = empty_round(room);
  uint8_t *out = allocate(room), *at = round.bytes;
  for (size_t i = 0; i < message_count; i++) {
    if (alone) deflateReset(deflater);
    deflater->next_in = messages[i].data;
    deflater->avail_in = (uInt)messages[i].length;
    deflater->next_out = out;
    deflater->avail_out = (uInt)room;
    if (deflate(deflater, Z_SYNC_FLUSH) != Z_OK || deflater->avail_in > 0) fail("deflate");
    at = put_frame(at, out, room - deflater->avail_out - 4, true); /* without 00 00 ff ff */
    round.start[i + 1] = (size_t)(at - round.bytes);
  }
  free(out);
  return round;
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

static int number_behind(const char *text, const char *name, int otherwise) {
  const char *at = strcasestr(text, name);
  return at == NULL ? otherwise : atoi(at + strlen(name));
}

void prepare_frames(const char *response) {
  if (first_round.bytes != NULL) return;
  if (!options.compress) {
    make_plain_frames();
    return;
  }
  errno = 0;
  if (strcasestr(response, "permessage-deflate") == NULL) fail("the server has not accepted compression");
  make_compressed_frames(number_behind(response, "client_max_window_bits=", 15),
                         strcasestr(response, "client_no_context_takeover") != NULL);
}

const struct round *round_of(uint64_t number) { return number < message_count ? &first_round : &later_rounds; }

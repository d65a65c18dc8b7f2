/*
 * inject INTERFACE: sends frames as they come on stdin, each after its length in two octets, most significant first.
 * A frame that the kernel refuses is said on stderr; the others go on. Ends at the end of stdin.
 */
#include "wire.h"

static int read_all(uint8_t *data, size_t octets) {
  while (octets > 0) {
    ssize_t got = read(STDIN_FILENO, data, octets);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    data += got;
    octets -= (size_t)got;
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: inject INTERFACE\n"), 2;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("open a packet socket");
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (to.sll_ifindex == 0) fail(argv[1]);
  static uint8_t frame[65536];
  uint8_t length[2];
  while (read_all(length, 2)) {
    size_t octets = (size_t)(length[0] << 8 | length[1]);
    if (!read_all(frame, octets)) break;
    if (sendto(fd, frame, octets, 0, (struct sockaddr *)&to, sizeof to) < 0) {
      fprintf(stderr, "Cannot send a frame of %zu octets on %s: %s\n", octets, argv[1], strerror(errno));
    }
  }
  return 0;
}

/*
 * capture INTERFACE FILE: writes every frame that the interface sends or receives to FILE (pcapng, nanoseconds,
 * with the direction). Each line on stdin asks for all frames until now: they are written, then the line is answered
 * by "synced DROPPED". Otherwise a "." on stdout says that frames were added. Ends at the end of stdin.
 */
#include "wire.h"

static int frames_socket;
static int file;
static uint8_t buffer[MAX_FRAME];
static uint64_t dropped;

static void write_header(void) {
  /* Section header block, then an interface description block: Ethernet, no limit, times in 10^-9 s. */
  const uint32_t section[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff, 28};
  const uint32_t interface[] = {1, 32, 1 /* LINKTYPE_ETHERNET */, 0, 0x00010009 /* if_tsresol */, 9, 0, 32};
  write_all(file, section, sizeof section);
  write_all(file, interface, sizeof interface);
}

/* One enhanced packet block, in one write, so that a reader never sees a part of it for long. */
static void write_frame(uint32_t octets, struct timespec at, int outgoing) {
  static uint32_t block[MAX_FRAME / 4 + 16];
  uint32_t padded = (octets + 3) & ~3u;
  uint32_t total = 28 + padded + 12 + 4;
  uint64_t nanoseconds = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
  const uint32_t head[] = {6, total, 0, (uint32_t)(nanoseconds >> 32), (uint32_t)nanoseconds, octets, octets};
  const uint32_t tail[] = {0x00040002 /* epb_flags, 4 octets */, outgoing ? 2 : 1, 0 /* end of options */, total};
  block[(28 + padded) / 4 - 1] = 0; /* the padding is zero */
  memcpy(block, head, sizeof head);
  memcpy((uint8_t *)block + 28, buffer, octets);
  memcpy((uint8_t *)block + 28 + padded, tail, sizeof tail);
  write_all(file, block, total);
}

/* Takes what is there. Returns how many frames it was. */
static int drain(void) {
  int count = 0;
  for (;;) {
    struct sockaddr_ll from;
    union { char octets[256]; struct cmsghdr aligned; } control;
    struct iovec part = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = control.octets, .msg_controllen = sizeof control};
    ssize_t octets = recvmsg(frames_socket, &message, 0);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && errno == EAGAIN) return count;
    if (octets < 0 && errno == ENETDOWN) continue; /* the interface went down: said once, it may come back */
    if (octets < 0) fail("receive");
    struct timespec at = {0, 0};
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL; each = CMSG_NXTHDR(&message, each)) {
      if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMPNS) memcpy(&at, CMSG_DATA(each), sizeof at);
    }
    write_frame((uint32_t)octets, at, from.sll_pkttype == PACKET_OUTGOING);
    count += 1;
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: capture INTERFACE FILE\n"), 2;
  file = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail(argv[2]);
  frames_socket = open_packet_socket(argv[1], 64 * 1024 * 1024);
  int on = 1;
  if (setsockopt(frames_socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) fail("have time stamps");
  write_header();
  bind_packet_socket(frames_socket, argv[1]);
  write_all(STDOUT_FILENO, "capturing\n", 10);

  struct pollfd waits[] = {{.fd = frames_socket, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = POLLOUT}};
  for (;;) {
    if (poll(waits, 2, -1) < 0 && errno != EINTR) fail("wait");
    int count = drain();
    if (waits[1].revents != 0) {
      char lines[64];
      ssize_t asked = read(STDIN_FILENO, lines, sizeof lines);
      if (asked <= 0) return 0;
      struct tpacket_stats statistics;
      socklen_t length = sizeof statistics;
      if (getsockopt(frames_socket, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
        dropped += statistics.tp_drops; /* reading sets it back to 0 */
      }
      for (ssize_t place = 0; place < asked; place += 1) {
        char answer[32];
        int octets = snprintf(answer, sizeof answer, "synced %llu\n", (unsigned long long)dropped);
        if (lines[place] == '\n') write_all(STDOUT_FILENO, answer, (size_t)octets);
      }
    } else if (count > 0 && poll(&waits[2], 1, 0) == 1) {
      write_all(STDOUT_FILENO, ".\n", 2); /* a reader that is behind has been told already */
    }
  }
}

/* What the lab's small programs share: ending with a message, packet sockets. */
#ifndef SMELTER_LAB_WIRE_H
#define SMELTER_LAB_WIRE_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The largest frame that the kernel hands over: segmentation offload puts up to 64 KiB of TCP into one. */
#define MAX_FRAME (256 * 1024)

__attribute__((noreturn)) static inline void fail(const char *what) {
  fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
  exit(1);
}

/* A non-blocking socket that sees every frame of the interface, also those for other machines. */
static inline int open_packet_socket(const char *interface, int receive_octets) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* 0: nothing comes before bind() */
  if (fd < 0) fail("open a packet socket");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_octets, sizeof receive_octets);
  int index = (int)if_nametoindex(interface);
  if (index == 0) fail(interface);
  struct packet_mreq promiscuous = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) != 0) {
    fail("see the frames of others");
  }
  return fd;
}

static inline void bind_packet_socket(int fd, const char *interface) {
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(interface)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind the packet socket");
}

/* Whole blocks only, also to a pipe. */
static inline void write_all(int fd, const void *data, size_t octets) {
  const uint8_t *next = data;
  while (octets > 0) {
    ssize_t written = write(fd, next, octets);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    next += written;
    octets -= (size_t)written;
  }
}

#endif

// Asks for addresses by ARP or NDP as fast as answers come, with a given number of requests in flight, and prints one JSON
// line.
// Usage: neighbor-load INTERFACE OWN_ADDRESS FIRST_ADDRESS ADDRESSES IN_FLIGHT MILLISECONDS awake|asleep
// Awake, it looks for answers without sleeping, so that what it takes to wake this program up is not measured; asleep, it
// leaves the processor to others.
// The same program measures any answerer; what it costs itself is in every figure alike.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MAX_IN_FLIGHT = 64, MAX_ADDRESSES = 65536, BUCKETS = 200000, LOST_AFTER_SECONDS = 1 };

struct __attribute__((packed)) arp_frame {
  uint8_t to[6], from[6];
  uint16_t type, hardware, protocol;
  uint8_t hardware_length, protocol_length;
  uint16_t operation;
  uint8_t sender[6];
  uint32_t sender_address;
  uint8_t target[6];
  uint32_t target_address;
  uint8_t padding[18];
};

// Neighbour discovery: a solicitation, or the answer to one.
struct __attribute__((packed)) ndp_frame {
  uint8_t to[6], from[6];
  uint16_t type;
  uint8_t version[4];
  uint16_t length;
  uint8_t next_header, hop_limit;
  struct in6_addr source, destination;
  uint8_t message, code;
  uint16_t checksum;
  uint8_t flags[4];
  struct in6_addr target;
  uint8_t option, option_length, link_layer[6];
};

union frame {
  struct arp_frame arp;
  struct ndp_frame ndp;
};

static bool is_ndp;
static uint8_t own_mac[6];
static uint32_t own4, first4;
static struct in6_addr own6, first6;  // addresses count up in their last 32 bits

static uint16_t ndp_checksum(const struct ndp_frame *frame) {
  const uint8_t *octets = (const uint8_t *)&frame->source;
  uint32_t sum = 32 + 58;  // the length, and the next header
  for (size_t at = 0; at < sizeof *frame - offsetof(struct ndp_frame, source); at += 2) {
    sum += (uint32_t)octets[at] << 8 | octets[at + 1];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

static uint32_t last_word(struct in6_addr address) {
  uint32_t word;
  memcpy(&word, address.s6_addr + 12, 4);
  return ntohl(word);
}

static size_t frame_octets(void) { return is_ndp ? sizeof(struct ndp_frame) : sizeof(struct arp_frame); }

static void make_request(union frame *frame, uint32_t index) {
  if (!is_ndp) {
    frame->arp = (struct arp_frame){.type = htons(ETH_P_ARP), .hardware = htons(1), .protocol = htons(ETH_P_IP),
                                    .hardware_length = 6, .protocol_length = 4, .operation = htons(1),
                                    .sender_address = own4, .target_address = htonl(first4 + index)};
    memset(frame->arp.to, 0xff, 6);
    memcpy(frame->arp.from, own_mac, 6);
    memcpy(frame->arp.sender, own_mac, 6);
    return;
  }
  struct ndp_frame *ndp = &frame->ndp;
  *ndp = (struct ndp_frame){.to = {0x33, 0x33, 0xff}, .type = htons(ETH_P_IPV6), .version = {0x60}, .length = htons(32),
                            .next_header = 58, .hop_limit = 255, .source = own6,
                            .destination.s6_addr = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff},
                            .message = 135, .target = first6, .option = 1, .option_length = 1};
  uint32_t word = htonl(last_word(first6) + index);
  memcpy(ndp->target.s6_addr + 12, &word, 4);
  memcpy(ndp->destination.s6_addr + 13, ndp->target.s6_addr + 13, 3);
  memcpy(ndp->to + 3, ndp->target.s6_addr + 13, 3);
  memcpy(ndp->from, own_mac, 6);
  memcpy(ndp->link_layer, own_mac, 6);
  ndp->checksum = ndp_checksum(ndp);
}

// The index of the address that a frame is the answer for, or a number that is none.
static uint32_t answered_index(const union frame *frame, uint32_t octets) {
  if (octets < 42 || memcmp(frame->arp.to, own_mac, 6) != 0) return UINT32_MAX;
  if (!is_ndp) {
    bool reply = frame->arp.operation == htons(2) && frame->arp.target_address == own4;
    return reply ? ntohl(frame->arp.sender_address) - first4 : UINT32_MAX;
  }
  bool advertisement = octets >= offsetof(struct ndp_frame, option) && frame->ndp.next_header == 58 &&
                       frame->ndp.message == 136 && memcmp(&frame->ndp.destination, &own6, 16) == 0;
  return advertisement ? last_word(frame->ndp.target) - last_word(first6) : UINT32_MAX;
}

static uint64_t sent_at[MAX_ADDRESSES];  // 0: no request under way
static uint32_t histogram[BUCKETS];      // by tenths of a microsecond; the last one holds all that took longer

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "neighbor-load: cannot %s: %s\n", what, strerror(errno));
  exit(1);
}

static double percentile(uint64_t count, double share) {
  uint64_t wanted = (uint64_t)((double)count * share), seen = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    seen += histogram[bucket];
    if (seen > wanted) return (double)bucket / 10;
  }
  return BUCKETS / 10.0;
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: neighbor-load INTERFACE OWN_ADDRESS FIRST_ADDRESS ADDRESSES IN_FLIGHT MILLISECONDS awake|asleep\n");
    return 2;
  }
  bool awake = strcmp(argv[7], "awake") == 0;
  is_ndp = strchr(argv[2], ':') != NULL;
  if (is_ndp && (inet_pton(AF_INET6, argv[2], &own6) != 1 || inet_pton(AF_INET6, argv[3], &first6) != 1)) return 2;
  own4 = inet_addr(argv[2]), first4 = ntohl(inet_addr(argv[3]));
  uint32_t addresses = (uint32_t)atoi(argv[4]);
  uint32_t in_flight = (uint32_t)atoi(argv[5]);
  if (addresses < 1 || addresses > MAX_ADDRESSES || in_flight < 1 || in_flight > MAX_IN_FLIGHT) return 2;

  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) fail("open a packet socket");
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) fail("read the hardware address");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(is_ndp ? ETH_P_IPV6 : ETH_P_ARP), .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  struct timeval patience = {.tv_sec = LOST_AFTER_SECONDS};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) fail("set a time limit");

  memcpy(own_mac, request.ifr_hwaddr.sa_data, 6);

  static union frame received[MAX_IN_FLIGHT], requests[MAX_IN_FLIGHT];
  static struct iovec in_parts[MAX_IN_FLIGHT], out_parts[MAX_IN_FLIGHT];
  static struct mmsghdr in[MAX_IN_FLIGHT], out[MAX_IN_FLIGHT];
  for (int slot = 0; slot < MAX_IN_FLIGHT; slot++) {
    in_parts[slot] = (struct iovec){&received[slot], sizeof received[slot]};
    out_parts[slot] = (struct iovec){&requests[slot], frame_octets()};
    in[slot].msg_hdr = (struct msghdr){.msg_iov = &in_parts[slot], .msg_iovlen = 1};
    out[slot].msg_hdr = (struct msghdr){.msg_iov = &out_parts[slot], .msg_iovlen = 1};
  }

  uint64_t replies = 0, lost = 0, stray = 0, began = now_ns();
  uint64_t end = began + (uint64_t)atoll(argv[6]) * 1000000U;
  uint32_t next = 0, wanted = in_flight;
  for (;;) {
    uint64_t now = now_ns();
    if (now >= end) break;
    for (uint32_t slot = 0; slot < wanted; slot++) {
      make_request(&requests[slot], next);
      sent_at[next] = now;
      next = (next + 1) % addresses;
    }
    for (uint32_t sent = 0; sent < wanted;) {
      int count = sendmmsg(fd, out + sent, wanted - sent, 0);
      if (count <= 0) fail("send");
      sent += (uint32_t)count;
    }
    wanted = 0;
    uint64_t sent = now;
    while (wanted == 0) {
      bool stay = awake && now_ns() - sent < LOST_AFTER_SECONDS * 500000000ULL;
      int count = recvmmsg(fd, in, MAX_IN_FLIGHT, stay ? MSG_DONTWAIT : MSG_WAITFORONE, NULL);
      if (count < 0 && errno == EAGAIN && stay) {
        sched_yield();  // the answerer may be on this processor
        continue;
      }
      if (count < 0 && errno != EAGAIN && errno != EINTR) fail("receive");
      now = now_ns();
      if (count < 0) {  // whatever is under way is lost
        lost += in_flight;
        memset(sent_at, 0, sizeof sent_at);
        wanted = in_flight;
      }
      for (int slot = 0; slot < count; slot++) {
        uint32_t index = answered_index(&received[slot], in[slot].msg_len);
        bool ours = index < addresses && sent_at[index] != 0;
        if (!ours) {
          stray += 1;
          continue;
        }
        uint64_t tenths = (now - sent_at[index]) / 100;
        histogram[tenths < BUCKETS ? tenths : BUCKETS - 1] += 1;
        sent_at[index] = 0;
        replies += 1;
        wanted += 1;
      }
    }
  }
  double seconds = (double)(now_ns() - began) / 1e9;
  printf("{\"replies\":%llu,\"perSecond\":%.0f,\"lost\":%llu,\"stray\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}\n",
         (unsigned long long)replies, (double)replies / seconds, (unsigned long long)lost, (unsigned long long)stray,
         percentile(replies, 0.5), percentile(replies, 0.99), percentile(replies, 0.999));
  return 0;
}

// Asks for addresses by ARP as fast as answers come, with a given number of requests in flight, and prints one JSON line.
// Usage: arp-load INTERFACE OWN_ADDRESS FIRST_ADDRESS ADDRESSES IN_FLIGHT MILLISECONDS awake|asleep
// Awake, it looks for answers without sleeping, so that what it takes to wake this program up is not measured; asleep, it
// leaves the processor to others.
// The same program measures any answerer; what it costs itself is in every figure alike.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
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

static uint64_t sent_at[MAX_ADDRESSES];  // 0: no request under way
static uint32_t histogram[BUCKETS];      // by tenths of a microsecond; the last one holds all that took longer

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "arp-load: cannot %s: %s\n", what, strerror(errno));
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
    fprintf(stderr, "usage: arp-load INTERFACE OWN_ADDRESS FIRST_ADDRESS ADDRESSES IN_FLIGHT MILLISECONDS awake|asleep\n");
    return 2;
  }
  bool awake = strcmp(argv[7], "awake") == 0;
  uint32_t own = inet_addr(argv[2]), first = ntohl(inet_addr(argv[3])), addresses = (uint32_t)atoi(argv[4]);
  uint32_t in_flight = (uint32_t)atoi(argv[5]);
  if (addresses < 1 || addresses > MAX_ADDRESSES || in_flight < 1 || in_flight > MAX_IN_FLIGHT) return 2;

  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  if (fd < 0) fail("open a packet socket");
  struct ifreq request = {0};
  strncpy(request.ifr_name, argv[1], IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) fail("read the hardware address");
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)if_nametoindex(argv[1])};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
  struct timeval patience = {.tv_sec = LOST_AFTER_SECONDS};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) fail("set a time limit");

  struct arp_frame frame = {.type = htons(ETH_P_ARP), .hardware = htons(1), .protocol = htons(ETH_P_IP),
                            .hardware_length = 6, .protocol_length = 4, .operation = htons(1), .sender_address = own};
  memset(frame.to, 0xff, 6);
  memcpy(frame.from, request.ifr_hwaddr.sa_data, 6);
  memcpy(frame.sender, request.ifr_hwaddr.sa_data, 6);

  static struct arp_frame received[MAX_IN_FLIGHT], requests[MAX_IN_FLIGHT];
  static struct iovec in_parts[MAX_IN_FLIGHT], out_parts[MAX_IN_FLIGHT];
  static struct mmsghdr in[MAX_IN_FLIGHT], out[MAX_IN_FLIGHT];
  for (int slot = 0; slot < MAX_IN_FLIGHT; slot++) {
    in_parts[slot] = (struct iovec){&received[slot], sizeof received[slot]};
    out_parts[slot] = (struct iovec){&requests[slot], sizeof requests[slot]};
    in[slot].msg_hdr = (struct msghdr){.msg_iov = &in_parts[slot], .msg_iovlen = 1};
    out[slot].msg_hdr = (struct msghdr){.msg_iov = &out_parts[slot], .msg_iovlen = 1};
    requests[slot] = frame;
  }

  uint64_t replies = 0, lost = 0, stray = 0, began = now_ns();
  uint64_t end = began + (uint64_t)atoll(argv[6]) * 1000000U;
  uint32_t next = 0, wanted = in_flight;
  for (;;) {
    uint64_t now = now_ns();
    if (now >= end) break;
    for (uint32_t slot = 0; slot < wanted; slot++) {
      requests[slot].target_address = htonl(first + next);
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
        uint32_t index = ntohl(received[slot].sender_address) - first;
        bool ours = in[slot].msg_len >= 42 && received[slot].operation == htons(2) &&
                    memcmp(received[slot].to, frame.from, 6) == 0 && received[slot].target_address == own &&
                    index < addresses && sent_at[index] != 0;
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

/*
 * ask INTERFACE FIRST_SENDER PERIOD_MS ADDRESSES RECORD: asks by ARP for each address of the file ADDRESSES (one a line)
 * once in each period, evenly spread, and writes to RECORD what it asked, who answered what, and who claimed an address
 * unasked. A request of round R comes from the sender address FIRST_SENDER + R % 256, which its answer repeats: so an
 * answer is known to belong to its request however late it comes. Each line on stdin asks for all records until now:
 * they are written, then the line is answered by "synced NANOSECONDS DROPPED UNSENT". Ends at the end of stdin.
 */
#include "wire.h"

#include <linux/if_arp.h>
#include <net/ethernet.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ASKED = 1, ANSWERED = 2, CLAIMED = 3, ROUNDS = 256, MAX_ADDRESSES = 65536, KEPT = 4096 };

/* As it stands in the file, in the machine's order of octets. */
struct record {
  uint64_t at;      /* nanoseconds since 1970 */
  uint32_t address; /* its first octet is the most significant one */
  uint16_t kind;
  uint16_t round;   /* modulo 256 */
  union {
    uint8_t mac[6]; /* who answers or claims */
    uint8_t late[4]; /* ASKED: microseconds after the time it was due at, in the machine's order */
  };
  uint16_t nothing;
};
_Static_assert(sizeof(struct record) == 24, "a record is 24 octets");

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
_Static_assert(sizeof(struct arp_frame) == 60, "the shortest Ethernet frame");

static int wire;
static int file;
static uint32_t addresses[MAX_ADDRESSES];
static uint32_t count;
static uint32_t first_sender;
static uint8_t own_mac[6];
static uint64_t dropped;
static uint64_t unsent;
static struct record kept[KEPT];
static unsigned kept_count;

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void write_kept(void) {
  write_all(file, kept, kept_count * sizeof kept[0]);
  kept_count = 0;
}

static struct record *new_record(uint64_t at, uint32_t address, uint16_t kind, uint16_t round) {
  if (kept_count == KEPT) write_kept();
  struct record *record = &kept[kept_count++];
  *record = (struct record){.at = at, .address = address, .kind = kind, .round = round};
  return record;
}

static void read_addresses(const char *path) {
  FILE *list = fopen(path, "r");
  if (list == NULL) fail(path);
  char line[64];
  while (fgets(line, sizeof line, list) != NULL) {
    struct in_addr address;
    line[strcspn(line, "\n")] = 0;
    if (inet_pton(AF_INET, line, &address) != 1) errno = EINVAL, fail(line);
    if (count == MAX_ADDRESSES) errno = E2BIG, fail(path);
    addresses[count++] = ntohl(address.s_addr);
  }
  fclose(list);
  if (count == 0) errno = EINVAL, fail(path);
}

static void ask(uint32_t address, uint16_t round, uint64_t late) {
  struct arp_frame frame = {.type = htons(ETHERTYPE_ARP), .hardware = htons(ARPHRD_ETHER), .protocol = htons(ETHERTYPE_IP),
                            .hardware_length = 6, .protocol_length = 4, .operation = htons(ARPOP_REQUEST),
                            .sender_address = htonl(first_sender + round), .target_address = htonl(address)};
  memset(frame.to, 0xff, 6);
  memcpy(frame.from, own_mac, 6);
  memcpy(frame.sender, own_mac, 6);
  uint64_t at = nanoseconds(CLOCK_REALTIME);
  if (send(wire, &frame, sizeof frame, 0) < 0) {
    unsent += 1;
    return;
  }
  uint64_t microseconds = late / 1000;
  uint32_t shown = microseconds > UINT32_MAX ? UINT32_MAX : (uint32_t)microseconds;
  memcpy(new_record(at, address, ASKED, round)->late, &shown, sizeof shown);
}

static void take(const struct arp_frame *frame, uint64_t at) {
  if (frame->type != htons(ETHERTYPE_ARP) || frame->hardware != htons(ARPHRD_ETHER) ||
      frame->protocol != htons(ETHERTYPE_IP) || frame->hardware_length != 6 || frame->protocol_length != 4) {
    return;
  }
  uint32_t sender = ntohl(frame->sender_address), target = ntohl(frame->target_address);
  struct record *record;
  if (sender == target) record = new_record(at, sender, CLAIMED, 0);
  else if (frame->operation != htons(ARPOP_REPLY) || target - first_sender >= ROUNDS) return; /* it is for others */
  else record = new_record(at, sender, ANSWERED, (uint16_t)(target - first_sender));
  memcpy(record->mac, frame->sender, 6);
}

static void drain(void) {
  for (;;) {
    struct arp_frame frame;
    union { char octets[256]; struct cmsghdr aligned; } control;
    struct iovec part = {.iov_base = &frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1,
                             .msg_control = control.octets, .msg_controllen = sizeof control};
    ssize_t octets = recvmsg(wire, &message, 0);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0 && errno == EAGAIN) return;
    if (octets < 0 && errno == ENETDOWN) continue; /* the interface went down: said once, it may come back */
    if (octets < 0) fail("receive");
    if (octets < 42) continue; /* shorter than what ARP says */
    struct timespec at = {0, 0};
    for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each != NULL; each = CMSG_NXTHDR(&message, each)) {
      if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMPNS) memcpy(&at, CMSG_DATA(each), sizeof at);
    }
    take(&frame, (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec);
  }
}

static void open_wire(const char *interface) {
  int octets = 64 * 1024 * 1024, on = 1;
  wire = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* 0: nothing comes before bind() */
  if (wire < 0) fail("open a packet socket");
  setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets);
  if (setsockopt(wire, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) fail("have time stamps");
  struct ifreq device = {0};
  strncpy(device.ifr_name, interface, sizeof device.ifr_name - 1);
  if (ioctl(wire, SIOCGIFHWADDR, &device) != 0) fail(interface);
  memcpy(own_mac, device.ifr_hwaddr.sa_data, 6);
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = (int)if_nametoindex(interface)};
  if (bind(wire, (struct sockaddr *)&address, sizeof address) != 0) fail("bind the packet socket");
}

/* Returns 0 at the end of stdin. */
static int answer_lines(void) {
  char lines[64];
  ssize_t asked = read(STDIN_FILENO, lines, sizeof lines);
  if (asked <= 0) return 0;
  uint64_t now = nanoseconds(CLOCK_REALTIME);
  drain();
  write_kept();
  struct tpacket_stats statistics;
  socklen_t length = sizeof statistics;
  if (getsockopt(wire, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
    dropped += statistics.tp_drops; /* reading sets it back to 0 */
  }
  for (ssize_t place = 0; place < asked; place += 1) {
    char answer[96];
    int octets = snprintf(answer, sizeof answer, "synced %llu %llu %llu\n", (unsigned long long)now,
                          (unsigned long long)dropped, (unsigned long long)unsent);
    if (lines[place] == '\n') write_all(STDOUT_FILENO, answer, (size_t)octets);
  }
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "usage: ask INTERFACE FIRST_SENDER PERIOD_MS ADDRESSES RECORD\n"), 2;
  struct in_addr sender;
  if (inet_pton(AF_INET, argv[2], &sender) != 1) errno = EINVAL, fail(argv[2]);
  first_sender = ntohl(sender.s_addr);
  uint64_t period = strtoull(argv[3], NULL, 10) * 1000000u;
  if (period == 0) errno = EINVAL, fail(argv[3]);
  read_addresses(argv[4]);
  file = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail(argv[5]);
  open_wire(argv[1]);
  write_all(STDOUT_FILENO, "asking\n", 7);

  struct pollfd waits[] = {{.fd = wire, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  uint64_t round_start = nanoseconds(CLOCK_MONOTONIC);
  uint32_t next = 0;
  uint16_t round = 0;
  for (;;) {
    uint64_t now = nanoseconds(CLOCK_MONOTONIC), due;
    while ((due = round_start + period * next / count) <= now) {
      if (now - due > period) round_start += now - due; /* it stood still: what was missed is not made up for */
      ask(addresses[next], round, now - due);
      if (++next < count) continue;
      next = 0;
      round = (uint16_t)((round + 1) % ROUNDS);
      round_start += period;
    }
    uint64_t rest = due - now < 1000000u ? 1000000u : due - now; /* requests that are close together go together */
    struct timespec wait = {.tv_sec = (time_t)(rest / 1000000000u), .tv_nsec = (long)(rest % 1000000000u)};
    if (ppoll(waits, 2, &wait, NULL) < 0) {
      if (errno != EINTR) fail("wait");
      continue;
    }
    drain();
    if (waits[1].revents != 0 && !answer_lines()) return 0;
  }
}

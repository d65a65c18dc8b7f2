/*
 * relay PORT TAP: makes the TAP interface and carries frames between it and PORT, each after its delay. Two lines on
 * stdin, at any time, set what holds from then on:
 *   out DELAY JITTER REORDER   for frames from PORT to TAP, in for the other direction; microseconds and millionths
 * A frame leaves DELAY plus up to JITTER after it came, in order; of REORDER frames in a million each leaves at once,
 * ahead of those that wait. SEED makes the dice repeatable. Each line is answered by "set". Ends at the end of stdin.
 * Frames are carried with their virtio header, so that checksums and segments left to the hardware stay left to it.
 */
#include "wire.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#define HEADER ((ssize_t)sizeof(struct virtio_net_hdr))
#define MAX_WAITING 65536 /* frames of one direction; the next one is dropped and counted */

struct waiting { uint64_t leaves; uint64_t serial; uint32_t octets; uint8_t *frame; };

struct direction {
  const char *name;
  int from, to;
  uint64_t delay, jitter, reorder; /* nanoseconds, nanoseconds, millionths */
  uint64_t last; /* when the last one in order leaves */
  struct waiting heap[MAX_WAITING]; /* the one that leaves first is at 0 */
  size_t count;
  uint64_t serial, overflow;
};

static struct direction out = {.name = "out"}, in = {.name = "in"};
static uint8_t buffer[MAX_FRAME];
static uint64_t dice;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t roll(uint64_t sides) { /* 0 to sides - 1, by xorshift64 */
  dice ^= dice << 13;
  dice ^= dice >> 7;
  dice ^= dice << 17;
  return sides == 0 ? 0 : (dice >> 11) % sides;
}

static int before(const struct waiting *a, const struct waiting *b) {
  return a->leaves != b->leaves ? a->leaves < b->leaves : a->serial < b->serial;
}

static void push(struct direction *way, struct waiting item) {
  size_t place = way->count++;
  for (; place > 0 && before(&item, &way->heap[(place - 1) / 2]); place = (place - 1) / 2) {
    way->heap[place] = way->heap[(place - 1) / 2];
  }
  way->heap[place] = item;
}

static struct waiting pop(struct direction *way) {
  struct waiting first = way->heap[0], last = way->heap[--way->count];
  size_t place = 0;
  for (;;) {
    size_t child = 2 * place + 1;
    if (child >= way->count) break;
    if (child + 1 < way->count && before(&way->heap[child + 1], &way->heap[child])) child += 1;
    if (!before(&way->heap[child], &last)) break;
    way->heap[place] = way->heap[child];
    place = child;
  }
  way->heap[place] = last;
  return first;
}

/* What cannot be sent (the link is down, the other side is full) is lost, as on a real wire. */
static void carry(struct direction *way, const uint8_t *frame, size_t octets) {
  while (write(way->to, frame, octets) < 0 && errno == EINTR) continue;
}

static void take(struct direction *way) {
  for (;;) {
    ssize_t octets = read(way->from, buffer, sizeof buffer);
    if (octets < 0 && (errno == EINTR || errno == ENETDOWN)) continue; /* the link went down: said once */
    if (octets < 0 && (errno == EAGAIN || errno == EIO)) return; /* EIO: the TAP is not up */
    if (octets < 0) fail("receive");
    if (octets <= HEADER) continue;
    uint64_t present = now(), leaves = present;
    if (roll(1000000) >= way->reorder) {
      leaves = present + way->delay + roll(way->jitter + 1);
      if (leaves < way->last) leaves = way->last;
      way->last = leaves;
    }
    if (leaves == present) { carry(way, buffer, (size_t)octets); continue; }
    uint8_t *frame = way->count == MAX_WAITING ? NULL : malloc((size_t)octets);
    if (frame == NULL) { way->overflow += 1; continue; }
    memcpy(frame, buffer, (size_t)octets);
    push(way, (struct waiting){leaves, way->serial++, (uint32_t)octets, frame});
  }
}

static void release(struct direction *way) {
  while (way->count > 0 && way->heap[0].leaves <= now()) {
    struct waiting item = pop(way);
    carry(way, item.frame, item.octets);
    free(item.frame);
  }
}

static void set(char *line) {
  char name[8];
  unsigned long long delay, jitter, reorder, seed;
  if (sscanf(line, "%7s %llu %llu %llu %llu", name, &delay, &jitter, &reorder, &seed) != 5) {
    fprintf(stderr, "Cannot read %s\n", line);
    exit(2);
  }
  struct direction *way = strcmp(name, "out") == 0 ? &out : &in;
  way->delay = delay * 1000;
  way->jitter = jitter * 1000;
  way->reorder = reorder;
  dice = seed * 2 + 1; /* xorshift never leaves 0 */
  for (int round = 0; round < 8; round += 1) roll(1);
  write_all(STDOUT_FILENO, "set\n", 4);
}

static int open_tap(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("open /dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) fail("make the TAP interface");
  if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) != 0) fail("set offloads");
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: relay PORT TAP\n"), 2;
  int port = open_packet_socket(argv[1], 16 * 1024 * 1024), on = 1;
  if (setsockopt(port, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) fail("keep offloads");
  if (setsockopt(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) fail("leave out what is sent");
  int tap = open_tap(argv[2]);
  bind_packet_socket(port, argv[1]);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer < 0) fail("make a timer");
  out.from = in.to = port;
  in.from = out.to = tap;
  write_all(STDOUT_FILENO, "ready\n", 6);

  static char lines[4096];
  size_t filled = 0;
  for (;;) {
    uint64_t next = UINT64_MAX;
    if (out.count > 0) next = out.heap[0].leaves;
    if (in.count > 0 && in.heap[0].leaves < next) next = in.heap[0].leaves;
    struct itimerspec alarm = {0};
    if (next != UINT64_MAX) {
      alarm.it_value.tv_sec = (time_t)(next / 1000000000u);
      alarm.it_value.tv_nsec = (long)(next % 1000000000u);
    }
    if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &alarm, NULL) != 0) fail("set the timer");
    struct pollfd waits[] = {{.fd = port, .events = POLLIN}, {.fd = tap, .events = POLLIN},
                             {.fd = timer, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
    if (poll(waits, 4, -1) < 0 && errno != EINTR) fail("wait");
    take(&out);
    take(&in);
    release(&out);
    release(&in);
    if (waits[3].revents == 0) continue;
    ssize_t got = read(STDIN_FILENO, lines + filled, sizeof lines - 1 - filled);
    if (got <= 0) break;
    filled += (size_t)got;
    lines[filled] = 0;
    for (char *end; (end = strchr(lines, '\n')) != NULL;) {
      *end = 0;
      set(lines);
      filled -= (size_t)(end + 1 - lines);
      memmove(lines, end + 1, filled + 1);
    }
  }
  if (out.overflow + in.overflow == 0) return 0;
  fprintf(stderr, "Cannot hold more than %d frames on %s: dropped %llu out, %llu in\n", MAX_WAITING, argv[1],
          (unsigned long long)out.overflow, (unsigned long long)in.overflow);
  return 0;
}

// A UDP socket of one port that takes in short datagrams in batches, each with what dgram of Node.js does not tell: the
// hop limit that it arrived with, the address that it was sent to, and the interface.
//
// Datagrams lie in one ArrayBuffer that both sides see, in this order, for `slots` datagrams of `slotOctets` each:
//   payloads | source addresses (16 octets each) | destination addresses (16 octets each) | facts (4 uint32 each)
// An IPv4 address takes the first 4 octets of its place. Facts: length, that on the wire even where the slot holds only the
// beginning; hop limit, 0 where the kernel said none; index of the interface; source port.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum {
  MAX_SLOTS = 256,
  MIN_SLOT_OCTETS = 16,
  MAX_SLOT_OCTETS = 2048,
  ADDRESS_OCTETS = 16,
  FACTS = 4,
  CONTROL_OCTETS = 128,  // of hop limit and destination, for either family
  RECEIVE_QUEUE_OCTETS = 1024 * 1024,  // asked for; net.core.rmem_max may cut it
  BATCHES_PER_TURN = 16,  // so that timers are not kept waiting by a flood
};

static const napi_type_tag UDP_RECEIVER = {0x3a92cf0b6d8e4175, 0xb7f1540e9c236da8};

union control {
  struct cmsghdr header;  // for its alignment
  uint8_t octets[CONTROL_OCTETS];
};

struct udp_receiver {
  struct descriptor descriptor;
  uint32_t slots;
  uint32_t slot_octets;
  uint8_t *memory;  // of the ArrayBuffer; looked up again after JS has run
  napi_ref buffer, on_batch, on_error;
  struct mmsghdr *messages;
  struct iovec *parts;
  struct sockaddr_storage *sources;
  union control *controls;
};

static struct udp_receiver *receiver_of(struct descriptor *descriptor) {
  return (struct udp_receiver *)(void *)descriptor;  // it is the first member
}

static size_t memory_octets(const struct udp_receiver *receiver) {
  return (size_t)receiver->slots * (receiver->slot_octets + 2 * ADDRESS_OCTETS + FACTS * sizeof(uint32_t));
}

static uint8_t *source_at(const struct udp_receiver *receiver, size_t slot) {
  return receiver->memory + (size_t)receiver->slots * receiver->slot_octets + slot * ADDRESS_OCTETS;
}

static uint8_t *destination_at(const struct udp_receiver *receiver, size_t slot) {
  return source_at(receiver, receiver->slots + slot);
}

static uint32_t *facts_at(const struct udp_receiver *receiver, size_t slot) {
  return (uint32_t *)(void *)source_at(receiver, 2 * (size_t)receiver->slots) + slot * FACTS;
}

static void forget_references(struct descriptor *descriptor) {
  struct udp_receiver *receiver = receiver_of(descriptor);
  napi_ref *references[] = {&receiver->buffer, &receiver->on_batch, &receiver->on_error};
  for (size_t index = 0; index < sizeof references / sizeof references[0]; index++) {
    if (*references[index] != NULL) napi_delete_reference(descriptor->env, *references[index]);
    *references[index] = NULL;
  }
}

static void release_receiver(struct descriptor *descriptor) {
  struct udp_receiver *receiver = receiver_of(descriptor);
  free(receiver->messages);
  free(receiver->parts);
  free(receiver->sources);
  free(receiver->controls);
  free(receiver);
}

// Finds the memory that JS may have taken away in the meantime (by transferring the ArrayBuffer). Needs a handle scope.
static bool locate_memory(struct udp_receiver *receiver) {
  napi_value buffer;
  void *memory = NULL;
  size_t octets = 0;
  if (receiver->buffer == NULL ||
      napi_get_reference_value(receiver->descriptor.env, receiver->buffer, &buffer) != napi_ok || buffer == NULL ||
      napi_get_arraybuffer_info(receiver->descriptor.env, buffer, &memory, &octets) != napi_ok || memory == NULL ||
      octets < memory_octets(receiver)) {
    return false;
  }
  receiver->memory = memory;
  for (size_t slot = 0; slot < receiver->slots; slot++) {
    receiver->parts[slot].iov_base = receiver->memory + slot * receiver->slot_octets;
  }
  return true;
}

// False where nothing may be received any more in this turn.
static bool call(struct udp_receiver *receiver, napi_ref reference, napi_value argument) {
  napi_env env = receiver->descriptor.env;
  napi_value global, function;
  if (reference == NULL || argument == NULL) return false;
  if (napi_get_global(env, &global) == napi_ok && napi_get_reference_value(env, reference, &function) == napi_ok &&
      function != NULL && napi_make_callback(env, NULL, global, function, 1, &argument, NULL) == napi_ok) {
    return descriptor_is_open(&receiver->descriptor);
  }
  report_exception(env);
  return false;
}

static void report_error(struct udp_receiver *receiver, int error_number) {
  call(receiver, receiver->on_error,
       syscall_error(receiver->descriptor.env, error_number, "recvmmsg", "receive datagrams"));
}

// What came beside the datagram: its hop limit, destination and interface.
static void read_control(struct udp_receiver *receiver, size_t slot) {
  struct msghdr *message = &receiver->messages[slot].msg_hdr;
  uint32_t *facts = facts_at(receiver, slot);
  for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
    bool four = control->cmsg_level == IPPROTO_IP;
    if (!four && control->cmsg_level != IPPROTO_IPV6) continue;
    if (control->cmsg_type == (four ? IP_TTL : IPV6_HOPLIMIT)) {
      int hops;
      memcpy(&hops, CMSG_DATA(control), sizeof hops);
      facts[1] = hops > 0 ? (uint32_t)hops : 0;
    } else if (four && control->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo information;
      memcpy(&information, CMSG_DATA(control), sizeof information);
      memcpy(destination_at(receiver, slot), &information.ipi_addr, sizeof information.ipi_addr);
      facts[2] = (uint32_t)information.ipi_ifindex;
    } else if (!four && control->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo information;
      memcpy(&information, CMSG_DATA(control), sizeof information);
      memcpy(destination_at(receiver, slot), &information.ipi6_addr, sizeof information.ipi6_addr);
      facts[2] = (uint32_t)information.ipi6_ifindex;
    }
  }
}

static void describe(struct udp_receiver *receiver, size_t slot) {
  const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)&receiver->sources[slot];
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)&receiver->sources[slot];
  bool is_four = four->sin_family == AF_INET;
  memset(source_at(receiver, slot), 0, ADDRESS_OCTETS);
  memset(destination_at(receiver, slot), 0, ADDRESS_OCTETS);
  if (is_four) memcpy(source_at(receiver, slot), &four->sin_addr, sizeof four->sin_addr);
  else memcpy(source_at(receiver, slot), &six->sin6_addr, sizeof six->sin6_addr);
  uint32_t *facts = facts_at(receiver, slot);
  facts[0] = receiver->messages[slot].msg_len;
  facts[1] = 0;
  facts[2] = 0;
  facts[3] = ntohs(is_four ? four->sin_port : six->sin6_port);
  read_control(receiver, slot);
}

static bool deliver(struct udp_receiver *receiver, uint32_t count) {
  napi_env env = receiver->descriptor.env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  for (uint32_t slot = 0; slot < count; slot++) describe(receiver, slot);
  napi_value argument;
  bool go_on = napi_create_uint32(env, count, &argument) == napi_ok && call(receiver, receiver->on_batch, argument) &&
               locate_memory(receiver);
  napi_close_handle_scope(env, scope);
  return go_on;
}

static void receive(struct udp_receiver *receiver) {
  for (uint32_t batch = 0; batch < BATCHES_PER_TURN; batch++) {
    for (uint32_t slot = 0; slot < receiver->slots; slot++) {  // the kernel has shortened them for the last batch
      receiver->messages[slot].msg_hdr.msg_namelen = sizeof *receiver->sources;
      receiver->messages[slot].msg_hdr.msg_controllen = sizeof *receiver->controls;
    }
    int count = recvmmsg(receiver->descriptor.fd, receiver->messages, receiver->slots, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return report_error(receiver, errno);
    if (count <= 0 || !deliver(receiver, (uint32_t)count) || (uint32_t)count < receiver->slots) return;
  }
}

static void on_readable(struct descriptor *descriptor, int status) {
  struct udp_receiver *receiver = receiver_of(descriptor);
  napi_handle_scope scope;
  if (napi_open_handle_scope(descriptor->env, &scope) != napi_ok) return;
  if (status < 0) {
    // libuv stops at an error of the socket; reading it clears it, and the socket goes on to work.
    int error_number = 0;
    socklen_t length = sizeof error_number;
    getsockopt(descriptor->fd, SOL_SOCKET, SO_ERROR, &error_number, &length);
    descriptor_resume(descriptor);
    report_error(receiver, error_number != 0 ? error_number : -status);
  } else if (locate_memory(receiver)) {
    receive(receiver);
  } else {
    report_error(receiver, EFAULT);
    descriptor_close(descriptor);
  }
  napi_close_handle_scope(descriptor->env, scope);
}

static const char *set_options(int fd, bool four, const char *device, bool shares_port) {
  int level = four ? IPPROTO_IP : IPPROTO_IPV6;
  if (bind_to_device(fd, device) != 0) return "setsockopt SO_BINDTODEVICE";
  if (shares_port && set_integer_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) return "setsockopt SO_REUSEADDR";
  if (!four && set_integer_option(fd, level, IPV6_V6ONLY, 1) != 0) return "setsockopt IPV6_V6ONLY";
  if (set_integer_option(fd, level, four ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1) != 0) return "setsockopt IP_RECVTTL";
  if (set_integer_option(fd, level, four ? IP_PKTINFO : IPV6_RECVPKTINFO, 1) != 0) return "setsockopt IP_PKTINFO";
  set_integer_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_QUEUE_OCTETS);  // a shorter queue works too
  return NULL;
}

// A bound socket, or -1 with an error thrown.
static int open_bound_socket(napi_env env, bool four, uint32_t port, const char *device, bool shares_port) {
  int fd = socket(four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    throw_syscall_error(env, errno, "socket", "receive datagrams");
    return -1;
  }
  struct sockaddr_storage any;
  socklen_t length = parse_inet_address(four ? "0.0.0.0" : "::", port, 0, &any);
  const char *failed = set_options(fd, four, device, shares_port);
  if (failed == NULL && bind(fd, (struct sockaddr *)(void *)&any, length) != 0) failed = "bind";
  if (failed == NULL) {
    set_integer_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);  // from now on another of ours may share the port
    return fd;
  }
  throw_syscall_error(env, errno, failed, "receive datagrams");
  close(fd);
  return -1;
}

static bool allocate(napi_env env, struct udp_receiver *receiver, napi_value *buffer) {
  receiver->messages = calloc(receiver->slots, sizeof *receiver->messages);
  receiver->parts = calloc(receiver->slots, sizeof *receiver->parts);
  receiver->sources = calloc(receiver->slots, sizeof *receiver->sources);
  receiver->controls = calloc(receiver->slots, sizeof *receiver->controls);
  if (receiver->messages == NULL || receiver->parts == NULL || receiver->sources == NULL || receiver->controls == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "receive datagrams");
    return false;
  }
  for (size_t slot = 0; slot < receiver->slots; slot++) {
    receiver->parts[slot].iov_len = receiver->slot_octets;
    receiver->messages[slot].msg_hdr.msg_iov = &receiver->parts[slot];
    receiver->messages[slot].msg_hdr.msg_iovlen = 1;
    receiver->messages[slot].msg_hdr.msg_name = &receiver->sources[slot];
    receiver->messages[slot].msg_hdr.msg_control = &receiver->controls[slot];
  }
  void *memory;
  return napi_create_arraybuffer(env, memory_octets(receiver), &memory, buffer) == napi_ok &&
         napi_create_reference(env, *buffer, 1, &receiver->buffer) == napi_ok && locate_memory(receiver);
}

// openUdpReceiver(isIpv6, port, device, sharesPort, slots, slotOctets, onBatch, onError) -> handle with `buffer`, an
// ArrayBuffer. `isIpv6` is 0 or 1; `device` "" is any; `sharesPort` is 1 where another socket of ours has the port already.
// onBatch(count) says how many slots are filled in; onError(error) reports what befell the socket, which stays open.
napi_value udp_receiver_open(napi_env env, napi_callback_info info) {
  napi_value values[8], buffer, handle;
  uint32_t is_ipv6, port, shares_port;
  char device[MAX_TEXT_OCTETS];
  if (!read_arguments(env, info, 8, values) || !read_integer(env, values[0], "isIpv6", 0, 1, &is_ipv6) ||
      !read_integer(env, values[1], "port", 1, 65535, &port) || !read_text(env, values[2], "device", device) ||
      !read_integer(env, values[3], "sharesPort", 0, 1, &shares_port)) {
    return NULL;
  }
  struct udp_receiver *receiver = calloc(1, sizeof *receiver);
  if (receiver == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "receive datagrams");
    return NULL;
  }
  receiver->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_readable, .forget = forget_references, .release = release_receiver};
  int fd = -1;
  if (read_integer(env, values[4], "slots", 1, MAX_SLOTS, &receiver->slots) &&
      read_integer(env, values[5], "slotOctets", MIN_SLOT_OCTETS, MAX_SLOT_OCTETS, &receiver->slot_octets) &&
      read_function(env, values[6], "onBatch", &receiver->on_batch) &&
      read_function(env, values[7], "onError", &receiver->on_error)) {
    receiver->slot_octets &= ~3U;  // so that the facts behind them are aligned
    if (allocate(env, receiver, &buffer) && napi_create_object(env, &handle) == napi_ok &&
        napi_set_named_property(env, handle, "buffer", buffer) == napi_ok) {
      fd = open_bound_socket(env, is_ipv6 == 0, port, device, shares_port == 1);
    }
  }
  if (fd < 0) {
    forget_references(&receiver->descriptor);
    release_receiver(&receiver->descriptor);
    return NULL;
  }
  return descriptor_open(env, &receiver->descriptor, fd, handle, &UDP_RECEIVER) ? handle : NULL;
}

// closeUdpReceiver(handle): idempotent; no callback is called any more.
napi_value udp_receiver_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &UDP_RECEIVER);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

// A UDP socket that only sends, to one place, with the hop limit and the source that dgram of Node.js cannot both choose
// together with a device. It is not connected: each datagram takes the route, and the source address, of its moment.
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum { TRAFFIC_CLASS = IPTOS_CLASS_CS6 };  // what keeps networks together goes before what they carry

static const napi_type_tag UDP_SENDER = {0xd05be17f42a98c36, 0x61e7a83f9b04d2c5};

struct udp_sender {
  struct descriptor descriptor;
  struct sockaddr_storage remote;
  socklen_t remote_length;
};

static struct udp_sender *sender_of(struct descriptor *descriptor) {
  return (struct udp_sender *)(void *)descriptor;  // it is the first member
}

static void forget_nothing(struct descriptor *descriptor) { (void)descriptor; }

static void release_sender(struct descriptor *descriptor) { free(sender_of(descriptor)); }

// Nothing is let in; an error of the socket is cleared, and the next datagram says whether it still matters.
static void on_readable(struct descriptor *descriptor, int status) {
  int error_number;
  socklen_t length = sizeof error_number;
  getsockopt(descriptor->fd, SOL_SOCKET, SO_ERROR, &error_number, &length);
  if (status < 0) descriptor_resume(descriptor);
}

static const char *set_options(int fd, bool four, const char *device, uint32_t hop_limit) {
  struct sock_filter refuse_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const struct sock_fprog filter = {.len = 1, .filter = refuse_all};
  int level = four ? IPPROTO_IP : IPPROTO_IPV6;
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) return "setsockopt SO_ATTACH_FILTER";
  if (bind_to_device(fd, device) != 0) return "setsockopt SO_BINDTODEVICE";
  if (set_integer_option(fd, level, four ? IP_TTL : IPV6_UNICAST_HOPS, hop_limit) != 0) return "setsockopt IP_TTL";
  if (set_integer_option(fd, level, four ? IP_TOS : IPV6_TCLASS, TRAFFIC_CLASS) != 0) return "setsockopt IP_TOS";
  return NULL;
}

// openUdpSender(remoteAddress, remotePort, localAddress, localPort, device, hopLimit) -> handle. "" for localAddress and
// device leaves them to the kernel.
napi_value udp_sender_open(napi_env env, napi_callback_info info) {
  napi_value values[6], handle;
  uint32_t remote_port, local_port, hop_limit;
  char remote[MAX_TEXT_OCTETS], local[MAX_TEXT_OCTETS], device[MAX_TEXT_OCTETS];
  if (!read_arguments(env, info, 6, values) || !read_text(env, values[0], "remoteAddress", remote) ||
      !read_integer(env, values[1], "remotePort", 1, 65535, &remote_port) ||
      !read_text(env, values[2], "localAddress", local) ||
      !read_integer(env, values[3], "localPort", 1, 65535, &local_port) ||
      !read_text(env, values[4], "device", device) ||
      !read_integer(env, values[5], "hopLimit", 1, 255, &hop_limit)) {
    return NULL;
  }
  struct udp_sender *sender = calloc(1, sizeof *sender);
  if (sender == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "send datagrams");
    return NULL;
  }
  sender->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_readable, .forget = forget_nothing, .release = release_sender};
  unsigned int zone = device[0] == '\0' ? 0 : if_nametoindex(device);
  sender->remote_length = parse_inet_address(remote, remote_port, zone, &sender->remote);
  bool four = sender->remote.ss_family == AF_INET;
  struct sockaddr_storage own;
  socklen_t own_length = parse_inet_address(local[0] != '\0' ? local : four ? "0.0.0.0" : "::", local_port, zone, &own);
  if (sender->remote_length == 0 || own_length == 0 || own.ss_family != sender->remote.ss_family) {
    napi_throw_range_error(env, "ERR_INVALID_ARG_VALUE",
                           "Cannot call the native part: an address is not one, or of another family");
    free(sender);
    return NULL;
  }
  int fd = socket(sender->remote.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const char *failed = fd < 0 ? "socket" : set_options(fd, four, device, hop_limit);
  if (failed == NULL && bind(fd, (struct sockaddr *)(void *)&own, own_length) != 0) failed = "bind";
  if (failed != NULL || napi_create_object(env, &handle) != napi_ok) {
    if (failed != NULL) throw_syscall_error(env, errno, failed, "send datagrams");
    if (fd >= 0) close(fd);
    free(sender);
    return NULL;
  }
  return descriptor_open(env, &sender->descriptor, fd, handle, &UDP_SENDER) ? handle : NULL;
}

static struct udp_sender *sender_argument(napi_env env, napi_value value) {
  struct descriptor *descriptor = descriptor_of(env, value, &UDP_SENDER);
  return descriptor == NULL ? NULL : sender_of(descriptor);
}

// sendDatagram(handle, octets) -> 0, or the errno of what kept it from being sent.
napi_value udp_sender_send(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct udp_sender *sender = sender_argument(env, values[0]);
  if (sender == NULL) return NULL;
  bool is_array = false;
  napi_typedarray_type type;
  size_t length;
  void *octets;
  if (napi_is_typedarray(env, values[1], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, values[1], &type, &length, &octets, NULL, NULL) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot call the native part: octets are not a Uint8Array");
    return NULL;
  }
  int32_t error_number = 0;
  if (!descriptor_is_open(&sender->descriptor)) {
    error_number = EBADF;
  } else {
    while (sendto(sender->descriptor.fd, octets, length, MSG_DONTWAIT, (struct sockaddr *)(void *)&sender->remote,
                  sender->remote_length) < 0) {
      if (errno == EINTR) continue;
      error_number = errno;
      break;
    }
  }
  return napi_create_int32(env, error_number, &result) == napi_ok ? result : NULL;
}

// closeUdpSender(handle): idempotent.
napi_value udp_sender_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &UDP_SENDER);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

// Router advertisements (RFC 4861 §4.2) on one interface: how BGP peers on a link without addresses of its own find each
// other. The kernel has checked the checksum of what is heard and makes that of what is sent.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum { MAX_AT_ONCE = 16, MAX_OCTETS = 1500, REQUIRED_HOP_LIMIT = 255 };

static const napi_type_tag ADVERTISEMENTS = {0x6d20b7e4f1953ac8, 0x3e85f1a7c90b42d6};

struct advertisements {
  struct descriptor descriptor;
  napi_ref on_heard;
};

static void forget_callback(struct descriptor *descriptor) {
  struct advertisements *socket = (struct advertisements *)(void *)descriptor;
  if (socket->on_heard != NULL) napi_delete_reference(descriptor->env, socket->on_heard);
  socket->on_heard = NULL;
}

static void release_advertisements(struct descriptor *descriptor) { free(descriptor); }

static void tell(struct advertisements *socket, const struct in6_addr *from) {
  napi_env env = socket->descriptor.env;
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, from, text, sizeof text);
  napi_value receiver, function, value;
  if (napi_get_global(env, &receiver) != napi_ok ||
      napi_get_reference_value(env, socket->on_heard, &function) != napi_ok || function == NULL ||
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) != napi_ok ||
      napi_make_callback(env, NULL, receiver, function, 1, &value, NULL) != napi_ok) {
    report_exception(env);
  }
}

// What RFC 4861 §6.1.2 asks for: a hop limit of 255, a link-local source, code 0, at least 16 octets.
static bool is_valid(struct msghdr *message, const uint8_t *octets, ssize_t length) {
  const struct sockaddr_in6 *from = message->msg_name;
  if (length < 16 || octets[1] != 0 || !IN6_IS_ADDR_LINKLOCAL(&from->sin6_addr)) return false;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each != NULL; each = CMSG_NXTHDR(message, each)) {
    int hop_limit;
    if (each->cmsg_level != IPPROTO_IPV6 || each->cmsg_type != IPV6_HOPLIMIT) continue;
    memcpy(&hop_limit, CMSG_DATA(each), sizeof hop_limit);
    return hop_limit == REQUIRED_HOP_LIMIT;
  }
  return false;
}

static void on_readable(struct descriptor *descriptor, int status) {
  struct advertisements *advertisements = (struct advertisements *)(void *)descriptor;
  napi_handle_scope scope;
  if (status < 0 || napi_open_handle_scope(descriptor->env, &scope) != napi_ok) return;
  for (int count = 0; count < MAX_AT_ONCE && descriptor_is_open(descriptor); count++) {
    uint8_t octets[MAX_OCTETS];
    char control[CMSG_SPACE(sizeof(int))];
    struct sockaddr_in6 from;
    struct iovec vector = {octets, sizeof octets};
    struct msghdr message = {&from, sizeof from, &vector, 1, control, sizeof control, 0};
    ssize_t length = recvmsg(descriptor->fd, &message, 0);
    if (length < 0) break;
    if (is_valid(&message, octets, length)) tell(advertisements, &from.sin6_addr);
  }
  napi_close_handle_scope(descriptor->env, scope);
}

static int set_integer(int fd, int option, int value) {
  return setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof value);
}

// Returns the call that failed, NULL where all went well.
static const char *prepare(int fd, int ifindex) {
  char device[IF_NAMESIZE];
  struct icmp6_filter filter;
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ND_ROUTER_ADVERT, &filter);
  if (if_indextoname((unsigned int)ifindex, device) == NULL) return "if_indextoname";
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) != 0) {
    return "setsockopt SO_BINDTODEVICE";
  }
  if (setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0) return "setsockopt ICMP6_FILTER";
  if (set_integer(fd, IPV6_RECVHOPLIMIT, 1) != 0) return "setsockopt IPV6_RECVHOPLIMIT";
  if (set_integer(fd, IPV6_MULTICAST_HOPS, REQUIRED_HOP_LIMIT) != 0) return "setsockopt IPV6_MULTICAST_HOPS";
  if (set_integer(fd, IPV6_MULTICAST_LOOP, 0) != 0) return "setsockopt IPV6_MULTICAST_LOOP";
  return set_integer(fd, IPV6_MULTICAST_IF, ifindex) != 0 ? "setsockopt IPV6_MULTICAST_IF" : NULL;
}

// openRouterAdvertisements(ifindex, onHeard) -> handle. onHeard(address) is called for each one that is valid, with the
// link-local address of who sent it.
napi_value advertisements_open(napi_env env, napi_callback_info info) {
  napi_value values[2], handle;
  uint32_t ifindex;
  if (!read_arguments(env, info, 2, values) || !read_integer(env, values[0], "ifindex", 1, INT32_MAX, &ifindex)) {
    return NULL;
  }
  struct advertisements *advertisements = calloc(1, sizeof *advertisements);
  if (advertisements == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "hear of routers");
    return NULL;
  }
  advertisements->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_readable, .forget = forget_callback, .release = release_advertisements};
  int fd = -1;
  if (read_function(env, values[1], "onHeard", &advertisements->on_heard) && napi_create_object(env, &handle) == napi_ok) {
    fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6);
    const char *failed = fd < 0 ? "socket" : prepare(fd, (int)ifindex);
    if (failed != NULL) {
      throw_syscall_error(env, errno, failed, "hear of routers");
      if (fd >= 0) close(fd);
      fd = -1;
    }
  }
  if (fd < 0) {
    forget_callback(&advertisements->descriptor);
    release_advertisements(&advertisements->descriptor);
    return NULL;
  }
  return descriptor_open(env, &advertisements->descriptor, fd, handle, &ADVERTISEMENTS) ? handle : NULL;
}

// sendRouterAdvertisement(handle, octets): to all nodes of the link. Throws where the kernel does not send it.
napi_value advertisements_send(napi_env env, napi_callback_info info) {
  napi_value values[2];
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, values[0], &ADVERTISEMENTS);
  if (descriptor == NULL || !descriptor_is_open(descriptor)) return NULL;
  napi_typedarray_type type;
  size_t length;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, values[1], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, values[1], &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array ||
      length < 16 || length > MAX_OCTETS || ((const uint8_t *)data)[0] != ND_ROUTER_ADVERT) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                          "Cannot call the native part: octets are not a Uint8Array with a router advertisement");
    return NULL;
  }
  struct sockaddr_in6 all_nodes = {.sin6_family = AF_INET6};
  inet_pton(AF_INET6, "ff02::1", &all_nodes.sin6_addr);
  if (sendto(descriptor->fd, data, length, 0, (struct sockaddr *)(void *)&all_nodes, sizeof all_nodes) < 0) {
    throw_syscall_error(env, errno, "sendto", "tell of this router");
  }
  return NULL;
}

// closeRouterAdvertisements(handle): idempotent.
napi_value advertisements_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &ADVERTISEMENTS);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

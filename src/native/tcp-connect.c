// TCP connections with what net.connect() of Node.js cannot ask for: an MD5 key (RFC 2385), a device (a VRF is one), and
// the hop limit of what is sent and of what is taken (RFC 5082). What comes out is a descriptor for net.Socket({ fd }).
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

static const napi_type_tag TCP_CONNECT = {0x7c1be9f04d52a836, 0x9e8d03b6c4f5172a};

struct tcp_connect {
  struct descriptor descriptor;
  napi_ref on_connected;
  napi_ref on_error;
};

struct target {
  char remote[MAX_TEXT_OCTETS];
  char local[MAX_TEXT_OCTETS];
  char device[MAX_TEXT_OCTETS];
  uint32_t port;
  uint32_t ttl;
  uint32_t min_ttl;
  const uint8_t *md5_key;
  size_t md5_key_length;
};

static void forget_callbacks(struct descriptor *descriptor) {
  struct tcp_connect *connect = (struct tcp_connect *)(void *)descriptor;
  if (connect->on_connected != NULL) napi_delete_reference(descriptor->env, connect->on_connected);
  if (connect->on_error != NULL) napi_delete_reference(descriptor->env, connect->on_error);
  connect->on_connected = NULL;
  connect->on_error = NULL;
}

static void release_connect(struct descriptor *descriptor) { free(descriptor); }

static void call_back(napi_env env, napi_ref callback, napi_value argument) {
  napi_value receiver, function;
  if (argument == NULL || napi_get_global(env, &receiver) != napi_ok ||
      napi_get_reference_value(env, callback, &function) != napi_ok || function == NULL ||
      napi_make_callback(env, NULL, receiver, function, 1, &argument, NULL) != napi_ok) {
    report_exception(env);
  }
}

// Once: the kernel says that the connection is there, or why it is not.
static void on_decided(struct descriptor *descriptor, int status) {
  struct tcp_connect *connect = (struct tcp_connect *)(void *)descriptor;
  napi_env env = descriptor->env;
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (getsockopt(descriptor->fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) error_number = errno;
  if (error_number == 0 && status < 0) error_number = -status;
  int fd = -1;
  if (error_number == 0) {
    fd = fcntl(descriptor->fd, F_DUPFD_CLOEXEC, 3);  // libuv must have let go of the one that is handed on
    if (fd < 0) error_number = errno;
  }
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    if (fd >= 0) close(fd);
    return;
  }
  napi_value argument = NULL;
  if (fd >= 0) {
    if (napi_create_int32(env, fd, &argument) != napi_ok) close(fd);
  } else {
    argument = syscall_error(env, error_number, "connect", "connect");
  }
  napi_ref callback = fd >= 0 ? connect->on_connected : connect->on_error;
  // Closing forgets the callbacks; this one is needed a moment longer.
  if (fd >= 0) connect->on_connected = NULL;
  else connect->on_error = NULL;
  descriptor_close(descriptor);
  call_back(env, callback, argument);
  napi_delete_reference(env, callback);
  napi_close_handle_scope(env, scope);
}

static bool read_key(napi_env env, napi_value value, struct target *target) {
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(env, value, &type, &target->md5_key_length, &data, NULL, NULL) == napi_ok &&
      type == napi_uint8_array && target->md5_key_length <= TCP_MD5SIG_MAXKEYLEN) {
    target->md5_key = data;
    return true;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                        "Cannot call the native part: md5Key is not a Uint8Array of up to 80 octets");
  return false;
}

static const char *set_options(int fd, const struct target *target, const struct sockaddr_storage *remote) {
  bool four = remote->ss_family == AF_INET;
  int level = four ? IPPROTO_IP : IPPROTO_IPV6;
  if (bind_to_device(fd, target->device) != 0) return "setsockopt SO_BINDTODEVICE";
  if (target->ttl != 0 && set_integer_option(fd, level, four ? IP_TTL : IPV6_UNICAST_HOPS, target->ttl) != 0) {
    return "setsockopt IP_TTL";
  }
  if (target->min_ttl != 0 && set_integer_option(fd, level, four ? IP_MINTTL : IPV6_MINHOPCOUNT, target->min_ttl) != 0) {
    return "setsockopt IP_MINTTL";
  }
  if (target->md5_key_length > 0) {
    struct tcp_md5sig key = {.tcpm_keylen = (uint16_t)target->md5_key_length};
    memcpy(&key.tcpm_addr, remote, sizeof *remote);
    memcpy(key.tcpm_key, target->md5_key, target->md5_key_length);
    int failed = setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key);
    explicit_bzero(&key, sizeof key);
    if (failed != 0) return "setsockopt TCP_MD5SIG";
  }
  return NULL;
}

// Starts the connection. On failure an error is thrown and -1 comes back.
static int start(napi_env env, const struct target *target) {
  unsigned int zone = target->device[0] == '\0' ? 0 : if_nametoindex(target->device);
  struct sockaddr_storage remote, local;
  socklen_t remote_length = parse_inet_address(target->remote, target->port, zone, &remote);
  socklen_t local_length = target->local[0] == '\0' ? 0 : parse_inet_address(target->local, 0, zone, &local);
  if (remote_length == 0 || (target->local[0] != '\0' && local_length == 0)) {
    napi_throw_range_error(env, "ERR_INVALID_ARG_VALUE", "Cannot call the native part: an address is not one");
    return -1;
  }
  int fd = socket(remote.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    throw_syscall_error(env, errno, "socket", "connect");
    return -1;
  }
  const char *failed = set_options(fd, target, &remote);
  if (failed == NULL && local_length > 0) {
    set_integer_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);  // the port is chosen when it connects; IPv6 takes it too
    if (bind(fd, (struct sockaddr *)(void *)&local, local_length) != 0) failed = "bind";
  }
  if (failed == NULL && connect(fd, (struct sockaddr *)(void *)&remote, remote_length) != 0 && errno != EINPROGRESS) {
    failed = "connect";
  }
  if (failed == NULL) return fd;
  throw_syscall_error(env, errno, failed, "connect");
  close(fd);
  return -1;
}

// openTcpConnect(remoteAddress, remotePort, localAddress, device, ttl, minTtl, md5Key, onConnected, onError) -> handle.
// "", 0 and an empty key leave out what they stand for. One of onConnected(fd) and onError(error) is called, once and not
// before this returns; the descriptor belongs to whoever is told of it.
napi_value tcp_connect_open(napi_env env, napi_callback_info info) {
  napi_value values[9], handle;
  struct target target;
  if (!read_arguments(env, info, 9, values) || !read_text(env, values[0], "remoteAddress", target.remote) ||
      !read_integer(env, values[1], "remotePort", 1, 65535, &target.port) ||
      !read_text(env, values[2], "localAddress", target.local) || !read_text(env, values[3], "device", target.device) ||
      !read_integer(env, values[4], "ttl", 0, 255, &target.ttl) ||
      !read_integer(env, values[5], "minTtl", 0, 255, &target.min_ttl) || !read_key(env, values[6], &target)) {
    return NULL;
  }
  struct tcp_connect *connect = calloc(1, sizeof *connect);
  if (connect == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "connect");
    return NULL;
  }
  connect->descriptor = (struct descriptor){.env = env,
                                            .fd = -1,
                                            .awaits_writable = true,
                                            .on_ready = on_decided,
                                            .forget = forget_callbacks,
                                            .release = release_connect};
  int fd = -1;
  if (read_function(env, values[7], "onConnected", &connect->on_connected) &&
      read_function(env, values[8], "onError", &connect->on_error) && napi_create_object(env, &handle) == napi_ok) {
    fd = start(env, &target);
  }
  if (fd < 0) {
    forget_callbacks(&connect->descriptor);
    release_connect(&connect->descriptor);
    return NULL;
  }
  return descriptor_open(env, &connect->descriptor, fd, handle, &TCP_CONNECT) ? handle : NULL;
}

// closeTcpConnect(handle): gives up; idempotent. A descriptor that was handed on stays open.
napi_value tcp_connect_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &TCP_CONNECT);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

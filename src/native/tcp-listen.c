// A TCP listener with what net.createServer() of Node.js cannot ask for: MD5 keys by the peer's address (RFC 2385), and the
// hop limit of what is sent and of what is taken (RFC 5082). What comes out are descriptors for net.Socket({ fd }).
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum { BACKLOG = 64, MAX_AT_ONCE = 16, MAX_TEXT = 64 };

static const napi_type_tag TCP_LISTENER = {0x1f9ad3c07be84265, 0xb4720e6d91c35fa8};

struct tcp_listen {
  struct descriptor descriptor;
  napi_ref on_connection;
  napi_ref on_error;
};

static void forget_callbacks(struct descriptor *descriptor) {
  struct tcp_listen *listener = (struct tcp_listen *)(void *)descriptor;
  if (listener->on_connection != NULL) napi_delete_reference(descriptor->env, listener->on_connection);
  if (listener->on_error != NULL) napi_delete_reference(descriptor->env, listener->on_error);
  listener->on_connection = NULL;
  listener->on_error = NULL;
}

static void release_listen(struct descriptor *descriptor) { free(descriptor); }

// Fills `out` with the address and no port. Returns its length, 0 where the text is no address.
static socklen_t read_address(const char *text, struct sockaddr_storage *out) {
  struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
  memset(out, 0, sizeof *out);
  out->ss_family = AF_INET;
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) return sizeof *four;
  out->ss_family = AF_INET6;
  return inet_pton(AF_INET6, text, &six->sin6_addr) == 1 ? sizeof *six : 0;
}

static void tell(struct tcp_listen *listener, int fd, const struct sockaddr_storage *from) {
  napi_env env = listener->descriptor.env;
  char text[INET6_ADDRSTRLEN] = "";
  const void *address = from->ss_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)(const void *)from)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
  inet_ntop(from->ss_family, address, text, sizeof text);
  napi_value receiver, function, values[2];
  if (napi_get_global(env, &receiver) != napi_ok ||
      napi_get_reference_value(env, listener->on_connection, &function) != napi_ok || function == NULL ||
      napi_create_int32(env, fd, &values[0]) != napi_ok ||
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &values[1]) != napi_ok) {
    close(fd);
    return;
  }
  if (napi_make_callback(env, NULL, receiver, function, 2, values, NULL) != napi_ok) report_exception(env);
}

// Where it cannot accept, what waits goes on waiting: libuv would say so again at once, for ever. So it is polled no more
// until resumeTcpListen.
static void pause_on_error(struct tcp_listen *listener, int error_number, const char *syscall_name) {
  napi_env env = listener->descriptor.env;
  uv_poll_stop(listener->descriptor.poll);
  napi_value receiver, function, error = syscall_error(env, error_number, syscall_name, "accept a connection");
  if (error == NULL || napi_get_global(env, &receiver) != napi_ok ||
      napi_get_reference_value(env, listener->on_error, &function) != napi_ok || function == NULL ||
      napi_make_callback(env, NULL, receiver, function, 1, &error, NULL) != napi_ok) {
    report_exception(env);
  }
}

// What accept4 says of one connection that is gone already, or of the network it came by: the next one may be well. Not so
// EPERM: a security module refuses before the connection is taken out of the queue, so it would be refused for ever.
static bool is_of_one_connection(int error_number) {
  switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// Takes what waits, up to a number of connections, so that others have their turn; libuv says again what is left.
static void on_waiting(struct descriptor *descriptor, int status) {
  struct tcp_listen *listener = (struct tcp_listen *)(void *)descriptor;
  napi_handle_scope scope;
  if (napi_open_handle_scope(descriptor->env, &scope) != napi_ok) return;
  if (status < 0) pause_on_error(listener, -status, "epoll_wait");
  for (int count = 0; status == 0 && count < MAX_AT_ONCE && descriptor_is_open(descriptor); count++) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    int fd = accept4(descriptor->fd, (struct sockaddr *)(void *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      tell(listener, fd, &from);
    } else if (!is_of_one_connection(errno)) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) pause_on_error(listener, errno, "accept4");
      break;
    }
  }
  napi_close_handle_scope(descriptor->env, scope);
}

static int set_integer(int fd, int level, int option, uint32_t value) {
  int number = (int)value;
  return setsockopt(fd, level, option, &number, sizeof number);
}

// Returns the call that failed, NULL where all went well. What is set here is inherited by what is accepted.
static const char *prepare(int fd, int family, uint32_t port, uint32_t ttl, uint32_t min_ttl) {
  bool four = family == AF_INET;
  int level = four ? IPPROTO_IP : IPPROTO_IPV6;
  if (set_integer(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) return "setsockopt SO_REUSEADDR";
  if (!four && set_integer(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) return "setsockopt IPV6_V6ONLY";
  if (ttl != 0 && set_integer(fd, level, four ? IP_TTL : IPV6_UNICAST_HOPS, ttl) != 0) return "setsockopt IP_TTL";
  if (min_ttl != 0 && set_integer(fd, level, four ? IP_MINTTL : IPV6_MINHOPCOUNT, min_ttl) != 0) {
    return "setsockopt IP_MINTTL";
  }
  struct sockaddr_storage any;
  read_address(four ? "0.0.0.0" : "::", &any);
  if (four) ((struct sockaddr_in *)(void *)&any)->sin_port = htons((uint16_t)port);
  else ((struct sockaddr_in6 *)(void *)&any)->sin6_port = htons((uint16_t)port);
  socklen_t length = four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (bind(fd, (struct sockaddr *)(void *)&any, length) != 0) return "bind";
  return listen(fd, BACKLOG) != 0 ? "listen" : NULL;
}

// openTcpListen(family, port, ttl, minTtl, onConnection, onError) -> handle. `family` is 4 or 6, on all addresses of which
// it listens; 0 leaves out a hop limit. onConnection(fd, remoteAddress) is called for each connection, not before this
// returns; the descriptor belongs to whoever is told of it. After onError(error) nothing is accepted, as while there are
// no descriptors left, until resumeTcpListen; what waits, waits in the kernel.
napi_value tcp_listen_open(napi_env env, napi_callback_info info) {
  napi_value values[6], handle;
  uint32_t version, port, ttl, min_ttl;
  if (!read_arguments(env, info, 6, values) || !read_integer(env, values[0], "family", 4, 6, &version) ||
      !read_integer(env, values[1], "port", 1, 65535, &port) || !read_integer(env, values[2], "ttl", 0, 255, &ttl) ||
      !read_integer(env, values[3], "minTtl", 0, 255, &min_ttl)) {
    return NULL;
  }
  struct tcp_listen *listener = calloc(1, sizeof *listener);
  if (listener == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "listen");
    return NULL;
  }
  listener->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_waiting, .forget = forget_callbacks, .release = release_listen};
  int fd = -1;
  if (read_function(env, values[4], "onConnection", &listener->on_connection) &&
      read_function(env, values[5], "onError", &listener->on_error) && napi_create_object(env, &handle) == napi_ok) {
    int family = version == 4 ? AF_INET : AF_INET6;
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const char *failed = fd < 0 ? "socket" : prepare(fd, family, port, ttl, min_ttl);
    if (failed != NULL) {
      throw_syscall_error(env, errno, failed, "listen");
      if (fd >= 0) close(fd);
      fd = -1;
    }
  }
  if (fd < 0) {
    forget_callbacks(&listener->descriptor);
    release_listen(&listener->descriptor);
    return NULL;
  }
  return descriptor_open(env, &listener->descriptor, fd, handle, &TCP_LISTENER) ? handle : NULL;
}

// setTcpListenKey(handle, remoteAddress, md5Key): connections from that address need this key from now on; an empty one
// ends that. The address is of the listener's family.
napi_value tcp_listen_key(napi_env env, napi_callback_info info) {
  napi_value values[3];
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, values[0], &TCP_LISTENER);
  if (descriptor == NULL || !descriptor_is_open(descriptor)) return NULL;
  char text[MAX_TEXT] = "";
  size_t length;
  struct sockaddr_storage address;
  if (napi_get_value_string_utf8(env, values[1], text, sizeof text, &length) != napi_ok ||
      read_address(text, &address) == 0) {
    napi_throw_range_error(env, "ERR_INVALID_ARG_VALUE", "Cannot call the native part: an address is not one");
    return NULL;
  }
  napi_typedarray_type type;
  void *data;
  bool is_array = false;
  if (napi_is_typedarray(env, values[2], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(env, values[2], &type, &length, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array || length > TCP_MD5SIG_MAXKEYLEN) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                          "Cannot call the native part: md5Key is not a Uint8Array of up to 80 octets");
    return NULL;
  }
  struct tcp_md5sig key = {.tcpm_keylen = (uint16_t)length};
  memcpy(&key.tcpm_addr, &address, sizeof address);
  if (length > 0) memcpy(key.tcpm_key, data, length);
  int failed = setsockopt(descriptor->fd, IPPROTO_TCP, TCP_MD5SIG, &key, sizeof key);
  int error_number = errno;
  explicit_bzero(&key, sizeof key);
  // That there is no key is what was asked for.
  if (failed != 0 && !(length == 0 && error_number == ENOENT)) {
    throw_syscall_error(env, error_number, "setsockopt TCP_MD5SIG", "listen");
  }
  return NULL;
}

// resumeTcpListen(handle): accepts again; does nothing where it does, or is closed.
napi_value tcp_listen_resume(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &TCP_LISTENER);
  if (descriptor == NULL || !descriptor_is_open(descriptor)) return NULL;
  int status = descriptor_resume(descriptor);
  if (status != 0) throw_syscall_error(env, -status, "epoll_ctl", "listen");
  return NULL;
}

// closeTcpListen(handle): idempotent. What was accepted stays open.
napi_value tcp_listen_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &TCP_LISTENER);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

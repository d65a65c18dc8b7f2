// Membership of solicited-node groups, ff02::1:ff00:0/104 (RFC 4291 §2.7.1): the kernel says by MLD that this machine is
// to get what is sent there, so that switches that snoop forward it, and has the interface take it in. A packet socket
// can do the second alone.
//
// A socket here is for its memberships and receives nothing. The kernel keeps each of them in memory that counts for the
// socket and is limited by net.core.optmem_max: ENOMEM says that this socket has as many as it can have.
//
// Memberships are changed on the thread pool: each waits for the lock that the kernel has around all network settings,
// which may take long while many interfaces come and go.
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum { MAX_CHANGES = 65536 };

static const napi_type_tag GROUP_SOCKET = {0x41d7a90c5be2f863, 0xb60f28e7c39d1a54};

// Only the thread of its environment touches it, but for the descriptor that changes under way use.
struct group_socket {
  int fd;            // -1 once closed
  uint32_t changes;  // under way
  bool closed;       // closes once none is under way
};

struct change {
  napi_async_work work;
  napi_deferred deferred;
  napi_ref handle;  // so that it is not collected in the meantime
  struct group_socket *socket;
  int fd;
  int option;
  uint32_t ifindex;
  size_t count;
  uint32_t *groups;
  int32_t *errors;
};

static void close_when_unused(struct group_socket *socket) {
  if (!socket->closed || socket->changes > 0 || socket->fd < 0) return;
  close(socket->fd);
  socket->fd = -1;
}

// Also when the environment ends, so that a thread that is stopped by force leaves its groups.
static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct group_socket *socket = data;
  if (socket->fd >= 0) close(socket->fd);
  free(socket);
}

static struct group_socket *socket_argument(napi_env env, napi_value object) {
  bool tagged = false;
  void *data = NULL;
  napi_valuetype type;
  if (napi_typeof(env, object, &type) == napi_ok && type == napi_object &&
      napi_check_object_type_tag(env, object, &GROUP_SOCKET, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, object, &data) == napi_ok) {
    return data;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot call the native part: the handle is not of this kind");
  return NULL;
}

// openGroupSocket() -> handle
napi_value group_socket_open(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value handle;
  struct group_socket *opened = calloc(1, sizeof *opened);
  if (opened == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "open a socket for multicast groups");
    return NULL;
  }
  opened->fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (opened->fd < 0) {
    throw_syscall_error(env, errno, "socket", "open a socket for multicast groups");
  } else if (napi_create_object(env, &handle) == napi_ok &&
             napi_type_tag_object(env, handle, &GROUP_SOCKET) == napi_ok &&
             napi_wrap(env, handle, opened, on_collected, NULL, NULL) == napi_ok) {
    return handle;
  } else {
    close(opened->fd);
  }
  free(opened);
  return NULL;
}

// On a thread of the pool.
static void change_memberships(napi_env env, void *data) {
  (void)env;
  struct change *change = data;
  struct ipv6_mreq membership = {.ipv6mr_interface = change->ifindex};
  uint8_t *octets = membership.ipv6mr_multiaddr.s6_addr;
  memcpy(octets, (const uint8_t[13]){0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff}, 13);
  for (size_t index = 0; index < change->count; index++) {
    octets[13] = (uint8_t)(change->groups[index] >> 16);
    octets[14] = (uint8_t)(change->groups[index] >> 8);
    octets[15] = (uint8_t)change->groups[index];
    bool changed = setsockopt(change->fd, IPPROTO_IPV6, change->option, &membership, sizeof membership) == 0;
    change->errors[index] = changed ? 0 : errno;
  }
}

static void free_change(napi_env env, struct change *change) {
  if (change->work != NULL) napi_delete_async_work(env, change->work);
  if (change->handle != NULL) napi_delete_reference(env, change->handle);
  free(change->groups);
  free(change->errors);
  free(change);
}

static void on_changed(napi_env env, napi_status status, void *data) {
  (void)status;  // it is never cancelled
  struct change *change = data;
  change->socket->changes -= 1;
  close_when_unused(change->socket);
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    void *memory;
    napi_value buffer, result;
    size_t octets = change->count * sizeof *change->errors;
    // Where the environment is ending, nobody waits for it.
    if (napi_create_arraybuffer(env, octets, &memory, &buffer) == napi_ok) {
      memcpy(memory, change->errors, octets);
      if (napi_create_typedarray(env, napi_int32_array, change->count, buffer, 0, &result) == napi_ok) {
        napi_resolve_deferred(env, change->deferred, result);
      }
    }
    napi_close_handle_scope(env, scope);
  }
  free_change(env, change);
}

static bool read_groups(napi_env env, napi_value value, struct change *change) {
  bool is_typed_array = false;
  napi_typedarray_type type = napi_int8_array;
  void *memory = NULL;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array ||
      napi_get_typedarray_info(env, value, &type, &change->count, &memory, NULL, NULL) != napi_ok ||
      type != napi_uint32_array || change->count < 1 || change->count > MAX_CHANGES) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE",
                          "Cannot call the native part: groups is not a Uint32Array of 1 to 65536 groups");
    return false;
  }
  change->groups = calloc(change->count, sizeof *change->groups);
  change->errors = calloc(change->count, sizeof *change->errors);
  if (change->groups == NULL || change->errors == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "change multicast groups");
    return false;
  }
  memcpy(change->groups, memory, change->count * sizeof *change->groups);
  return true;
}

static napi_value start_change(napi_env env, napi_callback_info info, int option) {
  napi_value values[3], name, promise;
  if (!read_arguments(env, info, 3, values)) return NULL;
  struct group_socket *socket = socket_argument(env, values[0]);
  if (socket == NULL) return NULL;
  if (socket->closed) {
    throw_syscall_error(env, EBADF, "setsockopt", "change multicast groups");
    return NULL;
  }
  struct change *change = calloc(1, sizeof *change);
  if (change == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "change multicast groups");
    return NULL;
  }
  change->socket = socket;
  change->fd = socket->fd;
  change->option = option;
  if (read_integer(env, values[1], "ifindex", 1, INT32_MAX, &change->ifindex) && read_groups(env, values[2], change) &&
      napi_create_reference(env, values[0], 1, &change->handle) == napi_ok &&
      napi_create_string_utf8(env, "smelter:groups", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, change_memberships, on_changed, change, &change->work) == napi_ok &&
      napi_create_promise(env, &change->deferred, &promise) == napi_ok) {
    if (napi_queue_async_work(env, change->work) == napi_ok) {
      socket->changes += 1;
      return promise;
    }
  }
  free_change(env, change);
  return NULL;
}

// joinSolicitedNodeGroups(handle, ifindex, groups) -> promise of an Int32Array: 0 or the errno of each. `groups` is a
// Uint32Array; a group is named by the last 24 bits of the addresses that it is for.
napi_value group_socket_join(napi_env env, napi_callback_info info) { return start_change(env, info, IPV6_JOIN_GROUP); }

// leaveSolicitedNodeGroups(handle, ifindex, groups): likewise.
napi_value group_socket_leave(napi_env env, napi_callback_info info) { return start_change(env, info, IPV6_LEAVE_GROUP); }

// closeGroupSocket(handle): leaves all its groups, once no change is under way any more; idempotent.
napi_value group_socket_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct group_socket *socket = socket_argument(env, value);
  if (socket == NULL) return NULL;
  socket->closed = true;
  close_when_unused(socket);
  return NULL;
}

// Tells that something about the links of this network namespace changed. What changed is for listLinks() to say: events
// may be lost where many come at once, a list is always whole.
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

static const napi_type_tag LINK_EVENTS = {0x2f8e61d47ab0439c, 0x85c1f3e90b7d2a64};

struct link_events {
  struct descriptor descriptor;
  napi_ref on_change;
};

static void forget_callback(struct descriptor *descriptor) {
  struct link_events *events = (struct link_events *)(void *)descriptor;
  if (events->on_change != NULL) napi_delete_reference(descriptor->env, events->on_change);
  events->on_change = NULL;
}

static void release_events(struct descriptor *descriptor) { free(descriptor); }

static void on_readable(struct descriptor *descriptor, int status) {
  struct link_events *events = (struct link_events *)(void *)descriptor;
  if (status < 0) {
    // The queue overflowed (ENOBUFS), which libuv takes for the end; reading SO_ERROR clears it.
    int error_number;
    socklen_t length = sizeof error_number;
    getsockopt(descriptor->fd, SOL_SOCKET, SO_ERROR, &error_number, &length);
    descriptor_resume(descriptor);
  }
  uint8_t buffer[64];  // the content does not matter
  for (int messages = 0; messages < 1024; messages++) {
    if (recv(descriptor->fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno != ENOBUFS) break;
  }
  napi_env env = descriptor->env;
  napi_handle_scope scope;
  napi_value receiver, function;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_global(env, &receiver) != napi_ok ||
      napi_get_reference_value(env, events->on_change, &function) != napi_ok || function == NULL ||
      napi_make_callback(env, NULL, receiver, function, 0, NULL, NULL) != napi_ok) {
    report_exception(env);
  }
  napi_close_handle_scope(env, scope);
}

// openLinkEvents(onChange) -> handle. onChange() is called once for any number of changes.
napi_value link_events_open(napi_env env, napi_callback_info info) {
  napi_value value, handle;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct link_events *events = calloc(1, sizeof *events);
  if (events == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "watch the network interfaces");
    return NULL;
  }
  events->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_readable, .forget = forget_callback, .release = release_events};
  int fd = -1;
  if (read_function(env, value, "onChange", &events->on_change) && napi_create_object(env, &handle) == napi_ok) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0) {
      throw_syscall_error(env, errno, "socket", "watch the network interfaces");
    } else if (bind(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
      throw_syscall_error(env, errno, "bind", "watch the network interfaces");
      close(fd);
      fd = -1;
    }
  }
  if (fd < 0) {
    forget_callback(&events->descriptor);
    release_events(&events->descriptor);
    return NULL;
  }
  return descriptor_open(env, &events->descriptor, fd, handle, &LINK_EVENTS) ? handle : NULL;
}

// closeLinkEvents(handle): idempotent.
napi_value link_events_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &LINK_EVENTS);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

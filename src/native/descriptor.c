#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "smelter-native.h"

static void release_when_unused(struct descriptor *descriptor) {
  if (descriptor->polled_no_more && descriptor->collected) descriptor->release(descriptor);
}

static void on_handle_closed(uv_handle_t *handle) {
  struct descriptor *descriptor = handle->data;
  free(handle);
  descriptor->poll = NULL;
  descriptor->polled_no_more = true;
  if (descriptor->cleanup != NULL) napi_remove_async_cleanup_hook(descriptor->cleanup);
  release_when_unused(descriptor);
}

static void on_environment_end(napi_async_cleanup_hook_handle handle, void *data) {
  (void)handle;  // the same as descriptor->cleanup, removed once libuv has let go
  descriptor_close(data);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct descriptor *descriptor = data;
  descriptor->collected = true;
  release_when_unused(descriptor);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct descriptor *descriptor = poll->data;
  if (descriptor_is_open(descriptor)) descriptor->on_ready(descriptor, status);
}

bool descriptor_is_open(const struct descriptor *descriptor) { return descriptor->fd >= 0; }

int descriptor_resume(struct descriptor *descriptor) {
  return uv_poll_start(descriptor->poll, descriptor->awaits_writable ? UV_WRITABLE : UV_READABLE, on_poll);
}

void descriptor_close(struct descriptor *descriptor) {
  if (!descriptor_is_open(descriptor)) return;
  uv_close((uv_handle_t *)descriptor->poll, on_handle_closed);
  close(descriptor->fd);  // libuv polls it no more once uv_close has returned
  descriptor->fd = -1;
  descriptor->forget(descriptor);
}

bool descriptor_open(napi_env env, struct descriptor *descriptor, int fd, napi_value object, const napi_type_tag *tag) {
  descriptor->env = env;
  descriptor->fd = fd;
  uv_loop_t *loop;
  descriptor->poll = calloc(1, uv_handle_size(UV_POLL));
  int status = descriptor->poll == NULL                              ? UV_ENOMEM
               : napi_get_uv_event_loop(env, &loop) != napi_ok       ? UV_EINVAL
                                                                     : uv_poll_init(loop, descriptor->poll, fd);
  if (status != 0) {
    close(fd);
    free(descriptor->poll);
    descriptor->forget(descriptor);
    descriptor->release(descriptor);
    throw_syscall_error(env, -status, "epoll_ctl", "watch a socket");
    return false;
  }
  descriptor->poll->data = descriptor;
  status = descriptor_resume(descriptor);
  if (status == 0 && napi_add_async_cleanup_hook(env, on_environment_end, descriptor, &descriptor->cleanup) == napi_ok &&
      napi_type_tag_object(env, object, tag) == napi_ok &&
      napi_wrap(env, object, descriptor, on_collected, NULL, NULL) == napi_ok) {
    return true;
  }
  descriptor->collected = true;  // no JS object stands for it: it goes as soon as libuv lets go
  descriptor_close(descriptor);
  throw_syscall_error(env, status == 0 ? EINVAL : -status, "epoll_ctl", "watch a socket");
  return false;
}

struct descriptor *descriptor_of(napi_env env, napi_value object, const napi_type_tag *tag) {
  bool tagged = false;
  void *data = NULL;
  napi_valuetype type;
  if (napi_typeof(env, object, &type) == napi_ok && type == napi_object &&
      napi_check_object_type_tag(env, object, tag, &tagged) == napi_ok && tagged &&
      napi_unwrap(env, object, &data) == napi_ok) {
    return data;
  }
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "Cannot call the native part: the handle is not of this kind");
  return NULL;
}

// An AF_PACKET socket of one interface that takes in and sends whole Ethernet frames in batches, one JS call a batch.
//
// Frames lie in one ArrayBuffer that both sides see, in this order, for `slots` frames of `slotOctets` each:
//   received frames | frames to send | lengths received (uint32) | lengths to send (uint32) | errno of sending (int32)
// A length received is that of the frame on the wire, even where the slot holds only its beginning.
#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "smelter-native.h"

enum {
  MAX_SLOTS = 1024,
  MIN_SLOT_OCTETS = 64,
  MAX_SLOT_OCTETS = 2048,
  MAX_DISCARDED = 1 << 16,  // more than fits in the queue: whoever goes on sending shall not keep the thread

  // Waking up costs far more than answering. So where the last frames came this quickly one after the other, the next is
  // waited for without sleeping, but never long enough to keep timers and messages waiting.
  QUICK_SUCCESSION_NS = 150 * 1000,
  AWAKE_WAIT_NS = 100 * 1000,
  TURN_NS = 250 * 1000,
  // If it was in vain, the next frame may come from somebody who waits for this very processor; then sleep is quicker.
  PAUSE_AFTER_NOTHING_NS = 2 * 1000 * 1000,
  // Somebody who computes was given the processor in the meantime. Waking up comes before computing, staying awake does
  // not: it is better to sleep for as long as the processor has to be shared.
  INTERRUPTED_NS = 300 * 1000,
  PAUSE_AFTER_INTERRUPTION_NS = 100 * 1000 * 1000,
};

static const napi_type_tag PACKET_SOCKET = {0x6b1d2c5f0a9e4f37, 0x9d3a7be81c46f052};

struct packet_socket {
  struct descriptor descriptor;
  uint32_t slots;
  uint32_t slot_octets;
  uint8_t *memory;  // of the ArrayBuffer; looked up again after JS has run
  napi_ref buffer, on_batch, on_unsent, on_error;
  struct mmsghdr *received, *sent;
  struct iovec *received_parts, *sent_parts;
  uint64_t last_frame_ns;
  uint64_t asleep_until_ns;
};

static size_t memory_octets(const struct packet_socket *socket) {
  return (size_t)socket->slots * (2 * (size_t)socket->slot_octets + 3 * sizeof(uint32_t));
}

static uint8_t *frame_to_send(const struct packet_socket *socket, size_t slot) {
  return socket->memory + ((size_t)socket->slots + slot) * socket->slot_octets;
}

static uint32_t *lengths_received(const struct packet_socket *socket) {
  return (uint32_t *)(void *)(socket->memory + 2 * (size_t)socket->slots * socket->slot_octets);
}

static uint32_t *lengths_to_send(const struct packet_socket *socket) {
  return lengths_received(socket) + socket->slots;
}

static int32_t *send_errors(const struct packet_socket *socket) {
  return (int32_t *)(void *)(lengths_to_send(socket) + socket->slots);
}

static struct packet_socket *socket_of(struct descriptor *descriptor) {
  return (struct packet_socket *)(void *)descriptor;  // it is the first member
}

static void forget_references(struct descriptor *descriptor) {
  struct packet_socket *socket = socket_of(descriptor);
  napi_ref *references[] = {&socket->buffer, &socket->on_batch, &socket->on_unsent, &socket->on_error};
  for (size_t index = 0; index < sizeof references / sizeof references[0]; index++) {
    if (*references[index] != NULL) napi_delete_reference(descriptor->env, *references[index]);
    *references[index] = NULL;
  }
}

static void release_socket(struct descriptor *descriptor) {
  struct packet_socket *socket = socket_of(descriptor);
  free(socket->received);
  free(socket->sent);
  free(socket->received_parts);
  free(socket->sent_parts);
  free(socket);
}

// Finds the memory that JS may have taken away in the meantime (by transferring the ArrayBuffer). Needs a handle scope.
static bool locate_memory(struct packet_socket *socket) {
  napi_value buffer;
  void *memory = NULL;
  size_t octets = 0;
  if (socket->buffer == NULL ||
      napi_get_reference_value(socket->descriptor.env, socket->buffer, &buffer) != napi_ok || buffer == NULL ||
      napi_get_arraybuffer_info(socket->descriptor.env, buffer, &memory, &octets) != napi_ok || memory == NULL ||
      octets < memory_octets(socket)) {
    return false;
  }
  if (memory == socket->memory) return true;
  socket->memory = memory;
  for (size_t slot = 0; slot < socket->slots; slot++) {
    socket->received_parts[slot].iov_base = socket->memory + slot * socket->slot_octets;
    socket->sent_parts[slot].iov_base = frame_to_send(socket, slot);
  }
  return true;
}

// Calls one of the callbacks. `result` may be NULL. False where the environment can go no further.
static bool call(struct packet_socket *socket, napi_ref reference, napi_value argument, napi_value *result) {
  napi_env env = socket->descriptor.env;
  napi_value receiver, function;
  if (reference == NULL) return false;  // closed in the meantime
  if (napi_get_global(env, &receiver) == napi_ok &&
      napi_get_reference_value(env, reference, &function) == napi_ok && function != NULL &&
      napi_make_callback(env, NULL, receiver, function, 1, &argument, result) == napi_ok) {
    return true;
  }
  report_exception(env);
  return false;
}

static void report_error(struct packet_socket *socket, int error_number, const char *syscall_name) {
  napi_value error = syscall_error(socket->descriptor.env, error_number, syscall_name, "use a packet socket");
  if (error != NULL) call(socket, socket->on_error, error, NULL);
}

// Sends the first `count` frames to send, leaving 0 or the errno of each. Returns how many could not be sent.
static uint32_t send_frames(struct packet_socket *socket, uint32_t count) {
  uint32_t unsent = 0;
  for (uint32_t slot = 0; slot < count; slot++) {
    uint32_t octets = lengths_to_send(socket)[slot];
    // 0 octets are refused by the kernel (EINVAL), as is any frame without a whole Ethernet header.
    socket->sent_parts[slot].iov_len = octets <= socket->slot_octets ? octets : 0;
    send_errors(socket)[slot] = 0;
  }
  for (uint32_t slot = 0; slot < count;) {
    int sent = sendmmsg(socket->descriptor.fd, socket->sent + slot, count - slot, MSG_DONTWAIT);
    if (sent > 0) {
      slot += (uint32_t)sent;
    } else if (errno != EINTR) {
      send_errors(socket)[slot] = errno;
      slot += 1;
      unsent += 1;
    }
  }
  return unsent;
}

// Gives JS a batch and sends what it answers. False where no more may be received in this turn.
static bool deliver(struct packet_socket *socket, uint32_t count) {
  napi_env env = socket->descriptor.env;
  for (uint32_t slot = 0; slot < count; slot++) lengths_received(socket)[slot] = socket->received[slot].msg_len;

  napi_value argument, result;
  if (napi_create_uint32(env, count, &argument) != napi_ok) return false;
  if (!call(socket, socket->on_batch, argument, &result)) return false;
  if (!descriptor_is_open(&socket->descriptor)) return false;
  uint32_t answers = 0;
  if (napi_get_value_uint32(env, result, &answers) != napi_ok || answers == 0) return true;
  if (answers > socket->slots || !locate_memory(socket)) {
    report_error(socket, EINVAL, "sendmmsg");
    return false;
  }
  uint32_t unsent = send_frames(socket, answers);
  if (unsent == 0) return true;
  return napi_create_uint32(env, answers, &argument) == napi_ok && call(socket, socket->on_unsent, argument, NULL) &&
         descriptor_is_open(&socket->descriptor);
}

static bool deliver_in_scope(struct packet_socket *socket, uint32_t count) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(socket->descriptor.env, &scope) != napi_ok) return false;
  bool go_on = deliver(socket, count) && locate_memory(socket);
  napi_close_handle_scope(socket->descriptor.env, scope);
  return go_on;
}

static void receive(struct packet_socket *socket) {
  uint64_t turn_began = uv_hrtime();
  bool stay_awake =
      turn_began - socket->last_frame_ns < QUICK_SUCCESSION_NS && turn_began > socket->asleep_until_ns;
  uint64_t last_frame = turn_began;
  uint64_t last_look = turn_began;
  for (;;) {
    int count = recvmmsg(socket->descriptor.fd, socket->received, socket->slots, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (count > 0) {
      if (!deliver_in_scope(socket, (uint32_t)count)) return;
      socket->last_frame_ns = last_frame = last_look = uv_hrtime();
      if (last_frame - turn_began > TURN_NS) return;
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != EAGAIN) return report_error(socket, errno, "recvmmsg");
    if (!stay_awake) return;
    uint64_t now = uv_hrtime();
    if (now - last_look > INTERRUPTED_NS) {
      socket->asleep_until_ns = now + PAUSE_AFTER_INTERRUPTION_NS;
      return;
    }
    if (now - last_frame > AWAKE_WAIT_NS) {
      socket->asleep_until_ns = now + PAUSE_AFTER_NOTHING_NS;
      return;
    }
    if (now - turn_began > TURN_NS) return;
    last_look = now;
  }
}

static void on_readable(struct descriptor *descriptor, int status) {
  struct packet_socket *socket = socket_of(descriptor);
  napi_handle_scope scope;
  if (napi_open_handle_scope(descriptor->env, &scope) != napi_ok) return;
  if (status < 0) {
    // libuv stops at an error of the socket without saying which; the interface went down, for one. The socket goes on
    // to work once the interface is up again, so it is polled further.
    int error_number = 0;
    socklen_t length = sizeof error_number;
    if (getsockopt(descriptor->fd, SOL_SOCKET, SO_ERROR, &error_number, &length) == 0 && error_number != 0) {
      descriptor_resume(descriptor);
    } else {
      error_number = -status;
    }
    report_error(socket, error_number, "recvmmsg");
  } else if (locate_memory(socket)) {
    receive(socket);
  } else {
    report_error(socket, EFAULT, "recvmmsg");
    descriptor_close(descriptor);
  }
  napi_close_handle_scope(descriptor->env, scope);
}

static bool allocate(napi_env env, struct packet_socket *socket, napi_value *buffer) {
  socket->received = calloc(socket->slots, sizeof *socket->received);
  socket->sent = calloc(socket->slots, sizeof *socket->sent);
  socket->received_parts = calloc(socket->slots, sizeof *socket->received_parts);
  socket->sent_parts = calloc(socket->slots, sizeof *socket->sent_parts);
  if (socket->received == NULL || socket->sent == NULL || socket->received_parts == NULL ||
      socket->sent_parts == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "open a packet socket");
    return false;
  }
  for (size_t slot = 0; slot < socket->slots; slot++) {
    socket->received_parts[slot].iov_len = socket->slot_octets;
    socket->received[slot].msg_hdr.msg_iov = &socket->received_parts[slot];
    socket->received[slot].msg_hdr.msg_iovlen = 1;
    socket->sent[slot].msg_hdr.msg_iov = &socket->sent_parts[slot];
    socket->sent[slot].msg_hdr.msg_iovlen = 1;
  }
  void *memory;
  return napi_create_arraybuffer(env, memory_octets(socket), &memory, buffer) == napi_ok &&
         napi_create_reference(env, *buffer, 1, &socket->buffer) == napi_ok && locate_memory(socket);
}

static bool read_open_arguments(napi_env env, struct packet_socket *socket, const napi_value *values) {
  return read_integer(env, values[2], "slots", 1, MAX_SLOTS, &socket->slots) &&
         read_integer(env, values[3], "slotOctets", MIN_SLOT_OCTETS, MAX_SLOT_OCTETS, &socket->slot_octets) &&
         read_function(env, values[4], "onBatch", &socket->on_batch) &&
         read_function(env, values[5], "onUnsent", &socket->on_unsent) &&
         read_function(env, values[6], "onError", &socket->on_error);
}

// openPacketSocket(etherType, ifindex, slots, slotOctets, onBatch, onUnsent, onError) -> handle with `buffer`, an
// ArrayBuffer. The EtherType is that of ARP, of IPv6 for neighbour solicitations and advertisements, or of IPv4 for BFD echo.
// onBatch(count) returns how many of the frames to send are filled in; onUnsent(count) follows where one of these failed;
// onError(error) reports what befell the socket, which stays open.
napi_value packet_socket_open(napi_env env, napi_callback_info info) {
  napi_value values[7], buffer, handle;
  uint32_t ether_type, ifindex;
  if (!read_arguments(env, info, 7, values) || !read_ether_type(env, values[0], &ether_type) ||
      !read_integer(env, values[1], "ifindex", 1, INT32_MAX, &ifindex)) {
    return NULL;
  }
  struct packet_socket *socket = calloc(1, sizeof *socket);
  if (socket == NULL) {
    throw_syscall_error(env, ENOMEM, "calloc", "open a packet socket");
    return NULL;
  }
  socket->descriptor = (struct descriptor){
      .env = env, .fd = -1, .on_ready = on_readable, .forget = forget_references, .release = release_socket};
  int fd = -1;
  if (read_open_arguments(env, socket, values)) {
    socket->slot_octets &= ~3U;  // so that the lengths behind the frames are aligned
    if (allocate(env, socket, &buffer) && napi_create_object(env, &handle) == napi_ok &&
        napi_set_named_property(env, handle, "buffer", buffer) == napi_ok) {
      fd = open_bound_packet_socket(env, ether_type, ifindex);
    }
  }
  if (fd < 0) {
    forget_references(&socket->descriptor);
    release_socket(&socket->descriptor);
    return NULL;
  }
  return descriptor_open(env, &socket->descriptor, fd, handle, &PACKET_SOCKET) ? handle : NULL;
}

static struct packet_socket *socket_argument(napi_env env, napi_value value) {
  struct descriptor *descriptor = descriptor_of(env, value, &PACKET_SOCKET);
  return descriptor == NULL ? NULL : socket_of(descriptor);
}

// sendFrames(handle, count) -> how many of the first `count` frames to send could not be sent; why is in the buffer.
napi_value packet_socket_send(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  uint32_t count;
  if (!read_arguments(env, info, 2, values)) return NULL;
  struct packet_socket *socket = socket_argument(env, values[0]);
  if (socket == NULL || !read_integer(env, values[1], "count", 0, socket->slots, &count)) return NULL;
  if (!descriptor_is_open(&socket->descriptor)) {
    throw_syscall_error(env, EBADF, "sendmmsg", "send frames");
    return NULL;
  }
  if (!locate_memory(socket)) {
    throw_syscall_error(env, EFAULT, "sendmmsg", "send frames");
    return NULL;
  }
  return napi_create_uint32(env, send_frames(socket, count), &result) == napi_ok ? result : NULL;
}

// droppedByKernel(handle) -> frames lost since the last call because the queue was full.
napi_value packet_socket_dropped(napi_env env, napi_callback_info info) {
  napi_value value, result;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct packet_socket *socket = socket_argument(env, value);
  if (socket == NULL) return NULL;
  struct tpacket_stats statistics = {0};
  socklen_t length = sizeof statistics;
  if (descriptor_is_open(&socket->descriptor) &&
      getsockopt(socket->descriptor.fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) != 0) {
    throw_syscall_error(env, errno, "getsockopt", "read the statistics of a packet socket");
    return NULL;
  }
  return napi_create_uint32(env, statistics.tp_drops, &result) == napi_ok ? result : NULL;
}

// discardFrames(handle) -> how many frames were thrown away that had arrived by now and were not received yet, with errors
// of the socket, which are reported.
napi_value packet_socket_discard(napi_env env, napi_callback_info info) {
  napi_value value, result;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct packet_socket *socket = socket_argument(env, value);
  if (socket == NULL) return NULL;
  uint32_t discarded = 0;
  while (descriptor_is_open(&socket->descriptor) && discarded < MAX_DISCARDED) {
    if (recv(socket->descriptor.fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
      discarded += 1;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      report_error(socket, errno, "recv");  // taken off the socket with that; frames may wait behind it
      discarded += 1;
    }
  }
  return napi_create_uint32(env, discarded, &result) == napi_ok ? result : NULL;
}

// closePacketSocket(handle): idempotent; no callback is called any more.
napi_value packet_socket_close(napi_env env, napi_callback_info info) {
  napi_value value;
  if (!read_arguments(env, info, 1, &value)) return NULL;
  struct descriptor *descriptor = descriptor_of(env, value, &PACKET_SOCKET);
  if (descriptor != NULL) descriptor_close(descriptor);
  return NULL;
}

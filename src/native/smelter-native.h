// Shared declarations of the addon: Node-API 8 in plain C, no global state, so that every worker thread can load it.
// One build serves every Node.js that has Node-API 8 and libuv 1 (20 and later).
#ifndef SMELTER_NATIVE_H
#define SMELTER_NATIVE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

struct sock_fprog;

// errors.c: a failed system call becomes a JS Error with `code` ("EPERM"), `errno` (negative), `syscall` and a message.

// Makes the error `Cannot <what>: <code>, <text of the system> (<syscall>)`. NULL where the environment cannot run JS.
napi_value syscall_error(napi_env env, int error_number, const char *syscall_name, const char *what);
// Throws that error.
void throw_syscall_error(napi_env env, int error_number, const char *syscall_name, const char *what);
// Hands what a callback threw, or a failure of Node-API, to the environment as an uncaught exception.
void report_exception(napi_env env);

// arguments.c: each returns false with a TypeError or RangeError thrown where the caller lied.

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool read_integer(napi_env env, napi_value value, const char *name, uint32_t lowest, uint32_t highest, uint32_t *out);
bool read_function(napi_env env, napi_value value, const char *name, napi_ref *out);

// inet.c: what sockets of the IP family have in common.

enum { MAX_TEXT_OCTETS = 64 };

// A text of less than MAX_TEXT_OCTETS octets, or false with a TypeError thrown.
bool read_text(napi_env env, napi_value value, const char *name, char out[MAX_TEXT_OCTETS]);
// Fills `out`; a link-local IPv6 address gets the zone, an index of an interface. Returns its length, 0 where the text is
// no address.
socklen_t parse_inet_address(const char *text, uint32_t port, unsigned int zone, struct sockaddr_storage *out);
// Both return 0, or -1 with errno. No device: "".
int set_integer_option(int fd, int level, int option, uint32_t value);
int bind_to_device(int fd, const char *device);

// descriptor.c: a file descriptor that libuv polls, and its life.
//
// A descriptor is open from descriptor_open until descriptor_close or the end of its environment. The struct that embeds
// it is freed by `release`, once libuv has let go of the handle AND the JS object that wraps it is collected, whichever
// comes last; so a callback may close its own descriptor.
struct descriptor {
  napi_env env;
  uv_poll_t *poll;  // of uv_handle_size octets, which may be more than this libuv's headers say
  napi_async_cleanup_hook_handle cleanup;
  int fd;  // -1 once closed
  bool awaits_writable;  // polled for writing, as a connection on its way is, instead of for reading
  bool polled_no_more;
  bool collected;
  // `status` is 0 or the negative error of libuv.
  void (*on_ready)(struct descriptor *descriptor, int status);
  // Drops the references into JS; called once, when the descriptor closes.
  void (*forget)(struct descriptor *descriptor);
  // Frees the struct; no JS may run in it.
  void (*release)(struct descriptor *descriptor);
};

// Starts to poll `fd`, whose owner the descriptor becomes, and wraps `descriptor` in `object` under `tag`. On failure an
// error is thrown, `fd` is closed, and `release` is called, at once or once libuv has let go.
bool descriptor_open(napi_env env, struct descriptor *descriptor, int fd, napi_value object, const napi_type_tag *tag);
bool descriptor_is_open(const struct descriptor *descriptor);
// Starts to poll again after libuv has stopped on an error. Returns 0 or a negative error.
int descriptor_resume(struct descriptor *descriptor);
// Idempotent. Nothing arrives afterwards.
void descriptor_close(struct descriptor *descriptor);
// The descriptor that `object` wraps under `tag`, or NULL with a TypeError thrown.
struct descriptor *descriptor_of(napi_env env, napi_value object, const napi_type_tag *tag);

// arp-filter.c

// The classic BPF program that lets ARP requests and replies pass, to be attached before the socket is bound.
const struct sock_fprog *arp_filter(void);

// ndp-filter.c

// The same for neighbour solicitations and advertisements with a hop limit of 255.
const struct sock_fprog *neighbor_discovery_filter(void);

// echo-filter.c

// The same for BFD Echo packets over IPv4.
const struct sock_fprog *echo_filter(void);

// bound-packet-socket.c

// The EtherType of ARP, IPv4 or IPv6, or false with an error thrown.
bool read_ether_type(napi_env env, napi_value value, uint32_t *ether_type);
// A packet socket that lets in what the filter of this EtherType does, or -1 with an error thrown.
int open_bound_packet_socket(napi_env env, uint32_t ether_type, uint32_t ifindex);

// What each file offers to JS; described where it is defined.
napi_value packet_socket_open(napi_env env, napi_callback_info info);
napi_value packet_socket_send(napi_env env, napi_callback_info info);
napi_value packet_socket_dropped(napi_env env, napi_callback_info info);
napi_value packet_socket_discard(napi_env env, napi_callback_info info);
napi_value packet_socket_close(napi_env env, napi_callback_info info);
napi_value group_socket_open(napi_env env, napi_callback_info info);
napi_value group_socket_join(napi_env env, napi_callback_info info);
napi_value group_socket_leave(napi_env env, napi_callback_info info);
napi_value group_socket_close(napi_env env, napi_callback_info info);
napi_value tcp_connect_open(napi_env env, napi_callback_info info);
napi_value tcp_connect_close(napi_env env, napi_callback_info info);
napi_value udp_receiver_open(napi_env env, napi_callback_info info);
napi_value udp_receiver_close(napi_env env, napi_callback_info info);
napi_value udp_sender_open(napi_env env, napi_callback_info info);
napi_value udp_sender_send(napi_env env, napi_callback_info info);
napi_value udp_sender_close(napi_env env, napi_callback_info info);
napi_value tcp_listen_open(napi_env env, napi_callback_info info);
napi_value tcp_listen_key(napi_env env, napi_callback_info info);
napi_value tcp_listen_resume(napi_env env, napi_callback_info info);
napi_value tcp_listen_close(napi_env env, napi_callback_info info);
napi_value advertisements_open(napi_env env, napi_callback_info info);
napi_value advertisements_send(napi_env env, napi_callback_info info);
napi_value advertisements_close(napi_env env, napi_callback_info info);
napi_value links_list(napi_env env, napi_callback_info info);
napi_value link_events_open(napi_env env, napi_callback_info info);
napi_value link_events_close(napi_env env, napi_callback_info info);

#endif

// AF_PACKET sockets as they are opened: of one interface, for one protocol, with the filter that belongs to it.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smelter-native.h"

enum {
  RECEIVE_QUEUE_OCTETS = 4 * 1024 * 1024,  // asked for; net.core.rmem_max may cut it
};

// What is let in of a protocol; NULL of any other.
static const struct sock_fprog *filter_of(uint32_t ether_type) {
  if (ether_type == ETH_P_ARP) return arp_filter();
  if (ether_type == ETH_P_IPV6) return neighbor_discovery_filter();
  if (ether_type == ETH_P_IP) return echo_filter();
  return NULL;
}

bool read_ether_type(napi_env env, napi_value value, uint32_t *ether_type) {
  if (!read_integer(env, value, "etherType", 0, UINT16_MAX, ether_type)) return false;
  if (filter_of(*ether_type) != NULL) return true;
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE",
                         "Cannot call the native part: etherType is not that of ARP, IPv4 or IPv6");
  return false;
}

// It hears nothing before the filter is in place: protocol 0 is no protocol.
int open_bound_packet_socket(napi_env env, uint32_t ether_type, uint32_t ifindex) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    throw_syscall_error(env, errno, "socket", "open a packet socket");
    return -1;
  }
  int queue = RECEIVE_QUEUE_OCTETS;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);  // a shorter queue works too
  const struct sock_fprog *filter = filter_of(ether_type);
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)ether_type), .sll_ifindex = (int)ifindex};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof *filter) != 0) {
    throw_syscall_error(env, errno, "setsockopt", "filter a packet socket");
  } else if (bind(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
    throw_syscall_error(env, errno, "bind", "bind a packet socket to its interface");
  } else {
    return fd;
  }
  close(fd);
  return -1;
}

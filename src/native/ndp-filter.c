#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include "smelter-native.h"

enum {
  NEXT_HEADER_OFFSET = 20,
  HOP_LIMIT_OFFSET = 21,
  TYPE_OFFSET = 54,
  TYPE_END = 55,
  HOP_LIMIT = 255,
  NEIGHBOR_SOLICITATION = 135,
  NEIGHBOR_ADVERTISEMENT = 136,
  WHOLE_FRAME = 0x40000,
};

const struct sock_fprog *neighbor_discovery_filter(void) {
  static struct sock_filter program[] = {
      // As for ARP: another host's, and frames of a VLAN that has no interface here.
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 12, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 10),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NEXT_HEADER_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 8),
      // Any other hop limit came through a router, from somebody who is not on this link. RFC 4861 §7.1.1, §11.2
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, HOP_LIMIT_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HOP_LIMIT, 0, 6),
      // Too short to have a type: passes, so that it is dropped with a name and counted.
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, TYPE_END, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TYPE_OFFSET),
      // Advertisements are not answered, but say who else has an address.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEIGHBOR_SOLICITATION, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEIGHBOR_ADVERTISEMENT, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  static const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
  return &filter;
}

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "smelter-native.h"

enum { OPERATION_OFFSET = 20, OPERATION_END = 22, REQUEST = 1, REPLY = 2, WHOLE_FRAME = 0x40000 };

const struct sock_fprog *arp_filter(void) {
  static struct sock_filter program[] = {
      // What the kernel holds for another host's: unicast to another hardware address, and frames of a VLAN that has no
      // interface here. Those have lost their tag by now, so an answer would go out without one, into another network.
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 8, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 0, 6),
      // Too short to have an operation: passes, so that it is dropped with a name and counted.
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, OPERATION_END, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, OPERATION_OFFSET),
      // Replies are not answered, but say who else has an address.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REQUEST, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, REPLY, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  static const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
  return &filter;
}

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include "smelter-native.h"

enum {
  VERSION_OFFSET = 14,
  VERSION_4_WITHOUT_OPTIONS = 0x45,
  FRAGMENT_OFFSET = 20,
  FRAGMENTS = 0x3fff,  // more of them, or not the first
  PROTOCOL_OFFSET = 23,
  DESTINATION_PORT_OFFSET = 36,
  BFD_ECHO_PORT = 3785,
  WHOLE_FRAME = 0x40000,
};

const struct sock_fprog *echo_filter(void) {
  static struct sock_filter program[] = {
      // As for ARP: another host's, and frames of a VLAN that has no interface here.
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 11, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 9),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, VERSION_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, VERSION_4_WITHOUT_OPTIONS, 0, 7),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, FRAGMENT_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FRAGMENTS, 5, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, PROTOCOL_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, DESTINATION_PORT_OFFSET),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BFD_ECHO_PORT, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  static const struct sock_fprog filter = {.len = sizeof program / sizeof program[0], .filter = program};
  return &filter;
}

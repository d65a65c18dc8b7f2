// The links of this network namespace, by one netlink dump. RFC 3549 describes the protocol.
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "smelter-native.h"

enum {
  ANSWER_OCTETS = 64 * 1024,  // the kernel fills at most half of that at a time
  ATTEMPTS = 5,               // a dump is void where links changed during it
  ANSWER_SECONDS = 2,
  MAC_TEXT_OCTETS = 18,
};

struct link {
  const struct ifinfomsg *header;
  const char *name;
  size_t name_length;
  const uint8_t *address;
  size_t address_length;
  uint32_t master;
  const char *kind;  // not ended by a 0 octet for certain
  size_t kind_length;
  bool ipv6;             // there is IPv6 on it, and it is not disabled
  bool ipv6_forwarding;  // it forwards IPv6 that came in by it: a router, as RFC 4861 has it
};

// What AF_INET6 has to say of a link, out of IFLA_AF_SPEC.
static void read_ipv6(struct link *link, const struct rtattr *families) {
  int families_rest = (int)RTA_PAYLOAD(families);
  for (const struct rtattr *family = RTA_DATA(families); RTA_OK(family, families_rest);
       family = RTA_NEXT(family, families_rest)) {
    if ((family->rta_type & NLA_TYPE_MASK) != AF_INET6) continue;
    int rest = (int)RTA_PAYLOAD(family);
    for (const struct rtattr *attribute = RTA_DATA(family); RTA_OK(attribute, rest);
         attribute = RTA_NEXT(attribute, rest)) {
      if (attribute->rta_type != IFLA_INET6_CONF) continue;
      const int32_t *settings = RTA_DATA(attribute);
      size_t count = RTA_PAYLOAD(attribute) / sizeof *settings;
      link->ipv6 = count <= DEVCONF_DISABLE_IPV6 || settings[DEVCONF_DISABLE_IPV6] == 0;
      link->ipv6_forwarding = count > DEVCONF_FORWARDING && settings[DEVCONF_FORWARDING] != 0;
    }
  }
}

// Of which kind a link is that software makes, out of IFLA_LINKINFO.
static void read_kind(struct link *link, const struct rtattr *info) {
  int rest = (int)RTA_PAYLOAD(info);
  for (const struct rtattr *attribute = RTA_DATA(info); RTA_OK(attribute, rest);
       attribute = RTA_NEXT(attribute, rest)) {
    if (attribute->rta_type != IFLA_INFO_KIND) continue;
    link->kind = RTA_DATA(attribute);
    link->kind_length = strnlen(link->kind, RTA_PAYLOAD(attribute));
  }
}

static struct link read_link(const struct nlmsghdr *message) {
  struct link link = {.header = NLMSG_DATA(message)};
  int rest = (int)IFLA_PAYLOAD(message);
  for (const struct rtattr *attribute = IFLA_RTA(link.header); RTA_OK(attribute, rest);
       attribute = RTA_NEXT(attribute, rest)) {
    const void *payload = RTA_DATA(attribute);
    size_t length = RTA_PAYLOAD(attribute);
    if (attribute->rta_type == IFLA_IFNAME) {
      link.name = payload;
      link.name_length = strnlen(payload, length);
    } else if (attribute->rta_type == IFLA_ADDRESS) {
      link.address = payload;
      link.address_length = length;
    } else if (attribute->rta_type == IFLA_MASTER && length >= sizeof link.master) {
      memcpy(&link.master, payload, sizeof link.master);
    } else if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_LINKINFO) {
      read_kind(&link, attribute);
    } else if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_AF_SPEC) {
      read_ipv6(&link, attribute);
    }
  }
  return link;
}

static bool set_number(napi_env env, napi_value object, const char *name, uint32_t number) {
  napi_value value;
  return napi_create_uint32(env, number, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

static bool set_text(napi_env env, napi_value object, const char *name, const char *text, size_t length) {
  napi_value value;
  return napi_create_string_utf8(env, text, length, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

// Empty where the hardware address has not 6 octets.
static size_t format_mac(const struct link *link, char text[MAC_TEXT_OCTETS]) {
  static const char digits[] = "0123456789abcdef";
  if (link->address == NULL || link->address_length != 6) return 0;
  for (size_t octet = 0; octet < 6; octet++) {
    text[octet * 3] = digits[link->address[octet] >> 4];
    text[octet * 3 + 1] = digits[link->address[octet] & 0xf];
    text[octet * 3 + 2] = ':';
  }
  return 17;
}

static bool add_link(napi_env env, napi_value list, uint32_t position, const struct link *link) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  char mac[MAC_TEXT_OCTETS];
  size_t mac_length = format_mac(link, mac);
  napi_value object;
  bool added = napi_create_object(env, &object) == napi_ok &&
               set_number(env, object, "index", (uint32_t)link->header->ifi_index) &&
               set_text(env, object, "name", link->name == NULL ? "" : link->name, link->name_length) &&
               set_text(env, object, "mac", mac, mac_length) &&
               set_number(env, object, "hardwareType", link->header->ifi_type) &&
               set_number(env, object, "flags", link->header->ifi_flags) &&
               set_number(env, object, "masterIndex", link->master) &&
               set_text(env, object, "kind", link->kind == NULL ? "" : link->kind, link->kind_length) &&
               set_number(env, object, "ipv6", link->ipv6) &&
               set_number(env, object, "ipv6Forwarding", link->ipv6_forwarding) &&
               napi_set_element(env, list, position, object) == napi_ok;
  napi_close_handle_scope(env, scope);
  return added;
}

static bool request_dump(int fd, uint32_t sequence) {
  struct {
    struct nlmsghdr header;
    struct ifinfomsg link;
    struct rtattr attribute;
    uint32_t mask;
  } request = {
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = RTM_GETLINK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = sequence},
      .link = {.ifi_family = AF_UNSPEC},
      .attribute = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_EXT_MASK},
      .mask = RTEXT_FILTER_SKIP_STATS,
  };
  return send(fd, &request, sizeof request, 0) == (ssize_t)sizeof request;
}

enum outcome { DONE, AGAIN, SYSTEM_ERROR, JS_ERROR };

// Reads the answer to one request into `list`. SYSTEM_ERROR leaves errno.
static enum outcome read_answer(napi_env env, int fd, uint32_t sequence, uint8_t *buffer, napi_value list) {
  bool interrupted = false;
  for (uint32_t position = 0;;) {
    ssize_t octets = recv(fd, buffer, ANSWER_OCTETS, MSG_TRUNC);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) return SYSTEM_ERROR;
    if (octets > ANSWER_OCTETS) {
      errno = EMSGSIZE;
      return SYSTEM_ERROR;
    }
    int rest = (int)octets;
    for (const struct nlmsghdr *message = (void *)buffer; NLMSG_OK(message, rest);
         message = NLMSG_NEXT(message, rest)) {
      if (message->nlmsg_seq != sequence) continue;  // of an attempt that was given up
      if (message->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (message->nlmsg_type == NLMSG_DONE) return interrupted ? AGAIN : DONE;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(message);
        bool whole = message->nlmsg_len >= NLMSG_LENGTH(sizeof *error);
        errno = whole && error->error != 0 ? -error->error : EPROTO;
        return SYSTEM_ERROR;
      }
      if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) continue;
      struct link link = read_link(message);
      if (!add_link(env, list, position, &link)) return JS_ERROR;
      position += 1;
    }
  }
}

static enum outcome dump_links(napi_env env, int fd, uint8_t *buffer, napi_value *list) {
  struct timeval patience = {.tv_sec = ANSWER_SECONDS};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return SYSTEM_ERROR;
  for (uint32_t attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (napi_create_array(env, list) != napi_ok) return JS_ERROR;
    if (!request_dump(fd, attempt)) return SYSTEM_ERROR;
    enum outcome outcome = read_answer(env, fd, attempt, buffer, *list);
    if (outcome != AGAIN) return outcome;
  }
  return DONE;  // changing all the time: the last view is as good as any, and the next change brings another
}

// listLinks() -> [{index, name, mac, hardwareType, flags, masterIndex, kind, ipv6, ipv6Forwarding}], in the order of the kernel. `mac` is
// "" where the hardware address has not 6 octets, `flags` are IFF_…, `masterIndex` is 0 without a master, `kind` is "" where it is hardware, or
// unknown, the last two are 0 or 1.
napi_value links_list(napi_env env, napi_callback_info info) {
  (void)info;
  uint8_t *buffer = malloc(ANSWER_OCTETS);
  if (buffer == NULL) {
    throw_syscall_error(env, ENOMEM, "malloc", "list the network interfaces");
    return NULL;
  }
  napi_value list = NULL;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  enum outcome outcome = fd < 0 ? SYSTEM_ERROR : dump_links(env, fd, buffer, &list);
  int error_number = errno;
  if (fd >= 0) close(fd);
  free(buffer);
  if (outcome == SYSTEM_ERROR) throw_syscall_error(env, error_number, "netlink", "list the network interfaces");
  return outcome == DONE ? list : NULL;
}

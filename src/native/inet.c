// Texts, addresses and options of sockets of the IP family.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "smelter-native.h"

bool read_text(napi_env env, napi_value value, const char *name, char out[MAX_TEXT_OCTETS]) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok && length < MAX_TEXT_OCTETS &&
      napi_get_value_string_utf8(env, value, out, MAX_TEXT_OCTETS, &length) == napi_ok) {
    return true;
  }
  char message[128];
  snprintf(message, sizeof message, "Cannot call the native part: %s is not a text of less than %d octets", name, MAX_TEXT_OCTETS);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}

socklen_t parse_inet_address(const char *text, uint32_t port, unsigned int zone, struct sockaddr_storage *out) {
  struct sockaddr_in *four = (struct sockaddr_in *)(void *)out;
  struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)out;
  memset(out, 0, sizeof *out);
  if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons((uint16_t)port);
    return sizeof *four;
  }
  if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1) return 0;
  six->sin6_family = AF_INET6;
  six->sin6_port = htons((uint16_t)port);
  if (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr)) six->sin6_scope_id = zone;
  return sizeof *six;
}

int set_integer_option(int fd, int level, int option, uint32_t value) {
  int number = (int)value;
  return setsockopt(fd, level, option, &number, sizeof number);
}

int bind_to_device(int fd, const char *device) {
  if (device[0] == '\0') return 0;
  return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device));
}

// What the addon exports. src/runtime/transport/native.ts has the types of all of it.
#include "smelter-native.h"

static bool add_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

NAPI_MODULE_INIT() {
  static const struct {
    const char *name;
    napi_callback callback;
  } functions[] = {
      {"openPacketSocket", packet_socket_open},
      {"sendFrames", packet_socket_send},
      {"droppedByKernel", packet_socket_dropped},
      {"discardFrames", packet_socket_discard},
      {"closePacketSocket", packet_socket_close},
      {"openGroupSocket", group_socket_open},
      {"joinSolicitedNodeGroups", group_socket_join},
      {"leaveSolicitedNodeGroups", group_socket_leave},
      {"closeGroupSocket", group_socket_close},
      {"openTcpConnect", tcp_connect_open},
      {"closeTcpConnect", tcp_connect_close},
      {"openUdpReceiver", udp_receiver_open},
      {"closeUdpReceiver", udp_receiver_close},
      {"openUdpSender", udp_sender_open},
      {"sendDatagram", udp_sender_send},
      {"closeUdpSender", udp_sender_close},
      {"openTcpListen", tcp_listen_open},
      {"setTcpListenKey", tcp_listen_key},
      {"resumeTcpListen", tcp_listen_resume},
      {"closeTcpListen", tcp_listen_close},
      {"openRouterAdvertisements", advertisements_open},
      {"sendRouterAdvertisement", advertisements_send},
      {"closeRouterAdvertisements", advertisements_close},
      {"listLinks", links_list},
      {"openLinkEvents", link_events_open},
      {"closeLinkEvents", link_events_close},
  };
  for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++) {
    if (!add_function(env, exports, functions[index].name, functions[index].callback)) {
      napi_throw_error(env, "ERR_SMELTER_NATIVE", "Cannot load the native part: Node-API refused an export");
      return NULL;
    }
  }
  return exports;
}

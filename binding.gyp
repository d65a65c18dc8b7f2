{
  "targets": [
    {
      "target_name": "smelter_native",
      "sources": [
        "src/native/addon.c",
        "src/native/arguments.c",
        "src/native/arp-filter.c",
        "src/native/descriptor.c",
        "src/native/echo-filter.c",
        "src/native/errors.c",
        "src/native/inet.c",
        "src/native/link-events.c",
        "src/native/links.c",
        "src/native/ndp-filter.c",
        "src/native/packet-socket.c",
        "src/native/router-advertisements.c",
        "src/native/solicited-node-groups.c",
        "src/native/tcp-connect.c",
        "src/native/tcp-listen.c",
        "src/native/udp-receiver.c",
        "src/native/udp-sender.c",
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror", "-fvisibility=hidden"],
      "cflags!": ["-Wno-unused-parameter", "-O3"],
    },
  ],
}

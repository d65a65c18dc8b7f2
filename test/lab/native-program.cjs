// Run by native.test.ts in a namespace with an interface `left` whose other end is `right`, with --expose-gc: lies to the native
// part and treats it badly. Whatever it does, it must not crash; what it should see is checked here.
const assert = require("node:assert/strict");
const { Worker, isMainThread, parentPort, workerData } = require("node:worker_threads");
const native = require(process.argv[2] ?? workerData.addon);

const turn = () => new Promise((resolve) => setImmediate(resolve));
const indexOf = (name) => native.listLinks().find((link) => link.name === name).index;
const ARP = 0x0806;
const IPV6 = 0x86dd;
const open = (name, onBatch = () => 0, onUnsent = () => {}, onError = (error) => assert.fail(error)) =>
  native.openPacketSocket(ARP, indexOf(name), 16, 128, onBatch, onUnsent, onError);
/** So many groups from the first on, named by the last 24 bits of an address. */
const groupsFrom = (first, count) => Uint32Array.from({ length: count }, (_, index) => first + index);
const solicitedNodeGroups = (name) =>
  require("node:fs")
    .readFileSync("/proc/net/igmp6", "utf8")
    .split("\n")
    .filter((line) => line.split(/ +/)[1] === name && / ff0200000000000000000001ff/.test(line)).length;
const ownGroups = { left: solicitedNodeGroups("left"), right: solicitedNodeGroups("right") }; // of their addresses
const groupsOf = (name) => solicitedNodeGroups(name) - ownGroups[name];

/** Fills slot `slot` of the frames to send with a request; gives back its octets. */
function fillIn(socket, slot, octets = 60) {
  const frame = new Uint8Array(socket.buffer, 16 * 128 + slot * 128, 128).fill(0);
  frame.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, slot, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
  new Uint32Array(socket.buffer, 2 * 16 * 128 + 4 * 16, 16)[slot] = octets;
  return frame;
}
const errnos = (socket) => [...new Int32Array(socket.buffer, 2 * 16 * 128 + 8 * 16, 16)];

async function until(condition) {
  for (const end = Date.now() + 10_000; !condition();) {
    assert(Date.now() < end, `waited in vain for ${condition}`);
    await turn();
  }
}

const cases = {
  "wrong arguments are refused by name"() {
    const nothing = () => 0;
    const refusals = [
      [[], /etherType/],
      [["2054"], /etherType/],
      [[0x88cc, 1, 16, 128, nothing, nothing, nothing], /etherType/],
      [[2 ** 16 + ARP, 1, 16, 128, nothing, nothing, nothing], /etherType/],
      [[ARP], /ifindex/],
      [[IPV6, "1"], /ifindex/],
      [[ARP, 0, 16, 128, nothing, nothing, nothing], /ifindex/],
      [[ARP, 2 ** 40, 16, 128, nothing, nothing, nothing], /ifindex/],
      [[ARP, 1.5, 16, 128, nothing, nothing, nothing], /ifindex/],
      [[ARP, NaN, 16, 128, nothing, nothing, nothing], /ifindex/],
      [[ARP, 1, 0, 128, nothing, nothing, nothing], /slots/],
      [[ARP, 1, 1025, 128, nothing, nothing, nothing], /slots/],
      [[ARP, 1, 16, 63, nothing, nothing, nothing], /slotOctets/],
      [[ARP, 1, 16, 1e9, nothing, nothing, nothing], /slotOctets/],
      [[ARP, 1, 16, 128, {}, nothing, nothing], /onBatch/],
      [[ARP, 1, 16, 128, nothing, null, nothing], /onUnsent/],
      [[ARP, 1, 16, 128, nothing, nothing], /onError/],
    ];
    for (const [args, message] of refusals) assert.throws(() => native.openPacketSocket(...args), message);
    assert.throws(() => native.openLinkEvents(7), /onChange/);
    const groups = native.openGroupSocket();
    for (const change of [native.joinSolicitedNodeGroups, native.leaveSolicitedNodeGroups]) {
      assert.throws(() => change(groups), /ifindex/);
      assert.throws(() => change(groups, 0, groupsFrom(1, 1)), /ifindex/);
      assert.throws(() => change(groups, 1), /groups/);
      assert.throws(() => change(groups, 1, [1]), /groups/);
      assert.throws(() => change(groups, 1, new Int32Array(1)), /groups/);
      assert.throws(() => change(groups, 1, new Uint32Array(0)), /groups/);
      assert.throws(() => change(groups, 1, new Uint32Array(65537)), /groups/);
    }
    native.closeGroupSocket(groups);
  },
  "an interface that is not there is ENODEV"() {
    const nothing = () => 0;
    assert.throws(() => native.openPacketSocket(ARP, 4242, 16, 128, nothing, nothing, nothing), {
      code: "ENODEV",
      syscall: "bind",
      errno: -19,
    });
  },
  "handles of another kind are refused"() {
    const socket = open("left");
    const events = native.openLinkEvents(() => {});
    for (const wrong of [undefined, null, 1, {}, [], () => 0, events, Object.create(socket), socket.buffer]) {
      assert.throws(() => native.sendFrames(wrong, 0), { code: "ERR_INVALID_ARG_TYPE" });
      assert.throws(() => native.closePacketSocket(wrong), { code: "ERR_INVALID_ARG_TYPE" });
      assert.throws(() => native.droppedByKernel(wrong), { code: "ERR_INVALID_ARG_TYPE" });
      assert.throws(() => native.discardFrames(wrong), { code: "ERR_INVALID_ARG_TYPE" });
      assert.throws(() => native.joinSolicitedNodeGroups(wrong, 1, groupsFrom(1, 1)), { code: "ERR_INVALID_ARG_TYPE" });
      assert.throws(() => native.closeGroupSocket(wrong), { code: "ERR_INVALID_ARG_TYPE" });
    }
    assert.throws(() => native.closeLinkEvents(socket), { code: "ERR_INVALID_ARG_TYPE" });
    native.closeLinkEvents(events);
    native.closePacketSocket(socket);
  },
  "a closed socket sends nothing, and can be closed again"() {
    const socket = open("left");
    native.closePacketSocket(socket);
    native.closePacketSocket(socket);
    assert.throws(() => native.sendFrames(socket, 1), { code: "EBADF" });
    assert.equal(native.droppedByKernel(socket), 0);
    assert.equal(native.discardFrames(socket), 0);
  },
  async "what has arrived is discarded, from outside and from its own callback, and what comes later is not"() {
    let received = 0;
    let discardedInside = 0;
    const b = open("right", (count) => {
      received += count;
      discardedInside += native.discardFrames(b);
      return 0;
    });
    const a = open("left");
    for (let slot = 0; slot < 16; slot += 1) fillIn(a, slot);
    native.sendFrames(a, 16);
    native.sendFrames(a, 16);
    assert.equal(native.discardFrames(b), 32);
    for (let round = 0; round < 3; round += 1) native.sendFrames(a, 16); // a batch has room for 16
    await until(() => received + discardedInside === 48);
    assert.deepEqual([received, discardedInside], [16, 32]);
    native.sendFrames(a, 1);
    await until(() => received === 17);
    for (const each of [a, b]) native.closePacketSocket(each);
  },
  async "frames arrive in order, with their length on the wire"() {
    const lengths = [];
    const b = open("right", (count) => {
      lengths.push(...new Uint32Array(b.buffer, 2 * 16 * 128, count));
      return 0;
    });
    const a = open("left");
    [60, 42, 41, 128].forEach((octets, slot) => fillIn(a, slot, octets));
    assert.equal(native.sendFrames(a, 4), 0);
    await until(() => lengths.length === 4);
    assert.deepEqual(lengths, [60, 42, 41, 128]);
    native.closePacketSocket(a);
    native.closePacketSocket(b);
  },
  "lengths that are no frame's are refused one by one, the rest is sent"() {
    const a = open("left");
    [60, 0, 13, 129, 4_000_000_000, 60].forEach((octets, slot) => fillIn(a, slot, octets));
    assert.equal(native.sendFrames(a, 6), 4);
    assert.deepEqual(
      errnos(a)
        .slice(0, 6)
        .map((errno) => errno !== 0),
      [false, true, true, true, true, false],
    );
    assert.throws(() => native.sendFrames(a, 17), { code: "ERR_OUT_OF_RANGE" });
    assert.throws(() => native.sendFrames(a, -1), { code: "ERR_OUT_OF_RANGE" });
    native.closePacketSocket(a);
  },
  async "memory that was taken away is neither read nor written"() {
    const errors = [];
    const a = open("left");
    const b = open(
      "right",
      () => 0,
      undefined,
      (error) => errors.push(error.code),
    );
    structuredClone(b.buffer, { transfer: [b.buffer] });
    assert.throws(() => native.sendFrames(b, 1), { code: "EFAULT" });
    fillIn(a, 0);
    native.sendFrames(a, 1);
    await until(() => errors.length > 0);
    assert.deepEqual(errors, ["EFAULT"]);
    const c = open(
      "right",
      () => {
        structuredClone(c.buffer, { transfer: [c.buffer] }); // and then wants to send
        return 1;
      },
      undefined,
      (error) => errors.push(error.code),
    );
    native.sendFrames(a, 1);
    await until(() => errors.length > 1);
    assert.deepEqual(errors, ["EFAULT", "EINVAL"]);
    native.closePacketSocket(a);
    native.closePacketSocket(c);
  },
  async "a callback may return nonsense, and close its own socket"() {
    const a = open("left");
    fillIn(a, 0);
    for (const answer of [undefined, null, "7", NaN, -1, 1.5, {}, Infinity, 2 ** 53]) {
      let called = 0;
      const b = open(
        "right",
        () => {
          called += 1;
          return answer;
        },
        undefined,
        () => {},
      );
      native.sendFrames(a, 1);
      await until(() => called > 0);
      native.closePacketSocket(b);
    }
    let called = 0;
    const b = open("right", () => {
      called += 1;
      native.closePacketSocket(b);
      global.gc();
      return 1;
    });
    native.sendFrames(a, 1);
    await until(() => called > 0);
    native.sendFrames(a, 1);
    for (let turns = 0; turns < 10; turns += 1) await turn();
    assert.equal(called, 1);
    native.closePacketSocket(a);
  },
  async "what a callback throws is an uncaught exception, and the socket goes on"() {
    const caught = [];
    const keep = (error) => caught.push(error.message);
    process.on("uncaughtException", keep);
    const a = open("left");
    fillIn(a, 0);
    const b = open("right", () => {
      throw new Error("out of order");
    });
    native.sendFrames(a, 1);
    await until(() => caught.length === 1);
    native.sendFrames(a, 1);
    await until(() => caught.length === 2);
    process.off("uncaughtException", keep);
    assert.deepEqual(caught, ["out of order", "out of order"]);
    native.closePacketSocket(a);
    native.closePacketSocket(b);
  },
  async "groups are joined and left, each with an errno of its own"() {
    const left = indexOf("left");
    const groups = native.openGroupSocket();
    assert.deepEqual([...(await native.joinSolicitedNodeGroups(groups, left, groupsFrom(0xe00000, 3)))], [0, 0, 0]);
    const again = await native.joinSolicitedNodeGroups(groups, left, groupsFrom(0xe00002, 2));
    assert.deepEqual([...again], [98, 0]); // EADDRINUSE
    assert.equal(groupsOf("left"), 4);
    const gone = await native.leaveSolicitedNodeGroups(groups, left, groupsFrom(0xe00003, 2));
    assert.deepEqual([...gone], [0, 99]); // EADDRNOTAVAIL
    assert.deepEqual([...(await native.joinSolicitedNodeGroups(groups, 4242, groupsFrom(1, 1)))], [19]); // ENODEV
    assert.equal(groupsOf("left"), 3);
    native.closeGroupSocket(groups);
    native.closeGroupSocket(groups);
    assert.equal(groupsOf("left"), 0);
    assert.throws(() => native.joinSolicitedNodeGroups(groups, left, groupsFrom(1, 1)), { code: "EBADF" });
  },
  async "a socket that is closed while its groups are being joined leaves all of them"() {
    const left = indexOf("left");
    const changes = Array.from({ length: 6 }, (_, number) => {
      const groups = native.openGroupSocket();
      const change = native.joinSolicitedNodeGroups(groups, left, groupsFrom(0xe00000 + number * 100, 100));
      native.closeGroupSocket(groups);
      return change;
    });
    global.gc();
    for (const errnos of await Promise.all(changes)) assert.deepEqual(new Set(errnos), new Set([0]));
    assert.equal(groupsOf("left"), 0);
  },
  async "a group socket that is forgotten is closed"() {
    await (() => native.joinSolicitedNodeGroups(native.openGroupSocket(), indexOf("left"), groupsFrom(0xe00000, 5)))();
    for (let round = 0; round < 100 && groupsOf("left") > 0; round += 1) {
      await turn();
      global.gc();
    }
    assert.equal(groupsOf("left"), 0);
  },
  async "an open socket lives on when its handle is forgotten; a closed one is collected"() {
    let received = 0;
    (() => open("right", () => void (received += 1)))();
    const a = open("left");
    fillIn(a, 0);
    for (let round = 0; round < 50; round += 1) {
      native.closePacketSocket(open("right"));
      native.closeLinkEvents(native.openLinkEvents(() => {}));
      await turn();
      global.gc();
    }
    native.sendFrames(a, 1);
    await until(() => received === 1);
    native.closePacketSocket(a);
  },
  async "TCP connections: lies are refused, what is given up says nothing more, sockets are handed on or closed"() {
    const nothing = () => {};
    const key = new Uint8Array();
    const refusals = [
      [[], /remoteAddress/],
      [["x".repeat(64), 1, "", "", 0, 0, key, nothing, nothing], /remoteAddress/],
      [["127.0.0.1", 0, "", "", 0, 0, key, nothing, nothing], /remotePort/],
      [["127.0.0.1", 65536, "", "", 0, 0, key, nothing, nothing], /remotePort/],
      [["127.0.0.1", 1, null, "", 0, 0, key, nothing, nothing], /localAddress/],
      [["127.0.0.1", 1, "", 7, 0, 0, key, nothing, nothing], /device/],
      [["127.0.0.1", 1, "", "", 256, 0, key, nothing, nothing], /ttl/],
      [["127.0.0.1", 1, "", "", 0, -1, key, nothing, nothing], /minTtl/],
      [["127.0.0.1", 1, "", "", 0, 0, "key", nothing, nothing], /md5Key/],
      [["127.0.0.1", 1, "", "", 0, 0, new Uint16Array(1), nothing, nothing], /md5Key/],
      [["127.0.0.1", 1, "", "", 0, 0, new Uint8Array(81), nothing, nothing], /md5Key/],
      [["127.0.0.1", 1, "", "", 0, 0, key, {}, nothing], /onConnected/],
      [["127.0.0.1", 1, "", "", 0, 0, key, nothing], /onError/],
      [["localhost", 1, "", "", 0, 0, key, nothing, nothing], /address/],
      [["127.0.0.1", 1, "::x", "", 0, 0, key, nothing, nothing], /address/],
    ];
    for (const [values, message] of refusals) assert.throws(() => native.openTcpConnect(...values), message);
    assert.throws(() => native.closeTcpConnect({}), /not of this kind/);
    const descriptors = () => require("node:fs").readdirSync("/proc/self/fd").length;
    await turn();
    const before = descriptors();
    const net = require("node:net");
    const server = net.createServer((socket) => socket.end("hello").on("error", nothing)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address();
    const connect = (options = {}) =>
      new Promise((resolve, reject) => {
        const { local = "", to = port } = options;
        native.openTcpConnect("127.0.0.1", to, local, "", 0, 0, key, resolve, reject);
      });
    for (let round = 0; round < 50; round += 1) {
      native.closeTcpConnect(native.openTcpConnect("127.0.0.1", port, "", "", 0, 0, key, assert.fail, assert.fail));
      native.openTcpConnect(
        "127.0.0.1",
        port,
        "",
        "",
        0,
        0,
        key,
        (fd) => new net.Socket({ fd }).destroy(),
        assert.fail,
      );
      await turn();
      global.gc();
    }
    await assert.rejects(connect({ to: 1 }), { code: "ECONNREFUSED" });
    await assert.rejects(async () => connect({ local: "192.0.2.1" }), { code: "EADDRNOTAVAIL" });
    const handle = await new Promise((resolve) => {
      const mine = native.openTcpConnect(
        "127.0.0.1",
        port,
        "127.0.0.7",
        "",
        9,
        1,
        key,
        (fd) => resolve([mine, fd]),
        assert.fail,
      );
    });
    native.closeTcpConnect(handle[0]); // too late: what was handed on stays open
    const socket = new net.Socket({ fd: handle[1] });
    assert.equal(socket.localAddress, "127.0.0.7");
    const text = await new Promise((resolve) => socket.once("data", (octets) => resolve(octets.toString())));
    assert.equal(text, "hello");
    socket.destroy();
    server.close();
    await until(() => descriptors() === before);
  },
  async "tcp listener: lies, keys, what it hands on and what it gives back"() {
    const nothing = () => {};
    const refusals = [
      [[3, 1, 0, 0, nothing], /family/],
      [[4, 0, 0, 0, nothing], /port/],
      [[4, 1, 256, 0, nothing], /ttl/],
      [[4, 1, 0, -1, nothing], /minTtl/],
      [[4, 1, 0, 0, {}], /onConnection/],
      [[4, 1, 0, 0, nothing], /onError/],
      [[], /family/],
    ];
    for (const [values, message] of refusals) assert.throws(() => native.openTcpListen(...values), message);
    assert.throws(() => native.setTcpListenKey({}, "127.0.0.1", new Uint8Array()), /not of this kind/);
    assert.throws(() => native.resumeTcpListen({}), /not of this kind/);
    assert.throws(() => native.closeTcpListen({}), /not of this kind/);
    const net = require("node:net");
    const descriptors = () => require("node:fs").readdirSync("/proc/self/fd").length;
    await turn();
    const before = descriptors();
    const port = 40_179;
    const heard = [];
    const listeners = [4, 6].map((family) =>
      native.openTcpListen(
        family,
        port,
        255,
        1,
        (fd, address) => {
          heard.push(address);
          new net.Socket({ fd }).on("error", nothing).end("hello").resume();
        },
        assert.fail,
      ),
    );
    for (const listener of listeners) native.resumeTcpListen(listener); // which accepts already
    assert.throws(() => native.openTcpListen(4, port, 0, 0, nothing, nothing), { code: "EADDRINUSE" });
    for (const [address, key, message] of [
      ["localhost", new Uint8Array(1), /address/],
      ["127.0.0.1", new Uint8Array(81), /md5Key/],
      ["127.0.0.1", "key", /md5Key/],
      ["127.0.0.1", new Uint16Array(1), /md5Key/],
    ]) {
      assert.throws(() => native.setTcpListenKey(listeners[0], address, key), message);
    }
    const ask = (host) =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ host, port });
        socket.once("error", reject);
        socket.once("data", (octets) => resolve(octets.toString()));
        socket.once("close", () => resolve("closed"));
      });
    assert.equal(await ask("127.0.0.1"), "hello");
    assert.equal(await ask("::1"), "hello");
    assert.deepEqual(heard, ["127.0.0.1", "::1"]);
    // With a key on both sides, and without one on ours.
    const key = new TextEncoder().encode("secret");
    native.setTcpListenKey(listeners[0], "127.0.0.9", key);
    native.setTcpListenKey(listeners[0], "127.0.0.8", new Uint8Array());
    const keyed = await new Promise((resolve, reject) =>
      native.openTcpConnect("127.0.0.1", port, "127.0.0.9", "", 0, 0, key, resolve, reject),
    ).catch((error) => error.code);
    assert.equal(typeof keyed, "number", keyed);
    new net.Socket({ fd: keyed }).destroy();
    for (const listener of listeners) {
      native.closeTcpListen(listener);
      native.closeTcpListen(listener);
      native.setTcpListenKey(listener, "127.0.0.1", key); // too late, and no harm
      native.resumeTcpListen(listener);
    }
    await assert.rejects(ask("127.0.0.1"), { code: "ECONNREFUSED" });
    await until(() => descriptors() === before);
  },
  async "tcp listener: without descriptors it says so once and waits, and goes on when there are some"() {
    const { closeSync, openSync } = require("node:fs");
    const net = require("node:net");
    const prlimit = (...flags) =>
      require("node:child_process")
        .execFileSync("prlimit", ["--pid", `${process.pid}`, ...flags])
        .toString();
    const before = prlimit("--nofile", "--output=SOFT", "--noheadings").trim();
    const [port, failures, heard, taken] = [40_179, [], [], []];
    const listener = native.openTcpListen(
      4,
      port,
      0,
      0,
      (fd) => heard.push(new net.Socket({ fd }).destroy()),
      ({ code, syscall }) => failures.push([code, syscall]),
    );
    prlimit("--nofile=256:");
    const takeAll = () => {
      for (;;) taken.push(openSync("/dev/null"));
    };
    assert.throws(takeAll, { code: "EMFILE" });
    closeSync(taken.pop()); // for the client
    const client = net.connect({ host: "127.0.0.1", port }).on("error", () => {});
    await until(() => failures.length > 0);
    for (let count = 0; count < 100; count += 1) await turn();
    assert.deepEqual([failures, heard.length], [[["EMFILE", "accept4"]], 0]);
    native.resumeTcpListen(listener);
    await until(() => failures.length > 1); // still none
    for (const fd of taken) closeSync(fd);
    native.resumeTcpListen(listener);
    await until(() => heard.length === 1);
    native.closeTcpListen(listener);
    client.destroy();
    prlimit(`--nofile=${before}:`);
  },
  async "router advertisements: lies, from one interface to another, and what comes back"() {
    const nothing = () => {};
    const octets = Uint8Array.of(134, ...new Uint8Array(15));
    for (const [values, message] of [
      [[0, nothing], /ifindex/],
      [[1.5, nothing], /ifindex/],
      [[1, {}], /onHeard/],
      [[], /ifindex/],
    ]) {
      assert.throws(() => native.openRouterAdvertisements(...values), message);
    }
    assert.throws(() => native.openRouterAdvertisements(99_999, nothing), { code: "ENXIO" });
    assert.throws(() => native.sendRouterAdvertisement({}, octets), /not of this kind/);
    assert.throws(() => native.closeRouterAdvertisements({}), /not of this kind/);
    const [left, right] = ["left", "right"].map((name) => native.listLinks().find((link) => link.name === name));
    const heard = [];
    const sockets = [left, right].map(({ index, name }) =>
      native.openRouterAdvertisements(index, (address) => heard.push(`${name} ${address}`)),
    );
    for (const wrong of [octets.subarray(1), new Uint8Array(16), new Uint8Array(2000), "octets", new Uint16Array(16)]) {
      assert.throws(() => native.sendRouterAdvertisement(sockets[0], wrong), /router advertisement/);
    }
    // An interface that has only just come up has no address to send from for a moment.
    await until(() => {
      try {
        native.sendRouterAdvertisement(sockets[0], octets);
        return heard.length > 0;
      } catch {
        return false;
      }
    });
    assert.match(heard[0], /^right fe80::/);
    for (const socket of sockets) {
      native.closeRouterAdvertisements(socket);
      native.closeRouterAdvertisements(socket);
      native.sendRouterAdvertisement(socket, octets); // too late, and no harm
    }
  },
  "links are of the kind that they are"() {
    const kinds = ["lo", "left", "tap", "bridge"].map(
      (name) => native.listLinks().find((link) => link.name === name).kind,
    );
    assert.deepEqual(kinds, ["", "veth", "tun", "bridge"]);
  },
  async "threads that end, by themselves or by force, take their sockets with them"() {
    const threads = Array.from({ length: 24 }, async (_, number) => {
      const thread = new Worker(__filename, { workerData: { addon: process.argv[2], number }, execArgv: [] });
      await new Promise((resolve) => thread.once("message", resolve));
      if (number % 3 === 0) return thread.terminate();
      thread.postMessage("end", []);
      return new Promise((resolve, reject) => thread.once("exit", resolve).once("error", reject));
    });
    const codes = await Promise.all(threads);
    assert.equal(codes.length, 24);
    const sockets = require("node:fs").readFileSync("/proc/net/packet", "utf8").trim().split("\n").length - 1;
    assert.equal(sockets, 1); // the forgotten one
    assert.equal(groupsOf("right"), 0);
  },
};

async function inThread() {
  const a = open("left", () => 0);
  const b = open("right", () => {
    fillIn(b, 0);
    return 1;
  });
  native.openLinkEvents(() => {});
  const groups = native.openGroupSocket();
  await native.joinSolicitedNodeGroups(groups, indexOf("right"), groupsFrom(0xe00000, 10));
  native.joinSolicitedNodeGroups(groups, indexOf("right"), groupsFrom(0xe01000, 1000)); // under way at the end
  native.openTcpConnect("192.0.2.1", 179, "", "", 0, 0, new Uint8Array(), assert.fail, () => {}); // goes nowhere
  fillIn(a, 0);
  native.sendFrames(a, 1); // the two threads of each kind keep one another busy
  parentPort.postMessage("ready", []);
  parentPort.once("message", () => {
    if (workerData.number % 3 === 1) process.exit(0);
    native.closePacketSocket(a);
    parentPort.close();
    setImmediate(() => process.exit(0)); // b and the events are open still
  });
}

async function main() {
  for (const [name, run] of Object.entries(cases)) {
    await run();
    console.log(`ok ${name}`);
  }
  console.log("done");
  process.exit(0); // with a socket open
}

(isMainThread ? main() : inThread()).catch((error) => {
  console.error(error);
  process.exit(1);
});

import { BFD_DROPS, createDemultiplexer, SINGLE_HOP_TTL, type BfdArrival, type BfdDrop } from "../bfd/demultiplexer.js";
import type { BfdError, BfdSessionCounters, BfdSessionSpec, BfdStateReport } from "../bfd/messages.js";
import { DIAGNOSTIC, encodeControlPacket, type ControlPacket } from "../bfd/packet.js";
import {
  createBfdSession,
  detectionTime,
  packetOf,
  step,
  transmitInterval,
  type BfdEffect,
  type BfdEvent,
  type BfdOptions,
  type BfdSession,
} from "../bfd/session.js";
import { addressOctets, parseAddress } from "../net/address.js";
import { createBfdEcho, type BfdEcho } from "./bfd-echo.js";
import type { BfdPorts } from "./bfd-ports.js";
import { createBfdReceivers } from "./bfd-receivers.js";
import { createBfdSender } from "./bfd-sender.js";

/** All BFD sessions of a node, on the worker thread. */
export interface BfdSessions {
  use(specs: readonly BfdSessionSpec[]): void;
  counters(id: number): void;
  /** Interfaces came, went or changed. */
  linksChanged(): void;
  /** Tells all peers, and calls `ended` when nothing of it is left. */
  stop(ended: () => void): void;
}

/** How often a peer is told that a session ends, for packets get lost. RFC 5880 §6.8.16 */
const GOODBYES = 3;
const LONGEST_GOODBYE_INTERVAL = 100;
const MICROSECONDS = 1000;
/** Between Control packets of the peer while Echo packets do their work. */
const SLOW_MICROSECONDS = 1_000_000;

type Running = {
  spec: BfdSessionSpec;
  session: BfdSession;
  readonly discriminator: number;
  readonly sender: ReturnType<typeof createBfdSender>;
  stopTransmitTimer: () => void;
  stopDetectionTimer: () => void;
  /** When the last packet was sent; -Infinity: none yet. */
  sentAt: number;
  /** When the silence is too long; Infinity: nothing is waited for. The timer that runs may be for an earlier moment. */
  silentAt: number;
  timerAt: number;
  /** This silence has been given more time, since it was we who did not run. */
  isExcused: boolean;
  echo: BfdEcho | undefined;
  packetsReceived: number;
  ups: number;
  downs: number;
};

/**
 * Runs the reducer of each session on sockets and timers. @throws never: what fails is reported, and tried again
 */
export function createBfdSessions(ports: BfdPorts): BfdSessions {
  const sessions = new Map<string, Running>(); // BOUNDED by the peers of this node
  const leaving = new Set<Running>(); // BOUNDED by the sessions that ended in the last half second
  const demultiplexer = createDemultiplexer<Running>();
  const drops = Object.fromEntries(BFD_DROPS.map((reason) => [reason, 0])) as Record<BfdDrop, number>;
  const receivers = createBfdReceivers(ports, arrived);
  let isStopping = false;
  let whenEnded = (): void => {};

  function arrived(arrival: BfdArrival, interfaceIndex: number): void {
    const accepted = demultiplexer.accept(arrival);
    if (!accepted.ok) {
      drops[accepted.fault] += 1;
      return;
    }
    const { session: running, packet } = accepted.value;
    running.packetsReceived += 1;
    running.isExcused = false;
    dispatch(running, { type: "received", packet });
    if (running.session.state !== "Up") return;
    const interval = packet.requiredMinEchoRxMicroseconds / MICROSECONDS;
    running.echo?.allow(interval, { interfaceIndex, destination: arrival.destination });
  }

  function dispatch(running: Running, event: BfdEvent): void {
    const [next, effects] = step(running.session, event);
    running.session = next;
    for (const effect of effects) perform(running, effect);
  }

  function perform(running: Running, effect: BfdEffect): void {
    switch (effect.do) {
      case "send":
        return send(running, effect.packet);
      case "startTransmitTimer": {
        running.stopTransmitTimer();
        const most = effect.atLeastTenth ? 0.9 : 1;
        const shortened = (0.75 + (most - 0.75) * ports.random()) * (effect.microseconds / MICROSECONDS);
        const left = Math.max(0, running.sentAt + shortened - ports.now());
        running.stopTransmitTimer = ports.startTimer(left, () => dispatch(running, { type: "transmitTimerExpires" }));
        return undefined;
      }
      case "stopTransmitTimer":
        return running.stopTransmitTimer();
      case "startDetectionTimer":
        return expectPacket(running, effect.microseconds / MICROSECONDS);
      case "stateChanged":
        return tellState(running, effect);
    }
  }

  function send(running: Running, packet: ControlPacket): void {
    running.sentAt = ports.now();
    running.sender.send(encodeControlPacket(packet));
  }

  function tellState(running: Running, { from, to, reason }: Extract<BfdEffect, { do: "stateChanged" }>): void {
    if (to === "Up") running.ups += 1;
    if (from === "Up") {
      running.downs += 1;
      running.echo?.stop();
    }
    if (leaving.has(running)) return; // nobody waits for it any more
    const isByPeersAdministrator = to === "Down" && running.session.remoteState === "AdminDown";
    const state: BfdStateReport = { session: running.spec.key, from, to, isByPeersAdministrator, reason };
    ports.report({ type: "state", state });
  }

  /** While Echo packets come back, Control packets are asked for once a second. RFC 5880 §6.8.3 */
  function soonReconfigure(running: Running): void {
    ports.startTimer(0, () => {
      if (sessions.get(running.spec.key) === running) reconfigure(running);
    });
  }

  function reconfigure(running: Running): void {
    const { spec, discriminator, echo } = running;
    const options = optionsOf(spec, discriminator, echo?.isActive() ?? false);
    dispatch(running, { type: "reconfigure", options });
  }

  function echoOf(running: Running): BfdEcho | undefined {
    const { spec, discriminator } = running;
    if (spec.echoIntervalMicroseconds === 0 || spec.isMultihop || spec.remoteAddress.includes(":")) return undefined;
    const options = {
      discriminator,
      remoteAddress: spec.remoteAddress,
      intervalMilliseconds: spec.echoIntervalMicroseconds / MICROSECONDS,
      detectMult: spec.detectMult,
      onChange: () => soonReconfigure(running),
      onError: (error: unknown) => tellError({ session: spec.key, ...ports.explain(error) }),
      onFailed: () => dispatch(running, { type: "fail", diagnostic: DIAGNOSTIC.echoFunctionFailed }),
    };
    return createBfdEcho(options, ports);
  }

  /** The timer is not begun anew for each packet: when it ends, what came meanwhile is looked at. */
  function expectPacket(running: Running, milliseconds: number): void {
    running.silentAt = ports.now() + milliseconds;
    if (running.timerAt <= running.silentAt) return;
    armDetection(running);
  }

  function armDetection(running: Running): void {
    running.stopDetectionTimer();
    running.timerAt = running.silentAt;
    running.stopDetectionTimer = ports.startTimer(running.silentAt - ports.now(), () => listenedLongEnough(running));
  }

  function listenedLongEnough(running: Running): void {
    const lateness = ports.now() - running.silentAt;
    running.timerAt = Infinity;
    if (lateness < 0) return armDetection(running);
    const interval = detectionTime(running.session) / MICROSECONDS / Math.max(1, running.session.remoteDetectMult);
    if (lateness > interval && !running.isExcused) {
      // It was we who did not run for so long: the peer has one interval more to be heard in.
      running.isExcused = true;
      return expectPacket(running, interval);
    }
    running.silentAt = Infinity;
    dispatch(running, { type: "detectionTimerExpires" });
  }

  function begin(spec: BfdSessionSpec): void {
    const [remote, local] = [parseAddress(spec.remoteAddress), parseAddress(spec.localAddress)];
    if (remote === undefined) throw new RangeError(`unreachable: ${spec.remoteAddress} is no address`); // the main thread reads them
    const discriminator = freeDiscriminator();
    const running: Running = {
      spec,
      session: createBfdSession(optionsOf(spec, discriminator, false)),
      discriminator,
      sender: createBfdSender(spec, ports, (error) => tellError({ session: spec.key, ...error })),
      stopTransmitTimer: () => {},
      stopDetectionTimer: () => {},
      sentAt: -Infinity,
      silentAt: Infinity,
      timerAt: Infinity,
      isExcused: false,
      echo: undefined,
      packetsReceived: 0,
      ups: 0,
      downs: 0,
    };
    const { isMultihop, device, minimumTtl } = spec;
    demultiplexer.add(
      discriminator,
      {
        remoteAddress: Uint8Array.from(addressOctets(remote)),
        localAddress: local === undefined ? undefined : Uint8Array.from(addressOctets(local)),
        isMultihop,
        device,
        minimumTtl: isMultihop ? minimumTtl : SINGLE_HOP_TTL,
      },
      running,
    );
    running.echo = echoOf(running);
    sessions.set(spec.key, running);
    receivers.use(remote.family, isMultihop, device, running);
    dispatch(running, { type: "start" });
  }

  function freeDiscriminator(): number {
    for (;;) {
      const candidate = ports.randomUint32();
      if (candidate !== 0 && !demultiplexer.has(candidate)) return candidate;
    }
  }

  /** The peer is told three times; what it says meanwhile is no news. */
  function end(running: Running): void {
    sessions.delete(running.spec.key);
    running.echo?.stop();
    leaving.add(running);
    const interval = Math.min(transmitInterval(running.session) / MICROSECONDS, LONGEST_GOODBYE_INTERVAL);
    const isHeard = running.session.remoteDiscriminator !== 0;
    dispatch(running, { type: "stop" });
    running.stopDetectionTimer();
    demultiplexer.remove(running.discriminator);
    receivers.release(running);
    sayGoodbye(running, isHeard ? GOODBYES - 1 : 0, interval);
  }

  function sayGoodbye(running: Running, times: number, interval: number): void {
    if (times === 0) {
      running.sender.close();
      leaving.delete(running);
      if (leaving.size + sessions.size === 0) whenEnded();
      return;
    }
    running.stopTransmitTimer = ports.startTimer(interval, () => {
      send(running, packetOf(running.session));
      sayGoodbye(running, times - 1, interval);
    });
  }

  function tellError(error: BfdError): void {
    ports.report({ type: "error", error });
  }

  return {
    use(specs) {
      if (isStopping) return;
      const wanted = new Map(specs.map((spec) => [spec.key, spec]));
      for (const running of sessions.values()) if (!wanted.has(running.spec.key)) end(running);
      for (const spec of wanted.values()) {
        const running = sessions.get(spec.key);
        if (running === undefined) {
          begin(spec);
          continue;
        }
        const hasOtherEcho =
          running.spec.echoIntervalMicroseconds !== spec.echoIntervalMicroseconds ||
          running.spec.detectMult !== spec.detectMult;
        running.spec = spec;
        if (hasOtherEcho) {
          running.echo?.stop();
          running.echo = echoOf(running); // begins with the next packet of the peer
        }
        demultiplexer.setMinimumTtl(running.discriminator, spec.isMultihop ? spec.minimumTtl : SINGLE_HOP_TTL);
        reconfigure(running);
      }
    },
    counters(id) {
      ports.report({ type: "counters", id, sessions: [...sessions.values()].map(countersOf), drops: { ...drops } });
    },
    linksChanged: () => receivers.linksChanged(),
    stop(ended) {
      if (isStopping) return;
      isStopping = true;
      whenEnded = () => {
        whenEnded = () => {};
        receivers.close();
        ended();
      };
      for (const running of sessions.values()) end(running);
      if (leaving.size + sessions.size === 0) whenEnded();
    },
  };
}

function optionsOf(spec: BfdSessionSpec, localDiscriminator: number, hasEcho: boolean): BfdOptions {
  const { desiredMinTxMicroseconds, requiredMinRxMicroseconds, detectMult, passive } = spec;
  return {
    localDiscriminator,
    desiredMinTxMicroseconds,
    requiredMinRxMicroseconds: hasEcho
      ? Math.max(SLOW_MICROSECONDS, requiredMinRxMicroseconds)
      : requiredMinRxMicroseconds,
    requiredMinEchoRxMicroseconds: 0,
    detectMult,
    passive,
  };
}

function countersOf({ spec, session, sender, echo, packetsReceived, ups, downs }: Running): BfdSessionCounters {
  return {
    session: spec.key,
    state: session.state,
    packetsReceived,
    packetsSent: sender.sent(),
    unsent: sender.unsent(),
    echoSent: echo?.sent() ?? 0,
    echoReceived: echo?.received() ?? 0,
    ups,
    downs,
    transmitIntervalMicroseconds: transmitInterval(session),
    detectionTimeMicroseconds: detectionTime(session),
  };
}

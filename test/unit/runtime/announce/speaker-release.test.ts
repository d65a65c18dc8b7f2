import { describe, expect, it } from "vitest";
import { compareReleases, formatRelease, parseRelease } from "../../../../src/runtime/announce/release.js";
import { isOurPod, releaseOfPod } from "../../../../src/runtime/announce/speaker-release.js";
import type { ContainerView, Labels, PodView } from "../../../../src/runtime/world/views.js";

const container = (fields: Partial<ContainerView>): ContainerView => ({
  name: "speaker",
  image: "quay.io/metallb/speaker@sha256:0123",
  arguments: [],
  environment: [],
  ...fields,
});
const pod = (containers: readonly Partial<ContainerView>[], labels: Labels = {}): PodView => ({
  namespace: "metallb-system",
  name: "speaker-1",
  uid: "u",
  labels,
  phase: "Running",
  ready: true,
  containers: containers.map(container),
});
const releaseIn = (view: PodView): string | undefined => {
  const found = releaseOfPod(view);
  return found === undefined ? undefined : formatRelease(found.release);
};

it.each([
  ["v0.11.0", "v0.11.0"],
  ["0.13.7-debian-11-r1", "v0.13.7"],
  ["v0.9.6-86016b74", "v0.9.6"],
  ["v0.13", "v0.13.0"],
  ["latest", undefined],
  ["main", undefined],
  ["v1.2.3", undefined],
  ["v0.3.1", undefined],
  ["v0.11.0.1", undefined],
  ["", undefined],
])("parseRelease(%j) is %s", (text, expected) => {
  const release = parseRelease(text);
  expect(release === undefined ? undefined : formatRelease(release)).toBe(expected);
});

it("compareReleases() orders by number, not by text", () => {
  const names = ["v0.13.10", "v0.9.8", "v0.13.9", "v0.11.0"];
  const ordered = names.flatMap((name) => parseRelease(name) ?? []).toSorted(compareReleases);
  expect(ordered.map(formatRelease)).toEqual(["v0.9.8", "v0.11.0", "v0.13.9", "v0.13.10"]);
});

describe("releaseOfPod()", () => {
  it.each([
    ["quay.io/metallb/speaker:v0.11.0", "v0.11.0"],
    ["registry.local:5000/metallb/speaker:v0.14.9@sha256:0123", "v0.14.9"],
    ["docker.io/bitnami/metallb-speaker:0.13.7-debian-11-r1", "v0.13.7"],
    ["quay.io/kinvolk/metallb-speaker:v0.9.6-86016b74", "v0.9.6"],
    ["registry.local:5000/metallb/speaker", undefined],
    ["quay.io/metallb/speaker:main", undefined],
    ["", undefined],
  ])("image %s: %s", (image, release) => expect(releaseIn(pod([{ image }]))).toBe(release));

  it("looks at the speaker's container, not at those that bring FRR or metrics", () => {
    const others = [
      { name: "frr", image: "quay.io/frrouting/frr:9.1.0" },
      { name: "kube-rbac-proxy", image: "gcr.io/kubebuilder/kube-rbac-proxy:v0.12.0" },
    ];
    expect(releaseIn(pod([...others, { image: "quay.io/metallb/speaker:v0.14.3" }]))).toBe("v0.14.3");
    expect(releaseIn(pod([...others, { name: "metallb", image: "x/metallb-speaker:v0.13.9" }]))).toBe("v0.13.9");
    expect(releaseIn(pod(others))).toBeUndefined();
  });

  it.each([
    [{ "app.kubernetes.io/version": "v0.13.12" }, "v0.13.12"],
    [{ "helm.sh/chart": "metallb-0.14.5" }, "v0.14.5"],
    [{ "helm.sh/chart": "our-metallb-0.12.1" }, "v0.12.1"],
    [{ "app.kubernetes.io/version": "stable" }, undefined],
  ])("labels %j: %s", (labels, release) => expect(releaseIn(pod([{}], labels))).toBe(release));

  it.each<[string, Partial<ContainerView>, string | undefined]>([
    ["v0.9", { arguments: ["--port=7472", "--config=config"], environment: ["METALLB_ML_NAMESPACE"] }, "v0.9.0"],
    ["v0.10", { arguments: ["--port=7472", "--config=config"] }, "v0.10.0"],
    ["v0.11", { arguments: ["--port=7472", "--config=config", "--log-level=info"] }, "v0.11.0"],
    ["v0.11, written apart", { arguments: ["-config", "config", "-log-level", "info"] }, "v0.11.0"],
    ["v0.12", { arguments: ["--config=config", "--log-level=info"], environment: ["METALLB_BGP_TYPE"] }, "v0.12.0"],
    ["v0.13.7", { arguments: ["--log-level=info"], environment: ["METALLB_ML_SECRET_KEY"] }, "v0.13.0"],
    ["v0.13.12", { arguments: ["--log-level=info"], environment: ["METALLB_ML_SECRET_KEY_PATH"] }, "v0.13.8"],
    ["v0.14.4", { arguments: ["--log-level=info", "--ignore-exclude-lb"] }, "v0.14.4"],
    ["v0.14 with its flag", { arguments: ["--log-level=info", "--ml-wan-config"] }, "v0.14.0"],
    [
      "v0.14.9",
      { arguments: ["--log-level=info"], environment: ["METALLB_ML_SECRET_KEY_PATH", "METALLB_POD_NAME"] },
      "v0.14.6",
    ],
    ["v0.16", { arguments: ["--port=9120", "--log-level=info"], environment: ["METALLB_POD_NAME"] }, "v0.16.0"],
    ["nothing", {}, undefined],
  ])("arguments and variables of %s", (_name, fields, release) => expect(releaseIn(pod([fields]))).toBe(release));

  it("the tag counts more than labels, and those more than arguments", () => {
    const fields = { arguments: ["--config=config"] };
    const labels = { "app.kubernetes.io/version": "v0.14.3" };
    expect(releaseIn(pod([fields], labels))).toBe("v0.14.3");
    expect(releaseOfPod(pod([{ ...fields, image: "speaker:v0.13.5" }], labels))).toEqual({
      release: { minor: 13, patch: 5 },
      evidence: "its image is tagged v0.13.5",
    });
  });
});

it.each([
  { name: "an image called after us", fields: { image: "registry.local:5000/smelter:v0.11.0" }, ours: true },
  { name: "the image of our own Pod", fields: { image: "registry.local/lb@sha256:77" }, ours: true },
  { name: "the repository of our own Pod alone", fields: { image: "registry.local/lb:v0.11.0" }, ours: false },
  { name: "our command", fields: { arguments: ["speaker", "--port=7472"] }, ours: true },
  { name: "the original's command", fields: { arguments: ["/speaker", "--port=7472"] }, ours: false },
  { name: "a namespace called after us", fields: { image: "registry.local/smelter/speaker:v0.11.0" }, ours: false },
])("isOurPod() of $name: $ours", ({ fields, ours }) =>
  expect(isOurPod(pod([fields]), "registry.local/lb@sha256:77")).toBe(ours),
);

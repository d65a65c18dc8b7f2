import type { Result } from "../net/result.js";
import { refuse, succeed } from "../net/result.js";
import type { ObjectKey } from "../world/views.js";
import {
  announcementLabels,
  announcementName,
  announcementStatus,
  readAnnouncement,
  type AnnouncementKind,
  type SeenAnnouncement,
} from "./announcement-object.js";
import type { ApiCall, ApiClient } from "./api-client.js";
import type { ApiFailure } from "./api-failure.js";
import { isStatusServed } from "./discovery.js";
import { createOwnerFinder, type OwnerReference } from "./owner.js";
import { isPermitted } from "./permission.js";
import type { Clock } from "./ports.js";
import { resourcePath, type Resource } from "./resource.js";

/** The requests by which the objects of one kind come to say what this node announces. None is tried again here. */
export type AnnouncementStore = Readonly<{
  /** Why it is of no use to begin; undefined: it is. `kind` "forbidden" where the kind or a permission is missing. */
  findObstacle(): Promise<ApiFailure | undefined>;
  /**
   * Makes one object say this, and removes the others.
   * @param names undefined: there is to be none
   * @param there the objects of this node about the Service
   */
  write(
    service: ObjectKey,
    names: readonly string[] | undefined,
    there: readonly SeenAnnouncement[],
  ): Promise<Result<unknown, ApiFailure>>;
  remove(one: SeenAnnouncement): Promise<Result<unknown, ApiFailure>>;
}>;

export type AnnouncementStoreOptions = Readonly<{
  client: ApiClient;
  clock: Clock;
  resource: Resource & Readonly<{ namespace: string }>;
  kind: AnnouncementKind;
  node: string;
  podName: string;
  /** Before each request. */
  asked(): void;
  /** As the server has it now. */
  stored(one: SeenAnnouncement): void;
  removed(name: string): void;
}>;

const OWNER_MILLISECONDS = 60_000; // our Pod may be seen, or may be allowed to be seen, later

export function createAnnouncementStore(options: AnnouncementStoreOptions): AnnouncementStore {
  const { client, clock, resource, kind, node } = options;
  const { namespace } = resource;
  const head = { apiVersion: `${resource.group}/${resource.version}`, kind: kind.kind };
  const findOwner = createOwnerFinder(client, namespace, options.podName);
  let owner: Readonly<{ references: readonly OwnerReference[]; until: number }> | undefined;

  function ask(call: ApiCall): Promise<Result<unknown, ApiFailure>> {
    options.asked();
    return client.request(call);
  }

  async function ownerReferences(): Promise<Result<readonly OwnerReference[], ApiFailure>> {
    if (owner !== undefined && clock.now() < owner.until) return succeed(owner.references);
    const found = await findOwner();
    if (found.ok) owner = { references: found.value, until: clock.now() + OWNER_MILLISECONDS };
    return found;
  }

  /** @returns the object, without a status; or ours, where the watch has not told of it yet */
  async function create(service: ObjectKey, name: string): Promise<Result<SeenAnnouncement, ApiFailure>> {
    const references = await ownerReferences();
    if (!references.ok) return references;
    const labels = announcementLabels(service, node);
    const metadata = { name, namespace, labels, ownerReferences: references.value };
    const body = JSON.stringify({ ...head, metadata, spec: {} });
    const post = { method: "POST", path: resourcePath(resource), body } as const;
    const made = await ask(post);
    if (made.ok || made.fault.kind !== "conflict") return asStored(made);
    const got = await ask({ method: "GET", path: resourcePath(resource, name) });
    if (!got.ok && got.fault.kind !== "notFound") return got;
    const other = got.ok ? readAnnouncement(got.value) : undefined;
    if (other?.ok === true && other.value.node === node) return asStored(got);
    const gone = other?.ok === true ? await remove(other.value) : succeed(true);
    return gone.ok ? asStored(await ask(post)) : gone;
  }

  async function remove({ name, uid }: SeenAnnouncement): Promise<Result<unknown, ApiFailure>> {
    const body = JSON.stringify({ apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } });
    const gone = await ask({ method: "DELETE", path: resourcePath(resource, name), body });
    // A conflict: another one of that name is there by now, and the watch tells of it where it is ours.
    if (!gone.ok && gone.fault.kind !== "notFound" && gone.fault.kind !== "conflict") return gone;
    options.removed(name);
    return succeed(true);
  }

  function asStored(answer: Result<unknown, ApiFailure>): Result<SeenAnnouncement, ApiFailure> {
    if (!answer.ok) return answer;
    const read = readAnnouncement(answer.value);
    if (!read.ok) {
      const message = `Cannot store a ${kind.kind}: the answer is no object: check what stands before the server`;
      return refuse({ kind: "malformed", message });
    }
    options.stored(read.value);
    return read;
  }

  return {
    async findObstacle() {
      const served = await isStatusServed(client, resource);
      if (!served.ok) return served.fault;
      if (!served.value) return forbidden("the server does not know the kind: apply the definitions of manifests/crds");
      const answers = await Promise.all([
        isPermitted(client, resource, ["get", "list", "watch", "create", "delete"]),
        isPermitted(client, { ...resource, plural: `${resource.plural}/status` }, ["update"]),
      ]);
      for (const answer of answers) {
        if (!answer.ok) return answer.fault;
        const verbs = "get, list, watch, create and delete";
        if (!answer.value)
          return forbidden(`not permitted: grant ${verbs} of ${resource.plural}, and update of their status`);
      }
      return undefined;
    },
    async write(service, names, there) {
      const ourName = announcementName(kind, service, node);
      const kept = names === undefined ? undefined : (there.find(({ name }) => name === ourName) ?? there[0]);
      for (const one of there) {
        if (one === kept) continue;
        const gone = await remove(one);
        if (!gone.ok) return gone;
      }
      if (names === undefined) return succeed(true);
      const stored = kept === undefined ? await create(service, ourName) : succeed(kept);
      if (!stored.ok || stored.value.names?.join() === names.join()) return stored;
      const { name, resourceVersion } = stored.value;
      const status = announcementStatus(kind, service, node, names);
      const body = JSON.stringify({ ...head, metadata: { name, namespace, resourceVersion }, status });
      const said = asStored(await ask({ method: "PUT", path: `${resourcePath(resource, name)}/status`, body }));
      if (!said.ok || said.value.names?.join() === names.join()) return said;
      return refuse(forbidden("the server drops these fields: apply the definitions of manifests/crds"));
    },
    remove,
  };
}

function forbidden(message: string): ApiFailure {
  return { kind: "forbidden", message };
}

import { BGP_STATUS, LAYER2_STATUS } from "./kubernetes/announcement-object.js";
import { createAnnouncementStatus, type AnnouncementStatusOptions } from "./kubernetes/announcement-status.js";
import type { SpeakerPorts } from "./speaker/speaker.js";

/** What a speaker announces, in the API: a ServiceL2Status and a ServiceBGPStatus for each Service. */
export type SpeakerStatuses = Required<Pick<SpeakerPorts, "announces" | "decided">>;

export function createSpeakerStatuses(options: Omit<AnnouncementStatusOptions, "kind">): SpeakerStatuses {
  const layer2 = createAnnouncementStatus({ ...options, kind: LAYER2_STATUS });
  const bgp = createAnnouncementStatus({ ...options, kind: BGP_STATUS });
  return {
    announces(service, announced) {
      layer2.set(service, announced.layer2);
      bgp.set(service, announced.bgp);
    },
    decided() {
      layer2.begin();
      bgp.begin();
    },
  };
}

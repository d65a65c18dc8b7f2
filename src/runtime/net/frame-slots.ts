/**
 * Frames that arrive and leave in batches, in memory that a socket and its reader share: slot N of `received` and of
 * `toSend` begins at octet `N * slotOctets`. `count` of the lists: as many as there are slots.
 */
export type FrameSlots = Readonly<{
  slots: number;
  slotOctets: number;
  received: DataView;
  /** Octets of each frame on the wire; a slot holds only the first `slotOctets` of a longer one. */
  receivedOctets: Uint32Array;
  toSend: DataView;
  /** Octets to send of each slot; what stands here stays, so that it is written once where all are of one length. */
  toSendOctets: Uint32Array;
  /** 0, or the errno that kept the frame of this slot from being sent. */
  sendErrors: Int32Array;
}>;

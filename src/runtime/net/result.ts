/** What a step that can be refused comes back with: the value, or the fault that says why not. */
export type Result<Value, Fault> = Readonly<{ ok: true; value: Value }> | Readonly<{ ok: false; fault: Fault }>;

export function succeed<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function refuse<Fault>(fault: Fault): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}

/**
 * A secret that cannot be printed by accident: JSON, String and inspect all give a placeholder. `equals` lets a model
 * tell whether a password changed without showing it.
 */
export class Password {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The secret itself: for a socket option or a Secret's data, never for a message. */
  reveal(): string {
    return this.#text;
  }

  equals(other: Password | undefined): boolean {
    return other !== undefined && other.#text === this.#text;
  }

  toJSON(): string {
    return "(password)";
  }

  toString(): string {
    return "(password)";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "(password)";
  }
}

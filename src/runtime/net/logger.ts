/** What the shells write their log to: fields first, then one sentence that greps well. */
export type Logger = Readonly<{
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}>;
export type LogFields = Readonly<Record<string, unknown>>;

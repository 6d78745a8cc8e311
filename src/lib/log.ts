/** JSON lines on stderr: one object per event, ready for any log collector. */

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Returns a log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}

const order: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  /** Read at every line, so that a level can change while the program runs. */
  readonly level: () => LogLevel;
  readonly write?: (line: string) => void;
  readonly now?: () => number;
}

/** Makes a log that writes `{"time","level","msg",…}` lines. */
export function createLog(options: LogOptions, bound: LogFields = {}): Log {
  const write = options.write ?? ((line: string) => console.error(line));
  const now = options.now ?? Date.now;
  const emit = (level: LogLevel, message: string, fields: LogFields | undefined) => {
    if (order[level] < order[options.level()]) return;
    write(
      JSON.stringify({
        time: new Date(now()).toISOString(),
        level,
        msg: message,
        ...bound,
        ...fields,
      }),
    );
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    with: (fields) => createLog(options, { ...bound, ...fields }),
  };
}

/** A log that keeps nothing. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => silentLog,
};

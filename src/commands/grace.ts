/** Time for the last calls of a daemon that was told to end: well below a pod's 30 s. */
const graceMs = 5000;

/** Returns a signal that fires a little after `stop`: calls to an API server that does not answer must not hold a daemon up. */
export function graceAfter(stop: AbortSignal): AbortSignal {
  const end = new AbortController();
  const later = () => {
    setTimeout(() => end.abort(), graceMs).unref();
  };
  stop.addEventListener("abort", later, { once: true });
  return end.signal;
}

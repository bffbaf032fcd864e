// Measures how the page feels, and reports it once as it is left. No person, no address, no prompt is in it.

const MOST_SLOW = 10;
/** @type {Record<string, number>} */
export const vitals = {};
const observe = (type, take, options = {}) => {
  if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
  new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true, ...options });
};

let shifts = { score: 0, first: 0, last: 0 }; // of a session: up to five seconds, with pauses below one
vitals.CLS = 0;
observe("layout-shift", (/** @type {any} */ entry) => {
  if (entry.hadRecentInput) return;
  const goes = entry.startTime - shifts.last < 1000 && entry.startTime - shifts.first < 5000;
  shifts = goes ? { ...shifts, score: shifts.score + entry.value, last: entry.startTime } : { score: entry.value, first: entry.startTime, last: entry.startTime };
  vitals.CLS = Math.max(vitals.CLS, shifts.score);
});
observe("paint", (entry) => {
  if (entry.name === "first-contentful-paint") vitals.FCP = entry.startTime;
});
observe("largest-contentful-paint", (entry) => (vitals.LCP = entry.startTime));
/** @type {Map<number, number>} interaction -> ms, of the slowest; of each fifty, one is let go: https://web.dev/articles/inp */
const slowest = new Map();
observe("event", (/** @type {any} */ entry) => {
  if (!entry.interactionId) return;
  slowest.set(entry.interactionId, Math.max(slowest.get(entry.interactionId) ?? 0, entry.duration));
  const sorted = [...slowest].sort((one, other) => other[1] - one[1]);
  if (sorted.length > MOST_SLOW) slowest.delete(sorted[MOST_SLOW][0]);
  const all = /** @type {any} */ (performance).interactionCount ?? sorted.length;
  vitals.INP = sorted[Math.min(sorted.length - 1, Math.floor(all / 50))][1];
}, { durationThreshold: 16 });

function report() {
  const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (navigation) vitals.TTFB = navigation.responseStart;
  return JSON.stringify(vitals);
}

let reported = false;
/** @param {(path: string, body: string) => Promise<unknown>} send */
export function reportVitals(send) {
  addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden" || reported) return;
    reported = true;
    send("api/vitals", report()).catch(() => {}); // where it is switched off, nobody misses it
  });
}

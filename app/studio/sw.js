// Keeps the page's own files, so that an installed page opens without a network and says so. Never what the server answers.

const SHELF = "kinoray-page"; // all files of one version: each is asked for anew while there is a network

const here = new URL("./", self.registration.scope);
const shell = (address) => address.origin === here.origin && (address.pathname === here.pathname || address.pathname.startsWith(`${here.pathname}studio/`));

// Whoever has just opened the page has loaded what it needs: that list is kept.
self.addEventListener("message", (event) => {
  const wanted = (Array.isArray(event.data) ? event.data : []).map((each) => new URL(each, here)).filter(shell);
  event.waitUntil(caches.open(SHELF).then((kept) => Promise.all([here, ...wanted].map((address) => kept.add(new Request(address, { cache: "no-cache" })).catch(() => {})))));
});

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const address = new URL(event.request.url);
  if (event.request.method !== "GET" || event.request.headers.has("range") || !shell(address)) return;
  event.respondWith(fresh(event.request));
});

// The newest first: a server of another version never meets an older page while it can be reached.
async function fresh(request) {
  const kept = await caches.open(SHELF);
  try {
    const answer = await fetch(request);
    if (answer.ok && answer.status === 200) kept.put(request, answer.clone()).catch(() => {});
    return answer;
  } catch (error) {
    const found = await kept.match(request, { ignoreSearch: true });
    if (found) return found;
    throw error;
  }
}

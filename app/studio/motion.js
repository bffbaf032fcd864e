// Whether what moves moves: as the system says, until the person says otherwise.

const NAME = "kinoray-motion";
const button = document.getElementById("motion");
const reduced = window.matchMedia("(prefers-reduced-motion: reduce)");
let chosen = null; // "still" or "moving"
try {
  chosen = localStorage.getItem(NAME);
} catch {
  // a browser that keeps nothing goes by the system
}

const still = () => (chosen ?? (reduced.matches ? "still" : "moving")) === "still";

// A video that has just been loaded, too.
export function move(video) {
  if (still()) video.pause();
  else video.play().catch(() => {}); // the browser may not let it; the button on its card will
}

function show() {
  document.body.classList.toggle("still", still());
  button.textContent = still() ? "Play motion" : "Pause motion";
  for (const video of document.querySelectorAll("video[src]")) move(video);
}

button.addEventListener("click", () => {
  chosen = still() ? "moving" : "still";
  try {
    localStorage.setItem(NAME, chosen);
  } catch {
    // it holds for this page
  }
  show();
});
reduced.addEventListener("change", show);
show();

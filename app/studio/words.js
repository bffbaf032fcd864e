// All that the page says, in English and German, one line each; numbers, money and dates as the reader writes them.

export const WORDS = {
  // name: [English, German]
  "key.label": ["This server asks for an API key.", "Dieser Server verlangt einen API-Schlüssel."],
  "key.note": ["Kept until this tab is closed.", "Wird nur behalten, bis dieser Tab geschlossen wird."],
  "key.use": ["Use it", "Verwenden"],
  "key.refused": ["The server refused that key.", "Der Server hat diesen Schlüssel abgelehnt."],
  "key.form": ["A key has no blanks and only ASCII characters.", "Ein Schlüssel hat keine Leerzeichen und nur ASCII-Zeichen."],
  "key.forget": ["Forget the API key", "API-Schlüssel vergessen"],
  "answered": ["The server answered {status}.", "Der Server antwortete {status}."],
  "again.in": ["Try again in {s} s.", "In {s} s noch einmal versuchen."],
  "away": ["The server does not answer. Trying again until it does.", "Der Server antwortet nicht. Es wird weiter versucht."],
  "away.unsent": ["Trying again: {n} waiting to be sent.", "Wird weiter versucht: {n} noch zu senden."],
  "offline": ["You are offline. Trying again until you are not.", "Keine Verbindung zum Netz. Es wird weiter versucht."],
  "motion.pause": ["Pause motion", "Bewegung anhalten"],
  "motion.play": ["Play motion", "Bewegung abspielen"],
  "theme": ["Theme: {name}", "Farben: {name}"],
  "theme.auto": ["as the system", "wie das System"],
  "theme.light": ["light", "hell"],
  "theme.dark": ["dark", "dunkel"],
  "theme.contrast": ["high contrast", "hoher Kontrast"],
  "language": ["Deutsch", "English"],
  "commands": ["Commands", "Befehle"],
  "commands.find": ["Find a command or a video", "Befehl oder Video suchen"],
  "commands.none": ["Nothing is called so.", "Nichts heißt so."],
  "close": ["Close", "Schließen"],
  "views": ["Rooms", "Räume"],
  "view.first": ["Videos", "Videos"],
  "view.loads": ["Loading …", "Wird geladen …"],
  "ask": ["Ask for a video", "Video anfordern"],
  "prompt": ["What should the video show?", "Was soll das Video zeigen?"],
  "prompt.example": ["a crimson ball rolls to the right on a sand background", "a crimson ball rolls to the right on a sand background"],
  "examples": ["Examples", "Beispiele"],
  "tier": ["Quality", "Qualität"],
  "tier.auto": ["auto", "auto"],
  "tier.about": ["{n} of {of} runs", "{n} von {of} Läufen"],
  "style": ["Style", "Stil"],
  "style.none": ["none", "keiner"],
  "style.fits": ["Suits this prompt", "Passt dazu"],
  "style.shared": ["{name} (shared)", "{name} (geteilt)"],
  "priority": ["Priority", "Vorrang"],
  "priority.low": ["low", "niedrig"],
  "priority.normal": ["normal", "normal"],
  "priority.high": ["high", "hoch"],
  "model": ["Model", "Modell"],
  "size": ["Size", "Größe"],
  "seconds": ["Seconds", "Sekunden"],
  "default": ["default", "Vorgabe"],
  "seed": ["Seed", "Startwert"],
  "seed.free": ["from the prompt", "aus dem Text"],
  "seed.title": ["A number, or -1 for a fresh one", "Eine Zahl, oder -1 für eine neue"],
  "seed.lock": ["Lock the seed", "Startwert festhalten"],
  "seed.fresh": ["A fresh seed each time", "Jedes Mal ein neuer Startwert"],
  "many": ["How many", "Wie viele"],
  "many.one": ["one video", "ein Video"],
  "many.lines": ["one for each line", "eins je Zeile"],
  "many.seeds": ["four seeds", "vier Startwerte"],
  "many.tiers": ["one of each quality", "eins je Qualität"],
  "many.grid": ["a grid …", "ein Raster …"],
  "grid.seeds": ["Seeds", "Startwerte"],
  "many.most": ["At most {n} at once; these are {got}.", "Höchstens {n} auf einmal; dies sind {got}."],
  "make": ["Make it", "Erzeugen"],
  "make.n": ["Make {n}", "{n} erzeugen"],
  "picture": ["Begin with a picture", "Mit einem Bild beginnen"],
  "picture.drop": ["Drop, paste or pick a PNG, JPEG or WebP.", "PNG, JPEG oder WebP ablegen, einfügen oder wählen."],
  "picture.not": ["{model} takes no picture.", "{model} nimmt kein Bild."],
  "picture.kind": ["That is no PNG, JPEG or WebP.", "Das ist kein PNG, JPEG oder WebP."],
  "picture.big": ["That picture has more than {mb} MB.", "Das Bild hat mehr als {mb} MB."],
  "picture.broken": ["That picture cannot be read.", "Das Bild lässt sich nicht lesen."],
  "picture.sends": ["Sending the picture", "Bild wird gesendet"],
  "crop": ["The part that is taken", "Der verwendete Ausschnitt"],
  "crop.keys": ["Drag it, or move it by arrow keys; + and - change its size, 0 takes all", "Ziehen oder mit Pfeiltasten bewegen; + und - ändern die Größe, 0 nimmt alles"],
  "crop.at": ["{share} % of the largest, at {x} %, {y} %", "{share} % des größten, bei {x} %, {y} %"],
  "prepare.background": ["Background", "Hintergrund"],
  "prepare.crop": ["Cut to", "Zuschneiden auf"],
  "prepare.keep": ["as it is", "wie er ist"],
  "prepare.remove": ["remove", "entfernen"],
  "prepare.blur": ["blur", "weichzeichnen"],
  "prepare.cover": ["the frame", "den Rahmen"],
  "prepare.subject": ["the subject", "das Motiv"],
  "prepare.foreground": ["what stands out", "das, was hervorsteht"],
  "prepare.person": ["a person", "eine Person"],
  "prepare.looks": ["Looking for the subject …", "Das Motiv wird gesucht …"],
  "prepare.seen": ["Found {subject}: {share} of the picture", "Gefunden: {subject}, {share} des Bildes"],
  "prepare.result": ["What the video begins with", "Womit das Video beginnt"],
  "picture.away": ["Take the picture away", "Bild entfernen"],
  "negative": ["What it should not show", "Was es nicht zeigen soll"],
  "advanced": ["Advanced", "Erweitert"],
  "advanced.loading": ["Reading what this server takes …", "Es wird gelesen, was dieser Server annimmt …"],
  "plan": ["The plan", "Der Plan"],
  "plan.empty": ["As you type, this says what it will take.", "Beim Tippen steht hier, was es kosten wird."],
  "plan.steps": ["steps", "Schritte"],
  "plan.runs": ["runs of the model", "Läufe des Modells"],
  "plan.saved": ["saved", "gespart"],
  "plan.time": ["time", "Zeit"],
  "plan.money": ["cost", "Kosten"],
  "plan.line": ["waiting", "wartend"],
  "plan.unknown": ["Underlined: what this model does not know.", "Unterstrichen: was dieses Modell nicht kennt."],
  "class.simple": ["simple", "einfach"],
  "class.moderate": ["moderate", "mittel"],
  "class.complex": ["complex", "anspruchsvoll"],
  "class.very_complex": ["very complex", "sehr anspruchsvoll"],
  "warnings": ["Warnings", "Hinweise"],
  "wall": ["Made by the model that ships with Kinoray. Click one to make it again.", "Vom Modell gemacht, das mit Kinoray kommt. Anklicken, um es neu zu machen."],
  "wall.make": ["Make again: {prompt}", "Neu machen: {prompt}"],
  "stage": ["Newest video", "Neuestes Video"],
  "ribbon": ["{ran} of {total} steps run by the model, {forecast} forecast", "{ran} von {total} Schritten vom Modell gerechnet, {forecast} vorhergesagt"],
  "ribbon.ran": ["run", "gerechnet"],
  "ribbon.forecast": ["forecast", "vorhergesagt"],
  "story": ["{n} of {of} steps run, {saved} saved", "{n} von {of} Schritten gerechnet, {saved} gespart"],
  "story.plan": ["{n} of {of} steps to run, {saved} saved", "{n} von {of} Schritten zu rechnen, {saved} gespart"],
  "story.cached": ["Nothing run: it was made before.", "Nichts gerechnet: Es war schon da."],
  "batch": ["shared its steps with up to {n} others", "teilte Schritte mit bis zu {n} anderen"],
  "batch.one": ["shared its steps with one other", "teilte Schritte mit einem anderen"],
  "paused": ["paused {n} times, {s}", "{n}-mal angehalten, {s}"],
  "paused.one": ["paused once, {s}", "einmal angehalten, {s}"],
  "cancel": ["Cancel", "Abbrechen"],
  "play": ["Play", "Abspielen"],
  "pause": ["Pause", "Anhalten"],
  "another": ["Another seed", "Anderer Startwert"],
  "remix": ["Remix", "Abwandeln"],
  "save": ["Save", "Sichern"],
  "delete": ["Delete", "Löschen"],
  "deleted": ["Deleted: {prompt}", "Gelöscht: {prompt}"],
  "undo": ["Undo", "Rückgängig"],
  "good": ["Good", "Gut"],
  "bad": ["Not good", "Nicht gut"],
  "thanks": ["Thank you for rating it.", "Danke für die Bewertung."],
  "details": ["Details", "Einzelheiten"],
  "compare": ["Compare", "Vergleichen"],
  "compare.pick": ["Pick another one to compare with.", "Zum Vergleichen ein zweites wählen."],
  "compare.wipe": ["Wipe", "Schieber"],
  "compare.side": ["Side by side", "Nebeneinander"],
  "compare.same": ["Their settings are the same.", "Die Einstellungen sind gleich."],
  "keep": ["Videos", "Videos"],
  "filter.find": ["Find in prompts", "In Texten suchen"],
  "filter.status": ["State", "Zustand"],
  "filter.tier": ["Quality", "Qualität"],
  "filter.model": ["Model", "Modell"],
  "filter.cached": ["Cache", "Cache"],
  "filter.all": ["all", "alle"],
  "filter.hit": ["from the cache", "aus dem Cache"],
  "filter.made": ["made", "gerechnet"],
  "filter.none": ["No video is like that.", "Kein Video passt dazu."],
  "status.live": ["under way", "unterwegs"],
  "status.completed": ["completed", "fertig"],
  "status.failed": ["failed", "gescheitert"],
  "older": ["Older videos", "Ältere Videos"],
  "next": ["next in line", "als Nächstes dran"],
  "before": ["{n} before it", "{n} davor"],
  "sending": ["waiting to be sent", "noch nicht gesendet"],
  "step": ["step {n} of {of}", "Schritt {n} von {of}"],
  "togo": ["{s} to go", "noch {s}"],
  "phase.queued": ["queued", "wartet"],
  "phase.encoding": ["encoding", "Text wird gelesen"],
  "phase.denoising": ["denoising", "wird gerechnet"],
  "phase.decoding": ["decoding", "wird entschlüsselt"],
  "phase.finishing": ["finishing", "wird gespeichert"],
  "under": ["less than a second", "unter einer Sekunde"],
  "about": ["about {s}", "etwa {s}"],
  "ready": ["Ready: {prompt}", "Fertig: {prompt}"],
  "failed": ["failed", "gescheitert"],
  "evaluations": ["{n} of {of} evaluations", "{n} von {of} Läufen"],
  "seed.is": ["seed {n}", "Startwert {n}"],
  "priority.is": ["{name} priority", "Vorrang {name}"],
  "style.some": ["a style", "ein Stil"],
  "detail.why": ["Why this plan", "Warum dieser Plan"],
  "detail.time": ["Where the time went", "Wohin die Zeit ging"],
  "detail.facts": ["Facts", "Angaben"],
  "detail.request": ["The request", "Die Anfrage"],
  "detail.shell": ["Command line", "Befehlszeile"],
  "detail.gone": ["That video is not there any more.", "Dieses Video gibt es nicht mehr."],
  "detail.loop": ["Loop", "Schleife"],
  "detail.frame": ["frame {n} of {of}", "Bild {n} von {of}"],
  "detail.back": ["Frame back", "Bild zurück"],
  "detail.forth": ["Frame forward", "Bild vor"],
  "detail.seek": ["Position", "Stelle"],
  "copy": ["Copy", "Kopieren"],
  "copied": ["Copied.", "Kopiert."],
  "device": ["device seconds", "Gerätesekunden"],
  "energy": ["energy", "Energie"],
  "asked.at": ["asked for", "angefordert"],
  "waterfall": ["{name}: {s}, from {at}", "{name}: {s}, ab {at}"],
  "figures.made": ["{n} made", "{n} gemacht"],
  "figures.saved": ["{n} of evaluations saved", "{n} der Läufe gespart"],
  "figures.cache": ["{n} repeats from the cache", "{n} der Wiederholungen aus dem Cache"],
  "figures.waiting": ["{n} waiting", "{n} warten"],
  "figures.replica": ["{n} replica", "{n} Replikat"],
  "figures.replicas": ["{n} replicas", "{n} Replikate"],
  "figures.own": ["{n} under way", "{n} unterwegs"],
  "go.prompt": ["Write a prompt", "Text schreiben"],
  "go.filter": ["Search the videos", "Videos durchsuchen"],
  "go.wall": ["Show the clips that ship with Kinoray", "Mitgelieferte Clips zeigen"],
  "example.n": ["Example: {text}", "Beispiel: {text}"],
  "nav": ["Elsewhere", "Anderswo"],
};

const NAME = "kinoray-language";
/** @type {Storage | null} */
export const kept = (() => {
  try {
    return window.localStorage;
  } catch {
    return null; // a browser that keeps nothing
  }
})();
export const language = (kept?.getItem(NAME) ?? navigator.language).startsWith("de") ? "de" : "en";
const column = language === "de" ? 1 : 0;
const locale = navigator.languages?.find((each) => each.startsWith(language)) ?? language;

/** The words of a room that is loaded late. @param {Record<string, [string, string]>} more */
export const addWords = (more) => void Object.assign(WORDS, more);

/** The words called so, with `{names}` filled in. @param {string} name @param {Record<string, any>} [values] */
export function t(name, values = {}) {
  const text = WORDS[name]?.[column] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, each) => String(values[each] ?? ""));
}

/** The same where the server may have words that this page does not know yet. */
export const known = (prefix, word) => (`${prefix}.${word}` in WORDS ? t(`${prefix}.${word}`) : String(word).replaceAll("_", " "));

/** The other language, from now on. */
export function switchLanguage() {
  kept?.setItem(NAME, language === "de" ? "en" : "de");
  location.reload();
}

/** @param {number} value @param {number} [digits] */
export const number = (value, digits = 0) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
export const percent = (value) => (value == null ? "-" : `${number(100 * value)} %`);
export const date = (unix) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(1000 * unix);
export const span = (s) => (s < 0.0995 ? `${number(1000 * s)} ms` : s < 90 ? `${number(s, s < 9.95 ? 1 : 0)} s` : `${number(s / 60)} min`);
/** @param {number} s */
export const seconds = (s) => (s < 1 ? t("under") : t("about", { s: span(Math.round(s)) }));
export const money = (value) => (value ? number(value, value < 0.01 ? 5 : 3) : number(0));

/** Fills the words into what stands in the page already. */
export function translate(root = document) {
  document.documentElement.lang = language;
  for (const each of root.querySelectorAll("[data-t]")) each.textContent = t(/** @type {any} */ (each).dataset.t);
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", t(/** @type {any} */ (each).dataset.label));
}

// Sends a picture in chunks (tus 1.0) and goes on where it stood, after a lost connection, a reload or a restarted server.

import { call, passes, Refusal } from "../api.js";
import { sleep } from "../dom.js";

const CHUNK_BYTES = 1 << 20;
const AGAIN_MS = 1500;
const TUS = { "tus-resumable": "1.0.0" };

/** The server has forgotten it, or never knew it. */
const gone = (error) => error instanceof Refusal && [404, 410].includes(error.status);

/** Where an upload goes on. @param {string} id */
const reached = async (id) => Number((await call(`v1/uploads/${id}`, { method: "HEAD", headers: TUS })).headers.get("upload-offset"));

async function begin(file, name) {
  const told = btoa(String.fromCharCode(...new TextEncoder().encode(name.slice(0, 200))));
  const headers = { ...TUS, "upload-length": String(file.size), "upload-metadata": `filename ${told}` };
  return (await (await call("v1/uploads", { method: "POST", headers })).json()).id;
}

const chunk = (id, file, offset) =>
  call(`v1/uploads/${id}`, {
    method: "PATCH",
    headers: { ...TUS, "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
    body: file.slice(offset, offset + CHUNK_BYTES),
  });

/**
 * The id of the file on the server, once all of it is there. Raises Refusal where the server says no with a reason, and
 * AbortError.
 * @param {Blob} file
 * @param {{ name: string, id?: string | null, begun?: (id: string) => void, progress?: (share: number) => void, signal: AbortSignal }} options
 *   `id` of one that was begun before; `begun` is told the id of a new one
 */
export async function upload(file, { name, id = null, begun = () => {}, progress = () => {}, signal }) {
  let offset = -1; // not known
  for (;;) {
    signal.throwIfAborted();
    try {
      if (!id) {
        id = await begin(file, name);
        begun(id ?? "");
        offset = 0;
      }
      if (offset < 0) offset = await reached(id ?? "");
      progress(offset / file.size);
      if (offset >= file.size) return id ?? "";
      offset = Number((await chunk(id, file, offset)).headers.get("upload-offset"));
    } catch (error) {
      if (gone(error)) id = null;
      else if (error.status !== 409 && !passes(error)) throw error;
      else await sleep(AGAIN_MS);
      offset = -1;
    }
  }
}

/** Has the server forget one that is not wanted any more. @param {string | null} id */
export const forget = (id) => id && call(`v1/uploads/${id}`, { method: "DELETE", headers: TUS }).catch(() => {});

// What a reload would lose, a picture being too large for the other kinds of storage.

/** @returns {Promise<IDBObjectStore>} */
const shelf = (mode) =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open("kinoray", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("pictures");
    opening.onsuccess = () => {
      const transaction = opening.result.transaction("pictures", mode);
      transaction.oncomplete = () => opening.result.close();
      resolve(transaction.objectStore("pictures"));
    };
    opening.onerror = () => reject(opening.error);
  });

const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));

/** @param {string} slot @param {object | null} value */
export async function keepPicture(slot, value) {
  try {
    const store = await shelf("readwrite");
    await done(value ? store.put(value, slot) : store.delete(slot));
  } catch {
    // a browser that keeps nothing: it lives as long as the page
  }
}

/** @param {string} slot @returns {Promise<any>} */
export async function keptPicture(slot) {
  try {
    return await done((await shelf("readonly")).get(slot));
  } catch {
    return null;
  }
}

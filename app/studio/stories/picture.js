// A scene's picture: picked, dropped or pasted, sent in resumable chunks (tus), and from then on named by its upload.

import { call } from "../api.js";
import { sleep } from "../dom.js";

const KINDS = ["image/png", "image/jpeg", "image/webp"];
const CHUNK = 1 << 20; // bytes
const TRIES = 30;
const AGAIN_MS = 1000;
const TUS = { "tus-resumable": "1.0.0" };

export const isPicture = (file) => KINDS.includes(file.type);

/** The first picture among what was dropped or pasted. @param {DataTransfer | null | undefined} data */
export const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));

/**
 * Sends a file, on from where a connection broke. Raises Refusal.
 * @param {File} file @param {(sent: number) => void} onprogress bytes @returns {Promise<string>} the upload's id
 */
export async function upload(file, onprogress) {
  const begun = await call("v1/uploads", { method: "POST", headers: { ...TUS, "upload-length": String(file.size) } });
  const id = /** @type {string} */ (begun.headers.get("location")).split("/").at(-1) ?? "";
  let offset = 0;
  for (let failed = 0; offset < file.size; ) {
    try {
      const headers = { ...TUS, "upload-offset": String(offset), "content-type": "application/offset+octet-stream" };
      const answer = await call(`v1/uploads/${id}`, { method: "PATCH", headers, body: file.slice(offset, offset + CHUNK) });
      offset = Number(answer.headers.get("upload-offset"));
      failed = 0;
    } catch (error) {
      if ((error.status && error.status !== 409) || (failed += 1) > TRIES) throw error;
      await sleep(AGAIN_MS);
      offset = await reached(id).catch(() => offset);
    }
    onprogress(offset);
  }
  return id;
}

const reached = async (id) => Number((await call(`v1/uploads/${id}`, { method: "HEAD", headers: TUS })).headers.get("upload-offset"));

// A scene's picture among what was dropped or pasted.

const KINDS = ["image/png", "image/jpeg", "image/webp"];

export const isPicture = (file) => KINDS.includes(file.type);

/** The first picture among what was dropped or pasted. @param {DataTransfer | null | undefined} data */
export const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));

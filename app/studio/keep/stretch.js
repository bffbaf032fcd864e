// Which of the gallery's cards stand in the document: all of a few, of thousands the stretch around what is looked at.

export const MOST = 240; // cards in the document at once, whatever there is

/**
 * How the gallery lies: the cards `from` (of `count`) to `to` stand in the document, below a gap for those before and above
 * one for those behind, all in CSS pixels.
 * @typedef {{ count: number, from: number, to: number, top: number, block: number, bottom: number }} Lie
 */

/** The card at so many pixels below the gallery's upper edge; in a gap by its share. @param {Lie} lie @param {number} px */
export function cardAt({ count, from, to, top, block, bottom }, px) {
  const part = (at, length, first, last) => first + (length ? Math.min(1, Math.max(0, at / length)) : 0) * (last - first);
  if (px < top) return part(px, top, 0, from);
  if (px < top + block) return part(px - top, block, from, to);
  return part(px - top - block, bottom, to, count);
}

/**
 * The first and the last card but one of the stretch, in whole rows. What stands there stays while it goes far enough
 * beyond what is seen: a stretch that moves by each row would be built anew by each.
 * @param {Lie} lie @param {number} columns @param {number} above pixels of the gallery above the window's upper edge @param {number} height of the window
 * @returns {[number, number]}
 */
export function stretch(lie, columns, above, height) {
  const { count, from, to } = lie;
  if (count <= MOST) return [0, count];
  const size = Math.floor(MOST / columns) * columns;
  const [first, last] = [cardAt(lie, above), cardAt(lie, above + height)];
  const beyond = size / 6;
  const whole = from % columns === 0 && to === Math.min(count, from + size);
  if (whole && (from === 0 || first - beyond >= from) && (to === count || last + beyond <= to)) return [from, to];
  const furthest = Math.ceil((count - size) / columns) * columns;
  const begin = Math.min(furthest, Math.max(0, Math.round(((first + last) / 2 - size / 2) / columns) * columns));
  return [begin, Math.min(count, begin + size)];
}

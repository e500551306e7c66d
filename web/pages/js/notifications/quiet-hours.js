// Quiet hours of the day, in local time. Pure.

/** @typedef {{on: boolean, from: string, to: string}} QuietHours times as `HH:MM` */

/** Minutes since midnight. @param {string} time */
function minutes(time) {
  const [hours, minutes] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}

/**
 * When the current quiet hours began; null outside them. Equal times mean no quiet hours.
 * @param {QuietHours} quiet
 * @param {Date} now
 * @returns {Date | null}
 */
export function quietSince(quiet, now) {
  const [from, to] = [minutes(quiet.from), minutes(quiet.to)];
  const minute = now.getHours() * 60 + now.getMinutes();
  const overnight = from > to;
  const within = overnight ? minute >= from || minute < to : minute >= from && minute < to;
  if (!quiet.on || !within) return null;
  const since = new Date(now);
  since.setHours(0, from, 0, 0);
  if (overnight && minute < to) since.setDate(since.getDate() - 1);
  return since;
}

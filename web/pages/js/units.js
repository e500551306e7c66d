// Numbers as people read them: sizes, rates, durations, clock times. Pure functions; a missing number is a dash.

/** Shown for an unknown figure. */
export const MISSING = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clockMinute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const wholeDay = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const dayAndMinute = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** @typedef {number | null | undefined} Figure */

/**
 * @param {Figure} value
 * @param {(value: number) => string} format
 */
const unlessMissing = (value, format) => (typeof value === "number" && Number.isFinite(value) ? format(value) : MISSING);

/** `1,234` @param {Figure} value */
export const count = (value) => unlessMissing(value, (n) => whole.format(n));

/** `12.5` @param {Figure} value */
export const decimal = (value) => unlessMissing(value, (n) => one.format(n));

/** `0.42` @param {Figure} value */
export const load = (value) => unlessMissing(value, (n) => two.format(n));

/** `37 %`, of 0 to 100. @param {Figure} value */
export const percent = (value) => unlessMissing(value, (n) => `${n > 0 && n < 9.95 ? one.format(n) : whole.format(n)} %`);

/** A size in MiB, always in GiB so that figures can be compared: `0.79 GiB`, `31.2 GiB`. @param {Figure} value */
export const gibibytes = (value) => unlessMissing(value, (mib) => `${(mib < 10 * 1024 ? two : one).format(mib / 1024)} GiB`);

/** The same for the steps of an axis: `2 GiB`. @param {Figure} value */
export const wholeGibibytes = (value) => unlessMissing(value, (mib) => `${short.format(mib / 1024)} GiB`);

/** Bytes per second, steps of 1000: `950 B/s`, `1.2 MB/s`. @param {Figure} value */
export const rate = (value) => unlessMissing(value, (bytes) => `${scaled(bytes)}/s`);

/** Bytes, steps of 1000. @param {Figure} value */
export const bytes = (value) => unlessMissing(value, scaled);

/** @param {number} value */
function scaled(value) {
  const names = ["B", "kB", "MB", "GB", "TB"];
  let step = 0;
  while (value >= 999.5 && step < names.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step === 0 || value >= 99.95 ? whole.format(value) : one.format(value)} ${names[step]}`;
}

/** Seconds in its two largest units: `3 d 4 h`, `12 min 5 s`. @param {Figure} value */
export const duration = (value) =>
  unlessMissing(value, (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    const parts = [
      [Math.floor(s / 86_400), "d"],
      [Math.floor(s / 3600) % 24, "h"],
      [Math.floor(s / 60) % 60, "min"],
      [s % 60, "s"],
    ];
    const first = Math.max(0, Math.min(2, parts.findIndex(([n]) => n !== 0)));
    return parts
      .slice(s < 60 ? 3 : first, s < 60 ? 4 : first + 2)
      .map(([n, unit]) => `${n} ${unit}`)
      .join(" ");
  });

/** Local time `HH:MM:SS` of a moment in seconds since 1970. @param {number} seconds */
export const clock = (seconds) => clockTime.format(seconds * 1000);

/** Local time `HH:MM`. @param {number} seconds */
export const minute = (seconds) => clockMinute.format(seconds * 1000);

/** Local date `Sunday 22 November 2026`. @param {number} seconds */
export const day = (seconds) => wholeDay.format(seconds * 1000);

/** Local date and time `3 Nov, 14:05`. @param {Figure} value seconds since 1970 */
export const moment = (value) => unlessMissing(value, (seconds) => dayAndMinute.format(seconds * 1000));

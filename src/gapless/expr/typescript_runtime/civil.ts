/**
 * Calendar arithmetic on whole numbers, after Howard Hinnant's days_from_civil; any year. Days count from 1970-01-01,
 * local time is whole seconds of it.
 */

export const DAY = 86400;
const DAYS_PER_ERA = 146097; // of 400 years
const EPOCH_SHIFT = 719468; // days from 0000-03-01 to 1970-01-01

/** The floor of a quotient of whole numbers: exact below 2^53, where the rounded quotient cannot reach the next one. */
function over(a: number, b: number): number {
  return Math.floor(a / b);
}

/** The number of the day from a March 1, and the year that this March is in: year * 512 + day of that year. */
function marchYear(days: number): number {
  const z = days + EPOCH_SHIFT;
  const era = over(z, DAYS_PER_ERA);
  const doe = z - era * DAYS_PER_ERA;
  const yoe = over(doe - over(doe, 1460) + over(doe, 36524) - over(doe, 146096), 365);
  return (yoe + era * 400) * 512 + (doe - (365 * yoe + over(yoe, 4) - over(yoe, 100)));
}

/** The year of a day; 0 is 1 BC. */
export function yearOfDay(days: number): number {
  const found = marchYear(days);
  return over(found, 512) + (found - over(found, 512) * 512 >= 306 ? 1 : 0);
}

/** The month of a day, 1 to 12. */
export function monthOfDay(days: number): number {
  const month = over(5 * dayOfMarchYear(days) + 2, 153);
  return month < 10 ? month + 3 : month - 9;
}

/** The day of the month of a day, 1 to 31. */
export function dayOfDay(days: number): number {
  const doy = dayOfMarchYear(days);
  return doy - over(153 * over(5 * doy + 2, 153) + 2, 5) + 1;
}

function dayOfMarchYear(days: number): number {
  const found = marchYear(days);
  return found - over(found, 512) * 512;
}

/** The first day of a year. */
export function startOfYear(year: number): number {
  const y = year - 1;
  return 365 * y + over(y, 4) - over(y, 100) + over(y, 400) - 719162;
}

/** Monday 0 to Sunday 6; 1970-01-01 was a Thursday. */
export function weekdayOfDay(days: number): number {
  return days + 3 - over(days + 3, 7) * 7;
}

/** The year of local time. */
export function year(local: number): number {
  return yearOfDay(over(local, DAY));
}

/** The month, 1 to 12. */
export function month(local: number): number {
  return monthOfDay(over(local, DAY));
}

/** The day of the month, 1 to 31. */
export function day(local: number): number {
  return dayOfDay(over(local, DAY));
}

/** The hour, 0 to 23. */
export function hour(local: number): number {
  return over(local - over(local, DAY) * DAY, 3600);
}

/** The minute, 0 to 59. */
export function minute(local: number): number {
  return over(local - over(local, 3600) * 3600, 60);
}

/** The whole second, 0 to 59. */
export function second(local: number): number {
  return local - over(local, 60) * 60;
}

/** Monday 0 to Sunday 6. */
export function weekday(local: number): number {
  return weekdayOfDay(over(local, DAY));
}

/** The day of the year, 1 to 366. */
export function dayOfYear(local: number): number {
  return ordinal(over(local, DAY));
}

/** The ISO 8601 week, 1 to 53: the week of the year that the Thursday of this week is in. */
export function week(local: number): number {
  const days = over(local, DAY);
  return over(ordinal(days - weekdayOfDay(days) + 3) - 1, 7) + 1;
}

function ordinal(days: number): number {
  return days - startOfYear(yearOfDay(days)) + 1;
}

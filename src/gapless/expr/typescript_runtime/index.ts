/** What generated functions call. No dependencies; the same bits in every engine that follows IEEE 754. */

export { day, dayOfYear, hour, minute, month, second, week, weekday, year } from "./civil.js";
export { exp, log, log1p, power } from "./elementary.js";
export { and, compareText, or } from "./logic.js";
export { ceil, finite, floor, floorDivide, greatest, least, modulo, roundHalfUp } from "./numbers.js";
export { asciiLower, asciiUpper, lengthOf, murmur3, parseNumber, replace, slice, trim } from "./text.js";
export { earlier, elapsed, fromSeconds, later, localTime, shift, toSeconds, truncate } from "./times.js";
export { InputError, checkFields, own, readBool, readFloat, readString, readTimestamp, type Timestamp } from "./values.js";
export { Zone, zone } from "./zones.js";

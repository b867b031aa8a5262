/** What Node and browsers have alike. */
export { GaplessClient, type CallOptions, type ClientOptions } from "./client.js";
export {
  BUNDLE_HASH,
  COLUMNS,
  DEFINITION_HASH,
  ID,
  LOOKED_UP,
  MODEL,
  ON_DEMAND,
  TIME,
  VECTOR,
  VERSION,
} from "./definition.js";
export * from "./errors.js";
export type { Instant } from "./instants.js";
export type { Freshness, Level, Reason, Seen, TrustRules } from "./judging.js";
export type { LoadOptions } from "./loading.js";
export type { Asked, Model, Scores } from "./model.js";
export type * from "./answers.js";
export type * from "./types.js";
export { onDemand } from "./vectors.js";

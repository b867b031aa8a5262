/** The client of the HTTP API alone: no model, no runtime. */
export { GaplessClient, type CallOptions, type ClientOptions } from "./client.js";
export { ID, MODEL, TIME, VERSION } from "./definition.js";
export * from "./errors.js";
export type { Instant } from "./instants.js";
export type * from "./answers.js";
export type * from "./types.js";

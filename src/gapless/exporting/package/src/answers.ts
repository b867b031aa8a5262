/** What a server answers, and what a loaded model answers alike. */
import type { Level, Reason } from "./judging.js";
import type { LookedUp, OnDemandServed, RequestId } from "./types.js";

/** What is looked up for a request. On-demand features may be there too, as a server tells them; they are computed anew. */
export type Features = LookedUp & Partial<OnDemandServed>;

/** One prediction; null is no answer. */
export interface Prediction {
  readonly request_id: RequestId;
  /** The instant that it is of: RFC 3339 text. */
  readonly as_of: string;
  readonly prediction: number | null;
  readonly probability: number | null;
  readonly trust: Level;
  readonly reasons: readonly Reason[];
}

/** One prediction with what gave it. */
export interface Answer extends Prediction {
  readonly model: string;
  readonly version: string;
}

/** The predictions of one call; all are of one version, which need not be that of this package. */
export interface Predictions {
  readonly model: string;
  readonly version: string;
  readonly predictions: readonly Prediction[];
}

/** Up to when a view's state knows everything, its age, and the age that is expected of it. */
export interface ViewFreshness {
  readonly as_of: string | null;
  readonly age_us: number | null;
  readonly expected_us: number | null;
}

/** What went wrong in looking a row up. */
export interface LookUpReason {
  readonly code: string;
  readonly view?: string;
}

/** Features of requests. */
export interface LookedUpRows {
  readonly features: readonly {
    readonly request_id: RequestId;
    readonly as_of: string;
    readonly values: LookedUp & OnDemandServed;
    readonly reasons: readonly LookUpReason[];
  }[];
  readonly views: Readonly<Record<string, ViewFreshness>>;
}

/** Features of views. */
export interface ViewRows {
  readonly features: readonly {
    readonly keys: Readonly<Record<string, string | number | null>>;
    readonly as_of: string;
    readonly values: Readonly<Record<string, number | boolean | string | null>>;
    readonly reasons: readonly LookUpReason[];
  }[];
  readonly views: Readonly<Record<string, ViewFreshness>>;
}

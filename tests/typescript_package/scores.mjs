// What a package's model makes of vectors, as bits. Node and browsers run it.
import { floatsOf, hexOf } from "./package/dist/golden.js";

export default async function scores(gapless, vectors, options) {
  const model = await gapless.loadModel({ ...options, selfCheck: false });
  const { prediction, probability } = await model.score(floatsOf(vectors));
  return { prediction: hexOf(prediction), probability: probability === null ? null : hexOf(probability) };
}

// node in_typescript.mjs FOLDER: answers to FOLDER/asked.jsonl, in FOLDER/told.jsonl, by FOLDER/package.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const { ON_DEMAND, loadModel, onDemand } = await import(pathToFileURL(join(folder, "package", "dist", "node.js")));
const rows = (await readFile(join(folder, "asked.jsonl"), "utf8")).trimEnd().split("\n").map((line) => JSON.parse(line));

const model = await loadModel({ selfCheck: true });
const began = performance.now();
const answers = [];
for (const { request, features } of rows) answers.push(await model.predict(request, features));
const took = ((performance.now() - began) * 1000) / rows.length;

const plain = (value) => (typeof value === "bigint" ? value.toString() : value);
const lines = rows.map(({ request, features }, i) => {
  const found = onDemand(request, features);
  const { prediction, probability } = answers[i];
  const computed = Object.fromEntries(ON_DEMAND.map(([name]) => [name, plain(found[name])]));
  return JSON.stringify({ ...computed, prediction, probability });
});
await writeFile(join(folder, "told.jsonl"), `${[...lines, JSON.stringify({ us_per_request: took })].join("\n")}\n`);

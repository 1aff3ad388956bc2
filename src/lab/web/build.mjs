// build.mjs MODULES OUT: one script and one style of the files here and of what they import from MODULES/node_modules, with the licences
// of what went in. Called by scripts/pages.sh when candor is built. Writes OUT/page.js, OUT/page.css and OUT/page.hash (SHA-256 of the
// script in base64, which the page's Content-Security-Policy names).
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [modules, out] = process.argv.slice(2).map((path) => resolve(path));
const { build } = createRequire(join(modules, "package.json"))("esbuild");

const result = await build({
  entryPoints: { page: join(here, "report.js") },
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome123", "firefox120", "safari17.5"],
  nodePaths: [join(modules, "node_modules")],
  outdir: out,
  legalComments: "none", // the licences are gathered below, each once
  metafile: true,
  write: false,
  logLevel: "warning",
});

/** Folders of the packages that files of the bundle come from. */
function packages() {
  const script = Object.values(result.metafile.outputs).find((output) => output.entryPoint);
  const used = Object.entries(script.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const folders = used.map(([path]) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1]);
  return [...new Set(folders.filter(Boolean))].sort().map((path) => resolve(path));
}

/** Their licences: equal texts stand once, under the names and copyright lines of all packages that have them. */
function licences() {
  const texts = new Map();
  for (const folder of packages()) {
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} ${version} has no licence file`);
    const lines = readFileSync(join(folder, file), "utf8").split(/\r?\n/);
    const mine = lines.filter((line) => /^copyright/i.test(line.trim())).map((line) => line.trim());
    const rest = lines.filter((line) => !/^copyright/i.test(line.trim())).join("\n").trim();
    texts.set(rest, [...(texts.get(rest) ?? []), `${name} ${version}: ${mine.join(" ")}`]);
  }
  return [...texts].map(([text, names]) => `${names.join("\n")}\n\n${text}`).join("\n\n");
}

const text = (suffix) => result.outputFiles.find((file) => file.path.endsWith(suffix)).text;
const script = `/*! This page is drawn with:\n${licences().replaceAll("*/", "* /")}\n*/\n${text(".js")}`.replaceAll("\r", "");
const style = text(".css");
for (const [what, ends] of [[script, /<\/script|<!--/i], [style, /<\/style|<!--/i]]) {
  if (ends.test(what)) throw new Error(`the bundle holds ${ends}, which would end its element`);
}
writeFileSync(join(out, "page.js"), script);
writeFileSync(join(out, "page.css"), style);
writeFileSync(join(out, "page.hash"), createHash("sha256").update(script).digest("base64"));

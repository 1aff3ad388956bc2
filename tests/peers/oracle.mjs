// oracle.mjs PACKAGES logits DIR | tokens MODEL TEXTS.jsonl OUT.jsonl …: what llama.cpp says. PACKAGES is the folder whose node_modules holds
// node-llama-cpp. One process serves all files; it computes, compare judges.
//
//   logits   reads DIR/manifest (see models.c). For each key: DIR/KEY.ids, the prompt and the ids that it continues with greedily, and
//            DIR/KEY.logits, float32 [ids, V], raw; or DIR/KEY.error, why the file was refused.
//   tokens   for each three arguments: the ids of each text (one JSON string a line), without and with special tokens recognised, as one
//            JSON line [[…], […]]; null: not to be compared.
import {readFileSync, writeFileSync} from "node:fs";
import {pathToFileURL} from "node:url";

const [packages, command, ...rest] = process.argv.slice(2);
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(`${packages}/node_modules/node-llama-cpp/dist/index.js`).href);
const NEW = 12;
let said = ""; // the library's last error lines: the exception itself names no reason
// One thread: two would spin for each other on a machine that others use, and the files are tiny.
const llama = await getLlama({
    gpu: false, build: "never", skipDownload: true, maxThreads: 1, logLevel: LlamaLogLevel.error,
    logger: (_level, message) => { said += `${message} `; }
});

const argmax = (x) => x.reduce((best, v, i) => (v > x[best] ? i : best), 0);

async function evaluate(sequence, ids, rows) {
    const options = {generateNext: {logits: true, options: {temperature: 0}}};
    for (const result of await sequence.controlledEvaluate(ids.map((id) => [id, options]))) {
        const row = new Float32Array(result.next.logits.size);
        for (const [id, logit] of result.next.logits) row[id] = logit;
        rows.push(row);
    }
}

async function continueGreedily(model, job) {
    const context = await model.createContext({
        contextSize: 128, batchSize: 128, threads: {ideal: 1, min: 1}, flashAttention: job.flash === "on",
        experimentalKvCacheKeyType: job.kv, experimentalKvCacheValueType: job.kv
    });
    const ids = job.prompt.split(",").map(Number), rows = [];
    const sequence = context.getSequence();
    await evaluate(sequence, ids, rows);
    for (let i = 0; i < NEW; i++) {
        ids.push(argmax(rows.at(-1)));
        await evaluate(sequence, ids.slice(-1), rows);
    }
    await context.dispose();
    return {ids, rows};
}

// A reward model's score after each prefix: the peer gives its sigmoid, at the last position only.
async function scores(model, job) {
    const context = await model.createRankingContext({contextSize: 128, batchSize: 128, threads: {ideal: 1, min: 1}});
    const ids = job.prompt.split(",").map(Number), rows = [];
    for (let n = 1; n <= ids.length; n++) {
        const p = await context._evaluateRankingForInput(ids.slice(0, n)); // rank() would add tokens of its own
        rows.push(Float32Array.of(Math.log(p / (1 - p))));
    }
    await context.dispose();
    return {ids, rows};
}

function readManifest(dir) {
    const jobs = new Map();
    for (const line of readFileSync(`${dir}/manifest`, "utf8").split("\n").filter(Boolean)) {
        const [, , , , , file, kv, flash, key, , , prompt] = line.split("\t");
        jobs.set(key, {file, kv, flash, key, prompt});
    }
    return [...jobs.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

async function logits(dir) {
    let model = null, file = "";
    for (const job of readManifest(dir)) {
        try {
            said = "";
            if (file !== job.file) {
                await model?.dispose();
                model = null, file = "";
                model = await llama.loadModel({
                    modelPath: job.file, gpuLayers: 0, defaultContextFlashAttention: false,
                    experimentalDefaultContextKvCacheKeyType: "F32", experimentalDefaultContextKvCacheValueType: "F32"
                });
                file = job.file;
            }
            const {ids, rows} = await (job.flash === "rank" ? scores : continueGreedily)(model, job);
            writeFileSync(`${dir}/${job.key}.logits`, Buffer.concat(rows.map((row) => Buffer.from(row.buffer))));
            writeFileSync(`${dir}/${job.key}.ids`, `${ids.join(",")}\n`);
        } catch (error) {
            writeFileSync(`${dir}/${job.key}.error`, `${error.message} ${said}`.replace(/\s+/g, " ").trim() + "\n");
        }
    }
}

// Where the peer is known to part from the tokenizer that a model was trained with, by the pattern's name:
//   Qwen's normalises text to NFC; the peer does not, so it gets the text in that form.
//   Any token spelt </s> is an end token to the peer, whatever its type; in Qwen's vocabulary it is an ordinary word.
//   In the published patterns combining marks belong to words; in the peer's own form of three of them they do not.
//   Two patterns have a range of letters from U+0800 on, which holds spaces too; the peer takes those out of the text before it matches.
const normalised = ["qwen2"], mark = /\p{M}/u, space = /[\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u;
const unlike = {"gpt-4o": mark, "llama4": mark, "tekken": mark, "deepseek-llm": space, "deepseek-coder": space};

function idsOf(model, pre, text, special) {
    if (unlike[pre]?.test(text)) return null;
    if (pre === "qwen2" && special && text.includes("</s>") && model.tokenize("</s>", true).length === 1) return null;
    return model.tokenize(normalised.includes(pre) ? text.normalize("NFC") : text, special);
}

async function tokens(files) {
    for (let i = 0; i + 2 < files.length; i += 3) {
        const model = await llama.loadModel({modelPath: files[i], gpuLayers: 0, vocabOnly: true});
        const {pre} = model.fileInfo.metadata.tokenizer.ggml;
        const texts = readFileSync(files[i + 1], "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
        const lines = texts.map((text) => JSON.stringify([idsOf(model, pre, text, false), idsOf(model, pre, text, true)]));
        writeFileSync(files[i + 2], lines.join("\n") + "\n");
        await model.dispose();
    }
}

await (command === "logits" ? logits(rest[0]) : tokens(rest));
process.exit(0); // the library's threads would keep the process

// llama.cpp as a peer of `candor bench --vs` (the protocol is in ../../README.md): opens a model once, prints "ready", then does one piece
// of work for each line it reads and answers with one line of JSON.
//
//   node peer.mjs MODEL.gguf [-t 2] [-p 512] [-n 64] [--depth 0] [--sessions 1] [--flash on|off] [--kv F16|F32|Q8_0]
//
//   prefill   -p tokens into an empty sequence, until the token after them is chosen
//   decode    -n tokens greedily after --depth positions, by the iterator that costs least
//   sessions  --sessions sequences at once, each after --depth positions of its own copy (the library shares none between sequences)
import {createInterface} from "node:readline";
import {parseArgs} from "node:util";
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const {values: o, positionals: [modelPath]} = parseArgs({
    allowPositionals: true,
    options: {
        threads: {type: "string", short: "t", default: "2"},
        prompt: {type: "string", short: "p", default: "512"},
        generate: {type: "string", short: "n", default: "64"},
        depth: {type: "string", default: "0"},
        sessions: {type: "string", default: "1"},
        flash: {type: "string", default: "on"},
        kv: {type: "string", default: "F16"}
    }
});
if (!modelPath) {
    console.error("usage: node peer.mjs MODEL.gguf [-t N] [-p N] [-n N] [--depth N] [--sessions N] [--flash on|off] [--kv TYPE]");
    process.exit(2);
}
const threads = Number(o.threads), prompt = Number(o.prompt), generate = Number(o.generate);
const depth = Number(o.depth), sessions = Number(o.sessions);

const llama = await getLlama({gpu: false, build: "never", skipDownload: true, maxThreads: threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath, gpuLayers: 0});

// Tokens that mean nothing, the same each time; ids below 259 are control and byte tokens in the files that candor bench saves.
function tokens(n) {
    const size = model.fileInfo.metadata.tokenizer.ggml.tokens.length, out = [];
    for (let i = 0, x = 12345; i < n; i++) {
        x = (Math.imul(x, 1103515245) + 12345) >>> 0;
        out.push(259 + (x % (size - 259)));
    }
    return out;
}
const ids = tokens(Math.max(prompt, depth + generate) + 1);

function context(sequences) {
    return model.createContext({
        contextSize: Math.max(prompt, depth + generate) + 64,
        batchSize: 512,
        sequences,
        threads: {ideal: threads, min: threads},
        flashAttention: o.flash === "on",
        experimentalKvCacheKeyType: o.kv,
        experimentalKvCacheValueType: o.kv
    });
}
const alone = (await context(1)).getSequence();
let many = null; // made when first asked for

async function rewind(s, length) {
    if (length === 0)
        await s.clearHistory();
    else if (s.nextTokenIndex > length)
        await s.eraseContextTokenRanges([{start: length, end: s.nextTokenIndex}]);
    if (s.nextTokenIndex < length)
        await s.evaluateWithoutGeneratingNewTokens(ids.slice(s.nextTokenIndex, length));
}

// Feeds `input`, then draws n tokens; the first is drawn after the last of the input.
async function draw(s, input, n) {
    let left = n;
    for await (const token of s.evaluate(input, {temperature: 0, yieldEogToken: true}))
        if (--left === 0) break;
    if (left) throw new Error(`expected ${n} tokens, found ${n - left}`);
}

async function seconds(work) {
    const t0 = performance.now();
    await work();
    return (performance.now() - t0) / 1000;
}

const works = {
    async prefill() {
        await rewind(alone, 0);
        return {prefill_tps: prompt / await seconds(() => draw(alone, ids.slice(0, prompt), 1))};
    },
    async decode() {
        await rewind(alone, depth);
        return {decode_tps: generate / await seconds(() => draw(alone, [ids[depth]], generate))};
    },
    async sessions() {
        if (!many) {
            const c = await context(sessions);
            many = Array.from({length: sessions}, () => c.getSequence());
        }
        for (const s of many) await rewind(s, depth);
        const all = () => Promise.all(many.map((s, i) => draw(s, [ids[(depth + i) % ids.length]], generate)));
        return {sessions_tps: sessions * generate / await seconds(all)};
    }
};

console.log("ready");
for await (const line of createInterface({input: process.stdin})) {
    const work = works[line.trim()];
    console.log(JSON.stringify(work ? await work() : {}));
}
process.exit(0);

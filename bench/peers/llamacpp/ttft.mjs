// ttft.mjs MODEL.gguf THREADS PROMPT: one token after a prompt, from nothing, in llama.cpp. Prints the token; then, on a line of its own, the
// seconds from the call that opens the file to the token: what remains when Node, the package and the library have been started already.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [modelPath, threadsText, prompt] = process.argv.slice(2);
const threads = Number(threadsText);
const llama = await getLlama({gpu: false, build: "never", skipDownload: true, maxThreads: threads, logLevel: LlamaLogLevel.error});
const t0 = performance.now();
const model = await llama.loadModel({modelPath, gpuLayers: 0});
const ids = model.tokenize(prompt, true);
if (model.tokens.shouldPrependBosToken && model.tokens.bos != null) ids.unshift(model.tokens.bos);
const context = await model.createContext({contextSize: ids.length + 64, batchSize: 512, threads: {ideal: threads, min: threads}, flashAttention: true});
for await (const token of context.getSequence().evaluate(ids, {temperature: 0, yieldEogToken: true})) {
    process.stdout.write(JSON.stringify(model.detokenize([token])));
    break;
}
const seconds = (performance.now() - t0) / 1000;
process.stdout.write(`\n${seconds}\n`, () => process.exit(0));

// Runs a Worker of a preview in workerd, with the Miniflare of the project's own wrangler.
// The job is the first line of standard input, so that no value is in an argument list. The
// Worker runs until standard input ends. The answer is one line that starts with a marker,
// with the Worker's address; it contains no value. find.cjs precedes this file.
const { createInterface } = require("node:readline");

const say = (answer) => process.stdout.write(`\nsecretsync-preview:${JSON.stringify(answer)}\n`);

let running; // the Miniflare to stop when this process stops
let tmp; // the folder for its files, which contain the values

async function stop() {
	await Promise.resolve(running?.dispose()).catch(() => {});
	if (tmp) {
		fs.rmSync(tmp, { recursive: true, force: true });
	}
	process.exit(0);
}

// A binding to a secret without a value is an entrypoint whose get() fails with the reason,
// as that of a real binding does.
const unreadable = (reason) => `
import { WorkerEntrypoint } from "cloudflare:workers";
export class Unreadable extends WorkerEntrypoint {
	get() { throw new Error(${JSON.stringify(reason)}); }
}
export default {};`;

function options(M, job) {
	const secretsStoreSecrets = {};
	const serviceBindings = {};
	const others = [];
	job.secrets.forEach((s, i) => {
		if (s.error === undefined) {
			secretsStoreSecrets[s.binding] = { store_id: s.store_id, secret_name: s.name };
			return;
		}
		serviceBindings[s.binding] = { name: `unreadable-${i}`, entrypoint: "Unreadable" };
		others.push({ name: `unreadable-${i}`, compatibilityDate: "2025-01-01", modules: [{ type: "ESModule", path: "index.mjs", contents: unreadable(s.error) }] });
	});
	const modules = job.modules.map((m) => {
		const content = Buffer.from(m.content, "base64");
		return { type: m.type, path: m.path, contents: /^(ESModule|Text)$/.test(m.type) ? content.toString() : content };
	});
	const worker = {
		name: "preview", modules, modulesRoot: "/", compatibilityDate: job.date, compatibilityFlags: job.flags,
		bindings: job.texts, secretsStoreSecrets, serviceBindings,
	};
	const o = { host: "127.0.0.1", port: 0, cf: false, workers: [worker, ...others] };
	return M.convertV4MiniflareOptions ? M.convertV4MiniflareOptions(o) : o;
}

async function run(job) {
	process.umask(0o077); // the values are in plain text
	tmp = job.tmp;
	let file;
	try {
		file = find(job);
	} catch {
		return say({ error: "missing" });
	}
	try {
		const M = require(file);
		if (!M.Miniflare?.prototype?.getSecretsStoreSecretAPI) {
			return say({ error: "unsupported", by });
		}
		running = new M.Miniflare(options(M, job));
		const url = await running.ready;
		for (const s of job.secrets.filter((s) => s.value !== undefined)) {
			await (await running.getSecretsStoreSecretAPI(s.binding, "preview"))().create(s.value);
		}
		say({ url: url.href, by });
	} catch (e) {
		say({ error: "failed", by, node: process.version, cause: String(e?.name) });
		await stop();
	}
}

for (const signal of ["SIGINT", "SIGTERM"]) {
	process.on(signal, stop);
}
const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => run(JSON.parse(line)));
lines.once("close", stop);

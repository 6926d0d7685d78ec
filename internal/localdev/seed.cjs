// Puts secrets into the local Secrets Store of a project, or takes them out, by the
// Miniflare of the project's own wrangler. The job comes on standard input, so that no
// value is in an argument list. The answer is one line with a mark of its own, since
// whatever NODE_OPTIONS loads may print too; it holds no value.
const { createRequire } = require("node:module");
const path = require("node:path");

const say = (answer) => {
	process.stdout.write(`\nsecretsync-dev:${JSON.stringify(answer)}\n`);
	process.exitCode = answer.error ? 1 : 0;
};

let by = ""; // the package that is used, and its version
let running; // the Miniflare that has to end with us
let handed = false; // whether a value was given away: errors from then on could quote it

// end leaves no workerd behind. A terminal's Ctrl-C comes here as well as to secretsync.
for (const signal of ["SIGINT", "SIGTERM"]) {
	process.on(signal, () => Promise.resolve(running?.dispose()).catch(() => {}).finally(() => process.exit(1)));
}

// find tells where miniflare is: wrangler's own, which wrangler dev will use, whatever
// other version lies beside wrangler.
function find(dir) {
	const project = createRequire(path.join(dir, "package.json"));
	const version = (from, name) => {
		try {
			return `${name} ${from(`${name}/package.json`).version}`;
		} catch {
			return name;
		}
	};
	try {
		const wrangler = createRequire(project.resolve("wrangler/package.json"));
		const file = wrangler.resolve("miniflare");
		by = version(project, "wrangler");
		return file;
	} catch {
		const file = project.resolve("miniflare");
		by = version(project, "miniflare");
		return file;
	}
}

// cause is what may be shown of an error: its class and code, and what it says, unless
// that could hold a value.
function cause(e, job) {
	const word = (s) => (/^\w{1,60}$/.test(s) ? s : "");
	const text = handed ? "" : String(e?.message ?? "").replace(/[^\x21-\x7e]+/g, " ").trim().slice(0, 300);
	const shown = [...new Set([word(e?.name), word(e?.code), text])].filter(Boolean).join(": ");
	return job.secrets.some((s) => s.value && shown.includes(s.value)) ? "" : shown;
}

function options(M, job) {
	const secretsStoreSecrets = {};
	job.secrets.forEach((s, i) => (secretsStoreSecrets[`S${i}`] = { store_id: s.store_id, secret_name: s.name }));
	// Where the values go has had three names: seen in wrangler 4.11, 4.30 and 4.117. A wrong
	// one is not an error: the values are then forgotten.
	const at = { secretsStorePersist: path.join(job.persist, "secrets-store"), defaultPersistRoot: job.persist, resourcePersistencePath: job.persist };
	const o = { modules: true, script: "export default {}", ...at, secretsStoreSecrets };
	return M.convertV4MiniflareOptions ? M.convertV4MiniflareOptions(o) : o;
}

async function withMiniflare(M, job, work) {
	running = new M.Miniflare(options(M, job));
	try {
		await running.ready;
		return await work(running);
	} finally {
		await running.dispose().catch(() => {}); // not in the place of what went wrong before
		running = undefined;
	}
}

async function write(mf, job) {
	const changed = [];
	for (const [i, s] of job.secrets.entries()) {
		const api = (await mf.getSecretsStoreSecretAPI(`S${i}`))();
		// Creating over a name leaves no other way to its old value, but list first:
		// an entry is deleted by its id.
		for (const old of job.clear ? await api.list() : []) {
			if (old.name === s.name) {
				await api.delete(old.metadata.uuid);
				changed.push(i);
			}
		}
		if (!job.clear) {
			handed = true;
			await api.create(s.value);
			changed.push(i);
		}
	}
	return changed;
}

// lost reads every value as a Worker does, by a Miniflare of its own: one that kept them
// elsewhere, or nowhere, has them only while it runs.
async function lost(mf, job) {
	const missing = [];
	for (const [i, s] of job.secrets.entries()) {
		const value = await mf.getSecretsStoreSecret(`S${i}`).then((binding) => binding.get()).catch((e) => {
			if (!/not found/.test(e?.message)) {
				throw e;
			}
		});
		if (value !== s.value) {
			missing.push(i);
		}
	}
	return missing;
}

async function run(job) {
	process.umask(0o077); // the values are in plain text
	let file;
	try {
		file = find(job.dir);
	} catch {
		return say({ error: "missing" });
	}
	try {
		const M = require(file);
		const made = M.Miniflare?.prototype;
		if (!made?.getSecretsStoreSecretAPI || !made.getSecretsStoreSecret) {
			return say({ error: "unsupported", by });
		}
		const changed = await withMiniflare(M, job, (mf) => write(mf, job));
		const missing = job.clear ? [] : await withMiniflare(M, job, (mf) => lost(mf, job));
		say(missing.length ? { error: "lost", by, changed: missing } : { changed });
	} catch (e) {
		say({ error: "failed", by, node: process.version, cause: cause(e, job) });
	}
}

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => run(JSON.parse(text)));

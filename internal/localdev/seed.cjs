// Writes secrets into the local Secrets Store of a project, or removes them, with the
// Miniflare of the project's own wrangler. The job arrives on standard input, so that no
// value is in an argument list. The answer is one line that starts with a marker, since
// code loaded by NODE_OPTIONS may print too. It contains no value. find.cjs precedes it.
const say = (answer) => {
	process.stdout.write(`\nsecretsync-dev:${JSON.stringify(answer)}\n`);
	process.exitCode = answer.error ? 1 : 0;
};

let running; // the Miniflare to stop when this process stops
let handed = false; // whether a value was passed on: later errors could quote it

// Stop workerd on a signal. A terminal's Ctrl-C reaches this process as well as secretsync.
for (const signal of ["SIGINT", "SIGTERM"]) {
	process.on(signal, () => Promise.resolve(running?.dispose()).catch(() => {}).finally(() => process.exit(1)));
}

// cause returns what may be shown of an error: its class and code, and its message unless
// that could contain a value.
function cause(e, job) {
	const word = (s) => (/^\w{1,60}$/.test(s) ? s : "");
	const text = handed ? "" : String(e?.message ?? "").replace(/[^\x21-\x7e]+/g, " ").trim().slice(0, 300);
	const shown = [...new Set([word(e?.name), word(e?.code), text])].filter(Boolean).join(": ");
	return job.secrets.some((s) => s.value && shown.includes(s.value)) ? "" : shown;
}

function options(M, job) {
	const secretsStoreSecrets = {};
	job.secrets.forEach((s, i) => (secretsStoreSecrets[`S${i}`] = { store_id: s.store_id, secret_name: s.name }));
	// The option for the values' location has had three names: seen in wrangler 4.11, 4.30
	// and 4.117. A wrong name is not an error: the values are then lost.
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
		await running.dispose().catch(() => {}); // must not hide an earlier error
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

// lost reads every value as a Worker does, with a second Miniflare: one that stored them
// elsewhere, or only in memory, has them only while it runs.
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
		file = find(job);
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

// Puts secrets into the local Secrets Store of a project, or takes them out, by the
// project's own Miniflare. The job comes on standard input, so that no value is in an
// argument list; nothing but names and the words below is ever printed.
const { createRequire } = require("node:module");
const path = require("node:path");

const fail = (word) => {
	process.stdout.write(JSON.stringify({ error: word }));
	process.exitCode = 1;
};

// load finds miniflare where the project or its wrangler has it.
function load(dir) {
	const project = createRequire(path.join(dir, "package.json"));
	try {
		return project("miniflare");
	} catch {
		return createRequire(project.resolve("wrangler/package.json"))("miniflare");
	}
}

async function run(job) {
	process.umask(0o077); // the values are in plain text
	let Miniflare;
	try {
		({ Miniflare } = load(job.dir));
	} catch {
		return fail("missing");
	}
	const secretsStoreSecrets = {};
	job.secrets.forEach((s, i) => (secretsStoreSecrets[`S${i}`] = { store_id: s.store_id, secret_name: s.name }));
	const mf = new Miniflare({ modules: true, script: "export default {}", defaultPersistRoot: job.persist, secretsStoreSecrets });
	const changed = [];
	try {
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
				await api.create(s.value);
				changed.push(i);
			}
		}
	} finally {
		await mf.dispose();
	}
	process.stdout.write(JSON.stringify({ changed }));
}

let text = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => (text += chunk));
process.stdin.on("end", () => run(JSON.parse(text)).catch(() => fail("failed")));

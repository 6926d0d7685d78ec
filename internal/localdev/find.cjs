// Finds the Miniflare of a project. It precedes the programs that use it: seed.cjs here, and the
// emulator's previews.
const { createRequire } = require("node:module");
const fs = require("node:fs");
const path = require("node:path");

let by = ""; // the package in use, and its version

// users are the packages that have a miniflare of their own: wrangler dev uses wrangler's,
// even if another version is installed next to wrangler, and Vite uses its plugin's.
const users = ["wrangler", "@cloudflare/vite-plugin"];

// packageFile locates a package's package.json, which the package need not export.
function packageFile(project, name) {
	const dirs = project.resolve.paths(name) ?? [];
	const found = dirs.map((dir) => path.join(dir, name, "package.json")).find((file) => fs.existsSync(file));
	return found ? fs.realpathSync(found) : project.resolve(`${name}/package.json`);
}

function called(project, name) {
	try {
		return `${name} ${JSON.parse(fs.readFileSync(packageFile(project, name), "utf8")).version}`;
	} catch {
		return name;
	}
}

// find locates the miniflare that the project uses, in the first folder that has one.
function find(job) {
	for (const dir of job.dirs) {
		const project = createRequire(path.join(dir, "package.json"));
		for (const name of [...(job.vite ? [...users].reverse() : users), "miniflare"]) {
			try {
				const from = name === "miniflare" ? project : createRequire(packageFile(project, name));
				const file = from.resolve("miniflare");
				by = called(project, name);
				return file;
			} catch {
				// the next one may be installed
			}
		}
	}
	throw new Error("missing");
}

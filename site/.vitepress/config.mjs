// The site is built from README.md and docs/, which are written for GitHub (make site). npm run
// build copies them to pages/, where the packages that pages need are found.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { defineConfig } from "vitepress";

const repository = "https://github.com/secretsync/secretsync";

const groups = {
  Start: ["first-hour", "concepts", "comparison"],
  Migrate: ["migrate", "migrate-env", "migrate-wrangler", "migrate-worker", "migrate-terraform", "migrate-pulumi", "migrate-alchemy"],
  Use: ["manifest", "values-from", "ci", "workers", "shared"],
  Watch: ["doctor", "report", "notify", "verify", "troubleshooting"],
  Reference: ["output", "security", "formats", "library", "performance"],
  Project: ["architecture", "cloudflare-api", "sops", "findings", "dependencies", "release", "startup", "mutation"],
};

const listed = ["index", ...Object.values(groups).flat()];
const missing = readdirSync(new URL("../pages", import.meta.url))
  .filter((file) => file.endsWith(".md"))
  .map((file) => path.parse(file).name)
  .filter((page) => !listed.includes(page));
if (missing.length > 0) throw new Error(`site/.vitepress/config.mjs lists no ${missing.join(", ")}`);

export default defineConfig({
  title: "secretsync",
  description: "Cloudflare's Secrets Store, reconciled from a manifest in git",
  srcDir: "pages",
  outDir: "dist",
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    anchor: { slugify },
    config(md) {
      md.core.ruler.push("links", rewriteLinks);
      md.core.ruler.push("verbatim", verbatim);
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: "deep",
    socialLinks: [{ icon: "github", link: repository }],
    sidebar: Object.entries(groups).map(([text, pages]) => ({ text, items: pages.map(entry) })),
  },
});

// entry is a page in the sidebar, under its own heading.
function entry(page) {
  const [, text] = /^# (.*)$/m.exec(readFileSync(new URL(`../pages/${page}.md`, import.meta.url), "utf8"));
  return { text, link: `/${page}` };
}

// slugify gives headings the anchors that GitHub gives them.
function slugify(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");
}

// verbatim keeps Vue from replacing {{ }} in code.
function verbatim(state) {
  for (const token of state.tokens.flatMap((t) => t.children ?? [])) {
    if (token.type === "code_inline") token.attrSet("v-pre", "");
  }
}

// rewriteLinks makes links to pages of the site absolute, and those to other files of the
// repository links to GitHub.
function rewriteLinks(state) {
  const folder = path.posix.dirname(state.env.relativePath === "index.md" ? "README.md" : `docs/${state.env.relativePath}`);
  for (const token of state.tokens.flatMap((t) => t.children ?? [])) {
    const target = token.attrGet("href"); // images have none
    if (target === null || /^([a-z]+:|#|\/)/.test(target)) continue;
    const [file, anchor] = target.split("#");
    const found = path.posix.join(folder, file);
    const [, page] = found === "README.md" ? [, ""] : (/^docs\/([\w-]+)\.md$/.exec(found) ?? []);
    const url = page === undefined ? `${repository}/blob/main/${found}` : `/${page}`;
    token.attrSet("href", anchor ? `${url}#${anchor}` : url);
  }
}

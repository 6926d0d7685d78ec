package sarif

import "github.com/secretsync/secretsync/internal/render"

// ruleDescriptions are the rules of mistakes in a manifest and in the files that it names, in
// the order of docs/output.md.
var ruleDescriptions = []struct{ rule, what string }{
	{"syntax", "The file is not valid YAML, TOML or JSON, or uses a part of it that manifests do not have."},
	{"duplicate-key", "A key is given twice."},
	{"unknown-key", "A key is not known."},
	{"wrong-type", "A value has the wrong type or form."},
	{"version", "The manifest's version is missing or not supported."},
	{"account", "An account is described wrongly, or not at all."},
	{"store", "A store is described wrongly."},
	{"secret", "A secret's name is not valid, or is used twice."},
	{"scope", "A scope is not known, or is given twice."},
	{"policy", "A setting of a secret or a store is not valid."},
	{"variable", "A variable is not declared, or is used wrongly."},
	{"condition", "A condition cannot be decided."},
	{"include", "A file cannot be included."},
	{"manifest", "The manifest is not complete."},
	{"source", "The source of a value is described wrongly, or is missing."},
	{"file", "A file does not exist, or cannot be read."},
	{"outside-repository", "A file is outside the repository."},
	{"command-refused", "A command would be run, which is not allowed."},
	{"command", "A command failed."},
	{"plaintext-value", "A value is in the manifest in plaintext."},
	{"environment", "An environment variable is not set."},
	{"value", "A value cannot be stored in Cloudflare."},
	{"ciphertext", "A value is still encrypted."},
	{"sops", "A file that SOPS encrypted cannot be used."},
	{"sops-no-key", "There is no key that decrypts a file."},
	{"sops-key-type", "A file that SOPS encrypted names a key of a type that is not allowed."},
	{"workers", "The manifest names a Worker's configuration wrongly."},
	{"wrangler", "A Worker's configuration has a mistake."},
	{"binding", "A Worker's binding does not fit the manifest."},
	{"tracked", "Git tracks a file that belongs in no repository."},
	{"lockfile", "The lockfile cannot be read."},
	{render.RuleInterrupted, "The run was interrupted."},
	{render.RuleError, "The manifest could not be checked."},
}

// ruleWords describes a rule.
func ruleWords(rule string) string {
	for _, r := range ruleDescriptions {
		if r.rule == rule {
			return r.what
		}
	}
	return render.Safe(rule)
}

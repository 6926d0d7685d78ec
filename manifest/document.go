package manifest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/hexid"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// document is one of the manifest's files while it is read.
type document struct {
	*loader
	name     string
	defaults defaults                // the file's own, else the manifest's
	sealed   *sealed                 // nil where SOPS didn't encrypt the file
	unsealed map[*syntax.Node]string // the ciphertexts of what was decrypted in it
}

// defaults hold for what doesn't say otherwise.
type defaults struct {
	scopes    []string
	remove    bool // the policy "delete"
	unmanaged string
}

// document reads one file and what it includes.
func (l *loader) document(ctx context.Context, name string, data []byte) {
	defer l.errs.Tag(ruleManifest, len(l.errs))
	l.names = append(l.names, name)
	l.digests = append(l.digests, fmt.Sprintf("%s %x\n", name, sha256.Sum256(data)))
	root, format, mistakes := parse(l.opts.limits(), name, data)
	l.errs = append(l.errs, mistakes...)
	if root == nil {
		return
	}
	d := &document{loader: l, name: name, defaults: l.defaults, unsealed: map[*syntax.Node]string{}}
	if !d.unseal(ctx, root, format, data) {
		return
	}
	l.chain = append(l.chain, name)
	d.readKeys(ctx, root)
	l.chain = l.chain[:len(l.chain)-1]
}

// parse reads a file's syntax. It returns no root if that is not a map, or cannot be read.
func parse(limits syntax.Limits, name string, data []byte) (root *syntax.Node, format syntax.Format, mistakes ErrorList) {
	format, bad := formatOf(name, data)
	if bad != nil {
		return nil, "", ErrorList{bad}
	}
	root, mistakes = limits.Parse(name, data, format)
	if root != nil && root.Kind != syntax.Map {
		mistakes = append(mistakes, mistake(ruleManifest, root.Pos, "it begins with "+entry(format, "version", 1),
			"a manifest must be a map, not %s", root.Kind))
		return nil, "", mistakes
	}
	return root, format, mistakes
}

// formatOf returns the language of a manifest's file, by its name. A file that SOPS encrypted may
// have any name.
func formatOf(name string, data []byte) (syntax.Format, *Error) {
	format, ok := syntax.FormatOf(name)
	encrypted := sopstext.Detect(data)
	at, file := Position{File: name}, shell.File(name)
	switch {
	case encrypted == sopstext.Binary && format == syntax.TOML:
		return "", mistake(ruleSOPS, at, "decrypt it: sops decrypt -i "+file+
			"; then keep only the values in a SOPS file: "+Source{Pos: at}.fromSOPS("FILE", true),
			"is encrypted as a whole: SOPS has no TOML")
	case encrypted == sopstext.Binary:
		as := strings.ToLower(string(cmp.Or(format, syntax.YAML)))
		return "", mistake(ruleSOPS, at, "decrypt it: sops decrypt -i --input-type binary --output-type binary "+file+
			"; then encrypt its values: sops encrypt -i --input-type "+as+" --output-type "+as+" --encrypted-regex '^value$' "+file,
			"is encrypted as a whole, not by its values")
	case !ok && encrypted == sopstext.YAML:
		return syntax.YAML, nil
	case !ok && encrypted == sopstext.JSON:
		return syntax.JSON, nil
	case !ok:
		return "", mistake(ruleManifest, at, "want .yaml, .yml, .toml or .json", "unknown file extension")
	}
	return format, nil
}

// readKeys reads a file's keys; what others refer to comes first. What holds for
// the whole manifest can be said in its first file only.
func (d *document) readKeys(ctx context.Context, root *syntax.Node) {
	root.Fields = slices.DeleteFunc(root.Fields, func(f syntax.Field) bool { return f.Key == "$schema" }) // it is for editors
	first := len(d.chain) == 1
	common := []key{
		{"defaults", func(f syntax.Field) { d.readDefaults(f, first) }},
		{"workers", d.readWorkers},
		{"stores", d.readStores},
		{"include", func(f syntax.Field) { d.include(ctx, f) }},
	}
	if !first {
		root.Fields = slices.DeleteFunc(root.Fields, func(f syntax.Field) bool {
			firstOnly := slices.Contains([]string{"vars", "accounts", "safety", "lease", "lockfile"}, f.Key)
			if firstOnly {
				d.errs.Add(f.Pos, "move it to "+d.opts.File, "%q is not allowed in an included file", f.Key)
			}
			return firstOnly
		})
		d.object(root, append([]key{{"version", d.readVersion}}, common...)...)
		return
	}
	if root.Get("version") == nil {
		d.errs.Add(Position{File: d.name}, "add "+d.written("version", 1), `the key "version" is missing`)
	}
	if root.Get("vars") == nil {
		d.overrideVars() // which can only complain
	}
	d.object(root, append([]key{
		{"version", d.readVersion}, {"vars", d.readVars}, {"accounts", d.readAccounts}, {"safety", d.readSafety},
		{"lease", func(f syntax.Field) { d.location(f, &d.lease, "s3://BUCKET/PREFIX") }},
		{"lockfile", func(f syntax.Field) { d.location(f, &d.lockfile, "s3://BUCKET/PREFIX/NAME.lock") }},
	}, common...)...)
}

func (d *document) readVersion(f syntax.Field) {
	defer d.errs.Tag(ruleVersion, len(d.errs))
	if n, ok := d.count(f, 1); ok && n != 1 {
		d.errs.Add(f.Value.Pos, "this secretsync supports "+d.written("version", 1), "unsupported manifest version")
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (d *document) readAccounts(f syntax.Field) {
	defer d.errs.Tag(ruleAccount, len(d.errs))
	if !d.isMap(f, literalMap{{"prod", sampleAccount}}) {
		return
	}
	d.accounts = map[string]account{}
	for _, entry := range f.Value.Fields {
		var a account
		if d.isMap(entry, sampleAccount) {
			d.object(entry.Value,
				key{"id", func(f syntax.Field) { a.id = d.accountID(f) }},
				key{"token_env", func(f syntax.Field) { a.tokenEnv, _ = d.tokenEnv(f) }},
			)
			if entry.Value.Get("id") == nil {
				d.errs.Add(entry.Pos, "", "the account has no id")
			}
		}
		d.accounts[entry.Key] = a
	}
}

// accountID returns an account's id in lower case.
func (d *document) accountID(f syntax.Field) string {
	text, ok := d.expanded(f)
	if !ok {
		return ""
	}
	id, ok := hexid.Parse(text)
	if !ok {
		d.errs.Add(f.Value.Pos, "", "%q must be an account's id: 32 hexadecimal digits", f.Key)
	}
	return id
}

// tokenEnv returns the name of the variable that holds an account's token. Whatever it
// holds is sent to Cloudflare, so no variable is accepted that is known to hold the
// credential of another service.
func (d *document) tokenEnv(f syntax.Field) (string, bool) {
	name, ok := d.envName(f)
	if ok && hasPrefix(name, otherCredentials) {
		d.errs.Add(f.Value.Pos, "name one that begins with CLOUDFLARE_API_TOKEN",
			"%q must not name a variable that holds a credential of another service", f.Key)
		return "", false
	}
	return name, ok
}

// envName returns the name of an environment variable. Variables of the manifest
// are not expanded in it, so that it can be searched for.
func (d *document) envName(f syntax.Field) (string, bool) {
	name, ok := d.word(f)
	if ok && !envName.MatchString(name) {
		d.errs.Add(f.Value.Pos, "letters, digits and _, not beginning with a digit", "%q must be the name of an environment variable", f.Key)
		return "", false
	}
	return name, ok
}

func (d *document) readSafety(f syntax.Field) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	if d.isMap(f, literalMap{{"max_deletes", 5}}) {
		d.object(f.Value,
			key{"max_deletes", func(f syntax.Field) {
				if n, ok := d.count(f, 5); ok {
					d.safety.MaxDeletes = &n
				}
			}},
			key{"strict_bindings", func(f syntax.Field) { d.boolean(f, &d.safety.StrictBindings) }},
		)
	}
}

// location reads a place in an object store; like is an example.
func (d *document) location(f syntax.Field, dst *Location, like string) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	text, ok := d.expanded(f)
	if !ok {
		return
	}
	if !strings.HasPrefix(text, "s3://") && !strings.HasPrefix(text, "r2://") {
		d.errs.Add(f.Value.Pos, "for example: "+d.written(f.Key, like), "%q must be a place in a bucket", f.Key)
		return
	}
	*dst = Location{URL: text, Pos: f.Value.Pos}
}

func (d *document) readDefaults(f syntax.Field, first bool) {
	if !d.isMap(f, literalMap{{"scopes", sampleScopes}}) {
		return
	}
	keys := []key{
		{"scopes", func(f syntax.Field) { d.scopes(f, &d.defaults.scopes) }},
		{"delete", func(f syntax.Field) { d.boolean(f, &d.defaults.remove) }},
	}
	if first { // a store may be described in several files, so this cannot be one file's
		keys = append(keys, key{"unmanaged", func(f syntax.Field) {
			if policy, ok := d.unmanaged(f); ok {
				d.defaults.unmanaged = policy
			}
		}})
	}
	d.object(f.Value, keys...)
	if first {
		d.loader.defaults = d.defaults
	}
}

// scopeNames are the scopes known in 2026 (docs/cloudflare-api.md §4). The set grows, so an
// unknown scope is not a mistake, unless it is almost a known one: Cloudflare would refuse it in
// the middle of an apply.
var scopeNames = []string{"workers", "ai_gateway", "dex", "access", "containers", "websearch"}

var scopeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// scopes reads a list of scopes, sorted as Cloudflare returns them.
func (d *document) scopes(f syntax.Field, to *[]string) {
	defer d.errs.Tag(ruleScope, len(d.errs))
	items := d.list(f, sampleScopes)
	scopes := make([]string, 0, len(items))
	for _, item := range items {
		scope, ok := d.word(item)
		known := slices.Contains(scopeNames, scope)
		switch {
		case !ok:
		case !known && !scopeForm.MatchString(scope):
			d.errs.Add(item.Pos, syntax.DidYouMean(scope, scopeNames), "not a scope's name")
		case !known && syntax.Mistyped(scope, scopeNames) != "":
			d.errs.Add(item.Pos, "did you mean "+syntax.QuoteKey(syntax.Mistyped(scope, scopeNames))+"?", "unknown scope %s", syntax.QuoteKey(scope))
		case slices.Contains(scopes, scope):
			d.errs.Add(item.Pos, "", "the scope %s is given twice", syntax.QuoteKey(scope))
		default:
			if !known {
				d.warnings.Add(item.Pos, syntax.DidYouMean(scope, scopeNames), "unknown scope %s", syntax.QuoteKey(scope))
			}
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	*to = scopes
}

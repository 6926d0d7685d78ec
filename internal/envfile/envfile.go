// Package envfile reads the files that hold a Worker's secrets in plaintext, as wrangler reads
// them: .dev.vars and .env, and the JSON of "wrangler secret bulk".
//
// Call [Parse]. It opens no file, and its errors quote neither a value nor a line: a name may
// be a piece of a value that was not quoted.
package envfile

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/position"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// MaxSize is the size of the largest file in bytes.
const MaxSize = syntax.MaxSize

// maxValue is the size of the largest value in bytes (docs/cloudflare-api.md §5).
const maxValue = 65_536

// Entry is one value of a file.
type Entry struct {
	Name  string
	Pos   position.Position // of the name
	Value secret.Value
	// Setting reports that wrangler takes the name, in this file, for a setting of its own.
	Setting bool
}

// File is what a file says.
type File struct {
	// Entries are in the file's order. Names are unique.
	Entries []Entry
	// Notes are remarks about values that may not be what their author meant.
	Notes []*syntax.Error
}

// Parse reads a file, whose format goes by its content. The error is a [syntax.ErrorList] of
// what makes it unreadable; [Entry.Check] finds what is wrong with a single value.
func Parse(name string, data []byte) (*File, error) {
	whole := position.Position{File: name}
	switch {
	case len(data) > MaxSize:
		return nil, refuse(whole, "", "is larger than 4 MiB")
	case charset.UTF16(data) != "":
		return nil, refuse(whole, charset.Hint, "is encoded in "+charset.UTF16(data))
	case bytes.IndexByte(data, 0) >= 0:
		return nil, refuse(whole, "", "is not text: it has a zero byte")
	case !utf8.Valid(data):
		return nil, refuse(whole, "wrangler replaces the bytes that are not: encode such a value, for example as base64", "is not UTF-8 text")
	case sopstext.Detect(data) != "":
		return nil, refuse(whole, "name its values in the manifest: from: {sops: "+filepath.ToSlash(name)+", key: NAME}",
			"is a SOPS file already: it holds no plaintext value")
	case vault().Match(data):
		return nil, refuse(whole, "decrypt it first: npx dotenvx decrypt", "is encrypted with dotenvx")
	}
	if text := bytes.TrimSpace(bytes.TrimPrefix(data, []byte(charset.BOM))); len(text) == 0 {
		return nil, refuse(whole, "", "is empty")
	} else if text[0] == '{' || text[0] == '[' {
		return parseJSON(name, data)
	}
	return parseDotenv(name, string(data))
}

// vault recognizes what dotenvx adds to a file that it encrypts.
var vault = lazy(`(?m)^\s*DOTENV_PUBLIC_KEY\w*\s*=`)

func refuse(at position.Position, hint, what string) error {
	e := syntax.Errorf(at, hint, "%s", what)
	e.Rule = "import"
	return syntax.ErrorList{e}
}

// parseJSON reads an object of strings.
func parseJSON(name string, data []byte) (*File, error) {
	root, mistakes := syntax.Parse(name, data, syntax.JSON)
	errs := syntax.ErrorList(mistakes)
	if root != nil && root.Kind != syntax.Map {
		errs.Add(root.Pos, `want {"NAME": "value", ...}`, "must be an object, not %s", root.Kind)
	}
	f := &File{}
	if root != nil {
		for _, field := range root.Fields {
			switch field.Value.Kind {
			case syntax.String:
				f.Entries = append(f.Entries, Entry{Name: field.Key, Pos: field.Pos, Value: secret.New([]byte(field.Value.Text))})
			case syntax.Refused: // reported by Parse
			case syntax.Null:
				errs.Add(field.Value.Pos, "remove the entry: wrangler secret bulk deletes a secret that is null",
					"the value of %s is null", syntax.QuoteKey(field.Key))
			default:
				errs.Add(field.Value.Pos, "write it as a string, in quotes", "the value of %s is %s", syntax.QuoteKey(field.Key), field.Value.Kind)
			}
		}
	}
	errs.Tag("import", 0)
	return f, errs.Err()
}

// parseDotenv reads lines as wrangler does.
func parseDotenv(name, text string) (*File, error) {
	f, errs := &File{}, syntax.ErrorList{}
	assignments, ignored := dotenv(text)
	at := func(line int) position.Position { return position.Position{File: name, Line: line, Column: 1} }
	for _, line := range ignored {
		errs.Add(at(line), "if it belongs to the value above, put that in quotes; otherwise begin the line with #",
			"wrangler ignores this line: it is not NAME=VALUE")
	}
	index := map[string]int{}
	loaded := isLoadedByWrangler(name)
	for _, a := range assignments {
		if a.cut {
			f.note(at(a.line), "put the value in quotes if the # belongs to it",
				"the value ends at a #, where wrangler takes the rest for a comment")
		}
		if a.open {
			f.note(at(a.line), "close it, or remove it", "the value begins with a quote that is never closed: for wrangler it is a part of the value")
		}
		if strings.Trim(a.value, "=") == "" && a.value != "" { // the end of a value in base64 has this form
			errs.Add(at(a.line), "if it belongs to the value above, put that in quotes", "a value that is only =")
		}
		e := Entry{Name: a.name, Pos: at(a.line), Value: secret.New([]byte(a.value)), Setting: loaded && setting().MatchString(a.name)}
		if i, twice := index[a.name]; twice {
			f.note(e.Pos, "", "sets the name of line %d again: the last value counts, as for wrangler", f.Entries[i].Pos.Line)
			f.Entries[i] = e
			continue
		}
		index[a.name] = len(f.Entries)
		f.Entries = append(f.Entries, e)
	}
	if len(assignments) == 0 && len(ignored) == 0 {
		errs.Add(position.Position{File: name}, "want NAME=VALUE, one a line, or a JSON object of strings", "holds no value")
	}
	errs.Tag("import", 0)
	return f, errs.Err()
}

func (f *File) note(at position.Position, hint, what string, args ...any) {
	e := syntax.Errorf(at, hint, what, args...)
	e.Rule = "import"
	f.Notes = append(f.Notes, e)
}

// isLoadedByWrangler reports whether wrangler reads a file as .env: it takes its own settings
// from it, and replaces $NAME in the values that a Worker is given by "wrangler dev".
func isLoadedByWrangler(name string) bool {
	base := filepath.Base(name)
	return base == ".env" || strings.HasPrefix(base, ".env.")
}

// setting are the names of wrangler's settings, and of ours.
var setting = lazy(`^(?:CLOUDFLARE_|CF_API_|CF_ACCOUNT_ID$|WRANGLER_|SECRETSYNC_|SOPS_)`)

// expanded is what wrangler replaces in the values of a .env file: $NAME, ${NAME} and \$.
var expanded = lazy(`\\\$|\$\{[^{}]+\}|\$[A-Za-z_]`)

// reference matches the references of 1Password, dotenvx and vals, which are not secrets but say
// where one is.
var reference = lazy(`^(?:op://|encrypted:|ref\+[a-z0-9]+://)`)

// nameForm is what Cloudflare accepts (docs/cloudflare-api.md §5).
var nameForm = lazy(`^[A-Za-z0-9_-]+$`)

// lazy returns a function that compiles a regular expression when it is first called: one command
// in many reads such files, and every one would wait for it.
func lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// Check returns why an entry cannot be imported, or nil.
func (e Entry) Check() *syntax.Error {
	value := e.Value.Reveal()
	var hint, what string
	switch {
	case len(value) == 0:
		hint, what = "remove it, or leave it out with --except", "the value is empty, and Cloudflare has no empty secrets"
	case !nameForm().MatchString(e.Name):
		hint, what = "rename it, or leave it out with --except: letters, digits, _ and -", "Cloudflare refuses this name"
	case e.Name == "sops":
		hint, what = "rename it, or leave it out with --except", "SOPS keeps its own data under the name sops"
	case len(value) > maxValue:
		hint, what = "leave it out with --except", "the value is larger than 65536 bytes, which is Cloudflare's limit"
	case sopstext.Encrypted(value):
		hint, what = "name the SOPS file that it is from in the manifest: from: {sops: FILE, key: NAME}", "the value is a ciphertext of SOPS"
	case reference().Match(value):
		hint, what = "use the tool that resolves it as a source: from: {command: [...]}, or write the value that it stands for", "the value is a reference to a secret, and not the secret"
	case isLoadedByWrangler(e.Pos.File) && expanded().Match(value):
		hint, what = "write the intended value to a .dev.vars file, where $ stands for itself, and import that",
			"the value depends on the command: wrangler dev replaces $NAME and \\$ in .env files, and wrangler secret bulk does not"
	default:
		return nil
	}
	bad := syntax.Errorf(e.Pos, hint, "%s", what)
	bad.Rule = "import"
	return bad
}

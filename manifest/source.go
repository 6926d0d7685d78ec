package manifest

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// SourceKind is where a value comes from.
type SourceKind string

// The kinds of sources.
const (
	SourceEnv     SourceKind = "env"
	SourceFile    SourceKind = "file"
	SourceSOPS    SourceKind = "sops"
	SourceCommand SourceKind = "command"
	SourceValue   SourceKind = "value"
	// SourceGenerate generates a random value when it is first applied.
	SourceGenerate SourceKind = "generate"
)

// Source is where a secret's value comes from.
type Source struct {
	Kind SourceKind
	Pos  Position // of "from", "value" or "generate"
	// Generate is what value to generate, for SourceGenerate.
	Generate Generate

	shown  string // what follows the kind in String
	wrong  bool   // mistakes were found in it
	target string // the variable, or the file's name as it is opened
	trim   bool
	exact  bool            // "trim" is false
	path   []string        // in a SOPS file
	format string          // of a SOPS file; "" if it is not given
	argv   func() []string // a closure, since arguments may be secret
	digest string          // of argv, and of where it is run
	sealed *sealed         // the manifest's own file, for an encrypted value
	inline Value
}

// String describes the source: "env TOKEN", "file eu.key",
// "sops secrets/prod.enc.yaml#stripe.key", "command op ...", "inline",
// "generate 32 bytes hex"; "" for no source.
func (s Source) String() string {
	switch s.Kind {
	case "":
		return ""
	case SourceValue:
		return "inline"
	case SourceGenerate:
		return s.Generate.String()
	}
	return string(s.Kind) + " " + s.shown
}

// SOPS returns the SOPS file of a source, as it is opened, and the keys that lead to the value in it.
// ok is false for other sources.
func (s Source) SOPS() (file string, path []string, ok bool) {
	return s.target, slices.Clone(s.path), s.Kind == SourceSOPS && s.sealed == nil
}

// Digest is a digest of everything that affects the value and that String leaves out:
// "sha256:" and hexadecimal digits, or "" if String leaves out nothing. It is the same on every
// machine. Arguments that are encrypted in the manifest count by their ciphertexts, so that the
// digest reveals nothing about them.
func (s Source) Digest() string {
	switch {
	case s.Kind == SourceFile && s.trim:
		return digestOf("trim")
	case s.Kind == SourceSOPS && s.trim:
		return digestOf("trim", s.format)
	case s.Kind == SourceCommand && s.trim:
		return digestOf("trim", s.digest)
	case s.Kind == SourceCommand && s.exact:
		return digestOf("exact", s.digest)
	case s.format != "":
		return digestOf("format", s.format)
	}
	return s.digest
}

func digestOf(parts ...string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Appendf(nil, "secretsync/source/v1 %q", parts)))
}

// from reads a source.
func (d *document) from(f syntax.Field) Source {
	defer d.errs.Tag(ruleSource, len(d.errs))
	s := Source{Pos: f.Pos}
	if !d.isMap(f, sampleFrom) {
		return s
	}
	n, before := f.Value, len(d.errs)
	allKnown := d.object(n,
		key{"env", func(f syntax.Field) { d.fromEnv(f, &s) }},
		key{"file", func(f syntax.Field) { d.fromFile(f, &s, SourceFile) }},
		key{"sops", func(f syntax.Field) { d.fromFile(f, &s, SourceSOPS) }},
		key{"command", func(f syntax.Field) { d.fromCommand(f, &s) }},
		key{"trim", func(f syntax.Field) { d.trim(f, n, &s) }},
		key{"key", func(f syntax.Field) { d.sopsKey(f, &s); d.onlyWith(f, n, "sops") }},
		key{"format", func(f syntax.Field) { d.sopsFormat(f, &s); d.onlyWith(f, n, "sops") }},
	)
	d.exactlyOne(f, allKnown, "env", "file", "sops", "command")
	s.wrong = len(d.errs) > before
	return s
}

// trim reads how much of the end of a file, of a value in one, or of a command's output counts.
func (d *document) trim(f syntax.Field, n *syntax.Node, s *Source) {
	d.boolean(f, &s.trim)
	s.exact = f.Value.Kind == syntax.Bool && !s.trim
	d.onlyWith(f, n, "file", "sops", "command")
}

// onlyWith refuses a key unless one of the keys that it belongs to is beside it.
func (d *document) onlyWith(f syntax.Field, n *syntax.Node, others ...string) {
	if !slices.ContainsFunc(others, func(other string) bool { return n.Get(other) != nil }) {
		d.errs.Add(f.Pos, "", `%q belongs to "%s"`, f.Key, strings.Join(others, `" or "`))
	}
}

func (d *document) fromEnv(f syntax.Field, s *Source) {
	s.Kind = SourceEnv
	name, ok := d.envName(f)
	if ok && d.credential(name) {
		d.errs.Add(f.Value.Pos, "name another variable", "the variable %q is for secretsync itself and cannot be a secret's source", name)
	}
	s.target, s.shown = name, name
}

func (d *document) fromFile(f syntax.Field, s *Source, kind SourceKind) {
	s.Kind = kind
	if path, ok := d.path(f); ok {
		s.target = repo.Join(d.name, path)
		s.shown = d.files.Shown(s.target)
	}
}

func (d *document) sopsKey(f syntax.Field, s *Source) {
	text, ok := d.word(f)
	if !ok {
		return
	}
	if s.path, ok = splitKey(text); !ok {
		d.errs.Add(f.Value.Pos, `write a.b.c, and "quotes" around a part with dots or blanks`, `"key" is not a dotted path`)
	}
	s.shown += "#" + text
}

// sopsFormat reads the format of a SOPS file.
func (d *document) sopsFormat(f syntax.Field, s *Source) {
	text, ok := d.word(f)
	if !ok {
		return
	}
	var known []string
	for _, format := range sopstext.Formats {
		known = append(known, string(format))
	}
	if !slices.Contains(known, text) {
		hint := syntax.DidYouMean(text, known)
		if strings.EqualFold(text, "toml") {
			hint = "SOPS has no TOML: it encrypts such a file as binary"
		}
		d.errs.Add(f.Value.Pos, hint, `"format" is not a SOPS format`)
		return
	}
	s.format = text
}

// splitKey splits a dotted path. A part may be in double quotes, in which a
// backslash makes the next character literal.
func splitKey(text string) ([]string, bool) {
	var parts []string
	for {
		part, rest, ok := cutPart(text)
		if !ok || part == "" {
			return nil, false
		}
		parts = append(parts, part)
		if rest == "" {
			return parts, true
		}
		if text, ok = strings.CutPrefix(rest, "."); !ok {
			return nil, false
		}
	}
}

// cutPart takes the first part off a dotted path.
func cutPart(text string) (part, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		i := strings.IndexAny(text, `."`)
		if i < 0 {
			return text, "", true
		}
		return text[:i], text[i:], true
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:], true
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}

func (d *document) fromCommand(f syntax.Field, s *Source) {
	s.Kind = SourceCommand
	var argv []string
	asked := []string{"command", d.files.Shown(filepath.Dir(d.name))}
	for _, item := range d.list(f, []literal{"PROGRAM", "ARGUMENT"}) {
		arg, ok := d.text(item)
		if len(argv) == 0 {
			arg, ok = d.filled(item, arg, ok)
		}
		if !ok {
			return
		}
		argv = append(argv, arg)
		asked = append(asked, cmp.Or(d.unsealed[item.Value], arg))
	}
	if len(argv) == 0 {
		return
	}
	if d.opts.Values && !d.opts.AllowCommands { // without values, none would run
		d.errs = append(d.errs, commandRefused(f.Pos))
	}
	s.argv, s.shown, s.digest = func() []string { return argv }, program(argv)+" ...", digestOf(asked...)
	s.target = d.name
}

// value reads an inline value, which has to be encrypted by SOPS.
func (d *document) value(f syntax.Field, path ...string) Source {
	defer d.errs.Tag(ruleSource, len(d.errs))
	s := Source{Kind: SourceValue, Pos: f.Pos}
	if !d.is(f, syntax.String, nil) {
		return s
	}
	text, pos := f.Value.Text, f.Value.Pos
	switch encrypted := sopstext.IsValue(text); {
	case encrypted && d.sealed != nil:
		s.sealed, s.path = d.sealed, path
	case d.sealed == nil && sopstext.Encrypted([]byte(text)):
		d.errs.Add(pos, "read it from the SOPS file that it was copied from: "+s.fromSOPS("FILE", true),
			"an encrypted value in a file that SOPS did not encrypt")
	case sopstext.Encrypted([]byte(text)):
		d.errs.Add(pos, "set the plain value with "+d.sealed.edit(), "the value holds ciphertext, but not as SOPS writes it")
	case d.opts.AllowPlaintextValues:
		d.inClear = true
		s.inline = secret.New([]byte(text))
	case d.sealed != nil:
		d.errs.Add(pos, `encrypt it: the file's SOPS rules have to cover the key "value"`, "a plaintext value in the manifest")
	default:
		d.errs = append(d.errs, refused(ErrPlaintext, pos, `encrypt the manifest with SOPS, or use "from"`, "a plaintext value in the manifest"))
	}
	return s
}

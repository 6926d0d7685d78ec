package manifest

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// storeDecl is what the files say of one store, merged by its label.
type storeDecl struct {
	label                            string
	pos                              Position
	account, name, prefix, unmanaged attribute
	adopt, remove, create            attribute
	secrets                          []Secret
	byLabel                          map[string]Position // of the secrets
	broken                           bool                // an attribute could not be read
}

// attribute is a property that several files may give, if they agree.
type attribute struct {
	text string
	pos  Position // of the first mention; the zero Pos for none
}

func (a attribute) or(text string) string {
	if a.pos.Line == 0 {
		return text
	}
	return a.text
}

// The names that Cloudflare takes (docs/cloudflare-api.md §5): dots and spaces are refused.
const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// isPrefix reports whether names may begin with a text, which may be empty.
func isPrefix(text string) bool { return strings.Trim(text, nameLetters) == "" }

func (d *document) readStores(f syntax.Field) {
	defer d.errs.Tag(ruleStore, len(d.errs))
	if !d.isMap(f, literalMap{{"prod", sampleStore}}) {
		return
	}
	for _, entry := range f.Value.Fields {
		if !IsName(entry.Key) {
			d.errs.Add(entry.Pos, "letters, digits, _ and -", "not a store's label: %s", syntax.QuoteKey(entry.Key))
		} else if d.isMap(entry, sampleStore) {
			d.readStore(entry)
		}
	}
}

func (d *document) readStore(entry syntax.Field) {
	s := d.byLabel[entry.Key]
	if s == nil {
		if len(d.stores) >= d.opts.MaxStores {
			d.exceeded(entry.Pos, "more than %d stores", d.opts.MaxStores)
			return
		}
		s = &storeDecl{label: entry.Key, pos: entry.Pos, byLabel: map[string]Position{}}
		d.stores, d.byLabel[entry.Key] = append(d.stores, s), s
	}
	d.object(entry.Value,
		key{"account", d.attribute(s, &s.account, d.accountLabel)},
		key{"name", d.attribute(s, &s.name, func(f syntax.Field) (string, bool) {
			name, ok := d.expanded(f)
			if ok && !IsStoreName(name) {
				d.errs.Add(f.Value.Pos, "", `"name" must be a store's name: not empty, without invisible characters, and no command to a CI runner`)
			}
			return name, ok && IsStoreName(name)
		})},
		key{"prefix", d.attribute(s, &s.prefix, func(f syntax.Field) (string, bool) {
			return d.matching(f, isPrefix, "letters, digits, _ and -, as it begins names")
		})},
		key{"unmanaged", d.attribute(s, &s.unmanaged, d.unmanaged)},
		key{"adopt", d.attribute(s, &s.adopt, d.adopt)},
		key{"delete", d.attribute(s, &s.remove, func(f syntax.Field) (string, bool) { return f.Value.Text, d.is(f, syntax.Bool, nil) })},
		key{"create", d.attribute(s, &s.create, func(f syntax.Field) (string, bool) { return f.Value.Text, d.is(f, syntax.Bool, nil) })},
		key{"secrets", func(f syntax.Field) {
			if d.isMap(f, sampleSecrets) {
				n := min(len(f.Value.Fields), d.opts.MaxSecrets)
				s.secrets = slices.Grow(s.secrets, n)
				if len(s.byLabel) == 0 {
					s.byLabel = make(map[string]Position, n)
				}
				for _, entry := range f.Value.Fields {
					d.readSecret(s, entry)
				}
			}
		}},
	)
}

// attribute reads a property of a store that must agree with earlier mentions.
func (d *document) attribute(s *storeDecl, a *attribute, read func(syntax.Field) (string, bool)) func(syntax.Field) {
	return func(f syntax.Field) {
		text, ok := read(f)
		switch {
		case !ok:
			s.broken = true
		case a.pos.Line == 0:
			*a = attribute{text, f.Pos}
		case a.text != text:
			d.errs.Add(f.Pos, "first at "+a.pos.String(), "%q of the store %q is set twice, to different values", f.Key, s.label)
		}
	}
}

func (d *document) accountLabel(f syntax.Field) (string, bool) {
	defer d.errs.Tag(ruleAccount, len(d.errs))
	label, ok := d.path(f)
	if _, known := d.accounts[label]; ok && !known {
		d.errs.Add(f.Value.Pos, syntax.DidYouMean(label, sortedKeys(d.accounts)), "no such account: %s", syntax.QuoteKey(label))
		return "", false
	}
	return label, ok
}

func (d *document) unmanaged(f syntax.Field) (string, bool) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	policy, ok := d.oneOf(f, "report", "ignore", "fail", "delete")
	switch {
	case f.Value.Kind == syntax.Refused:
		return "", false
	case !ok:
		d.errs.Add(f.Value.Pos, d.forExample(f.Key, "report"), `"unmanaged" must be report, ignore, fail or delete`)
		return "", false
	}
	return policy, true
}

func (d *document) adopt(f syntax.Field) (string, bool) {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	policy, ok := d.oneOf(f, "overwrite", "keep", "verify")
	if !ok && f.Value.Kind != syntax.Refused {
		d.errs.Add(f.Value.Pos, "overwrite sets the value, keep leaves it as it is, verify requires it to be the manifest's",
			`"adopt" must be overwrite, keep or verify`)
		return "", false
	}
	return policy, ok
}

// adoptSecret reads the policy of one secret. A generated value cannot be compared with a live one.
func (d *document) adoptSecret(f syntax.Field, n *syntax.Node) string {
	defer d.errs.Tag(rulePolicy, len(d.errs))
	policy, _ := d.adopt(f)
	if policy == "verify" && n.Get("generate") != nil {
		d.errs.Add(f.Pos, "overwrite generates a value, keep leaves it as it is",
			`"adopt": verify and "generate" exclude each other: the manifest has no value to compare with`)
	}
	return policy
}

func (d *document) readSecret(s *storeDecl, entry syntax.Field) {
	defer d.errs.Tag(ruleSecret, len(d.errs))
	if d.secrets++; d.secrets == d.opts.MaxSecrets+1 {
		d.errs.Add(entry.Pos, "", "more than %d secrets", d.opts.MaxSecrets)
	}
	if d.secrets > d.opts.MaxSecrets || !d.isMap(entry, sampleSource) {
		return
	}
	sec := Secret{Label: entry.Key, Pos: entry.Pos, Delete: d.defaults.remove}
	wanted := true
	allKnown := d.object(entry.Value, []key{
		{"value", func(f syntax.Field) { sec.Source = d.value(f, "stores", s.label, "secrets", entry.Key, "value") }},
		{"from", func(f syntax.Field) { sec.Source = d.from(f) }},
		{"scopes", func(f syntax.Field) { d.scopes(f, &sec.Scopes) }},
		{"comment", func(f syntax.Field) {
			if text, ok := d.expanded(f); ok {
				sec.Comment = &text
			}
		}},
		{"delete", func(f syntax.Field) { d.boolean(f, &sec.Delete) }},
		{"generate", func(f syntax.Field) { sec.Source = d.generate(f) }},
		{"external", func(f syntax.Field) { d.external(f, entry.Value, &sec) }},
		{"when", func(f syntax.Field) { wanted = d.when(f) }},
		{"rotate_after", func(f syntax.Field) { sec.RotateAfter = d.age(f) }},
		{"rotate", func(f syntax.Field) { sec.Overlap = d.rotate(f) }},
		{"renamed_from", func(f syntax.Field) { sec.RenamedFrom, _ = d.matching(f, IsName, "letters, digits, _ and -") }},
		{"adopt", func(f syntax.Field) { sec.Adopt = d.adoptSecret(f, entry.Value) }},
	}...)
	if sec.Scopes == nil {
		sec.Scopes = slices.Clone(d.defaults.scopes)
	}
	d.exactlyOne(entry, allKnown, "value", "from", "generate", "external")
	if !wanted {
		return
	}

	if first, twice := s.byLabel[sec.Label]; twice {
		d.errs.Add(sec.Pos, "first at "+first.String(), "the secret %s is described twice", syntax.QuoteKey(sec.Label))
		return
	}
	s.byLabel[sec.Label] = sec.Pos
	s.secrets = append(s.secrets, sec)
}

// exactlyOne reports a map that has several of some keys, or none. None is not
// reported where an unknown key was, which may have been meant for it.
func (d *document) exactlyOne(entry syntax.Field, allKnown bool, keys ...string) {
	defer d.errs.Tag(ruleSource, len(d.errs))
	first := ""
	for _, f := range entry.Value.Fields {
		switch {
		case !slices.Contains(keys, f.Key):
		case first == "":
			first = f.Key
		default:
			d.errs.Add(f.Pos, "", "%q and %q exclude each other", first, f.Key)
		}
	}
	if first == "" && allKnown {
		d.errs.Add(entry.Pos, "", "%s has no source for its value: give one of %s", syntax.QuoteKey(entry.Key), strings.Join(keys, ", "))
	}
}

// place is a name in Cloudflare; secret is "" for the store itself.
type place struct{ account, store, secret string }

// finish builds the stores from their declarations.
func (l *loader) finish() []Store {
	defer l.errs.Tag(ruleSecret, len(l.errs))
	var stores []Store
	taken := make(map[place]Position, min(l.secrets, l.opts.MaxSecrets))
	policies := map[place]attribute{}
	for _, decl := range l.stores {
		account := l.accounts[decl.account.text]
		s := Store{
			Label: decl.label, AccountID: account.id, TokenEnv: account.tokenEnv, Name: decl.name.or(decl.label), Prefix: decl.prefix.text,
			Secrets: decl.secrets, Delete: decl.remove.text == "true", Create: decl.create.text == "true", Pos: decl.pos,
		}
		l.agree(policies, decl, place{s.AccountID, s.Name, ""})
		for i := range s.Secrets {
			sec := &s.Secrets[i]
			sec.Name = s.Prefix + sec.Label
			if sec.Overlap > 0 {
				sec.Previous = sec.Name + PreviousSuffix
			}
			if sec.Adopt == "" && !sec.External {
				sec.Adopt = decl.adopt.text
			}
			l.rename(s, sec, decl.byLabel)
			at := place{s.AccountID, s.Name, sec.Name}
			switch first, again := taken[at]; {
			case !IsName(sec.Name):
				l.errs.Add(sec.Pos, "letters, digits, _ and -", "not a secret's name: %s", syntax.QuoteKey(sec.Name))
			case decl.broken:
			case again:
				l.errs.Add(sec.Pos, "first at "+first.String(), "two secrets are named %q in the same Cloudflare store", sec.Name)
			default:
				taken[at] = sec.Pos
			}
		}
		stores = append(stores, s)
	}
	l.checkPrevious(stores, taken)
	for i := range stores {
		s := &stores[i]
		s.Unmanaged = policies[place{s.AccountID, s.Name, ""}].or(l.defaults.unmanaged)
	}
	return stores
}

// rename turns renamed_from into a name in Cloudflare, which no described secret may have.
func (l *loader) rename(s Store, sec *Secret, byLabel map[string]Position) {
	if sec.RenamedFrom == "" {
		return
	}
	if pos, described := byLabel[sec.RenamedFrom]; described {
		l.errs.Add(sec.Pos, "defined at "+pos.String(), "%s cannot be renamed from %s, which is still in the manifest",
			syntax.QuoteKey(sec.Label), syntax.QuoteKey(sec.RenamedFrom))
	}
	sec.RenamedFrom = s.Prefix + sec.RenamedFrom
}

// agree records what one description of a store in Cloudflare says about unmanaged
// secrets; another description may not say otherwise.
func (l *loader) agree(policies map[place]attribute, decl *storeDecl, at place) {
	first, again := policies[at]
	switch {
	case decl.broken || decl.unmanaged.pos.Line == 0:
	case !again:
		policies[at] = decl.unmanaged
	case first.text != decl.unmanaged.text:
		l.errs.Add(decl.unmanaged.pos, "first at "+first.pos.String(), `"unmanaged" is set twice for one Cloudflare store, to different values`)
	}
}

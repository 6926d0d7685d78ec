package manifest

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/secretsync/secretsync/internal/syntax"
)

// key is a key that an object knows, and what reads it.
type key struct {
	name string
	read func(syntax.Field)
}

// object reads a map by the keys it knows, in their order, and reports the others,
// if there are any.
func (d *document) object(n *syntax.Node, known ...key) (allKnown bool) {
	before := len(d.errs)
	allKnown = true
	for _, f := range n.Fields {
		if !slices.ContainsFunc(known, func(k key) bool { return k.name == f.Key }) {
			allKnown = false
			if !f.Value.Anchored && !d.errs.Full() { // it may be there for an anchor, which was reported
				d.errs.Add(f.Pos, syntax.DidYouMean(f.Key, names(known)), "unknown key %s", syntax.QuoteKey(f.Key))
			}
		}
	}
	d.errs.Tag(ruleUnknownKey, before)
	for _, k := range known {
		if i := slices.IndexFunc(n.Fields, func(f syntax.Field) bool { return f.Key == k.name }); i >= 0 {
			k.read(n.Fields[i])
		}
	}
	return allKnown
}

// names are copies of the names, so that the compiler can keep the keys, with the functions that
// read them, on the stack: there are a dozen for every secret.
func names(known []key) []string {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = strings.Clone(k.name)
	}
	return names
}

// is reports whether a value is of a kind, and adds a mistake if it is not. like is an example of
// a valid value; nil for none.
func (d *document) is(f syntax.Field, k syntax.Kind, like literal) bool {
	if f.Value.Kind != k {
		d.wrongKind(f, k, like)
		return false
	}
	return true
}

func (d *document) isMap(f syntax.Field, like literal) bool { return d.is(f, syntax.Map, like) }

func (d *document) text(f syntax.Field) (string, bool) {
	return f.Value.Text, d.is(f, syntax.String, nil)
}

// filled refuses an empty text that one of the text methods returned.
func (d *document) filled(f syntax.Field, text string, ok bool) (string, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if ok && text == "" {
		d.errs.Add(f.Value.Pos, "", "%s is empty", syntax.QuoteKey(f.Key))
	}
	return text, ok && text != ""
}

// word returns a field's text, in which variables are not expanded.
func (d *document) word(f syntax.Field) (string, bool) {
	text, ok := d.text(f)
	return d.filled(f, text, ok)
}

// path returns a field's text with its variables expanded.
func (d *document) path(f syntax.Field) (string, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	text, ok := d.expanded(f)
	if ok && strings.ContainsFunc(text, unicode.IsControl) {
		d.errs.Add(f.Value.Pos, `in double quotes, a backslash begins an escape: paths are written with /, on Windows too`,
			"%s has a control character", syntax.QuoteKey(f.Key))
		return "", false
	}
	return d.filled(f, text, ok)
}

// matching returns a field's expanded text if it has a form.
func (d *document) matching(f syntax.Field, form func(string) bool, want string) (string, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	text, ok := d.expanded(f)
	fits := ok && form(text)
	if ok && !fits {
		d.errs.Add(f.Value.Pos, "", "%s must be %s", syntax.QuoteKey(f.Key), want)
	}
	return text, fits
}

// oneOf returns a field's text if it is one of some words.
func (d *document) oneOf(f syntax.Field, words ...string) (string, bool) {
	return f.Value.Text, f.Value.Kind == syntax.String && slices.Contains(words, f.Value.Text)
}

func (d *document) boolean(f syntax.Field, to *bool) {
	if d.is(f, syntax.Bool, nil) {
		*to = f.Value.Text == "true"
	}
}

// count returns a whole number that is not negative, such as like.
func (d *document) count(f syntax.Field, like int) (int, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if !d.is(f, syntax.Int, like) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.ReplaceAll(f.Value.Text, "_", ""))
	if err != nil || n < 0 {
		d.errs.Add(f.Value.Pos, "", "%s must be a whole number in decimal digits, 0 or more", syntax.QuoteKey(f.Key))
		return 0, false
	}
	return n, true
}

// list returns a list's items as fields, so that each is read like one. like is a list that the
// key could have.
func (d *document) list(f syntax.Field, like []literal) []syntax.Field {
	defer d.errs.Tag(ruleType, len(d.errs))
	if f.Value.Kind != syntax.List {
		d.wrongKind(f, syntax.List, like)
		return nil
	}
	if len(f.Value.Items) == 0 {
		d.errs.Add(f.Value.Pos, "give it an item, or leave it out; "+d.forExample(f.Key, like), "%s is an empty list", syntax.QuoteKey(f.Key))
	}
	items := make([]syntax.Field, len(f.Value.Items))
	for i, item := range f.Value.Items {
		items[i] = syntax.Field{Key: f.Key + "." + strconv.Itoa(i), Pos: item.Pos, Value: item}
	}
	return items
}

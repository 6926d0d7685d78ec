package manifest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.name
	}
	allKnown = true
	for _, f := range n.Fields {
		if !slices.Contains(names, f.Key) {
			allKnown = false
			if f.Value.Anchored { // it may be there for an anchor, which was reported
				continue
			}
			defer d.errs.Tag(ruleUnknownKey, len(d.errs))
			d.errs.Add(f.Pos, syntax.DidYouMean(f.Key, names), "unknown key %s", syntax.QuoteKey(f.Key))
		}
	}
	for _, k := range known {
		if i := slices.IndexFunc(n.Fields, func(f syntax.Field) bool { return f.Key == k.name }); i >= 0 {
			k.read(n.Fields[i])
		}
	}
	return allKnown
}

// wrongKind reports a value of another kind than wanted. It names kinds, never the value.
func (d *document) wrongKind(f syntax.Field, want string) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if f.Value.Kind == syntax.Refused {
		return
	}
	hint := ""
	if scalar := f.Value.Kind != syntax.Map && f.Value.Kind != syntax.List && f.Value.Kind != syntax.Null; scalar && want == "a string" {
		hint = "put it in quotes"
	}
	d.errs.Add(f.Value.Pos, hint, "%s must be %s, not %s", syntax.QuoteKey(f.Key), want, f.Value.Kind)
}

func (d *document) is(f syntax.Field, k syntax.Kind) bool {
	if f.Value.Kind != k {
		d.wrongKind(f, k.String())
		return false
	}
	return true
}

func (d *document) isMap(f syntax.Field) bool { return d.is(f, syntax.Map) }

func (d *document) text(f syntax.Field) (string, bool) {
	return f.Value.Text, d.is(f, syntax.String)
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
	text, ok := d.expanded(f)
	return d.filled(f, text, ok)
}

// matching returns a field's expanded text if it has a form.
func (d *document) matching(f syntax.Field, form *regexp.Regexp, want string) (string, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	text, ok := d.expanded(f)
	if ok && !form.MatchString(text) {
		d.errs.Add(f.Value.Pos, "", "%s must be %s", syntax.QuoteKey(f.Key), want)
	}
	return text, ok && form.MatchString(text)
}

func (d *document) boolean(f syntax.Field, to *bool) {
	if d.is(f, syntax.Bool) {
		*to = f.Value.Text == "true"
	}
}

// count returns a whole number that is not negative.
func (d *document) count(f syntax.Field) (int, bool) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if !d.is(f, syntax.Int) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.ReplaceAll(f.Value.Text, "_", ""))
	if err != nil || n < 0 {
		d.errs.Add(f.Value.Pos, "", "%s must be a whole number in decimal digits, 0 or more", syntax.QuoteKey(f.Key))
		return 0, false
	}
	return n, true
}

// list returns a list's items as fields, so that each is read like one.
func (d *document) list(f syntax.Field) []syntax.Field {
	defer d.errs.Tag(ruleType, len(d.errs))
	if !d.is(f, syntax.List) {
		return nil
	}
	if len(f.Value.Items) == 0 {
		d.errs.Add(f.Value.Pos, "", "%s is an empty list", syntax.QuoteKey(f.Key))
	}
	items := make([]syntax.Field, len(f.Value.Items))
	for i, item := range f.Value.Items {
		items[i] = syntax.Field{Key: f.Key + "." + strconv.Itoa(i), Pos: item.Pos, Value: item}
	}
	return items
}

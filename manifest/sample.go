package manifest

import (
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// The samples of keys that hold a map.
var (
	sampleFrom     literal = literalMap{{"env", "NAME"}}
	sampleSource   literal = literalMap{{"from", sampleFrom}}
	sampleSecrets  literal = literalMap{{"my-secret", sampleSource}}
	sampleStore    literal = literalMap{{"secrets", sampleSecrets}}
	sampleAccount  literal = literalMap{{"id", "0123456789abcdef0123456789abcdef"}}
	sampleRotate   literal = literalMap{{"overlap", "24h"}}
	sampleGenerate literal = literalMap{{"bytes", 32}, {"encoding", "hex"}}
)

var sampleScopes = []literal{"workers"}

// written is a key with a value as the file's language has it. A key that may hold a secret is
// not shown.
func (d *document) written(key string, value literal) string {
	if !syntax.IsName(key) {
		key = "NAME"
	}
	format, _ := syntax.FormatOf(d.name)
	return entry(format, key, value)
}

// forExample is a hint with a sample.
func (d *document) forExample(key string, value literal) string {
	return "for example: " + d.written(key, value)
}

// wrongKind reports a value of another kind than wanted. It names kinds, never the value. like is
// a value that the key could have; nil for none.
func (d *document) wrongKind(f syntax.Field, want syntax.Kind, like literal) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if f.Value.Kind != syntax.Refused {
		d.errs.Add(f.Value.Pos, d.kindHint(f, want, like), "%s must be %s, not %s", syntax.QuoteKey(f.Key), want, f.Value.Kind)
	}
}

// kindHint says how to write what was most likely meant.
func (d *document) kindHint(f syntax.Field, want syntax.Kind, like literal) string {
	isScalar := f.Value.Kind != syntax.Map && f.Value.Kind != syntax.List && f.Value.Kind != syntax.Null
	switch {
	case f.Value.Kind == syntax.Null:
		if like == nil {
			return "give it a value, or leave it out"
		}
		return "give it a value, or leave it out; " + d.forExample(f.Key, like)
	case want == syntax.Bool:
		return d.boolHint(f)
	case want == syntax.Int && f.Value.Kind == syntax.String && isDigits(f.Value.Text):
		return "write the number without quotes"
	case want == syntax.Int && f.Value.Kind == syntax.Float:
		return "write a whole number, without a point or an exponent"
	case like != nil:
		return d.forExample(f.Key, like)
	case want == syntax.String && isScalar:
		return "put it in quotes"
	}
	return ""
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// boolHint knows how YAML 1.1, and other languages, write booleans.
func (d *document) boolHint(f syntax.Field) string {
	key := f.Key
	text := strings.ToLower(strings.TrimSpace(f.Value.Text))
	switch {
	case f.Value.Kind == syntax.Map || f.Value.Kind == syntax.List:
	case slices.Contains([]string{"yes", "y", "on", "true", "t", "1"}, text):
		return "write " + d.written(key, true)
	case slices.Contains([]string{"no", "n", "off", "false", "f", "0"}, text):
		return "write " + d.written(key, false)
	}
	return "write " + d.written(key, true) + " or " + d.written(key, false)
}

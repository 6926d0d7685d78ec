package manifest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// sample is what a key could have as its value, for hints: a bool, an int, a string, a
// []sample or a sampleMap.
type sample any

// sampleMap is a map.
type sampleMap []struct {
	key   string
	value sample
}

// The samples of keys that hold a map or a list.
var (
	sampleSource   = sampleMap{{"from", sampleMap{{"env", "NAME"}}}}
	sampleSecrets  = sampleMap{{"my-secret", sampleSource}}
	sampleStore    = sampleMap{{"secrets", sampleSecrets}}
	sampleAccount  = sampleMap{{"id", "0123456789abcdef0123456789abcdef"}}
	sampleScopes   = []sample{"workers"}
	sampleGenerate = sampleMap{{"bytes", 32}, {"encoding", "hex"}}
)

// written is a key with a value as the file's language has it.
func (d *document) written(key string, value sample) string {
	format, _ := syntax.FormatOf(d.name)
	return entry(format, key, value)
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func entry(format syntax.Format, key string, value sample) string {
	if !syntax.IsName(key) {
		key = "NAME"
	}
	if format == syntax.JSON || !plainKey.MatchString(key) {
		key = strconv.Quote(key)
	}
	separator := ": "
	if format == syntax.TOML {
		separator = " = "
	}
	return key + separator + scalar(format, value)
}

func scalar(format syntax.Format, value sample) string {
	switch v := value.(type) {
	case string:
		if format == syntax.YAML && strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == "" {
			return v
		}
		return strconv.Quote(v)
	case []sample:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = scalar(format, item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case sampleMap:
		entries := make([]string, len(v))
		for i, e := range v {
			entries[i] = entry(format, e.key, e.value)
		}
		if format == syntax.TOML {
			return "{ " + strings.Join(entries, ", ") + " }"
		}
		return "{" + strings.Join(entries, ", ") + "}"
	}
	return fmt.Sprint(value)
}

// forExample is a hint with a sample.
func (d *document) forExample(key string, value sample) string {
	return "for example: " + d.written(key, value)
}

// wrongKind reports a value of another kind than wanted. It names kinds, never the value. like is
// a value that the key could have; nil for none.
func (d *document) wrongKind(f syntax.Field, want syntax.Kind, like sample) {
	defer d.errs.Tag(ruleType, len(d.errs))
	if f.Value.Kind != syntax.Refused {
		d.errs.Add(f.Value.Pos, d.kindHint(f, want, like), "%s must be %s, not %s", syntax.QuoteKey(f.Key), want, f.Value.Kind)
	}
}

// kindHint says how to write what was most likely meant.
func (d *document) kindHint(f syntax.Field, want syntax.Kind, like sample) string {
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

package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/secretsync/secretsync/internal/syntax"
)

// literal is a value to be written in a manifest, or in a hint about one: a bool, an int, a
// string, a []literal or a literalMap.
type literal any

// literalMap is a map, whose entries keep their order.
type literalMap []literalField

type literalField struct {
	key   string
	value literal
}

// sopsSource is a source that reads a SOPS file. key is empty for a file that is one value.
func sopsSource(file, key string) literalMap {
	source := literalMap{{"sops", file}}
	if key != "" {
		source = append(source, literalField{"key", key})
	}
	return source
}

// entry writes a key with its value, on one line.
func entry(format syntax.Format, key string, value literal) string {
	separator := ": "
	if format == syntax.TOML {
		separator = " = "
	}
	return word(format, key) + separator + scalar(format, value)
}

// word writes a key, in quotes if it needs them.
func word(format syntax.Format, key string) string {
	if format != syntax.JSON && isPlain(key, "") {
		return key
	}
	return strconv.Quote(key)
}

func scalar(format syntax.Format, value literal) string {
	switch v := value.(type) {
	case string:
		if format == syntax.YAML && isPlain(v, "./") {
			return v
		}
		return strconv.Quote(v)
	case []literal:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = scalar(format, item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case literalMap:
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

// reserved are the words that YAML does not take for a string, in any case.
var reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

// isPlain reports whether a text needs no quotes in any place: it begins with a letter or _, and has
// only letters, digits, _, - and the characters in more.
func isPlain(text, more string) bool {
	const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return text != "" && strings.Trim(text[:1], first) == "" && strings.Trim(text, first+"0123456789-"+more) == "" &&
		!slices.Contains(reserved, strings.ToLower(text))
}

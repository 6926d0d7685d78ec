package wrangler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Formats are what [Format] writes.
var Formats = []string{"toml", "jsonc", "types"}

// Format writes bindings as a block for an environment of wrangler.toml or wrangler.jsonc,
// or as the TypeScript type of env. Only the type includes bindings under unsafe.bindings,
// which stay where they are.
func Format(format, env string, bindings []Binding) (string, error) {
	var b strings.Builder
	if format != "types" {
		bindings = slices.DeleteFunc(slices.Clone(bindings), func(x Binding) bool { return x.Unsafe })
	}
	switch format {
	case "toml":
		for i, x := range bindings {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(tomlTable(tomlKey(env), x, "\n"))
		}
	case "jsonc":
		if env != "" {
			fmt.Fprintf(&b, "// under \"env\": {%s: {\n", quoted(env))
		}
		fmt.Fprintf(&b, "%s: [\n", quoted(section))
		for i, x := range bindings {
			comma := ","
			if i == len(bindings)-1 {
				comma = ""
			}
			b.WriteString("  " + jsonObject(x) + comma + "\n")
		}
		b.WriteString("]\n")
	case "types":
		b.WriteString("interface Env {\n")
		for _, x := range bindings {
			fmt.Fprintf(&b, "  %s: SecretsStoreSecret;\n", x.Binding)
		}
		b.WriteString("}\n")
	default:
		return "", fmt.Errorf("format %q is not one of %s", format, strings.Join(Formats, ", "))
	}
	return b.String(), nil
}

// bareKey is a TOML key that needs no quotes.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// tomlKey is the section of an environment.
func tomlKey(env string) string {
	switch {
	case env == "":
		return section
	case !bareKey.MatchString(env):
		env = quoted(env)
	}
	return "env." + env + "." + section
}

func tomlTable(key string, x Binding, newline string) string {
	return strings.Join([]string{
		"[[" + key + "]]", "binding = " + quoted(x.Binding), "store_id = " + quoted(x.StoreID), "secret_name = " + quoted(x.SecretName), "",
	}, newline)
}

func tomlInline(x Binding) string {
	return fmt.Sprintf("{ binding = %s, store_id = %s, secret_name = %s }", quoted(x.Binding), quoted(x.StoreID), quoted(x.SecretName))
}

func jsonObject(x Binding) string {
	return fmt.Sprintf(`{ "binding": %s, "store_id": %s, "secret_name": %s }`, quoted(x.Binding), quoted(x.StoreID), quoted(x.SecretName))
}

// quoted is a string that JSON and TOML read alike.
func quoted(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string: cannot fail
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007f`)
}

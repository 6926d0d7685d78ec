package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	gotoml "github.com/pelletier/go-toml/v2"
	"gopkg.in/yaml.v3"
)

// canary generates a stand-in for a secret: as long as a key, of characters that no text
// encoding changes.
func canary() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, KeySize)
	for i := range b {
		b[i] = alphabet[rand.IntN(len(alphabet))]
	}
	return string(b)
}

// sinks are the ways in which a value might reach a reader. Each returns everything it
// produced, including errors.
func sinks() map[string]func(any) string {
	all := map[string]func(any) string{
		"Sprint":        func(v any) string { return fmt.Sprint(v) },
		"Sprintln":      func(v any) string { return fmt.Sprintln(v) },
		"wrapped error": func(v any) string { return fmt.Errorf("failed on %v: %w", v, errors.New("cause")).Error() },
		"errors.Join":   func(v any) string { return errors.Join(holdingError{v}, errors.New("another")).Error() },
		"log": func(v any) string {
			return printed(func(b *bytes.Buffer) error { log.New(b, "", 0).Print(v); return nil })
		},
		"slog text": logged(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }),
		"slog JSON": logged(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }),
		"JSON":      marshalled(json.Marshal),
		"YAML":      marshalled(yaml.Marshal),
		"go-toml":   marshalled(gotoml.Marshal),
		"XML":       marshalled(xml.Marshal),
		"TOML": func(v any) string {
			return printed(func(b *bytes.Buffer) error { return toml.NewEncoder(b).Encode(v) })
		},
		"gob":        func(v any) string { return printed(func(b *bytes.Buffer) error { return gob.NewEncoder(b).Encode(v) }) },
		"template":   func(v any) string { return printed(func(b *bytes.Buffer) error { return textTemplate.Execute(b, v) }) },
		"HTML":       func(v any) string { return printed(func(b *bytes.Buffer) error { return htmlTemplate.Execute(b, v) }) },
		"go-cmp":     func(v any) string { return cmp.Diff(v, any("something else")) },
		"go-cmp all": func(v any) string { return cmp.Diff(v, reflect.Zero(reflect.TypeOf(v)).Interface(), exportAll) },
	}
	for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "10.3"} {
		for _, verb := range "vTtbcdoOqxXUeEfFgGspwz" {
			format := "%" + flags + string(verb)
			all[format] = func(v any) string { return fmt.Sprintf(format, v) }
		}
	}
	return all
}

var (
	textTemplate = template.Must(template.New("").Parse(`{{.}} {{printf "%s %x %v" . . .}} {{html .}} {{js .}} {{urlquery .}}`))
	htmlTemplate = htmltemplate.Must(htmltemplate.New("").Parse(`<a title="{{.}}" href="?{{.}}">{{.}}</a><script>x={{.}}</script>`))
	exportAll    = cmp.Exporter(func(reflect.Type) bool { return true })
)

// holdingError is an error that contains more than it should.
type holdingError struct{ what any }

func (e holdingError) Error() string { return fmt.Sprintf("about %v", e.what) }

func printed(write func(*bytes.Buffer) error) string {
	var b bytes.Buffer
	err := write(&b)
	return fmt.Sprint(b.String(), err)
}

func marshalled(marshal func(any) ([]byte, error)) func(any) string {
	return func(v any) string {
		data, err := marshal(v)
		return fmt.Sprint(string(data), err)
	}
}

func logged(handler func(*bytes.Buffer) slog.Handler) func(any) string {
	return func(v any) string {
		return printed(func(b *bytes.Buffer) error {
			l := slog.New(handler(b))
			l.With("with", v).WithGroup("group").Info("message", "value", v, slog.Group("inner", "value", v))
			return nil
		})
	}
}

// call recovers from a panic: a library's panic message is output too.
func call(sink func(any) string, v any) (out string) {
	defer func() {
		if p := recover(); p != nil {
			out = fmt.Sprint("panic: ", p)
		}
	}()
	return sink(v)
}

type exported[T any] struct{ V T }

type unexported[T any] struct{ v T }

type embedded[T any] struct{ exported[T] }

type tagged[T any] struct {
	XMLName xml.Name `json:"-" toml:"-" yaml:"-"`
	V       T        `json:"v" toml:"v" xml:"v,attr" yaml:"v,flow"`
}

// containers are the ways in which code holds a value.
func containers[T any](v T) map[string]any {
	return map[string]any{
		"plain":             v,
		"pointer":           &v,
		"pointer's pointer": new(&v),
		"exported field":    exported[T]{v},
		"pointer field":     exported[*T]{&v},
		"interface field":   exported[any]{v},
		"slice field":       exported[[]T]{[]T{v}},
		"tagged field":      tagged[T]{V: v},
		"unexported field":  unexported[T]{v},
		"unexported ptr":    unexported[*T]{&v},
		"embedded":          embedded[T]{exported[T]{v}},
		"slice":             []T{v, v},
		"array":             [1]T{v},
		"map value":         map[string]T{"k": v},
		"map key":           map[*T]string{&v: "v"},
		"any slice":         []any{v, &v},
		"nested":            map[string]any{"k": []any{unexported[any]{exported[T]{v}}, map[string]any{"k": &v}}},
		"error":             holdingError{v},
	}
}

// needles are the forms in which the secret, or six bytes of it, could be seen.
func needles(secret string) []string {
	var all []string
	for i := 0; i+6 <= len(secret); i++ {
		all = append(all, spellings([]byte(secret[i:i+6]))...)
	}
	for shift := range 3 { // base64 has three alignments; its first and last digits depend on the neighbours
		enc := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", shift) + secret))
		all = append(all, enc[4:len(enc)-4], strings.NewReplacer("+", "-", "/", "_").Replace(enc[4:len(enc)-4]))
	}
	return append(all, strings.Trim(fmt.Sprintf("%q", secret), `"`), url.QueryEscape(secret))
}

func spellings(b []byte) []string {
	var all []string
	for _, format := range []string{"%s", "%x", "%X", "% x", "% X", "%d", "%o", "%b", "%#v", "%c", "%U"} {
		all = append(all, strings.Trim(fmt.Sprintf(format, b), "[]"))
	}
	text := fmt.Sprintf("%#v", b) // []byte{0x61, ...}
	decimal := strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ",")
	return append(all, strings.Trim(strings.TrimPrefix(text, "[]byte"), "{}"), decimal, strings.ReplaceAll(decimal, ",", ", "))
}

// leak returns the form in which out shows the secret, or "".
func leak(out string, needles []string) string {
	for _, n := range needles {
		if strings.Contains(out, n) {
			return n
		}
	}
	return ""
}

func TestNothingShows(t *testing.T) {
	text := canary()
	value := New([]byte(text))
	key, err := ParseKey(base64.StdEncoding.EncodeToString([]byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	needles := needles(text)
	needles = append(needles, needlesOfExport(key)...)
	for _, secrets := range []map[string]any{containers(value), containers(key), containers(key.Export())} {
		for where, v := range secrets {
			for name, sink := range sinks() {
				if n := leak(call(sink, v), needles); n != "" {
					t.Errorf("%s shows a %T (%s) as %q", name, v, where, n)
				}
			}
		}
	}
}

func needlesOfExport(k Key) []string { return needles(string(k.Export().Reveal())) }

// The matrix would detect a type that hides nothing, or too little.
func TestMatrixSeesLeaks(t *testing.T) {
	text := canary()
	needles := needles(text)
	never := map[string]bool{"TOML": true, "go-toml": true} // these formats have no document for a bare string
	for name, sink := range sinks() {
		if never[name] || strings.HasSuffix(name, "T") || strings.HasPrefix(name, "%10.3") {
			continue
		}
		if leak(call(sink, text), needles) == "" {
			t.Errorf("%s doesn't show a string: %s", name, call(sink, text))
		}
	}
	for name, sink := range map[string]func(any) string{"TOML": sinks()["TOML"], "go-toml": sinks()["go-toml"]} {
		if leak(call(sink, exported[string]{text}), needles) == "" {
			t.Errorf("%s doesn't show a string", name)
		}
	}
	for verb, v := range map[string]any{
		"%v": []byte(text), "%x": text, "%X": []byte(text), "% x": text, "%#v": []byte(text), "%U": []byte(text), "%s": unexported[[]byte]{[]byte(text)},
	} {
		if leak(fmt.Sprintf(verb, v), needles) == "" {
			t.Errorf("%s of a %T: not seen", verb, v)
		}
	}
	if leak(hex.EncodeToString([]byte(text)), needles) == "" || leak(base64.URLEncoding.EncodeToString([]byte("x"+text)), needles) == "" {
		t.Error("an encoding is not seen")
	}
}

// Where a value is printed at all, the output says that something was left out.
func TestRedactedIsSaid(t *testing.T) {
	v := New([]byte(canary()))
	for _, name := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "Sprint", "slog text", "slog JSON", "JSON", "YAML", "XML", "template", "HTML", "wrapped error"} {
		if out := call(sinks()[name], v); !strings.Contains(out, Redacted) {
			t.Errorf("%s: %s", name, out)
		}
	}
}

func TestNoBinaryForm(t *testing.T) {
	v := New([]byte(canary()))
	if data, err := v.MarshalBinary(); err == nil || data != nil {
		t.Errorf("MarshalBinary: %q, %v; want an error", data, err)
	}
	if err := gob.NewEncoder(new(bytes.Buffer)).Encode(exported[Value]{v}); err == nil {
		t.Error("gob encodes a value")
	}
}

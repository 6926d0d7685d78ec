//go:build suites

package syntax

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// The published test suites of the three languages, as `make suites` downloads them. Each
// environment variable names a folder, or the file with the cases of the YAML suite.

// judged are the cases in which this package deliberately differs from the suite, with the
// reason. Every entry has to be needed.
type judged map[string]string

// tally counts the cases of a suite.
type tally struct{ run, accepted, refused, judged int }

func (n *tally) report(t *testing.T, suite string) {
	t.Logf("%s: %d cases run, %d accepted, %d refused, %d judged", suite, n.run, n.accepted, n.refused, n.judged)
	if n.accepted == 0 || n.refused == 0 {
		t.Error("the suite is empty")
	}
}

// check compares one case with what the suite expects of it: valid or not, and its value.
func (n *tally) check(t *testing.T, name string, format Format, data []byte, valid bool, known judged, compare func(*Node) error) {
	n.run++
	node, mistakes := Parse("f", data, format)
	for _, m := range mistakes {
		if m.Pos.File != "f" || strings.Contains(m.What, unexplained) {
			t.Errorf("%s: a mistake without a position or a reason: %v\n%s", name, m, data)
		}
	}
	why := ""
	switch accepted := len(mistakes) == 0; {
	case accepted && !valid:
		why = "accepted, although it is invalid"
	case !accepted && valid:
		why = fmt.Sprint("refused, although it is valid: ", mistakes[0])
	case accepted && compare != nil:
		if err := compare(node); err != nil {
			why = err.Error()
		}
	}
	if reason := known[name]; (reason != "") != (why != "") {
		t.Errorf("%s: %s (judged: %q)\n%s", name, why, reason, data)
	}
	switch {
	case why != "":
		n.judged++
	case valid:
		n.accepted++
	default:
		n.refused++
	}
}

func suite(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("%s is not set: run make suites", variable)
	}
	return path
}

func TestTOMLSuite(t *testing.T) {
	root := suite(t, "TOML_TEST")
	list, err := os.ReadFile(filepath.Join(root, "tests", "files-toml-1.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	var n tally
	for _, file := range strings.Fields(string(list)) {
		name, isTOML := strings.CutSuffix(file, ".toml")
		if !isTOML {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, "tests", file))
		if err != nil {
			t.Fatal(err)
		}
		valid := strings.HasPrefix(name, "valid/")
		n.check(t, name, TOML, data, valid, tomlJudged, func(node *Node) error {
			want, err := os.ReadFile(filepath.Join(root, "tests", name+".json"))
			if err != nil {
				return err
			}
			var v any
			if err := json.Unmarshal(want, &v); err != nil {
				return err
			}
			return sameTagged(v, node)
		})
	}
	n.report(t, "toml-test")
}

// sameTagged compares a tree with the suite's: {"type": ..., "value": ...} for a scalar.
func sameTagged(want any, node *Node) error {
	switch want := want.(type) {
	case []any:
		if node.Kind != List || len(node.Items) != len(want) {
			return fmt.Errorf("want a list of %d, have %v of %d", len(want), node.Kind, len(node.Items))
		}
		for i := range want {
			if err := sameTagged(want[i], node.Items[i]); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		if kind, ok := want["type"].(string); ok && len(want) == 2 {
			if value, ok := want["value"].(string); ok {
				return sameScalar(kind, value, node)
			}
		}
		if node.Kind != Map || len(node.Fields) != len(want) {
			return fmt.Errorf("want a map of %d, have %v of %d", len(want), node.Kind, len(node.Fields))
		}
		for key, v := range want {
			field := node.Get(key)
			if field == nil {
				return fmt.Errorf("no key %q", key)
			}
			if err := sameTagged(v, field); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	return fmt.Errorf("unexpected %T", want)
}

func sameScalar(kind, value string, node *Node) error {
	kinds := map[string]Kind{
		"string": String, "bool": Bool, "integer": Int, "float": Float,
		"datetime": Time, "datetime-local": Time, "date-local": Time, "time-local": Time,
	}
	same := node.Kind == kinds[kind]
	switch text := strings.ReplaceAll(node.Text, "_", ""); kind {
	case "string", "bool":
		same = same && node.Text == value
	case "integer":
		have, err := strconv.ParseInt(text, 0, 64)
		if base10 := strings.TrimLeft(text, "+-"); len(base10) > 0 && !strings.HasPrefix(base10, "0") {
			have, err = strconv.ParseInt(text, 10, 64)
		}
		want, _ := strconv.ParseInt(value, 10, 64)
		same = same && err == nil && have == want
	case "float": // strconv reads no sign before nan
		have, err := strconv.ParseFloat(text, 64)
		if strings.TrimLeft(text, "+-") == "nan" {
			have, err = math.NaN(), nil
		}
		want, _ := strconv.ParseFloat(value, 64)
		same = same && err == nil && (have == want || math.IsNaN(have) && math.IsNaN(want))
	}
	if !same {
		return fmt.Errorf("want %s %q, have %v %q", kind, value, node.Kind, node.Text)
	}
	return nil
}

// TestYAMLSuite compares what is accepted with the values that yaml.v3 decodes.
func TestYAMLSuite(t *testing.T) {
	data, err := os.ReadFile(suite(t, "YAML_TEST_SUITE"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Name, Yaml string }
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	var n tally
	for _, c := range cases {
		var want any
		dec := yaml.NewDecoder(strings.NewReader(c.Yaml))
		err := dec.Decode(&want)
		more := dec.Decode(new(any))
		valid := err == nil && more == io.EOF && isPlain(want) && !refusedYAML(c.Yaml)
		n.check(t, c.Name, YAML, []byte(c.Yaml), valid, yamlJudged, func(node *Node) error {
			if diff := cmp.Diff(want, plain(node)); diff != "" {
				return fmt.Errorf("differs from yaml.v3: %s", diff)
			}
			return nil
		})
	}
	n.report(t, "yaml-test-suite")
}

// isPlain reports whether a value is one that a manifest may have: all keys are strings.
func isPlain(v any) bool {
	switch v := v.(type) {
	case nil, bool, string, int, int64, uint64, float64, time.Time:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool { return !isPlain(item) })
	case map[string]any:
		return !slices.ContainsFunc(slices.Collect(maps.Values(v)), func(item any) bool { return !isPlain(item) })
	}
	return false
}

// refusedYAML reports whether a document has something that this package refuses by
// design: anchors, aliases, tags other than !!str, and merge keys.
func refusedYAML(text string) bool {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(text), &doc) != nil {
		return true
	}
	var refused func(n *yaml.Node) bool
	refused = func(n *yaml.Node) bool {
		return n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 && n.ShortTag() != "!!str" || n.Tag == "!!merge" || slices.ContainsFunc(n.Content, refused)
	}
	return doc.Kind == 0 || refused(&doc)
}

// plain returns a tree as yaml.v3 decodes it.
func plain(n *Node) any {
	switch n.Kind {
	case Map:
		m := map[string]any{}
		for _, f := range n.Fields {
			m[f.Key] = plain(f.Value)
		}
		return m
	case List:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, plain(item))
		}
		return list
	case String:
		return n.Text
	}
	var v any
	if err := yaml.Unmarshal([]byte(n.Text), &v); err != nil {
		return err.Error()
	}
	return v
}

func TestJSONSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(suite(t, "JSON_TEST_SUITE"), "test_parsing", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var n tally
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if name[0] == 'i' { // a parser may accept or refuse it: it must only not panic
			n.run++
			_, _ = Parse("f", data, JSON)
			continue
		}
		n.check(t, name, JSON, data, name[0] == 'y', jsonJudged, nil)
	}
	n.report(t, "JSONTestSuite")
}

package sim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/test/program"
	"pgregory.net/rapid"
)

// history is a project and its store over rounds of edits to the manifest, changes outside
// git, and applies, with the test's own account of both.
type history struct {
	*rapid.T
	dir      string
	prefix   string // of our secrets' names; another client uses another
	emulator *emulator.Embedded
	wanted   map[string]spec
	changed  map[string]outsideChange // since the last apply
	kept     map[string]string        // removed from the manifest but kept: name and value
	foreign  map[string]string
	said     bytes.Buffer
	values   []string
}

// outsideChange is a change to one of our secrets outside git.
type outsideChange struct {
	value   string // "" if the value is unchanged
	deleted bool
	another bool // deleted and created again: no longer ours
}

// spec is a secret of the manifest.
type spec struct {
	value, scope, comment string
	keep                  bool
}

var historyNames = []string{"a", "b", "api-key", "API_KEY", "z"}

// TestHistories checks after every apply of random histories that the store matches the
// manifest, that another client's secrets are unchanged, that another plan is empty, that
// there is no drift, and that no output contained a value.
func TestHistories(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		h := &history{
			T: rt, dir: filepath.Join(base, fmt.Sprint(n)), wanted: map[string]spec{},
			kept: map[string]string{}, foreign: map[string]string{}, prefix: rapid.SampledFrom([]string{"", "p-"}).Draw(rt, "prefix"),
		}
		program.Must(t, os.Mkdir(h.dir, 0o755))
		var later atomic.Int64 // otherwise a secret deleted moments after a write would be read again and again
		e, err := emulator.Listen(t.Context(), "127.0.0.1:0", emulator.Options{
			RateLimit: -1, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) },
		})
		program.Must(t, err)
		defer e.Stop()
		h.emulator = e
		for range 2 {
			h.edit()
			h.apply(t)
			later.Add(int64(2 * time.Minute))
			h.changeOutside()
		}
		h.apply(t)
	})
}

func (h *history) newValue() string {
	v := fmt.Sprintf("canary-%04d-%016x", len(h.values), rapid.Uint64().Draw(h.T, "value"))
	h.values = append(h.values, v)
	return v
}

// edit changes the manifest.
func (h *history) edit() {
	for _, name := range historyNames {
		old, there := h.wanted[name]
		switch rapid.IntRange(0, 3).Draw(h.T, "edit "+name) {
		case 0: // unchanged
		case 1: // remove it
			if !there {
				continue
			}
			delete(h.wanted, name)
			if m := h.changed[name]; !m.deleted && (old.keep || m.another) {
				h.kept[name] = cmp.Or(m.value, old.value)
			}
		default: // set or change it
			s := spec{
				value:   old.value,
				scope:   rapid.SampledFrom([]string{"workers", "dex"}).Draw(h.T, "scope"),
				comment: rapid.SampledFrom([]string{"", "one", "two"}).Draw(h.T, "comment"),
				keep:    rapid.Bool().Draw(h.T, "keep"),
			}
			if !there || rapid.Bool().Draw(h.T, "new value") {
				s.value = h.newValue()
			}
			h.wanted[name] = s
			delete(h.kept, name)
		}
	}
}

// changeOutside changes the store outside git.
func (h *history) changeOutside() {
	store := h.id("/stores", "prod")
	secrets := "/stores/" + store + "/secrets"
	h.changed = map[string]outsideChange{}
	for _, name := range historyNames {
		if _, ours := h.wanted[name]; !ours {
			continue
		}
		switch at := secrets + "/" + h.id(secrets, h.prefix+name); rapid.IntRange(0, 5).Draw(h.T, "change "+name) {
		case 0:
			h.send(http.MethodPatch, at, map[string]any{"value": "stolen"})
			h.changed[name] = outsideChange{value: "stolen"}
		case 1:
			h.send(http.MethodPatch, at, map[string]any{"scopes": []string{"access"}, "comment": "theirs"})
		case 2:
			h.send(http.MethodDelete, at, nil)
			h.changed[name] = outsideChange{deleted: true}
		case 3:
			h.send(http.MethodDelete, at, nil)
			h.send(http.MethodPost, secrets, []any{map[string]any{"name": h.prefix + name, "value": "theirs", "scopes": []string{"dex"}}})
			h.changed[name] = outsideChange{value: "theirs", another: true}
		}
	}
	if rapid.Bool().Draw(h.T, "another client's") {
		name := fmt.Sprintf("foreign-%d", len(h.foreign))
		h.foreign[name] = "value of " + name
		h.send(http.MethodPost, secrets, []any{map[string]any{"name": name, "value": h.foreign[name], "scopes": []string{"workers"}}})
	}
}

// apply writes the manifest, applies it, and checks everything.
func (h *history) apply(t *testing.T) {
	var m strings.Builder
	m.WriteString("version: 1\nstores:\n  prod:\n    adopt: overwrite\n    prefix: \"" + h.prefix + "\"\n    secrets:\n")
	for _, name := range slices.Sorted(maps.Keys(h.wanted)) {
		s := h.wanted[name]
		fmt.Fprintf(&m, "      %s: {from: {file: %s.txt}, scopes: [%s], comment: %q, delete: %v}\n", name, name, s.scope, s.comment, !s.keep)
		program.Must(t, os.WriteFile(filepath.Join(h.dir, name+".txt"), []byte(s.value), 0o600))
	}
	if len(h.wanted) == 0 {
		m.WriteString("      {}\n")
	}
	program.Must(t, os.WriteFile(filepath.Join(h.dir, "secretsync.yaml"), []byte(m.String()), 0o600))
	h.secretsync(t, program.OK, "apply", "--auto-approve")
	h.secretsync(t, program.OK, "apply", "--auto-approve") // records what has become active
	before, err := os.ReadFile(filepath.Join(h.dir, "secretsync.lock"))
	program.Must(t, err)
	h.secretsync(t, program.OK, "plan", "--detailed-exitcode")
	h.secretsync(t, program.OK, "drift")
	h.secretsync(t, program.OK, "apply", "--auto-approve")
	after, err := os.ReadFile(filepath.Join(h.dir, "secretsync.lock"))
	program.Must(t, err)
	if !bytes.Equal(before, after) {
		h.Fatalf("another apply changed the lockfile")
	}
	h.check()
}

func (h *history) check() {
	has := func(name, value string) bool {
		return h.emulator.HasValue(program.Account, "prod", name, []byte(value))
	}
	for name, s := range h.wanted {
		if !has(h.prefix+name, s.value) {
			h.Fatalf("%s has another value than the manifest's", name)
		}
	}
	for name, value := range h.kept {
		if !has(h.prefix+name, value) {
			h.Fatalf("%s is gone or changed, though it left the manifest under delete: false", name)
		}
	}
	for name, value := range h.foreign {
		if !has(name, value) {
			h.Fatalf("%s is another client's, and is gone or changed", name)
		}
	}
	var live []struct{ Name string }
	secrets := "/stores/" + h.id("/stores", "prod") + "/secrets?per_page=100"
	if err := json.Unmarshal(h.send(http.MethodGet, secrets, nil), &live); err != nil {
		h.Fatal(err)
	}
	if want := len(h.wanted) + len(h.kept) + len(h.foreign); len(live) != want {
		h.Fatalf("%d secrets are there, want %d: %v", len(live), want, live)
	}
	for _, v := range h.values {
		if bytes.Contains(h.said.Bytes(), []byte(v)) {
			h.Fatalf("a value was printed")
		}
	}
}

func (h *history) secretsync(t *testing.T, wantCode int, args ...string) {
	args = program.With(append(args, "-f", filepath.Join(h.dir, "secretsync.yaml")), "--log-level=debug", "--wait=0")
	code, out := program.Program{Env: program.Environment(h.emulator.BaseURL())}.Run(t.Context(), args...)
	h.said.WriteString(out)
	if code != wantCode {
		h.Fatalf("%v: exit code %d, want %d\n%s", args, code, wantCode, out)
	}
}

func (h *history) id(list, name string) string {
	id, err := program.FindID(h.emulator.BaseURL(), list, name)
	if err != nil {
		h.Fatal(err)
	}
	return id
}

func (h *history) send(method, path string, body any) json.RawMessage {
	result, err := program.Send(h.emulator.BaseURL(), method, path, body)
	if err != nil {
		h.Fatal(err)
	}
	return result
}

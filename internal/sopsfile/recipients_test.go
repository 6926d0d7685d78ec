package sopsfile_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

func TestRecipientsOf(t *testing.T) {
	id, other := identity(t).Recipient().String(), identity(t).Recipient().String()
	for _, tt := range []struct {
		name, rules string
		age         []string
		err         error
		malformed   bool
	}{
		{name: "one", rules: "creation_rules: [{age: " + id + "}]", age: []string{id}},
		{name: "two", rules: "creation_rules: [{age: '" + id + "," + other + "'}]", age: []string{id, other}},
		{name: "no rule for it", rules: "creation_rules: [{path_regex: other, age: " + id + "}]", err: sopsfile.ErrNoRule},
		{name: "not a recipient", rules: "creation_rules: [{age: age1x}]", malformed: true},
		{name: "nobody", rules: "creation_rules: [{}]", malformed: true},
	} {
		_, dir := project(t, tt.rules)
		got, err := opener(t).RecipientsOf(t.Context(), dir, filepath.Join(dir, "secrets.enc.yaml"))
		if tt.malformed != (err != nil && tt.err == nil) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if filepath.Base(got.Rules) != ".sops.yaml" && !tt.malformed || len(got.Age) != len(tt.age) || got.Others != 0 {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got, err := opener(t).RecipientsOf(t.Context(), "/", "/nowhere-at-all/x.yaml"); err != nil || got.Rules != "" {
		t.Errorf("without a file: %+v, %v", got, err)
	}
}

// TestReplace replaces one value, and leaves the ciphertext of the other as it is.
func TestReplace(t *testing.T) {
	id := identity(t)
	_, dir := project(t, "creation_rules: [{age: "+id.Recipient().String()+"}]")
	sopstest.OnlyKey(t, id.String())
	file := filepath.Join(dir, "s.yaml")
	made, err := opener(t).Create(t.Context(), dir, file, named("a", "one", "b", "two"))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := opener(t).Replace(t.Context(), file, made.Data, named("a", "three", "c", "four"))
	if err != nil || len(changed.Replaced) != 1 || changed.Replaced[0] != "a" || len(changed.Added) != 1 {
		t.Fatalf("%+v, %v", changed, err)
	}
	before, err1 := opener(t).Open(file, made.Data)
	after, err2 := opener(t).Open(file, changed.Data)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a": "three", "b": "two", "c": "four"} {
		if v, err := after.Value(t.Context(), []string{key}); err != nil || string(v.Reveal()) != want {
			t.Errorf("%s is wrong: %v", key, err)
		}
	}
	was, err1 := before.Entry([]string{"b"})
	is, err2 := after.Entry([]string{"b"})
	if err1 != nil || err2 != nil || was.Digest != is.Digest {
		t.Errorf("the other ciphertext changed: %v, %v", err1, err2)
	}
	same, err := opener(t).Replace(t.Context(), file, changed.Data, named("a", "three"))
	if err != nil || len(same.Added)+len(same.Replaced) > 0 || string(same.Data) != string(changed.Data) {
		t.Errorf("the same value: %+v, %v", same, err)
	}
}

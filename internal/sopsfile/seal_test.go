package sopsfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
)

// project creates a folder with these rules in its .sops.yaml, and a folder below.
func project(t *testing.T, rules string) (dir, below string) {
	t.Helper()
	dir = t.TempDir()
	below = filepath.Join(dir, "deploy", "prod")
	err := os.MkdirAll(below, 0o755)
	if rules != "" {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, ".sops.yaml"), []byte(rules), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir, below
}

func TestSeal(t *testing.T) {
	first, second := identity(t), identity(t)
	rules := "creation_rules:\n" +
		"  - path_regex: ^deploy/prod/.*\\.lock$\n    age: " + first.Recipient().String() + "\n    encrypted_regex: ^nothing$\n" +
		"  - path_regex: \\.yaml$\n    key_groups:\n" +
		"      - age: [" + first.Recipient().String() + "]\n      - age: [" + second.Recipient().String() + "]\n    shamir_threshold: 2\n"
	_, dir := project(t, rules)
	value := secret.New([]byte("the key \x00\n"))
	for name, c := range map[string]struct {
		targets    []string
		recipients []string
		key        string
	}{
		"first rule":    {[]string{"x.lock", "x.yaml"}, []string{first.Recipient().String()}, first.String()},
		"second rule":   {[]string{"x.yaml", "x.lock"}, []string{first.Recipient().String(), second.Recipient().String()}, first.String() + "\n" + second.String()},
		"second target": {[]string{"x.toml", "x.yaml"}, []string{first.Recipient().String(), second.Recipient().String()}, first.String() + "\n" + second.String()},
	} {
		sopstest.OnlyKey(t, "") // sealing needs none
		targets := make([]string, len(c.targets))
		for i, target := range c.targets {
			targets[i] = filepath.Join(dir, target)
		}
		doc, recipients, err := opener(t).Seal(t.Context(), value, dir, dir, targets...)
		if err != nil || !slices.Equal(recipients, c.recipients) {
			t.Errorf("%s: for %v, %v; want %v", name, recipients, err, c.recipients)
			continue
		}
		if !bytes.HasPrefix(doc, []byte("{\n\t\"key\": \"ENC[AES256_GCM,")) {
			t.Errorf("%s: the value is not encrypted", name)
		}
		_, err = opener(t).Unseal(t.Context(), doc, "x.lock")
		wantKind(t, err, sopsfile.NoKey)
		wantError(t, err, []string{"x.lock: no available key"}, "the key")
		sopstest.OnlyKey(t, c.key)
		if v, err := opener(t).Unseal(t.Context(), doc, "x.lock"); err != nil || !v.Equal(value) {
			t.Errorf("%s: sealed and unsealed: %v", name, err)
		}
	}
}

// Relative names mean files below the working directory, for SOPS's rules too.
func TestSealRelative(t *testing.T) {
	recipient := newKey(t)
	dir, _ := project(t, "creation_rules:\n  - path_regex: ^deploy/\n    age: "+recipient+"\n")
	t.Chdir(dir)
	if _, _, err := opener(t).Seal(t.Context(), secret.New([]byte("x")), dir, "deploy", "deploy/x.lock"); err != nil {
		t.Error(err)
	}
}

func TestSealWithoutRule(t *testing.T) {
	for name, rules := range map[string]string{
		"no .sops.yaml": "", "no rules": "stores: {json: {indent: 2}}\n", "no rule for it": "creation_rules:\n  - path_regex: ^x$\n    age: " + identity(t).Recipient().String() + "\n",
	} {
		_, dir := project(t, rules)
		if _, _, err := opener(t).Seal(t.Context(), secret.New([]byte("x")), dir, dir, filepath.Join(dir, "a.lock")); !errors.Is(err, sopsfile.ErrNoRule) {
			t.Errorf("%s: %v; want ErrNoRule", name, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	recipient := identity(t).Recipient().String()
	url, connections := listen(t)
	for name, c := range map[string]struct {
		rules, value string
		kind         sopsfile.Kind
		words        []string
	}{
		"Vault":         {"creation_rules: [{hc_vault_transit_uri: \"" + url + "/v1/transit/keys/k\", age: " + recipient + "}]", canary, sopsfile.KeyTypeRefused, []string{"hc_vault"}},
		"no recipients": {"creation_rules: [{path_regex: .}]", canary, sopsfile.Malformed, []string{"names no recipients"}},
		"bad recipient": {"creation_rules: [{age: age1x}]", canary, sopsfile.Malformed, []string{":1:24: not an age recipient"}},
		"bad regex":     {"creation_rules: [{path_regex: \"[\", age: " + recipient + "}]", canary, sopsfile.Malformed, []string{":1:31: path_regex is not"}},
		"bad anchor":    {"x: &a 1\ncreation_rules: [{pgp: [*a], key_groups: *a}]", canary, sopsfile.Malformed, nil},
		"bad YAML":      {"creation_rules: [", canary, sopsfile.Malformed, []string{"YAML syntax error"}},
		"threshold":     {"creation_rules: [{shamir_threshold: 9, key_groups: [{age: [" + recipient + "]}, {age: [" + recipient + "]}]}]", canary, sopsfile.Malformed, nil},
		"many keys":     {"creation_rules: [{age: [" + strings.Repeat(recipient+",", 100) + recipient + "]}]", canary, sopsfile.Malformed, []string{"names 101 keys"}},
		"too large":     {strings.Repeat("#\n", 1<<19) + "# ", canary, sopsfile.Malformed, []string{"larger than 1 MiB"}},
		"empty value":   {"creation_rules: [{age: " + recipient + "}]", "", sopsfile.Empty, []string{"an empty value cannot"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, dir := project(t, c.rules)
			_, _, err := opener(t).Seal(t.Context(), secret.New([]byte(c.value)), dir, dir, filepath.Join(dir, "a.lock"))
			wantError(t, err, append(c.words, ".sops.yaml"), canary)
			wantKind(t, err, c.kind)
			wantTypes(t, err, map[string]string{"Vault": "age,pgp,hc_vault"}[name])
			if c.value == "" {
				return
			}
			for _, static := range []bool{false, true} {
				again := opener(t).CheckSeal(t.Context(), static, dir, dir, filepath.Join(dir, "a.lock"))
				if again == nil || again.Error() != err.Error() {
					t.Errorf("CheckSeal: %v\nSeal: %v", again, err)
				}
			}
		})
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to a server that .sops.yaml named", n)
	}
}

// Checking asks no server and runs no plugin: a pull request may have named them.
func TestCheckSealUsesNothing(t *testing.T) {
	url, connections := listen(t)
	bin, ran := t.TempDir(), filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(filepath.Join(bin, "age-plugin-absent"), []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	const recipient = "age1absent1xqcnyve5x5mrwwpev93xxer9vc8nakw0"
	_, dir := project(t, "creation_rules: [{hc_vault_transit_uri: \""+url+"/v1/transit/keys/k\", age: "+recipient+"}]")
	check := func() error {
		return opener(t, "age", "hc_vault").CheckSeal(t.Context(), false, dir, dir, filepath.Join(dir, "a.lock"))
	}
	if err := check(); err == nil || !strings.Contains(err.Error(), "age-plugin-absent is not installed") {
		t.Errorf("%v", err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := check(); err != nil {
		t.Error(err)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the plugin was run")
	}
}

func TestRecipientsOf(t *testing.T) {
	id, other := identity(t).Recipient().String(), identity(t).Recipient().String()
	for _, tt := range []struct {
		name, rules string
		age, keys   []string
		err         error
		malformed   bool
	}{
		{name: "one", rules: "creation_rules: [{age: " + id + "}]", age: []string{id}, keys: []string{"age " + id}},
		{name: "two", rules: "creation_rules: [{age: '" + id + "," + other + "'}]", age: []string{id, other}, keys: []string{"age " + id, "age " + other}},
		{name: "of a server", rules: "creation_rules: [{age: " + id + ", kms: 'arn:aws:kms:us-east-1:1:key/k'}]",
			age: []string{id}, keys: []string{"age " + id, "kms arn:aws:kms:us-east-1:1:key/k"}},
		{name: "no rule for it", rules: "creation_rules: [{path_regex: other, age: " + id + "}]", err: sopsfile.ErrNoRule},
		{name: "not a recipient", rules: "creation_rules: [{age: age1x}]", malformed: true},
		{name: "no recipient", rules: "creation_rules: [{}]", malformed: true},
	} {
		_, dir := project(t, tt.rules)
		got, err := opener(t, "age", "kms").RecipientsOf(t.Context(), dir, filepath.Join(dir, "secrets.enc.yaml"))
		if tt.malformed != (err != nil && tt.err == nil) || tt.err != nil && !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v", tt.name, err)
		}
		if filepath.Base(got.Rules) != ".sops.yaml" && !tt.malformed || !slices.Equal(got.Age, tt.age) || !slices.Equal(got.Keys, tt.keys) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	if got, err := opener(t).RecipientsOf(t.Context(), "/", "/nowhere-at-all/x.yaml"); err != nil || got.Rules != "" {
		t.Errorf("without a file: %+v, %v", got, err)
	}
}

func TestSealLike(t *testing.T) {
	recipient := newKey(t)
	existing := encrypt(t, "a.yaml", "a: text\n", recipient)
	before := bytes.Clone(existing)
	value := secret.New([]byte("the key"))
	doc, recipients, err := opener(t).SealLike(t.Context(), value, existing, "a.yaml")
	if err != nil || !slices.Equal(recipients, []string{recipient}) {
		t.Fatalf("for %v: %v", recipients, err)
	}
	if v, err := opener(t).Unseal(t.Context(), doc, "x.lock"); err != nil || !v.Equal(value) {
		t.Errorf("sealed and unsealed: %v", err)
	}
	if !bytes.Equal(existing, before) {
		t.Error("the existing file was changed")
	}
	_, _, err = opener(t).SealLike(t.Context(), value, []byte("a: b"), "a.yaml")
	wantKind(t, err, sopsfile.NotSOPS)
	_, _, err = opener(t, "pgp").SealLike(t.Context(), value, existing, "a.yaml")
	wantKind(t, err, sopsfile.KeyTypeRefused)
}

// Mistakes in a sealed key are reported for the file that contains it.
func TestUnsealRefuses(t *testing.T) {
	recipient := newKey(t)
	sealed, _, err := opener(t).SealLike(t.Context(), secret.New([]byte(canary)), encrypt(t, "a.yaml", "a: text\n", recipient), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{
		"nothing": nil, "no JSON": []byte("{" + canary), "not SOPS": []byte(`{"key":"` + canary + `"}`), "cut": sealed[:len(sealed)/2],
		"another document": encrypt(t, "a.json", `{"other":"`+canary+`"}`, recipient), "a number": encrypt(t, "a.json", `{"key":12}`, recipient),
		"changed": replace(t, sealed, `"key": "ENC[AES256_GCM,data:`, `"key": "ENC[AES256_GCM,data:AAAA`),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := opener(t).Unseal(t.Context(), doc, "x.lock")
			wantError(t, err, []string{"x.lock: "}, canary)
			if v.IsSet() || strings.Contains(err.Error(), "x.lock:1") {
				t.Errorf("%v", err)
			}
		})
	}
}

package sopsfile_test

import (
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopstext"
)

// whole opens a document as a binary file.
func whole(t *testing.T, name string, data []byte) *sopsfile.File {
	t.Helper()
	f, err := opener(t).OpenAs(sopstext.Binary, name, data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestWholeDocument(t *testing.T) {
	const plain = `{"type":"service_account","n":12,"ok":true,"keys":[{"b":"` + canary + `"},null],"a":""}`
	const want = "{\n\t\"type\": \"service_account\",\n\t\"n\": 12,\n\t\"ok\": true,\n\t\"keys\": [\n\t\t{\n\t\t\t\"b\": \"" + canary + "\"\n\t\t},\n\t\tnull\n\t],\n\t\"a\": \"\"\n}\n"
	recipient := newKey(t)
	data := encrypt(t, "a.json", plain, recipient)
	for _, name := range []string{"a.json", "key.enc"} {
		f := whole(t, name, data)
		e, err := f.Entry(nil)
		if err != nil || e.Type != "str" || e.Pos.String() != name+":1:1" || len(e.Digest) != len("sha256:")+64 {
			t.Errorf("%+v, %v", e, err)
		}
		if v, err := f.Value(t.Context(), nil); err != nil || string(v.Reveal()) != want {
			t.Errorf("%q, %v", v.Reveal(), err)
		}
		if after, err := f.Entry(nil); err != nil || after.Digest != e.Digest {
			t.Errorf("after decryption: %+v, %v", after, err)
		}
		_, err = f.Entry([]string{"keys"})
		wantError(t, err, []string{name + ":1:1: is taken as a whole because of its format, so the key keys means nothing"}, canary)
	}
	before, _ := whole(t, "a.json", data).Entry(nil)
	again, _ := whole(t, "a.json", replace(t, data, `"lastmodified": "2`, `"lastmodified": "1`)).Entry(nil)
	other, _ := whole(t, "a.json", encrypt(t, "a.json", plain, recipient)).Entry(nil)
	if again.Digest != before.Digest || other.Digest == before.Digest {
		t.Error("the digest is not that of the ciphertexts")
	}
}

func TestWholeDocumentRefuses(t *testing.T) {
	recipient := newKey(t)
	_, err := whole(t, "a.json", encrypt(t, "a.json", `{"id":12345678901234567890,"k":"`+canary+`"}`, recipient)).Value(t.Context(), nil)
	wantError(t, err, []string{"a.json: has a number that is too large for SOPS, which rounds it"}, canary)
	if e, err := whole(t, "a.json", encrypt(t, "a.json", `{"k_unencrypted":"x"}`, recipient)).Entry(nil); err != nil || e.Type != "" {
		t.Errorf("nothing encrypted: %+v, %v", e, err)
	}
	for name, plain := range map[string]string{"a.yaml": "a: x\n", "a.env": "A=x\n", "a.ini": "[s]\na = x\n"} {
		_, err := opener(t).OpenAs(sopstext.Binary, "x", encrypt(t, name, plain, recipient))
		wantError(t, err, []string{"x: is a SOPS file of the format", "not binary"})
	}
}

// For SOPS, the word export is part of the key; for the file's authors it is not.
func TestExport(t *testing.T) {
	recipient := newKey(t)
	data := encrypt(t, "a.env", "export A="+canary+"\nB=both\nexport B=other\n", recipient)
	for path, want := range map[string]string{"A": canary, "export A": canary, "B": "both", "export B": "other"} {
		if got, err := read(t, "a.env", data, path); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	f := open(t, "a.env", data)
	if e, err := f.Entry([]string{"A"}); err != nil || e.Pos.String() != "a.env:1:10" {
		t.Errorf("%+v, %v", e, err)
	}
	_, err := f.Entry([]string{"MISSING"})
	wantError(t, err, []string{"has no MISSING", `known: "A", "B"`}, canary, "not shown")
	_, err = f.Entry(nil)
	wantError(t, err, []string{"it has A, B, B"}, canary, "more")
	yaml := encrypt(t, "a.yaml", "export A: x\n", recipient)
	if _, err := open(t, "a.yaml", yaml).Entry([]string{"A"}); err == nil || !strings.Contains(err.Error(), "has no A") {
		t.Errorf("in YAML: %v", err)
	}
}

package licences

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// mit is a licence text as a module would have it.
func mit(t *testing.T) []byte {
	t.Helper()
	packages := program(t)
	for _, p := range packages {
		if p.Module.Path != "github.com/expr-lang/expr" {
			continue
		}
		texts, err := p.Module.Texts(p.Module.Dir)
		if err != nil || len(texts) == 0 {
			t.Fatalf("%v, %v", texts, err)
		}
		return texts[0].Content
	}
	t.Fatal("the module is not in the program")
	return nil
}

func program(t *testing.T) []Package {
	t.Helper()
	packages, err := Packages(t.Context(), "../..", "./cmd/secretsync", "disable_grpc_modules", []string{runtime.GOOS + "/" + runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// TestProgram: every module in the program has a licence that is accepted, and the texts of all
// are in the bundle.
func TestProgram(t *testing.T) {
	var out bytes.Buffer
	if err := Bundle(&out, program(t)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"github.com/getsops/sops/v3 v3.", "Licence: MPL-2.0\nSource: https://pkg.go.dev/github.com/getsops/sops/v3@v3.", "Mozilla Public License",
		"filippo.io/age v1.", "Licence: BSD-3-Clause", "--- PATENTS", "--- NOTICE",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the bundle lacks %q", want)
		}
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "github.com/google/licensecheck ") || strings.HasPrefix(line, "github.com/secretsync/secretsync ") {
			t.Errorf("the bundle has %s", line)
		}
	}
}

// TestBundle: a licence in a package's own folder counts too. A missing licence, or one that is not
// accepted, is an error that names the module.
func TestBundle(t *testing.T) {
	text := mit(t)
	other := []byte("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007\n\nSPDX-License-Identifier: AGPL-3.0\n")
	for _, tt := range []struct {
		name  string
		files map[string][]byte
		want  string // in the bundle
		err   string
	}{
		{"at the top", map[string][]byte{"LICENSE": text}, "Licence: MIT\n", ""},
		{"beside a package", map[string][]byte{"LICENSE.md": text, "third/Copying": text}, "--- third/Copying\n", ""},
		{"none", map[string][]byte{"README": text}, "", "example.com/m@v1.0.0 has no licence that is recognised"},
		{"not a licence", map[string][]byte{"LICENSE": []byte("Ask us.\n")}, "", "example.com/m@v1.0.0 has no licence that is recognised"},
		{"not accepted", map[string][]byte{"LICENSE": other}, "", "example.com/m@v1.0.0 has"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range tt.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sub := filepath.Join(dir, "third")
			if err := os.MkdirAll(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			m := &Module{Path: "example.com/m", Version: "v1.0.0", Dir: dir}
			err := Bundle(&out, []Package{{ImportPath: "example.com/m", Dir: dir, Module: m}, {ImportPath: "example.com/m/third", Dir: sub, Module: m}})
			if tt.err == "" && (err != nil || !strings.Contains(out.String(), tt.want)) {
				t.Errorf("%v: %s", err, out.String())
			}
			if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || out.Len() > 0) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

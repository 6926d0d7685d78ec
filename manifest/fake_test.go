package manifest

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

// enc is the ciphertext of a plaintext in the fake.
func enc(plain, kind string) string {
	return "ENC[AES256_GCM,data:" + base64.StdEncoding.EncodeToString([]byte(plain)) + ",type:" + kind + "]"
}

// fakeSOPS reads YAML and JSON files in which enc marks encrypted values.
type fakeSOPS struct {
	fail    error                                        // of Value
	decrypt func(ctx context.Context, name string) error // of the first Value of a file; may be nil

	mu    sync.Mutex
	opens map[string]int
	reads int
}

func (s *fakeSOPS) Open(name, _ string, data []byte) (SOPSFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opens == nil {
		s.opens = map[string]int{}
	}
	s.opens[filepath.Base(name)]++
	f, _ := syntax.FormatOf(name)
	root, mistakes := syntax.Parse(name, data, f)
	if len(mistakes) > 0 {
		return nil, ErrorList(mistakes)
	}
	return &fakeFile{sops: s, name: filepath.Base(name), root: root}, nil
}

type fakeFile struct {
	sops *fakeSOPS
	name string
	root *syntax.Node
	open bool // decrypted
}

var encForm = regexp.MustCompile(`^ENC\[AES256_GCM,data:(.*),type:(\w+)\]$`)

func (f *fakeFile) node(path []string) (n *syntax.Node, inList bool) {
	n = f.root
	for _, part := range path {
		if i, err := strconv.Atoi(part); n.Kind == syntax.List && err == nil && i < len(n.Items) {
			n, inList = n.Items[i], true
		} else if n = n.Get(part); n == nil {
			return nil, false
		}
	}
	return n, inList
}

func (f *fakeFile) Entry(path []string) (SOPSEntry, error) {
	n, inList := f.node(path)
	if n == nil || n.Kind == syntax.Map {
		return SOPSEntry{}, &Error{Pos: f.root.Pos, What: "no such key"}
	}
	e := SOPSEntry{Pos: n.Pos, InList: inList}
	if m := encForm.FindStringSubmatch(n.Text); m != nil {
		e.Type, e.Digest = m[2], "sha256:of "+m[1]
	}
	return e, nil
}

func (f *fakeFile) Value(ctx context.Context, path []string) (Value, error) {
	f.sops.mu.Lock()
	f.sops.reads++
	f.sops.mu.Unlock()
	if f.sops.fail != nil {
		return Value{}, f.sops.fail
	}
	if f.sops.decrypt != nil && !f.open {
		if err := f.sops.decrypt(ctx, f.name); err != nil {
			return Value{}, err
		}
	}
	f.open = true
	if ctx.Err() != nil {
		return Value{}, ctx.Err()
	}
	n, _ := f.node(path)
	m := encForm.FindStringSubmatch(n.Text)
	if m == nil {
		return Value{}, syntax.Errorf(n.Pos, "", "the file is damaged")
	}
	plain, err := base64.StdEncoding.DecodeString(m[1])
	return secret.New(plain), err
}

// write creates files in a new folder that is its own repository.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// one is a manifest with one secret.
func one(body string) string {
	return "version: 1\nstores:\n  s:\n    secrets:\n      k: {" + body + "}\n"
}

func noEnv(string) (string, bool) { return "", false }

func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// load loads dir/secretsync.yaml.
func load(t *testing.T, dir string, o Options) (*Manifest, error) {
	t.Helper()
	if o.File == "" {
		o.File = filepath.Join(dir, "secretsync.yaml")
	}
	if o.LookupEnv == nil {
		o.LookupEnv = noEnv
	}
	if o.SOPS == nil {
		o.SOPS = &fakeSOPS{}
	}
	return Load(t.Context(), o)
}

func mustLoad(t *testing.T, dir string, o Options) *Manifest {
	t.Helper()
	m, err := load(t, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// resolveOne returns the value of a manifest's only secret.
func resolveOne(t *testing.T, dir string, o Options) (string, error) {
	t.Helper()
	m, err := load(t, dir, o)
	if err != nil {
		return "", err
	}
	values, err := m.Resolve(t.Context())
	if err != nil {
		return "", err
	}
	if len(values) != 1 {
		t.Fatalf("%d values; want 1", len(values))
	}
	for r := range maps.Values(values) {
		return string(r.Value.Reveal()), nil
	}
	return "", errors.New("unreachable")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v\nwant %q in it", err, part)
		}
	}
}

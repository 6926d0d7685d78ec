package sopsfile_test

import (
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/cmd/sops/common"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
	"github.com/secretsync/secretsync/internal/syntax"
)

// newKey generates an age key, the only available one, and returns its recipient.
func newKey(t *testing.T) (recipient string) {
	t.Helper()
	id := identity(t)
	sopstest.OnlyKey(t, id.String())
	return id.Recipient().String()
}

func identity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// encrypt does what `sops encrypt` does. The file's name decides the format; edit sets other
// metadata than one group with one key.
func encrypt(t testing.TB, name, plain, recipient string, edit ...func(*sops.Metadata)) []byte {
	t.Helper()
	store := common.DefaultStoreForPath(config.NewStoresConfig(), name)
	branches, err := store.LoadPlainFile([]byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	tree := sops.Tree{Branches: branches, Metadata: sops.Metadata{Version: "3.13.3", KeyGroups: []sops.KeyGroup{group(t, recipient)}}}
	for _, e := range edit {
		e(&tree.Metadata)
	}
	if m := &tree.Metadata; m.EncryptedRegex+m.UnencryptedRegex+m.EncryptedSuffix+m.UnencryptedCommentRegex+m.EncryptedCommentRegex == "" {
		m.UnencryptedSuffix = sops.DefaultUnencryptedSuffix
	}
	dataKey, errs := tree.GenerateDataKeyWithKeyServices([]keyservice.KeyServiceClient{keyservice.NewLocalClient()})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return emit(t, store, &tree, dataKey, aes.NewCipher())
}

func group(t testing.TB, recipients ...string) (g sops.KeyGroup) {
	t.Helper()
	for _, r := range recipients {
		k, err := sopsage.MasterKeyFromRecipient(r)
		if err != nil {
			t.Fatal(err)
		}
		g = append(g, k)
	}
	return g
}

func emit(t testing.TB, store sops.EncryptedFileEmitter, tree *sops.Tree, dataKey []byte, cipher sops.Cipher) []byte {
	t.Helper()
	err := common.EncryptTree(common.EncryptTreeOpts{DataKey: dataKey, Tree: tree, Cipher: cipher})
	if err != nil {
		t.Fatal(err)
	}
	data, err := store.EmitEncryptedFile(*tree)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// edit does what `sops edit` does: it decrypts, changes and encrypts again under
// the same data key.
func edit(t *testing.T, name string, data []byte, change func(sops.TreeBranch) sops.TreeBranch) []byte {
	t.Helper()
	store := common.DefaultStoreForPath(config.NewStoresConfig(), name)
	tree, err := store.LoadEncryptedFile(data)
	if err != nil {
		t.Fatal(err)
	}
	cipher := aes.NewCipher()
	dataKey, err := common.DecryptTree(common.DecryptTreeOpts{
		Tree: &tree, KeyServices: []keyservice.KeyServiceClient{keyservice.NewLocalClient()}, Cipher: cipher,
	})
	if err != nil {
		t.Fatal(err)
	}
	tree.Branches[0] = change(tree.Branches[0])
	return emit(t, store, &tree, dataKey, cipher)
}

func opener(t *testing.T, keyTypes ...string) *sopsfile.Opener {
	t.Helper()
	o, err := sopsfile.New(sopsfile.Options{KeyTypes: keyTypes})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func open(t *testing.T, name string, data []byte) *sopsfile.File {
	t.Helper()
	f, err := opener(t).Open(name, data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// read opens a file and decrypts one value: "a.b.c", or "" for the whole file.
func read(t *testing.T, name string, data []byte, path string) (string, error) {
	t.Helper()
	f, err := opener(t).Open(name, data)
	if err != nil {
		return "", err
	}
	v, err := f.Value(t.Context(), keys(path))
	return string(v.Reveal()), err
}

func keys(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// wantError checks that an error is one of ours, contains all the words, and shows no part of the
// secrets.
func wantError(t *testing.T, err error, words []string, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	var one *syntax.Error
	var list syntax.ErrorList
	if !errors.As(err, &one) && !errors.As(err, &list) {
		t.Errorf("%T is not what manifest shows: %v", err, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q: want %q in it", err, w)
		}
	}
	shows(t, "the error", err.Error(), secrets...)
}

// wantTypes checks which key types would have to be allowed, according to an error.
func wantTypes(t *testing.T, err error, want string) {
	t.Helper()
	var got sopsfile.TypesNotAllowed
	errors.As(err, &got)
	if string(got) != want {
		t.Errorf("%v: the types %q would have to be allowed, want %q", err, got, want)
	}
}

// shows checks that no six characters of a secret are in a text.
func shows(t *testing.T, where, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		for i := 0; i+6 <= len(s); i++ {
			if strings.Contains(text, s[i:i+6]) {
				t.Errorf("%s shows %q", where, s[i:i+6])
				return
			}
		}
	}
}

// replace fails if there is nothing to replace: the test would prove nothing.
func replace(t *testing.T, data []byte, this, by string) []byte {
	t.Helper()
	if n := strings.Count(string(data), this); n != 1 {
		t.Fatalf("%q is there %d times, not once", this, n)
	}
	return []byte(strings.Replace(string(data), this, by, 1))
}

// ciphertext is the text of the encrypted value on the line with this key.
func ciphertext(t *testing.T, data []byte, key string) string {
	t.Helper()
	for line := range strings.Lines(string(data)) {
		if _, text, ok := strings.Cut(line, key); ok && strings.Contains(text, "ENC[") {
			text = text[strings.Index(text, "ENC["):]
			return text[:strings.Index(text, "]")+1]
		}
	}
	t.Fatalf("no ciphertext of %s", key)
	return ""
}

// load parses a file as SOPS does.
func load(t *testing.T, name string, data []byte) sops.Tree {
	t.Helper()
	tree, err := common.DefaultStoreForPath(config.NewStoresConfig(), name).LoadEncryptedFile(data)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// withGroups replaces the keys in a file's metadata, as anybody can.
func withGroups(t *testing.T, name string, data []byte, groups []sops.KeyGroup) []byte {
	t.Helper()
	tree := load(t, name, data)
	tree.Metadata.KeyGroups = groups
	out, err := common.DefaultStoreForPath(config.NewStoresConfig(), name).EmitEncryptedFile(tree)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

package sopsfile

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/syntax"
)

// opened is a file's plaintext, once it was asked for.
type opened struct {
	once sync.Once
	root any
	err  *syntax.Error
}

// Value decrypts a value. The first call decrypts the file and verifies its MAC;
// it ends with ctx, though what SOPS has begun (asking gpg-agent, say) goes on.
func (f *File) Value(ctx context.Context, path []string) (secret.Value, error) {
	e, err := f.Entry(path)
	if err != nil {
		return secret.Value{}, err
	}
	if err := f.checkType(e, path); err != nil {
		return secret.Value{}, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.opened.once.Do(func() { f.opened.root, f.opened.err = f.decrypt() })
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return secret.Value{}, ctx.Err()
	}
	if f.opened.err != nil {
		return secret.Value{}, f.opened.err
	}
	return f.reveal(path)
}

// checkType refuses what SOPS, or YAML before it, didn't keep as it was.
func (f *File) checkType(e Entry, path []string) error {
	switch e.Type {
	case "str", "bytes":
		return nil
	case "":
		return &syntax.Error{Pos: e.Pos, What: shown(path) + " is not encrypted, or empty",
			Hint: "an empty value is no secret; for others see the rules in .sops.yaml, and encrypt again"}
	}
	kinds := map[string]string{"int": "a number", "float": "a number", "bool": "a boolean", "time": "a date"}
	kind := kinds[e.Type]
	if kind == "" {
		kind = "something else than text"
	}
	return &syntax.Error{Pos: e.Pos, What: fmt.Sprintf("%s was encrypted as %s: YAML had altered it before (0123 becomes 83)", shown(path), kind),
		Hint: "put it in quotes with sops edit"}
}

// reveal takes a value out of the decrypted tree.
func (f *File) reveal(path []string) (secret.Value, error) {
	v := f.opened.root
	for _, key := range f.inside(path) {
		v = child(v, key)
	}
	var b []byte
	switch v := v.(type) {
	case string:
		b = []byte(v)
	case []byte:
		b = slices.Clone(v)
	default:
		return secret.Value{}, f.failAt(path, "", "%s is damaged", shown(path))
	}
	if len(b) == 0 {
		return secret.Value{}, f.failAt(path, "", "%s is empty", shown(path))
	}
	return secret.New(b), nil
}

func child(v any, key string) any {
	switch v := v.(type) {
	case sops.TreeBranch:
		for _, item := range v {
			if _, isComment := item.Key.(sops.Comment); !isComment && fmt.Sprint(item.Key) == key {
				return item.Value
			}
		}
	case []any:
		for i, item := range v {
			if fmt.Sprint(i) == key {
				return item
			}
		}
	}
	return nil
}

// decrypt decrypts the whole file, as its MAC covers it all.
func (f *File) decrypt() (root any, failure *syntax.Error) {
	defer func() {
		if recover() != nil {
			root, failure = nil, fail(f.name, "", "is damaged: SOPS cannot decrypt it")
		}
	}()
	tree, err := f.load()
	if err != nil {
		return nil, fail(f.name, "", "is damaged: SOPS cannot read it")
	}
	service := f.opener.keyService()
	key, err := tree.Metadata.GetDataKeyWithKeyServices([]keyservice.KeyServiceClient{service}, decryptionOrder)
	if err != nil {
		return nil, f.noKey(service)
	}
	cipher := aes.NewCipher()
	computed, err := tree.Decrypt(key, cipher)
	if err != nil { // its text may quote plaintext
		return nil, fail(f.name, "restore it from git, or encrypt it again", "is damaged: a ciphertext was altered, or moved to another key")
	}
	m := tree.Metadata
	stored, err := cipher.Decrypt(m.MessageAuthenticationCode, key, m.LastModified.Format(time.RFC3339))
	text, ok := stored.(string)
	if err != nil || !ok || subtle.ConstantTimeCompare([]byte(text), []byte(computed)) != 1 {
		return nil, fail(f.name, "restore it from git, and change it with sops edit",
			"does not match its MAC: it was changed outside sops, or merged by hand")
	}
	return tree.Branches[0], nil
}

// noKey says whom the file is encrypted for, and where keys were looked for. All of
// it is public.
func (f *File) noKey(s *keyService) *syntax.Error {
	if refused := s.refusedTypes(); len(refused) > 0 && len(refused) == s.asked() {
		return fail(f.name, "if you trust the file, allow them with --sops-key-types", "is encrypted for keys of types that are not used unasked: %s",
			strings.Join(refused, ", "))
	}
	var recipients []string
	for _, group := range f.meta.KeyGroups {
		for _, k := range group {
			recipients = append(recipients, k.TypeToIdentifier()+" "+k.ToString())
		}
	}
	return fail(f.name, "keys are looked for in SOPS_AGE_KEY, SOPS_AGE_KEY_FILE, SOPS_AGE_KEY_CMD, SOPS_AGE_SSH_PRIVATE_KEY_FILE, sops/age/keys.txt of your "+
		"configuration folder, and gpg; compare with: age-keygen -y KEYFILE",
		"cannot be decrypted: none of its keys is at hand; it is encrypted for %s", strings.Join(recipients, ", "))
}

package sopsfile

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/cmd/sops/formats"
	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/sopsfile/keygate"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstree"
)

// Value decrypts a value that was a string, or the content of a file. The first
// call decrypts the whole file and verifies its MAC. It ends with ctx, together with the
// programs of keys; a key server that SOPS has asked may go on.
func (f *File) Value(ctx context.Context, path []string) (secret.Value, error) {
	p, err := f.find(path)
	if err != nil {
		return secret.Value{}, err
	}
	if p.Type != "" && p.Type != "str" {
		return secret.Value{}, fail(WrongType, p.Pos, "put it in quotes, and encrypt it again",
			"%s was encrypted as %s, so YAML may have altered it: as a number, 0123 becomes 83",
			shown(path), cmp.Or(typeNames[p.Type], "another type"))
	}
	return f.decryptAt(ctx, p, path)
}

// Scalar is [File.Value] for something that is not a secret, such as a number or a flag in an
// encrypted manifest. It may have any type, and is returned as SOPS writes it (a boolean is True
// or False).
func (f *File) Scalar(ctx context.Context, path []string) (secret.Value, error) {
	p, err := f.find(path)
	if err != nil {
		return secret.Value{}, err
	}
	return f.decryptAt(ctx, p, path)
}

var typeNames = map[string]string{"int": "an integer", "float": "a number", "bool": "a boolean", "time": "a date", "comment": "a comment"}

func (f *File) decryptAt(ctx context.Context, p place, path []string) (secret.Value, error) {
	if p.Type == "" {
		return secret.Value{}, f.notEncrypted(p, path)
	}
	u, err := f.unlockOnce(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	root := u.tree.Branches[0]
	if f.document {
		return f.plainDocument(root)
	}
	var v any = root
	for _, i := range p.route {
		if branch, ok := v.(sops.TreeBranch); ok {
			v = branch[i].Value
		} else {
			v = v.([]any)[i] // the tree has the shape of the one that find went through
		}
	}
	b, err := sops.ToBytes(v) // a copy
	switch {
	case err != nil:
		return secret.Value{}, fail(Damaged, p.Pos, f.restore(), "%s is damaged", shown(path))
	case string(b) == p.text: // a ciphertext where the file's rules say that nothing is encrypted
		return secret.Value{}, f.notEncrypted(p, path)
	case len(b) == 0:
		return secret.Value{}, fail(Empty, p.Pos, "", "%s is empty", shown(path))
	}
	return secret.New(b), nil
}

func (f *File) notEncrypted(p place, path []string) error {
	return fail(NotEncrypted, p.Pos, "encrypt the file with rules that cover this key", "%s is not encrypted", shown(path))
}

// attempt is a decryption that has begun.
type attempt struct {
	ctx   context.Context // ends at the time limit, with the caller that began it, or when it is done
	done  chan struct{}
	clear *unlocked
	err   error
}

var errTooSlow = errors.New("the time limit of a decryption")

// begin returns the attempt to decrypt the file. It begins one if there is none.
func (f *File) begin(ctx context.Context) *attempt {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempt == nil {
		ctx, cancel := context.WithCancelCause(ctx)
		clock := keygate.StartClock(f.opener.time, func() { cancel(errTooSlow) })
		a := &attempt{ctx: ctx, done: make(chan struct{})}
		f.attempt = a
		go func() {
			a.clear, a.err = f.unlock(ctx, clock)
			close(a.done)
			clock.Stop()
			cancel(nil)
		}()
	}
	return f.attempt
}

// forget makes the next call begin again.
func (f *File) forget(a *attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.attempt == a {
		f.attempt = nil
	}
}

// unlockOnce unlocks the file when it is first called. Callers share the result.
func (f *File) unlockOnce(ctx context.Context) (*unlocked, error) {
	for ctx.Err() == nil {
		a := f.begin(ctx)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.done:
		case <-a.ctx.Done():
		}
		switch {
		case errors.Is(context.Cause(a.ctx), errTooSlow): // SOPS itself may go on
			return nil, f.tooSlow()
		case a.finished() && !errors.Is(a.err, context.Canceled) && !errors.Is(a.err, context.DeadlineExceeded):
			return a.clear, a.err
		}
		f.forget(a) // the caller that began it was interrupted
	}
	return nil, ctx.Err()
}

func (a *attempt) finished() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// unlocked is a decrypted file, with what it takes to encrypt it again.
type unlocked struct {
	tree   sops.Tree
	key    []byte
	cipher *watched // it remembers ciphertexts, so that they stay as they are
}

// unlock decrypts a copy of the tree, since SOPS does so in place.
func (f *File) unlock(ctx context.Context, c *keygate.Clock) (u *unlocked, err error) {
	defer rescue(f, &err)
	tree := f.tree
	tree.Branches = sops.TreeBranches{sopstree.Copy(f.tree.Branches[0]).(sops.TreeBranch)}
	key, err := f.dataKey(ctx, tree.Metadata, c)
	if err != nil {
		return nil, err
	}
	return f.unlockWith(tree, key)
}

// dataKey decrypts the key that the values of the file are encrypted with.
func (f *File) dataKey(ctx context.Context, m sops.Metadata, c *keygate.Clock) ([]byte, error) {
	failed := &keygate.Failures{}
	key, err := m.GetDataKeyWithKeyServices(f.opener.gate.Service(ctx, c, failed), keygate.Local())
	switch {
	case err == nil:
		return key, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(failed.Refused) > 0:
		return nil, f.refusedKeys(failed)
	}
	return nil, f.noKey(failed) // SOPS doesn't say whether a key was wrong or none was there
}

// unlockWith decrypts a tree in place with the data key, and verifies its MAC.
func (f *File) unlockWith(tree sops.Tree, key []byte) (*unlocked, error) {
	u := &unlocked{tree, key, &watched{Cipher: aes.NewCipher()}}
	computed, err := u.tree.Decrypt(key, u.cipher)
	if err != nil {
		return nil, f.damaged(u.cipher)
	}
	m := tree.Metadata
	stored, err := u.cipher.Decrypt(m.MessageAuthenticationCode, key, m.LastModified.Format(time.RFC3339))
	if mac, ok := stored.(string); err != nil || !ok || subtle.ConstantTimeCompare([]byte(mac), []byte(computed)) != 1 {
		return nil, fail(BadMAC, f.whole(), f.restore(), "does not match its MAC: it was changed outside sops, or merged by hand")
	}
	return u, nil
}

// watched remembers the text that could not be decrypted, because SOPS's error doesn't name it.
type watched struct {
	aes.Cipher
	text, bound string // bound is the path as SOPS binds it to a ciphertext: "a:b:"
}

// Decrypt implements sops.Cipher.
func (w *watched) Decrypt(text string, key []byte, bound string) (any, error) {
	v, err := w.Cipher.Decrypt(text, key, bound)
	if err != nil {
		w.text, w.bound = text, bound
	}
	return v, err
}

// damaged says which value cannot be decrypted.
func (f *File) damaged(w *watched) error {
	path := locate(f.tree.Branches[0], nil, "", w)
	switch {
	case path == nil:
		return fail(Damaged, f.whole(), f.restore(), "is damaged: something in it is not as sops writes it")
	case !strings.HasPrefix(w.text, "ENC["):
		return fail(NotEncrypted, f.position(path),
			"if it is a secret, it is in git's history now: replace it, and set it with "+f.command("edit"),
			"%s is not encrypted, though the file's rules say so", shown(path))
	}
	if f.format == formats.Dotenv && strings.HasPrefix(path[0], charset.BOM) {
		return fail(Damaged, f.position(path), saveUnmarked,
			"a byte order mark, which SOPS takes for a part of the key %s", shown([]string{strings.TrimPrefix(path[0], charset.BOM)}))
	}
	return fail(Damaged, f.position(path), f.restore(), "the ciphertext of %s was altered, or copied from another key or file", shown(path))
}

// locate finds the path of the value that w remembers. Places in lists are not
// bound (docs/sops.md §10).
func locate(v any, path []string, bound string, w *watched) []string {
	if v == w.text && bound == w.bound {
		return path
	}
	_, list := v.([]any)
	for _, c := range sopstree.Children(v) {
		below := bound
		if !list {
			below += c.Key + ":"
		}
		if found := locate(c.Value, append(path[:len(path):len(path)], c.Key), below, w); found != nil {
			return found
		}
	}
	return nil
}

package sopsfile

import (
	"context"
	"errors"
	"time"

	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/pgp"
	"github.com/secretsync/secretsync/internal/subprocess"
)

// Anyone who knows a public key can write a file for it. So what a file makes SOPS and the
// programs of keys do is bounded. SOPS itself has no limits.
const (
	// decryptTime limits the decryption of a file. A person may have to enter a passphrase,
	// or touch a device.
	decryptTime = 2 * time.Minute
	// maxWrapped is the largest encrypted data key, in bytes. The largest known are those for
	// post-quantum recipients, with 3 KiB.
	maxWrapped = 16 << 10
	// maxDataKey is the largest data key, in bytes. SOPS's have 32, and a share of one has 33.
	maxDataKey = 64
	// maxPattern is the longest regular expression of the metadata, in bytes: SOPS compiles it
	// again for each value.
	maxPattern = 1 << 10
	// maxLines is how many lines a dotenv or INI file may have: the time that SOPS takes to
	// read one grows with their square.
	maxLines = 20_000
)

// refusal is what is wrong with an encrypted data key that is not used.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	tooLargeWrapped refusal = "is larger than 16 KiB"
	tooLargeKey     refusal = "holds more than a data key"
)

// unwrap decrypts a data key, with bounds.
func (g gate) unwrap(ctx context.Context, r *keyservice.DecryptRequest) (*keyservice.DecryptResponse, error) {
	if len(r.GetCiphertext()) > maxWrapped {
		return nil, tooLargeWrapped
	}
	answer := &keyservice.DecryptResponse{}
	var err error
	switch typeOf(r.GetKey()) {
	case "pgp":
		answer.Plaintext, err = decryptPGP(ctx, string(r.GetCiphertext()))
	case "age":
		answer.Plaintext, err = g.decryptAge(ctx, r)
	default:
		answer, err = g.Server.Decrypt(ctx, r)
	}
	switch {
	case err != nil:
		return nil, err
	case len(answer.Plaintext) > maxDataKey:
		return nil, tooLargeKey
	}
	return answer, nil
}

// wrap encrypts a data key, for as long as decryptTime. SOPS and a server that does not answer go on.
func (g gate) wrap(ctx context.Context, r *keyservice.EncryptRequest) (*keyservice.EncryptResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, decryptTime)
	defer cancel() // not in the goroutine: its result must not compete with the end of ctx
	type result struct {
		answer *keyservice.EncryptResponse
		err    error
	}
	done := make(chan result, 1)
	go func() {
		res := result{err: errRefused}
		defer func() {
			_ = recover() // what SOPS says may quote the data key
			done <- res
		}()
		if k := r.GetKey().GetPgpKey(); k != nil {
			key := pgp.NewMasterKeyFromFingerprint(k.Fingerprint)
			res.err = key.EncryptContext(ctx, r.GetPlaintext()) // kills gpg
			res.answer = &keyservice.EncryptResponse{Ciphertext: key.EncryptedDataKey()}
			return
		}
		res.answer, res.err = g.Server.Encrypt(ctx, r)
	}()
	select {
	case res := <-done:
		return res.answer, res.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// limited turns an error of a program into a refusal, if the program reached a limit.
func limited(err error) error {
	if errors.Is(err, subprocess.ErrOutput) {
		return tooLargeKey
	}
	return err
}

// refusedKeys is the error for a file that cannot be decrypted and has keys that were refused.
func (f *File) refusedKeys(failed *failures) error {
	e := &Error{Kind: Damaged}
	for _, what := range failed.refused {
		e.Mistakes.Add(f.whole(), "sops writes no such key: "+f.restore(), "is damaged: %s", what)
	}
	e.Mistakes.Tag("sops", 0)
	return e
}

// tooSlow is the error for a file whose decryption reached the time limit.
func (f *File) tooSlow() error {
	hint := "gpg, the command in SOPS_AGE_KEY_CMD or a key server does not answer"
	if !f.part {
		hint += "; see whether " + f.command("decrypt") + " works"
	}
	return fail(NoKey, f.whole(), hint, "decrypting it took longer than %v", f.opener.time)
}

// checkPatterns refuses metadata that SOPS would spend hours on.
func (f *File) checkPatterns(patterns ...string) error {
	for _, p := range patterns {
		if len(p) > maxPattern {
			return fail(Malformed, f.whole(), "", "has a regular expression of more than 1 KiB in its metadata")
		}
	}
	return nil
}
